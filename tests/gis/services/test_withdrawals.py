"""Releases that bring new codes, and their withdrawal: every answer comes back, its unit too, or it is said before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
import town
from conftest import NOW

from gis.acts import Act
from gis.errors import BadOption, StepRefused
from gis.reports import Report
from gis.rights import ALL
from gis.services import boundaries, casework, desk, precedents, registers
from gis.services.cases import case
from gis.services.listing import SHOWN, Changed, tally
from gis.services.locating import locate
from gis.services.platform import Platform

FIRST, SECOND = date(2026, 7, 1), date(2026, 9, 1)
SPOT = (0.5, 0.5)  #: in a, street 320404001 of the town


def recoded(*pairs: tuple[str, str]) -> Mapping[str, str]:
    """The town's streets under other codes."""
    new = dict(pairs)
    return {letter: new.get(code, code) for letter, code in town.STREETS.items()}


def staged(p: Platform, streets: Mapping[str, str], day: date = FIRST, drawing: str = town.DRAWING) -> int:
    return boundaries.stage(
        p, town.delivery(drawing, valid_from=day, streets=streets), by="steward", now=NOW
    ).release_id


def woken(p: Platform, streets: Mapping[str, str], day: date = FIRST, **more: Any) -> int:
    release = staged(p, streets, day, more.pop("drawing", town.DRAWING))
    boundaries.approve(p, release, by="approver", now=NOW)
    boundaries.activate(p, release, by="approver", now=NOW, **more)
    return release


def territories(p: Platform, *rows: tuple[str, str, str, str | None]) -> None:
    """A later file of territories (unit, area, first day, last day), as a person loads it."""
    frame = pd.DataFrame(rows, columns=["unit", "area_code", "valid_from", "valid_to"])
    registers.load_units(p, town.UNITS, frame)


def street(p: Platform, day: date, spot: tuple[float, float] = SPOT) -> tuple[str | None, str | None]:
    """The code of the street of a spot, and the unit that it leads to."""
    answer = locate(p, *town.at(*spot), crs="EPSG:4549", at=day, accuracy=None)
    return answer["levels"]["street"]["code"], answer["unit"] and answer["unit"]["code"]


def test_a_street_recoded_twice_keeps_its_unit(platform: Platform) -> None:
    woken(platform, recoded(("320404001", "320404009")))
    second = woken(platform, recoded(("320404001", "320404008")), SECOND)
    assert street(platform, FIRST) == ("320404009", "S1")
    assert street(platform, SECOND) == ("320404008", "S1")
    boundaries.withdraw(platform, second, by="approver", reason="x", now=NOW)
    assert street(platform, SECOND) == ("320404009", "S1")


def test_a_successor_leads_until_the_territory_of_its_own_begins(platform: Platform) -> None:
    woken(platform, recoded(("320404001", "320404009")))
    territories(platform, ("S2", "320404009", str(SECOND), None))
    assert street(platform, date(2026, 8, 31)) == ("320404009", "S1")
    assert street(platform, SECOND) == ("320404009", "S2")


OLD, NEW = "320404001", "320404009"
RECODED = recoded((OLD, NEW))
#: the register as a person writes it when a street gets another code
FOLLOWED = (("S1", OLD, "2000-01-01", str(FIRST)), ("S1", NEW, str(FIRST), None))


def withdrawn(p: Platform, release: int, **answers: Any) -> boundaries.Withdrawal:
    return boundaries.withdraw(
        p, release, by="approver", reason="wrong file", now=NOW, answers=boundaries.Answers(**answers)
    )


