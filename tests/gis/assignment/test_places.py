"""The places around a spot against the simple way: every feature asked one by one."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.areas import Feature
from gis.assignment.places import REACH_M, Places


def feature(layer: str, code: str, geometry: shapely.Geometry, width_m: float | None = None) -> Feature:
    return Feature(layer, code, "", "", "", width_m, geometry)


MARKET = feature("market", "SC1", shapely.box(0, 0, 100, 50))
LAKE = feature(
    "river",
    "HD1",
    shapely.MultiPolygon(
        [
            shapely.box(200, 0, 300, 100).difference(shapely.box(240, 40, 260, 60)),
            shapely.box(400, 0, 450, 100),
        ]
    ),
)
AVENUE = feature("road", "DL1", shapely.LineString([(0, 60), (150, 60), (150, 300), (500, 300)]), 24.0)
LANES = feature("road", "DL2", shapely.MultiLineString([[(50, -20), (50, 90)], [(400, 200), (500, 220)]]))
SCHOOL = feature("landmark", "DB1", shapely.Point(50, 25))
ALL = (SCHOOL, LANES, AVENUE, MARKET, LAKE)
PLACES = Places(ALL)


def found(places: Places, x: float, y: float) -> list[str]:
    point, index = places.around([x], [y])
    assert set(point.tolist()) <= {0}
    return places.words[index].tolist()


def simply(x: float, y: float) -> list[str]:
    spot, words = shapely.Point(x, y), []
    for f in ALL:
        if shapely.get_dimensions(f.geometry) == 1:
            near = shapely.dwithin(f.geometry, spot, f.width_m / 2 if f.width_m else REACH_M)
        else:
            near = shapely.get_dimensions(f.geometry) == 2 and shapely.intersects(f.geometry, spot)
        words += [f"{f.layer}:{f.code}"] * bool(near)
    return sorted(words)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (20.0, 20.0, ["market:SC1"]),
        (100.0, 20.0, ["market:SC1"]),  # on the edge
        (50.0, 25.0, ["market:SC1", "road:DL2"]),  # on the school, which is around nothing
        (20.0, 50.0, ["market:SC1", "road:DL1"]),
        (20.0, 72.0, ["road:DL1"]),  # 12 m from the middle of a road of 24 m
        (20.0, 72.01, []),
        (55.0, -10.0, ["road:DL2"]),  # a line without a width reaches 5 m
        (55.01, -10.0, []),
        (250.0, 50.0, []),  # the hole of the lake
        (240.0, 50.0, ["river:HD1"]),
        (420.0, 50.0, ["river:HD1"]),
        (float("nan"), 20.0, []),
        (20.0, float("nan"), []),
    ],
)
def test_a_spot_has_its_places(x: float, y: float, expected: list[str]) -> None:
    assert found(PLACES, x, y) == expected


@given(st.lists(st.tuples(st.integers(-20, 520), st.integers(-40, 320)), max_size=40))
@settings(deadline=None)
def test_many_at_once_equal_every_feature_asked_one_by_one(spots: list[tuple[int, int]]) -> None:
    x, y = (np.array([spot[k] for spot in spots], dtype=float) for k in (0, 1))
    point, index = PLACES.around(x, y)
    pairs = list(zip(point.tolist(), PLACES.words[index].tolist(), strict=True))
    assert pairs == [(i, word) for i, spot in enumerate(spots) for word in simply(*spot)]


def test_the_order_of_the_features_is_of_no_account() -> None:
    assert Places(ALL[::-1]).words.tolist() == PLACES.words.tolist() == sorted(PLACES.words)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("", [True, True, True, True]),
        ("market", [True, False, True, False]),
        ("road", [False, True, True, False]),
        ("road:DL1", [False, True, False, False]),
        ("road:DL2", [False, False, True, False]),
        ("road:DL", [False] * 4),
        ("compound", [False] * 4),
    ],
)
def test_a_rule_names_a_layer_or_one_place(word: str, expected: list[bool]) -> None:
    point, index = PLACES.around([20.0, 20.0, 50.0, -500.0], [20.0, 70.0, 25.0, 0.0])
    assert PLACES.matches(word, point, index, 4).tolist() == expected


def test_an_index_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(PLACES))
    for mine, theirs in zip(again.around([20.0, 20.0], [20.0, 70.0]), PLACES.around([20, 20], [20, 70]), strict=True):
        assert mine.tolist() == theirs.tolist()


@pytest.mark.parametrize("features", [(), (SCHOOL,), (feature("road", "DL9", shapely.LineString()),)])
def test_a_map_without_anything_around_is_around_nothing(features: tuple[Feature, ...]) -> None:
    places = Places(features)
    point, index = places.around([20.0, 50.0], [20.0, 25.0])
    assert (len(point), len(index)) == (0, 0)
    assert places.matches("market", point, index, 2).tolist() == [False, False]
    assert places.matches("", point, index, 2).tolist() == [True, True]
