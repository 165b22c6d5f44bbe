"""Levels against each other: children inside their parent, parents covered, upper areas dissolved from the finest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from etl.findings import Finding
from etl.topology import crossings, filled_parents, is_sliver, parent_by_ground, uncovered, widths
from gis.areas import DeliveredLayer
from gis.place import Level, Place

__all__ = ["check_nesting", "dissolved", "is_compact"]


def _at(shape: Any) -> Mapping[str, float]:
    point = shapely.point_on_surface(shape)
    return {"x": float(shapely.get_x(point)), "y": float(shapely.get_y(point))}


def is_compact(area_m2: float, width_m: float) -> bool:
    """Whether a piece is shaped as an area may be, and not a strip: its width squared is a tenth of its area or more.

    >>> is_compact(10_000.0, 100.0), is_compact(150_000.0, 24.0)
    (True, False)
    """
    return width_m**2 >= 0.1 * area_m2


def check_nesting(
    layer: DeliveredLayer, parent: DeliveredLayer, level: Level, place: Place, accuracy: float
) -> Iterator[Finding]:
    """Children whose parent is not delivered, who leave it, and ground of a parent that no child covers."""
    place_of = {code: i for i, code in enumerate(parent.codes)}
    index = np.array([place_of.get(code, -1) for code in layer.parents], dtype=np.int64)
    orphans = np.flatnonzero(index < 0)
    best = parent_by_ground(layer.geometry[orphans], parent.geometry)
    for i, j in zip(orphans.tolist(), best.tolist(), strict=True):
        lies = f"; its ground lies in {parent.codes[j]}" if j >= 0 else ""
        text = f"{layer.codes[i]} names the parent {layer.parents[i]!r}, which is not delivered{lies}."
        yield Finding("parent", "error", level.name, layer.codes[i], text, **_at(layer.geometry[i]))
    yield from _crossings(layer, parent, index, level, (place.truth, accuracy))
    empty = np.setdiff1d(np.arange(len(parent)), index[index >= 0])
    for i in empty[parent.has_children[empty]].tolist():
        text = f"{parent.codes[i]} has no {level.name} inside; wanted some, or its code in the layer's no_children."
        yield Finding("childless", "error", level.name, parent.codes[i], text, **_at(parent.geometry[i]))
    yield from _uncovered(layer, parent, index, level, (place, accuracy))


def _crossings(
    layer: DeliveredLayer, parent: DeliveredLayer, index: Any, level: Level, how: tuple[str, float]
) -> Iterator[Finding]:
    truth, accuracy = how
    found = crossings(layer.geometry, index, parent.geometry)
    wide = widths(np.array([c.polygon for c in found], dtype=object)) if found else np.zeros(0)
    for c, width in zip(found, wide.tolist(), strict=True):
        own, code = parent.codes[index[c.child]], layer.codes[c.child]
        into = f", in {', '.join(parent.codes[o] for o in c.others)}" if c.others else ""
        text = (
            f"{code} lies {c.area_m2:,.2f} m² outside its parent {own}{into}, up to {width:,.2f} m wide; "
            "wanted it wholly inside."
        )
        severity = "error"
        if truth == "lowest" and c.area_m2 < 0.5 * shapely.area(layer.geometry[c.child]):
            # mostly outside its parent it is not a line drawn otherwise but a wrong parent
            severity = "note" if is_sliver(c.area_m2, width, accuracy) else "warning"
            text += f" The {level.name}'s line counts: {own} is dissolved from what names it."
        yield Finding(
            "nesting", severity, level.name, code, text,  # type: ignore[arg-type]
            **_at(c.polygon), shape=c.polygon, area_m2=c.area_m2, width_m=width,
        )  # fmt: skip


def _uncovered(
    layer: DeliveredLayer, parent: DeliveredLayer, index: Any, level: Level, how: tuple[Place, float]
) -> Iterator[Finding]:
    """Ground that no child at all covers; what another parent's child covers is a crossing and told as one."""
    place, accuracy = how
    pieces = uncovered(layer.geometry, index, parent.geometry)
    if not pieces:
        return
    tree = shapely.STRtree(layer.geometry)
    for u in pieces:
        near = tree.query(u.polygon, predicate="intersects")
        rest = shapely.difference(u.polygon, shapely.union_all(layer.geometry[near])) if len(near) else u.polygon
        area = float(shapely.area(rest))
        if area <= 0.01 * u.area_m2 or shapely.is_empty(rest):
            continue
        width = float(widths(np.array([rest], dtype=object))[0])
        yield _leaves(parent.codes[u.parent], rest, (area, width), level, (place, accuracy))