def test_territories_that_ended_with_the_new_codes_stop_a_withdrawal_until_they_go_on(platform: Platform) -> None:
    before = [street(platform, day) for day in (FIRST, date(2027, 1, 1))]
    release = woken(platform, RECODED)
    territories(platform, *FOLLOWED)
    assert street(platform, FIRST) == (NEW, "S1")
    with pytest.raises(StepRefused) as refused:
        withdrawn(platform, release)
    said = str(refused.value)
    assert f"Withdrawing release {release} would leave 1 area(s) without a unit" in said
    assert f"{OLD} 东街 from 2026-07-01 on (S1's until 2026-07-01)" in said
    assert "--reopen-territories" in said
    assert "--accept no-unit:REASON" in said
    assert street(platform, FIRST) == (NEW, "S1")  # nothing was done
    found = withdrawn(platform, release, reopen=True)
    assert (found.reopened, found.vacant.new) == ([OLD], ())
    assert [street(platform, day) for day in (FIRST, date(2027, 1, 1))] == before == [(OLD, "S1")] * 2


def test_an_area_without_a_unit_is_taken_with_a_reason_that_is_kept(platform: Platform) -> None:
    release = woken(platform, RECODED)
    territories(platform, *FOLLOWED)
    withdrawn(platform, release, accepted={"no-unit": "the street is dissolved"})
    assert street(platform, FIRST) == (OLD, None)
    steps = boundaries.history(platform, release)["steps"]
    assert steps[-1]["accepted"] == {"no-unit": "the street is dissolved"}
    with pytest.raises(BadOption, match="--accept names holes; wanted no-unit:REASON"):
        boundaries.approve(
            platform, staged(platform, RECODED, SECOND), by="y", now=NOW,
            answers=boundaries.Answers(accepted={"holes": "x"}),
        )  # fmt: skip


def test_what_a_withdrawal_would_do_is_said_before(platform: Platform) -> None:
    release = woken(platform, RECODED)
    territories(platform, *FOLLOWED)
    told = boundaries.foresee(platform, release).as_json()
    assert told["no_unit"] == {
        "new": [{"code": OLD, "name": "东街", "from": "2026-07-01", "unit": "S1", "ended": "2026-07-01"}], "old": 0
    }  # fmt: skip
    assert (told["release"], told["below"], told["valid_from"]) == (release, 1, "2026-07-01")
    assert told["unmet"] == [NEW]
    assert boundaries.releases(platform)[-1]["status"] == "active"


def test_an_end_after_the_first_day_is_seen_too(platform: Platform) -> None:
    release = woken(platform, RECODED)
    territories(platform, ("S1", OLD, "2000-01-01", str(SECOND)), ("S1", NEW, str(SECOND), None))
    with pytest.raises(StepRefused, match=f"{OLD} 东街 from {SECOND} on"):
        withdrawn(platform, release)
    withdrawn(platform, release, reopen=True)
    assert street(platform, SECOND) == (OLD, "S1")


def test_the_territory_of_a_street_recoded_before_goes_on_too(platform: Platform) -> None:
    woken(platform, RECODED)
    territories(platform, ("S1", OLD, "2000-01-01", str(SECOND)), ("S1", "320404008", str(SECOND), None))
    second = woken(platform, recoded((OLD, "320404008")), SECOND)
    with pytest.raises(StepRefused, match=f"{NEW} 320404009 from {SECOND} on"):
        withdrawn(platform, second)
    assert withdrawn(platform, second, reopen=True).reopened == [OLD]
    assert street(platform, SECOND) == (NEW, "S1")


def test_a_unit_that_will_end_anyway_is_no_finding_of_the_release(platform: Platform) -> None:
    registers.load_units(platform, town.UNITS.iloc[[0]].assign(valid_to="2027-01-01"), None)
    release = woken(platform, RECODED)
    assert boundaries.foresee(platform, release).vacant.new == ()
    withdrawn(platform, release)


def test_a_street_that_nobody_has_is_taken_once_at_approval_or_at_waking(platform: Platform) -> None:
    """A split: the larger half takes the old street's place, the other one is nobody's."""
    halves = {**town.STREETS, "d": "320404003"}
    release = staged(platform, halves)
    seen = boundaries.impact(platform, release)
    assert [v.code for v in seen.vacant.new] == ["320404003"]
    with pytest.raises(StepRefused, match=r"320404003 320404003 from 2026-07-01 on\nTheir reports"):
        boundaries.approve(platform, release, by="approver", now=NOW)
    taken = boundaries.Answers(accepted={"no-unit": "its office opens in August"})
    boundaries.approve(platform, release, by="approver", now=NOW, answers=taken)
    boundaries.activate(platform, release, by="approver", now=NOW)
    assert street(platform, FIRST, (0.5, 2.5)) == ("320404003", None)


