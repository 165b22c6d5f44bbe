"""What lies around a spot: the named things of a release's map, for many points at once.

an area (market, compound, river bed)   is around every point that it covers, its edge included
a line (road, river)                    is around every point within half its width of it
a point (landmark)                      is around nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.areas import Feature
from gis.assignment.borders import spots

__all__ = ["REACH_M", "Boxes", "Places"]

REACH_M: Final = 5.0  #: how far a line without a width reaches to either side

_SIDES: Final = 1024  #: squares along the longer side of all boxes
_NOTES: Final = 1 << 22  #: of boxes in squares: 32 MB

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objects = NDArray[np.object_]


class Boxes:
    """Which boxes hold each of many points: squares with the boxes that touch them, without an object for a point.

    A tree of GEOS asks for one, and making it costs more than looking up where it lies.

    >>> boxes = Boxes(np.array([[0.0, 0.0], [5.0, 5.0]]), np.array([[10.0, 10.0], [6.0, 6.0]]))
    >>> [found.tolist() for found in boxes.around(np.array([5.5, 1.0, 30.0, np.nan]), np.array([5.5, 1.0, 1.0, 1.0]))]
    [[0, 0, 1], [0, 1, 0]]
    """

    def __init__(self, low: Floats, high: Floats) -> None:
        self._low, self._high = low, high
        some = len(low) > 0
        self._base = low.min(axis=0) if some else np.zeros(2)
        extent = float((high.max(axis=0) - self._base).max()) if some else 1.0
        self._side = extent / _SIDES
        while _touched(low - self._base, high - self._base, self._side)[1].prod(axis=1).sum() > _NOTES:
            self._side *= 2.0  # a few boxes as large as the city would fill the memory
        first, many = _touched(low - self._base, high - self._base, self._side)
        self._columns = int((first[:, 0] + many[:, 0]).max()) if some else 0
        self._rows = int((first[:, 1] + many[:, 1]).max()) if some else 0
        times = many.prod(axis=1)
        box = np.repeat(np.arange(len(low)), times)
        nth = np.arange(len(box)) - np.repeat(np.cumsum(times) - times, times)
        square = (first[box, 1] + nth // many[box, 0]) * self._columns + first[box, 0] + nth % many[box, 0]
        order = np.argsort(square, kind="stable")
        self._box = box[order]
        self._ends = np.concatenate([[0], np.cumsum(np.bincount(square, minlength=self._columns * self._rows))])

    def around(self, x: Floats, y: Floats) -> tuple[Ints, Ints]:
        """Pairs (point, box) of n points and the boxes that hold them, in the order of the points."""
        column, row = (x - self._base[0]) / self._side, (y - self._base[1]) / self._side
        inside = (column >= 0) & (column < self._columns) & (row >= 0) & (row < self._rows)
        point = np.flatnonzero(inside)
        square = row[point].astype(np.int64) * self._columns + column[point].astype(np.int64)
        first, times = self._ends[square], self._ends[square + 1] - self._ends[square]
        at = np.repeat(point, times)
        box = self._box[np.arange(len(at)) + np.repeat(first - np.cumsum(times) + times, times)]
        here = (x[at] >= self._low[box, 0]) & (x[at] <= self._high[box, 0])
        here &= (y[at] >= self._low[box, 1]) & (y[at] <= self._high[box, 1])
        return at[here], box[here]


def _touched(low: Floats, high: Floats, side: float) -> tuple[Ints, Ints]:
    """The first square, and the number of squares, that each box touches along each axis."""
    first = np.floor(low / side).astype(np.int64)
    return first, np.floor(high / side).astype(np.int64) - first + 1


class Places:
    """Immutable index over the map features of one release; safe to share between threads and to pickle.

    `features` and `words` ('layer:code') are in the order of the words, which is what an index of a feature means.

    >>> market = Feature("market", "SC1", "市场", "Market", "", None, shapely.box(0, 0, 100, 100))
    >>> road = Feature("road", "DL1", "大道", "Avenue", "", 20.0, shapely.LineString([(0, 105), (300, 105)]))
    >>> places = Places([road, market])
    >>> point, feature = places.around([50.0, 50.0, 200.0, 200.0], [50.0, 98.0, 95.0, 94.9])
    >>> point.tolist(), places.words[feature].tolist()
    ([0, 1, 1, 2], ['market:SC1', 'market:SC1', 'road:DL1', 'road:DL1'])
    >>> places.matches("road", point, feature, 4).tolist()
    [False, True, True, False]
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(sorted(features, key=lambda f: f"{f.layer}:{f.code}"))
        self.words: Objects = np.array([f"{f.layer}:{f.code}" for f in self.features], dtype=object)
        self._layers = np.array([f.layer for f in self.features], dtype=object)
        areas, area_of, lines, line_of = _pieces([f.geometry for f in self.features])
        shapely.prepare(areas)
        reach = np.array([f.width_m / 2.0 if f.width_m and f.width_m > 0.0 else REACH_M for f in self.features])
        self._areas, self._lines = areas, lines
        self._area_of, self._line_of = area_of, line_of
        self._reach = reach[line_of]
        # A box holds the points that a piece reaches, and, being grown by a millimetre, those that rounding would lose.
        bounds = shapely.bounds(np.concatenate([areas, lines])).reshape(-1, 4)
        grown = np.concatenate([np.zeros(len(areas)), self._reach])[:, None] + 0.001
        self._boxes = Boxes(bounds[:, :2] - grown, bounds[:, 2:] + grown)

    def around(self, x: Floats | Sequence[float], y: Floats | Sequence[float]) -> tuple[Ints, Ints]:
        """The places around n points in metres of the working CRS, as pairs (point, feature) in that order.

        NaN coordinates are around nothing.
        """
        east, north = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        at, piece = self._boxes.around(east, north)
        if not len(at):
            return at, at
        area = piece < len(self._areas)
        in_area, of_area = at[area], piece[area]
        hit = shapely.intersects_xy(self._areas[of_area], east[in_area], north[in_area])
        found = [in_area[hit] * len(self.features) + self._area_of[of_area[hit]]]
        if not area.all():
            by_line, of_line = at[~area], piece[~area] - len(self._areas)
            points = spots(east[by_line], north[by_line])
            reach: Any = self._reach[of_line]
            hit = shapely.dwithin(self._lines[of_line], points, reach)
            found.append(by_line[hit] * len(self.features) + self._line_of[of_line[hit]])
        pairs = np.unique(np.concatenate(found))
        return pairs // max(len(self.features), 1), pairs % max(len(self.features), 1)

    def matches(self, word: str, point: Ints, feature: Ints, n: int) -> NDArray[np.bool_]:
        """Which of n points have a place that a rule's `place` names, among the pairs that `around` gave.

        '' names every point, 'market' any place of that layer, 'road:DL0012' that one place.
        """
        if not word:
            return np.ones(n, dtype=bool)
        named = np.asarray((self.words if ":" in word else self._layers) == word, dtype=bool)
        out = np.zeros(n, dtype=bool)
        out[point[named[feature]]] = True
        return out

    def __getstate__(self) -> tuple[Feature, ...]:
        return self.features

    def __setstate__(self, features: tuple[Feature, ...]) -> None:
        self.__init__(features)  # type: ignore[misc]


def _pieces(geometry: Sequence[object]) -> tuple[Objects, Ints, Objects, Ints]:
    """The polygons and the single segments of lines, each with the index of the geometry that it is a piece of."""
    parts, of = shapely.get_parts(np.array(geometry, dtype=object), return_index=True)
    filled = ~shapely.is_empty(parts)
    dimension = shapely.get_dimensions(parts)
    area, line = filled & (dimension == 2), filled & (dimension == 1)
    # A whole road's box is mostly ground beside the road; that of one segment is not.
    ends, line_of = shapely.get_coordinates(parts[line], return_index=True)
    joined = np.flatnonzero(line_of[1:] == line_of[:-1])
    segments = shapely.linestrings(np.stack([ends[joined], ends[joined + 1]], axis=1))
    return parts[area], of[area], np.asarray(segments, dtype=object), of[line][line_of[joined]]
