"""The borders of one level: how far the nearest one is, and which edges are near.

A tree holds them in short pieces (a street's whole ring would be one slow leaf); for many points there are squares with
the edges in each, and a compiled search.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.assignment.exact import edges_of
from gis.assignment.raster import grid_of

__all__ = ["Borders", "NearEdges", "spots"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PIECE = 8  #: edges in a piece of border


@dataclass(frozen=True, slots=True)
class NearEdges:
    """Pairs of a point and an edge near it, sorted by point: columns of one length.

    `a` and `b` are the ends as (k, 2); the area, given by its index in the level, lies on the left from a to b.
    """

    point: Ints
    a: Floats
    b: Floats
    area: Ints


def spots(x: Floats, y: Floats) -> NDArray[np.object_]:
    """Points of these coordinates. (GEOS is given pairs: broadcasting two columns costs one point more than itself.)

    >>> [point.wkt for point in spots(np.array([1.0, 3.0]), np.array([2.0, 4.0]))]
    ['POINT (1 2)', 'POINT (3 4)']
    """
    return np.asarray(shapely.points(np.array([x, y]).T), dtype=object)


class Borders:
    """All edges of some polygons; immutable."""

    def __init__(self, geometry: NDArray[np.object_]) -> None:
        self._edges, self._owner = edges_of(shapely.orient_polygons(geometry))

    @property
    def tree(self) -> shapely.STRtree:
        """A tree over pieces of at most PIECE edges that follow each other in a ring."""
        return self._pieces[0]

    @cached_property
    def _pieces(self) -> tuple[shapely.STRtree, Ints]:
        """The tree, and the first edge of each piece, then the number of all."""
        e = self._edges
        follows = np.any(e[1:, :2] != e[:-1, 2:], axis=1) | (self._owner[1:] != self._owner[:-1])
        start = np.concatenate([[0], np.flatnonzero(follows) + 1]) if len(e) else np.empty(0, dtype=np.int64)
        nth = np.arange(len(e)) - np.repeat(start, np.diff(np.append(start, len(e))))
        first = np.flatnonzero(nth % PIECE == 0)
        bounds = np.append(first, len(e))
        piece = np.repeat(np.arange(len(first)), np.diff(bounds))
        last = bounds[1:] - 1
        ends = np.concatenate([e[:, :2], e[last, 2:]])
        of = np.concatenate([piece, np.arange(len(first))])
        order = np.argsort(of, kind="stable")
        lines: Any = shapely.linestrings(ends[order], indices=of[order]) if len(e) else np.array([], dtype=object)
        return shapely.STRtree(lines), bounds

    def distance(self, x: Floats, y: Floats) -> Floats:
        """Metres to the nearest edge, by the tree; inf without edges and for NaN."""
        out = np.full(len(x), np.inf)
        if len(self._edges):
            (at, _), metres = self.tree.query_nearest(spots(x, y), return_distance=True, all_matches=False)
            out[at] = metres
        return out

    def distance_many(self, x: Floats, y: Floats) -> Floats:
        """The same for many points, to float rounding."""
        if not len(self._edges):
            return np.full(len(x), np.inf)
        from gis.assignment.nearest import distances

        out = np.empty(len(x))
        distances((x, y), *self._squares, self._edges, out)
        return out

    def near(self, x: Floats, y: Floats, reach: Floats) -> NearEdges:
        """The edges not further than reach[i] metres from point i; a point with NaN has none."""
        tree, first = self._pieces
        asked = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        far = np.broadcast_to(reach, np.shape(x))
        at, piece = tree.query(spots(x[asked], y[asked]), predicate="dwithin", distance=far[asked])
        at, count = asked[at], np.diff(first)[piece]
        point = np.repeat(at, count)
        edge = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first[piece], count)
        ax, ay, bx, by = self._edges[edge].T
        dx, dy, px, py = bx - ax, by - ay, x[point] - ax, y[point] - ay
        t = np.clip((px * dx + py * dy) / (dx * dx + dy * dy), 0.0, 1.0)
        keep = np.hypot(t * dx - px, t * dy - py) <= far[point]
        point, edge = point[keep], edge[keep]
        order = np.lexsort((edge, point))
        point, edge = point[order], edge[order]
        near = self._edges[edge]
        return NearEdges(point, near[:, :2], near[:, 2:], self._owner[edge])

    @cached_property
    def _squares(self) -> tuple[tuple[float, ...], NDArray[np.int32], NDArray[np.int32]]:
        """Squares, their side a fraction of the usual distance between borders: grid, edges in them, where they end."""
        from gis.assignment.registering import register

        edges: Any = self._edges
        extent = np.maximum(np.ptp(edges.reshape(-1, 2), axis=0), 1e-9)
        length = np.hypot(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1]).sum() / 2.0
        wanted = max(extent.prod() / length / 4.0, np.sqrt(extent.prod()) / 2048.0, extent.max() / 65536.0)
        grid = grid_of(edges, float(2.0 ** np.round(np.log2(wanted))))
        counts = np.zeros(int(grid[3] * grid[4]), dtype=np.int32)
        total = register(edges, grid, counts, np.empty(0, dtype=np.int32))
        ends = np.cumsum(counts, dtype=np.int32)
        begins = ends - counts
        numbers = np.empty(total, dtype=np.int32)
        register(edges, grid, begins, numbers)
        return grid, numbers, ends
