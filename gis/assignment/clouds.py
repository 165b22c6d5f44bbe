"""The cloud of a position over the areas of one level: shares of the error area, gaps of the coverage included."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.assignment.locator import GAP as GAP_STATUS
from gis.assignment.locator import Locator
from gis.assignment.uncertainty import GAP, OUTSIDE, REACH, Edges, Shares, shares

__all__ = ["area_shares"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def area_shares(locator: Locator, level: str, x: Floats, y: Floats, sigma: Floats) -> Shares:
    """The share of the error area of each point (x, y, σ in metres of the working CRS) in each area of a level.

    Holes of the coarsest level's coverage are gaps; at finer levels what no area covers is outside.
    """
    depth = [areas.level for areas in locator.areas.levels].index(level)
    edges = _near(locator.areas.levels[depth].geometry, x, y, REACH * sigma)
    if depth == 0 and locator.holes is not None:
        edges = _joined(edges, _edges_of(locator.holes, x, y, REACH * sigma))
    locate = _index_at(locator, depth)
    return shares(edges, x, y, locate(x, y), sigma, locate)


def _index_at(locator: Locator, depth: int) -> Callable[[Floats, Floats], Ints]:
    def locate(x: Floats, y: Floats) -> Ints:
        answer = locator.locate_many(x, y).levels[depth]
        nowhere = np.where((answer.status == GAP_STATUS) & (depth == 0), GAP, OUTSIDE)
        return np.where(answer.index >= 0, answer.index, nowhere).astype(np.int64)

    return locate


def _edges_of(holes: shapely.MultiPolygon, x: Floats, y: Floats, reach: Floats) -> Edges:
    """The edges of the holes near each point, interior on the left."""
    rings = shapely.get_rings(shapely.orient_polygons(shapely.get_parts(holes)))
    ends, ring = shapely.get_coordinates(rings, return_index=True)
    start = np.flatnonzero(ring[1:] == ring[:-1])
    lines = shapely.linestrings(np.stack([ends[start], ends[start + 1]], axis=1))
    at, which = shapely.STRtree(lines).query(shapely.points(x, y), predicate="dwithin", distance=reach)
    a, b = ends[start[which]], ends[start[which] + 1]
    return Edges(at, np.full(len(at), GAP), a[:, 0], a[:, 1], b[:, 0], b[:, 1])


def _joined(one: Edges, two: Edges) -> Edges:
    columns = [np.concatenate([getattr(one, name), getattr(two, name)]) for name in Edges.__slots__]
    order = np.argsort(columns[0], kind="stable")
    return Edges(*(column[order] for column in columns))


def _near(geometry, x, y, reach):
    parts, of = shapely.get_parts(geometry, return_index=True)
    rings, ring_of = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
    ends, ring = shapely.get_coordinates(rings, return_index=True)
    start = np.flatnonzero(ring[1:] == ring[:-1])
    lines = shapely.linestrings(np.stack([ends[start], ends[start + 1]], axis=1))
    at, which = shapely.STRtree(lines).query(shapely.points(x, y), predicate="dwithin", distance=reach)
    order = np.argsort(at, kind="stable")
    at, which = at[order], which[order]
    a, b = ends[start[which]], ends[start[which] + 1]
    return Edges(at, of[ring_of[ring[start[which]]]], a[:, 0], a[:, 1], b[:, 0], b[:, 1])
