"""Places in words: each area is called after the landmark or road that is nearest to its middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.areas import Feature

__all__ = ["Named", "name_places"]

#: a landmark nearer than this is a better name than the road along the block
_LANDMARK_WITHIN_M = 150.0


@dataclass(frozen=True, slots=True)
class Named:
    """For n points: index of the feature each is called after, -1 where there is none at all."""

    features: Sequence[Feature]
    index: NDArray[np.int64]


def name_places(features: Sequence[Feature], x: NDArray[np.float64], y: NDArray[np.float64]) -> Named:
    """Name n points (metres, working CRS) after a landmark within 150 m, else the nearest named road.

    >>> road = Feature("road", "R1", "长江路", "Changjiang Road", "", None, shapely.LineString([(0, 0), (100, 0)]))
    >>> name_places([road], np.array([50.0]), np.array([30.0])).index.tolist()
    [0]
    """
    points = np.asarray(shapely.points(x, y), dtype=object)
    out = np.full(len(points), -1, dtype=np.int64)
    for layer, within in (("road", np.inf), ("landmark", _LANDMARK_WITHIN_M)):
        which = np.array([i for i, f in enumerate(features) if f.layer == layer and f.name], dtype=np.int64)
        if not len(which) or not len(points):
            continue
        tree = shapely.STRtree([features[i].geometry for i in which])
        limit = None if np.isinf(within) else within
        at, found = tree.query_nearest(points, max_distance=limit, all_matches=False)
        out[at] = which[found]
    return Named(features, out)
