"""Overlaps, gaps and nesting: drawn cases, and random coverages whose accounts must balance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box

from etl import topology
from etl.topology import crossings, gaps, is_sliver, overlaps, parent_by_ground, uncovered, widths
from etl.validate import size_outliers

EAST, NORTH, SIDE = 493_000.0, 3_517_000.0, 1_000.0
TOWN = box(EAST, NORTH, EAST + SIDE, NORTH + SIDE)


def layer(*geometries: Any) -> np.ndarray:
    out = np.empty(len(geometries), dtype=object)
    out[:] = geometries
    return out


def voronoi(seed: int, n: int) -> np.ndarray:
    """An exact coverage of TOWN: cells whose shared lines are bent, with the same vertices on both sides."""
    chance = np.random.default_rng(seed)
    points = chance.uniform(0.02, 0.98, (n, 2)) * SIDE + (EAST, NORTH)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points), extend_to=TOWN))
    cells = shapely.intersection(cells, TOWN)
    lines = shapely.get_parts(shapely.node(shapely.geometrycollections(shapely.boundary(cells))))
    rim = TOWN.exterior
    bent = []
    for line in lines:
        ends = shapely.get_coordinates(line)
        if shapely.covers(shapely.buffer(rim, 1e-6), line) or shapely.length(line) < 20:
            bent.append(line)
            continue
        (ax, ay), (bx, by) = ends[0], ends[-1]
        middle = ((ax + bx) / 2 - (by - ay) / 50, (ay + by) / 2 + (bx - ax) / 50)
        bent.append(shapely.LineString([ends[0], middle, ends[-1]]))
    faces = shapely.get_parts(shapely.polygonize(bent))
    return faces[shapely.is_valid(faces)]


coverages = st.builds(voronoi, st.integers(0, 10**6), st.integers(4, 40))


def moved(polygon: Polygon, vertex: int, by: tuple[float, float]) -> Polygon:
    ring = shapely.get_coordinates(polygon)[:-1].copy()
    ring[vertex % len(ring)] += by
    return Polygon(ring)


def compared(geometry: np.ndarray) -> dict[tuple[int, int], float]:
    """Overlaps by asking every pair."""
    i, j = np.triu_indices(len(geometry), 1)
    area = shapely.area(shapely.intersection(geometry[i], geometry[j]))
    return {(int(a), int(b)): float(m2) for a, b, m2 in zip(i, j, area, strict=True) if m2 > 1e-3}


# ---------------------------------------------------------------- overlaps


def test_two_areas_that_share_a_strip() -> None:
    (found,) = overlaps(layer(box(0, 0, 10, 10), box(20, 0, 30, 10), box(9.7, 0, 20, 10)))
    assert (found.i, found.j) == (0, 2)
    assert found.area_m2 == pytest.approx(3.0)
    assert found.width_m == pytest.approx(0.3, rel=0.02)
    assert shapely.equals(found.polygon, box(9.7, 0, 10, 10))
    assert found.is_sliver(0.5)
    assert not found.is_sliver(0.2)


@pytest.mark.parametrize("drawn_again", [shapely.normalize, shapely.reverse, lambda g: g, shapely.segmentize])
def test_an_area_delivered_twice(drawn_again: Any) -> None:
    twin = drawn_again(box(0, 0, 10, 10), 5) if drawn_again is shapely.segmentize else drawn_again(box(0, 0, 10, 10))
    (found,) = overlaps(layer(box(0, 0, 10, 10), box(10, 0, 20, 10), twin))
    assert (found.i, found.j, found.area_m2) == (0, 2, 100.0)
    assert found.width_m == pytest.approx(10, rel=0.02)


def test_three_of_the_same() -> None:
    found = overlaps(layer(*[box(0, 0, 10, 10)] * 3))
    assert [(o.i, o.j) for o in found] == [(0, 1), (0, 2), (1, 2)]


@pytest.mark.parametrize(
    "inner",
    [
        box(3, 3, 5, 5),  # touches nothing
        box(0, 3, 5, 5),  # touches an edge
        box(0, 0, 5, 5),  # touches a corner and two edges
        Polygon([(0, 0), (10, 0), (10, 10)]),  # all its vertices are the outer one's
        MultiPolygon([box(1, 1, 2, 2), box(7, 7, 9, 9)]),
    ],
)
def test_an_area_wholly_on_another(inner: Any) -> None:
    for geometry in (layer(box(0, 0, 10, 10), inner), layer(inner, box(0, 0, 10, 10))):
        (found,) = overlaps(geometry)
        assert (found.i, found.j) == (0, 1)
        assert found.area_m2 == pytest.approx(shapely.area(inner))


def test_a_district_left_among_its_quarters() -> None:
    quarters = [box(0, 0, 5, 5), box(5, 0, 10, 5), box(0, 5, 5, 10), box(5, 5, 10, 10)]
    whole = shapely.coverage_union_all(quarters)
    found = overlaps(layer(*quarters, whole))
    assert [(o.i, o.j, o.area_m2) for o in found] == [(k, 4, 25.0) for k in range(4)]


def test_an_overlap_in_two_pieces_is_one_finding() -> None:
    comb = Polygon([(9, 0), (20, 0), (20, 10), (9, 10), (9, 8), (10, 8), (10, 2), (9, 2)])
    (found,) = overlaps(layer(box(0, 0, 10, 10), comb))
    assert shapely.get_type_id(found.polygon) == shapely.GeometryType.MULTIPOLYGON
    assert found.area_m2 == pytest.approx(4.0)


def test_corners_borders_and_tee_junctions_are_no_overlap() -> None:
    tee = layer(box(0, 0, 10, 10), box(10, 0, 20, 5), box(10, 5, 20, 10), box(20, 10, 30, 20))
    assert overlaps(tee) == []
    assert overlaps(layer()) == []


def test_an_enclave_that_fits_and_one_that_does_not() -> None:
    ring = shapely.difference(box(0, 0, 10, 10), box(3, 3, 5, 5))
    assert overlaps(layer(ring, box(3, 3, 5, 5))) == []
    (found,) = overlaps(layer(ring, box(3, 3, 5.5, 5)))
    assert found.area_m2 == pytest.approx(1.0)


def test_known_edges_are_taken() -> None:
    geometry = layer(box(0, 0, 10, 10), box(9, 0, 20, 10))
    assert overlaps(geometry, edges=shapely.coverage_invalid_edges(geometry)) == overlaps(geometry)


# ---------------------------------------------------------------- gaps


def test_a_hole_between_areas() -> None:
    frame = [box(0, 0, 30, 10), box(0, 20, 30, 30), box(0, 10, 10, 20), box(20, 10, 30, 20)]
    (found,) = gaps(layer(*frame), largest_m2=100)
    assert (found.area_m2, found.neighbours) == (100.0, (0, 1, 2, 3))
    assert found.width_m == pytest.approx(10, rel=0.02)
    assert gaps(layer(*frame), largest_m2=99) == []


def test_a_filled_hole_is_none_and_a_lake_has_one_neighbour() -> None:
    ring = shapely.difference(box(0, 0, 10, 10), box(3, 3, 5, 5))
    assert gaps(layer(ring, box(3, 3, 5, 5)), largest_m2=100) == []
    (found,) = gaps(layer(ring), largest_m2=100)
    assert (found.area_m2, found.neighbours) == (4.0, (0,))


def test_an_island_in_a_hole_is_no_gap() -> None:
    ring = shapely.difference(box(0, 0, 10, 10), box(2, 2, 8, 8))
    (found,) = gaps(layer(ring, box(4, 4, 6, 6)), largest_m2=100)
    assert (found.area_m2, found.neighbours) == (32.0, (0, 1))


def test_a_hole_beside_an_overlap_is_found() -> None:
    frame = layer(box(0, 0, 30, 10.5), box(0, 20, 30, 30), box(0, 10, 10, 20), box(20, 10, 30, 20))
    (found,) = gaps(frame, largest_m2=100)
    assert found.area_m2 == pytest.approx(95.0)
    assert len(overlaps(frame)) == 2


def test_slits_that_open_to_the_outside() -> None:
    row = layer(box(0, 0, 10, 10), box(10.3, 0, 20, 10), box(30, 0, 40, 10))
    (found,) = gaps(row, largest_m2=100, slit_m=0.5)
    assert found.area_m2 == pytest.approx(3.0)
    assert found.neighbours == (0, 1)
    assert found.width_m == pytest.approx(0.3, rel=0.02)
    assert found.is_sliver(0.5)
    assert gaps(row, largest_m2=100, slit_m=0.2) == []
    assert gaps(row, largest_m2=2.9, slit_m=0.5) == []
    assert gaps(row, largest_m2=100) == []


def test_a_wedge_that_opens_to_the_outside() -> None:
    (found,) = gaps(layer(Polygon([(0, 0), (10, 0), (9.7, 10), (0, 10)]), box(10, 0, 20, 10)), largest_m2=9, slit_m=0.5)
    assert found.area_m2 == pytest.approx(1.5, rel=0.02)
    assert found.neighbours == (0, 1)


def test_bays_of_the_outline_are_no_slits() -> None:
    stairs = layer(box(0, 0, 10, 10), box(10, 0, 20, 6), box(9.9, 20, 20, 30), box(0, 20, 10, 30))
    assert gaps(stairs, largest_m2=100, slit_m=1.0) == []


def test_within_finds_what_is_missing_at_the_rim() -> None:
    found = gaps(layer(box(0, 0, 10, 10), box(10, 0, 20, 9)), largest_m2=100, within=box(0, 0, 20, 11))
    assert [(g.area_m2, g.neighbours) for g in found] == [(30.0, (0, 1))]
    exact = layer(box(0, 0, 10, 10), box(10, 0, 20, 10))
    assert gaps(exact, largest_m2=100, within=box(0, 0, 20, 10)) == []


def test_three_way_corner_with_a_missing_triangle() -> None:
    west, east = Polygon([(0, 0), (10, 0), (9.8, 5), (10, 10), (0, 10)]), box(10, 0, 20, 5)
    (found,) = gaps(layer(west, east, box(10, 5, 20, 10)), largest_m2=100)
    assert found.area_m2 == pytest.approx(1.0)
    assert found.neighbours == (0, 1, 2)
    assert gaps(layer(), largest_m2=1) == []


# ---------------------------------------------------------------- nesting


PARENTS = layer(box(0, 0, 10, 10), box(10, 0, 20, 10), MultiPolygon([box(0, 20, 5, 25), box(10, 20, 15, 25)]))


def test_children_that_fit_exactly() -> None:
    children = layer(box(0, 0, 5, 10), box(5, 0, 10, 10), box(10, 0, 20, 10), PARENTS[2])
    index = np.array([0, 0, 1, 2])
    assert crossings(children, index, PARENTS) == []
    assert uncovered(children, index, PARENTS) == []
    assert parent_by_ground(children, PARENTS).tolist() == index.tolist()


def test_a_child_that_reaches_into_another_parent() -> None:
    children = layer(box(0, 0, 12, 10), box(12, 0, 20, 10), box(1, 1, 2, 2))
    (found,) = crossings(children, np.array([0, 1, -1]), PARENTS)
    assert (found.child, found.area_m2, found.others) == (0, 20.0, (1,))
    assert shapely.equals(found.polygon, box(10, 0, 12, 10))
    (ground,) = uncovered(children, np.array([0, 1, -1]), PARENTS)
    assert (ground.parent, ground.area_m2) == (1, 20.0)
    assert ground.width_m == pytest.approx(2.0, rel=0.02)


def test_a_child_outside_everything_and_one_at_the_wrong_parent() -> None:
    found = crossings(layer(box(50, 50, 60, 60), box(10, 0, 12, 2)), np.array([0, 0]), PARENTS)
    assert [(c.child, c.area_m2, c.others) for c in found] == [(0, 100.0, ()), (1, 4.0, (1,))]


def test_an_overlap_does_not_pay_for_a_gap() -> None:
    """The sum of the areas is the parent's; ground is missing all the same."""
    children = layer(box(0, 0, 6, 10), box(4, 0, 8, 10))
    (found,) = uncovered(children, np.array([0, 0]), PARENTS)
    assert found.area_m2 == pytest.approx(20.0)


