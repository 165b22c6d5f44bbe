"""Shares of the error area against plain integration, half-planes, corners and points put on edges and vertices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr

from gis.assignment.uncertainty import (
    GAP,
    OUTSIDE,
    REACH,
    SMALLEST,
    Edges,
    Shares,
    calibration,
    confidence,
    shares,
    sigma_of,
)
from gis.errors import BadOption

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EAST, NORTH = 493_000.0, 3_517_000.0
HERE = np.array([[EAST], [NORTH]])


@dataclass(frozen=True)
class Coverage:
    """Areas with their indices (GAP too), and their directed edges as rows of ax, ay, bx, by."""

    geometry: NDArray[np.object_]
    index: Ints
    rows: Floats
    row_index: Ints

    @classmethod
    def of(cls, geometry: list[shapely.Geometry], index: list[int] | None = None) -> Coverage:
        numbers = np.array(range(len(geometry)) if index is None else index)
        parts, part_of = shapely.get_parts(np.array(geometry, dtype=object), return_index=True)
        rings, ring_of = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
        rows = [np.hstack((xy[:-1], xy[1:])) for xy in map(shapely.get_coordinates, rings)]
        row_index = np.repeat(numbers[part_of[ring_of]], [len(r) for r in rows])
        return cls(np.array(geometry, dtype=object), numbers, np.vstack(rows), row_index)

    def locate(self, x: Floats, y: Floats) -> Ints:
        """The first area covering each point; areas before gaps."""
        out = np.full(len(x), OUTSIDE)
        for k in reversed(range(len(self.geometry))):
            out[shapely.intersects_xy(self.geometry[k], x, y)] = self.index[k]
        return out

    def near(self, x: Floats, y: Floats, sigma: Floats) -> Edges:
        tree = shapely.STRtree(shapely.linestrings(self.rows.reshape(-1, 2, 2)))
        point, row = tree.query(shapely.points(x, y), predicate="dwithin", distance=REACH * sigma)
        return Edges(point, self.row_index[row], *self.rows[row].T)

    def shares(self, x: Floats, y: Floats, sigma: Floats) -> Shares:
        return shares(self.near(x, y, sigma), x, y, self.locate(x, y), sigma, self.locate)

    def moved(self, dx: float, dy: float) -> Coverage:
        return Coverage.of(
            [shapely.transform(g, lambda xy: xy + np.array([dx, dy])) for g in self.geometry], self.index.tolist()
        )


def columns(*values: float) -> tuple[Floats, ...]:
    return tuple(np.array([value], dtype=float) for value in values)


def at(coverage: Coverage, x: float, y: float, sigma: float) -> dict[int, float]:
    found = coverage.shares(*columns(x, y, sigma))
    return dict(zip(found.area.tolist(), found.share.tolist(), strict=True))


def strips(rows: Floats, x: float, y: float, sigma: float) -> float:
    """The Gaussian mass between directed edges: Φ along horizontal lines, 24 Gauss points in each strip of vertices."""
    a, b = (rows[:, :2] - (x, y)) / sigma, (rows[:, 2:] - (x, y)) / sigma
    heights = np.concatenate((a[:, 1], np.arange(-8.0, 8.5, 0.5)))
    heights = np.unique(heights[np.abs(heights) <= 8.0])
    node, weight = np.polynomial.legendre.leggauss(24)
    half = np.diff(heights) / 2
    v = ((heights[:-1] + half)[:, None] + half[:, None] * node).ravel()
    weight = (half[:, None] * weight).ravel() * np.exp(-(v**2) / 2) / np.sqrt(2 * np.pi)
    crossed = (np.minimum(a[:, 1], b[:, 1])[:, None] < v) & (v < np.maximum(a[:, 1], b[:, 1])[:, None])
    edge, line = np.nonzero(crossed)
    rise = b[edge, 1] - a[edge, 1]
    u = a[edge, 0] + (v[line] - a[edge, 1]) / rise * (b[edge, 0] - a[edge, 0])
    return float((np.sign(rise) * ndtr(u) * weight[line]).sum())


def town(seed: int, cells: int, size: float = 400.0) -> Coverage:
    """Random cells in a square with a hole in it, at real magnitudes; the hole's pieces are the gap."""
    rng = np.random.default_rng(seed)
    square = shapely.box(EAST, NORTH, EAST + size, NORTH + size)
    seeds = shapely.multipoints(rng.uniform((EAST, NORTH), (EAST + size, NORTH + size), (cells, 2)))
    middle = rng.uniform(0.3, 0.7, 2) * size + (EAST, NORTH)
    hole = shapely.Point(middle).buffer(rng.uniform(0.02, 0.25) * size, quad_segs=4)
    pieces = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=square))
    areas = [p for p in shapely.difference(shapely.intersection(pieces, square), hole) if p.area > 0]
    return Coverage.of([*areas, hole], [*range(len(areas)), GAP])


