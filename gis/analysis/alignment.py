"""How two drawings of the same ground relate: vertices put back on stored ones, and how far outlines lie apart.

A delivery that went through another CRS and back differs from what is stored by 1e-9 to 1e-8 m at every vertex.
`align` undoes that on the unique vertices of a whole level, so that shared borders stay shared. `compare_outlines`
judges pairs of areas, whatever their ring starts, directions, order and needless vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["IDENTICAL", "MOVED", "RESURVEYED", "SAME", "Aligned", "align", "compare_outlines", "shared_m2"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]

IDENTICAL: Final = "identical"
SAME: Final = "same"
RESURVEYED: Final = "resurveyed"
MOVED: Final = "moved"

#: A vertex nearer than this to the line between its neighbours says nothing. A float at 3.5e6 m is 4.7e-10 m wide, so
#: a midpoint put on a slanted edge comes to lie up to 3e-10 m beside it.
COLLINEAR_M: Final = 1e-9
_AT_ONCE: Final = 4000  #: pairs compared together: with a whole city's the columns no longer fit the processor's cache
_GRID_M: Final = 1e-6  #: precision of an overlay that failed in full precision


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """The new geometries on stored vertices; how many unique vertices were put back, and the furthest way in metres."""

    geometry: Objects
    moved_vertices: int
    largest_m: float


def align(old: Objects, new: Objects, tolerance: float) -> Aligned:
    """Put vertices of `new` back on the vertices of `old` they came from (all in metres of one projected CRS).

    A vertex goes to its nearest old one where the two are each other's nearest, not further apart than `tolerance` and
    nearer than half the way from the old vertex to its next old neighbour: there it cannot mean another. Where an area
    becomes invalid by it, its vertices stay as delivered, in its neighbours too. Ring start, direction and additional
    vertices are kept; an area of which nothing moved is the object that was given.

    >>> stored = np.array([shapely.box(493000, 3517000, 493010, 3517010)], dtype=object)
    >>> back = align(stored, shapely.transform(stored, lambda xy: xy + 2e-9), 0.05)
    >>> back.moved_vertices, back.largest_m < 4e-9, bool(shapely.equals_identical(back.geometry, stored).all())
    (4, True, True)
    """
    stored = np.sort(_complex(shapely.get_coordinates(old)))
    first = np.ones(len(stored), dtype=bool)
    first[1:] = stored[1:] != stored[:-1]
    xy, area = shapely.get_coordinates(new, return_index=True)
    unique, vertex = np.unique(_complex(xy), return_inverse=True)
    target, metres = _targets(stored[first], unique, tolerance)
    moved = metres > 0
    before = np.asarray(new, dtype=object)
    while True:
        touched = np.unique(area[moved[vertex]])
        geometry = _with_vertices(before, touched, area, np.where(moved, target, unique)[vertex])
        broken = touched[~shapely.is_valid(geometry[touched])]
        broken = broken[shapely.is_valid(before[broken])]
        if not len(broken):
            break
        moved[vertex[np.isin(area, broken)]] = False
    return Aligned(geometry, int(moved.sum()), float(metres[moved].max(initial=0.0)))


def _complex(xy: Floats) -> NDArray[np.complex128]:
    """Coordinates as complex numbers: numpy sorts these an order of magnitude faster than rows."""
    return np.ascontiguousarray(xy).view(np.complex128).ravel()


def _plane(numbers: NDArray[np.complex128]) -> Floats:
    return np.column_stack((numbers.real, numbers.imag))


def _beyond(metres: float) -> float:
    """The next larger number: the trees' upper bound is not itself within it."""
    return float(np.nextafter(metres, np.inf))


def _targets(
    old: NDArray[np.complex128], new: NDArray[np.complex128], tolerance: float
) -> tuple[NDArray[np.complex128], Floats]:
    """For each sorted unique new vertex where it belongs, and how far away that is; 0 m: it stays."""
    target, metres = new.copy(), np.zeros(len(new))
    if not len(old):
        return target, metres
    free = np.flatnonzero(old[np.minimum(np.searchsorted(old, new), len(old) - 1)] != new)
    old_tree = cKDTree(_plane(old))
    away, nearest = old_tree.query(_plane(new[free]), distance_upper_bound=_beyond(tolerance), workers=-1)
    near = away <= tolerance
    free, away, nearest = free[near], away[near], nearest[near]
    if not len(free):
        return target, metres
    places = _plane(old[nearest])
    # Who else is near matters only up to where it could matter: the trees then answer in a third of the time.
    between = old_tree.query(places, k=2, distance_upper_bound=_beyond(2 * away.max()), workers=-1)[0][:, 1]
    reach = _beyond(away.max())
    rival, rival_index = cKDTree(_plane(new)).query(places, k=2, distance_upper_bound=reach, workers=-1)
    # Of two new vertices equally near to an old one neither is moved: nothing says which of them it was.
    mutual = (away < between / 2) & (rival_index[:, 0] == free) & (rival[:, 1] > rival[:, 0])
    target[free[mutual]], metres[free[mutual]] = old[nearest[mutual]], away[mutual]
    return target, metres


