"""Integer keys for places: interleaved bits of a metre grid, so that a square is a range of keys.

Positions in metres of the working CRS fall on a 1 m grid of 2^27 by 2^27 whose middle is the CRS's origin (enough for
zone-prefixed eastings such as 40 493 370). Bit 2k of a key is bit k of the column, bit 2k+1 bit k of the row; the key
without its last 2k bits therefore names the square of 2^k metres (Morton 1966). An integer comparison is leakproof, so
a restricted database role keeps its index, which the PostGIS operators would cost it.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BITS", "decode", "encode", "ranges"]

BITS: Final = 27
_OFFSET: Final = float(1 << (BITS - 1))
_SPREAD: Final = (
    (np.uint64(16), np.uint64(0x0000FFFF0000FFFF)),
    (np.uint64(8), np.uint64(0x00FF00FF00FF00FF)),
    (np.uint64(4), np.uint64(0x0F0F0F0F0F0F0F0F)),
    (np.uint64(2), np.uint64(0x3333333333333333)),
    (np.uint64(1), np.uint64(0x5555555555555555)),
)
_LOW: Final = np.uint64(0xFFFFFFFF)


def _spread(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    for shift, mask in _SPREAD:
        values = (values | (values << shift)) & mask
    return values


def _gather(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = values & _SPREAD[-1][1]
    for (shift, _), mask in zip(reversed(_SPREAD), (*(m for _, m in _SPREAD[-2::-1]), _LOW), strict=True):
        values = (values | (values >> shift)) & mask
    return values


def encode(x: ArrayLike, y: ArrayLike) -> NDArray[np.int64]:
    """The key of each position; x, y in metres, one shape.

    >>> encode([493369.73], [3517459.89]).tolist()
    [13522033588897611]
    """
    top = (1 << BITS) - 1
    # Floor before the offset is added: 1.9999999925 + 2^26 is rounded up to a whole number, the neighbour's square.
    both = np.floor(np.array([x, y], dtype=float)) + _OFFSET
    columns, rows = _spread(both.clip(0, top).astype(np.uint64))
    keys: NDArray[np.uint64] = columns | (rows << _SPREAD[-1][0])
    return keys.astype(np.int64)


def decode(keys: ArrayLike, *, level: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres, in metres, of the squares of 2^level metres named by keys that were shifted right by 2·level bits.

    >>> x, y = decode(encode([493369.73], [3517459.89]) >> 14, level=7)
    >>> x.tolist(), y.tolist()
    ([493376.0], [3517504.0])
    """
    shifted = np.asarray(keys, dtype=np.int64).astype(np.uint64)
    size = float(1 << level)
    x = (_gather(shifted).astype(float) + 0.5) * size - _OFFSET
    y = (_gather(shifted >> np.uint64(1)).astype(float) + 0.5) * size - _OFFSET
    return x, y


def ranges(bbox: tuple[float, float, float, float], *, at_most: int = 64) -> list[tuple[int, int]]:
    """Closed key ranges that together cover a box (west, south, east, north) in metres; joined where they touch.

    The squares are the smallest of which at most `at_most` cover the box, so a range may reach beyond it: the exact
    comparison of coordinates belongs behind it.

    >>> ranges((0, 0, 1, 1))
    [(13510798882111488, 13510798882111491)]
    """
    west, south, east, north = (min(max(v, -_OFFSET), _OFFSET - 1) for v in bbox)
    level = 0
    while level < BITS:
        columns = _steps(west, east, level)
        rows = _steps(south, north, level)
        if columns * rows <= at_most:
            break
        level += 1
    size = float(1 << level)
    grid_x, grid_y = np.meshgrid(
        math.floor(west / size) * size + size * np.arange(_steps(west, east, level)),
        math.floor(south / size) * size + size * np.arange(_steps(south, north, level)),
    )
    starts = np.unique(encode(grid_x.ravel(), grid_y.ravel()) >> (2 * level)) << (2 * level)
    width = 1 << (2 * level)
    joined: list[tuple[int, int]] = []
    for start in starts.tolist():
        if joined and joined[-1][1] + 1 == start:
            joined[-1] = (joined[-1][0], start + width - 1)
        else:
            joined.append((start, start + width - 1))
    return joined


def _steps(low: float, high: float, level: int) -> int:
    size = float(1 << level)
    return math.floor(high / size) - math.floor(low / size) + 1
