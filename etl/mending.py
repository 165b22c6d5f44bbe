"""Drawing boundaries anew where the fault is the drawing's and not the survey's; refusing where it is not.

Pure geometry in projected metres; height is not kept. What needs nothing stays the very object it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from etl.topology import widths
from gis.errors import FileFault

__all__ = ["Mended", "Repair", "Snapped", "add_shared_vertices", "repair", "snap"]

Geometries: TypeAlias = NDArray[np.object_]
Indices: TypeAlias = NDArray[np.int64]
Coordinates: TypeAlias = NDArray[np.float64]

_ON_EDGE_M: Final = 1e-6  #: metres within which a vertex lies on an edge, or on the edge's end
_FURTHEST: Final = 3.0  #: times the snapping distance: how far a line may move before it is a new line


@dataclass(frozen=True, slots=True)
class Mended:
    """Geometries in their old order, and how many vertices were added to them in all."""

    geometry: Geometries
    added: int


@dataclass(frozen=True, slots=True)
class Snapped:
    """Geometries in their old order; `moves` holds (index, largest move of its line in m, change of area in m²)."""

    geometry: Geometries
    moves: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Repair:
    """What may be made of an invalid polygon; `geometry` only when `ok`, both drawings always, to show to a person."""

    ok: bool
    geometry: Polygon | MultiPolygon | None
    linework: Polygon | MultiPolygon  #: every line kept, inside and outside by turns (even-odd)
    structure: Polygon | MultiPolygon  #: what the outline encloses, less its holes
    reason: str  #: what was found, what was wanted, what to do
    area_change_m2: float  #: of the structure drawing, against the area that the ring as drawn computes to


def add_shared_vertices(geometry: Geometries, *, edges: Geometries | None = None) -> Mended:
    """Add the vertices of one area to the edges of others that they lie on, within 1e-6 m (T-junctions).

    Two lines that run along each other with different vertices part by 1e-10 m of rounding, and a point may fall in
    between; with the same vertices they cannot. A vertex that close to an end of the edge is left alone, and so is an
    area that an added vertex would make invalid. `edges` are `coverage_invalid_edges` of the same array with any gap
    width, where they are known already.

    >>> tee = np.array([shapely.box(0, 0, 9, 9), shapely.box(9, 0, 18, 4), shapely.box(9, 4, 18, 9)])
    >>> mended = add_shared_vertices(tee)
    >>> mended.added, bool(shapely.coverage_is_valid(tee)), bool(shapely.coverage_is_valid(mended.geometry))
    (1, False, True)
    """
    # a gap width, because an edge that misses its neighbour's by 1e-10 m to the gap's side is no crossing
    if edges is None:
        edges = shapely.coverage_invalid_edges(geometry, 2 * _ON_EDGE_M)
    flagged = np.flatnonzero(~shapely.is_empty(edges))
    if not len(flagged):
        return Mended(geometry, 0)
    layout = _Layout.of(geometry[flagged])
    after, where = _missing(layout)
    if not len(after):
        return Mended(geometry, 0)
    drawn = layout.with_inserted(after, where)
    count = np.bincount(layout.area_of[after], minlength=len(flagged))
    changed = (count > 0) & shapely.is_valid(drawn)
    out = geometry.copy()
    out[flagged[changed]] = drawn[changed]
    return Mended(out, int(count[changed].sum()))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Areas as flat columns: vertices, where rings, polygons and areas begin, and whose each vertex is."""

    xy: Coordinates
    rings: Indices
    polygons: Indices
    areas: Indices
    single: NDArray[np.bool_]  #: a polygon, no multipolygon
    area_of: Indices

    @classmethod
    def of(cls, geometry: Geometries) -> _Layout:
        single = shapely.get_type_id(geometry) == shapely.GeometryType.POLYGON
        parts, owner = shapely.get_parts(shapely.force_2d(geometry), return_index=True)
        _, xy, (rings, polygons) = shapely.to_ragged_array(parts)
        areas = np.searchsorted(owner, np.arange(len(geometry) + 1))
        part_of = np.repeat(np.arange(len(parts)), np.diff(rings[polygons]))
        return cls(xy, rings.astype(np.int64), polygons.astype(np.int64), areas, single, owner[part_of])

    def edges(self) -> Indices:
        """The vertices that begin an edge: all but the last of each ring."""
        return np.delete(np.arange(len(self.xy)), self.rings[1:] - 1)

    def with_inserted(self, after: Indices, where: Coordinates) -> Geometries:
        """The areas with each vertex of `where` put behind the vertex `after` of its edge, in the order along it."""
        along = np.hypot(*(where - self.xy[after]).T)
        order = np.lexsort((along, after))
        xy = np.insert(self.xy, after[order] + 1, where[order], axis=0)
        rings = self.rings + np.searchsorted(after[order], self.rings)
        parts = shapely.from_ragged_array(shapely.GeometryType.POLYGON, xy, (rings, self.polygons))
        owner = np.repeat(np.arange(len(self.single)), np.diff(self.areas))
        out: Geometries = np.asarray(shapely.multipolygons(parts, indices=owner))
        out[self.single] = shapely.get_geometry(out[self.single], 0)
        return out


