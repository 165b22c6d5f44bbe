"""Vertices put back on stored ones: only those that can be meant, and shared borders stay shared."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gis.analysis.alignment import align
from gis.crs import from_working, to_working

EAST, NORTH, TOLERANCE = 493000.0, 3517000.0, 0.05
Objects = NDArray[np.object_]


def polygon(*xy: tuple[float, float]) -> shapely.Polygon:
    """A polygon in metres from the corner of the town."""
    return shapely.Polygon(np.add(xy, (EAST, NORTH)))


def areas(*polygons: shapely.Geometry) -> Objects:
    out = np.empty(len(polygons), dtype=object)
    out[:] = polygons
    return out


def relative(geometry: shapely.Geometry) -> list[tuple[float, float]]:
    return [tuple(xy) for xy in (shapely.get_coordinates(geometry) - (EAST, NORTH)).round(6).tolist()]


SQUARE = polygon((0, 0), (10, 0), (10, 10), (0, 10))


def test_what_is_equal_stays_the_object_it_was() -> None:
    delivered = areas(polygon((0, 0), (10, 0), (10, 10), (0, 10)))
    back = align(areas(SQUARE), delivered, TOLERANCE)
    assert (back.moved_vertices, back.largest_m) == (0, 0.0)
    assert back.geometry[0] is delivered[0]


@pytest.mark.parametrize(("off", "moved"), [(0.049, 1), (0.051, 0)])
def test_only_what_is_within_the_tolerance_goes_back(off: float, moved: int) -> None:
    back = align(areas(SQUARE), areas(polygon((0, 0), (10, 0), (10 + off, 10), (0, 10))), TOLERANCE)
    assert back.moved_vertices == moved
    assert back.largest_m == pytest.approx(off * moved)
    assert relative(back.geometry[0])[2] == (10.0 if moved else 10 + off, 10.0)


def test_ring_start_direction_and_more_vertices_are_kept() -> None:
    delivered = areas(polygon((10.01, 10), (10, 5), (10, 0), (0, 0), (0, 10.01)))
    back = align(areas(SQUARE), delivered, TOLERANCE)
    assert relative(back.geometry[0]) == [(10, 10), (10, 5), (10, 0), (0, 0), (0, 10), (10, 10)]
    assert back.moved_vertices == 2


def test_shared_borders_stay_shared() -> None:
    left = polygon((0, 0), (10.02, 0), (10.02, 10), (0, 10))
    right = polygon((10.02, 0), (20, 0), (20, 10), (10.02, 10))
    stored = areas(SQUARE, polygon((10, 0), (20, 0), (20, 10), (10, 10)))
    back = align(stored, areas(left, right), TOLERANCE)
    assert shapely.equals_identical(back.geometry, stored).all()
    assert back.moved_vertices == 2


def test_a_vertex_that_could_mean_two_old_ones_stays() -> None:
    """Two old vertices 4 cm apart: a new one 3 cm from the first is nearer to it than nothing, and yet not clear."""
    stored = areas(polygon((0, 0), (10, 0), (10.04, 0.0), (10, 10)))
    back = align(stored, areas(polygon((0, 0), (10, 0.03), (12, 3), (10, 10))), TOLERANCE)
    assert back.moved_vertices == 0


def test_of_two_new_vertices_the_nearer_one_goes_back_and_of_equally_near_ones_none() -> None:
    nearer = align(areas(SQUARE), areas(polygon((0, 0), (10, 0), (10.04, 9.99), (9.98, 10), (0, 10))), TOLERANCE)
    assert relative(nearer.geometry[0])[2:4] == [(10.04, 9.99), (10.0, 10.0)]
    # a quarter, an eighth: exact in binary, so that the two are equally far indeed
    torn = align(areas(SQUARE), areas(polygon((0, 0), (10, 0), (10.125, 10), (9.875, 10.0), (0, 10))), 0.25)
    assert torn.moved_vertices == 0


def test_a_vertex_already_taken_by_an_equal_one_takes_no_other() -> None:
    back = align(areas(SQUARE), areas(polygon((0, 0), (10, 0), (10.02, 9), (10.02, 10), (10, 10), (0, 10))), TOLERANCE)
    assert back.moved_vertices == 0


def test_what_would_make_an_area_invalid_is_undone_in_its_neighbours_too() -> None:
    """The stored tip lies 3 cm higher, beyond the strip's delivered upper border: put back, it would cut through."""
    #  2,1.01 +-----------------------+ 8,1.01
    #         |         strip         |
    #  2,0.90 +------- 5,1.00 --------+ 8,0.90    stored: 2,0.92  5,1.03  8,0.90
    #         |         below         |
    #  2,0.00 +-----------------------+           stored: 2,0.01
    strip = polygon((2, 1.01), (8, 1.01), (8, 0.9), (5, 1), (2, 0.9))
    below = polygon((2, 0.9), (5, 1), (8, 0.9), (8, 0), (2, 0))
    stored = areas(polygon((2, 0.92), (5, 1.03), (8, 0.9), (8, 0), (2, 0.01)))
    alone = align(stored, areas(below), TOLERANCE)
    assert (alone.moved_vertices, relative(alone.geometry[0])[1]) == (3, (5, 1.03))
    back = align(stored, areas(strip, below), TOLERANCE)
    assert back.moved_vertices == 1
    assert shapely.equals_identical(back.geometry[0], strip)
    assert relative(back.geometry[1]) == [(2, 0.9), (5, 1), (8, 0.9), (8, 0), (2, 0.01), (2, 0.9)]


