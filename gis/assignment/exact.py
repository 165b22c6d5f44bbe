"""The side of a polygon that a point lies on in real arithmetic, and when doubles are known to suffice for it.

GEOS decides the side of a line in arithmetic of 106 bits. That is exact as long as the coordinates are numbers of one
magnitude, as in a projected CRS; beside 0.0, or for a mixture of huge and tiny numbers, it is not (a point one ulp from
the corner 0, 0 is seen on both sides of an edge). `Doubt` tells the points for which it may fail, `side_of` decides
them with fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["Doubt", "edges_of", "side_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def edges_of(geometry: NDArray[np.object_]) -> tuple[Floats, Ints]:
    """The edges (ax, ay, bx, by) of all rings of the polygons, as (k, 4), and the polygon that each belongs to.

    They are directed as in the rings, polygon by polygon; edges without length are left out.

    >>> edges, owner = edges_of(shapely.box([0], [0], [1], [2]))
    >>> edges.tolist()[0], owner.tolist()
    ([1.0, 0.0, 1.0, 2.0], [0, 0, 0, 0])
    """
    parts, of_part = shapely.get_parts(geometry, return_index=True)
    rings, of_ring = shapely.get_rings(parts, return_index=True)
    points, of_point = shapely.get_coordinates(rings, return_index=True)
    edges = np.concatenate([points[:-1], points[1:]], axis=1) if len(points) else np.empty((0, 4))
    real = (of_point[:-1] == of_point[1:]) & np.any(edges[:, :2] != edges[:, 2:], axis=1)
    owner = of_part[of_ring[of_point[:-1][real]]] if len(points) else np.empty(0, dtype=np.int64)
    return np.ascontiguousarray(edges[real]), owner.astype(np.int64)


def side_of(edges: Floats, x: float, y: float) -> int:
    """1 inside, 0 on an edge, -1 outside of the area with these edges (even-odd rule), exact for any finite doubles.

    >>> edges, _ = edges_of(np.array([shapely.Polygon([(0, 0), (3, 1), (0, 1)])]))
    >>> [side_of(edges, *p) for p in [(1.0, 0.5), (5e-324, 5e-324), (5e-324, 0.0), (0.0, 0.0)]]
    [1, 1, -1, 0]
    """
    ax, ay, bx, by = edges.T
    box = (np.minimum(ax, bx) <= x) & (x <= np.maximum(ax, bx)) & (np.minimum(ay, by) <= y) & (y <= np.maximum(ay, by))
    straddles = (ay <= y) != (by <= y)
    inside = int(np.count_nonzero(straddles & (np.minimum(ax, bx) > x))) % 2 == 1
    for edge, crosses in zip(edges[box], straddles[box], strict=True):
        turn = _turn(edge.tolist(), x, y)
        if turn == 0:
            return 0
        if crosses and (turn > 0) == (edge[3] > edge[1]):
            inside = not inside
    return 1 if inside else -1


def _turn(edge: Sequence[float], x: float, y: float) -> Fraction:
    """Positive where the point is left of the edge, zero on its line."""
    ax, ay, bx, by = (Fraction(value) for value in edge)
    return (bx - ax) * (Fraction(y) - ay) - (by - ay) * (Fraction(x) - ax)


class Doubt:
    """Tells the points whose side of the given edges arithmetic of 106 bits may get wrong.

    With all x whole multiples of 2^-i and all y of 2^-j, twice the area of a triangle of three points is a multiple of
    2^-(i+j). If both products in it are below 2^k and i + j + k <= 100, a difference that isn't zero can't be lost.
    """

    def __init__(self, edges: Floats) -> None:
        size = np.abs(edges[:, 2:] - edges[:, :2]).max(initial=0.0)
        self._product = 2 * int(np.frexp(size)[1]) + 2
        self._bits = np.array([[_fraction_bits(edges[:, k::2]).max(initial=-2000)] for k in (0, 1)])
        self._least = self._bits[:, 0].tolist()
        #: metres; a point further than this from every edge is never in doubt
        self.near = float(np.abs(edges).max(initial=0.0) * 1e-9)

    def of(self, x: Floats, y: Floats) -> NDArray[np.bool_]:
        """For each finite point whether its side may be in doubt."""
        if self._never(x, y):
            return np.zeros(len(x), dtype=bool)
        bits = np.maximum(_fraction_bits(np.stack([x, y])), self._bits).sum(axis=0)
        return np.asarray(bits + self._product > 100)

    def _never(self, x: Floats, y: Floats) -> bool:
        """True when numbers of this magnitude, as those of a projected CRS, have too few bits after the point."""
        # A double holds 53 bits, of which `exponent` come before the point; zero, which holds none, hides no other.
        most = [53 - int(np.frexp(np.abs(v).min(initial=np.inf, where=v != 0.0))[1]) for v in (x, y)]
        return bool(sum(map(max, most, self._least)) + self._product <= 100)


def _fraction_bits(values: Any) -> Ints:
    """The least k for which the double is a whole multiple of 2^-k; far below zero for zero itself."""
    part, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    whole = np.abs(np.ldexp(part, 53)).astype(np.int64)
    lowest = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return np.where(whole == 0, -2000, 53 - exponent - lowest).astype(np.int64)