def _missing(layout: _Layout) -> tuple[Indices, Coordinates]:
    """Vertices to add, each once: (vertex that begins the edge, coordinates of the other area's vertex)."""
    start = layout.edges()
    lines = np.asarray(shapely.linestrings(np.stack([layout.xy[start], layout.xy[start + 1]], axis=1)))
    tree = shapely.STRtree(lines)
    vertex, edge = tree.query(shapely.points(layout.xy), predicate="dwithin", distance=_ON_EDGE_M)
    after, where = start[edge], layout.xy[vertex]
    ends = np.minimum(np.hypot(*(where - layout.xy[after]).T), np.hypot(*(where - layout.xy[after + 1]).T))
    wanted = (layout.area_of[vertex] != layout.area_of[after]) & (ends > _ON_EDGE_M)
    found = np.unique(np.column_stack([after[wanted], where[wanted]]), axis=0)
    return found[:, 0].astype(np.int64), found[:, 1:]


def snap(geometry: Geometries, metres: float) -> Snapped:
    """Close slits and resolve overlaps up to `metres` wide with `shapely.coverage_clean`, or refuse.

    Vertices within `metres` of each other become one; a slit that is left goes to the neighbour with the longest line
    along it, an overlap likewise. `metres` should exceed the widest slit by a quarter: vertices facing each other
    across a corner are further apart than the lines are. Only areas with a faulty edge and their neighbours are drawn
    anew, and then those whose neighbour had short edges joined by it, as far as that goes. An area that comes out the
    same, vertex by vertex, stays the object it was; coverage_clean itself begins every ring at another vertex. Refused
    with `FileFault`: an area vanishes, changes by more than `metres` times its perimeter, a line moves further than
    three times `metres` (a slit that branches, given to one neighbour, would stand out as a spike), or faults remain.

    >>> snapped = snap(np.array([shapely.box(0, 0, 9, 10), shapely.box(9.2, 0, 18, 10)]), 0.5)
    >>> float(shapely.area(snapped.geometry).sum())
    180.0
    """
    edges = shapely.coverage_invalid_edges(geometry, metres)
    flagged = np.flatnonzero(~shapely.is_empty(edges))
    if not len(flagged):
        return Snapped(geometry, ())
    out = _snapped(geometry, flagged, metres)
    moved = np.array([k for k in range(len(out)) if out[k] is not geometry[k]], dtype=np.int64)
    lost = moved[shapely.is_empty(out[moved])]
    if len(lost):
        _refuse(f"area {lost[0]} (counted from 0) vanishes when lines within {metres} m are joined", metres)
    if not shapely.coverage_is_valid(out, gap_width=metres):
        _refuse(f"joining lines within {metres} m leaves overlaps or slits, perhaps because they are as wide", metres)
    old, new = geometry[moved], out[moved]
    change = shapely.area(new) - shapely.area(old)
    distance = shapely.hausdorff_distance(shapely.boundary(old), shapely.boundary(new))
    for k in np.flatnonzero(np.abs(change) > metres * shapely.length(old))[:1]:
        _refuse(f"area {moved[k]} (counted from 0) changes by {change[k]:,.2f} m²", metres)
    for k in np.flatnonzero(distance > _FURTHEST * metres)[:1]:
        _refuse(f"the line of area {moved[k]} (counted from 0) moves {distance[k]:,.2f} m", metres)
    rows = zip(moved.tolist(), distance.tolist(), change.tolist(), strict=True)
    return Snapped(out, tuple(rows))