def test_twins_outside_do_not_cancel() -> None:
    """A coverage union drops lines that occur twice, so that two copies of a child would leave no trace in it."""
    children = layer(box(0, 0, 10, 10), box(30, 0, 31, 1), box(30, 0, 31, 1))
    assert [c.child for c in crossings(children, np.zeros(3, dtype=int), PARENTS)] == [1, 2]


def test_a_parent_drawn_with_other_vertices_is_filled_all_the_same() -> None:
    children = layer(box(0, 0, 5, 5), box(5, 0, 10, 5), box(0, 5, 10, 10))
    assert uncovered(children, np.zeros(3, dtype=int), PARENTS) == []
    assert crossings(children, np.zeros(3, dtype=int), PARENTS) == []


def test_parent_by_ground() -> None:
    children = layer(box(8, 0, 11, 5), box(9, 0, 13, 5), box(100, 0, 110, 5), box(20, 0, 30, 5), box(9, 0, 11, 9))
    assert parent_by_ground(children, PARENTS).tolist() == [0, 1, -1, -1, 0]
    assert parent_by_ground(children, layer()).tolist() == [-1] * 5
    assert parent_by_ground(layer(), PARENTS).tolist() == []


def test_nothing_to_nest() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert crossings(layer(), none, PARENTS) == []
    assert uncovered(layer(), none, PARENTS) == []
    assert crossings(layer(box(0, 0, 1, 1)), np.array([-1]), PARENTS) == []


