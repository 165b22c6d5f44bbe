"""What must hold for every release: nothing lost, the impact equals deciding all anew, withdrawing restores."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
import shapely
import town
from conftest import NOW, TODAY
from sqlalchemy import Connection, text

from gis.acts import Act
from gis.areas import DeliveredLayer, Delivery
from gis.cases import CaseFilter
from gis.crs import from_working, to_working
from gis.errors import DeliveryFault, NotFound, RightsRefused, StepRefused
from gis.periods import AsOf
from gis.reports import ReportBatch
from gis.rights import ALL
from gis.services import boundaries, casework
from gis.services.in_force import areas_on
from gis.services.locating import locate
from gis.services.platform import Platform
from gis.services.recounts import recount
from gis.services.rulelab import backtest
from gis.store.engine import take_role

LATER = date(2026, 7, 1)
STREETS = ("320404001", "320404002", "320404003")


def district(seed: int, *, shift: float = 0.0, codes_from: int = 0) -> tuple[DeliveredLayer, ...]:
    """Three streets of random cells over the town's ground: communities are bands of cells, streets bands of those.

    `shift` moves one inner vertex, `codes_from` renumbers the cells.
    """
    rng = np.random.default_rng(seed)
    box = shapely.box(493000, 3517000, 493600, 3517400)
    sites = rng.uniform([493000, 3517000], [493600, 3517400], (24, 2))
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(sites), extend_to=box))
    cells = shapely.set_precision(shapely.intersection(cells, box), 0.001)
    cells = cells[np.argsort(shapely.get_x(shapely.centroid(cells)))]
    if shift:
        cells = _with_one_vertex_moved(cells, shift)
    community = np.arange(24) // 4
    rows = [
        (f"{STREETS[c // 2]}{c + 1:03d}{i % 4 + 1 + codes_from:03d}", "", f"{STREETS[c // 2]}{c + 1:03d}", cells[i])
        for i, c in enumerate(community)
    ]
    bands = [
        (
            f"{STREETS[c // 2]}{c + 1:03d}",
            f"{c}社区",
            STREETS[c // 2],
            shapely.coverage_union_all(cells[community == c]),
        )
        for c in range(6)
    ]
    streets = [
        (code, code, "320404", shapely.coverage_union_all([g for *_, parent, g in bands if parent == code]))
        for code in STREETS
    ]
    return (
        town._layer("street", streets, set(STREETS)),
        town._layer("community", bands, {row[0] for row in bands}),
        town._layer("cell", rows, set()),
    )


def _with_one_vertex_moved(cells: Any, shift: float) -> Any:
    """The vertex nearest to the middle moves in every cell that has it, so the coverage stays one."""
    xy = shapely.get_coordinates(cells)
    middle = xy[np.argmin(np.hypot(xy[:, 0] - 493300, xy[:, 1] - 3517200))].copy()

    def move(coordinates: Any) -> Any:
        out = coordinates.copy()
        out[(coordinates == middle).all(axis=1)] += [shift, shift / 2]
        return out

    return shapely.transform(cells, move)


def delivery(layers: tuple[DeliveredLayer, ...], day: date = LATER, name: str = "") -> Delivery:
    return Delivery(town.FACTS, day, layers, (), f"{name}{day}{shapely.to_wkb(layers[2].geometry)!r}"[:5000])


def staged(p: Platform, layers: tuple[DeliveredLayer, ...], **more: Any) -> boundaries.Staged:
    return boundaries.stage(p, delivery(layers, **more), by="steward", now=NOW, missing=more.get("missing"))


def woken(p: Platform, release: int, policy: str = "default") -> dict[str, int]:
    boundaries.approve(p, release, by="approver", now=NOW)
    return boundaries.activate(p, release, by="approver", now=NOW, policy=policy)


def counts(found: boundaries.Staged) -> dict[str, dict[str, int]]:
    return {level: {k: n for k, n in d["counts"].items() if n} for level, d in found.diff.items()}


@pytest.fixture
def based(platform: Platform) -> Platform:
    """The platform on a random district instead of the town's letters."""
    first = boundaries.stage(platform, delivery(district(1), date(2025, 6, 1)), by="steward", now=NOW, missing=30)
    woken(platform, first.release_id)
    return platform


