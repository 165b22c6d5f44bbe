"""Shared vertices, snapping and repair: what is mended, what is refused, and what is not touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box

from etl.mending import add_shared_vertices, repair, snap
from etl.topology import gaps, overlaps
from gis.errors import FileFault

EAST, NORTH, SIDE = 493_000.0, 3_517_000.0, 1_000.0
TOWN = box(EAST, NORTH, EAST + SIDE, NORTH + SIDE)
NOBODY = np.zeros(0, dtype=object)
_PEN = [(100, 50), (100.03, 50.02), (100.03, 49.98), (99.99, 50.03)]  # crosses its own line within some centimetres
LOOP = Polygon([(0, 0), (100, 0), *_PEN, (100, 100), (0, 100)])


def layer(*geometries: Any) -> np.ndarray:
    out = np.empty(len(geometries), dtype=object)
    out[:] = geometries
    return out


def voronoi(seed: int, n: int) -> np.ndarray:
    """An exact coverage of TOWN by straight-lined cells, cut at the rim: the same vertices on both sides."""
    points = np.random.default_rng(seed).uniform(0.02, 0.98, (n, 2)) * SIDE + (EAST, NORTH)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points), extend_to=TOWN))
    lines = shapely.union_all(shapely.boundary(shapely.intersection(cells, TOWN)))
    return shapely.get_parts(shapely.polygonize([lines]))


def with_middles(geometry: np.ndarray) -> np.ndarray:
    """Every edge halved by a vertex that is the same from both sides."""
    out = []
    for polygon in geometry:
        xy = shapely.get_coordinates(polygon)
        both = np.empty((2 * len(xy) - 1, 2))
        both[::2], both[1::2] = xy, (xy[:-1] + xy[1:]) / 2
        out.append(Polygon(both))
    return layer(*out)


coverages = st.builds(voronoi, st.integers(0, 10**6), st.integers(4, 40))


# ---------------------------------------------------------------- shared vertices


def test_tee_junction_of_an_l_shape() -> None:
    ell = Polygon([(0, 0), (20, 0), (20, 10), (10, 10), (10, 20), (0, 20)])
    geometry = layer(ell, box(10, 10, 20, 15), box(10, 15, 20, 20), box(20, 0, 30, 20), box(50, 50, 60, 60))
    mended = add_shared_vertices(geometry)
    assert mended.added == 3  # (10, 15) on the ell; (20, 10) and (20, 15) on the long neighbour
    assert shapely.coverage_is_valid(mended.geometry)
    assert not shapely.coverage_is_valid(geometry)
    for k in (1, 2, 4):
        assert mended.geometry[k] is geometry[k]
    assert shapely.equals(mended.geometry, geometry).all()


def test_an_exact_coverage_is_the_same_array() -> None:
    geometry = layer(box(0, 0, 10, 10), box(10, 0, 20, 10))
    assert add_shared_vertices(geometry).geometry is geometry
    assert add_shared_vertices(geometry).added == 0


@pytest.mark.parametrize("off", [1e-10, -1e-10, 4e-7, -4e-7])
def test_a_vertex_beside_the_edge_is_taken_as_it_is(off: float) -> None:
    x, y = EAST + 10, NORTH
    west = Polygon([(EAST, y), (x, y), (x + off, y + 5), (x, y + 10), (EAST, y + 10)])
    mended = add_shared_vertices(layer(west, box(x, y, x + 10, y + 10)))
    assert mended.added == 1
    assert shapely.coverage_is_valid(mended.geometry)
    assert (x + off, y + 5) in {tuple(c) for c in shapely.get_coordinates(mended.geometry[1]).tolist()}


def test_a_vertex_further_off_is_an_error_of_the_survey() -> None:
    west = Polygon([(0, 0), (10, 0), (10.00001, 5), (10, 10), (0, 10)])
    geometry = layer(west, box(10, 0, 20, 10))
    assert add_shared_vertices(geometry).geometry is geometry


def test_a_vertex_at_the_end_of_an_edge_is_left() -> None:
    west = Polygon([(0, 0), (10, 0), (10, 10 - 5e-7), (10, 10), (0, 10)])
    mended = add_shared_vertices(layer(west, box(10, 0, 20, 10)))
    assert mended.added == 0


def test_several_vertices_on_one_edge_come_in_order() -> None:
    row = [box(10, k, 20, k + 1) for k in (3, 0, 2, 1, 4)]
    mended = add_shared_vertices(layer(box(0, 0, 10, 5), *row))
    assert mended.added == 4
    assert shapely.coverage_is_valid(mended.geometry)
    assert shapely.is_valid(mended.geometry).all()


def test_rings_parts_and_holes_keep_their_places() -> None:
    ring = shapely.difference(box(0, 0, 10, 10), box(3, 3, 7, 7))
    two = MultiPolygon([ring, box(20, 0, 30, 10)])
    geometry = layer(two, box(3, 3, 7, 5), box(3, 5, 7, 7), box(30, 0, 40, 4), box(30, 4, 40, 10))
    mended = add_shared_vertices(geometry)
    assert mended.added == 3
    assert shapely.coverage_is_valid(mended.geometry)
    assert shapely.get_type_id(mended.geometry).tolist() == shapely.get_type_id(geometry).tolist()
    assert shapely.equals(mended.geometry, geometry).all()


@settings(deadline=None, max_examples=60)
@given(coverages, st.integers(0, 10**6), st.floats(0.05, 1))
def test_vertices_taken_away_come_back(geometry: np.ndarray, seed: int, share: float) -> None:
    """Vertices on a straight line between two areas, lost on one side: rounding leaves them 1e-10 m beside the edge."""
    exact = with_middles(geometry)
    chance = np.random.default_rng(seed)
    thinned = []
    for polygon in exact:
        xy = shapely.get_coordinates(polygon)
        lost = (np.arange(len(xy)) % 2 == 1) & (chance.random(len(xy)) < share)
        thinned.append(Polygon(xy[~lost]))
    geometry = layer(*thinned)
    mended = add_shared_vertices(geometry)
    assert shapely.coverage_is_valid(mended.geometry)
    assert shapely.is_valid(mended.geometry).all()
    for old, new in zip(geometry, mended.geometry, strict=True):
        assert new is old or len(new.exterior.coords) > len(old.exterior.coords)
    assert add_shared_vertices(mended.geometry).added == 0


# ---------------------------------------------------------------- snap


def test_a_slit_is_closed_and_others_keep_their_bits() -> None:
    geometry = layer(box(0, 0, 10, 10), box(10.2, 0, 20, 10), box(60, 0, 70, 10))
    snapped = snap(geometry, 0.5)
    assert gaps(snapped.geometry, largest_m2=100, slit_m=1.0) == []
    assert shapely.area(snapped.geometry[:2]).sum() == pytest.approx(200)
    assert snapped.geometry[2] is geometry[2]
    ((index, move, change),) = [m for m in snapped.moves if m[1] > 0]
    assert index in (0, 1)
    assert (move, change) == pytest.approx((0.2, 2.0))


def test_an_overlap_is_resolved() -> None:
    snapped = snap(layer(box(0, 0, 10, 10), box(9.8, 0, 20, 10)), 0.5)
    assert overlaps(snapped.geometry) == []
    assert shapely.area(snapped.geometry).sum() == pytest.approx(200)


def test_a_sliver_inside_goes_to_a_neighbour() -> None:
    west = Polygon([(0, 0), (10, 0), (9.8, 5), (10, 10), (0, 10)])
    frame = layer(west, box(10, 0, 20, 10), box(0, -10, 20, 0), box(0, 10, 20, 20))
    snapped = snap(add_shared_vertices(frame).geometry, 0.5)
    assert shapely.coverage_is_valid(snapped.geometry)
    assert gaps(snapped.geometry, largest_m2=100) == []


def test_an_exact_coverage_is_not_touched() -> None:
    geometry = layer(box(0, 0, 10, 10), box(10, 0, 20, 10))
    snapped = snap(geometry, 0.5)
    assert snapped.geometry is geometry
    assert snapped.moves == ()


@pytest.mark.parametrize(
    ("geometry", "metres", "found"),
    [
        (layer(box(0, 0, 10, 10), box(0, 0, 10, 10)), 0.5, "vanishes"),
        (layer(box(0, 0, 10, 10), box(9.9, 4, 10.1, 4.2)), 0.5, "vanishes"),
        (layer(box(0, 0, 100, 100), box(50, 0, 150, 100)), 0.5, "changes by"),
    ],
)
def test_what_is_more_than_drawing_is_refused(geometry: np.ndarray, metres: float, found: str) -> None:
    with pytest.raises(FileFault, match=f"{found}.*; wanted .*deliver it again"):
        snap(geometry, metres)


@pytest.mark.parametrize("seed", range(4))
def test_snapping_by_no_more_than_the_slits_width_is_refused(seed: int) -> None:
    """It closes them in places; the rest stays open, or would be one area's spike between others."""
    cells = shapely.buffer(voronoi(seed, 30), -0.2, join_style="mitre")
    with pytest.raises(FileFault, match="leaves overlaps or slits|moves"):
        snap(cells, 0.4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(4, 30))
