"""What persons decide about cases: at the desk, otherwise than the engine, on another spot; nobody's ruling is lost."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import town
from deskwork import NEAR, NOW, REASON, TIE, act, chain_holds, evidence, load_rule, page, reported
from sqlalchemy import Connection, text

from gis.errors import BadOption, Conflict, DataFault, NotFound, StepRefused, UnknownCrs
from gis.rights import ALL, PUBLIC, of_unit
from gis.services import boundaries, cases, desk, registers
from gis.services.platform import Platform
from gis.store.engine import take_role

SINCE = date(2026, 1, 1)
MIDDLE = (0.5, 0.5)


def close(p: Platform, no: str) -> None:
    """End a case as a load of closed reports does."""
    with p.store.begin(ALL) as connection:
        row = desk.standing_case(p, connection, no)
        desk.store.append_event(connection, row, act(), kind="closed", note="", unit=row.unit)


def decisions(connection: Connection) -> int:
    take_role(connection, ALL)
    return int(connection.execute(text("SELECT count(*) FROM decision")).scalar_one())


def test_a_report_near_a_border_waits_with_both_sides_shown(platform: Platform) -> None:
    no = reported(platform)
    found = desk.desk(platform)
    assert found.total == 1
    waiting = found.cases[0]
    assert (waiting.case, waiting.reason) == (no, "confidence")
    assert waiting.border_distance == pytest.approx(5.0, abs=1e-6)
    assert [(c["area"], c["unit"]) for c in waiting.candidates] == [("320404001", "S1"), ("320404002", "S2")]
    assert sum(c["share"] for c in waiting.candidates) == pytest.approx(1.0, abs=1e-5)
    assert waiting.confidence == pytest.approx(waiting.candidates[0]["share"], abs=1e-6)
    assert waiting.rulings == []


def test_pages_of_the_desk_follow_each_other(platform: Platform) -> None:
    numbers = [reported(platform, (3.95, 0.1 + 0.1 * i)) for i in range(5)]
    first = desk.desk(platform, limit=2)
    rest = desk.desk(platform, limit=9, after=first.cases[-1].case)
    assert (first.total, rest.total) == (5, 5)
    assert [c.case for c in (*first.cases, *rest.cases)] == numbers
    with pytest.raises(BadOption, match="after is 'bogus', which is no case number"):
        desk.desk(platform, after="bogus")


def test_a_ruling_sends_the_case_out_and_is_kept_with_its_reason(platform: Platform, connection: Connection) -> None:
    no = reported(platform)
    seq = desk.rule(platform, no, "S2", act(), evidence="photo 12", seen=1)
    assert seq == 2
    row = page(platform, no).row
    assert (row.state, row.unit) == ("dispatched", "S2")
    told = evidence(platform, no)
    assert (told["unit"], told["settled_by"], told["desk_reason"], told["reason"]) == ("S2", "person", "", REASON)
    assert (told["outcome"], told["runner_up_unit"], told["decided_by"]) == ("located", "S1", "王敏")
    assert len(told["candidates"]) == 2
    why = page(platform, no).why
    assert why is not None
    assert REASON in why.text_zh
    assert "gave the answer before the ruling" in why.text_en  # the share is the engine's and not that of S2
    assert "gives this unit" not in why.text_en
    assert desk.desk(platform).total == 0
    assert chain_holds(connection) == 3
    kept = connection.execute(text("SELECT kind, seq, from_unit, unit, evidence FROM ruling")).one()
    assert tuple(kept) == ("desk", 2, "S1", "S2", "photo 12")


def test_rulings_near_by_are_shown_with_their_distance(platform: Platform) -> None:
    here = reported(platform)
    for spot in ((3.95, 0.9), (3.95, 1.99), (3.95, 2.01)):  # 40, 149 and 151 m away
        desk.rule(platform, reported(platform, spot), "S2", act())
    found = desk.desk(platform).cases[0]
    assert found.case == here
    assert [(r.distance, r.kind, r.unit, r.reason) for r in found.rulings] == [
        (40.0, "desk", "S2", REASON),
        (149.0, "desk", "S2", REASON),
    ]
    assert desk.past_rulings(platform, here) == found.rulings


def test_a_case_that_is_out_is_given_to_another_unit(platform: Platform, connection: Connection) -> None:
    for spot, before in (
        (MIDDLE, "dispatched"),
        ((9.0, 9.0), "outside"),
        ((3.5, 2.5), "gap"),
        ((5.5, 3.5), "forwarded"),
    ):
        no = reported(platform, spot)
        assert page(platform, no).row.state == before
        desk.rule(platform, no, "D1", act())
        told = evidence(platform, no)
        assert (page(platform, no).row.state, told["unit"], told["outcome"]) == ("dispatched", "D1", "located")
        assert (told["forward_to"], told["scope"]) == (None, True)
    kinds = connection.execute(text("SELECT DISTINCT kind FROM ruling")).scalars().all()
    assert kinds == ["reassign"]
    chain_holds(connection)


def test_a_ruling_for_an_external_unit_forwards_the_case(platform: Platform) -> None:
    no = reported(platform)
    desk.rule(platform, no, "X1", act())
    told = evidence(platform, no)
    assert (page(platform, no).row.state, told["unit"], told["forward_to"]) == ("forwarded", None, "X1")
    assert (told["scope"], told["settled_by"]) == (False, "person")
    assert page(platform, no).row.unit == ""
    desk.rule(platform, no, "S1", act())
    assert page(platform, no).row.state == "dispatched"


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_without_a_reason_nothing_is_decided(platform: Platform, connection: Connection, reason: str) -> None:
    no = reported(platform)
    for attempt in (
        lambda: desk.rule(platform, no, "S2", act(reason)),
        lambda: desk.move(platform, no, (*town.at(*MIDDLE), "EPSG:4549"), act(reason), commit=True),
    ):
        with pytest.raises(BadOption, match="reason is empty; say why"):
            attempt()
    assert decisions(connection) == 1


def test_only_a_unit_in_force_can_be_given_a_case(platform: Platform, connection: Connection) -> None:
    ended = town.UNITS.iloc[[2]].assign(code="D9", valid_to="2026-11-02")
    registers.load_units(platform, ended, None)
    no = reported(platform)
    with pytest.raises(BadOption, match="unit 'D9' is not in force today; `gridward units load`"):
        desk.rule(platform, no, "D9", act())
    desk.rule(platform, no, "D9", act(at=NOW - timedelta(days=1)))
    for unit in ("", "S9", "s1", "S1 "):
        with pytest.raises(BadOption, match="is no registered unit; `gridward units load`"):
            desk.rule(platform, no, unit, act())
    assert decisions(connection) == 2


def test_a_closed_case_stays_closed(platform: Platform, connection: Connection) -> None:
    no = reported(platform)
    close(platform, no)
    for attempt in (
        lambda: desk.rule(platform, no, "S2", act()),
        lambda: desk.move(platform, no, (*town.at(*MIDDLE), "EPSG:4549"), act(), commit=True),
        lambda: desk.give_back(platform, no, "not_here", "photo", act()),
    ):
        with pytest.raises(StepRefused, match="The case is closed, from which .* cannot follow; nothing may"):
            attempt()
    assert decisions(connection) == 1
    chain_holds(connection)


@pytest.mark.parametrize("no", ["", "ZL2611-9999999", "ZL2610-{}", "XX2611-{}", "ZL2611-{}x", "ZL2611--{}"])
def test_a_wrong_number_is_no_case(platform: Platform, no: str) -> None:
    wrong = no.format(reported(platform).partition("-")[2])
    with pytest.raises(NotFound, match="case numbers look like ZL2601-0000123"):
        desk.rule(platform, wrong, "S2", act())


def test_who_looked_at_an_older_decision_is_told(platform: Platform, connection: Connection) -> None:
    no = reported(platform)
    desk.rule(platform, no, "S2", act(), seen=1)
    with pytest.raises(Conflict, match="decided again since you looked at it; look at it as it is now"):
        desk.rule(platform, no, "S1", act(), seen=1)
    assert decisions(connection) == 2


def test_of_two_dispatchers_at_once_one_has_an_effect(own_platform: Platform) -> None:
    p, told = own_platform, []
    numbers = [reported(p, (3.95, 0.02 * i)) for i in range(1, 13)]
    ready = threading.Barrier(2)

    def go(unit: str) -> None:
        for no in numbers:
            ready.wait()
            try:
                told.append((no, unit, desk.rule(p, no, unit, act(), seen=1)))
            except Conflict:
                told.append((no, "", 0))

    threads = [threading.Thread(target=go, args=(unit,)) for unit in ("S1", "S2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 24
    for no in numbers:
        outcome = sorted(row[1:] for row in told if row[0] == no)
        assert outcome[0] == ("", 0)
        assert outcome[1][1] == 2
        assert page(p, no).row.unit == outcome[1][0]
    with p.store.begin(ALL) as connection:
        assert chain_holds(connection) == 3 * len(numbers)


def test_a_second_dispatcher_who_waited_sees_what_the_first_decided(own_platform: Platform) -> None:
    """The one waits for the other's lock in the middle of reading the case, and must not go on with what it read."""
    p, told = own_platform, []
    no = reported(p)

    def second() -> None:
        try:
            desk.rule(p, no, "S2", act(), seen=1)
        except Conflict as problem:
            told.append(problem)

    thread = threading.Thread(target=second)
    with p.store.begin(ALL) as connection:
        row = desk.standing_case(p, connection, no)
        thread.start()
        deadline = time.monotonic() + 30.0
        while not connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one():
            assert time.monotonic() < deadline
        said = {"unit": "S1", "forward_to": None, "scope": True, "outcome": "located"}
        desk.store.append_decision(
            connection, row, act(), said | {"settled_by": "person", "desk_reason": "", "assisting": []}
        )
        desk.store.append_event(connection, row, act(), kind="dispatched", note="", unit="S1")
    thread.join()
    assert len(told) == 1
    assert page(p, no).row.unit == "S1"


