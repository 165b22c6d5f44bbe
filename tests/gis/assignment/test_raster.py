"""The raster against GEOS and against fractions: the same answer for every point, however near it is to a border."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely
import town
from exactly import Answer, exactly
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.areas import AreaSet, LevelAreas
from gis.assignment.locator import Located, Locator
from gis.assignment.raster import Raster


def level(name: str, geometry: list[shapely.Geometry], parent: list[int], children: list[bool]) -> LevelAreas:
    ground = np.array(geometry, dtype=object)
    codes = np.array([f"{i:04d}" for i in range(len(ground))], dtype=object)
    ids = np.arange(len(ground)) + 1
    of, has = np.array(parent, dtype=np.int64), np.array(children, dtype=bool)
    return LevelAreas(name, ids, codes, codes, codes, codes, of, has, shapely.area(ground), ground)


def answers(located: Located) -> list[Answer]:
    rows = [zip(a.status.tolist(), a.index.tolist(), a.on_border.tolist(), strict=True) for a in located.levels]
    return [list(row) for row in zip(*rows, strict=True)]


def spots(areas: AreaSet, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Points anywhere, on vertices, on and by edges, on levels with vertices, and an ulp beside all of these."""
    corners = np.concatenate([shapely.get_coordinates(part.geometry) for part in areas.levels if len(part)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    pad = (high - low) * 0.1
    a = corners[rng.integers(0, len(corners) - 1, n)]
    k = rng.integers(0, len(corners) - 1, n)
    t = rng.choice([0.5, 0.25, 0.0, rng.random()], n)[:, None]
    along = corners[k] + t * (corners[k + 1] - corners[k])
    mixed = np.column_stack([a[:, 0], corners[k][:, 1]])
    spread = rng.uniform(low - pad, high + pad, (n, 2))
    points = np.concatenate([a, along, mixed, spread])
    step = rng.choice([-np.inf, 0.0, np.inf], points.shape)
    moved = np.where(step == 0.0, points, np.nextafter(points, step))
    x, y = np.concatenate([points, moved]).T
    return np.append(x, [np.nan, np.inf, 0.0]), np.append(y, [low[1], low[1], np.nan])


def check(areas: AreaSet, rng: np.random.Generator, *, sides: tuple[float | None, ...] = (None,), n: int = 40) -> None:
    """The kernel with squares of these sides, GEOS, and fractions agree."""
    x, y = spots(areas, rng, n)
    locator = Locator(areas)
    wanted = answers(locator.locate_many(x, y))
    for k in rng.choice(len(x) - 3, min(len(x) - 3, 60), replace=False):
        assert wanted[k] == exactly(locator, x[k], y[k]), (x[k], y[k])
    for each in sides:
        locator.build(each)
        found = answers(locator.locate_many(x, y))
        differing = [k for k in range(len(x)) if found[k] != wanted[k]]
        assert not differing, [(x[k], y[k], found[k], wanted[k], exactly(locator, x[k], y[k])) for k in differing[:3]]


def drawn(seed: int, east: float, north: float, size: float, grid: float) -> AreaSet:
    """A random coverage in three levels; some areas are missing, some have no parent, one is drawn twice."""
    rng = np.random.default_rng(seed)
    seeds = shapely.multipoints(rng.random((int(rng.integers(3, 18)), 2)) * 1000.0)
    frame = shapely.box(0.0, 0.0, 1000.0, 1000.0)
    faces = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=frame)), frame)
    faces = shapely.transform(faces, lambda c: np.round(c / grid) * grid * (size / 1000.0) + (east, north))
    faces = [g for g in faces if g.geom_type == "Polygon" and g.is_valid and g.area > 0.0]
    upper = np.sort(rng.integers(0, 4, len(faces)))
    middle = [shapely.union_all(np.array(faces)[upper == k]) for k in sorted(set(upper.tolist()))]
    number = np.unique(upper, return_inverse=True)[1]
    top = [shapely.union_all(middle[:2]), *middle[2:3]]
    keep = rng.random(len(faces)) > 0.2
    cells = [*np.array(faces)[keep], faces[0]]
    parents = [*number[keep].tolist(), int(rng.choice([-1, 0]))]
    of_middle = [0, 0, 1, -1][: len(middle)]
    has = (rng.random(len(middle)) > 0.5).tolist()
    return AreaSet(
        1,
        (
            level("street", top, [-1] * len(top), [True] * len(top)),
            level("community", middle, of_middle, has),
            level("cell", cells, parents, [False] * len(cells)),
        ),
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    place=st.sampled_from(
        [
            (493000.0, 3517000.0, 1000.0, 0.01),
            (493000.0, 3517000.0, 1000.0, 1e-9),
            (493000.0, 3517000.0, 1000.0, 62.5),  # many borders along lines of the raster, many slivers
            (0.0, 0.0, 1000.0, 1e-12),
            (0.0, 0.0, 1e-6, 1.0),
            (-500.0, -500.0, 1000.0, 125.0),
            (-500.0, -500.0, 1000.0, 1e-9),
        ]
    ),
)
def test_kernel_geos_and_fractions_agree_on_random_areas(seed: int, place: tuple[float, float, float, float]) -> None:
    size = place[2]
    sides = tuple(2.0 ** np.floor(np.log2(size * share)) for share in (1.0, 0.1, 0.02))
    check(drawn(seed, *place), np.random.default_rng(seed), sides=(None, *sides))