def test_cells_shrunk_apart_meet_again(seed: int, n: int) -> None:
    """Hexagon-like cells on a loose grid, each drawn 0.2 m too small."""
    side = int(np.ceil(np.sqrt(n)))
    chance = np.random.default_rng(seed)
    east, north = np.meshgrid(np.arange(side), np.arange(side))
    points = (np.column_stack([east.ravel(), north.ravel()]) + chance.uniform(0.25, 0.75, (side**2, 2))) * 100
    hull = box(EAST, NORTH, EAST + side * 100, NORTH + side * 100)
    cells = shapely.get_parts(
        shapely.voronoi_polygons(shapely.multipoints(points + np.array([EAST, NORTH])), extend_to=hull)
    )
    lines = shapely.union_all(shapely.boundary(shapely.intersection(cells, hull)))
    exact = shapely.get_parts(shapely.polygonize([lines]))
    shrunk = shapely.buffer(exact, -0.2, join_style="mitre")
    snapped = snap(shrunk, 1.5)
    assert shapely.coverage_is_valid(snapped.geometry)
    assert overlaps(snapped.geometry) == []
    assert gaps(snapped.geometry, largest_m2=1e9) == []
    assert shapely.get_type_id(shapely.coverage_union_all(snapped.geometry)) == shapely.GeometryType.POLYGON
    assert len(snapped.moves) > 0


