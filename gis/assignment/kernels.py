"""The compiled part of the locator: the raster is filled and asked here. Everything is exact on the stored doubles.

The raster's squares are closed boxes grown by a margin that is wider than any rounding in the arithmetic of columns
and rows, so that a point may be looked up in a neighbouring square by an ulp without harm. An edge is registered in
every square that it touches. A square without an edge has one answer; in a crossed one the point is joined with the
square's lower left corner by a path, and each edge across the path changes the side.

Corner cases are left to simulation of simplicity: the path goes up from (x0 + e, y0 + f) to (x0 + e, y + f) and then
along y + f, with infinitesimal e >> f > 0. No vertex lies on such a path, so every edge crosses it or does not.
(H. Edelsbrunner, E. P. Mücke, Simulation of Simplicity, ACM Transactions on Graphics 9 (1990).)
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from gis.assignment.compiled import compiled

__all__ = ["TINY", "UNDECIDED", "fill_squares", "locate", "make_records", "turn"]

TINY = 1e-130  #: products of coordinates from here on keep all their bits in doubles
UNDECIDED = -1  #: the code of a point that has to be decided elsewhere
BLOCK = 4096  #: points that one thread takes at a time
_BOUND = (3.0 + 16.0 * 2.0**-53) * 2.0**-53


@compiled()
def _add_product(parts: Any, n: int, a: float, b: float) -> int:
    """Add a * b to an expansion: non-overlapping doubles, the largest last, whose sum is exact; returns its length."""
    high = a * b
    split = 134217729.0 * a
    a_high = split - (split - a)
    a_low = a - a_high
    split = 134217729.0 * b
    b_high = split - (split - b)
    b_low = b - b_high
    low = a_low * b_low - (((high - a_high * b_high) - a_low * b_high) - a_high * b_low)
    for total in (low, high):
        carry = total
        for i in range(n):
            whole = carry + parts[i]
            other = whole - carry
            parts[i] = (carry - (whole - other)) + (parts[i] - other)
            carry = whole
        parts[n] = carry
        n += 1
    return n


@compiled()
def _exact_turn(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> int:
    parts = np.empty(12)
    n = _add_product(parts, 0, ax, by)
    n = _add_product(parts, n, -ax, y)
    n = _add_product(parts, n, -x, by)
    n = _add_product(parts, n, -ay, bx)
    n = _add_product(parts, n, ay, x)
    n = _add_product(parts, n, y, bx)
    for i in range(n - 1, -1, -1):
        if parts[i] != 0.0:
            return 1 if parts[i] > 0.0 else -1
    return 0


@compiled()
def turn(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> int:
    """1 where (x, y) is left of the line from a to b, 0 on it, -1 right of it; exact.

    The bound is that of J. R. Shewchuk, Adaptive Precision Floating-Point Arithmetic, Discrete & Computational Geometry
    18 (1997); what it leaves open is summed up without rounding. Coordinates: 0 or TINY <= |v| <= 1 / TINY.
    """
    left = (ax - x) * (by - y)
    right = (ay - y) * (bx - x)
    difference = left - right
    bound = _BOUND * (abs(left) + abs(right))
    if abs(difference) > bound:
        return 1 if difference > 0.0 else -1
    return 0 if bound == 0.0 else _exact_turn(ax, ay, bx, by, x, y)


@compiled()
def _crosses(edge: Any, x0: float, y0: float, x: float, y: float) -> int:
    """1 where the edge crosses the path from the corner to the point, 0 where it doesn't, 2 with the point on it."""
    ax, ay, bx, by = edge[0], edge[1], edge[2], edge[3]
    left, right = min(ax, bx), max(ax, bx)
    low, high = min(ay, by), max(ay, by)
    at_point = 0
    if left <= x <= right and low <= y <= high:
        at_point = turn(ax, ay, bx, by, x, y)
        if at_point == 0:
            return 2
    along = low <= y < high
    upward = left <= x0 < right
    crossed = 0
    at_knee = 0
    if left <= x0 <= right and low <= y <= high and (along or upward):
        at_knee = turn(ax, ay, bx, by, x0, y)
    if along:
        beyond_point = left > x or (x <= right and (at_point > 0) == (by > ay))
        beyond_knee = left > x0 or (x0 <= right and at_knee != 0 and (at_knee > 0) == (by > ay))
        crossed ^= beyond_point != beyond_knee
    if upward:
        crossed ^= _above(edge, low, high, y, at_knee) != _above_corner(edge, low, high, x0, y0)
    return crossed