def load_reports(p: Platform, n: int = 300) -> None:
    rng = np.random.default_rng(5)
    x, y = rng.uniform(493000 - 40, 493600 + 40, n), rng.uniform(3517000 - 40, 3517400 + 40, n)
    xs, ys = from_working(x, y, working="EPSG:4549", crs="EPSG:4549")
    column = {"dtype": object}
    batch = ReportBatch(
        row=np.arange(1, n + 1),
        key=np.array([str(i) for i in range(n)], **column),
        digest=np.array([f"{i:064x}" for i in range(n)], **column),
        x=xs, y=ys, crs="EPSG:4549", working_x=xs, working_y=ys,
        accuracy=rng.choice([3.0, 10.0, 30.0], n), level=np.full(n, 0.68), part=np.full(n, "", **column),
        received=np.full(n, np.datetime64("2026-10-30T02:00:00", "us")),
        closed=np.where(rng.random(n) < 0.2, np.datetime64("2026-10-31T02:00:00", "us"), np.datetime64("NaT", "us")),
        category=rng.choice(np.array(["0101", "0501"], **column), n),
        source=np.full(n, "public", **column),
        description=np.full(n, "", **column),
    )  # fmt: skip
    casework.load(p, batch, namespace="test", by="test", now=NOW, on_step=lambda _: None)


@pytest.mark.parametrize("seed", [1, 7, 23])
def test_a_random_coverage_comes_back_as_it_went_in(platform: Platform, seed: int) -> None:
    layers = district(seed)
    found = boundaries.stage(platform, delivery(layers), by="steward", now=NOW, missing=30)
    woken(platform, found.release_id)
    for layer in layers:
        out = areas_on(platform, layer.level, LATER).areas
        order = np.argsort(layer.codes)
        back = np.argsort(out.codes)
        assert out.codes[back].tolist() == layer.codes[order].tolist()
        assert shapely.equals_identical(out.geometry[back], layer.geometry[order]).all()


def test_the_same_again_is_no_change_and_shares_every_row(based: Platform, connection: Connection) -> None:
    found = staged(based, district(1))
    assert counts(found) == {"street": {"identical": 3}, "community": {"identical": 6}, "cell": {"identical": 24}}
    take_role(connection, ALL)
    rows = connection.execute(
        text("SELECT count(*) FROM release_area m JOIN release_area n USING (area_id) "
             "WHERE m.release_id = :r AND n.release_id <> :r"), {"r": found.release_id}
    ).scalar_one()  # fmt: skip
    assert rows == 33


def test_another_crs_and_back_is_the_same_and_keeps_the_stored_geometry(based: Platform) -> None:
    def through(layer: DeliveredLayer) -> DeliveredLayer:
        xy = shapely.get_coordinates(layer.geometry)
        lon, lat = from_working(xy[:, 0], xy[:, 1], working="EPSG:4549", crs="EPSG:4490")
        x, y = to_working(lon, lat, crs="EPSG:4490", working="EPSG:4549")
        assert not (np.column_stack([x, y]) == xy).all()
        return replace(layer, geometry=shapely.set_coordinates(layer.geometry.copy(), np.column_stack([x, y])))

    before = areas_on(based, "cell", LATER).areas
    found = staged(based, tuple(map(through, district(1))))
    assert {kind for level in counts(found).values() for kind in level} <= {"identical", "same"}
    woken(based, found.release_id)
    after = areas_on(based, "cell", LATER).areas
    assert shapely.equals_identical(before.geometry, after.geometry).all()
    assert before.ids.tolist() == after.ids.tolist()


def test_renumbered_cells_are_recoded_and_not_removed_and_added(based: Platform) -> None:
    found = counts(staged(based, district(1, codes_from=100)))
    assert found["cell"] == {"identical": 24, "recoded": 24}


def test_a_moved_line_leaves_no_crack_between_kept_and_changed_areas(based: Platform) -> None:
    def through(layer: DeliveredLayer) -> DeliveredLayer:
        return replace(layer, geometry=shapely.transform(layer.geometry, lambda xy: xy + 3e-9))

    found = staged(based, tuple(map(through, district(1, shift=4.0))))
    assert "moved" in counts(found)["cell"]
    woken(based, found.release_id)
    cells = areas_on(based, "cell", LATER).areas.geometry
    assert shapely.coverage_is_valid(cells)


def test_a_moved_line_gains_what_its_neighbours_lose(based: Platform) -> None:
    found = staged(based, district(1, shift=4.0)).diff["cell"]["changes"]
    gained, lost = sum(c["gained_m2"] for c in found), sum(c["lost_m2"] for c in found)
    assert gained > 1
    assert gained == pytest.approx(lost, abs=0.01)


@pytest.mark.parametrize(("shift", "codes_from"), [(25.0, 0), (0.5, 0), (60.0, 100), (0.0, 100)])
def test_the_impact_equals_deciding_everything_anew(based: Platform, shift: float, codes_from: int) -> None:
    load_reports(based)
    found = staged(based, district(1, shift=shift, codes_from=codes_from), day=date(2026, 10, 1))
    few = boundaries.impact(based, found.release_id)
    all_ = boundaries.impact(based, found.release_id, everything=True)
    assert few.units == all_.units
    assert [row.id for row in few.rows] == [row.id for row in all_.rows]
    assert few.looked_at <= all_.looked_at


