"""Two sets of areas compared: every kind once as a drawing, and what must hold of any two coverages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gis.analysis import alignment
from gis.analysis.changes import KINDS, NOBODY, ChangeSet, Flow, Side, compare
from gis.crs import from_working, to_working
from gis.errors import DataFault

EAST, NORTH, TOLERANCE = 493000.0, 3517000.0, 0.05
Objects = NDArray[np.object_]


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    """A rectangle in metres from the corner of the town."""
    return shapely.box(EAST + x0, NORTH + y0, EAST + x1, NORTH + y1)


def side(geometry: Sequence[shapely.Geometry], codes: Sequence[str] | None = None, **columns: Sequence[str]) -> Side:
    """Areas called a, b, c ... or as told; the name follows the place and not the code."""
    count = len(geometry)
    words = {
        "codes": codes if codes is not None else [chr(97 + i) if count < 26 else f"{i:04d}" for i in range(count)],
        "names": [f"name {i}" for i in range(count)],
        "parents": ["street"] * count,
    } | columns
    made = {name: np.array(list(column), dtype=object) for name, column in words.items()}
    shapes = np.empty(count, dtype=object)
    shapes[:] = list(geometry)
    return Side(geometry=shapes, **made)


def told(found: ChangeSet) -> list[tuple[tuple[str, ...], str, str]]:
    return [(change.kinds, "".join(change.old), "".join(change.new)) for change in found.changes]


#   row of three: a b c, each 100 by 100 m
A, B, C = box(0, 0, 100, 100), box(100, 0, 200, 100), box(200, 0, 300, 100)
ROW = side([A, B, C])
ENCLAVE = box(30, 30, 60, 60)
WALLED = box(0, 0, 100, 100).difference(box(5, 5, 95, 95))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        pytest.param(side([A, B, C]), [], id="nothing"),
        pytest.param(side([C, A, B], "cab", names=["name 2", "name 0", "name 1"]), [], id="another order of rows"),
        pytest.param(
            side([box(0, 0, 100.04, 100), box(100.04, 0, 200, 100), C]), [], id="a border drawn 4 cm further: same"
        ),
        pytest.param(
            side([box(0, 0, 100.1, 100), box(100.1, 0, 200, 100), C]),
            [(("resurveyed",), "a", "a"), (("resurveyed",), "b", "b")],
            id="10 cm, twice the tolerance: surveyed anew",
        ),
        pytest.param(
            side([box(0, 0, 120, 100), box(120, 0, 200, 100), C]),
            [(("moved",), "a", "a"), (("moved",), "b", "b")],
            id="20 m: moved",
        ),
        pytest.param(side([A, B, C], names=["name 0", "x", "name 2"]), [(("renamed",), "b", "b")], id="renamed"),
        pytest.param(side([A, B, C], "axc"), [(("recoded",), "b", "x")], id="recoded"),
        pytest.param(
            side([A, B, C], parents=["street", "street", "other"]), [(("parent_changed",), "c", "c")], id="parent"
        ),
        pytest.param(
            side([A, B, C], "bac"),
            [(("recoded", "code_reused"), "a", "b"), (("recoded", "code_reused"), "b", "a")],
            id="two codes swapped",
        ),
        pytest.param(
            side([A, B, C], "bca"),
            [(("recoded", "code_reused"), *pair) for pair in ("ab", "bc", "ca")],
            id="codes handed round",
        ),
        pytest.param(side([A, B, C, box(300, 0, 400, 100)]), [(("added",), "", "d")], id="added"),
        pytest.param(side([A, B]), [(("removed",), "c", "")], id="removed"),
        pytest.param(
            side([A, box(100, 0, 150, 100), box(150, 0, 200, 100), C], "axyc", names=["name 0", "", "", "name 2"]),
            [(("split",), "b", "xy")],
            id="split into equal halves",
        ),
        pytest.param(
            side([A, box(100, 0, 180, 100), box(180, 0, 200, 100), C], "abyc", names=["name 0", "", "", "name 2"]),
            [(("split",), "b", "by")],
            id="split, the larger part keeps the code",
        ),
        pytest.param(
            side([box(0, 0, 200, 100), C], "ac", names=["name 0", "name 2"]), [(("merged",), "ab", "a")], id="m"
        ),
        pytest.param(
            side([box(0, 0, 200, 50), box(0, 50, 200, 100), C]), [(("rearranged",), "ab", "ab")], id="cut the other way"
        ),
        pytest.param(
            side([A, B, box(900, 0, 1000, 100)]),
            [(("added", "code_reused"), "", "c"), (("removed",), "c", "")],
            id="a code for other ground",
        ),
        pytest.param(
            side([A, B, box(200, 0, 500, 100)]), [(("moved",), "c", "c")], id="grown threefold, nobody else concerned"
        ),
        pytest.param(
            side([A, B, box(290, 0, 390, 100)], "abx"), [(("rearranged",), "c", "x")], id="a tenth shared, other code"
        ),
        pytest.param(side([A, B, box(290, 0, 390, 100)]), [(("moved",), "c", "c")], id="a tenth shared, same code"),
        pytest.param(
            side([box(0, 0, 102, 100), box(102, 0, 160, 100), box(160, 0, 200, 100), C], "axyc"),
            [(("moved",), "a", "a"), (("renamed",), "c", "c"), (("split",), "b", "xy")],
            id="a sliver of a neighbour joins no group",
        ),
        pytest.param(side([]), [(("removed",), code, "") for code in "abc"], id="nothing delivered"),
    ],
)
def test_every_kind_of_change(new: Side, expected: list[tuple[tuple[str, ...], str, str]]) -> None:
    assert told(compare(ROW, new, tolerance=TOLERANCE)) == expected


def test_an_empty_side_is_an_answer() -> None:
    assert told(compare(side([]), ROW, tolerance=TOLERANCE)) == [(("added",), "", code) for code in "abc"]
    nothing = compare(side([]), side([]), tolerance=TOLERANCE)
    assert (nothing.changes, nothing.lineage(), set(nothing.counts().values())) == ((), [], {0})


def test_several_kinds_hold_of_one_pair_and_every_square_metre_is_told() -> None:
    new = side([box(0, 0, 120, 100), box(120, 0, 200, 100), C], "xbc", names=["new", "name 1", "name 2"])
    found = compare(ROW, new, tolerance=TOLERANCE)
    first, second = found.changes
    assert (first.kinds, first.old, first.new) == (("moved", "renamed", "recoded"), ("a",), ("x",))
    assert (first.gained_m2, first.lost_m2, first.deviation_m) == (2000.0, 0, 20.0)
    assert first.flows == second.flows == (Flow("b", "x", 2000.0),)
    assert (second.gained_m2, second.lost_m2) == (0, 2000.0)
    assert found.lineage() == [("a", "x", 1.0), ("b", "b", 0.8), ("b", "x", 0.2), ("c", "c", 1.0)]
    assert found.counts() == dict.fromkeys(KINDS, 0) | {"identical": 1, "moved": 2, "renamed": 1, "recoded": 1}


def test_ground_from_and_to_nobody_is_told() -> None:
    (change,) = compare(side([A]), side([box(50, 0, 150, 100)]), tolerance=TOLERANCE).changes
    assert change.flows == (Flow(None, "a", 5000.0), Flow("a", None, 5000.0))
    assert (change.gained_m2, change.lost_m2) == (5000.0, 5000.0)


def test_a_split_tells_which_part_became_what() -> None:
    found = compare(side([A], "a"), side([box(0, 0, 40, 100), box(40, 0, 100, 100)], "xy"), tolerance=TOLERANCE)
    (change,) = found.changes
    assert change.flows == (Flow("a", "x", 4000.0), Flow("a", "y", 6000.0))
    assert (change.gained_m2, change.lost_m2, change.deviation_m) == (0, 0, None)
    assert found.lineage() == [("a", "x", 0.4), ("a", "y", 0.6)]
    assert len(found.pairs_old) == 0


def test_a_recoded_parent_is_no_other_parent() -> None:
    new = side([A, B, C], parents=["road", "road", "lane"])
    found = compare(ROW, new, tolerance=TOLERANCE, parents={"street": "road"})
    assert told(found) == [(("parent_changed",), "c", "c")]


def test_a_correction_overrides_the_ground() -> None:
    new = side([box(0, 0, 60, 100), box(60, 0, 100, 100), B, C], "xybc", names=["name 0", "", "name 1", "name 2"])
    assert told(compare(ROW, new, tolerance=TOLERANCE)) == [(("split",), "a", "xy")]
    found = compare(ROW, new, tolerance=TOLERANCE, corrections=[("a", "y")])
    assert told(found) == [(("moved", "renamed", "recoded"), "a", "y"), (("added",), "", "x")]
    assert found.changes[1].flows == (Flow("a", "x", 6000.0),)


def test_a_correction_breaks_a_pair_with_the_same_outline() -> None:
    found = compare(ROW, ROW, tolerance=TOLERANCE, corrections=[("a", "b")])
    assert told(found) == [
        (("moved", "renamed", "recoded", "code_reused"), "a", "b"),
        (("added", "code_reused"), "", "a"),
        (("removed",), "b", ""),
    ]
    assert_accounts(found)


def test_a_correction_that_agrees_with_the_ground_changes_nothing() -> None:
    assert told(compare(ROW, ROW, tolerance=TOLERANCE, corrections=[("a", "a"), ("a", "a")])) == []


@pytest.mark.parametrize(
    ("corrections", "complaint"),
    [
        ([("z", "a")], "names z, which no stored area"),
        ([("a", "z")], "names z, which no delivered area"),
        ([("a", "a"), ("a", "b")], "a = b contradicts"),
        ([("a", "a"), ("b", "a")], "b = a contradicts"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(corrections: list[tuple[str, str]], complaint: str) -> None:
    with pytest.raises(DataFault, match=complaint):
        compare(ROW, ROW, tolerance=TOLERANCE, corrections=corrections)


def test_an_enclave_that_gets_its_own_area() -> None:
    found = compare(side([A]), side([A.difference(ENCLAVE), ENCLAVE]), tolerance=TOLERANCE)
    assert told(found) == [(("split",), "a", "ab")]
    back = compare(side([A.difference(ENCLAVE), ENCLAVE]), side([A]), tolerance=TOLERANCE)
    assert told(back) == [(("merged",), "ab", "a")]


def test_a_hole_is_part_of_the_outline() -> None:
    (change,) = compare(side([A]), side([A.difference(box(40, 40, 41, 41))]), tolerance=TOLERANCE).changes
    assert change.kinds == ("moved",)
    assert change.deviation_m == pytest.approx(41.0)
    assert change.flows == (Flow("a", None, 1.0),)


def test_parts_and_holes_in_another_order_are_the_same_area() -> None:
    holed = B.difference(shapely.union_all([box(110, 10, 120, 20), box(130, 10, 140, 20)]))
    other = shapely.Polygon(holed.exterior, holed.interiors[::-1])
    found = compare(
        side([shapely.MultiPolygon([A, C]), holed]), side([shapely.MultiPolygon([C, A]), other]), tolerance=TOLERANCE
    )
    assert found.outline.tolist() == ["identical", "identical"]
    assert compare(side([A]), side([shapely.MultiPolygon([A])]), tolerance=TOLERANCE).outline.tolist() == ["identical"]


def test_areas_with_equal_bounding_boxes_are_told_apart() -> None:
    x, y = np.array([0, 100, 100, 0]) + EAST, np.array([0, 0, 100, 100]) + NORTH
    lower, upper = (shapely.Polygon(np.column_stack((x, y))[list(at)]) for at in ((0, 1, 2), (0, 2, 3)))
    found = compare(side([lower, upper]), side([upper, lower]), tolerance=TOLERANCE)
    assert told(found)[0] == (("renamed", "recoded", "code_reused"), "a", "b")
    assert found.counts()["identical"] == 2


def test_the_same_outline_twice_goes_to_the_same_code() -> None:
    found = compare(side([A, A], "ab"), side([A, A], "ba", names=["name 1", "name 0"]), tolerance=TOLERANCE)
    assert (found.changes, found.pairs_new.tolist()) == ((), [1, 0])


def test_a_thin_wall_between_matching_vertices_is_not_the_same() -> None:
    """A ring road with a gate of 90 m, and the gate walled up: every vertex is near the other outline."""
    #   +--------+    +--------+
    #   | +----+ |    | +----+ |
    #   | |    | |    | |    | |
    #   +-+    +-+    +-+----+-+   (the wall is 4 cm thick)
    gate = WALLED.difference(box(5, 0, 95, 5))
    walled = shapely.union(gate, box(5, 4.96, 95, 5))
    words, metres = alignment.compare_outlines(np.array([gate]), np.array([walled]), TOLERANCE)
    assert words.tolist() == ["moved"]
    assert metres[0] == pytest.approx(45.0, abs=0.1)


def test_slivers_of_nothing_and_lines_are_no_ground() -> None:
    pushed = side([box(0, 0, 100 + 1e-9, 100), box(100 - 1e-9, 0, 200, 100), box(200, 0, 300, 101)])
    found = compare(ROW, pushed, tolerance=TOLERANCE)
    assert told(found) == [(("moved",), "c", "c")]
    assert sorted(zip(found.transfers.old.tolist(), found.transfers.new.tolist(), strict=True)) == [
        (NOBODY, 2),
        (0, 0),
        (1, 1),
        (2, 2),
    ]


def test_an_overlay_that_fails_is_done_on_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = shapely.intersection

    def failing(a: Objects, b: Objects, grid_size: float | None = None) -> object:
        if grid_size is None and any(one.equals(A) for one in a):
            raise shapely.errors.GEOSException("TopologyException: side location conflict")
        return plain(a, b, grid_size=grid_size)

    monkeypatch.setattr(shapely, "intersection", failing)
    m2 = alignment.shared_m2(np.array([A, B, A]), np.array([box(90, 0, 200, 100), box(150, 0, 250, 50), C]))
    assert m2.round(6).tolist() == [1000.0, 2500.0, 0.0]


# -- what holds of any coverages ---------------------------------------------------------------------------------


def coverage(seed: int, count: int, *, size: float = 1000.0, shift: float = 0.0) -> Objects:
    """Voronoi cells in a square, cut from one noded set of lines and so an exact coverage."""
    rng = np.random.default_rng(seed)
    corner = np.array([EAST, NORTH]) + shift
    frame = shapely.box(*corner, *(corner + size))
    points = shapely.multipoints(corner + rng.uniform(0.02, 0.98, (count, 2)) * size)
    edges = shapely.intersection(shapely.voronoi_polygons(points, only_edges=True, extend_to=frame), frame)
    lines = shapely.get_parts(shapely.union_all([edges, frame.exterior]))
    cells = shapely.get_parts(shapely.polygonize(lines))
    return np.asarray(cells[shapely.area(cells) > 0.01], dtype=object)


def grouped(cells: Objects, seed: int, groups: int) -> Objects:
    """Cells thrown together at random: multipolygons with holes and enclaves."""
    label = np.random.default_rng(seed).integers(0, groups, len(cells))
    return np.array([shapely.coverage_union_all(cells[label == group]) for group in np.unique(label)], dtype=object)


def round_trip(geometry: Objects) -> Objects:
    def there_and_back(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        lon, lat = from_working(xy[:, 0], xy[:, 1], working="EPSG:4549", crs="EPSG:4490")
        return np.column_stack(to_working(lon, lat, crs="EPSG:4490", working="EPSG:4549"))

    return np.asarray(shapely.transform(geometry, there_and_back), dtype=object)


def redrawn(polygon: shapely.Polygon, rng: np.random.Generator) -> shapely.Polygon:
    """The same ground with other ring starts, directions, orders and needless vertices."""

    def ring(line: shapely.LinearRing) -> NDArray[np.float64]:
        xy = shapely.get_coordinates(line)[:-1]
        middle = (xy + np.roll(xy, -1, axis=0)) / 2
        dense = np.stack((xy, middle), axis=1).reshape(-1, 2)
        dense = np.roll(dense, -int(rng.integers(len(dense))), axis=0)
        return dense[::-1] if rng.random() < 0.5 else dense

    holes = [ring(hole) for hole in polygon.interiors]
    return shapely.Polygon(ring(polygon.exterior), holes[::-1])


def assert_accounts(found: ChangeSet) -> None:
    """The rows of every area add up to its area."""
    rows = found.transfers
    for index, other, geometry in (
        (rows.old, rows.new, found.old.geometry),
        (rows.new, rows.old, found.new.geometry),
    ):
        assert ((index >= 0) | (other >= 0)).all()
        total = np.bincount(index[index >= 0], rows.m2[index >= 0], minlength=len(geometry))
        assert np.abs(total - shapely.area(geometry)).max(initial=0.0) < 1e-3


seeds, counts = st.integers(0, 2**32 - 1), st.integers(2, 40)
few = settings(max_examples=30, deadline=None)


@few
@given(seeds, counts)
def test_nothing_differs_from_itself(seed: int, count: int) -> None:
    cells = coverage(seed, count)
    for areas in (cells, grouped(cells, seed, 4)):
        found = compare(side(areas), side(areas), tolerance=TOLERANCE)
        assert found.changes == ()
        assert found.counts() == dict.fromkeys(KINDS, 0) | {"identical": len(areas)}
        assert_accounts(found)


@few
@given(seeds, counts)
def test_how_a_ring_is_drawn_does_not_matter(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    cells = coverage(seed, count)
    for areas in (cells, grouped(cells, seed, 4)):
        other = [shapely.MultiPolygon([redrawn(part, rng) for part in shapely.get_parts(area)][::-1]) for area in areas]
        words, metres = alignment.compare_outlines(areas, np.array(other, dtype=object), TOLERANCE)
        assert set(words) == {"identical"}
        assert not metres.any()


@few
@given(seeds, counts)
def test_a_trip_through_another_crs_changes_nothing(seed: int, count: int) -> None:
    cells = coverage(seed, count)
    for areas in (cells, grouped(cells, seed, 4)):
        found = compare(side(areas), side(round_trip(areas)), tolerance=TOLERANCE)
        assert found.changes == ()
        assert set(found.outline) <= {"identical", "same"}
        assert_accounts(found)


@few
@given(seeds, counts)
def test_new_numbers_for_all_are_new_numbers_and_nothing_else(seed: int, count: int) -> None:
    cells = round_trip(coverage(seed, count))
    codes = [f"{i:04d}" for i in range(len(cells))]
    fresh = compare(side(cells, codes), side(cells, ["9" + code for code in codes]), tolerance=TOLERANCE)
    assert {change.kinds for change in fresh.changes} == {("recoded",)}
    assert len(fresh.changes) == len(cells)
    permuted = compare(side(cells, codes), side(cells, [*codes[1:], codes[0]]), tolerance=TOLERANCE)
    assert {change.kinds for change in permuted.changes} == {("recoded", "code_reused")}
    assert_accounts(permuted)


@few
@given(seeds, counts, seeds, counts, st.floats(-200, 200))
def test_square_metres_add_up_whatever_came(seed: int, count: int, other: int, more: int, shift: float) -> None:
    old, new = coverage(seed, count), grouped(coverage(other, more, shift=shift), other, 9)
    found = compare(side(old), side(new, [f"n{i}" for i in range(len(new))]), tolerance=TOLERANCE)
    assert_accounts(found)
    assert found.transfers.m2.min() > 0
    told_old = [code for change in found.changes for code in change.old]
    assert len(told_old) == len(set(told_old))
    # what the old areas lost less what the new ones gained is what the ground shrank by
    balance = sum(change.gained_m2 - change.lost_m2 for change in found.changes)
    assert balance == pytest.approx(shapely.area(new).sum() - shapely.area(old).sum(), abs=0.1)


@few
@given(seeds, st.integers(8, 40))
def test_square_metres_add_up_where_little_changed(seed: int, count: int) -> None:
    old = coverage(seed, count)
    rng = np.random.default_rng(seed)
    touching = [i for i in range(1, len(old)) if shapely.intersection(old[0], old[i]).length > 1]
    mate = touching[int(rng.integers(len(touching)))]
    new = round_trip(np.array([old[0].union(old[mate]), *np.delete(old, [0, mate])], dtype=object))
    codes = [f"{i:04d}" for i in range(len(old))]
    kept = [code for i, code in enumerate(codes) if i != mate]
    names = [f"name {i}" for i in range(len(old)) if i != mate]
    found = compare(side(old, codes), side(new, kept, names=names), tolerance=TOLERANCE)
    assert [(change.kinds, change.old) for change in found.changes] == [(("merged",), (codes[0], codes[mate]))]
    assert_accounts(found)
