"""Two rulings of the same cases side by side: which cases would change hands, and what each unit would have to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Backtest", "Load", "Move", "compare"]

Objects = NDArray[np.object_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Move:
    """The cases that go from one unit to another: how many, by category (most first), and the first of them by id."""

    before: str
    after: str
    count: int
    categories: tuple[tuple[str, int], ...]
    cases: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """The cases of a unit before and after, and those that it has both times; percent of those before, None where it
    had none."""

    unit: str
    before: int
    after: int
    kept: int

    @property
    def difference(self) -> int:
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        return 100.0 * self.difference / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class Backtest:
    """Of the cases looked at, those that change hands: most first in `moves`, by unit in `loads` (greatest change
    first)."""

    looked_at: int
    changed: int
    moves: tuple[Move, ...]
    loads: tuple[Load, ...]


def compare(before: Objects, after: Objects, *, case_id: Ints, category: Objects, samples: int = 5) -> Backtest:
    """Compare who gets n cases: `before` and `after` hold units' codes or the words of a desk and of outside.

    >>> words = lambda text: np.array(text.split(), dtype=object)
    >>> found = compare(words("S1 S1 D1 desk"), words("D1 D1 D1 S1"), case_id=np.array([9, 7, 8, 6]),
    ...     category=words("01 05 05 01"))
    >>> found.looked_at, found.changed
    (4, 3)
    >>> found.moves[0]
    Move(before='S1', after='D1', count=2, categories=(('01', 1), ('05', 1)), cases=(7, 9))
    >>> [(load.unit, load.before, load.after, load.percent) for load in found.loads]
    [('D1', 1, 3, 200.0), ('S1', 2, 1, -50.0), ('desk', 1, 0, -100.0)]
    """
    import pandas as pd

    number, units = pd.factorize(np.concatenate([before, after]), sort=True)
    was, now = np.split(number, 2)
    moved = np.flatnonzero(was != now)
    moved = moved[np.argsort(case_id[moved], kind="stable")]
    pairs, pair_of, counts = np.unique(was[moved] * len(units) + now[moved], return_inverse=True, return_counts=True)
    rows = np.split(moved[np.argsort(pair_of, kind="stable")], np.cumsum(counts)[:-1])
    moves = [
        Move(
            before=str(units[pair // len(units)]),
            after=str(units[pair % len(units)]),
            count=len(of),
            categories=_most(category[of]),
            cases=tuple(case_id[of[:samples]].tolist()),
        )
        for pair, of in zip(pairs.tolist(), rows, strict=False)
    ]
    return Backtest(
        looked_at=len(case_id),
        changed=len(moved),
        moves=tuple(sorted(moves, key=lambda move: (-move.count, move.before, move.after))),
        loads=_loads(units.tolist(), was, now),
    )


def _loads(units: list[str], was: Ints, now: Ints) -> tuple[Load, ...]:
    counts = (np.bincount(number, minlength=len(units)).tolist() for number in (was, now, was[was == now]))
    loads = [Load(*row) for row in zip(units, *counts, strict=True)]
    return tuple(sorted(loads, key=lambda load: (-abs(load.difference), load.unit)))


def _most(words: Objects) -> tuple[tuple[str, int], ...]:
    """Each word and how often it stands, most first."""
    return tuple(sorted(Counter(words.tolist()).items(), key=lambda item: (-item[1], item[0])))