def test_holes_parts_and_overlaps() -> None:
    ring = shapely.Polygon(town_square(0, 0, 100), [town_square(20, 20, 60)])
    parts = shapely.MultiPolygon([shapely.Polygon(town_square(25, 25, 10)), shapely.Polygon(town_square(35, 35, 10))])
    across = shapely.Polygon([(10, 10), (90, 15), (50, 93.7)])
    areas = AreaSet(
        1,
        (
            level("street", [ring, parts], [-1, -1], [True, False]),
            level("cell", [across, shapely.Polygon(town_square(0, 0, 20)), across], [0, 0, 1], [False] * 3),
        ),
    )
    check(areas, np.random.default_rng(1), sides=(None, 0.5, 4.0, 32.0, 256.0), n=200)


def town_square(x: float, y: float, side: float) -> list[tuple[float, float]]:
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def test_the_neighbours_of_the_corner_zero_are_decided_in_real_arithmetic() -> None:
    fan = [shapely.Polygon([(0.0, 0.0), (3.0, 1.0), (2.0, 2.0)]), shapely.Polygon([(0.0, 0.0), (2.0, 2.0), (0.3, 4.0)])]
    fan.append(shapely.Polygon([(0.0, 0.0), (0.3, 4.0), (-1.0, 1.0), (-1.0, -1.0), (3.0, 1.0)]))
    locator = Locator(AreaSet(1, (level("cell", fan, [-1] * 3, [False] * 3),)))
    least = np.array([-3, -1, 0, 1, 2, 3, 1e10, 1e200, 1e300]) * 5e-324
    x, y = (axis.ravel() for axis in np.meshgrid(least, least))
    wanted = [exactly(locator, *p) for p in zip(x, y, strict=True)]
    assert answers(locator.locate_many(x, y)) == wanted
    locator.build()
    assert answers(locator.locate_many(x, y)) == wanted


def test_areas_with_numbers_out_of_reach_are_left_to_the_exact_way() -> None:
    sliver = shapely.Polygon([(0.0, 0.0), (1.0, 5e-324), (1.0, 1.0)])
    areas = AreaSet(1, (level("cell", [sliver], [-1], [False]),))
    assert Raster.of(areas.levels, np.array([], dtype=object)) is None
    check(areas, np.random.default_rng(2))


def test_more_areas_in_a_square_than_it_has_bits() -> None:
    cells = [shapely.box(x, y, x + 1, y + 1) for x in range(12) for y in range(12)]
    areas = AreaSet(1, (level("cell", cells, [-1] * len(cells), [False] * len(cells)),))
    check(areas, np.random.default_rng(3), sides=(16.0, 4.0))


@pytest.mark.parametrize("side", [None, 8.0, 64.0, 1024.0])
def test_the_town_in_squares_of_any_size(side: float | None) -> None:
    check(town.area_set(), np.random.default_rng(4), sides=(side,), n=300)


def test_a_large_batch_makes_the_raster_and_keeps_the_order() -> None:
    locator, judge = Locator(town.area_set()), Locator(town.area_set())
    rng = np.random.default_rng(5)
    x, y = 492900 + rng.uniform(0, 800, 25_000), 3516900 + rng.uniform(0, 600, 25_000)
    found = answers(locator.locate_many(x, y))
    assert found == [row for k in range(0, 25_000, 5_000) for row in answers(judge.locate_many(*part(x, y, k)))]