# ---------------------------------------------------------------- measures


def test_widths_measured_and_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    triangle = Polygon([(0, 0), (100, 0), (50, 1)])
    shapes = layer(box(0, 0, 100, 0.5), triangle, shapely.Point(0, 0).buffer(5), box(0, 0, 4, 4))
    assert widths(shapes) == pytest.approx([0.5, 1.0, 10.0, 4.0], rel=0.02)
    monkeypatch.setattr(topology, "_MEASURED", 0)
    assert widths(shapes) == pytest.approx([1.0, 1.0, 10.0, 4.0], rel=0.02)  # the strip: twice, as documented


def test_width_of_a_slanting_sliver_far_from_the_origin() -> None:
    sliver = shapely.affinity.rotate(box(EAST, NORTH, EAST + 500, NORTH + 0.004), 37)
    assert widths(layer(sliver))[0] == pytest.approx(0.004, rel=0.03)


def test_sliver() -> None:
    assert is_sliver(area_m2=100, width_m=0.49, line_accuracy_m=0.5)
    assert is_sliver(area_m2=0.1, width_m=0.6, line_accuracy_m=0.5)
    assert not is_sliver(area_m2=100, width_m=0.5, line_accuracy_m=0.5)


def test_size_outliers() -> None:
    usual = np.geomspace(900, 1100, 50)
    assert size_outliers(usual, 1, 1e9).tolist() == []
    assert size_outliers(np.append(usual, [90_000, 10]), 1, 1e9).tolist() == [50, 51]
    assert size_outliers(usual, 910, 1e9).tolist() == np.flatnonzero(usual < 910).tolist()
    assert size_outliers(np.full(9, 100.0), 1, 99).tolist() == list(range(9))
    assert size_outliers(np.zeros(0), 1, 2).tolist() == []


