"""When doubles are known to suffice for the side of a line."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis.assignment.exact import Doubt, edges_of


@pytest.mark.parametrize("corner", [(490_000.0, 3_510_000.0), (0.0, 0.0), (1e-3, 700.0)])
def test_a_point_is_in_doubt_alone_as_among_others(corner: tuple[float, float]) -> None:
    """What is said early, by the magnitude of all the numbers, is what their bits say."""
    west, south = corner
    doubt = Doubt(edges_of(np.array([shapely.box(west, south, west + 1234.5, south + 999.25)]))[0])
    chance = np.random.default_rng(3)
    x, y = (chance.uniform(0.5, 2.0, 200) * 10.0 ** chance.integers(-12, 7, 200) for _ in "xy")
    x, y = np.concatenate([x, west + x[:50], [0.0, west]]), np.concatenate([y, south + y[:50], [0.0, south]])
    alone = [bool(doubt.of(x[i : i + 1], y[i : i + 1])[0]) for i in range(len(x))]
    assert alone == doubt.of(x, y).tolist()
    assert len(set(alone)) == 2


def test_a_zero_among_tiny_numbers_does_not_hide_their_doubt() -> None:
    doubt = Doubt(edges_of(np.array([shapely.box(0.0, 3_510_000.0, 4.0, 3_510_004.0)]))[0])
    x, y = np.array([0.0, 1e-10]), np.array([3_510_000.1, 3_510_000.1])
    assert doubt.of(x, y).tolist() == [False, True]