def test_what_the_approval_did_not_see_is_asked_at_waking(platform: Platform) -> None:
    halves = {**town.STREETS, "d": "320404003"}
    territories(platform, ("S2", "320404003", str(FIRST), None))
    release = staged(platform, halves)
    boundaries.approve(platform, release, by="approver", now=NOW)
    territories(platform, ("S2", "320404003", str(FIRST), str(SECOND)))
    with pytest.raises(StepRefused, match=r"320404003 320404003 from 2026-09-01 on \(S2's until 2026-09-01\)"):
        boundaries.activate(platform, release, by="approver", now=NOW)
    taken = boundaries.Answers(accepted={"no-unit": "to be filled"})
    boundaries.activate(platform, release, by="approver", now=NOW, answers=taken)


#: a cell of b goes to c, which is of street 2, and then to d, of street 1 again
TO_C, TO_D = "aabccc aabbcc ddb.cc ddeezz", "aabdcc aabbcc ddb.cc ddeezz"
MOVED = (3.5, 0.5)  #: the middle of that cell


def reported(p: Platform, spot: tuple[float, float] = MOVED, *, days_ago: int = 3) -> str:
    x, y = town.at(*spot)
    said = Report(x, y, "EPSG:4549", "0101", "public", NOW - timedelta(days=days_ago), accuracy=3.0)
    return casework.report(p, said, client=None, now=NOW).no


def standing(p: Platform, no: str) -> tuple[str, str, int]:
    """Who has a case, its state, and the release of its newest decision."""
    page = case(p, no, rights=ALL)
    return page.row.unit or page.why.evidence["forward_to"], page.row.state, page.why.evidence["release"]


def numbers(found: boundaries.Withdrawal) -> list[str]:
    """The cases that a person must look at."""
    return [case.case for case in found.left]


def test_two_withdrawals_one_after_the_other_restore_what_stood_before_both(platform: Platform) -> None:
    no = reported(platform)
    before = standing(platform, no)
    assert before[:2] == ("S1", "dispatched")
    first = woken(platform, town.STREETS, drawing=TO_C, policy="move")
    second = woken(platform, town.STREETS, SECOND, drawing=TO_D, policy="move")
    late = reported(platform)
    assert standing(platform, no) == ("S1", "dispatched", second)
    assert numbers(withdrawn(platform, second)) == [late]
    assert standing(platform, no) == ("S2", "dispatched", first)
    assert numbers(withdrawn(platform, first)) == []
    assert standing(platform, no) == before


def test_who_came_in_on_a_release_is_listed_though_another_moved_it_meanwhile(platform: Platform) -> None:
    first = woken(platform, town.STREETS, drawing=TO_C, policy="move")
    no = reported(platform)
    second = woken(platform, town.STREETS, SECOND, drawing=TO_D, policy="move")
    withdrawn(platform, second)
    assert standing(platform, no) == ("S2", "dispatched", first)
    assert numbers(withdrawn(platform, first)) == [no]
    assert standing(platform, no) == ("S2", "dispatched", first)


def test_a_pin_moved_between_two_releases_stays_where_it_was_put(platform: Platform) -> None:
    no = reported(platform)
    first = woken(platform, town.STREETS, drawing=TO_C, policy="move")
    # by a person, within the ground that the second release takes
    act = Act("王敏", NOW, "seen on the spot")
    desk.move(platform, no, (*town.at(3.4, 0.4), "EPSG:4549"), act, commit=True)
    second = woken(platform, town.STREETS, SECOND, drawing=TO_D, policy="move")
    assert standing(platform, no) == ("S1", "dispatched", second)
    withdrawn(platform, second)
    assert standing(platform, no) == ("S2", "dispatched", first)
    assert numbers(withdrawn(platform, first)) == [no]
    page = case(platform, no, rights=ALL)
    assert (page.why.evidence["x"], page.why.evidence["y"]) == town.at(3.4, 0.4)