@compiled()
def _above(edge: Any, low: float, high: float, y: float, at: int) -> bool:
    """Whether an edge that passes x0 + e passes it above y + f; `at` is the side that (x0, y) lies on, if it's near."""
    if low > y:
        return True
    if high <= y:
        return False
    eastward = edge[2] > edge[0]
    if at == 0:
        return bool((edge[3] > edge[1]) == eastward)
    return bool((at < 0) == eastward)


@compiled()
def _above_corner(edge: Any, low: float, high: float, x0: float, y0: float) -> bool:
    at = turn(edge[0], edge[1], edge[2], edge[3], x0, y0) if low <= y0 < high else 1
    return _above(edge, low, high, y0, at)


@compiled()
def _flip(edge: Any, grid: Any, box: Any, flips: Any) -> None:
    """Change the side, on every line y0 + f of corners, from the first corner right of the edge or on it."""
    west, south, side = grid[:3]
    ax, ay, bx, by = edge
    low, high = min(ay, by), max(ay, by)
    row = int((low - south) / side)
    while south + row * side < low:
        row += 1
    while south + (row - 1) * side >= low:
        row -= 1
    while south + row * side < high:
        y0 = south + row * side
        guess = ax + (y0 - ay) / (by - ay) * (bx - ax)
        column = int((guess - west) / side)
        while column >= 0 and _passed(ax, ay, bx, by, west + column * side, y0):
            column -= 1
        while not _passed(ax, ay, bx, by, west + column * side, y0):
            column += 1
        at = max(column - box[0], 0)
        if at < flips.shape[1]:
            flips[row - box[1], at] ^= 1
        row += 1


@compiled()
def _passed(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> bool:
    """Whether x is right of the edge or on it, at a height y within the edge's."""
    if x >= max(ax, bx):
        return True
    if x < min(ax, bx):
        return False
    at = turn(ax, ay, bx, by, x, y)
    return at == 0 or (at > 0) != (by > ay)


@compiled()
def fill_squares(areas: Any, grid: Any, raster: Any, cover_counts: Any, covers: Any) -> None:
    """Write into squares without edges which area covers their corner, and note it for crossed ones.

    areas: edges; first[g]..first[g + 1] are those of area g; boxes[g] = (column, row, columns, rows) holds them.
    raster: the number of the area, lowest first; -1 - k marks the k-th crossed square. covers: empty at the first call,
    which counts the covering areas of crossed squares; at the second, cover_counts[k] says where those of square k go.
    """
    edges, first, boxes = areas
    wide = int(grid[3])
    for g in range(len(boxes)):
        column, row, columns, rows = boxes[g]
        flips = np.zeros((rows, columns), dtype=np.uint8)
        for k in range(first[g], first[g + 1]):
            if edges[k, 1] != edges[k, 3]:
                _flip(edges[k], grid, boxes[g], flips)
        for i in range(rows):
            start = (row + i) * wide + column
            _sweep(flips[i], g, raster[start : start + columns], len(first), (cover_counts, covers))


@compiled()
def _sweep(flips: Any, g: int, squares: Any, outside: int, notes: Any) -> None:
    """Go along a row of squares, changing sides, and note area g where it covers the corner."""
    counts, covers = notes
    inside = 0
    for i in range(len(flips)):
        inside ^= flips[i]
        if inside:
            found = squares[i]
            if found == outside:
                squares[i] = g
            elif found < 0:
                if len(covers):
                    covers[counts[-1 - found]] = g
                counts[-1 - found] += 1


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


@compiled()
def _ask(first: int, last: int, corner: Any, point: Any, segments: Any, masks: Any) -> Any:
    """The bits of the areas on whose other side than the corner the point is, and of those with it on their border."""
    other = border = np.uint64(0)
    for k in range(first, last):
        edge = (segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3])  # no view: it would be counted
        crossed = _crosses(edge, corner[0], corner[1], point[0], point[1])
        if crossed == 1:
            other ^= masks[k]
        elif crossed == 2:
            border |= masks[k]
    return other, border


@compiled()
def _flag(areas: Any, border: Any, chain: Any, starts: Any, out: Any) -> None:
    """Note on which levels the point is on the border of the area that answers there."""
    for level in range(len(chain)):
        for j in range(len(areas)):
            if chain[level] >= 0 and areas[j] == starts[level] + chain[level]:
                out[level] |= bool((border >> np.uint64(j)) & np.uint64(1))