def squares(size: float = 50.0, count: int = 2) -> Coverage:
    """count x count squares south-west to north-east, row by row, about (EAST, NORTH)."""
    steps = (np.arange(count) - count / 2) * size
    return Coverage.of(
        [shapely.box(EAST + w, NORTH + s, EAST + w + size, NORTH + s + size) for s in steps for w in steps]
    )


# The error's σ


def test_a_radius_of_68_or_95_percent_gives_one_sigma() -> None:
    assert sigma_of(1.0, [0.68, 0.95]) == pytest.approx([1 / 1.509592, 1 / 2.447747], rel=1e-6)
    assert sigma_of(1.0, 1 - np.exp(-0.5)) == pytest.approx(1.0, rel=1e-15)


def test_the_share_within_the_radius_is_the_level() -> None:
    error = np.random.default_rng(7).normal(scale=sigma_of(25.0, 0.68), size=(200_000, 2))
    assert np.mean(np.hypot(*error.T) < 25.0) == pytest.approx(0.68, abs=0.005)


def test_the_line_adds_in_squares() -> None:
    assert sigma_of([10.0], [0.68], [3.0])[0] ** 2 == pytest.approx(sigma_of(10.0, 0.68) ** 2 + 9.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 0.68), "accuracy is 0.0; wanted metres above 0"),
        (([5.0, -1.0], 0.68), r"accuracy\[1\] is -1.0"),
        (([5.0, np.nan], 0.68), r"accuracy\[1\] is nan"),
        ((np.inf, 0.68), "accuracy is inf"),
        ((5.0, 68.0), "level is 68.0; wanted a share between 0 and 1; write 68 % as 0.68"),
        ((5.0, 0.0), "level is 0.0"),
        ((5.0, 1.0), "level is 1.0"),
        ((5.0, np.nan), "level is nan"),
        ((5.0, 0.68, -0.1), "line_accuracy is -0.1; wanted metres, 0 or more"),
        ((5.0, 0.68, [np.nan]), r"line_accuracy\[0\] is nan"),
    ],
)
def test_a_radius_that_is_none_is_refused(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        sigma_of(*arguments)


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan, np.inf])
def test_shares_want_a_sigma(sigma: float) -> None:
    with pytest.raises(BadOption, match=r"sigma\[0\] is"):
        at(squares(), EAST, NORTH, sigma)


# Shares where the answer is known


@pytest.mark.parametrize("distance", [0.0, 1e-9, 0.3, 5.0, 12.0, 40.0, -0.3, -12.0])
@pytest.mark.parametrize("turn", [0.0, 0.3, 1.0, 2.5, np.pi / 2])
def test_beside_a_straight_border_it_is_a_half_plane(distance: float, turn: float) -> None:
    halves = [shapely.box(-5000, 0, 5000, 5000), shapely.box(-5000, -5000, 5000, 0)]
    coverage = Coverage.of([shapely.affinity.rotate(h, turn, (0, 0), use_radians=True) for h in halves])
    x, y = -np.sin(turn) * distance + EAST, np.cos(turn) * distance + NORTH
    found = at(coverage.moved(EAST, NORTH), x, y, 10.0)
    assert found.get(0, 0.0) == pytest.approx(ndtr(distance / 10.0), abs=1e-6)
    assert found.get(1, 0.0) == pytest.approx(ndtr(-distance / 10.0), abs=1e-6)
    assert OUTSIDE not in found


def test_a_rectangle_is_a_product_of_two_lines() -> None:
    found = at(Coverage.of([shapely.box(EAST - 8, NORTH - 20, EAST + 4, NORTH + 10)]), EAST, NORTH, 10.0)
    assert found[0] == pytest.approx((ndtr(0.4) - ndtr(-0.8)) * (ndtr(1.0) - ndtr(-2.0)), abs=1e-14)
    assert found[OUTSIDE] == pytest.approx(1 - found[0], abs=1e-14)