def standing(connection: Connection) -> list[Any]:
    take_role(connection, ALL)
    return list(connection.execute(text("SELECT id, state, unit, placement, status FROM cases ORDER BY id")).all())


def answers(p: Platform) -> list[Any]:
    days = (date(2026, 6, 30), TODAY)
    spots = [(493000.0 + 61 * i, 3517000.0 + 43 * i) for i in range(10)]
    return [
        {k: v for k, v in locate(p, *spot, crs="EPSG:4549", at=day, accuracy=10.0).items()}
        for day in days
        for spot in spots
    ]


@pytest.mark.parametrize("policy", ["default", "move", "keep", "ask"])
def test_withdrawing_restores_every_answer_and_every_open_case(
    based: Platform, connection: Connection, policy: str
) -> None:
    load_reports(based)
    cases_before, answers_before = standing(connection), answers(based)
    release = staged(based, district(1, shift=60.0), day=date(2026, 10, 1)).release_id
    done = woken(based, release, policy)
    assert sum(done.values()) > 0
    assert answers(based) != answers_before
    left = boundaries.withdraw(based, release, by="approver", reason="wrong", now=NOW).left
    assert answers(based) == answers_before
    asked = {row.id for row in standing(connection)} if policy == "ask" else set()
    assert [row for row in standing(connection) if row.id not in asked] == [
        row for row in cases_before if row.id not in asked
    ]
    assert (list(left) == []) == (policy != "ask")  # who was sent to the desk is listed for a person


def test_who_staged_cannot_approve(based: Platform) -> None:
    release = staged(based, district(1, shift=4.0)).release_id
    with pytest.raises(RightsRefused, match="steward staged release"):
        boundaries.approve(based, release, by="steward", now=NOW)


def test_an_approval_lapses_when_another_release_wakes_and_the_diff_is_made_anew(based: Platform) -> None:
    first = staged(based, district(1, shift=4.0)).release_id
    second = staged(based, district(1, shift=9.0), name="b").release_id
    boundaries.approve(based, first, by="approver", now=NOW)
    boundaries.approve(based, second, by="approver", now=NOW)
    boundaries.activate(based, second, by="approver", now=NOW)
    assert boundaries.diff(based, first)["lapsed"]
    with pytest.raises(StepRefused, match="compare it anew"):
        boundaries.activate(based, first, by="approver", now=NOW)
    again = boundaries.renew(based, first, by="steward", now=NOW)
    assert again.release_id != first
    assert boundaries.diff(based, again.release_id)["base"] == second
    assert "moved" in counts(again)["cell"]


def test_a_release_below_another_is_withdrawn_only_after_it(based: Platform) -> None:
    first = staged(based, district(1, shift=4.0)).release_id
    woken(based, first)
    second = staged(based, district(1, shift=9.0), day=date(2026, 8, 1)).release_id
    woken(based, second)
    with pytest.raises(StepRefused, match=f"Release {second} rests on release {first}"):
        boundaries.withdraw(based, first, by="approver", reason="x", now=NOW)


def test_a_full_layer_that_lacks_areas_needs_their_number(based: Platform) -> None:
    street, community, cell = district(1)
    fewer = replace(
        cell, **{name: getattr(cell, name)[2:] for name in
                 ("codes", "names", "names_en", "parents", "residents", "has_children", "geometry")}
    )  # fmt: skip
    with pytest.raises(DeliveryFault, match=r"lacks 2 of 24 current areas \(8\.3%\).*--missing 2"):
        staged(based, (street, community, fewer))
    boundaries.stage(based, delivery((street, community, fewer)), by="steward", now=NOW, missing=2)


def test_a_partial_layer_leaves_the_rest_as_it_was(based: Platform) -> None:
    _, _, cell = district(1, shift=4.0)
    whole = staged(based, district(1, shift=4.0), name="w").diff["cell"]["changes"]
    moved = {code for change in whole for code in change["old"]}
    which = np.isin(cell.codes, list(moved))
    names = ("codes", "names", "names_en", "parents", "residents", "has_children", "geometry")
    part = replace(cell, scope="partial", **{name: getattr(cell, name)[which] for name in names})
    found = boundaries.stage(based, Delivery(town.FACTS, LATER, (part,), (), "partial"), by="steward", now=NOW)
    woken(based, found.release_id)
    assert sorted(areas_on(based, "cell", LATER).areas.codes) == sorted(cell.codes)
    assert shapely.coverage_is_valid(areas_on(based, "cell", LATER).areas.geometry)


