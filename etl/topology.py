"""Where delivered boundaries do not fit: overlaps, gaps, children outside their parent, ground without a child.

Pure geometry: arrays of valid (multi)polygons in projected metres come in, frozen findings go out. A delivery is mostly
exact, so each function asks the cheap question first (edges that are not their neighbour's, sums of areas) and overlays
only what it singles out. Pieces thinner than `NOISE_M` are the rounding of coordinates (5e-10 m at a northing of
3,517,000 m, some more after an overlay) and no finding. Where a function takes `edges`, they are
`shapely.coverage_invalid_edges` of the same array, made once for several functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

__all__ = [
    "NOISE_M",
    "Crossing",
    "Gap",
    "Overlap",
    "Uncovered",
    "crossings",
    "gaps",
    "is_sliver",
    "overlaps",
    "filled_parents",
    "parent_by_ground",
    "uncovered",
    "widths",
]

Geometries: TypeAlias = NDArray[np.object_]
Indices: TypeAlias = NDArray[np.int64]

NOISE_M: Final = 1e-6  #: metres of mean width (2·area/perimeter) up to which a piece is rounding
_MEASURED: Final = 200  #: pieces whose width is measured; of more, the smaller ones are estimated
_TANGLED: Final = 500  #: vertices beyond which a piece's width is estimated: slits of a whole town, joined up
_TOUCH_M: Final = 1e-3  #: metres within which an area counts as lying at a gap; above noise, below any survey


@dataclass(frozen=True, slots=True)
class Overlap:
    """Ground that areas `i` < `j` both claim: the piece, its area (m²) and its width (m, see `widths`)."""

    i: int
    j: int
    polygon: Polygon | MultiPolygon
    area_m2: float
    width_m: float

    def is_sliver(self, line_accuracy_m: float) -> bool:
        """Whether it is narrower than lines are known (metres)."""
        return is_sliver(self.area_m2, self.width_m, line_accuracy_m)


@dataclass(frozen=True, slots=True)
class Gap:
    """Ground that no area claims: the piece, its area (m²), its width (m) and the areas along it, ascending."""

    polygon: Polygon
    area_m2: float
    width_m: float
    neighbours: tuple[int, ...]

    def is_sliver(self, line_accuracy_m: float) -> bool:
        """Whether it is narrower than lines are known (metres)."""
        return is_sliver(self.area_m2, self.width_m, line_accuracy_m)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A child not wholly inside its parent: what lies outside (polygon, m²) and the other parents it reaches there."""

    child: int
    area_m2: float
    polygon: Polygon | MultiPolygon
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Ground of a parent that none of its children covers: the piece, its area (m²) and its width (m)."""

    parent: int
    polygon: Polygon
    area_m2: float
    width_m: float


def is_sliver(area_m2: float, width_m: float, line_accuracy_m: float) -> bool:
    """Whether a piece is narrower than the line accuracy (metres): such a piece says nothing about the ground.

    The area (m²) judges where the width is an estimate from above: a piece with less ground than the circle of that
    diameter cannot hold the circle.

    >>> is_sliver(area_m2=80.0, width_m=0.4, line_accuracy_m=0.5), is_sliver(80.0, 0.6, 0.5)
    (True, False)
    """
    return width_m < line_accuracy_m or area_m2 < np.pi / 4 * line_accuracy_m**2


def widths(polygons: Geometries) -> NDArray[np.float64]:
    """The width (m) of each piece: the diameter of the largest circle inside, to a few per cent.

    The 200 largest are measured (some 10 ms for a bent sliver); others, and pieces of more than 500 vertices, are
    estimated by 4·area/perimeter of their widest part: right for circles, squares and triangles, up to twice too much
    for long strips, so that no convex piece is taken for narrower than it is.

    >>> widths(np.array([shapely.box(0, 0, 200, 0.5)], dtype=object)).round(2).tolist()
    [0.5]
    """
    if not len(polygons):
        return np.zeros(0)
    parts, owner = shapely.get_parts(polygons, return_index=True)
    estimate = np.zeros(len(polygons))
    np.maximum.at(estimate, owner, 4 * shapely.area(parts) / np.maximum(shapely.length(parts), NOISE_M))
    measured = np.argsort(-shapely.area(polygons), kind="stable")[:_MEASURED]
    simple = (estimate > 0) & (shapely.get_num_coordinates(polygons) <= _TANGLED)  # and GEOS refuses an empty one
    measured = measured[simple[measured]]
    # a circle is seldom narrower than half the estimate: its radius is right to a tenth at worst, mostly to 1 %
    circles = shapely.maximum_inscribed_circle(polygons[measured], tolerance=estimate[measured] / 40)
    estimate[measured] = 2 * shapely.length(circles)
    return estimate


def overlaps(geometry: Geometries, *, edges: Geometries | None = None) -> list[Overlap]:
    """Every pair of areas whose interiors overlap, by index.

    GEOS flags an edge of at least one of any two areas that overlap, lie on or inside each other (the tests hold it to
    that), so only areas with a flagged edge are compared, with all others. `edges` are `coverage_invalid_edges` of the
    same array, where they are known already.

    >>> row = np.array([shapely.box(0, 0, 9, 9), shapely.box(8, 0, 18, 9)])
    >>> [(o.i, o.j, o.area_m2, o.width_m) for o in overlaps(row)]
    [(0, 1, 9.0, 1.0)]
    """
    flagged = _flagged(geometry, edges)
    if not len(flagged):
        return []
    asked, found = shapely.STRtree(geometry).query(geometry[flagged], predicate="intersects")
    pairs = np.sort(np.column_stack([flagged[asked], found]), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    pieces = _polygonal(shapely.intersection(geometry[pairs[:, 0]], geometry[pairs[:, 1]]))
    kept = np.flatnonzero(~shapely.is_empty(pieces))
    area, width = shapely.area(pieces), widths(pieces[kept])
    return [
        Overlap(int(pairs[k, 0]), int(pairs[k, 1]), pieces[k], float(area[k]), float(w))
        for k, w in zip(kept.tolist(), width, strict=True)
    ]


def gaps(
    geometry: Geometries,
    *,
    largest_m2: float,
    slit_m: float = 0.0,
    within: Polygon | MultiPolygon | None = None,
    edges: Geometries | None = None,
) -> list[Gap]:
    """Ground that no area covers, pieces up to `largest_m2` (larger ones are meant: a lake, another town's ground).

    With `within`, what should be covered, everything missing from it, at its rim too. Without, holes enclosed by areas
    and, up to `slit_m` metres wide, slits between two or more areas that open to the outside: ground bounded by areas
    on three quarters of its outline or more, so that a bay of the outline is none. `edges` are
    `coverage_invalid_edges(geometry, slit_m)`, where they are known already.

    >>> row = np.array([shapely.box(0, 0, 9, 9), shapely.box(9.5, 0, 18, 9)])
    >>> [(g.area_m2, g.neighbours) for g in gaps(row, largest_m2=100, slit_m=1.0)]
    [(4.5, (0, 1))]
    """
    if not len(geometry):
        return []
    flagged = _flagged(geometry, edges, slit_m)
    union = _union(geometry, flagged)
    pieces = _holes(union) if within is None else _pieces(shapely.difference(within, union))
    found = _as_gaps(pieces[shapely.area(pieces) <= largest_m2], geometry)
    if within is None and slit_m > 0 and len(flagged):
        found += _open_slits(geometry, flagged, union, slit_m, largest_m2)
    return found


def crossings(children: Geometries, parent_index: Indices, parents: Geometries) -> list[Crossing]:
    """Children that are not wholly inside the parent their index names (-1: none named, see `parent_by_ground`).

    >>> crossings(np.array([shapely.box(8, 0, 12, 5)]), np.array([0]), np.array([shapely.box(0, 0, 10, 10)]))[0].area_m2
    10.0
    """
    families, filled = _families(children, parent_index, parents)
    asked = np.sort(np.concatenate([families[p] for p in families.keys() - filled] or [np.zeros(0, dtype=np.int64)]))
    shapely.prepare(parents)
    asked = asked[~shapely.covers(parents[parent_index[asked]], children[asked])]
    own = parent_index[asked]
    outside = _polygonal(shapely.difference(children[asked], parents[own]))
    kept = np.flatnonzero(~shapely.is_empty(outside))
    if not len(kept):
        return []
    reached: dict[int, set[int]] = {k: set() for k in kept.tolist()}
    piece, other = shapely.STRtree(parents).query(outside[kept], predicate="intersects")
    shared = _polygonal(shapely.intersection(outside[kept][piece], parents[other]))
    for p, o in zip(piece[~shapely.is_empty(shared)].tolist(), other[~shapely.is_empty(shared)].tolist(), strict=True):
        if o != own[kept[p]]:
            reached[int(kept[p])].add(o)
    return [
        Crossing(int(asked[k]), float(shapely.area(outside[k])), outside[k], tuple(sorted(reached[k])))
        for k in kept.tolist()
    ]


def filled_parents(children: Geometries, parent_index: Indices, parents: Geometries) -> set[int]:
    """Parents that their own children fill exactly, vertex by vertex.

    >>> halves = np.array([shapely.box(0, 0, 5, 10), shapely.box(5, 0, 10, 10)])
    >>> whole = np.array([shapely.Polygon([(0, 0), (5, 0), (10, 0), (10, 10), (5, 10), (0, 10)])])
    >>> filled_parents(halves, np.array([0, 0]), whole)
    {0}
    """
    return _families(children, parent_index, parents)[1]


def parent_by_ground(children: Geometries, parents: Geometries) -> Indices:
    """For each child the parent that holds most of its ground, -1 where none holds any; the first of equals.

    >>> parent_by_ground(np.array([shapely.box(8, 0, 11, 5)]), np.array([shapely.box(0, 0, 10, 9)])).tolist()
    [0]
    """
    best = np.full(len(children), -1, dtype=np.int64)
    if not len(children) or not len(parents):
        return best
    shapely.prepare(parents)
    child, parent = shapely.STRtree(parents).query(children, predicate="intersects")
    child, parent = child[::-1], parent[::-1]  # so that of equals the first is written last
    inside = shapely.covers(parents[parent], children[child])
    best[child[inside]] = parent[inside]
    open_ = best[child] < 0
    child, parent = child[open_], parent[open_]
    shared = shapely.area(_polygonal(shapely.intersection(children[child], parents[parent])))
    for k in np.lexsort((-parent, shared)):  # ascending: the largest share is written last
        if shared[k] > 0:
            best[child[k]] = parent[k]
    return best


def uncovered(children: Geometries, parent_index: Indices, parents: Geometries) -> list[Uncovered]:
    """Ground of each parent that none of its children covers; parents without any child are not listed.

    >>> house = np.array([shapely.box(0, 0, 9, 9)])
    >>> [u.area_m2 for u in uncovered(np.array([shapely.box(0, 0, 9, 5)]), np.array([0]), house)]
    [36.0]
    """
    families, filled = _families(children, parent_index, parents)
    held: list[tuple[int, Polygon]] = []
    for parent in families.keys() - filled:
        cover = shapely.union_all(children[families[parent]])
        held += [(parent, piece) for piece in _pieces(shapely.difference(parents[parent], cover))]
    held.sort(key=lambda pair: pair[0])
    return [
        Uncovered(parent, piece, float(shapely.area(piece)), float(width))
        for (parent, piece), width in zip(held, widths(_array(p for _, p in held)), strict=True)
    ]


def _array(geometries: Iterable[Any]) -> Geometries:
    """An object array, of one dimension also for multipolygons and for none at all."""
    listed = list(geometries)
    out = np.empty(len(listed), dtype=object)
    out[:] = listed
    return out


def _flagged(geometry: Geometries, edges: Geometries | None, gap_width: float = 0.0) -> Indices:
    """Areas with an edge that crosses another area or misses its neighbour's (by up to `gap_width` metres)."""
    found = shapely.coverage_invalid_edges(geometry, gap_width) if edges is None else edges
    return np.flatnonzero(~shapely.is_empty(found))


def _parts(geometry: Any) -> tuple[Geometries, Indices]:
    """Polygons thicker than rounding in each geometry of an array or in one geometry, and whose they are."""
    parts, owner = shapely.get_parts(shapely.get_parts(geometry), return_index=True)
    if np.ndim(geometry):  # collections nest one deep: an overlay gives (lines, multipolygons) at worst
        outer = shapely.get_parts(geometry, return_index=True)[1]
        owner = outer[owner]
    kept = (shapely.get_dimensions(parts) == 2) & (2 * shapely.area(parts) > NOISE_M * shapely.length(parts))
    return parts[kept], owner[kept]


def _pieces(geometry: Any) -> Geometries:
    """The polygons of one geometry that are thicker than rounding."""
    return _parts(geometry)[0]


def _polygonal(geometry: Geometries) -> Geometries:
    """Each geometry's polygons that are thicker than rounding: a polygon, a multipolygon, or an empty polygon."""
    out = np.full(len(geometry), Polygon(), dtype=object)
    parts, owner = _parts(geometry)
    count = np.bincount(owner, minlength=len(geometry))
    single = count[owner] == 1
    out[owner[single]] = parts[single]
    many = np.flatnonzero(count > 1)
    if len(many):
        out[many] = shapely.multipolygons(parts[~single], indices=np.searchsorted(many, owner[~single]))
    return out


def _union(geometry: Geometries, flagged: Indices) -> Any:
    """The ground of all areas: exact neighbours by their edges, an overlay only for the flagged ones."""
    exact = np.delete(geometry, flagged)
    ground = shapely.coverage_union_all(exact)
    total = float(shapely.area(exact).sum())
    if abs(shapely.area(ground) - total) > 1e-9 * total:  # no coverage after all: its union would be wrong
        return shapely.union_all(geometry)
    return shapely.union(ground, shapely.union_all(geometry[flagged])) if len(flagged) else ground


def _holes(union: Any) -> Geometries:
    """The ground that a union encloses and does not own; islands in a hole are taken out."""
    parts = shapely.get_parts(union)
    if len(parts) == 1:
        return _pieces(np.asarray(shapely.polygons(shapely.get_rings(parts)[1:])))
    # parts that touch in points enclose ground together, which is no ring of any of them
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(shapely.boundary(parts))]))
    shapely.prepare(union)
    return _pieces(faces[~shapely.contains(union, shapely.point_on_surface(faces))])


