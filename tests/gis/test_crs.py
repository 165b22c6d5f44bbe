"""Coordinates at the door, against known numbers."""

from __future__ import annotations

import numpy as np
import pytest

from gis.crs import (
    bd09_to_gcj02,
    check_working_crs,
    from_working,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    parse_crs,
    same_crs,
    to_working,
    wgs84_to_gcj02,
    wkt_of,
)
from gis.errors import UnknownCrs

HERE = ([119.93], [31.78])


def shift_m(crs: str) -> float:
    """Metres by which coordinates of `crs`, taken for WGS 84, miss their place."""
    true = to_working(*HERE, crs="EPSG:4326", working="EPSG:4549")
    east, north = from_working(*true, working="EPSG:4549", crs=crs)
    wrong = to_working(east, north, crs="EPSG:4326", working="EPSG:4549")
    return float(np.hypot(wrong[0] - true[0], wrong[1] - true[1])[0])


def test_a_known_point_of_the_district() -> None:
    east, north = to_working(*HERE, crs="EPSG:4326", working="EPSG:4549")
    assert (round(float(east[0]), 2), round(float(north[0]), 2)) == (493369.73, 3517459.89)
    zone, _ = from_working(east, north, working="EPSG:4549", crs="EPSG:4528")
    assert round(float(zone[0]), 2) == 40493369.73


def test_gcj02_is_off_by_half_a_kilometre_and_bd09_by_more_than_one() -> None:
    assert 502 <= shift_m("GCJ-02") <= 506
    assert 1135 <= shift_m("BD-09") <= 1154


@pytest.mark.parametrize("crs", ["GCJ-02", "BD-09", "EPSG:4490", "EPSG:4528", "EPSG:4326", "EPSG:3857"])
def test_there_and_back_is_the_same_place(crs: str) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    east, north = 493000 + rng.uniform(-9000, 9000, 200), 3517000 + rng.uniform(-9000, 9000, 200)
    back = to_working(*from_working(east, north, working="EPSG:4549", crs=crs), crs=crs, working="EPSG:4549")
    assert float(np.hypot(back[0] - east, back[1] - north).max()) < 1e-4


def test_wgs84_and_cgcs2000_are_one_by_name() -> None:
    a = to_working(*HERE, crs="EPSG:4326", working="EPSG:4549")
    b = to_working(*HERE, crs="EPSG:4490", working="EPSG:4549")
    assert a[0][0] == b[0][0]
    assert a[1][0] == b[1][0]


@pytest.mark.parametrize("crs", ["EPSG:4214", "EPSG:4610", "EPSG:2437"])
def test_old_datums_are_refused_rather_than_guessed(crs: str) -> None:
    with pytest.raises(UnknownCrs, match="CGCS2000"):
        to_working([119.93], [31.78], crs=crs, working="EPSG:4549")


@pytest.mark.parametrize("text", ["", None, "WGS84", "EPSG:999999", "4549", "EPSG:4549; DROP TABLE", "EPSG:5773"])
def test_an_unknown_word_is_refused_with_those_known(text: str | None) -> None:
    with pytest.raises(UnknownCrs, match=r"write EPSG:n \(as EPSG:4326\), GCJ-02 or BD-09"):
        parse_crs(text)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:2249", "GCJ-02"])
def test_only_a_projected_crs_in_metres_can_be_worked_in(crs: str) -> None:
    with pytest.raises(UnknownCrs, match="EPSG:4549"):
        check_working_crs(crs)


def test_what_cannot_be_projected_comes_back_as_nan() -> None:
    east, north = to_working([119.9, 1e9], [31.8, 1e9], crs="EPSG:4326", working="EPSG:4549")
    assert np.isfinite([east[0], north[0]]).all()
    assert np.isnan([east[1], north[1]]).all()


def test_the_shifts_invert_each_other() -> None:
    lon, lat = np.array([73.6, 135.0, 119.93]), np.array([18.2, 53.4, 31.78])
    for there, back in ((wgs84_to_gcj02, gcj02_to_wgs84), (gcj02_to_bd09, bd09_to_gcj02)):
        again = back(*there(lon, lat))
        assert float(np.abs(again[0] - lon).max()) < 1e-9
        assert float(np.abs(again[1] - lat).max()) < 1e-9


def test_a_prj_of_another_zone_is_another_crs() -> None:
    assert same_crs(wkt_of("EPSG:4549"), "EPSG:4549")
    assert not same_crs(wkt_of("EPSG:4548"), "EPSG:4549")
    assert not same_crs(wkt_of("EPSG:4490"), "EPSG:4549")
    assert not same_crs("nonsense", "EPSG:4549")
