"""Where a point lies: exactly one answer per level, for many points at once.

    status   area      an area of this level covers the point (its border belongs to it)
             gap       its parent covers the point and should have children here, but none does;
                       at the coarsest level: a hole of the coverage
             outside   neither

On shared borders and overlaps alike the finest covering area with the lowest path of codes wins, and its parents are
the answer above (decision 4). The predicates are GEOS's, which are exact on the stored coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.areas import AreaSet, LevelAreas

__all__ = ["AREA", "GAP", "OUTSIDE", "LevelAnswer", "Located", "Locator"]

AREA: Final = "area"
OUTSIDE: Final = "outside"
GAP: Final = "gap"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LevelAnswer:
    """The answer at one level for n points: index into the level's areas (-1 = none), status words, on the border."""

    level: str
    index: Ints
    status: NDArray[np.object_]
    on_border: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Located:
    """The answers for n points, coarsest level first, in the order of the points."""

    levels: tuple[LevelAnswer, ...]

    def of(self, level: str) -> LevelAnswer:
        return next(answer for answer in self.levels if answer.level == level)


class Locator:
    """Immutable index over one set of areas; safe to share between threads and to pickle.

    >>> squares, codes = shapely.box([0, 10], 0, [10, 20], 10), np.array(["01", "02"], dtype=object)
    >>> level = LevelAreas("street", np.array([1, 2]), codes, codes, codes, codes, np.array([-1, -1]),
    ...     np.array([False, False]), shapely.area(squares), squares)
    >>> answer = Locator(AreaSet(1, (level,))).locate_many([5.0, 10.0, 25.0], [5.0, 5.0, 5.0]).levels[0]
    >>> answer.status.tolist(), answer.on_border.tolist(), answer.index.tolist()
    (['area', 'area', 'outside'], [False, True, False], [0, 0, -1])
    """

    def __init__(self, areas: AreaSet) -> None:
        self.areas = areas
        self._trees = tuple(shapely.STRtree(level.geometry) for level in areas.levels)
        for level in areas.levels:
            shapely.prepare(level.geometry)

    def locate_many(self, x: Floats | Sequence[float], y: Floats | Sequence[float]) -> Located:
        """Locate points given in metres of the working CRS; NaN coordinates are outside."""
        points = _points(x, y)
        found = [np.full(len(points), -1, dtype=np.int64) for _ in self.areas.levels]
        open_points = np.flatnonzero(~shapely.is_empty(points) & np.isfinite(shapely.get_x(points)))
        for depth in range(len(found) - 1, -1, -1):
            self._fill(depth, points, open_points, found)
            open_points = open_points[found[depth][open_points] < 0]
        return Located(self._answers(points, found))

    def border_distance(self, level: str, x: Floats, y: Floats) -> Floats:
        """Metres from each point to the nearest border of the level, whichever area's it is; inf without areas."""
        points = _points(x, y)
        out = np.full(len(points), np.inf)
        tree, lines = self._border_trees[self._depth(level)]
        if len(lines):
            (at, _), metres = tree.query_nearest(points, return_distance=True, all_matches=False)
            out[at] = metres
        return out

    def neighbours(self, level: str, x: Floats, y: Floats, within: Floats, own: Ints) -> Ints:
        """The nearest area of the level other than `own`, not further than `within` metres; -1 where there is none."""
        points = _points(x, y)
        depth = self._depth(level)
        geometry = self.areas.levels[depth].geometry
        at, area = self._trees[depth].query(points, predicate="dwithin", distance=within)
        keep = area != own[at]
        at, area = at[keep], area[keep]
        metres = shapely.distance(points[at], geometry[area])
        order = np.lexsort((area, metres, at))
        first = order[np.unique(at[order], return_index=True)[1]] if len(order) else order
        out = np.full(len(points), -1, dtype=np.int64)
        out[at[first]] = area[first]
        return out

    def _depth(self, level: str) -> int:
        return [areas.level for areas in self.areas.levels].index(level)

    def _fill(self, depth: int, points: NDArray[np.object_], which: Ints, found: list[Ints]) -> None:
        """Answer the points `which` at this level and, through the parents, at every level above."""
        at, area = self._trees[depth].query(points[which], predicate="intersects")
        # Areas are sorted by path in byte order, so the lowest index is the lowest path.
        best = np.full(len(which), np.iinfo(np.int64).max, dtype=np.int64)
        np.minimum.at(best, at, area)
        hit = best < np.iinfo(np.int64).max
        index, rows = best[hit], which[hit]
        for up in range(depth, -1, -1):
            found[up][rows] = index
            known = index >= 0
            index = np.where(known, self.areas.levels[up].parent_index[np.where(known, index, 0)], -1)

    def _answers(self, points: NDArray[np.object_], found: list[Ints]) -> tuple[LevelAnswer, ...]:
        answers: list[LevelAnswer] = []
        above: LevelAnswer | None = None
        for level, index in zip(self.areas.levels, found, strict=True):
            hit = np.flatnonzero(index >= 0)
            on_border = np.zeros(len(points), dtype=bool)
            on_border[hit] = shapely.touches(level.geometry[index[hit]], points[hit])
            status = self._missing_status(points, above)
            status[hit] = AREA
            above = LevelAnswer(level.level, index, status, on_border)
            answers.append(above)
        return tuple(answers)

    def _missing_status(self, points: NDArray[np.object_], above: LevelAnswer | None) -> NDArray[np.object_]:
        """What a point without an area is at this level, from the answer above."""
        if above is None:
            status = np.full(len(points), OUTSIDE, dtype=object)
            if self._holes is not None:
                status[shapely.intersects(self._holes, points)] = GAP
            return status
        parents: LevelAreas = self.areas.levels[self._depth(above.level)]
        status = above.status.copy()
        inside = above.status == AREA
        status[inside] = np.where(parents.has_children[above.index[inside]], GAP, OUTSIDE)
        return status

    @cached_property
    def _holes(self) -> shapely.MultiPolygon | None:
        """The holes of the coarsest level's coverage; None when there are none."""
        if not self.areas.levels or not len(self.areas.levels[0]):
            return None
        outline = shapely.union_all(self.areas.levels[0].geometry)
        rings = [ring for polygon in shapely.get_parts(outline) for ring in polygon.interiors]
        holes = shapely.multipolygons(shapely.polygons(rings)) if rings else None
        if holes is not None:
            shapely.prepare(holes)
        return holes

    @cached_property
    def _border_trees(self) -> tuple[tuple[shapely.STRtree, NDArray[np.object_]], ...]:
        """For each level a tree over short pieces of its borders: a street's whole ring would be one slow leaf."""
        return tuple(_pieces(level.geometry) for level in self.areas.levels)

    def __getstate__(self) -> AreaSet:
        return self.areas

    def __setstate__(self, areas: AreaSet) -> None:
        self.__init__(areas)  # type: ignore[misc]