# ---------------------------------------------------------------- random coverages


@settings(deadline=None, max_examples=40)
@given(coverages)
def test_an_exact_coverage_has_no_findings(geometry: np.ndarray) -> None:
    assert shapely.coverage_is_valid(geometry)
    whole = shapely.coverage_union_all(geometry)
    assert overlaps(geometry) == []
    assert gaps(geometry, largest_m2=1e9, slit_m=0.5) == []
    assert gaps(geometry, largest_m2=1e9, within=whole) == []
    index = np.zeros(len(geometry), dtype=np.int64)
    assert crossings(geometry, index, layer(whole)) == []
    assert uncovered(geometry, index, layer(whole)) == []
    assert (parent_by_ground(geometry, geometry) == np.arange(len(geometry))).all()


@settings(deadline=None, max_examples=60)
@given(coverages, st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.05, 8), st.floats(0, 6.28))
def test_one_moved_vertex_balances(geometry: np.ndarray, which: int, vertex: int, d: float, turn: float) -> None:
    """What the polygon left is a gap, what it took is an overlap, to the square centimetre."""
    k = which % len(geometry)
    before, after = geometry[k], moved(geometry[k], vertex, (d * np.cos(turn), d * np.sin(turn)))
    if not shapely.is_valid(after):
        after = before
    whole = shapely.coverage_union_all(geometry)
    changed = geometry.copy()
    changed[k] = after
    left = sum(g.area_m2 for g in gaps(changed, largest_m2=1e9, within=whole))
    taken = sum(o.area_m2 for o in overlaps(changed))
    outside = shapely.area(shapely.difference(after, whole))
    assert left == pytest.approx(shapely.area(shapely.difference(before, after)), rel=1e-6, abs=1e-4)
    assert taken + outside == pytest.approx(shapely.area(shapely.difference(after, before)), rel=1e-6, abs=1e-4)
    total = shapely.area(shapely.symmetric_difference(before, after))
    assert left + taken + outside == pytest.approx(total, rel=1e-6, abs=1e-4)