def test_a_ruling_and_a_waking_release_do_not_undo_each_other(own_platform: Platform) -> None:
    """A person rules while a release that would move the case wakes: what the person said stands."""
    p = own_platform
    for i in range(4):
        no = reported(p, (3.5, 2.5))
        drawing = "aabbcc aabbcc ddb" + "ec"[i % 2] + "cc ddeezz"
        release = boundaries.stage(
            p, town.delivery(drawing, valid_from=date(2026, 7, 1 + i)), by="t", now=NOW
        ).release_id
        boundaries.approve(p, release, by="approver", now=NOW)
        thread = threading.Thread(target=boundaries.activate, args=(p, release), kwargs={"by": "t", "now": NOW})
        thread.start()
        desk.rule(p, no, "D1", act())
        thread.join()
        assert (page(p, no).row.unit, evidence(p, no)["settled_by"]) == ("D1", "person")
        boundaries.withdraw(p, release, by="t", reason="test", now=NOW)
        assert page(p, no).row.unit == "D1"


def moved(p: Platform, no: str, spot: tuple[float, float], *, commit: bool = True, **more: Any) -> desk.Moved:
    return desk.move(p, no, (*town.at(*spot), "EPSG:4549"), act(), commit=commit, **more)


def everything(connection: Connection) -> list[Any]:
    take_role(connection, ALL)
    return [
        connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2, 3")).all()
        for table in ("cases", "decision", "case_event", "ruling")
    ]


