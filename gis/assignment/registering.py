"""The compiled lists of what is in each square of a grid: its edges, and the record of each crossed one."""

from __future__ import annotations

from typing import Any

import numpy as np

from gis.assignment.compiled import compiled

__all__ = ["make_records", "register"]


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


@compiled()
def make_records(edges: Any, owner: Any, noted: Any, covering: Any, out: Any) -> Any:
    """Make the records of all crossed squares: who may answer there, by which edges; returns how many of each.

    noted, covering: the edges and the covering areas of all crossed squares, and where those of each square end.
    out: segments (n, 4), their masks (n), areas (m), heads (k, 4) = (first segment, first area, numbers of both, mask
    of the areas that cover the corner). A segment that several areas share is kept once, with the bits of all.
    A square with more areas than a mask has bits gets 0 areas: its points are not decided here.
    """
    notes, note_ends = noted
    covers, cover_ends = covering
    segments, masks, areas, heads = out
    s = a = 0
    for k in range(len(heads)):
        n0 = note_ends[k - 1] if k else 0
        c0 = cover_ends[k - 1] if k else 0
        n1, c1 = note_ends[k], cover_ends[k]
        s0, a0 = s, a
        corner = np.uint64(0)
        closed = False
        while n0 < n1 or c0 < c1:
            by_edge = owner[notes[n0]] if n0 < n1 else 2147483647
            by_cover = covers[c0] if c0 < c1 else 2147483647
            g = min(by_edge, by_cover)
            bit = np.uint64(1) << np.uint64((a - a0) & 63)
            if by_cover == g:
                c0 += 1
                if closed and by_edge != g:
                    continue
                corner |= bit
                closed = closed or by_edge != g
            while n0 < n1 and owner[notes[n0]] == g:
                s = _add_segment(edges[notes[n0]], bit, segments, masks, s0, s)
                n0 += 1
            areas[a] = g
            a += 1
        if a - a0 > 64:
            s, a = s0, a0
        heads[k, 0], heads[k, 1] = s0, a0
        heads[k, 2] = (s - s0) | ((a - a0) << 32)
        heads[k, 3] = np.int64(corner)
    return s, a


@compiled()
def _add_segment(edge: Any, bit: Any, segments: Any, masks: Any, first: int, n: int) -> int:
    """Keep an edge, or add its bit to the same edge of another area; returns the new number of segments."""
    ax, ay, bx, by = edge
    for i in range(max(first, n - 64), n):
        cx, cy, dx, dy = segments[i]
        same = (cx == ax) & (cy == ay) & (dx == bx) & (dy == by)
        back = (cx == bx) & (cy == by) & (dx == ax) & (dy == ay)
        if (same or back) and not masks[i] & bit:
            masks[i] |= bit
            return n
    segments[n] = edge
    masks[n] = bit
    return n + 1