def test_an_area_that_came_invalid_is_aligned_nevertheless() -> None:
    bow_tie = polygon((0, 0), (10.01, 10), (10, 0), (0, 10))
    back = align(areas(SQUARE), areas(bow_tie), TOLERANCE)
    assert back.moved_vertices == 1


def test_holes_and_parts_are_aligned() -> None:
    holed = shapely.difference(SQUARE, shapely.box(EAST + 2, NORTH + 2, EAST + 4, NORTH + 4))
    both = shapely.MultiPolygon([holed, shapely.transform(SQUARE, lambda xy: xy + 20)])
    back = align(areas(both), shapely.transform(areas(both), lambda xy: xy + 0.01), TOLERANCE)
    assert shapely.equals_identical(back.geometry[0], both)
    assert back.moved_vertices == 12


@pytest.mark.parametrize(("old", "new"), [((), ()), ((), (SQUARE,)), ((SQUARE,), ())])
def test_an_empty_side_moves_nothing(old: tuple[shapely.Polygon, ...], new: tuple[shapely.Polygon, ...]) -> None:
    back = align(areas(*old), areas(*new), TOLERANCE)
    assert (back.moved_vertices, back.largest_m, list(back.geometry)) == (0, 0.0, list(new))


# -- what holds of any coverage ----------------------------------------------------------------------------------


def coverage(seed: int, count: int) -> Objects:
    """Voronoi cells in a square, cut from one noded set of lines and so an exact coverage."""
    rng = np.random.default_rng(seed)
    frame = shapely.box(EAST, NORTH, EAST + 1000, NORTH + 1000)
    points = shapely.multipoints(np.array([EAST, NORTH]) + rng.uniform(20, 980, (count, 2)))
    edges = shapely.intersection(shapely.voronoi_polygons(points, only_edges=True, extend_to=frame), frame)
    return np.asarray(
        shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.union_all([edges, frame.exterior])))),
        dtype=object,
    )


def there_and_back(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    lon, lat = from_working(xy[:, 0], xy[:, 1], working="EPSG:4549", crs="EPSG:4490")
    return np.column_stack(to_working(lon, lat, crs="EPSG:4490", working="EPSG:4549"))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_a_trip_through_another_crs_is_undone_to_the_bit(seed: int, count: int) -> None:
    stored = coverage(seed, count)
    xy = np.unique(shapely.get_coordinates(stored), axis=0)
    apart = shapely.STRtree(shapely.points(xy)).query(shapely.points(xy), predicate="dwithin", distance=1e-6)
    back = align(stored, np.asarray(shapely.transform(stored, there_and_back), dtype=object), TOLERANCE)
    # Voronoi corners nearer to each other than the trip's noise cannot be told apart; they hardly ever come.
    if apart.shape[1] == len(xy):
        assert shapely.equals_identical(back.geometry, stored).all()
    assert back.largest_m < 1e-7


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.floats(0.001, 40.0), st.floats(0.001, 80.0))
def test_no_area_becomes_invalid(seed: int, count: int, noise: float, tolerance: float) -> None:
    stored = coverage(seed, count)
    delivered = coverage(seed + 1, count)
    rng = np.random.default_rng(seed)
    xy = np.unique(shapely.get_coordinates(stored), axis=0)
    shaken = xy + rng.normal(0, noise, xy.shape)
    index = {tuple(place): at for at, place in enumerate(xy.tolist())}
    drawn = shapely.transform(stored, lambda old: shaken[[index[tuple(place)] for place in old.tolist()]])
    for new in (delivered, np.asarray(drawn, dtype=object)):
        back = align(stored, new, tolerance)
        before, after = shapely.is_valid(new), shapely.is_valid(back.geometry)
        assert after[before].all()
        assert back.largest_m <= tolerance
        assert (shapely.get_num_coordinates(back.geometry) == shapely.get_num_coordinates(new)).all()
        # one vertex, one place: what was shared is shared, what was apart is apart
        was, became = shapely.get_coordinates(new), shapely.get_coordinates(back.geometry)
        assert len(np.unique(was, axis=0)) == len(np.unique(became, axis=0))
        assert len(np.unique(np.column_stack((was, became)), axis=0)) == len(np.unique(was, axis=0))
