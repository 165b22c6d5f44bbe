"""Where a point lies: exactly one answer per level, for many points at once.

    status   area      an area of this level covers the point (its border belongs to it)
             gap       its parent covers the point and should have children here, but none does;
                       at the coarsest level: a hole of the coverage
             outside   neither

On shared borders and overlaps alike the finest covering area with the lowest path of codes wins, and its parents are
the answer above (decision 4). A few points are decided by GEOS, many by a raster with a compiled kernel; both answer
as real arithmetic on the stored coordinates would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.areas import AreaSet, LevelAreas
from gis.assignment.borders import Borders, NearEdges, spots
from gis.assignment.exact import Doubt, edges_of, side_of
from gis.assignment.raster import AREA_CODE, GAP_CODE, OUTSIDE_CODE, Raster

__all__ = ["AREA", "GAP", "OUTSIDE", "LevelAnswer", "Located", "Locator"]

AREA: Final = "area"
OUTSIDE: Final = "outside"
GAP: Final = "gap"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]

BULK: Final = 20_000  #: points from which on the raster is worth its making
_WORDS: Final = np.array([AREA, OUTSIDE, GAP], dtype=object)  #: by code


@dataclass(frozen=True, slots=True)
class LevelAnswer:
    """The answer at one level for n points: index into the level's areas (-1 = none), status, on the border."""

    level: str
    index: NDArray[Any]
    code: Codes  #: AREA_CODE, OUTSIDE_CODE or GAP_CODE of `gis.assignment.raster`
    on_border: NDArray[np.bool_]

    @property
    def status(self) -> NDArray[np.object_]:
        """The status words, made anew at each call: of a million points take `code`."""
        return np.asarray(_WORDS[self.code], dtype=object)