def _snapped(geometry: Geometries, flagged: Indices, metres: float) -> Geometries:
    """The areas cleaned around the flagged ones, in a circle that grows until no faulty line is left at its rim.

    Cleaning joins every two vertices within `metres`, faulty or not: done to all areas, all would lose short edges.
    """
    tree = shapely.STRtree(geometry)
    out = geometry
    chosen = np.zeros(0, dtype=np.int64)
    while True:
        near = np.union1d(chosen, tree.query(geometry[flagged], predicate="dwithin", distance=metres)[1])
        if len(near) == len(chosen):  # nothing new to try
            return out
        chosen = near
        out = _cleaned(geometry, chosen, metres)
        flagged = np.flatnonzero(~shapely.is_empty(shapely.coverage_invalid_edges(out, metres)))
        if not len(flagged):
            return out


def _cleaned(geometry: Geometries, chosen: Indices, metres: float) -> Geometries:
    """A copy in which the chosen areas are one clean coverage; those that come out the same are the old objects."""
    drawn = shapely.coverage_clean(  # type: ignore[attr-defined] # shapely 2.2; the stubs are of 2.1
        geometry[chosen], gap_width=metres, snapping_distance=metres
    )
    same = shapely.equals_exact(shapely.normalize(drawn), shapely.normalize(geometry[chosen]))
    out = geometry.copy()
    out[chosen[~same]] = drawn[~same]
    return out


def _refuse(found: str, metres: float) -> None:
    """Raise the refusal of a snap in the house's three parts."""
    raise FileFault(
        f"Snapping refused: {found}; wanted every area kept, its lines moved by about {metres} m and a layer without "
        "overlaps or slits. Snap by another distance, or mend this place in the survey's GIS and deliver it again."
    )


def repair(polygon: Any, tolerance: float, neighbours: Geometries) -> Repair:
    """Offer a valid polygon for an invalid one where two ways to read it agree within `tolerance` (metres).

    They agree when their outlines lie within the tolerance of each other and their areas, and the area that the ring
    as drawn computes to, within tolerance times perimeter. Loops narrower than the tolerance are left out; as many
    pieces must remain as were drawn, so a bow-tie is refused although both readings of it are the same two triangles.
    No neighbour (valid ones are asked) may lose more ground to the repair than to the line as drawn, by more than
    tolerance times the line they share or by half of itself. Otherwise the drawing has two meanings, and a person has
    to say which.

    >>> bow_tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    >>> repair(bow_tie, 0.5, np.array([], dtype=object)).ok
    False
    """
    if not np.isfinite(shapely.get_coordinates(polygon)).all():
        return _refused(Polygon(), Polygon(), "a coordinate that is no number", 0.0)
    linework = _polygonal(shapely.make_valid(polygon, method="linework"))
    structure = _polygonal(shapely.make_valid(polygon, method="structure", keep_collapsed=False))
    change = float(shapely.area(structure) - shapely.area(polygon))
    if shapely.is_valid(polygon):
        return Repair(True, polygon, linework, structure, "The polygon is valid; nothing was changed.", change)
    geometry = _without_loops(structure, tolerance)
    fault = _two_meanings(polygon, linework, structure, geometry, tolerance) or _taken(
        linework, geometry, tolerance, neighbours
    )
    if fault:
        return _refused(linework, structure, fault, change)
    reason = (
        f"Found {shapely.is_valid_reason(polygon)}; both ways to read the line agree within {tolerance} m, so the "
        f"repaired polygon can be used. Its area differs by {change:,.2f} m² from the line as drawn."
    )
    return Repair(True, geometry, linework, structure, reason, change)


