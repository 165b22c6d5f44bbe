"""The compiled part of the locator: the raster is filled and asked here. Everything is exact on the stored doubles.

The raster's squares are closed boxes grown by a margin that is wider than any rounding in the arithmetic of columns
and rows, so that a point may be looked up in a neighbouring square by an ulp without harm. An edge is registered in
every square that it touches. A square without an edge has one answer. Where only one or two edges that meet touch a
square, their two lines part it into quadrants, no border lies inside any, and the sides of a point say its answer. In
any other square, and on a line, the point is joined with the square's lower left corner by a path, and each edge across
the path changes the side.

Corner cases are left to simulation of simplicity: the path goes up from (x0 + e, y0 + f) to (x0 + e, y + f) and then
along y + f, with infinitesimal e >> f > 0. No vertex lies on such a path, so every edge crosses it or does not.
(H. Edelsbrunner, E. P. Mücke, Simulation of Simplicity, ACM Transactions on Graphics 9 (1990).)
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from gis.assignment.compiled import compiled

__all__ = ["TINY", "UNDECIDED", "fill_squares", "locate", "make_quadrants", "turn"]

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
    n = 0
    for a, b in ((ax, by), (-ax, y), (-x, by), (-ay, bx), (ay, x), (y, bx)):
        n = _add_product(parts, n, a, b)
    for i in range(n - 1, -1, -1):
        if parts[i] != 0.0:
            return 1 if parts[i] > 0.0 else -1
    return 0


@compiled()
def _filter(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> Any:
    """A number with the sign of the turn, if it is further from 0 than the bound that comes with it."""
    left = (ax - x) * (by - y)
    right = (ay - y) * (bx - x)
    return left - right, _BOUND * (abs(left) + abs(right))


@compiled()
def turn(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> int:
    """1 where (x, y) is left of the line from a to b, 0 on it, -1 right of it; exact.

    The bound is that of J. R. Shewchuk, Adaptive Precision Floating-Point Arithmetic, Discrete & Computational Geometry
    18 (1997); what it leaves open is summed up without rounding. Coordinates: 0 or TINY <= |v| <= 1 / TINY.
    """
    difference, bound = _filter(ax, ay, bx, by, x, y)
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
def make_quadrants(crossed: Any, grid: Any, records: Any, tables: Any, out: Any) -> None:
    """Write the row of each crossed square: one cache line that answers nearly every point in it.

    crossed: where the squares stand in the raster. out: rows (k, 8), zeros, and the same memory as integers (k, 16).
    A row holds three points a, v, b, and the areas that answer right of both lines a-v and v-b, left of the first only,
    of the second only, of both. A negative answer, or a row of zeros, leaves the point to the square's record.
    """
    for k in numba.prange(len(crossed)):
        _make_row(k, crossed[k], grid, records, tables, out)


@compiled()
def _make_row(k: int, square: int, grid: Any, records: Any, tables: Any, out: Any) -> None:
    rows, answers = out
    west, south, side, columns, _, _ = grid
    corner = west + (square % int(columns)) * side, south + (square // int(columns)) * side
    near_zero = min(abs(corner[0] + side / 2.0), abs(corner[1] + side / 2.0)) < 2.0 * side
    if near_zero or not _note_lines(records[0], records[3][k], rows[k]):
        return
    answers[k, 12:] = -1
    more = records, tables, np.zeros((len(tables[0]), 1), dtype=np.bool_)
    for step in range(16):
        point = corner[0] + side * ((step & 3) / 3.0), corner[1] + side * ((step >> 2) / 3.0)
        sure, quadrant = _quadrant(rows, k, point[0], point[1])
        if sure and answers[k, 12 + quadrant] < 0:
            answers[k, 12 + quadrant] = _decide(0, k, point, corner, more)


@compiled()
def _note_lines(segments: Any, head: Any, row: Any) -> bool:
    """Note the one segment of a square, there and back, or its two that meet; False where there are others."""
    first, n = head[0], head[2] & 0xFFFFFFFF
    if n == 0 or n > 2 or head[2] >> 32 == 0:
        return False
    ax, ay, vx, vy = segments[first]
    cx, cy, dx, dy = segments[first + n - 1]
    if n == 1:
        cx, cy, dx, dy = vx, vy, ax, ay
    elif (ax == cx and ay == cy) or (ax == dx and ay == dy):
        ax, ay, vx, vy = vx, vy, ax, ay
    if dx == vx and dy == vy:
        cx, cy, dx, dy = dx, dy, cx, cy
    if cx != vx or cy != vy:
        return False
    row[0], row[1], row[2], row[3], row[4], row[5] = ax, ay, vx, vy, dx, dy
    return True


@compiled()
def _quadrant(rows: Any, k: int, x: float, y: float) -> Any:
    """Whether the point is surely off both lines, and then on which sides: 1 left of the first, 2 of the second."""
    ax, ay, vx, vy, bx, by = rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3], rows[k, 4], rows[k, 5]
    first, bound = _filter(ax, ay, vx, vy, x, y)
    second, other = _filter(vx, vy, bx, by, x, y)
    return (abs(first) > bound) & (abs(second) > other), np.int64(first > 0.0) + 2 * np.int64(second > 0.0)


@compiled(parallel=True)
def locate(points: Any, squares: Any, quadrants: Any, records: Any, tables: Any, out: Any) -> int:
    """Locate points: out = index, code and border flag as (levels, n); returns 0 if no point is left UNDECIDED.

    points: x and y. squares: grid and raster. quadrants: as made by make_quadrants. records: as made by make_records.
    tables: chain (levels, areas + 3) = the index at every level when an area answers; codes of the same shape; the
    number of each level's first area. After the areas come the columns of holes, of "not decided here", of outside.
    """
    x, y = points
    grid, raster = squares
    left = 0
    for block in numba.prange((len(x) + BLOCK - 1) // BLOCK):
        start, stop = block * BLOCK, min((block + 1) * BLOCK, len(x))
        part = (out[0][:, start:stop], out[1][:, start:stop], out[2][:, start:stop])
        left += _locate_block((x[start:stop], y[start:stop]), (grid, raster), quadrants, records, tables, part)
    return left


@compiled()
def _locate_block(points: Any, squares: Any, quadrants: Any, records: Any, tables: Any, out: Any) -> int:
    x, y = points
    west, south, side = squares[0][:3]
    answer = np.empty(len(x), dtype=np.int32)
    crossed = np.empty(len(x), dtype=np.int32)
    _look_up(points, squares, answer)
    n = _ask_quadrants(points, quadrants, answer, crossed)
    out[2][:, :] = False
    for j in range(n):
        i = crossed[j]
        corner = west + np.floor((x[i] - west) / side) * side, south + np.floor((y[i] - south) / side) * side
        answer[i] = _decide(i, -1 - answer[i], (x[i], y[i]), corner, (records, tables, out[2]))
    return _write(answer, tables, out)


@compiled()
def _look_up(points: Any, squares: Any, answer: Any) -> None:
    """Read each point's square, else the last. Two plain loops: one is vectorised, in the other the reads overlap."""
    x, y = points
    (west, south, side, columns, rows, _), raster = squares
    place = np.empty(len(x), dtype=np.int32)
    wide, last = np.int32(columns), np.int32(len(raster) - 1)
    per_metre = 1.0 / side
    for i in range(len(x)):
        column, row = (x[i] - west) * per_metre, (y[i] - south) * per_metre
        within = (column >= 0.0) & (column < columns) & (row >= 0.0) & (row < rows)
        square = np.int32(row if within else 0.0) * wide + np.int32(column if within else 0.0)
        place[i] = square if within else last
    for i in range(len(x)):
        answer[i] = raster[np.uint32(place[i])]