def test_a_preview_of_a_move_stores_nothing(platform: Platform, connection: Connection) -> None:
    no = reported(platform)
    before = everything(connection)
    told = moved(platform, no, (5.0, 0.5), commit=False)
    assert told == desk.Moved(no, "S1", "S2", "border_desk", "dispatched", 105.0, False)
    assert everything(connection) == before
    assert moved(platform, no, (5.0, 0.5)) == replace(told, done=True)


def test_a_moved_pin_is_decided_anew_on_its_spot(platform: Platform, connection: Connection) -> None:
    no = reported(platform, (0.5, 0.5))
    moved(platform, no, (5.0, 0.5))
    found = page(platform, no).row
    assert (found.state, found.unit, found.street, found.community) == ("dispatched", "S2", "西街", "c社区")
    told = evidence(platform, no)
    assert (told["unit"], told["settled_by"], told["reason"]) == ("S2", "territory", REASON)
    assert (told["x"], told["y"]) == town.at(5.0, 0.5)
    take_role(connection, ALL)
    row = connection.execute(
        text("SELECT original_x, original_y, ST_X(geom) AS x, ST_Y(geom) AS y, quad, status FROM cases")
    ).one()
    assert (row.original_x, row.original_y) == town.at(0.5, 0.5)
    assert (row.x, row.y) == town.at(5.0, 0.5)
    kept = connection.execute(text("SELECT kind, seq, from_unit, unit, ST_X(geom) AS x FROM ruling")).one()
    assert tuple(kept) == ("move", 2, "S1", "S2", town.at(5.0, 0.5)[0])
    assert chain_holds(connection) == 3
    assert connection.execute(text("SELECT note FROM case_event ORDER BY seq DESC LIMIT 1")).scalar_one() == (
        f"pin moved 450.0 m: {REASON}"
    )


