"""Two rulings side by side: every case is counted once, and counted where it went."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.assignment.backtest import Backtest, compare

WORDS = st.sampled_from(["D1", "D2", "S1", "desk", "outside", ""])
ROWS = st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["0101", "05"])), max_size=40)


def compared(rows: list[tuple[str, str, str]], ids: list[int], samples: int = 3) -> Backtest:
    before, after, category = (np.array([row[k] for row in rows], dtype=object) for k in range(3))
    return compare(before, after, case_id=np.array(ids, dtype=np.int64), category=category, samples=samples)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_columns_equal_a_count_case_by_case(rows: list[tuple[str, str, str]], random: object) -> None:
    ids = list(range(100, 100 + len(rows)))
    random.shuffle(ids)  # type: ignore[attr-defined]
    found = compared(rows, ids)
    moves = Counter((a, b) for a, b, _ in rows if a != b)
    assert {(m.before, m.after): m.count for m in found.moves} == moves
    assert [(-m.count, m.before, m.after) for m in found.moves] == sorted(
        (-m.count, m.before, m.after) for m in found.moves
    )
    assert (found.looked_at, found.changed) == (len(rows), sum(moves.values()))
    for move in found.moves:
        of = [(i, c) for i, (a, b, c) in zip(ids, rows, strict=True) if (a, b) == (move.before, move.after)]
        assert move.cases == tuple(sorted(i for i, _ in of)[:3])
        assert dict(move.categories) == Counter(c for _, c in of)
    for load in found.loads:
        assert load.before == sum(a == load.unit for a, _, _ in rows)
        assert load.after == sum(b == load.unit for _, b, _ in rows)
        assert load.kept == sum(a == b == load.unit for a, b, _ in rows)
    assert {load.unit for load in found.loads} == {word for a, b, _ in rows for word in (a, b)}
    assert sum(load.difference for load in found.loads) == 0


def test_what_a_unit_had_none_of_has_no_percent() -> None:
    found = compared([("S1", "D1", "05"), ("S1", "S1", "05")], [1, 2])
    assert [(load.unit, load.difference, load.percent) for load in found.loads] == [("D1", 1, None), ("S1", -1, -50.0)]


def test_no_case_changes_nothing() -> None:
    assert compared([], []) == Backtest(0, 0, (), ())
