"""Whether a file can lie where its CRS puts it: each common mistake is named with the option that mends it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from conftest import PLACE_FILE
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.plausibility import judge
from gis.crs import from_working
from gis.place import read_place

PLACE = read_place(PLACE_FILE)
_SITES = np.random.default_rng(4).uniform([491000, 3516000], [494000, 3518000], (400, 2))
CELLS = shapely.get_parts(
    shapely.voronoi_polygons(shapely.multipoints(_SITES), extend_to=shapely.box(491000, 3516000, 494000, 3518000))
)
EAST, NORTH = shapely.get_coordinates(CELLS).T
LON, LAT = from_working(EAST, NORTH, working=PLACE.crs, crs="EPSG:4490")


def said(x: Any, y: Any, declared: str | None, reference: Any = None) -> tuple[str, str, bool]:
    verdict = judge(x, y, declared=declared, place=PLACE, reference=reference)
    assert not verdict.fits
    best = verdict.explanations[0]
    assert best.kind == "undeclared" or verdict.text
    return best.kind, best.crs, best.swap_axes


def test_a_file_that_is_right_passes_without_a_word() -> None:
    assert judge(EAST, NORTH, declared="EPSG:4549", place=PLACE, reference=CELLS).fits
    assert judge(LON, LAT, declared="EPSG:4490", place=PLACE, reference=CELLS).text == ""


@pytest.mark.parametrize(
    ("x", "y", "declared", "wanted"),
    [
        (NORTH, EAST, "EPSG:4549", ("axis_swap", "EPSG:4549", True)),
        (LAT, LON, "EPSG:4326", ("axis_swap", "EPSG:4490", True)),
        (LON, LAT, "EPSG:4549", ("degrees_labelled_metres", "EPSG:4490", False)),
        (EAST, NORTH, "EPSG:4490", ("metres_labelled_degrees", "EPSG:4549", False)),
        (EAST + 40e6, NORTH, "EPSG:4549", ("zone_prefix", "EPSG:4528", False)),
        (EAST, NORTH, "EPSG:4528", ("no_zone_prefix", "EPSG:4549", False)),
        (EAST, NORTH, "EPSG:4548", ("wrong_zone", "EPSG:4549", False)),
        (EAST, NORTH, None, ("undeclared", "EPSG:4549", False)),
        (LON, LAT, None, ("undeclared", "EPSG:4490", False)),
    ],
)
def test_each_mistake_is_named_with_what_would_fit(
    x: Any, y: Any, declared: str | None, wanted: tuple[str, str, bool]
) -> None:
    assert said(x, y, declared) == wanted


def test_feet_are_seen(tmp_path: Any) -> None:
    kind, crs, _ = said(EAST / 0.3048, NORTH / 0.3048, "EPSG:4549")
    assert kind == "feet"
    assert "foot" in crs


def test_american_feet_called_degrees_name_the_state_plane() -> None:
    place = replace(PLACE, crs="EPSG:26986", extent=(-71.2, 42.2, -70.9, 42.4))
    x, y = from_working([236000.0, 237000.0], [900000.0, 901000.0], working="EPSG:26986", crs="EPSG:2249")
    verdict = judge(x, y, declared="EPSG:4326", place=place)
    assert ("feet", "EPSG:2249") in {(e.kind, e.crs) for e in verdict.explanations}
    assert "--crs EPSG:2249" in verdict.text


@pytest.mark.parametrize("word", ["GCJ-02", "BD-09"])
def test_the_shift_of_web_maps_is_seen_against_what_is_in_force(word: str) -> None:
    lon, lat = from_working(EAST, NORTH, working=PLACE.crs, crs=word)
    verdict = judge(lon, lat, declared="EPSG:4326", place=PLACE, reference=CELLS)
    assert [e.crs for e in verdict.explanations] == [word]
    assert f"give --crs {word}" in verdict.text
    assert judge(lon, lat, declared="EPSG:4326", place=PLACE, reference=None).fits  # nothing to see it by


def test_a_projected_file_made_from_shifted_degrees_is_sent_back() -> None:
    lon, lat = from_working(EAST, NORTH, working=PLACE.crs, crs="GCJ-02")
    from gis.crs import to_working

    x, y = to_working(lon, lat, crs="EPSG:4326", working=PLACE.crs)
    verdict = judge(x, y, declared="EPSG:4549", place=PLACE, reference=CELLS)
    assert not verdict.fits
    assert "ask the sender for the survey's own coordinates" in verdict.text


def test_an_old_datum_is_refused_with_the_remedy() -> None:
    verdict = judge(EAST, NORTH, declared="EPSG:2385", place=PLACE, reference=CELLS)
    assert not verdict.fits
    assert "parameters" in verdict.text


def test_another_city_is_no_mistake_of_the_crs() -> None:
    verdict = judge(LON + 3.0, LAT, declared="EPSG:4490", place=PLACE)
    assert not verdict.fits
    assert "whether it is this city at all" in verdict.text


@given(
    st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=20),
    st.sampled_from([None, "EPSG:4549", "EPSG:4490", "EPSG:4528", "GCJ-02", "EPSG:3857"]),
)
@settings(max_examples=40, deadline=None)
def test_no_numbers_make_it_fail(points: list[tuple[float, float]], declared: str | None) -> None:
    x, y = np.array(points, dtype=float).T
    judge(x, y, declared=declared, place=PLACE, reference=CELLS)