@pytest.mark.parametrize(
    ("spot", "state", "unit", "outcome"),
    [
        ((9.0, 9.0), "border_desk", "", "outside"),
        ((3.5, 2.5), "border_desk", "", "gap"),
        ((5.5, 3.5), "forwarded", "X1", "located"),
        (TIE, "border_desk", "S1", "border_desk"),
    ],
)
def test_a_pin_moved_to_where_no_unit_answers_waits_or_is_forwarded(
    platform: Platform, connection: Connection, spot: tuple[float, float], state: str, unit: str, outcome: str
) -> None:
    """What a unit has in hand does not vanish outside: a person looks at it."""
    no = reported(platform, MIDDLE)
    told = moved(platform, no, spot, accuracy=3.0)
    assert (told.state_after, told.unit_after) == (state, unit)
    assert page(platform, no).row.state == state
    assert evidence(platform, no)["outcome"] == outcome
    moved(platform, no, MIDDLE)
    assert page(platform, no).row.unit == "S1"
    assert evidence(platform, no)["accuracy_m"] == 3.0
    chain_holds(connection)


@pytest.mark.parametrize("spot", [(9.0, 9.0), (3.5, 2.5)])
def test_a_pin_outside_may_move_to_another_spot_outside(platform: Platform, spot: tuple[float, float]) -> None:
    no = reported(platform, (9.5, 9.0))
    assert moved(platform, no, spot, accuracy=3.0).state_after in ("outside", "gap")
    evidence(platform, no)


@pytest.mark.parametrize(
    ("to", "problem", "words"),
    [
        ((math.nan, 3517300.0, "EPSG:4549"), BadOption, "is no position in EPSG:4549"),
        ((math.inf, 3517300.0, "EPSG:4549"), BadOption, "is no position in EPSG:4549"),
        ((119.9, 95.0, "EPSG:4326"), BadOption, "is no position in EPSG:4326"),
        ((493000.0, 3517300.0, "EPSG:4326"), BadOption, "is no position in EPSG:4326"),
        ((493000.0, 3517300.0, "EPSG:4326"), BadOption, "They would fit as EPSG:4549; give them so"),
        ((119.9, 31.7, "EPSG:4549"), DataFault, r"lies 3,5\d\d km from 钟楼区.* would fit as EPSG:4326"),
        ((-70.0, -40.0, "EPSG:4326"), DataFault, r"lies 18,\d\d\d km from 钟楼区; wanted a position within 50 km"),
        ((119.9, 31.7, "EPSG:1"), UnknownCrs, "not known here"),
        ((119.9, 31.7, ""), UnknownCrs, "not known here"),
    ],
)
def test_a_pin_cannot_move_to_no_position(platform: Platform, to: Any, problem: type[Exception], words: str) -> None:
    no = reported(platform)
    with pytest.raises(problem, match=words):
        desk.move(platform, no, to, act(), commit=True)


@pytest.mark.parametrize("accuracy", [0.0, -1.0, math.nan, math.inf, 1e6])
def test_a_pin_needs_a_usable_accuracy(platform: Platform, accuracy: float) -> None:
    with pytest.raises(BadOption, match="wanted metres above 0"):
        moved(platform, reported(platform), MIDDLE, accuracy=accuracy)