def test_a_round_area_holds_what_its_radius_says() -> None:
    for level, radius in ((0.68, 1.509592), (0.95, 2.447747)):
        circle = shapely.Point(EAST, NORTH).buffer(radius * 20.0, quad_segs=200)
        assert at(Coverage.of([circle]), EAST, NORTH, 20.0)[0] == pytest.approx(level, abs=1e-4)


def test_four_squares_share_their_common_corner() -> None:
    assert at(squares(), EAST, NORTH, 5.0) == pytest.approx(dict.fromkeys(range(4), 0.25), abs=1e-6)
    found = at(squares(), EAST, NORTH, 200.0)
    side = (ndtr(0.25) - 0.5) ** 2
    assert found == pytest.approx({OUTSIDE: 1 - 4 * side, **dict.fromkeys(range(4), side)}, abs=1e-6)


@pytest.mark.parametrize("arms", [3, 5, 6, 8, 12])
def test_a_corner_of_many_areas_is_shared_by_its_angles(arms: int) -> None:
    turn = np.linspace(0.0, 2 * np.pi, arms + 1) ** 1.3 / (2 * np.pi) ** 0.3
    rim = np.column_stack((EAST + 900 * np.cos(turn), NORTH + 900 * np.sin(turn)))
    rim[-1] = rim[0]
    wedges = [
        shapely.Polygon([(EAST, NORTH), rim[k], *np.linspace(rim[k], rim[k + 1], 3)[1:-1], rim[k + 1]])
        for k in range(arms)
    ]
    found = at(Coverage.of(wedges), EAST, NORTH, 10.0)
    assert found == pytest.approx(dict(enumerate(np.diff(turn) / (2 * np.pi))), abs=2e-6)


def test_on_a_reflex_corner_three_quarters_are_inside() -> None:
    corner = shapely.box(EAST - 90, NORTH - 90, EAST + 90, NORTH + 90) - shapely.box(EAST, NORTH, EAST + 90, NORTH + 90)
    assert at(Coverage.of([corner]), EAST, NORTH, 9.0) == pytest.approx({OUTSIDE: 0.25, 0: 0.75}, abs=1e-6)


def test_on_the_tip_of_a_needle_nearly_everything_is_outside() -> None:
    needle = shapely.Polygon([(EAST, NORTH), (EAST + 100, NORTH - 0.05), (EAST + 100, NORTH + 0.05)])
    found = at(Coverage.of([needle]), EAST, NORTH, 5.0)
    assert found[0] == pytest.approx(np.arctan(0.0005) / np.pi, abs=1e-6)
    assert found[OUTSIDE] == pytest.approx(1 - found[0])


def test_far_from_every_edge_the_own_area_holds_all() -> None:
    coverage = squares(1000.0)
    x, y, sigma = EAST + np.array([300.0, -300.0, 5000.0]), NORTH + np.array([300.0, -300.0, 0.0]), np.full(3, 20.0)
    found = coverage.shares(x, y, sigma)
    assert (found.point.tolist(), found.area.tolist(), found.share.tolist()) == ([0, 1, 2], [3, 0, OUTSIDE], [1.0] * 3)


def test_without_points_there_are_no_shares() -> None:
    none, zero = np.zeros(0), np.zeros(0, dtype=np.int64)
    found = shares(Edges(zero, zero, none, none, none, none), none, none, zero, none, squares().locate)
    assert len(found.point) == len(found.area) == len(found.share) == 0


def test_a_gap_is_told_apart_from_the_outside_only_with_its_edges() -> None:
    hole = shapely.box(EAST - 10, NORTH - 10, EAST + 10, NORTH + 10)
    around = shapely.box(EAST - 40, NORTH - 40, EAST + 40, NORTH + 40) - hole
    middle = (ndtr(0.5) - ndtr(-0.5)) ** 2
    all_of_it = (ndtr(2.0) - ndtr(-2.0)) ** 2
    with_gap = at(Coverage.of([around, hole], [0, GAP]), EAST, NORTH, 20.0)
    assert with_gap == pytest.approx({GAP: middle, OUTSIDE: 1 - all_of_it, 0: all_of_it - middle})
    without = at(Coverage.of([around]), EAST, NORTH, 20.0)
    assert without == pytest.approx({OUTSIDE: 1 - all_of_it + middle, 0: all_of_it - middle})