def _as_gaps(pieces: Geometries, geometry: Geometries, most_open: float | None = None) -> list[Gap]:
    """Pieces with their widths and neighbours; slits only: between two areas, no more of the outline open than that."""
    beside, open_share = _beside(pieces, geometry)
    slit = (open_share <= (most_open or 0.0)) & (np.array([len(found) for found in beside], dtype=int) > 1)
    kept = np.arange(len(pieces)) if most_open is None else np.flatnonzero(slit)
    return [
        Gap(pieces[k], float(shapely.area(pieces[k])), float(width), beside[k])
        for k, width in zip(kept.tolist(), widths(pieces[kept]), strict=True)
    ]


def _beside(pieces: Geometries, geometry: Geometries) -> tuple[list[tuple[int, ...]], NDArray[np.float64]]:
    """The areas along each piece, by more than a corner; and the share of its outline where there is none.

    Asked edge by edge, at the middle: overlays made the pieces, so an edge lies along one area from end to end.
    """
    rings, piece_of = shapely.get_rings(pieces, return_index=True)
    xy, ring_of = shapely.get_coordinates(rings, return_index=True)
    edge = np.flatnonzero(ring_of[1:] == ring_of[:-1])
    piece = piece_of[ring_of[edge]]
    length = np.hypot(*(xy[edge + 1] - xy[edge]).T)
    middles = shapely.points((xy[edge] + xy[edge + 1]) / 2)
    asked, area = shapely.STRtree(geometry).query(middles, predicate="dwithin", distance=_TOUCH_M)
    pairs, which = np.unique(np.column_stack([piece[asked], area]), axis=0, return_inverse=True)
    along = np.bincount(which.ravel(), weights=length[asked], minlength=len(pairs))
    outline = shapely.length(pieces)
    beside: list[list[int]] = [[] for _ in range(len(pieces))]
    for k, j in pairs[along > np.minimum(10 * _TOUCH_M, outline[pairs[:, 0]] / 8)].tolist():
        beside[k].append(j)
    walled = np.bincount(piece[np.unique(asked)], weights=length[np.unique(asked)], minlength=len(pieces))
    return [tuple(found) for found in beside], 1 - walled / outline