def test_a_pin_moves_by_the_coordinates_of_another_system(platform: Platform) -> None:
    from gis.crs import from_working

    x, y = town.at(5.0, 0.5)
    lon, lat = from_working(np.array([x]), np.array([y]), working="EPSG:4549", crs="GCJ-02")
    no = reported(platform)
    told = desk.move(platform, no, (float(lon[0]), float(lat[0]), "gcj02"), act(), commit=True)
    assert told.metres == pytest.approx(105.0, abs=0.1)


def test_a_move_is_decided_on_the_release_of_the_day_of_the_report(platform: Platform) -> None:
    """Not on one that is withdrawn by now, though the case was decided on it."""
    release = boundaries.stage(
        platform, town.delivery("aabbcc aabbcc ddbecc ddeezz", valid_from=date(2026, 7, 1)), by="t", now=NOW
    ).release_id
    boundaries.approve(platform, release, by="approver", now=NOW)
    boundaries.activate(platform, release, by="t", now=NOW)
    no = reported(platform)
    desk.rule(platform, no, "S2", act())
    boundaries.withdraw(platform, release, by="t", reason="test", now=NOW)
    assert moved(platform, no, (3.5, 2.5), accuracy=3.0).state_after == "border_desk"
    assert evidence(platform, no)["release"] != release


def test_what_a_person_ruled_stays_when_the_release_is_withdrawn(platform: Platform, connection: Connection) -> None:
    release = boundaries.stage(
        platform, town.delivery("aabbcc aabbcc ddbecc ddeezz", valid_from=date(2026, 7, 1)), by="t", now=NOW
    ).release_id
    ruled, pinned, waits = (reported(platform, (3.5, 2.5), accuracy=5.0) for _ in range(3))
    boundaries.approve(platform, release, by="approver", now=NOW)
    boundaries.activate(platform, release, by="t", now=NOW, policy="move")
    late = reported(platform, (3.5, 2.5), accuracy=5.0)
    assert {page(platform, no).row.unit for no in (ruled, pinned, waits, late)} == {"S2"}
    desk.rule(platform, ruled, "D1", act())
    moved(platform, pinned, (0.5, 0.5))
    moved(platform, late, (0.5, 1.5))
    left = boundaries.withdraw(platform, release, by="t", reason="test", now=NOW)
    assert (page(platform, ruled).row.unit, page(platform, ruled).row.state) == ("D1", "dispatched")
    assert (page(platform, pinned).row.unit, page(platform, late).row.unit) == ("S1", "S1")
    assert page(platform, waits).row.state == "gap"
    listed = {case.case for case in left.left}
    assert {ruled, pinned, late} <= listed
    assert waits not in listed
    for no in (ruled, pinned, waits, late):
        evidence(platform, no)
    chain_holds(connection)


def test_one_unit_and_the_public_cannot_rule(platform: Platform, connection: Connection) -> None:
    from sqlalchemy.exc import ProgrammingError

    desk.rule(platform, reported(platform), "S2", act())
    for rights in (of_unit("S1"), PUBLIC):
        take_role(connection, rights)
        for table in ("ruling", "case_return", "decision", "case_step"):
            with pytest.raises(ProgrammingError, match="permission denied"), connection.begin_nested():
                connection.execute(text(f"INSERT INTO {table} DEFAULT VALUES"))
    take_role(connection, of_unit("S2"))
    assert connection.execute(text("SELECT count(*) FROM ruling")).scalar_one() == 1
    take_role(connection, of_unit("S1"))
    assert connection.execute(text("SELECT count(*) FROM ruling")).scalar_one() == 0


def test_a_tie_waits_for_a_person_unless_both_sides_agree(platform: Platform) -> None:
    no = reported(platform, TIE, accuracy=1.0)
    assert evidence(platform, no)["desk_reason"] == "border"
    assert evidence(platform, no)["on_border"]
    rivers = reported(platform, TIE, category="0501")
    told = evidence(platform, rivers)
    assert (told["unit"], told["outcome"], told["confidence"]) == ("D1", "located", pytest.approx(1.0, abs=1e-5))
    inner = reported(platform, (1.0, 0.5))  # a border of communities, of one street
    assert (evidence(platform, inner)["outcome"], evidence(platform, inner)["unit"]) == ("located", "S1")


