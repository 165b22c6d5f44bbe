"""Distances to borders and edges near points, against shapely."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import town

from gis.assignment.borders import Borders

TOWN = town.area_set()
TURNED = [shapely.transform(level.geometry, lambda c: c @ [[0.8, 0.6], [-0.6, 0.8]]) for level in TOWN.levels]
HOLED = np.array([shapely.box(0, 0, 90, 90).difference(shapely.box(30, 30, 40, 50)), shapely.box(30, 30, 40, 50)])
FAR_APART = np.array([shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(9000, 9000, 9001, 9003)])])


def scattered(geometry: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    west, south, east, north = shapely.total_bounds(geometry)
    wide, high = east - west, north - south
    return rng.uniform(west - wide, east + wide, n), rng.uniform(south - high, north + high, n)


@pytest.mark.parametrize("geometry", [*TURNED, HOLED, FAR_APART])
def test_the_nearest_border_is_as_far_as_shapely_says(geometry: np.ndarray) -> None:
    x, y = scattered(geometry, 1500)
    wanted = shapely.distance(shapely.points(x, y), shapely.union_all(shapely.boundary(geometry)))
    borders = Borders(geometry)
    np.testing.assert_allclose(borders.distance(x, y), wanted, rtol=0, atol=1e-9)
    np.testing.assert_allclose(borders.distance_many(x, y), wanted, rtol=0, atol=1e-9)


def test_no_borders_and_no_coordinates_are_infinitely_far() -> None:
    nowhere = np.array([np.nan, np.inf]), np.array([0.0, 1.0])
    for borders in (Borders(np.array([], dtype=object)), Borders(HOLED)):
        assert np.isinf(borders.distance_many(*nowhere)).all()
    assert np.isinf(Borders(np.array([], dtype=object)).distance(*nowhere)).all()
    assert len(Borders(HOLED).near(*nowhere, np.array([1e9, 1e9])).point) == 0


@pytest.mark.parametrize("geometry", [TURNED[2], HOLED])
def test_edges_within_reach_have_their_area_on_the_left(geometry: np.ndarray) -> None:
    x, y = scattered(geometry, 150)
    reach = np.linspace(0.0, 150.0, 150)
    near = Borders(geometry).near(x, y, reach)
    lines = shapely.linestrings(np.stack([near.a, near.b], axis=1))
    assert np.all(np.diff(near.point) >= 0)
    assert np.all(shapely.distance(lines, shapely.points(x, y)[near.point]) <= reach[near.point] + 1e-9)
    along = near.b - near.a
    left = (near.a + near.b) / 2 + 0.01 * np.column_stack([-along[:, 1], along[:, 0]]) / np.hypot(*along.T)[:, None]
    assert np.all(shapely.covers(geometry[near.area], shapely.points(left)))
    every = [
        (i, line.normalize().wkt)
        for i in range(len(x))
        for polygon in geometry
        for ring in shapely.get_rings(shapely.get_parts(polygon))
        for line in map(shapely.LineString, zip(ring.coords, ring.coords[1:], strict=False))
        if line.distance(shapely.Point(x[i], y[i])) <= reach[i]
    ]
    assert sorted(every) == sorted(zip(near.point.tolist(), [g.normalize().wkt for g in lines], strict=True))
