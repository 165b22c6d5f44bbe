"""A synthetic city of any size: irregular cells that share every vertex, communities and streets dissolved from them.

Nodes of a grid of 100 m are jittered, the edges between them wiggle over a random number of points, and each cell is
the ring of its four edges: neighbours share their edge bit by bit, so the coverage is exact. About 41 vertices a cell.
The second delivery of the same city has some edges drawn elsewhere, some cells under new codes, and some split cells.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

__all__ = ["City", "cells_of", "city", "dissolved", "redrawn", "write_delivery"]

Floats = NDArray[np.float64]
EAST: Final = 493_000.0
NORTH: Final = 3_517_000.0
SIDE: Final = 100.0
JITTER: Final = 18.0
INNER: Final = 13  #: points between two nodes before some are left out
KEPT: Final = 0.69  #: share of them that stays: 4 * (13 * 0.69 + 1) + 1 vertices in a ring
WIGGLE: Final = 2.0  #: less than half the way between two points of the shortest edge, so no line crosses itself
BLOCK: Final = 10  #: a community is 10 by 10 cells
WIDE, HIGH = 5, 2  #: a street is 5 by 2 communities


@dataclass(frozen=True, slots=True, eq=False)
class City:
    """The edges of a city and the codes of its cells: enough to draw it, or to draw it a little differently."""

    across: Floats  #: (rows + 1, columns, INNER + 1, 2): from each node to the one east of it, without the last point
    up: Floats  #: (rows, columns + 1, INNER + 1, 2): from each node to the one north of it, without the last point
    across_kept: NDArray[np.bool_]
    up_kept: NDArray[np.bool_]
    codes: NDArray[np.object_]  #: of the cells, row by row
    split: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        return self.up.shape[0], self.across.shape[1]


def city(n: int, *, seed: int = 320404) -> City:
    """A city of `n` cells; n must be a whole number of streets of 1,000 cells."""
    rows, columns = _grid(n)
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0 : rows + 1, 0 : columns + 1].astype(float)
    nodes = np.stack([EAST + x * SIDE, NORTH + y * SIDE], axis=-1)
    nodes += chance.uniform(-JITTER, JITTER, nodes.shape)
    across, across_kept = _edges(nodes[:, :-1], nodes[:, 1:], chance)
    up, up_kept = _edges(nodes[:-1], nodes[1:], chance)
    return City(across, up, across_kept, up_kept, _codes(rows, columns))


def _grid(n: int) -> tuple[int, int]:
    """Rows and columns, as square as whole streets allow."""
    unit_rows, unit_columns = BLOCK * HIGH, BLOCK * WIDE
    streets, left = divmod(n, unit_rows * unit_columns)
    if left or not streets:
        raise ValueError(f"n is {n}; wanted a multiple of {unit_rows * unit_columns}.")
    pairs = [(a, streets // a) for a in range(1, streets + 1) if streets % a == 0]
    a, b = min(pairs, key=lambda p: abs(p[0] * unit_rows - p[1] * unit_columns))
    return a * unit_rows, b * unit_columns


def _edges(start: Floats, end: Floats, chance: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Wiggling lines from each start to its end: the start, then INNER points of which some are left out."""
    t = np.linspace(0.0, 1.0, INNER + 2)[:-1]
    line = start[..., None, :] + t[:, None] * (end - start)[..., None, :]
    # Less towards the nodes: two edges that leave one node must not cross.
    line += np.minimum(1.0, 4.0 * np.minimum(t, 1.0 - t))[:, None] * chance.uniform(-WIGGLE, WIGGLE, line.shape)
    kept = chance.random(line.shape[:-1]) < KEPT
    kept[..., 0] = True
    return line, kept