def test_a_tie_whose_sides_agree_does_not_wait_for_what_lies_further_off(platform: Platform) -> None:
    near_the_gap = (4.0, 1.8)  # on the line between the streets, 20 m (3 σ) from ground that is nobody's
    rivers = evidence(platform, reported(platform, near_the_gap, category="0501"))
    assert rivers["confidence"] < 1.0 - 1e-6
    assert (rivers["unit"], rivers["outcome"], rivers["desk_reason"]) == ("D1", "located", "")
    assert evidence(platform, reported(platform, near_the_gap))["desk_reason"] == "border"
    unsure = evidence(platform, reported(platform, near_the_gap, category="0501", accuracy=40.0))
    assert (unsure["outcome"], unsure["desk_reason"]) == ("border_desk", "confidence")
    corner = evidence(platform, reported(platform, (4.0, 2.0), category="0501"))  # here the gap is a side
    assert corner["desk_reason"] == "border"


def test_a_rule_for_the_road_settles_a_tie_with_a_unit_that_helps(platform: Platform) -> None:
    corner = (4.0, 1.95)  # in the road of 24 m along row 2, on the line between the streets
    assert evidence(platform, reported(platform, corner, accuracy=1.0))["desk_reason"] == "border"
    load_rule(platform, "ROAD", "S2", place="road:R1", assisting=("S1",))
    told = evidence(platform, reported(platform, corner, accuracy=1.0))
    assert (told["outcome"], told["unit"], [u["code"] for u in told["assisting"]]) == ("located", "S2", ["S1"])
    assert told["places"][0]["word"] == "road:R1"
    assert "协办单位：东街街道" in page(platform, reported(platform, corner, accuracy=1.0)).why.text_zh  # type: ignore[union-attr]
    assert evidence(platform, reported(platform, TIE, accuracy=1.0))["desk_reason"] == "border"


def test_cases_on_borders_are_counted_by_what_settled_them(platform: Platform) -> None:
    from gis.services.precedents import Ground, make

    corner = (4.0, 1.95)
    load_rule(platform, "ROAD", "S2", place="road:R1", assisting=("S1",), category="01")
    reported(platform, TIE, category="0501")
    reported(platform, corner, accuracy=1.0)
    ruled = reported(platform, TIE)
    desk.rule(platform, ruled, "S2", act())
    make(platform, ruled, Ground(around=5.0), act())
    reported(platform, TIE)
    reported(platform, (4.0, 0.3))
    reported(platform, NEAR)
    assert desk.balance(platform, since=SINCE) == [desk.Balance("320404001", 1, 1, 1, 1, 1, 1)]
    load_rule(platform, "HELP", "D1", assisting=("S1",), category="05", ord=1)
    assert evidence(platform, reported(platform, TIE, category="0501"))["assisting"]
    assert desk.balance(platform, since=SINCE) == [desk.Balance("320404001", 2, 1, 1, 1, 1, 1)]
    assert desk.balance(platform, since=date(2026, 12, 1)) == []


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, math.nan])
def test_a_threshold_is_a_share(platform: Platform, threshold: float) -> None:
    with pytest.raises(BadOption, match="wanted a share above 0 and below 1"):
        desk.preview(platform, threshold, since=SINCE)


def scattered(p: Platform, n: int = 120) -> list[str]:
    rng = np.random.default_rng(3)
    spots = np.column_stack([rng.uniform(3.2, 4.8, n), rng.uniform(0.0, 4.0, n)])
    spots[:10, 0] = 4.0
    return [
        reported(p, (float(x), float(y)), accuracy=float(a), category=str(c))
        for (x, y), a, c in zip(spots, rng.choice([3.0, 15.0, 60.0], n), rng.choice(["0101", "0501"], n), strict=True)
    ]


def test_a_preview_of_a_threshold_counts_as_deciding_with_it(platform: Platform, settings: Any) -> None:
    numbers = scattered(platform)
    waiting = {}
    for threshold in (0.55, 0.8, 0.9, 0.99):
        found = desk.preview(platform, threshold, since=SINCE)
        assert found.looked_at == len(numbers)
        waiting[threshold] = found.waiting
    assert len(set(waiting.values())) == 4
    for threshold, n in waiting.items():
        place = replace(platform.place, desk_threshold=threshold)
        other = Platform(_with(settings, place), platform.store)
        before = desk.desk(other, limit=500).total
        scattered(other)
        assert desk.desk(other, limit=500).total - before == n, threshold


