"""The locator against the simple way: one answer per level, whatever the point."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import shapely
import town
from exactly import exactly
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from gis.areas import AreaSet, LevelAreas
from gis.assignment.locator import AREA, GAP, OUTSIDE, Locator
from gis.rights import ALL
from gis.services.platform import Platform
from gis.store.engine import take_role

LOCATOR = Locator(town.area_set())


def answers(locator: Locator, x: float, y: float) -> list[tuple[str, str, bool]]:
    located = locator.locate_many([x], [y])
    out = []
    for level, answer in zip(locator.areas.levels, located.levels, strict=True):
        index = answer.index[0]
        out.append((answer.status[0], level.codes[index] if index >= 0 else "", bool(answer.on_border[0])))
    return out


@pytest.mark.parametrize(
    ("column", "row", "expected"),
    [
        (0.5, 0.5, [(AREA, "320404001", False), (AREA, "320404001001", False), (AREA, "320404001001001", False)]),
        # the gap in the middle is nobody's at any level
        (3.5, 2.5, [(GAP, "", False)] * 3),
        # the town has communities and, as declared, no cells: that is outside the cells' coverage, no gap
        (5.5, 3.5, [(AREA, "320404116", False), (AREA, "320404116026", False), (OUTSIDE, "", False)]),
        (9.0, 9.0, [(OUTSIDE, "", False)] * 3),
        # on the line between a and b: the lower path of codes, and its parents above
        (2.0, 0.5, [(AREA, "320404001", False), (AREA, "320404001001", True), (AREA, "320404001001002", True)]),
        # on the line between street 1 and street 2
        (4.0, 0.5, [(AREA, "320404001", True), (AREA, "320404001002", True), (AREA, "320404001002002", True)]),
        # on the border to nowhere: still the area's own
        (0.0, 0.5, [(AREA, "320404001", True), (AREA, "320404001001", True), (AREA, "320404001001001", True)]),
        # on the edge of the gap
        (3.0, 2.5, [(AREA, "320404001", True), (AREA, "320404001002", True), (AREA, "320404001002005", True)]),
    ],
)
def test_a_spot_of_the_drawing_gets_its_answer(
    column: float, row: float, expected: list[tuple[str, str, bool]]
) -> None:
    assert answers(LOCATOR, *town.at(column, row)) == expected


def test_the_order_and_number_of_points_is_kept() -> None:
    x, y = zip(*[town.at(0.5, 0.5), town.at(9, 9), town.at(5.0, 0.5)], strict=True)
    located = LOCATOR.locate_many(x, y)
    assert located.levels[0].status.tolist() == [AREA, OUTSIDE, AREA]
    assert [len(level.index) for level in located.levels] == [3, 3, 3]


def test_a_point_without_coordinates_is_outside() -> None:
    located = LOCATOR.locate_many([np.nan, np.inf], [1.0, np.nan])
    assert [set(level.status) for level in located.levels] == [{OUTSIDE}] * 3


def test_without_areas_everything_is_outside() -> None:
    none = np.array([], dtype=object)
    level = LevelAreas(
        "street",
        none.astype(int),
        none,
        none,
        none,
        none,
        none.astype(int),
        none.astype(bool),
        none.astype(float),
        none,
    )
    located = Locator(AreaSet(None, (level,))).locate_many([1.0], [2.0])
    assert located.levels[0].status.tolist() == [OUTSIDE]


def test_a_locator_answers_the_same_after_pickling() -> None:
    x, y = town.at(2.0, 1.0)
    assert answers(pickle.loads(pickle.dumps(LOCATOR)), x, y) == answers(LOCATOR, x, y)


def coverage(points: list[tuple[float, float]], east: float, north: float) -> AreaSet:
    """A random coverage of Voronoi cells in a square of 1 km, in two levels: odd and even cells are two parents."""
    frame = shapely.box(east, north, east + 1000.0, north + 1000.0)
    seeds = shapely.multipoints([(east + px, north + py) for px, py in points])
    faces = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=frame))
    lines = shapely.union_all([*shapely.boundary(faces), frame.boundary], grid_size=0.01)
    pieces = [
        g
        for g in shapely.get_parts(shapely.polygonize(shapely.get_parts(lines).tolist()))
        if frame.buffer(0.02).contains(g)
    ]
    cells = np.array(sorted(pieces, key=lambda g: (g.centroid.x, g.centroid.y)), dtype=object)
    n = len(cells)
    parent = np.arange(n) % 2 if n > 1 else np.zeros(n, dtype=np.int64)
    paths = np.array([f"{parent[i]}/{parent[i]}{i:03d}" for i in range(n)], dtype=object)
    order = np.argsort(paths)
    groups = [cells[parent == k] for k in sorted(set(parent.tolist()))]
    upper = np.array([shapely.union_all(g) for g in groups], dtype=object)

    def level(name: str, geometry: np.ndarray, codes: np.ndarray, index: np.ndarray, *, children: bool) -> LevelAreas:
        ids = np.arange(1, len(codes) + 1)
        return LevelAreas(
            name,
            ids,
            codes,
            codes,
            codes,
            codes,
            index,
            np.full(len(codes), children),
            shapely.area(geometry),
            geometry,
        )

    return AreaSet(
        1,
        (
            level(
                "street",
                upper,
                np.array([str(k) for k in range(len(groups))], dtype=object),
                np.full(len(groups), -1),
                children=True,
            ),
            level("cell", cells[order], paths[order], parent[order].astype(np.int64), children=False),
        ),
    )


@settings(max_examples=40, deadline=None)
@given(
    points=st.lists(
        st.tuples(st.floats(5, 995), st.floats(5, 995)),
        min_size=2,
        max_size=14,
        unique_by=lambda p: (round(p[0]), round(p[1])),
    ),
    near_zero=st.booleans(),
    choice=st.randoms(use_true_random=False),
)
def test_on_random_coverages_it_equals_the_total_rule_taken_literally(
    points: list[tuple[float, float]], near_zero: bool, choice: object
) -> None:
    east, north = (0.0, 0.0) if near_zero else (493000.0, 3517000.0)
    areas = coverage(points, east, north)
    locator = Locator(areas)
    spots = [(east + choice.uniform(-50, 1050), north + choice.uniform(-50, 1050)) for _ in range(12)]  # type: ignore[attr-defined]
    for geometry in areas.levels[1].geometry[:4]:
        corners = shapely.get_coordinates(geometry)
        a, b = corners[0], corners[1]
        middle = (a + b) / 2.0
        spots += [
            tuple(a),
            tuple(middle),
            (np.nextafter(a[0], np.inf), a[1]),
            (middle[0], np.nextafter(middle[1], -np.inf)),
        ]
    located = locator.locate_many([s[0] for s in spots], [s[1] for s in spots])
    for k, (x, y) in enumerate(spots):
        found = [(level.status[k], int(level.index[k]), bool(level.on_border[k])) for level in located.levels]
        assert found == exactly(locator, x, y), (x, y)


def test_the_distance_is_that_to_the_nearest_border_of_the_level() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    x, y = 492900 + rng.uniform(0, 800, 300), 3516900 + rng.uniform(0, 600, 300)
    for level in LOCATOR.areas.levels:
        lines = shapely.union_all(shapely.boundary(level.geometry))
        expected = shapely.distance(shapely.points(x, y), lines)
        np.testing.assert_allclose(LOCATOR.border_distance(level.level, x, y), expected, atol=1e-9)


def test_sql_gives_the_same_answer_over_the_stored_coordinates(platform: Platform, connection: Connection) -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    x = np.concatenate([493000 + rng.uniform(-50, 650, 400), 493000 + 100.0 * rng.integers(0, 7, 200)])
    y = np.concatenate([3517000 + rng.uniform(-50, 450, 400), 3517000 + 50.0 * rng.integers(0, 9, 200)])
    with platform.store.begin(ALL) as c:
        release = c.execute(text("SELECT max(id) FROM release")).scalar_one()
        locator = platform.locator_of(c, release)
    found = locator.locate_many(x, y).levels[-1]
    codes = np.append(locator.areas.levels[-1].codes, "")[found.index]
    take_role(connection, ALL)
    # ST_Relate is exact where PostGIS' own point in polygon is a matter of luck within an ulp of an edge.
    query = text(
        "SELECT p.i, (SELECT a.code FROM area a WHERE a.level = 'cell' AND NOT isempty(a.validity) AND a.geom && p.g "
        "AND NOT ST_Relate(p.g, a.geom, 'FF*FF****') ORDER BY a.path LIMIT 1) AS code "
        "FROM (SELECT i, ST_SetSRID(ST_MakePoint(x, y), 4549) AS g "
        "FROM unnest(CAST(:x AS float8[]), CAST(:y AS float8[])) WITH ORDINALITY t(x, y, i)) p ORDER BY 1"
    )
    rows = connection.execute(query, {"x": x.tolist(), "y": y.tolist()}).all()
    assert [row.code or "" for row in rows] == codes.tolist()
