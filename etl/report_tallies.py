"""What is counted over a whole file of reports of any length, in little memory."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Piles", "Repeats"]

_RUN: Final = 1_000_000  #: hashes sorted together; larger runs are no longer merged
_KEPT: Final = 20_000  #: positions that are counted at once
_SHOWN: Final = 20


class Repeats:
    """How often each row came before, known by a 64-bit hash: the same file has the same answers in any chunks.

    A hash and its count take 12 bytes: 10 million rows cost 120 MB. Two different rows share a hash in one of 400,000
    files of that size; the later one would then be counted as a repeat and be stored all the same.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]] = []

    def count(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """For each row how many rows before it had its hash, in this chunk and in all before.

        >>> repeats = Repeats()
        >>> repeats.count(np.array([7, 9, 7], dtype=np.uint64)).tolist()
        [0, 0, 1]
        >>> repeats.count(np.array([9, 7, 9, 8], dtype=np.uint64)).tolist()
        [1, 2, 2, 0]
        """
        order = np.argsort(hashes, kind="stable")
        values, first, n = np.unique(hashes[order], return_index=True, return_counts=True)
        nth = np.arange(len(hashes)) - np.repeat(first, n)
        before = np.zeros(len(values), dtype=np.int64)
        for known, counts in self._runs:
            at = np.minimum(np.searchsorted(known, values), len(known) - 1)
            here = known[at] == values
            before[here] = counts[at[here]]
            counts[at[here]] += n[here].astype(np.uint32)
        out = np.empty(len(hashes), dtype=np.int64)
        out[order] = nth + np.repeat(before, n)
        new = before == 0
        if new.any():
            self._add(values[new], n[new].astype(np.uint32))
        return out

    def _add(self, values: NDArray[np.uint64], counts: NDArray[np.uint32]) -> None:
        """Runs of falling length, each at most about _RUN, so that few are searched and none is moved often."""
        while self._runs and len(self._runs[-1][0]) <= 2 * len(values) and len(values) < _RUN:
            other, more = self._runs.pop()
            both = np.concatenate([other, values])
            order = np.argsort(both, kind="stable")
            values, counts = both[order], np.concatenate([more, counts])[order]
        self._runs.append((values, counts))


class Piles:
    """Positions that many rows share exactly, found in one pass over rows of any number.

    Exact up to 20,000 different positions; beyond, the rarest are let go (Misra & Gries 1982; merged as by Agarwal et
    al. 2012) and a count is too low by at most 1 of 20,000 rows.
    """

    def __init__(self) -> None:
        self._at = np.empty(0, dtype=np.complex128)
        self._n = np.empty(0, dtype=np.int64)

    def add(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Count finite positions of any CRS."""
        at, n = np.unique(np.concatenate([self._at, x + 1j * y]), return_inverse=True)
        total = np.bincount(n[len(self._at) :], minlength=len(at))
        total[n[: len(self._at)]] += self._n
        if len(at) > _KEPT:
            total -= np.partition(total, -_KEPT - 1)[-_KEPT - 1]
            at, total = at[total > 0], total[total > 0]
        self._at, self._n = at, total

    def found(self, rows: int) -> list[dict[str, float | int]]:
        """Positions of more than 20 and more than 1 % of `rows` rows, the largest first, at most 20.

        >>> piles = Piles()
        >>> piles.add(np.array([1.0] * 30 + [2.0]), np.array([5.0] * 31))
        >>> piles.found(31)
        [{'x': 1.0, 'y': 5.0, 'n': 30}]
        """
        large = np.flatnonzero(self._n > max(20.0, rows / 100))
        largest = large[np.argsort(-self._n[large], kind="stable")][:_SHOWN]
        return [
            {"x": float(at.real), "y": float(at.imag), "n": int(n)}
            for at, n in zip(self._at[largest], self._n[largest], strict=True)
        ]
