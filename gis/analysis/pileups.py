"""Pile-ups: many reports at exactly one spot, which a geocoder or a desk gave to what it could not place."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["pileups"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def pileups(x: ArrayLike, y: ArrayLike, at_least: int) -> tuple[Floats, Floats, Ints]:
    """Every position that at least `at_least` of the n points share exactly, and by how many, largest first.

    Equal numbers are ordered by x, then y. Points with a NaN are ignored. x and y are (n,) in any CRS.

    >>> [column.tolist() for column in pileups([1.0, 2.0, 1.0, 3.0, 3.0, 3.0], [5.0, 5.0, 5.0, 6.0, 6.0, 7.0], 2)]
    [[1.0, 3.0], [5.0, 6.0], [2, 2]]
    """
    east, north = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    # Sorting by one axis first: few points share even their x with enough others to be sorted by both.
    known = np.flatnonzero(~(np.isnan(east) | np.isnan(north)))
    order = known[np.argsort(east[known])]
    _, n = _runs(east[order])
    order = order[np.repeat(n >= at_least, n)]
    order = order[np.lexsort((north[order], east[order]))]
    east, north = east[order], north[order]
    first, n = _runs(east, north)
    first, n = first[n >= at_least], n[n >= at_least]
    largest = np.argsort(-n, kind="stable")
    return east[first[largest]], north[first[largest]], n[largest]


def _runs(*columns: Floats) -> tuple[Ints, Ints]:
    """Where each run of equal rows begins, and how long it is."""
    begins = np.ones(len(columns[0]), dtype=bool)
    begins[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    first = np.flatnonzero(begins)
    return first, np.diff(np.append(first, len(begins)))
