"""Pile-ups against a plain count, and the odd numbers of floating point."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.analysis.pileups import pileups

SPOTS = st.sampled_from([0.0, -0.0, 1.5, 1.5 + 2**-52, -71.0587, float("nan"), float("inf")])


@given(st.lists(st.tuples(SPOTS, SPOTS), max_size=60), st.integers(1, 5))
def test_it_counts_as_a_plain_count_does(points: list[tuple[float, float]], at_least: int) -> None:
    plain = Counter(p for p in points if not any(map(np.isnan, p)))
    found = [column.tolist() for column in pileups([x for x, _ in points], [y for _, y in points], at_least)]
    wanted = sorted((-n, x, y) for (x, y), n in plain.items() if n >= at_least)
    assert list(zip(*found, strict=True)) == [(x, y, -n) for n, x, y in wanted]


def test_a_city_hall_is_found_among_addresses() -> None:
    chance = np.random.default_rng(3)
    x, y = np.round(chance.uniform(-71.2, -70.9, 50_000), 4), np.round(chance.uniform(42.2, 42.4, 50_000), 4)
    x[::7], y[::7] = -71.0587, 42.3594
    east, north, n = pileups(x, y, 21)
    assert (east.tolist(), north.tolist()) == ([-71.0587], [42.3594])
    assert n[0] >= len(x[::7])


def test_sharing_one_axis_is_no_pileup() -> None:
    x, y = np.repeat(np.arange(10.0), 10), np.tile(np.arange(10.0), 10)
    assert [len(column) for column in pileups(x, y, 2)] == [0, 0, 0]


@pytest.mark.parametrize("points", [[], [np.nan, np.nan]])
def test_no_points_give_no_pileups(points: list[float]) -> None:
    assert [len(column) for column in pileups(points, points, 1)] == [0, 0, 0]
