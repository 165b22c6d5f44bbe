"""Findings about a delivery: all at once, each with its layer, its row and a place on the ground."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import shapely

from gis.areas import DeliveredLayer
from gis.place import Level, Place

__all__ = ["Finding", "check_layers"]

Severity = Literal["error", "warning", "note"]
_SHOWN: Final = 20  #: findings of one kind and level listed one by one; the rest as one line with their number


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: `kind` is the word for --accept, x, y (working CRS, metres) where it is, NaN when nowhere."""

    kind: str
    severity: Severity
    level: str
    code: str
    text: str
    x: float = float("nan")
    y: float = float("nan")


def check_layers(layers: Sequence[DeliveredLayer], place: Place) -> list[Finding]:
    """Check each level by itself and the levels against each other.

    Ground is compared only between levels whose every polygon is valid: with an invalid one the answer means nothing.
    """
    findings: list[Finding] = []
    sound: dict[str, DeliveredLayer] = {}
    for layer in layers:  # coarsest first, so a parent has been looked at before its children
        level = place.level(layer.level)
        findings += _shortened(_codes(layer, level))
        shapes = _shortened(_geometries(layer, level))
        findings += shapes
        if any(f.kind == "invalid" for f in shapes):
            continue
        sound[layer.level] = layer
        findings += _shortened(_coverage(layer))
        if level.parent in sound:
            findings += _shortened(_nesting(layer, sound[level.parent], level))
    return findings


def _shortened(found: Iterator[Finding]) -> list[Finding]:
    out: list[Finding] = []
    seen: dict[str, int] = {}
    last: dict[str, Finding] = {}
    for finding in found:
        seen[finding.kind] = seen.get(finding.kind, 0) + 1
        last[finding.kind] = finding
        if seen[finding.kind] <= _SHOWN:
            out.append(finding)
    for kind, n in seen.items():
        if n > _SHOWN:
            f = last[kind]
            out.append(Finding(kind, f.severity, f.level, "", f"… and {n - _SHOWN} more of this kind, {n} in all."))
    return out


def _at(layer: DeliveredLayer, i: int) -> Mapping[str, float]:
    point = shapely.point_on_surface(shapely.make_valid(layer.geometry[i]))
    return {"x": float(shapely.get_x(point)), "y": float(shapely.get_y(point))}


def _codes(layer: DeliveredLayer, level: Level) -> Iterator[Finding]:
    pattern = re.compile(level.code_pattern)
    first: dict[str, int] = {}
    for i, code in enumerate(layer.codes):
        if not pattern.fullmatch(code):
            text = f"row {i + 1}: the code is {code!r}; wanted {level.code_pattern} for a {level.name}."
            yield Finding("code", "error", level.name, code, text, **_at(layer, i))
        if code in first:
            text = f"row {i + 1}: code {code} is row {first[code] + 1}'s already; wanted one area per code."
            yield Finding("duplicate-code", "error", level.name, code, text, **_at(layer, i))
        first.setdefault(code, i)
        if level.prefix and code[: level.prefix] != layer.parents[i]:
            text = f"{code} begins with {code[: level.prefix]}, its parent is {layer.parents[i]}; wanted the same."
            yield Finding("prefix", "warning", level.name, code, text, **_at(layer, i))
        if not layer.names[i] and level.parent is None:
            yield Finding("name", "error", level.name, code, f"{code} has no name.", **_at(layer, i))


def _geometries(layer: DeliveredLayer, level: Level) -> Iterator[Finding]:
    reasons = shapely.is_valid_reason(layer.geometry)
    areas = shapely.area(layer.geometry)
    for i, code in enumerate(layer.codes):
        if reasons[i] != "Valid Geometry":
            text = f"{code} is no valid polygon: {reasons[i]}. Repair it in the survey's GIS and deliver it again."
            yield Finding("invalid", "error", level.name, code, text, **_at(layer, i))
        elif not level.area_min <= areas[i] <= level.area_max:
            text = f"{code} measures {areas[i]:,.0f} m²; usual are {level.area_min:,.0f} to {level.area_max:,.0f} m²."
            yield Finding("size", "note", level.name, code, text, **_at(layer, i))


def _coverage(layer: DeliveredLayer) -> Iterator[Finding]:
    """Overlaps and slits: edges of a polygon that are not exactly its neighbour's."""
    edges = shapely.coverage_invalid_edges(layer.geometry)
    for i in np.flatnonzero(~shapely.is_empty(edges)).tolist():
        point = shapely.line_interpolate_point(shapely.get_geometry(edges[i], 0), 0.5, normalized=True)
        text = (
            f"{layer.codes[i]}: {shapely.length(edges[i]):,.2f} m of its line overlap or miss its neighbours'; "
            "wanted shared borders with the same vertices."
        )
        at = {"x": float(shapely.get_x(point)), "y": float(shapely.get_y(point))}
        yield Finding("coverage", "error", layer.level, layer.codes[i], text, **at)


def _nesting(layer: DeliveredLayer, parent: DeliveredLayer, level: Level) -> Iterator[Finding]:
    place = {code: i for i, code in enumerate(parent.codes)}
    index = np.array([place.get(code, -1) for code in layer.parents], dtype=np.int64)
    for i in np.flatnonzero(index < 0).tolist():
        text = f"{layer.codes[i]} names the parent {layer.parents[i]!r}, which is not delivered."
        yield Finding("parent", "error", level.name, layer.codes[i], text, **_at(layer, i))
    inside = np.flatnonzero(index >= 0)
    parents = parent.geometry[index[inside]]
    shapely.prepare(parents)
    covered = shapely.covers(parents, layer.geometry[inside])
    for i in inside[~covered].tolist():
        over = shapely.area(shapely.difference(layer.geometry[i], parent.geometry[index[i]]))
        text = f"{layer.codes[i]} lies {over:,.2f} m² outside its parent {layer.parents[i]}; wanted it wholly inside."
        yield Finding("nesting", "error", level.name, layer.codes[i], text, **_at(layer, i))
    empty = np.setdiff1d(np.arange(len(parent)), index[inside])
    for i in empty[parent.has_children[empty]].tolist():
        text = f"{parent.codes[i]} has no {level.name} inside; wanted some, or its code in the layer's no_children."
        yield Finding("childless", "error", level.name, parent.codes[i], text, **_at(parent, i))
    yield from _gaps(layer, parent, index, level)


def _gaps(layer: DeliveredLayer, parent: DeliveredLayer, index: np.ndarray, level: Level) -> Iterator[Finding]:
    """Parents whose children leave ground uncovered."""
    own = shapely.area(parent.geometry)
    filled = np.bincount(index[index >= 0], weights=shapely.area(layer.geometry)[index >= 0], minlength=len(parent))
    for i in np.flatnonzero((filled > 0) & (own - filled > 0.01)).tolist():
        text = f"{parent.codes[i]} leaves {own[i] - filled[i]:,.2f} m² without a {level.name}; wanted none."
        yield Finding("gap", "error", level.name, parent.codes[i], text, **_at(parent, i))