# ---------------------------------------------------------------- repair


def test_a_tiny_loop_is_repaired() -> None:
    """The surveyor's pen crossed its own line and came back: a loop of some centimetres at a corner."""
    assert not shapely.is_valid(LOOP)
    found = repair(LOOP, 0.5, layer(box(100.1, 0, 200, 100)))
    assert found.ok
    assert "Self-intersection" in found.reason
    assert shapely.is_valid(found.geometry)
    assert shapely.get_type_id(found.geometry) == shapely.GeometryType.POLYGON
    assert shapely.area(found.geometry) == pytest.approx(10_000, abs=1)
    assert abs(found.area_change_m2) < 0.1


@pytest.mark.parametrize("corner", [(99.97, 49.99), (100.04, 49.99)])
def test_a_loop_to_either_side_leaves_neither_hole_nor_exclave(corner: tuple[float, float]) -> None:
    ring = [(0, 0), (100, 0), (100, 50.02), corner, (100.01, 50.0), (100, 100), (0, 100)]
    found = repair(Polygon(ring), 0.5, NOBODY)
    assert found.ok
    assert shapely.get_num_interior_rings(found.geometry) == 0
    assert shapely.is_valid(found.geometry)


def test_a_bow_tie_is_refused_with_both_drawings() -> None:
    found = repair(Polygon([(0, 0), (100, 100), (100, 0), (0, 100)]), 0.5, NOBODY)
    assert (found.ok, found.geometry) == (False, None)
    assert "2 pieces of ground where 1 were drawn" in found.reason
    assert "deliver it again" in found.reason
    assert shapely.area(found.linework) == shapely.area(found.structure) == 5_000
    assert found.area_change_m2 == 5_000


