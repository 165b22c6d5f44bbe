"""A uniform raster over all levels of a set of areas: most points are answered by the square that they lie in.

A square that no border touches holds the number of the area that answers there. A crossed square has the sides of one
or two borders' lines, which answer nearly every point in it, and a record: the areas that may answer, finest level
first, and the few pieces of border inside it (see `gis.assignment.kernels`). Areas of all levels are numbered in the
order of precedence; the holes of the coarsest level come after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gis.areas import LevelAreas
from gis.assignment.exact import edges_of

__all__ = ["AREA_CODE", "GAP_CODE", "OUTSIDE_CODE", "Raster", "grid_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AREA_CODE: Final = 0
OUTSIDE_CODE: Final = 1
GAP_CODE: Final = 2

CROSSED: Final = 0.12  #: share of the ground that should lie in crossed squares
MOST_SQUARES: Final = 1 << 24  #: 64 MB


@dataclass(frozen=True, slots=True)
class Raster:
    """Squares, quadrants, records and tables as the kernel wants them; made by `Raster.of`."""

    grid: tuple[float, float, float, float, float, float]  #: west, south, side, columns, rows, margin
    squares: NDArray[np.int32]
    quadrants: tuple[Any, Any]
    records: tuple[Any, Any, Any, Any]
    tables: tuple[Any, Any, Any]

    @classmethod
    def of(cls, levels: Sequence[LevelAreas], holes: NDArray[np.object_], side: float | None = None) -> Raster | None:
        """The raster of these levels, coarsest first, and of the holes of the coarsest; None where it can't be made.

        It can't without areas, and with coordinates so small or large that products of them lose bits. `side`, a power
        of two in metres, is chosen from the length of the borders when not given.
        """
        from gis.assignment.kernels import TINY

        edges, first = _numbered_edges(levels, holes)
        size = np.abs(edges[edges != 0.0])
        if not len(edges) or size.min() < TINY or size.max() > 1.0 / TINY:
            return None
        grid = grid_of(edges, side or _side(edges, first[np.cumsum([0, *map(len, reversed(levels))])]))
        if grid[3] * grid[4] > 16 * MOST_SQUARES or grid[2] < TINY:
            return None
        squares, crossed, records = _filled(edges, first, grid)
        tables = _tables(levels)
        return cls(grid, squares, _quadrants(crossed, grid, records, tables), records, tables)

    def locate(self, x: Floats, y: Floats) -> tuple[NDArray[np.int32], NDArray[np.int8], NDArray[np.bool_], int]:
        """Index, code and border flag as (levels, n), coarsest level first, and the number of undecided points.

        An undecided point has the code UNDECIDED at every level.
        """
        from gis.assignment.kernels import locate

        shape = len(self.tables[0]), len(x)
        out = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int8), np.empty(shape, dtype=bool)
        left = locate((x, y), (self.grid, self.squares), self.quadrants, self.records, self.tables, out)
        return (*out, int(left))

    @property
    def bytes(self) -> int:
        """Memory taken by squares, quadrants, records and tables."""
        return sum(int(array.nbytes) for array in (self.squares, self.quadrants[0], *self.records, *self.tables))


def _numbered_edges(levels: Sequence[LevelAreas], holes: NDArray[np.object_]) -> tuple[Floats, Ints]:
    """The edges of all areas in the order of precedence, and where those of each area begin; the holes are the last."""
    edges, owners, number = [], [], 0
    for geometry in (*(level.geometry for level in reversed(levels)), None):
        mine, owner = edges_of(holes if geometry is None else geometry)
        edges.append(mine)
        owners.append(owner + number if geometry is not None else np.full(len(mine), number))
        number += 1 if geometry is None else len(geometry)
    owner = np.concatenate(owners)
    return np.concatenate(edges), np.searchsorted(owner, np.arange(number + 1))


def _side(edges: Floats, level_ends: Ints) -> float:
    """The side of a square, such that a straight line, which crosses 4 / pi squares a side, leaves most uncrossed."""
    metres = np.hypot(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1])
    # Almost every line is two areas', and the longest level's borders are nearly all there are: the finest's, where it
    # is drawn everywhere.
    length = max(metres[start:end].sum() for start, end in pairwise(level_ends)) / 2.0
    extent = np.ptp(edges.reshape(-1, 2), axis=0)
    wanted = CROSSED * np.pi / 4.0 * extent[0] * extent[1] / length
    least = max(np.sqrt(extent[0] * extent[1] / MOST_SQUARES), extent.max() / (MOST_SQUARES / 64))
    return float(2.0 ** np.ceil(np.log2(max(wanted / np.sqrt(2.0), least))))


def grid_of(edges: Floats, side: float) -> tuple[float, float, float, float, float, float]:
    """Squares between lines at whole multiples of the side, with a row to spare all around that no edge touches.

    Returns west, south, side, columns, rows, and a margin in metres that is wider than any rounding; a side below that
    is doubled until it isn't, else the lines are no numbers.
    """
    size = float(np.abs(edges).max())
    side = max(side, float(2.0 ** np.ceil(np.log2(64 * 2.0**-53 * size))))
    margin = 64 * 2.0**-53 * max(size, side)
    low = edges.reshape(-1, 2).min(axis=0) - 2.0 * margin
    high = edges.reshape(-1, 2).max(axis=0) + 2.0 * margin
    west, south = (np.floor(low / side) - 1.0) * side
    columns, rows = np.floor(high / side) + 2.0 - np.array([west, south]) / side
    return float(west), float(south), side, float(columns), float(rows), margin


def _filled(
    edges: Floats, first: Ints, grid: tuple[float, ...]
) -> tuple[NDArray[np.int32], Ints, tuple[Any, Any, Any, Any]]:
    """The squares, where the crossed ones are, and their records."""
    from gis.assignment.kernels import fill_squares
    from gis.assignment.registering import make_records, register

    count = int(grid[3] * grid[4])
    ends = np.zeros(count, dtype=np.int32)
    total = register(edges, grid, ends, np.empty(0, dtype=np.int32))
    crossed = np.flatnonzero(ends)
    note_ends = ends[crossed].cumsum()
    ends[crossed] = np.concatenate([[0], note_ends[:-1]])
    notes = np.empty(total, dtype=np.int32)
    register(edges, grid, ends, notes)
    areas = len(first) - 1
    squares = ends
    squares[:] = areas + 1
    squares[crossed] = -1 - np.arange(len(crossed))
    owner = np.repeat(np.arange(areas, dtype=np.int32), np.diff(first))
    numbered = edges, first, _boxes(edges, first, grid)
    cover_counts = np.zeros(len(crossed), dtype=np.int64)
    fill_squares(numbered, grid, squares, cover_counts, np.empty(0, dtype=np.int32))
    cover_ends = cover_counts.cumsum()
    covers = np.empty(int(cover_ends[-1]), dtype=np.int32)
    fill_squares(numbered, grid, squares, cover_ends - cover_counts, covers)
    out = (
        np.empty((total, 4)),
        np.empty(total, dtype=np.uint64),
        np.empty(total + len(covers), dtype=np.int32),
        np.empty((len(crossed), 4), dtype=np.int64),
    )
    kept, listed = make_records(edges, owner, (notes, note_ends), (covers, cover_ends), out)
    records = out[0][:kept].copy(), out[1][:kept].copy(), out[2][:listed].copy(), out[3]
    return squares, crossed, records


def _quadrants(crossed: Ints, grid: Any, records: Any, tables: Any) -> tuple[Any, Any]:
    """The rows of the crossed squares, each in one cache line, as numbers and as integers."""
    from gis.assignment.kernels import make_quadrants

    room = np.zeros((len(crossed) + 1) * 8)
    skipped = -room.ctypes.data % 64 // 8
    rows = room[skipped : skipped + len(crossed) * 8].reshape(-1, 8)
    made = rows, rows.view(np.int32)
    make_quadrants(crossed, grid, records, tables, made)
    return made


def _boxes(edges: Floats, first: Ints, grid: tuple[float, ...]) -> Ints:
    """Of each area, the squares around it: column, row, columns, rows; none of an area without edges."""
    west, south, side, *_ = grid
    full = np.flatnonzero(np.diff(first))
    boxes = np.zeros((len(first) - 1, 4), dtype=np.int64)
    for k, base in enumerate((west, south)):
        low = np.minimum.reduceat(np.minimum(edges[:, k], edges[:, k + 2]), first[full])
        high = np.maximum.reduceat(np.maximum(edges[:, k], edges[:, k + 2]), first[full])
        boxes[full, k] = np.maximum((low - base) / side - 1.0, 0.0)
        boxes[full, k + 2] = ((high - base) / side).astype(np.int64) + 1 - boxes[full, k]
    return boxes


def _tables(levels: Sequence[LevelAreas]) -> tuple[NDArray[np.int32], NDArray[np.int8], NDArray[np.int64]]:
    """Index and code at every level (levels, areas + 3), last of holes, of "not decided here", of outside; starts."""
    from gis.assignment.kernels import UNDECIDED

    chains, codes = [], []
    for depth in range(len(levels) - 1, -1, -1):
        index = np.arange(len(levels[depth]))
        chain = np.full((len(index), len(levels)), -1, dtype=np.int32)
        for up in range(depth, -1, -1):
            chain[:, up] = index
            index = np.where(index >= 0, np.append(levels[up].parent_index, -1)[index], -1)
        code = np.where(levels[depth].has_children, GAP_CODE, OUTSIDE_CODE)
        rows = np.where(chain >= 0, AREA_CODE, code[:, None])
        rows[chain[:, 0] < 0] = UNDECIDED  # without a parent's answer it depends on the point what is missing above
        chains.append(chain)
        codes.append(rows)
    last = np.repeat([[GAP_CODE], [UNDECIDED], [OUTSIDE_CODE]], len(levels), axis=1)
    chains.append(np.full(last.shape, -1, dtype=np.int32))
    counts = [len(level) for level in reversed(levels)]
    starts = np.cumsum([0, *counts[:-1]])[::-1].astype(np.int64)
    told = np.concatenate([*codes, last]).astype(np.int8)
    return np.ascontiguousarray(np.concatenate(chains).T), np.ascontiguousarray(told.T), np.ascontiguousarray(starts)
