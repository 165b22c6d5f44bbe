"""The compiled list of the edges in each square of a grid."""

from __future__ import annotations

from typing import Any

from gis.assignment.compiled import compiled

__all__ = ["register"]


@compiled()
def register(edges: Any, grid: Any, counts: Any, places: Any) -> int:
    """Note each edge in every square it touches; returns the number of notes.

    grid: (west, south, side, columns, rows, margin). First call with empty `places`: adds to counts[square]. Second
    call with counts[square] = where the square's notes begin: writes the edge's number there and moves on.
    """
    west, south, side, columns, _, margin = grid
    wide = int(columns)
    notes = 0
    for k in range(len(edges)):
        ax, ay, bx, by = edges[k]
        left, right = min(ax, bx), max(ax, bx)
        low, high = min(ay, by), max(ay, by)
        first, last = int((low - margin - south) / side), int((high + margin - south) / side)
        for row in range(first, last + 1):
            start, end = left, right
            if first != last and by != ay:
                base = south + row * side
                t0 = min(max((base - margin - ay) / (by - ay), 0.0), 1.0)
                t1 = min(max((base + side + margin - ay) / (by - ay), 0.0), 1.0)
                xa, xb = ax + t0 * (bx - ax), ax + t1 * (bx - ax)
                start, end = max(left, min(xa, xb)), min(right, max(xa, xb))
            for column in range(int((start - margin - west) / side), int((end + margin - west) / side) + 1):
                square = row * wide + column
                if len(places):
                    places[counts[square]] = k
                counts[square] += 1
                notes += 1
    return notes