@pytest.mark.parametrize("dx", [-3.0, 0.0, 3.0])
def test_overlapping_areas_are_scaled_down_to_one(dx: float) -> None:
    west, east = (
        shapely.box(EAST - 500, NORTH - 500, EAST + 5, NORTH + 500),
        shapely.box(EAST - 5, NORTH - 500, EAST + 500, NORTH + 500),
    )
    left, right = ndtr((5 - dx) / 10), ndtr((5 + dx) / 10)
    found = at(Coverage.of([west, east]), EAST + dx, NORTH, 10.0)
    assert found == pytest.approx({0: left / (left + right), 1: right / (left + right)}, abs=1e-7)


def test_an_edge_without_length_and_one_in_line_with_the_point_add_nothing() -> None:
    plain = shapely.box(EAST, NORTH, EAST + 30, NORTH + 30)
    odd = shapely.Polygon(
        [
            (EAST, NORTH),
            (EAST, NORTH),
            (EAST + 10, NORTH),
            (EAST + 30, NORTH),
            (EAST + 30, NORTH + 30),
            (EAST, NORTH + 30),
        ]
    )
    for x, y in ((EAST - 20, NORTH), (EAST + 50, NORTH + 30), (EAST + 15, NORTH + 3)):
        assert at(Coverage.of([odd]), x, y, 15.0) == pytest.approx(at(Coverage.of([plain]), x, y, 15.0), abs=1e-12)


def test_a_line_a_breath_beside_the_point_is_as_good_as_in_line() -> None:
    sliver = Coverage.of([shapely.Polygon([(10, 0), (20, 1e-310), (20, 10), (10, 10)])])
    assert at(sliver, 0.0, 0.0, 10.0) == pytest.approx(at(Coverage.of([shapely.box(10, 0, 20, 10)]), 0.0, 0.0, 10.0))


def test_an_error_near_the_last_digit_still_leaves_the_edge() -> None:
    assert at(squares(), EAST, NORTH + 10.0, 1e-6) == pytest.approx({2: 0.5, 3: 0.5}, abs=0.01)


def test_islands_of_an_area_count_together() -> None:
    boxes = [shapely.box(EAST + w, NORTH - 10, EAST + w + 10, NORTH + 10) for w in (-30, 0, 20)]
    one = at(Coverage.of([shapely.MultiPolygon(boxes)]), EAST + 3, NORTH + 2, 12.0)
    three = at(Coverage.of(boxes), EAST + 3, NORTH + 2, 12.0)
    assert one[0] == pytest.approx(three[0] + three[1] + three[2], abs=1e-12)


# Against plain integration