def _leaves(code: str, rest: Any, size: tuple[float, float], level: Level, how: tuple[Place, float]) -> Finding:
    place, accuracy = how
    area, width = size
    text = f"{code} leaves {area:,.2f} m² without a {level.name}, up to {width:,.2f} m wide; wanted none."
    severity = "error" if level.coverage else "warning"
    if is_sliver(area, width, accuracy):
        severity = "warning"
        text += f" It is narrower than the lines are known; --snap {max(0.001, round(1.25 * width, 3))} may close it."
    elif area >= place.levels[-1].area_min and is_compact(area, width):
        severity = "warning"
        text += " It is as large as an area: accept it with the reason, or deliver it."
    return Finding(
        "gap", severity, level.name, code, text, **_at(rest), shape=rest, area_m2=area, width_m=width,  # type: ignore[arg-type]
    )  # fmt: skip


def dissolved(
    layers: Sequence[DeliveredLayer], place: Place, sound: Mapping[str, DeliveredLayer]
) -> tuple[list[DeliveredLayer], list[Finding]]:
    """The levels with every upper area dissolved from its children where the two are not the same ground already."""
    out = list(layers)
    findings: list[Finding] = []
    for k in range(len(out) - 2, -1, -1):
        upper, lower = out[k], out[k + 1]
        nested = place.level(lower.level).parent == upper.level and {upper.level, lower.level} <= set(sound)
        if nested and place.level(lower.level).coverage:
            out[k], said = _dissolve(upper, lower)
            findings += said
    return out, findings


def _dissolve(upper: DeliveredLayer, lower: DeliveredLayer) -> tuple[DeliveredLayer, list[Finding]]:
    place_of = {code: i for i, code in enumerate(upper.codes)}
    index = np.array([place_of.get(code, -1) for code in lower.parents], dtype=np.int64)
    filled = filled_parents(lower.geometry, index, upper.geometry)
    geometry = upper.geometry.copy()
    findings: list[Finding] = []
    for i in sorted(set(index[index >= 0].tolist()) - filled):
        children = lower.geometry[index == i]
        if not _differs(upper.geometry[i], children):
            continue
        ground = shapely.union_all(children)
        change = shapely.symmetric_difference(ground, upper.geometry[i])
        geometry[i] = ground if ground.geom_type == "MultiPolygon" else shapely.multipolygons([ground])
        area, code = float(shapely.area(change)), upper.codes[i]
        text = f"{code} is dissolved from its {lower.level} areas, {area:,.2f} m² other than the line delivered for it."
        where = _at(change) if area > 0 else _at(ground)
        findings.append(Finding("dissolved", "note", upper.level, code, text, **where, shape=change, area_m2=area))
    if not findings:
        return upper, []
    original = upper.geometry if upper.delivered is None else upper.delivered
    return replace(upper, geometry=geometry, delivered=original), findings


def _differs(parent: Any, children: Any) -> bool:
    """Whether the children's ground is another than the parent's: the sum of areas first, then the exact predicate."""
    if abs(float(shapely.area(parent)) - float(shapely.area(children).sum())) > 1e-3:
        return True
    shapely.prepare(parent)
    return not bool(shapely.covers(parent, children).all())