def _open_slits(geometry: Geometries, flagged: Indices, union: Any, slit_m: float, largest_m2: float) -> list[Gap]:
    """Slits that open to the outside, by closing: grow by half the width, shrink again, take what is new.

    Mitred, because round joins would fill every inner corner of the outline with a fillet.
    """
    outer = shapely.union_all(shapely.polygons(shapely.get_exterior_ring(shapely.get_parts(union))))
    grown = shapely.buffer(shapely.union_all(geometry[flagged]), slit_m / 2, join_style="mitre")
    closed = shapely.buffer(grown, -slit_m / 2, join_style="mitre")
    found = _pieces(shapely.difference(closed, outer))
    return _as_gaps(found[shapely.area(found) <= largest_m2], geometry, most_open=0.25)


def _normal(geometry: Geometries) -> Geometries:
    """Normalised, and a single polygon as itself whether it came as one or in a multipolygon."""
    single = _array(g.geoms[0] if g.geom_type == "MultiPolygon" and len(g.geoms) == 1 else g for g in geometry)
    return np.asarray(shapely.normalize(single), dtype=object)


def _families(children: Geometries, parent_index: Indices, parents: Geometries) -> tuple[dict[int, Indices], set[int]]:
    """The children of each parent that has any; and the parents that theirs fill exactly, vertex by vertex.

    A coverage union cancels edges in pairs. Where what is left is the parent's own outline, each point inside lies in
    an odd number of children and each outside in an even one; where their areas sum up to the parent's as well, these
    numbers can only be one and nought. That costs a quarter of asking each child; overlaps cannot fool it.
    """
    named = np.flatnonzero(parent_index >= 0)
    order = named[np.argsort(parent_index[named], kind="stable")]
    used, starts = np.unique(parent_index[order], return_index=True)
    families = dict(zip(used.tolist(), np.split(order, starts[1:]), strict=True)) if len(used) else {}
    ground = shapely.area(parents)
    total = np.bincount(parent_index[named], weights=shapely.area(children[named]), minlength=len(parents))
    alike = [parent for parent in families if abs(total[parent] - ground[parent]) <= 1e-9 * ground[parent]]
    unions = _array(shapely.coverage_union_all(children[families[parent]]) for parent in alike)
    same = shapely.equals_exact(_normal(unions), _normal(parents[alike]))
    return families, set(np.array(alike, dtype=np.int64)[same].tolist())