@settings(deadline=None, max_examples=60)
@given(coverages, st.lists(st.integers(0, 10**6), min_size=1, max_size=4), st.integers(0, 10**6))
def test_no_overlap_escapes_the_edges(geometry: np.ndarray, chosen: list[int], seed: int) -> None:
    """The claim `overlaps` rests on, against every pair: copies, unions of neighbours and shrunk copies put on top."""
    chance = np.random.default_rng(seed)
    extra = []
    for k in chosen:
        near = np.flatnonzero(shapely.intersects(geometry, geometry[k % len(geometry)]))
        some = geometry[near[: chance.integers(1, len(near) + 1)]]
        union = shapely.coverage_union_all(some)
        extra.append([union, geometry[k % len(geometry)], shapely.buffer(union, -30)][chance.integers(3)])
    laid = layer(*geometry, *[e for e in extra if not shapely.is_empty(e)])
    laid = laid[chance.permutation(len(laid))]
    expected = compared(laid)
    found = {(o.i, o.j): o.area_m2 for o in overlaps(laid)}
    assert found.keys() == expected.keys()
    assert list(found.values()) == pytest.approx([expected[pair] for pair in found], rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(coverages, st.sets(st.integers(0, 39), min_size=1, max_size=5))
def test_cells_left_out_are_the_ground_uncovered(geometry: np.ndarray, left_out: set[int]) -> None:
    whole = shapely.coverage_union_all(geometry)
    out = sorted(k for k in left_out if k < len(geometry) - 1)
    rest = np.delete(geometry, out)
    found = uncovered(rest, np.zeros(len(rest), dtype=np.int64), layer(whole))
    assert sum(u.area_m2 for u in found) == pytest.approx(shapely.area(geometry[out]).sum(), rel=1e-6, abs=1e-6)
    assert sum(g.area_m2 for g in gaps(rest, largest_m2=1e9, within=whole)) == pytest.approx(
        sum(u.area_m2 for u in found)
    )
