"""A file whose points lie beside the ground by the shift of Chinese maps is named, one with rows elsewhere is not."""

from __future__ import annotations

import numpy as np
import town
from conftest import TODAY

from gis.crs import from_working, wgs84_to_gcj02
from gis.services.crs_evidence import better_crs
from gis.services.platform import Platform


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
