"""Findings about a delivery's levels: all at once, each with its row and a place on the ground; mended where asked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from etl.fields import Known
from etl.findings import Finding, Severity, shortened
from etl.mending import add_shared_vertices, repair, snap
from etl.nesting import check_nesting, dissolved, is_compact
from etl.topology import gaps, overlaps
from gis.areas import DeliveredLayer
from gis.limits import CODE, NAME, too_long
from gis.place import Level, Place

__all__ = ["Wanted", "check_layers", "size_outliers"]

Indices = NDArray[np.int64]
_CUT_BYTES: Final = 8  #: a shorter name that begins another is a name of its own
_WHOLE: Final = 0.9  #: share of the areas in force from which on a full layer is the whole level
_DEVIATIONS: Final = 8.0  #: robust standard deviations of log area beyond which a size is strange


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a check is held against and asked to mend: line accuracy in metres, names in force by level."""

    line_accuracy_m: float = 0.5
    repair: bool = False
    snap_m: float | None = None
    known: Mapping[str, Known] = field(default_factory=dict)


def check_layers(
    layers: Sequence[DeliveredLayer], place: Place, wanted: Wanted | None = None
) -> tuple[list[DeliveredLayer], list[Finding]]:
    """Check each level by itself and the levels against each other; returns the layers as they would be stored.

    Ground is compared only between levels whose every polygon is valid: with an invalid one the answer means nothing.
    """
    asked = wanted or Wanted()
    findings: list[Finding] = []
    sound: dict[str, DeliveredLayer] = {}
    out: list[DeliveredLayer] = []
    for given in layers:
        level = place.level(given.level)
        findings += shortened(_codes(given, level))
        findings += shortened(_endless(given, level))
        findings += shortened(_against_known(given, level, asked.known.get(given.level, Known({}))))
        slit = max(2.0, 4 * asked.line_accuracy_m)
        layer, said, edges = _mended(given, asked, slit)
        findings += shortened(said)
        findings += shortened(_sizes(layer, level))
        out.append(layer)
        if any(f.severity == "error" for f in said):
            continue
        sound[level.name] = layer
        nested = level.parent in sound
        findings += shortened(_coverage(layer, edges, (level, place), asked.line_accuracy_m, gaps_too=not nested))
        if level.parent is not None and nested:
            findings += shortened(check_nesting(layer, sound[level.parent], level, place, asked.line_accuracy_m))
    if place.truth == "lowest":
        out, said = dissolved(out, place, sound)
        findings += shortened(said)
    return out, findings


def at(shape: Any) -> Mapping[str, float]:
    """A point on a shape, as the place of a finding."""
    point = shapely.point_on_surface(shape if shapely.is_valid(shape) else shapely.make_valid(shape))
    return {"x": float(shapely.get_x(point)), "y": float(shapely.get_y(point))}


def _codes(layer: DeliveredLayer, level: Level) -> Iterator[Finding]:
    pattern = re.compile(level.code_pattern)
    first: dict[str, int] = {}
    for i, code in enumerate(layer.codes):
        row = f"row {layer.row(i)}"
        if not pattern.fullmatch(code):
            text = f"{row}: the code is {code!r}; wanted {level.code_pattern} for a {level.name}."
            yield Finding("code", "error", level.name, code, text, **at(layer.geometry[i]))
        if code in first:
            text = f"{row}: code {code} is row {layer.row(first[code])}'s already; wanted one area per code."
            yield Finding("duplicate-code", "error", level.name, code, text, **at(layer.geometry[i]))
        first.setdefault(code, i)
        if level.prefix and code[: level.prefix] != layer.parents[i]:
            text = (
                f"{code} begins with {code[: level.prefix]}, its parent is {layer.parents[i]}; wanted the same. "
                f"A code that outlived its parent's would become {layer.parents[i]}{code[level.prefix :]}."
            )
            yield Finding("prefix", "warning", level.name, code, text, **at(layer.geometry[i]))
        name = layer.names[i]
        if not name and level.parent is None and layer.names.any():
            yield Finding("name", "error", level.name, code, f"{row}: {code} has no name.", **at(layer.geometry[i]))


def _endless(layer: DeliveredLayer, level: Level) -> Iterator[Finding]:
    """Codes and names over their limits."""
    for kind, texts, longest in (("code", layer.codes, CODE), ("name", layer.names, NAME)):
        for i in [i for i, text in enumerate(texts) if len(text) > longest]:
            text = f"row {layer.row(i)}: the {kind} {too_long(len(texts[i]), longest)}."
            yield Finding(kind, "error", level.name, layer.codes[i][:CODE], text, **at(layer.geometry[i]))


