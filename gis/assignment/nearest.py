"""The compiled search for the nearest edge: from the point's own square outwards, ring by ring of squares."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from gis.assignment.compiled import compiled

__all__ = ["distances"]


@compiled(parallel=True)
def distances(points: Any, grid: Any, numbers: Any, ends: Any, edges: Any, out: Any) -> None:
    """Metres from each point to the nearest edge, into `out`; inf for NaN coordinates.

    grid: (west, south, side, columns, rows, margin). numbers: the edges in each square, square after square; those of
    square k end at ends[k].
    """
    x, y = points
    for i in numba.prange(len(x)):
        if np.isfinite(x[i]) and np.isfinite(y[i]):
            out[i] = np.sqrt(_search((x[i], y[i]), grid, numbers, ends, edges))
        else:
            out[i] = np.inf


@compiled()
def _search(point: Any, grid: Any, numbers: Any, ends: Any, edges: Any) -> float:
    """The square of the distance. From a point outside of the squares, nothing is nearer than from its foot on them."""
    west, south, side, columns, rows, margin = grid
    x = min(max(point[0], west), west + columns * side)
    y = min(max(point[1], south), south + rows * side)
    column, row = min(int((x - west) / side), int(columns) - 1), min(int((y - south) / side), int(rows) - 1)
    dx, dy = x - (west + column * side), y - (south + row * side)
    rim = min(dx, side - dx, dy, side - dy) - margin
    best = np.inf
    for ring in range(max(columns, rows)):
        passed = rim + (ring - 1) * side  # all that is nearer than this has been seen
        if passed > 0.0 and best <= passed * passed:
            break
        for r in range(max(row - ring, 0), min(row + ring, int(rows) - 1) + 1):
            step = 1 if abs(r - row) == ring else max(2 * ring, 1)
            for c in range(column - ring, column + ring + 1, step):
                if 0 <= c < columns:
                    best = min(best, _least(point, r * int(columns) + c, numbers, ends, edges))
    return best


@compiled()
def _least(point: Any, square: int, numbers: Any, ends: Any, edges: Any) -> float:
    x, y = point
    best = np.inf
    for k in range(ends[square - 1] if square else 0, ends[square]):
        e = numbers[k]
        ax, ay = edges[e, 0] - x, edges[e, 1] - y
        ex, ey = edges[e, 2] - edges[e, 0], edges[e, 3] - edges[e, 1]
        t = min(max(-(ax * ex + ay * ey) / (ex * ex + ey * ey), 0.0), 1.0)
        dx, dy = ax + t * ex, ay + t * ey
        best = min(best, dx * dx + dy * dy)
    return best