def test_a_bow_tie_within_a_larger_tolerance_is_refused() -> None:
    assert not repair(Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), 0.3, NOBODY).ok
    assert not repair(Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), 30, NOBODY).ok


def test_ground_gone_round_twice_is_refused() -> None:
    """Even-odd takes the ground enclosed twice for a hole; the structure does not."""
    ring = [(0, 0), (100, 0), (100, 60), (40, 60), (40, 40), (60, 40), (60, 100), (0, 100)]
    found = repair(Polygon(ring), 0.5, NOBODY)
    assert not found.ok
    assert "apart" in found.reason
    assert shapely.area(found.structure) > shapely.area(found.linework)


def test_a_hole_outside_its_shell_is_refused() -> None:
    found = repair(Polygon(box(0, 0, 10, 10).exterior, [box(20, 0, 30, 10).exterior.coords]), 0.5, NOBODY)
    assert not found.ok


def test_a_line_without_ground_is_refused() -> None:
    found = repair(Polygon([(0, 0), (10, 10), (20, 20), (0, 0)]), 0.5, NOBODY)
    assert not found.ok
    assert shapely.is_empty(found.structure)
    assert "no ground" in found.reason


def test_a_coordinate_that_is_no_number_is_refused() -> None:
    with np.errstate(invalid="ignore"):  # shapely warns when such a polygon is made
        broken = Polygon([(0, 0), (10, 0), (np.nan, 10), (0, 10)])
    found = repair(broken, 0.5, NOBODY)
    assert not found.ok
    assert "no number" in found.reason


def test_a_valid_polygon_is_itself() -> None:
    polygon = box(0, 0, 10, 10)
    assert repair(polygon, 0.5, NOBODY).geometry is polygon


def test_invalid_parts_of_a_multipolygon() -> None:
    found = repair(MultiPolygon([LOOP, box(200, 0, 300, 100)]), 0.5, NOBODY)
    assert found.ok
    assert shapely.get_num_geometries(found.geometry) == 2


def test_a_spike_is_taken_off() -> None:
    found = repair(Polygon([(0, 0), (100, 0), (100, 50), (100.2, 50), (100, 50), (100, 100), (0, 100)]), 0.5, NOBODY)
    assert found.ok
    assert shapely.area(found.geometry) == 10_000


def test_a_repair_that_takes_a_neighbours_ground_is_refused() -> None:
    """A lane of 0.4 m, cut out along a line from the rim: narrower than the line is known, but somebody else's."""
    cut = [(50, 100), (50, 90), (50.4, 90), (50.4, 20), (50, 20), (50, 90), (50, 100)]
    keyhole = Polygon([(0, 0), (100, 0), (100, 100), *cut, (0, 100)])
    assert not shapely.is_valid(keyhole)
    beside, lane = box(100, 0, 200, 100), box(50, 20, 50.4, 90)
    assert repair(keyhole, 0.5, layer(beside)).ok
    found = repair(keyhole, 0.5, layer(beside, lane))
    assert not found.ok
    assert "28.00 m² more of neighbour 1" in found.reason
    kept = repair(keyhole, 0.3, layer(beside, lane))
    assert kept.ok
    assert shapely.area(kept.geometry) == pytest.approx(9_972)


def test_an_invalid_neighbour_is_not_asked() -> None:
    spike = Polygon([(0, 0), (100, 0), (100, 50), (100.2, 50), (100, 50), (100, 100), (0, 100)])
    assert repair(spike, 0.5, layer(Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]))).ok