def _with_vertices(geometry: Objects, which: Ints, area: Ints, vertices: NDArray[np.complex128]) -> Objects:
    out = geometry.copy()
    if len(which):
        chosen = np.zeros(len(geometry), dtype=bool)
        chosen[which] = True
        out[which] = shapely.set_coordinates(geometry[which], _plane(vertices[chosen[area]]))
    return out


def compare_outlines(a: Objects, b: Objects, tolerance: float) -> tuple[Objects, Floats]:
    """For pairs of areas the class of their outlines and how far these lie apart at most, in metres.

    `identical` is the same point set (0 m) but for ring start, order, direction and vertices within 1e-9 m of the line
    between their neighbours; `same` lies within `tolerance` everywhere, `resurveyed` within three times that, `moved`
    does not. Outlines whose vertices answer each other one by one within the tolerance are measured vertex to vertex,
    which is never less than the distance of the lines. The others are measured at every vertex and, where they seem
    close, in the middle of every edge; what two lines do between such points is not seen.

    >>> square = shapely.box(0, 0, 10, 10)
    >>> others = [shapely.segmentize(square, 3), shapely.box(0, 0, 10, 10.04), shapely.box(0, 0, 10, 10.1)]
    >>> words, metres = compare_outlines(np.array([square] * 3), np.array(others), 0.05)
    >>> words.tolist(), metres.round(3).tolist()
    (['identical', 'same', 'resurveyed'], [0.0, 0.04, 0.1])
    """
    if len(a) > _AT_ONCE:
        half = len(a) // 2
        parts = (compare_outlines(a[:half], b[:half], tolerance), compare_outlines(a[half:], b[half:], tolerance))
        return np.concatenate([words for words, _ in parts]), np.concatenate([metres for _, metres in parts])
    metres = np.zeros(len(a))
    identical = np.asarray(shapely.equals_identical(a, b), dtype=bool)
    rest = np.flatnonzero(~identical)
    if len(rest):
        raw = _outlines(a[rest]), _outlines(b[rest])
        plain = _canonical(raw[0]), _canonical(raw[1])
        identical[rest] = shapely.equals_identical(*plain)
        metres[rest] = np.minimum(_vertex_to_vertex(*raw), _vertex_to_vertex(*plain))
        far = ~identical[rest] & (metres[rest] > tolerance)
        metres[rest[far]] = _apart(plain[0][far], plain[1][far], 3 * tolerance)
    metres[identical] = 0.0
    words = np.full(len(a), MOVED, dtype=object)
    words[metres <= 3 * tolerance] = RESURVEYED
    words[metres <= tolerance] = SAME
    words[identical] = IDENTICAL
    return words, metres


def shared_m2(a: Objects, b: Objects) -> Floats:
    """Square metres that areas share, pair by pair.

    Nearly coincident edges can make an overlay in full precision fail or, rarely, return an area larger than the areas
    laid over each other; these are done again on a grid of a micrometre, which cannot fail.

    >>> shared_m2(shapely.box([0, 0], 0, 10, 10), shapely.box([8, 10], 0, 20, 10)).tolist()
    [20.0, 0.0]
    """
    try:
        m2 = np.asarray(shapely.area(shapely.intersection(a, b)), dtype=float)
    except shapely.errors.GEOSException:
        if len(a) > 1:  # the fault of one pair: the others keep their precision
            half = len(a) // 2
            return np.concatenate((shared_m2(a[:half], b[:half]), shared_m2(a[half:], b[half:])))
        m2 = np.full(1, np.inf)
    wrong = m2 > np.minimum(shapely.area(a), shapely.area(b)) * (1 + 1e-9) + 1e-6
    if wrong.any():
        m2[wrong] = shapely.area(shapely.intersection(a[wrong], b[wrong], grid_size=_GRID_M))
    return m2