def _points(x: Floats | Sequence[float], y: Floats | Sequence[float]) -> NDArray[np.object_]:
    return np.asarray(shapely.points(np.asarray(x, dtype=float), np.asarray(y, dtype=float)), dtype=object)


def _pieces(geometry: NDArray[np.object_], *, steps: int = 8) -> tuple[shapely.STRtree, NDArray[np.object_]]:
    """Cut rings into lines of at most `steps` segments; neighbours share their end vertex."""
    rings = shapely.get_rings(shapely.get_parts(geometry))  # of a multipolygon itself there would be none
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    count = np.bincount(ring_of, minlength=len(rings)) if len(rings) else np.zeros(0, dtype=np.int64)
    first = np.concatenate(([0], np.cumsum(count)))[:-1].astype(np.int64)
    pieces = -(-(count - 1) // steps)
    ring = np.repeat(np.arange(len(rings)), pieces)
    number = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    start = first[ring] + number * steps
    stop = np.minimum(start + steps + 1, first[ring] + count[ring])
    length = stop - start
    line_of = np.repeat(np.arange(len(length)), length)
    position = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length) + start[line_of]
    lines = shapely.linestrings(coordinates[position], indices=line_of) if len(length) else np.array([], dtype=object)
    return shapely.STRtree(lines), lines