def _against_known(layer: DeliveredLayer, level: Level, known: Known) -> Iterator[Finding]:
    """Codes and names held against those in force: another office's numbers, names that a field cut."""
    pattern = re.compile(level.code_pattern)
    by_name = {name: code for code, name in known.names.items() if name}
    delivered = set(layer.codes)
    # A whole level under new codes is compared by its ground and shown as re-coded; two areas of it may be a mistake.
    whole = layer.scope == "full" and len(layer) >= _WHOLE * len(known.names)
    for i, (code, name) in enumerate(zip(layer.codes, layer.names, strict=True)):
        row, full = f"row {layer.row(i)}", known.names.get(code, "")
        if name and full != name and full.startswith(name) and len(name.encode("gb18030")) >= _CUT_BYTES:
            text = f"{row}: {code} is called {name!r}, in force it is {full!r}: its field may have cut the name."
            yield Finding("cut-name", "warning", level.name, code, text, **at(layer.geometry[i]))
        other = by_name.get(name)
        if other and pattern.fullmatch(code) and code not in known.names and other not in delivered:
            text = (
                f"{row}: {code} is not in force, but {name} is, as {other}. Taken as it is, {other} becomes {code}; "
                "correct the code if it is another office's number for the same area."
            )
            severity: Severity = "note" if whole else "warning"
            yield Finding("other-code", severity, level.name, code, text, **at(layer.geometry[i]))


def _mended(layer: DeliveredLayer, asked: Wanted, slit: float) -> tuple[DeliveredLayer, list[Finding], Any]:
    """Repair what is invalid, snap where asked, and share the vertices of T-junctions; the rest keeps every bit.

    Also returns the edges that are not their neighbour's, gaps up to `slit` metres (None with an invalid polygon left).
    """
    geometry = layer.geometry.copy()
    findings: list[Finding] = []
    for i in np.flatnonzero(~shapely.is_valid(geometry)).tolist():
        geometry[i], finding = _repaired(layer, geometry, i, asked)
        findings.append(finding)
    edges = None
    if not any(f.severity == "error" for f in findings):
        if asked.snap_m:
            geometry, said = _snapped(layer, geometry, asked.snap_m)
            findings += said
        edges = shapely.coverage_invalid_edges(geometry, slit)
        mended = add_shared_vertices(geometry, edges=edges)
        if mended.added:
            geometry = _multi(mended.geometry)
            edges = shapely.coverage_invalid_edges(geometry, slit)
            text = f"{mended.added} vertices were added where one area's corner lies on another's line (T-junctions)."
            findings.append(Finding("shared-vertices", "note", layer.level, "", text))
    if all(a is b for a, b in zip(geometry, layer.geometry, strict=True)):
        return layer, findings, edges
    return replace(layer, geometry=geometry, delivered=layer.geometry), findings, edges


def _multi(geometry: Any) -> Any:
    kinds = shapely.get_type_id(geometry)
    out = geometry.copy()
    for i in np.flatnonzero(kinds == shapely.GeometryType.POLYGON).tolist():
        out[i] = shapely.multipolygons([geometry[i]])
    return out


def _repaired(layer: DeliveredLayer, geometry: Any, i: int, asked: Wanted) -> tuple[Any, Finding]:
    valid = shapely.is_valid(geometry)
    near = geometry[valid & shapely.intersects(shapely.box(*shapely.bounds(geometry[i])), shapely.envelope(geometry))]
    offer = repair(geometry[i], asked.line_accuracy_m, near)
    code, reason = layer.codes[i], shapely.is_valid_reason(geometry[i])
    where = at(geometry[i])
    match = re.search(r"\[(\S+) (\S+)\]", reason)
    if match:
        where = {"x": float(match.group(1)), "y": float(match.group(2))}
    row = f"row {layer.row(i)}: {code}"
    digest = hashlib.sha256(shapely.to_wkb(geometry[i])).hexdigest()
    if offer.ok and asked.repair:
        text = f"{row} was repaired ({reason}): {offer.area_change_m2:+,.2f} m²; the original is kept, sha256 {digest}."
        fixed = _multi(np.array([offer.geometry], dtype=object))[0]
        return fixed, Finding("repaired", "note", layer.level, code, text, shape=offer.geometry, **where)
    if offer.ok:
        text = f"{row} is no valid polygon ({reason}); --repair would mend it: {offer.area_change_m2:+,.2f} m²."
        return geometry[i], Finding("invalid", "error", layer.level, code, text, shape=offer.geometry, **where)
    lines, outline = shapely.area(offer.linework), shapely.area(offer.structure)
    both_m2 = f"by its lines it has {lines:,.2f} m², by its outline {outline:,.2f} m²"
    text = f"{row} is no valid polygon; {both_m2}. {offer.reason}"
    both = shapely.geometrycollections([offer.linework, offer.structure])
    return geometry[i], Finding("invalid", "error", layer.level, code, text, shape=both, **where)


def _snapped(layer: DeliveredLayer, geometry: Any, metres: float) -> tuple[Any, list[Finding]]:
    done = snap(geometry, metres)
    findings = [
        Finding(
            "snapped", "note", layer.level, layer.codes[i],
            f"{layer.codes[i]}: its line moved by at most {way:.3f} m, its area by {change:+,.2f} m².",
            **at(layer.geometry[i]),
        )
        for i, way, change in done.moves
    ]  # fmt: skip
    return _multi(done.geometry), findings