def points_in(coverage: Coverage, seed: int, n: int, size: float = 400.0) -> tuple[Floats, Floats]:
    """Random points in and about the coverage; every third on a vertex, on an edge or one digit beside it."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-0.2, 1.2, (2, n)) * size + HERE
    row = coverage.rows[rng.integers(len(coverage.rows), size=n)]
    along = rng.choice([0.0, 0.5, 0.37], n)
    on = np.arange(n) % 3 == 0
    x[on] = (row[:, 0] + along * (row[:, 2] - row[:, 0]))[on]
    y[on] = (row[:, 1] + along * (row[:, 3] - row[:, 1]))[on]
    beside = on & (np.arange(n) % 2 == 0)
    x[beside] = np.nextafter(x[beside], rng.choice([-np.inf, np.inf], beside.sum()))
    return x, y


def worst(coverage: Coverage, found: Shares, x: Floats, y: Floats, sigma: Floats) -> float:
    """The largest difference between the shares and the strips over all points and areas."""
    told = {(p, a): s for p, a, s in zip(found.point, found.area, found.share, strict=True)}
    off = [0.0]
    for p in range(len(x)):
        plain = {a: strips(coverage.rows[coverage.row_index == a], x[p], y[p], sigma[p]) for a in coverage.index}
        plain[OUTSIDE] = 1 - sum(plain.values())
        off += [abs(told.get((p, a), 0.0) - share) for a, share in plain.items()]
    return max(off)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0.5, 200.0))
def test_shares_are_those_of_plain_integration(seed: int, cells: int, sigma: float) -> None:
    coverage = town(seed, cells)
    x, y = points_in(coverage, seed, 12)
    s = np.full(12, sigma)
    found = coverage.shares(x, y, s)
    assert worst(coverage, found, x, y, s) < 5e-5
    assert np.bincount(found.point, weights=found.share) == pytest.approx(np.ones(12), abs=1e-12)
    assert ((found.share >= SMALLEST) & (found.share <= 1.0 + 1e-12)).all()
    keys = found.point * 10_000 + found.area
    assert (np.diff(keys) > 0).all()


def test_cells_much_smaller_than_the_error_are_told_exactly() -> None:
    coverage = town(3, 400, size=120.0)
    x, y = points_in(coverage, 3, 9, size=120.0)
    sigma = np.full(9, 60.0)
    found = coverage.shares(x, y, sigma)
    assert worst(coverage, found, x, y, sigma) < 5e-5
    assert len(found.point) > 9 * 300


@pytest.mark.parametrize("sigma", [15.0, 120.0])
def test_shares_are_those_of_points_thrown_on_a_grid(sigma: float) -> None:
    coverage = town(11, 25)
    x, y = EAST + 150.0, NORTH + 222.0
    step = (np.arange(900) + 0.5) / 900 * 12 - 6
    u, v = (part.ravel() for part in np.meshgrid(step, step))
    weight = np.exp(-(u**2 + v**2) / 2)
    where = coverage.locate(x + u * sigma, y + v * sigma)
    plain = np.bincount(where - GAP, weights=weight / weight.sum())
    found = at(coverage, x, y, sigma)
    assert [found.get(k + GAP, 0.0) for k in range(len(plain))] == pytest.approx(plain.tolist(), abs=5e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 200.0), st.floats(-5e4, 5e4), st.floats(-5e4, 5e4))
def test_moving_everything_changes_nothing(seed: int, sigma: float, dx: float, dy: float) -> None:
    # whole 1/64 metres and binary places, so that the move itself is exact
    dx, dy = round(dx * 64) / 64, round(dy * 64) / 64
    coverage = squares(64.0, 5)
    x, y = np.random.default_rng(seed).integers(-200, 200, (2, 20)) * 0.5 + HERE
    s = np.full(20, sigma)
    here, there = coverage.shares(x, y, s), coverage.moved(dx, dy).shares(x + dx, y + dy, s)
    assert dense(here, 25) == pytest.approx(dense(there, 25), abs=1e-6)


def dense(found: Shares, areas: int) -> Floats:
    out = np.zeros((found.point[-1] + 1, areas + 2))
    out[found.point, found.area - GAP] = found.share
    return out


def test_a_digit_beside_an_edge_changes_nothing() -> None:
    coverage = town(5, 40)
    x, y = coverage.rows[:, :2].T
    sigma = np.full(len(x), 8.0)
    here = dense(coverage.shares(x, y, sigma), 40)
    for towards in (-np.inf, np.inf):
        assert here == pytest.approx(dense(coverage.shares(np.nextafter(x, towards), y, sigma), 40), abs=2e-6)
        assert here == pytest.approx(dense(coverage.shares(x, np.nextafter(y, towards), sigma), 40), abs=2e-6)


@pytest.mark.parametrize("sigma", [0.5, 8.0, 200.0])
def test_what_lies_beyond_the_reach_may_be_left_out(sigma: float) -> None:
    coverage = town(21, 60)
    x, y = points_in(coverage, 21, 60)
    s = np.full(60, sigma)
    rows = len(coverage.rows)
    every = Edges(np.repeat(np.arange(60), rows), np.tile(coverage.row_index, 60), *np.tile(coverage.rows.T, 60))
    all_of_them = shares(every, x, y, coverage.locate(x, y), s, coverage.locate)
    assert dense(coverage.shares(x, y, s), 60) == pytest.approx(dense(all_of_them, 60), abs=3e-6)


@pytest.mark.parametrize("sigma", [3.0, 30.0, 70.0])
def test_neighbours_with_other_vertices_leave_nothing_outside(sigma: float) -> None:
    west = [shapely.box(-3000, -3000, 0, 3000)]
    east = [shapely.box(0, south, 3000, south + 40) for south in range(-3000, 3000, 40)]
    coverage = Coverage.of([*west, *east]).moved(EAST, NORTH)
    x, y = np.random.default_rng(2).uniform(-300, 300, (2, 200)) + HERE
    x[::4] = EAST
    assert (coverage.shares(x, y, np.full(200, sigma)).area >= 0).all()


def test_the_order_of_the_edges_does_not_matter() -> None:
    coverage = town(8, 30)
    x, y = points_in(coverage, 8, 30)
    s = np.full(30, 25.0)
    near = coverage.near(x, y, s)
    mixed = np.random.default_rng(1).permutation(len(near.point))
    again = Edges(*(np.asarray(getattr(near, name))[mixed] for name in ("point", "area", "ax", "ay", "bx", "by")))
    asked: Callable[[Floats, Floats], Ints] = coverage.locate
    one, two = (shares(edges, x, y, coverage.locate(x, y), s, asked) for edges in (near, again))
    assert (one.point.tolist(), one.area.tolist()) == (two.point.tolist(), two.area.tolist())
    assert one.share == pytest.approx(two.share, abs=1e-13)


# Confidence and its calibration


def test_confidence_adds_up_the_areas_of_the_leading_unit() -> None:
    found = Shares(
        np.array([0, 0, 0, 1, 1, 2]), np.array([-2, 0, 1, -1, 1, 0]), np.array([0.1, 0.7, 0.2, 0.4, 0.6, 1.0])
    )
    units = np.array(["", "S1", "S1", "", "S2", "S1"], dtype=object)
    lead = np.array(["S1", "", "S2"], dtype=object)
    assert confidence(found, units, lead) == pytest.approx([0.9, 0.4, 0.0])


def test_confidence_never_exceeds_one() -> None:
    found = Shares(np.zeros(10, dtype=int), np.arange(10), np.full(10, 0.1 + 1e-15))
    assert confidence(found, np.array(["S"] * 10, dtype=object), np.array(["S"], dtype=object)).tolist() == [1.0]


def test_calibration_tells_each_tenth() -> None:
    table = calibration(np.array([0.0, 0.3, 0.35, 0.7, 1.0, 0.99]), np.array([0, 1, 0, 1, 1, 0], dtype=bool))
    assert table.lower.tolist() == [k / 10 for k in range(10)]
    assert table.upper.tolist() == [k / 10 for k in range(1, 11)]
    assert table.n.tolist() == [1, 0, 0, 2, 0, 0, 0, 1, 0, 2]
    assert table.confidence[[0, 3, 9]] == pytest.approx([0.0, 0.325, 0.995])
    assert table.hits[[0, 3, 7, 9]].tolist() == [0.0, 0.5, 1.0, 0.5]
    assert table.difference[[0, 3, 9]] == pytest.approx([0.0, 0.175, -0.495])
    assert np.isnan(table.hits[table.n == 0]).all()


def test_calibration_of_nothing_has_empty_steps() -> None:
    assert calibration(np.zeros(0), np.zeros(0, dtype=bool)).n.tolist() == [0] * 10


@pytest.mark.parametrize(
    ("values", "tenths", "message"),
    [
        ([0.5, 1.2], 10, r"confidence\[1\] is 1.2; wanted shares from 0 to 1"),
        ([np.nan], 10, r"confidence\[0\] is nan"),
        ([0.5], 0, "tenths is 0; wanted a number of steps from 1"),
    ],
)
def test_a_calibration_of_no_shares_is_refused(values: list[float], tenths: int, message: str) -> None:
    with pytest.raises(BadOption, match=message):
        calibration(np.array(values), np.zeros(len(values), dtype=bool), tenths)


def test_reports_thrown_by_the_error_hit_as_often_as_their_share_says() -> None:
    coverage = squares(40.0, 6)
    rng = np.random.default_rng(17)
    truth = rng.uniform(-80.0, 80.0, (2, 40_000)) + HERE
    sigma = rng.uniform(2.0, 12.0, 40_000)
    x, y = truth + rng.normal(size=truth.shape) * sigma
    found = coverage.shares(x, y, sigma)
    units = np.append(np.arange(36).astype(str), [""]).astype(object)
    lead = units[coverage.locate(x, y)]
    sure = confidence(found, units[found.area], lead)
    table = calibration(sure, units[coverage.locate(*truth)] == lead)
    many = table.n > 500
    assert many.sum() >= 6
    assert np.abs(table.difference[many]).max() < 0.04