def _refused(linework: Any, structure: Any, found: str, change: float) -> Repair:
    """A repair not offered, in the house's three parts."""
    reason = (
        f"Not repaired: found {found}; wanted one line that can be read in one way. Compare the two drawings, mend the "
        "line in the survey's GIS and deliver it again."
    )
    return Repair(False, None, linework, structure, reason, change)


def _polygonal(geometry: Any) -> Any:
    """The polygons of a geometry, as one polygon or multipolygon: make_valid also gives lines and points."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    parts = parts[shapely.get_dimensions(parts) == 2]
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts) if len(parts) else Polygon()


def _without_loops(geometry: Any, tolerance: float) -> Any:
    """A reading without its pieces and holes that are narrower than the tolerance."""
    parts = shapely.get_parts(geometry)
    kept = []
    for part in parts[widths(parts) >= tolerance]:
        holes = shapely.get_rings(part)[1:]
        wide = widths(np.asarray(shapely.polygons(holes))) >= tolerance
        kept.append(Polygon(part.exterior, list(holes[wide])) if not wide.all() else part)
    return kept[0] if len(kept) == 1 else MultiPolygon(kept)


def _two_meanings(polygon: Any, linework: Any, structure: Any, geometry: Any, tolerance: float) -> str:
    """How the readings contradict each other, in words; empty when they agree."""
    drawn, left = int(shapely.get_num_geometries(polygon)), int(shapely.get_num_geometries(geometry))
    fault = shapely.is_valid_reason(polygon)
    if shapely.is_empty(linework) or shapely.is_empty(structure) or shapely.is_empty(geometry):
        return f"{fault}, and no ground inside the line that is wider than {tolerance} m"
    areas = shapely.area(np.array([polygon, linework, structure, geometry], dtype=object))
    # A ring that only touches itself comes out in several pieces and measures the same in every reading.
    if left != drawn and np.ptp(areas) > tolerance**2:
        return f"{fault}: the line encloses {left} pieces of ground where {drawn} were drawn"
    apart = shapely.hausdorff_distance(shapely.boundary(linework), shapely.boundary(structure))
    if apart > tolerance:
        return f"{fault}: two ways to read the line lie {apart:,.2f} m apart, more than {tolerance} m"
    if np.ptp(areas) > tolerance * shapely.length(structure):
        return f"{fault}: read in different ways it measures {areas.min():,.2f} to {areas.max():,.2f} m²"
    return ""


def _taken(linework: Any, geometry: Any, tolerance: float, neighbours: Geometries) -> str:
    """Which neighbour the repair takes ground from that the line as drawn left to it, in words; empty for none."""
    valid = np.flatnonzero(shapely.is_valid(neighbours))
    asked = neighbours[valid]
    more = shapely.area(shapely.intersection(geometry, asked)) - shapely.area(shapely.intersection(linework, asked))
    shared = shapely.length(shapely.intersection(shapely.boundary(asked), shapely.buffer(geometry, tolerance)))
    for k in np.flatnonzero(more > np.minimum(tolerance * shared, shapely.area(asked) / 2))[:1]:
        return f"a repair that takes {more[k]:,.2f} m² more of neighbour {valid[k]} (counted from 0)"
    return ""