@compiled(parallel=True)
def locate(points: Any, squares: Any, records: Any, tables: Any, out: Any) -> int:
    """Locate points: out = index, code and border flag as (levels, n); returns 0 if no point is left UNDECIDED.

    points: x and y. squares: grid and raster. records: as made by make_records. tables: chain (areas + 3, levels) = the
    index at every level when an area answers; codes of the same shape; the number of each level's first area. After the
    areas come the rows of the holes, of "not decided here", of outside.
    """
    x, y = points
    grid, raster = squares
    left = 0
    for block in numba.prange((len(x) + BLOCK - 1) // BLOCK):
        start, stop = block * BLOCK, min((block + 1) * BLOCK, len(x))
        part = (out[0][:, start:stop], out[1][:, start:stop], out[2][:, start:stop])
        left += _locate_block((x[start:stop], y[start:stop]), (grid, raster), records, tables, part)
    return left


@compiled()
def _locate_block(points: Any, squares: Any, records: Any, tables: Any, out: Any) -> int:
    index, codes, flags = out
    chain, code_of, starts = tables
    x, y = points
    answer = np.empty(len(x), dtype=np.int32)
    crossed = np.empty(len(x), dtype=np.int32)
    n = _look_up(points, squares, len(chain) - 1, answer, crossed)
    flags[:, :] = False
    heads = np.empty((n, 4), dtype=np.int64)
    left = _fetch(crossed, answer, records, heads)
    more = (records, chain, starts, flags)
    for j in range(n):
        i = crossed[j]
        answer[i] = _decide(i, (x[i], y[i]), (heads[j, 0], heads[j, 1], heads[j, 2], heads[j, 3]), squares[0], more)
    for level in range(len(starts)):
        for i in range(len(x)):
            index[level, i] = chain[answer[i], level]
            codes[level, i] = code_of[answer[i], level]
            left += codes[level, i] == UNDECIDED
    return left


@compiled()
def _look_up(points: Any, squares: Any, outside: int, answer: Any, crossed: Any) -> int:
    """Read each point's square; returns how many are crossed and lists their points. No jumps: the reads overlap."""
    x, y = points
    (west, south, side, columns, rows, _), raster = squares
    wide = np.int64(columns)
    per_metre = 1.0 / side
    for i in range(len(x)):
        column, row = (x[i] - west) * per_metre, (y[i] - south) * per_metre
        within = (column >= 0.0) & (column < columns) & (row >= 0.0) & (row < rows)
        square = np.int64(row if within else 0.0) * wide + np.int64(column if within else 0.0)
        found = raster[square]
        answer[i] = found if within else np.int32(outside)
    n: Any = 0
    for i in range(len(x)):
        crossed[n] = i
        n += answer[i] < 0
    return int(n)


@compiled()
def _fetch(crossed: Any, answer: Any, records: Any, heads: Any) -> int:
    """Copy the heads that will be needed, and touch what they lead to, so that the memory's delays overlap; returns 0.

    One row more than the heads need keeps the touch of an empty last one within the arrays.
    """
    segments, masks, areas, all_heads = records
    for j in range(len(heads)):
        number = -1 - answer[crossed[j]]
        heads[j, 0], heads[j, 1] = all_heads[number, 0], all_heads[number, 1]
        heads[j, 2], heads[j, 3] = all_heads[number, 2], all_heads[number, 3]
    idle = 0
    for j in range(len(heads)):
        at = heads[j, 0]
        idle += np.isnan(segments[at, 0]) + (masks[at] == 0) + (areas[heads[j, 1]] < 0)
    return idle


@compiled()
def _decide(i: int, point: Any, head: Any, grid: Any, more: Any) -> int:
    """The area that answers in a crossed square; flags its borders. The row before the last means: not decided here."""
    (segments, masks, areas, _), chain, starts, flags = more
    x, y = point
    first, listed, counts = head[0], head[1], head[2]
    tiny = (x != 0.0 and abs(x) < TINY) or (y != 0.0 and abs(y) < TINY)
    if tiny or counts >> 32 == 0:
        return len(chain) - 2
    side, per_metre = grid[2], 1.0 / grid[2]
    corner = (grid[0] + int((x - grid[0]) * per_metre) * side, grid[1] + int((y - grid[1]) * per_metre) * side)
    other, border = _ask(first, first + (counts & 0xFFFFFFFF), corner, point, segments, masks)
    covering = (np.uint64(head[3]) ^ other) | border
    if covering == np.uint64(0):
        return len(chain) - 1
    bit = 0
    while not (covering >> np.uint64(bit)) & np.uint64(1):
        bit += 1
    found = int(areas[listed + bit])
    if border:
        _flag(areas[listed : listed + (counts >> 32)], border, chain[found], starts, flags[:, i])
    return found