def part(x: np.ndarray, y: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    return x[start : start + 5_000], y[start : start + 5_000]


def test_most_crossed_squares_answer_by_quadrant_and_their_points_agree_with_geos() -> None:
    """A junction, a bend, a straight border through vertices, and a border that ends inside a square (an overlap)."""
    areas = drawn(11, 493000.0, 3517000.0, 1000.0, 0.01)
    raster = Raster.of(areas.levels, np.array([], dtype=object), 4.0)
    assert raster is not None
    answered = (raster.quadrants[1][:, 12:] >= 0).any(axis=1) & (raster.quadrants[0][:, :6] != 0.0).all(axis=1)
    assert answered.mean() > 0.9
    crossed = np.flatnonzero(raster.squares < 0)
    west, south, side, columns, *_ = raster.grid
    rng = np.random.default_rng(11)
    x = west + (np.repeat(crossed % int(columns), 8) + rng.random(8 * len(crossed))) * side
    y = south + (np.repeat(crossed // int(columns), 8) + rng.random(8 * len(crossed))) * side
    judge, locator = Locator(areas), Locator(areas)
    locator.build(4.0)
    found = locator.locate_many(x, y).levels
    for start in range(0, len(x), 5_000):
        part = slice(start, start + 5_000)
        for mine, wanted in zip(found, judge.locate_many(x[part], y[part]).levels, strict=True):
            assert np.array_equal(mine.index[part], wanted.index)
            assert np.array_equal(mine.code[part], wanted.code)
            assert np.array_equal(mine.on_border[part], wanted.on_border)


def test_squares_by_the_axes_are_left_to_their_records() -> None:
    """Products of tiny coordinates lose bits that the quick test does not account for."""
    cells = [
        shapely.Polygon([(-50, -50), (50, -50), (50, 1), (-50, 3)]),
        shapely.Polygon([(-50, 3), (50, 1), (50, 50)]),
    ]
    areas = AreaSet(1, (level("cell", cells, [-1] * 2, [False] * 2),))
    raster = Raster.of(areas.levels, np.array([], dtype=object), 4.0)
    assert raster is not None
    crossed = np.flatnonzero(raster.squares < 0)
    row = raster.grid[1] + (crossed // int(raster.grid[3])) * raster.grid[2]
    column = raster.grid[0] + (crossed % int(raster.grid[3])) * raster.grid[2]
    near = ((row <= 0.0) & (row >= -4.0)) | ((column <= 0.0) & (column >= -4.0))
    assert near.any()
    assert (raster.quadrants[0][near] == 0.0).all()
    check(areas, np.random.default_rng(12), sides=(4.0,), n=400)


@pytest.mark.parametrize("corner", [(64.0, 64.0), (493056.0, 3517056.0), (-64.0, -64.0)])
def test_no_number_is_outside_also_where_an_area_ends_at_a_line_of_squares(corner: tuple[float, float]) -> None:
    """A point without a square is looked up in the last one, which no border may touch then."""
    x, y = np.nextafter(corner, -np.inf)
    cells = [shapely.Polygon([(x - 63, y - 63), (x - 24, y - 63), (x, y), (x - 61, y - 24)])]
    cells.append(shapely.reverse(cells[0]))
    odd = [np.nan, np.inf, -np.inf, 1e300, *np.linspace(x - 70, x + 70, 40)]
    east, north = (axis.ravel() for axis in np.meshgrid(odd, [np.nan, np.inf, -np.inf, -1e300, 1e300]))
    for cell in cells:
        locator = Locator(AreaSet(1, (level("cell", [cell], [-1], [False]),)))
        for side in (1.0, 16.0, 32.0, 64.0):
            locator.build(side)
            for a, b in ((east, north), (north, east)):
                assert set(locator.locate_many(a, b).levels[0].status.tolist()) == {"outside"}


@pytest.mark.parametrize("spot", [(4e7, 3.5e6), (5e5, 3.5e6), (-4e7, -3.5e6)])
@pytest.mark.parametrize("ulps", [1, 3, 50, 10_000])
def test_a_world_of_a_few_ulps(spot: tuple[float, float], ulps: int) -> None:
    """Squares are no smaller than the distance between numbers."""
    x, y = spot
    size = float(np.spacing(abs(x))) * 64 * ulps
    cells = [shapely.box(x, y, x + size, y + size), shapely.box(x + size, y, x + 2 * size, y + size)]
    areas = AreaSet(1, (level("cell", cells, [-1, -1], [False, False]),))
    check(areas, np.random.default_rng(13), sides=(None, size / 64, size))
    far = Locator(areas).border_distance("cell", np.full(20_000, x - 100.0), np.full(20_000, y))
    assert far == pytest.approx(100.0)


def test_a_level_drawn_for_one_spot_does_not_widen_the_squares() -> None:
    rows = [shapely.box(x, y, x + 100, y + 100) for x in range(0, 3000, 100) for y in range(0, 3000, 100)]
    upper, lower = level("street", rows, [-1] * 900, [False] * 900), level("cell", rows[:1], [0], [False])
    alone, both = (Raster.of(levels, np.array([], dtype=object)) for levels in ((upper,), (upper, lower)))
    assert alone is not None
    assert both is not None
    assert alone.grid == both.grid


@pytest.mark.parametrize("empty", [{"street"}, {"community"}, {"cell"}, {"street", "community"}, {"community", "cell"}])
def test_levels_without_areas(empty: set[str]) -> None:
    names = ("street", "community", "cell")
    cells = {name: [] if name in empty else [shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)] for name in names}
    areas = AreaSet(1, tuple(level(name, g, [-1] * len(g), [True] * len(g)) for name, g in cells.items()))
    check(areas, np.random.default_rng(14), sides=(None, 4.0))


def test_one_point_needs_no_compiler() -> None:
    code = (
        "import sys, town; from gis.assignment.locator import Locator; import gis.cli\n"
        "Locator(town.area_set()).locate_many([493050.0], [3517050.0]); sys.exit('numba' in sys.modules)"
    )
    tests = Path(town.__file__).parent
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": f"{tests.parent}:{tests}"})