def _outlines(geometry: Objects) -> Objects:
    """Every area's rings as one multilinestring: what is inside follows from the rings of a valid area alone."""
    parts, part_area = shapely.get_parts(geometry, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    return np.asarray(shapely.multilinestrings(rings, indices=part_area[ring_part]), dtype=object)


def _rings(outlines: Objects) -> tuple[Floats, Ints, Ints]:
    """The vertices of outlines (each ring closed), the ring of each vertex and the area of each ring."""
    rings, area = shapely.get_parts(outlines, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    return xy, ring, area


def _canonical(outlines: Objects) -> Objects:
    """Outlines without vertices that say nothing, every ring and the rings among themselves in GEOS's normal order."""
    xy, ring, area = _rings(shapely.remove_repeated_points(outlines))
    closed = np.ones(len(xy), dtype=bool)
    closed[:-1] = ring[1:] != ring[:-1]
    xy, ring = xy[~closed], ring[~closed]
    keep = _corners(xy, ring)
    rings = np.asarray(shapely.linearrings(xy[keep], indices=ring[keep]), dtype=object)
    return np.asarray(shapely.normalize(shapely.multilinestrings(rings, indices=area)), dtype=object)


def _corners(xy: Floats, ring: Ints) -> Bools:
    """Which vertices of open rings are corners: a run of vertices goes only if all of it lies on the line that stays.

    Judged by runs and not one by one, so that a curve drawn in steps of a millimetre is not flattened away, and so
    that start and direction of the ring do not matter.
    """
    count = np.bincount(ring)
    first, last = np.cumsum(count) - count, np.cumsum(count) - 1
    before, after = np.arange(len(xy)) - 1, np.arange(len(xy)) + 1
    before[first], after[last] = last, first
    keep = _beside(xy, xy[before], xy[after]) > COLLINEAR_M
    keep |= np.bincount(ring[keep], minlength=len(count))[ring] < 3
    corners = np.flatnonzero(keep)
    doubtful = np.flatnonzero(~keep)
    own = ring[doubtful]
    place = np.searchsorted(corners, doubtful)
    from_ring, to_ring = np.searchsorted(corners, first[own]), np.searchsorted(corners, last[own], side="right") - 1
    start = corners[np.where(place > from_ring, place - 1, to_ring)]
    end = corners[np.where(place <= to_ring, np.minimum(place, len(corners) - 1), from_ring)]
    bent = _beside(xy[doubtful], xy[start], xy[end]) > COLLINEAR_M
    keep[doubtful[np.isin(start, start[bent])]] = True
    return keep


def _beside(point: Floats, start: Floats, end: Floats) -> Floats:
    """Metres from points to the segments start-end; differences first, or the magnitude of a CRS eats the digits."""
    way, to_point = end - start, point - start
    length = np.maximum((way**2).sum(axis=1), np.finfo(float).tiny)
    share = np.clip((way * to_point).sum(axis=1) / length, 0.0, 1.0)
    return np.asarray(np.hypot(*(to_point - share[:, None] * way).T), dtype=float)


def _vertex_to_vertex(a: Objects, b: Objects) -> Floats:
    """Per pair the largest distance between vertices of the same number; inf where rings differ in their vertices."""
    out = np.full(len(a), np.inf)
    equal = shapely.get_num_coordinates(a) == shapely.get_num_coordinates(b)
    equal &= shapely.get_num_geometries(a) == shapely.get_num_geometries(b)
    which = np.flatnonzero(equal)
    if not len(which):
        return out
    (a_xy, a_ring, area), (b_xy, b_ring, _) = _rings(a[which]), _rings(b[which])
    metres = np.where(a_ring == b_ring, np.hypot(*(a_xy - b_xy).T), np.inf)
    largest = np.zeros(len(which))
    np.maximum.at(largest, area[a_ring], metres)
    out[which] = largest
    return out


def _apart(a: Objects, b: Objects, close: float) -> Floats:
    """Per pair the largest distance from either outline to the other, at vertices; up to `close` in edge middles too.

    The pairs are laid side by side, each in a square of its own, so that one tree answers for all of them and the
    nearest line is always the partner's.
    """
    if not len(a):
        return np.zeros(0)
    corners = np.minimum(shapely.bounds(a)[:, :2], shapely.bounds(b)[:, :2])
    extent = np.maximum(shapely.bounds(a)[:, 2:], shapely.bounds(b)[:, 2:]) - corners
    side, columns = 3.0 * extent.max() + 1.0, int(np.ceil(np.sqrt(len(a))))
    slots = np.column_stack(np.divmod(np.arange(len(a)), columns)) * side
    out = np.zeros(len(a))
    for these, others in ((a, b), (b, a)):
        start, end, pair = _edges(these, slots - corners)
        tree = shapely.STRtree(_segments(others, slots - corners))
        _measure(tree, start, pair, out)
        near = (out <= close)[pair]
        _measure(tree, (start[near] + end[near]) / 2, pair[near], out)
    return out


def _edges(outlines: Objects, offset: Floats) -> tuple[Floats, Floats, Ints]:
    xy, ring, area = _rings(outlines)
    inner = ring[1:] == ring[:-1]
    pair = area[ring]
    xy = xy + offset[pair]
    return xy[:-1][inner], xy[1:][inner], pair[:-1][inner]


def _segments(outlines: Objects, offset: Floats) -> Objects:
    start, end, _ = _edges(outlines, offset)
    return np.asarray(shapely.linestrings(np.stack((start, end), axis=1)), dtype=object)


def _measure(tree: shapely.STRtree, places: Floats, pair: Ints, out: Floats) -> None:
    """Raise `out` of each pair to the distance of its places from the nearest line of the tree."""
    if len(places):
        (place, _), metres = tree.query_nearest(shapely.points(places), return_distance=True, all_matches=False)
        np.maximum.at(out, pair[place], metres)
