"""What lies around a spot: the named things of a release's map, for many points at once.

an area (market, compound, river bed)   is around every point that it covers, its edge included
a line (road, river)                    is around every point within half its width of it
a point (landmark)                      is around nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.areas import Feature

__all__ = ["REACH_M", "Places"]

REACH_M: Final = 5.0  #: how far a line without a width reaches to either side

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objects = NDArray[np.object_]


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
        self._area_tree = shapely.STRtree(areas)
        # A box holds the points that a piece reaches, and, being grown by a millimetre, those that rounding would lose.
        low, high = np.split(shapely.bounds(lines).reshape(-1, 4), 2, axis=1)
        grown = self._reach[:, None] + 0.001
        self._line_tree = shapely.STRtree(np.asarray(shapely.box(*(low - grown).T, *(high + grown).T), dtype=object))

    def around(self, x: Floats | Sequence[float], y: Floats | Sequence[float]) -> tuple[Ints, Ints]:
        """The places around n points in metres of the working CRS, as pairs (point, feature) in that order.

        NaN coordinates are around nothing.
        """
        points = np.asarray(shapely.points(np.asarray(x, dtype=float), np.asarray(y, dtype=float)), dtype=object)
        found = [np.empty(0, dtype=np.int64)]
        at, piece = self._area_tree.query(points)
        hit = shapely.intersects(self._areas[piece], points[at])
        found.append(at[hit] * len(self.features) + self._area_of[piece[hit]])
        at, piece = self._line_tree.query(points)
        hit = shapely.dwithin(self._lines[piece], points[at], self._reach[piece])
        found.append(at[hit] * len(self.features) + self._line_of[piece[hit]])
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