def _codes(rows: int, columns: int) -> NDArray[np.object_]:
    y, x = np.mgrid[0:rows, 0:columns]
    street = (y // (BLOCK * HIGH)) * (columns // (BLOCK * WIDE)) + x // (BLOCK * WIDE) + 1
    community = (y // BLOCK % HIGH) * WIDE + x // BLOCK % WIDE + 1
    cell = (y % BLOCK) * BLOCK + x % BLOCK + 1
    triples = zip(street.ravel(), community.ravel(), cell.ravel(), strict=True)
    return np.array([f"320404{a:03d}{b:03d}{c:03d}" for a, b, c in triples], dtype=object)


def redrawn(before: City, *, seed: int = 1, share: float = 0.01) -> City:
    """The same city a year later: of the lines, codes and cells `share`, a half and a tenth of it are others."""
    chance = np.random.default_rng(seed)
    rows, columns = before.shape
    up, codes = before.up.copy(), before.codes.copy()
    moved = chance.choice(rows * (columns - 1), int(share * rows * columns), replace=False)
    r, c = np.divmod(moved, columns - 1)
    bulge = np.sin(np.linspace(0.0, np.pi, INNER + 2)[:-1])
    up[r, c + 1, :, 0] += bulge * chance.uniform(3.0, 6.0, len(r))[:, None]
    recoded = chance.choice(len(codes), int(share * len(codes) / 2), replace=False)
    codes[recoded] = [f"{code[:12]}{int(code[12:]) + 500:03d}" for code in codes[recoded]]
    split = chance.choice(len(codes), max(1, int(share * len(codes) / 10)), replace=False)
    return City(before.across, up, before.across_kept, before.up_kept, codes, tuple(int(i) for i in np.sort(split)))


def cells_of(drawn: City) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Codes and polygons of the cells; a split one gives two, the second under a code of its own."""
    ring = np.concatenate(
        [drawn.across[:-1], drawn.up[:, 1:], _back(drawn.across)[1:], _back(drawn.up)[:, :-1]], axis=2
    )
    kept = np.concatenate(
        [
            drawn.across_kept[:-1],
            drawn.up_kept[:, 1:],
            _back_kept(drawn.across_kept)[1:],
            _back_kept(drawn.up_kept)[:, :-1],
        ],
        axis=2,
    )
    # The way back along an edge has the same points; its nodes come from the rings' other edges.
    nodes = _corners(drawn)
    ring[:, :, 2 * (INNER + 1)], ring[:, :, 3 * (INNER + 1)] = nodes[1:, 1:], nodes[1:, :-1]
    ring, kept = ring.reshape(-1, ring.shape[2], 2), kept.reshape(-1, kept.shape[2])
    polygons = shapely.polygons(shapely.linearrings(ring[kept], indices=np.nonzero(kept)[0]))
    codes, extra = drawn.codes.copy(), []
    for i in drawn.split:
        first, second = _halves(ring[i][kept[i]])
        polygons[i] = first
        extra.append((f"{codes[i][:12]}{999 - int(codes[i][12:]) % 100:03d}", second))
    more = np.array([code for code, _ in extra], dtype=object), np.array([half for _, half in extra], dtype=object)
    return np.concatenate([codes, more[0]]), np.concatenate([polygons, more[1]])


def _corners(drawn: City) -> Floats:
    """The nodes; the last column and row have no edge that begins there, so they are taken from the other kind."""
    rows, columns = drawn.shape
    nodes = np.empty((rows + 1, columns + 1, 2))
    nodes[:, :-1], nodes[:-1, -1] = drawn.across[:, :, 0], drawn.up[:, -1, 0]
    nodes[-1, -1] = EAST + columns * SIDE, NORTH + rows * SIDE
    return nodes


def _back(edge: Floats) -> Floats:
    """Edges walked the other way; their first point is set by the caller."""
    return np.concatenate([edge[:, :, :1], edge[:, :, :0:-1]], axis=2)


def _back_kept(kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.concatenate([kept[:, :, :1], kept[:, :, :0:-1]], axis=2)


def _halves(ring: Floats) -> tuple[Any, Any]:
    """A ring cut from a vertex of its first edge to one of its third."""
    a, b = len(ring) // 8, len(ring) // 8 + len(ring) // 2
    return shapely.Polygon(ring[a : b + 1]), shapely.Polygon(np.concatenate([ring[b:], ring[: a + 1]]))


def write_delivery(folder: Path, drawn: City, *, valid_from: date, crs: str = "EPSG:4549") -> int:
    """Shapefiles of the three levels and their manifest; returns the number of cells."""
    folder.mkdir(parents=True, exist_ok=True)
    codes, polygons = cells_of(drawn)
    lines = [
        "[release]",
        'title = "测试城 SYNTHETIC"',
        f'document = "测〔{valid_from.year}〕1号"',
        'source = "made for measuring"',
        'licence = "CC0-1.0"',
        "synthetic = true",
        f"valid_from = {valid_from}",
        "line_accuracy_m = 0.5",
    ]
    for level, file, digits in (("street", "JD", 9), ("community", "SQ", 12), ("cell", "WG", 15)):
        mine, ground = dissolved(codes, polygons, digits)
        names = np.array([f"第{code[6:]}区" if digits < 15 else "" for code in mine], dtype=object)
        parents = np.array([code[: 6 if digits == 9 else digits - 3] for code in mine], dtype=object)
        pyogrio.raw.write(
            folder / f"{file}.shp",
            geometry=shapely.to_wkb(ground),
            field_data=[mine, names, parents],
            fields=["DM", "MC", "SJDM"],
            geometry_type="Polygon",
            crs=crs,
            driver="ESRI Shapefile",
            encoding="GBK",
        )
        lines += ["[[layer]]", f'level = "{level}"', f'file = "{file}.shp"', 'scope = "full"', f'crs = "{crs}"']
        lines += ['encoding = "GBK"', 'fields = { code = "DM", name = "MC", parent = "SJDM" }']
        sums = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob(f"{file}.*"))}
        lines.append("sha256 = { " + ", ".join(f'"{n}" = "{s}"' for n, s in sums.items()) + " }")
    (folder / "manifest.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(codes)


def dissolved(codes: NDArray[np.object_], polygons: NDArray[np.object_], digits: int) -> tuple[Any, Any]:
    """Codes and ground of a coarser level, from the codes and polygons of the cells."""
    if digits == 15:
        return codes, polygons
    keys, group = np.unique(np.array([code[:digits] for code in codes]), return_inverse=True)
    order = np.argsort(group, kind="stable")
    pieces = np.split(polygons[order], np.cumsum(np.bincount(group))[:-1])
    return keys.astype(object), np.array([shapely.coverage_union_all(piece) for piece in pieces], dtype=object)