@dataclass(frozen=True, slots=True)
class Located:
    """The answers for n points, coarsest level first, in the order of the points."""

    levels: tuple[LevelAnswer, ...]

    def of(self, level: str) -> LevelAnswer:
        return next(answer for answer in self.levels if answer.level == level)

    def taken(self, which: NDArray[Any]) -> Located:
        """The points `which`, a mask or positions."""
        rows = ((a.level, a.index[which], a.code[which], a.on_border[which]) for a in self.levels)
        return Located(tuple(LevelAnswer(*row) for row in rows))


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
        self._geometry = np.concatenate([np.empty(0, dtype=object), *(level.geometry for level in areas.levels)])
        self._first = np.cumsum([0, *map(len, areas.levels)])  # where each level begins in it
        self._above = tuple(np.append(level.parent_index, -1) for level in areas.levels)
        self._raster: tuple[Raster | None] | None = None
        self._lock = Lock()
        for level in areas.levels:
            shapely.prepare(level.geometry)

    def locate_many(self, x: Floats | Sequence[float], y: Floats | Sequence[float]) -> Located:
        """Locate points given in metres of the working CRS; NaN coordinates are outside."""
        east, north = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y, dtype=np.float64)
        if self._raster is None and len(east) >= BULK:
            self.build()
        raster = self._raster[0] if self._raster else None
        if raster is None:
            return self._one_by_one(east, north)
        index, code, on_border, undecided = raster.locate(east, north)
        if undecided:
            rest = np.flatnonzero(code[0] < 0)
            for depth, answer in enumerate(self._one_by_one(east[rest], north[rest]).levels):
                index[depth, rest], code[depth, rest], on_border[depth, rest] = (
                    answer.index,
                    answer.code,
                    answer.on_border,
                )
        names = [level.level for level in self.areas.levels]
        return Located(tuple(LevelAnswer(*row) for row in zip(names, index, code, on_border, strict=True)))

    def build(self, side: float | None = None) -> None:
        """Make the raster now; else it is made with the first large batch. `side`: of its squares, a power of two."""
        with self._lock:
            if self._raster is None or side:
                self._raster = (Raster.of(self.areas.levels, self._hole_array, side),)

    def _one_by_one(self, x: Floats, y: Floats) -> Located:
        """The same answers without the raster, by trees over the areas."""
        points = _points(x, y)
        found = [np.full(len(points), -1, dtype=np.int32) for _ in self.areas.levels]
        open_points = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        doubtful = self._doubtful(points, open_points, self._doubt.of(x[open_points], y[open_points]))
        for depth in range(len(found) - 1, -1, -1):
            if not len(open_points):
                break
            self._fill(depth, points, open_points, found, doubtful)
            open_points = open_points[found[depth][open_points] < 0]
        return Located(self._answers(points, found, doubtful))

    def border_distance(self, level: str, x: Floats, y: Floats) -> Floats:
        """Metres from each point to the nearest border of the level, whichever area's it is; inf without areas."""
        borders = self._borders[self._depth(level)]
        east, north = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y, dtype=np.float64)
        many = len(east) >= BULK or self._raster is not None  # part of a batch whose first part was large
        return (borders.distance_many if many else borders.distance)(east, north)

    def edges_near(self, level: str, x: Floats, y: Floats, reach: Floats) -> NearEdges:
        """The edges of the level's areas not further than reach[i] metres from point i, each of its own area."""
        return self._borders[self._depth(level)].near(np.asarray(x), np.asarray(y), reach)

    def _depth(self, level: str) -> int:
        return [areas.level for areas in self.areas.levels].index(level)

    @cached_property
    def _doubt(self) -> Doubt:
        geometry = [level.geometry for level in self.areas.levels]
        return Doubt(edges_of(np.concatenate([*geometry, self._hole_array]))[0])

    def _doubtful(self, points: NDArray[np.object_], which: Ints, size: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Points so near a border, with numbers of so different `size`, that GEOS may see them on its wrong side."""
        doubtful = np.zeros(len(points), dtype=bool)
        maybe = which[size]
        if len(maybe):
            for borders in (*self._borders, self.hole_borders):
                at, _ = borders.tree.query(points[maybe], predicate="dwithin", distance=self._doubt.near)
                doubtful[maybe[at]] = True
        return doubtful

    def _fill(
        self,
        depth: int,
        points: NDArray[np.object_],
        which: Ints,
        found: list[NDArray[np.int32]],
        doubtful: NDArray[np.bool_],
    ) -> None:
        """Answer the points `which` at this level and, through the parents, at every level above."""
        at, area = self._trees[depth].query(points[which], predicate="intersects")
        if doubtful.any():
            at, area = self._corrected(depth, points[which], doubtful[which], (at, area))
        # Areas are sorted by path in byte order, so the lowest index is the lowest path.
        best = np.full(len(which), np.iinfo(np.int64).max, dtype=np.int64)
        np.minimum.at(best, at, area)
        hit = best < np.iinfo(np.int64).max
        index, rows = best[hit], which[hit]
        for up in range(depth, -1, -1):
            found[up][rows] = index
            index = self._above[up][index]

    def _corrected(
        self, depth: int, points: NDArray[np.object_], doubtful: NDArray[np.bool_], pairs: tuple[Ints, Ints]
    ) -> tuple[Ints, Ints]:
        """Pairs of point and covering area, those of doubtful points decided anew."""
        sure = ~doubtful[pairs[0]]
        at, area = self._trees[depth].query(points[doubtful])
        geometry = self.areas.levels[depth].geometry
        rows = np.flatnonzero(doubtful)[at]
        covered = _sides(geometry[area], points[rows]) >= 0
        return np.append(pairs[0][sure], rows[covered]), np.append(pairs[1][sure], area[covered])

    def _answers(
        self, points: NDArray[np.object_], found: list[NDArray[np.int32]], doubtful: NDArray[np.bool_]
    ) -> tuple[LevelAnswer, ...]:
        answers: list[LevelAnswer] = []
        above: LevelAnswer | None = None
        borders = self._on_borders(points, np.array(found).reshape(len(found), len(points)), doubtful)
        for level, index, on_border in zip(self.areas.levels, found, borders, strict=True):
            code = np.full(len(points), AREA_CODE, dtype=np.int8)
            if (index < 0).any():
                code = np.where(index < 0, self._missing_code(points, above, doubtful), code)
            above = LevelAnswer(level.level, index, code, on_border)
            answers.append(above)
        return tuple(answers)

    def _on_borders(
        self, points: NDArray[np.object_], found: NDArray[np.int32], doubtful: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """For each level, as `found`, whether each point lies on the border of its area; all levels are asked at once,
        since one point costs little more than the asking."""
        depth, at = np.nonzero(found >= 0)
        geometry = self._geometry[self._first[depth] + found[depth, at]]
        out = np.zeros(found.shape, dtype=bool)
        out[depth, at] = shapely.touches(geometry, points[at])
        if len(again := np.flatnonzero(doubtful[at])):
            out[depth[again], at[again]] = _sides(geometry[again], points[at[again]]) == 0
        return out

    def _missing_code(
        self, points: NDArray[np.object_], above: LevelAnswer | None, doubtful: NDArray[np.bool_]
    ) -> Codes:
        """What a point without an area is at this level, from the answer above."""
        if above is None:
            code = np.full(len(points), OUTSIDE_CODE, dtype=np.int8)
            if self.holes is not None:
                code[shapely.intersects(self.holes, points)] = GAP_CODE
                again = np.flatnonzero(doubtful)
                inside = _sides(np.repeat(self._hole_array, len(again)), points[again]) >= 0
                code[again] = np.where(inside, GAP_CODE, OUTSIDE_CODE)
            return code
        parents: LevelAreas = self.areas.levels[self._depth(above.level)]
        code = above.code.copy()
        inside = above.code == AREA_CODE
        code[inside] = np.where(parents.has_children[above.index[inside]], GAP_CODE, OUTSIDE_CODE)
        return code

    @cached_property
    def _hole_array(self) -> NDArray[np.object_]:
        return np.array([] if self.holes is None else [self.holes], dtype=object)

    @cached_property
    def holes(self) -> shapely.MultiPolygon | None:
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
    def _borders(self) -> tuple[Borders, ...]:
        return tuple(Borders(level.geometry) for level in self.areas.levels)

    @cached_property
    def hole_borders(self) -> Borders:
        """The borders of the holes, each ring on its own."""
        return Borders(self._hole_array)

    def __getstate__(self) -> AreaSet:
        return self.areas

    def __setstate__(self, areas: AreaSet) -> None:
        self.__init__(areas)  # type: ignore[misc]


def _points(x: Floats | Sequence[float], y: Floats | Sequence[float]) -> NDArray[np.object_]:
    return spots(np.asarray(x, dtype=float), np.asarray(y, dtype=float))


def _sides(geometry: NDArray[np.object_], points: NDArray[np.object_]) -> Ints:
    """The exact side of each point in its area: 1 inside, 0 on the border, -1 outside."""
    sides = [side_of(edges_of(np.array([g]))[0], point.x, point.y) for g, point in zip(geometry, points, strict=True)]
    return np.array(sides, dtype=np.int64)