@compiled()
def _ask_quadrants(points: Any, quadrants: Any, answer: Any, left: Any) -> Any:
    """Answer points in crossed squares by quadrant; lists those left and returns their number. No jumps, as above."""
    x, y = points
    rows, answers = quadrants
    n = np.uint64(0)
    for i in range(len(x)):
        left[n] = i
        n += np.uint64(answer[i] < 0)
    m = np.uint64(0)
    for j in range(n):
        i = left[j]
        k = -1 - answer[i]
        sure, quadrant = _quadrant(rows, k, x[i], y[i])
        found = answers[k, 12 + quadrant]
        sure &= found >= 0
        answer[i] = found if sure else answer[i]
        left[m] = i
        m += np.uint64(not sure)
    return m


@compiled()
def _write(answer: Any, tables: Any, out: Any) -> int:
    """Tell each answer at every level; returns how many are UNDECIDED."""
    index, codes, _ = out
    chain, code_of, _ = tables
    left = 0
    for level in range(len(chain)):
        missing = 0
        for i in range(len(answer)):
            found = chain[level, np.uint32(answer[i])]
            index[level, i] = found
            missing |= found < 0
        codes[level, :] = 0  # AREA_CODE
        if missing:
            for i in range(len(answer)):
                codes[level, i] = code_of[level, np.uint32(answer[i])]
                left += codes[level, i] == UNDECIDED
    return left


@compiled()
def _decide(i: int, k: int, point: Any, corner: Any, more: Any) -> int:
    """The area that answers in the k-th crossed square; flags its borders. The column before the last: not decided."""
    (segments, masks, areas, heads), (chain, _, starts), flags = more
    x, y = point
    first, listed, counts = heads[k, 0], heads[k, 1], heads[k, 2]
    tiny = (x != 0.0 and abs(x) < TINY) or (y != 0.0 and abs(y) < TINY)
    if tiny or counts >> 32 == 0:
        return int(chain.shape[1] - 2)
    other, border = _ask(first, first + (counts & 0xFFFFFFFF), corner, point, segments, masks)
    covering = (np.uint64(heads[k, 3]) ^ other) | border
    if covering == np.uint64(0):
        return int(chain.shape[1] - 1)
    bit = 0
    while not (covering >> np.uint64(bit)) & np.uint64(1):
        bit += 1
    found = int(areas[listed + bit])
    if border:
        _flag(areas[listed : listed + (counts >> 32)], border, chain[:, found], starts, flags[:, i])
    return found