def test_a_steward_corrects_the_lineage_with_a_reason(based: Platform) -> None:
    cell = district(1)[2]
    found = staged(based, district(1, codes_from=100))
    old, new = cell.codes[0], found.diff["cell"]["changes"][5]["new"][0]
    corrected = boundaries.correct(
        based, found.release_id, [("cell", old, new)], by="steward", reason="苏政发3号", now=NOW
    )
    assert next(c for c in corrected["levels"]["cell"]["changes"] if c["old"] == [old])["new"] == [new]
    assert corrected["corrections"] == [["cell", old, new]]


def test_territories_follow_a_recoded_street_by_its_successor(based: Platform) -> None:
    layers = district(1)
    street = replace(layers[0], codes=np.array(["320404009", *layers[0].codes[1:]], dtype=object))
    parents = np.where(layers[1].parents == "320404001", "320404009", layers[1].parents)
    release = staged(based, (street, replace(layers[1], parents=parents), layers[2])).release_id
    found = boundaries.impact(based, release)
    assert list(found.ending) == ["320404001"]
    assert found.proposed == {"320404001": "320404009"}
    load_reports(based)
    tested = backtest(based, since=date(2026, 1, 1), release_id=release).result
    assert (tested.looked_at, tested.changed) == (300, 0)  # another code is another name, nobody's work changes
    woken(based, release)
    spot = shapely.point_on_surface(street.geometry[0])
    answer = locate(based, spot.x, spot.y, crs="EPSG:4549", at=TODAY, accuracy=None)
    assert (answer["levels"]["street"]["code"], answer["unit"]["code"]) == ("320404009", "S1")
    boundaries.withdraw(based, release, by="approver", reason="x", now=NOW)
    answer = locate(based, spot.x, spot.y, crs="EPSG:4549", at=TODAY, accuracy=None)
    assert (answer["levels"]["street"]["code"], answer["unit"]["code"]) == ("320404001", "S1")


def test_a_first_day_to_come_is_respected_and_done_on_that_day(based: Platform, connection: Connection) -> None:
    load_reports(based)
    before = standing(connection)
    release = staged(based, district(1, shift=60.0), day=date(2026, 12, 1)).release_id
    assert woken(based, release, "move") == {}
    assert standing(connection) == before
    assert boundaries.wake_due(based, now=NOW) == []
    from datetime import UTC, datetime

    on_the_day = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
    assert boundaries.wake_due(based, now=on_the_day) == [release]
    assert boundaries.wake_due(based, now=on_the_day) == []
    assert standing(connection) != before


def test_an_act_says_who_and_when() -> None:
    assert Act("王敏", NOW).reason == ""


def test_cases_are_counted_as_decided_or_on_one_releases_lines(based: Platform) -> None:
    load_reports(based)
    base = boundaries.releases(based)[-1]["id"]

    def counted(on: str) -> Any:
        return recount(based, CaseFilter(), level="cell", on=on, rights=ALL, today=TODAY)

    decided, on_base = counted("decided"), counted(str(base))
    assert decided.areas == on_base.areas
    release = staged(based, district(1, shift=60.0), day=date(2026, 10, 1)).release_id
    woken(based, release, "keep")
    assert counted("decided").areas == decided.areas
    on_new = counted(str(release))
    assert on_new.areas != decided.areas
    assert counted(str(base)).areas == decided.areas
    assert {on_new.total, decided.total} == {300}
    with pytest.raises(NotFound, match="There is no release 4711"):
        counted("4711")


def test_what_was_known_on_a_day_is_still_known(based: Platform) -> None:
    spot = (493300.0, 3517200.0)

    def code(known: date | None) -> str | None:
        answer = locate(based, *spot, crs="EPSG:4549", at=AsOf(TODAY, known), accuracy=None)
        return str(answer["levels"]["cell"]["code"])

    before = code(None)
    woken(based, staged(based, district(1, codes_from=100)).release_id)
    assert code(None) != before
    assert code(TODAY) != before  # at the end of the day on which it was activated
    assert locate(based, *spot, crs="EPSG:4549", at=AsOf(TODAY, date(2026, 11, 1)), accuracy=None)["release"] is None


@pytest.mark.parametrize(("policy", "action"), [("ask", "asked"), ("keep", "kept"), ("move", "moved")])
def test_on_its_first_day_a_release_does_what_was_chosen_when_it_was_activated(
    based: Platform, policy: str, action: str
) -> None:
    from datetime import UTC, datetime

    load_reports(based)
    release = staged(based, district(1, shift=60.0), day=date(2026, 12, 1)).release_id
    woken(based, release, policy)
    boundaries.wake_due(based, now=datetime(2026, 12, 1, 4, 0, tzinfo=UTC))
    effect = boundaries.history(based, release)["effects"][-1]
    assert effect["policy"] == policy
    assert {name for name, n in effect["counts"].items() if n} == {action}
    left = boundaries.withdraw(based, release, by="approver", reason="wrong", now=NOW).left
    assert len(left) == (effect["counts"]["asked"])