def _with(settings: Any, place: Any) -> Any:
    """Settings of another place file."""

    class Other:
        def __getattr__(self, name: str) -> Any:
            return place if name == "place" else getattr(settings, name)

    return Other()


def test_the_settings_of_the_place_are_honoured_and_kept_with_the_decision(platform: Platform, settings: Any) -> None:
    strict = Platform(
        _with(settings, replace(platform.place, accuracy_level=0.95, desk_threshold=0.6, part_certain=0.7)),
        platform.store,
    )
    spot = (3.93, 0.5)
    loose, tight = evidence(platform, reported(platform, spot, accuracy=20.0)), reported(strict, spot, accuracy=20.0)
    told = evidence(strict, tight)
    assert (told["accuracy_level"], told["threshold"], told["outcome"]) == (0.95, 0.6, "located")
    assert (loose["accuracy_level"], loose["threshold"], loose["outcome"]) == (0.68, 0.9, "border_desk")
    # 20 m at 95 % is 20 / sqrt(-2 ln 0.05) = 8.17 m for each axis, at 68 % 13.25 m; the lines are good to 0.5 m
    assert told["sigma_m"] == pytest.approx(math.hypot(20 / math.sqrt(-2 * math.log(0.05)), 0.5), rel=1e-6)
    assert loose["sigma_m"] == pytest.approx(math.hypot(20 / math.sqrt(-2 * math.log(0.32)), 0.5), rel=1e-6)
    # replayed on a platform of other settings, it comes out as it was decided
    assert page(platform, tight).why.replay_agrees  # type: ignore[union-attr]


def test_confidence_is_the_share_of_the_unit_and_not_of_its_ground(platform: Platform) -> None:
    split = evidence(platform, reported(platform))
    river = evidence(platform, reported(platform, category="0501"))
    assert split["confidence"] < 0.9
    assert river["confidence"] == pytest.approx(1.0, abs=1e-5)
    assert [c["share"] for c in river["candidates"]] == [c["share"] for c in split["candidates"]]
    assert {c["unit"] for c in river["candidates"]} == {"D1"}
    assert river["outcome"] == "located"


def test_shares_outside_and_in_a_gap_are_told(platform: Platform) -> None:
    outer = evidence(platform, reported(platform, (0.05, 0.5)))
    assert [c["area"] for c in outer["candidates"]] == ["320404001", "outside"]
    gap = evidence(platform, reported(platform, (3.1, 2.5)))
    assert "gap" in [c["area"] for c in gap["candidates"]]
    for told in (outer, gap):
        assert sum(c["share"] for c in told["candidates"]) == pytest.approx(1.0, abs=1e-5)


def test_a_case_of_a_day_without_boundaries_can_be_ruled_on(platform: Platform) -> None:
    no = reported(platform, MIDDLE, received_at=datetime(2024, 5, 1, 4, tzinfo=UTC))
    assert page(platform, no).row.state == "outside"
    moved(platform, no, (5.0, 0.5))
    desk.rule(platform, no, "S2", act())
    assert evidence(platform, no)["unit"] == "S2"


def test_registers_read_since_do_not_change_a_decision(platform: Platform) -> None:
    numbers = [reported(platform, spot, category=c) for spot in (NEAR, TIE, MIDDLE) for c in ("0101", "0501")]
    before = [evidence(platform, no) for no in numbers]
    load_rule(platform, "R99", "D1", ord=1, category="01")
    registers.load(
        platform, "categories", pd.DataFrame([{**town.CATEGORIES.iloc[0].to_dict(), "code": "09", "name": "其他"}])
    )
    assert [evidence(platform, no)["unit"] for no in numbers] == [e["unit"] for e in before]
    assert evidence(platform, reported(platform, MIDDLE))["rule"] == "R99"
    assert cases.why(platform, numbers[0], rights=ALL).evidence["rule"] is None
