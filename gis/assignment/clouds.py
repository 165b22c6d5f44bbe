"""The cloud of a position over the areas of one level: shares of the error area, gaps of the coverage included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gis.assignment.borders import NearEdges
from gis.assignment.locator import Located, Locator
from gis.assignment.raster import GAP_CODE
from gis.assignment.uncertainty import GAP, OUTSIDE, REACH, Edges, Shares, shares

__all__ = ["area_shares"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def area_shares(
    locator: Locator, level: str, x: Floats, y: Floats, sigma: Floats, located: Located | None = None
) -> Shares:
    """The share of the error area of each point (x, y, σ in metres of the working CRS) in each area of a level.

    Holes of the coarsest level's coverage are gaps; at finer levels what no area covers is outside. `located` is where
    the points themselves lie, if that is known already.

    >>> import shapely
    >>> from gis.areas import AreaSet, LevelAreas
    >>> squares, codes = shapely.box([0, 100], 0, [100, 200], 100), np.array(["01", "02"], dtype=object)
    >>> streets = LevelAreas("street", np.array([1, 2]), codes, codes, codes, codes, np.array([-1, -1]),
    ...     np.array([False, False]), shapely.area(squares), squares)
    >>> locator, at = Locator(AreaSet(1, (streets,))), (np.array([95.0]), np.array([50.0]))
    >>> found = area_shares(locator, "street", *at, np.array([5.0]))
    >>> found.area.tolist(), found.share.round(3).tolist()
    ([0, 1], [0.841, 0.159])
    """
    edges = locator.edges_near(level, x, y, REACH * sigma)
    depth = [areas.level for areas in locator.areas.levels].index(level)
    near = _as_edges(edges, edges.area)
    if depth == 0 and locator.holes is not None:
        holes = locator.hole_borders.near(x, y, REACH * sigma)
        near = _joined(near, _as_edges(holes, np.full(len(holes.point), GAP)))

    def locate(x: Floats, y: Floats) -> Ints:
        return _index_at(locator.locate_many(x, y), depth)

    inside = locate(x, y) if located is None else _index_at(located, depth)
    return shares(near, x, y, inside, sigma, locate)


def _index_at(located: Located, depth: int) -> Ints:
    answer = located.levels[depth]
    nowhere = np.where((answer.code == GAP_CODE) & (depth == 0), GAP, OUTSIDE)
    return np.where(answer.index >= 0, answer.index, nowhere).astype(np.int64)


def _as_edges(near: NearEdges, area: Ints) -> Edges:
    return Edges(near.point, area, near.a[:, 0], near.a[:, 1], near.b[:, 0], near.b[:, 1])


def _joined(one: Edges, two: Edges) -> Edges:
    return Edges(*(np.concatenate([getattr(one, name), getattr(two, name)]) for name in Edges.__slots__))