def size_outliers(area_m2: NDArray[np.float64], low: float, high: float) -> Indices:
    """Indices of areas (m²) outside [low, high], or over 8 robust deviations from their layer's median log area.

    The deviation is 1.4826 times the median absolute deviation; a layer where it is nought (half of the areas alike)
    is judged by the norm alone.

    >>> size_outliers(np.array([90.0, 100.0, 110.0, 120.0, 9e6]), low=1.0, high=1e9).tolist()
    [4]
    """
    logs = np.log(np.maximum(area_m2, np.finfo(np.float64).tiny))
    off = np.abs(logs - np.median(logs)) if len(logs) else logs
    deviation = 1.4826 * float(np.median(off)) if len(logs) else 0.0
    strange = off > _DEVIATIONS * deviation if deviation > 0 else np.zeros(len(logs), dtype=bool)
    return np.flatnonzero((area_m2 < low) | (area_m2 > high) | strange)


def _sizes(layer: DeliveredLayer, level: Level) -> Iterator[Finding]:
    areas = shapely.area(layer.geometry)
    for i in size_outliers(areas, level.area_min, level.area_max).tolist():
        code = layer.codes[i]
        text = f"{code} measures {areas[i]:,.0f} m²; usual are {level.area_min:,.0f} to {level.area_max:,.0f} m²"
        text += "." if not level.area_min <= areas[i] <= level.area_max else ", and it is far from all others."
        yield Finding("size", "note", level.name, code, text, **at(layer.geometry[i]))


def _coverage(
    layer: DeliveredLayer, edges: Any, where: tuple[Level, Place], accuracy: float, *, gaps_too: bool
) -> Iterator[Finding]:
    """Overlaps and gaps as ground; those narrower than the lines are known are one class, not hundreds of findings."""
    level, place = where
    slit = max(2.0, 4 * accuracy)
    hard = "error" if level.coverage else "warning"
    thin: list[Any] = []
    for o in overlaps(layer.geometry, edges=edges):
        if o.is_sliver(accuracy):
            thin.append(o)
            continue
        a, b = layer.codes[o.i], layer.codes[o.j]
        text = f"{a} and {b} both claim {o.area_m2:,.2f} m², up to {o.width_m:,.2f} m wide; wanted each place in one."
        size = {"area_m2": o.area_m2, "width_m": o.width_m, "shape": o.polygon}
        yield Finding("overlap", hard, level.name, a, text, **at(o.polygon), **size)  # type: ignore[arg-type]
    if gaps_too:
        largest = level.area_max
        for gap in gaps(layer.geometry, largest_m2=largest, slit_m=slit, edges=edges):
            if gap.is_sliver(accuracy):
                thin.append(gap)
            else:
                yield gap_finding(gap, [layer.codes[n] for n in gap.neighbours], level, place)
    if thin:
        yield _slivers(thin, level, accuracy)


def gap_finding(gap: Any, beside: Sequence[str], level: Level, place: Place) -> Finding:
    """Ground that nobody claims: a slip of the pen is an error, ground as large as an area may be meant."""
    finest = place.levels[-1]
    meant = gap.area_m2 >= finest.area_min and is_compact(gap.area_m2, gap.width_m)
    text = f"{gap.area_m2:,.2f} m², up to {gap.width_m:,.2f} m wide, belong to no {level.name}"
    text += f", between {', '.join(beside[:6])}." if beside else "."
    close = f"Wanted no gaps; --snap {max(0.001, round(1.25 * gap.width_m, 3))} may close it."
    hint = close if gap.width_m <= 2.0 else "Wanted no gaps."
    text += f" {'It is as large as an area: accept it with the reason, or deliver it.' if meant else hint}"
    return Finding(
        "gap", "warning" if meant or not level.coverage else "error", level.name, beside[0] if beside else "", text,
        **at(gap.polygon), shape=gap.polygon, area_m2=gap.area_m2, width_m=gap.width_m,
    )  # fmt: skip


def _slivers(pieces: Sequence[Any], level: Level, accuracy: float) -> Finding:
    largest = max(pieces, key=lambda p: p.area_m2)
    ground = sum(p.area_m2 for p in pieces)
    widest = max(p.width_m for p in pieces)
    text = (
        f"{len(pieces)} overlaps or gaps are narrower than the line accuracy of {accuracy} m: {ground:,.2f} m² in all, "
        f"the widest {widest:.3f} m. --snap {max(0.001, round(1.25 * widest, 3))} closes them."
    )
    shape = shapely.multipolygons([p for piece in pieces for p in shapely.get_parts(piece.polygon)])
    return Finding(
        "sliver", "warning", level.name, "", text, **at(largest.polygon), shape=shape, area_m2=ground, width_m=widest
    )