def test_two_releases_of_one_day_are_withdrawn_the_later_woken_first(platform: Platform) -> None:
    no = reported(platform, SPOT)
    before = standing(platform, no)
    first = woken(platform, RECODED, policy="move")
    second = woken(platform, recoded((OLD, "320404008")), policy="move")
    assert street(platform, FIRST) == ("320404008", "S1")
    with pytest.raises(StepRefused, match=f"Release {second} rests on release {first}; withdraw {second} first"):
        withdrawn(platform, first)
    withdrawn(platform, second)
    assert street(platform, FIRST) == (NEW, "S1")
    withdrawn(platform, first)
    assert street(platform, FIRST) == (OLD, "S1")
    assert standing(platform, no) == before
    with pytest.raises(StepRefused, match="is withdrawn; it can become withdrawn only from"):
        withdrawn(platform, first)


def test_what_was_decided_by_hand_or_by_precedent_in_between_is_left_to_a_person(platform: Platform) -> None:
    untouched, ruled = reported(platform), reported(platform)
    release = woken(platform, town.STREETS, drawing=TO_C, policy="move")
    act = Act("王敏", NOW, "seen on the spot")
    desk.rule(platform, ruled, "D1", act)
    precedents.make(platform, ruled, precedents.Ground(around=20.0), act)
    late = reported(platform, days_ago=0)
    assert standing(platform, late) == ("D1", "dispatched", release)
    foreseen = boundaries.foresee(platform, release)
    found = withdrawn(platform, release)
    told = {case.case: (case.before, case.after, case.what) for case in (*foreseen.restored, *foreseen.left)}
    # by the release below the spot is S1's, and by the precedent D1's from today on
    assert told == {
        untouched: ("S2", "S1", "restored"), ruled: ("D1", "S1", "ruled"), late: ("D1", "D1", "came_in")
    }  # fmt: skip
    assert numbers(found) == [ruled, late]
    assert standing(platform, untouched)[:2] == ("S1", "dispatched")
    assert standing(platform, ruled)[:2] == standing(platform, late)[:2] == ("D1", "dispatched")


def test_the_first_release_can_be_withdrawn_and_leaves_nothing(platform: Platform) -> None:
    no = reported(platform)
    only = boundaries.releases(platform)[0]["id"]
    foreseen = boundaries.foresee(platform, only)
    assert [(case.before, case.after, case.what) for case in foreseen.left] == [("S1", "outside", "came_in")]
    found = withdrawn(platform, only)
    assert (found.below, numbers(found), found.vacant.new) == (None, [no], ())
    assert street(platform, FIRST) == (None, None)


def test_a_release_that_never_woke_is_withdrawn_without_a_question(platform: Platform) -> None:
    territories(platform, *FOLLOWED)
    found = withdrawn(platform, staged(platform, RECODED))
    assert (found.awake, found.left, found.reopened) == (False, (), ())


def test_the_first_of_many_cases_are_those_that_somebody_must_send_on() -> None:
    day = FIRST
    same = [Changed(f"A{i}", day, "dispatched", "S1", "S1", "came_in") for i in range(30)]
    closed = [Changed("B", day, "closed", "S1", "S2", "closed")]
    moving = [Changed("C", day, "dispatched", "S1", "", "came_in")]
    told = tally([*closed, *same, *moving])
    assert told["first"] == ["C", *(f"A{i}" for i in range(SHOWN - 1))]
    assert told["units"][0] == {"from": "S1", "to": "S1", "n": 30}
    assert told["states"] == [{"state": "dispatched", "n": 31}, {"state": "closed", "n": 1}]
    assert told["n"] == 32
