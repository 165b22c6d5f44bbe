"""A file in a shifted system, read as WGS 84, is seen where its points fall off the edge of the areas."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import town

from gis.crs import from_working, wgs84_to_gcj02
from gis.services.crs_evidence import better_crs
from gis.services.platform import Platform

TODAY = date(2026, 11, 2)


def points(crs: str) -> tuple[np.ndarray, np.ndarray]:
    """Points at the town's eastern end, as a file in `crs` has them."""
    east, north = zip(*(town.at(c, r) for c in (5.4, 5.8) for r in (0.2, 0.6)), strict=True)
    return from_working(np.array(east * 25), np.array(north * 25), working="EPSG:4549", crs=crs)


@pytest.mark.parametrize("meant", ["GCJ-02", "BD-09", "EPSG:4326"])
@pytest.mark.parametrize("said", ["EPSG:4326", "EPSG:4490"])
def test_the_system_in_which_the_points_lie_inside_is_named(platform: Platform, meant: str, said: str) -> None:
    wanted = None if meant == "EPSG:4326" else meant
    assert better_crs(platform, *points(meant), crs=said, day=TODAY) == wanted


def test_nothing_is_said_of_survey_coordinates_or_of_points_elsewhere(platform: Platform) -> None:
    assert better_crs(platform, np.zeros(9), np.zeros(9), crs="EPSG:4549", day=TODAY) is None
    assert better_crs(platform, np.zeros(9), np.zeros(9), crs="EPSG:4326", day=TODAY) is None


def test_a_shift_is_named_though_some_points_lie_outside_either_way(platform: Platform) -> None:
    columns, rows = np.meshgrid(np.linspace(0.2, 5.8, 20), np.linspace(0.2, 3.8, 20))
    x, y = town.at(columns.ravel(), rows.ravel())
    lon, lat = from_working(x, y, working=platform.place.crs, crs="EPSG:4326")
    elsewhere = lon[:70] + 0.1  # a sixth of the rows is nobody's, and the town is too small for the shift to miss
    lon, lat = np.append(lon, elsewhere), np.append(lat, lat[:70])
    as_gcj = wgs84_to_gcj02(lon, lat)
    assert better_crs(platform, *as_gcj, crs="EPSG:4326", day=TODAY) == "GCJ-02"
    assert better_crs(platform, *as_gcj, crs="GCJ-02", day=TODAY) is None
    assert better_crs(platform, lon, lat, crs="EPSG:4326", day=TODAY) is None
