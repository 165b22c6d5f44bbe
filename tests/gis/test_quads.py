"""Integer keys: decoding finds the metre again, ranges cover a box."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gis.quads import decode, encode, ranges

METRES = st.floats(-6.0e7, 6.0e7)


@given(METRES, METRES)
def test_a_key_names_its_square_metre(x: float, y: float) -> None:
    east, north = decode(encode([x], [y]), level=0)
    assert abs(east[0] - x) <= 0.5
    assert abs(north[0] - y) <= 0.5


@given(METRES, METRES, st.integers(1, 16))
def test_a_shortened_key_names_the_square_around(x: float, y: float, level: int) -> None:
    east, north = decode(encode([x], [y]) >> (2 * level), level=level)
    assert abs(east[0] - x) <= 2 ** (level - 1)
    assert abs(north[0] - y) <= 2 ** (level - 1)


@given(METRES, METRES, st.floats(0, 30_000), st.floats(0, 30_000))
def test_ranges_cover_the_box_are_few_sorted_and_apart(x: float, y: float, wide: float, high: float) -> None:
    found = ranges((x, y, x + wide, y + high))
    assert 1 <= len(found) <= 64
    assert all(low <= top for low, top in found)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(found))
    rng = np.random.Generator(np.random.PCG64(2))
    keys = encode(x + wide * rng.uniform(0, 1, 30), y + high * rng.uniform(0, 1, 30))
    assert all(any(low <= key <= top for low, top in found) for key in keys.tolist())
