"""Releases that bring new codes, and their withdrawal: every answer comes back, its unit too, or it is said before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd
import town
from conftest import NOW

from gis.acts import Act
from gis.reports import Report
from gis.rights import ALL
from gis.services import boundaries, casework, desk, registers
from gis.services.cases import case
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


#: a cell of b goes to c, which is of street 2, and then to d, of street 1 again
TO_C, TO_D = "aabccc aabbcc ddb.cc ddeezz", "aabdcc aabbcc ddb.cc ddeezz"
MOVED = (3.5, 0.5)  #: the middle of that cell


def reported(p: Platform, spot: tuple[float, float] = MOVED) -> str:
    x, y = town.at(*spot)
    said = Report(x, y, "EPSG:4549", "0101", "public", NOW - timedelta(days=3), accuracy=3.0)
    return casework.report(p, said, client=None, now=NOW).no


def standing(p: Platform, no: str) -> tuple[str, str, int]:
    """Who has a case, its state, and the release of its newest decision."""
    page = case(p, no, rights=ALL)
    return page.row.unit or page.why.evidence["forward_to"], page.row.state, page.why.evidence["release"]


def test_two_withdrawals_one_after_the_other_restore_what_stood_before_both(platform: Platform) -> None:
    no = reported(platform)
    before = standing(platform, no)
    assert before[:2] == ("S1", "dispatched")
    first = woken(platform, town.STREETS, drawing=TO_C, policy="move")
    second = woken(platform, town.STREETS, SECOND, drawing=TO_D, policy="move")
    late = reported(platform)
    assert standing(platform, no) == ("S1", "dispatched", second)
    assert boundaries.withdraw(platform, second, by="approver", reason="x", now=NOW) == [late]
    assert standing(platform, no) == ("S2", "dispatched", first)
    assert boundaries.withdraw(platform, first, by="approver", reason="x", now=NOW) == []
    assert standing(platform, no) == before


def test_who_came_in_on_a_release_is_listed_though_another_moved_it_meanwhile(platform: Platform) -> None:
    first = woken(platform, town.STREETS, drawing=TO_C, policy="move")
    no = reported(platform)
    second = woken(platform, town.STREETS, SECOND, drawing=TO_D, policy="move")
    boundaries.withdraw(platform, second, by="approver", reason="x", now=NOW)
    assert standing(platform, no) == ("S2", "dispatched", first)
    assert boundaries.withdraw(platform, first, by="approver", reason="x", now=NOW) == [no]
    assert standing(platform, no) == ("S2", "dispatched", first)


def test_a_pin_moved_between_two_releases_stays_where_it_was_put(platform: Platform) -> None:
    no = reported(platform)
    first = woken(platform, town.STREETS, drawing=TO_C, policy="move")
    # by a person, within the ground that the second release takes
    act = Act("王敏", NOW, "seen on the spot")
    desk.move(platform, no, (*town.at(3.4, 0.4), "EPSG:4549"), act, commit=True)
    second = woken(platform, town.STREETS, SECOND, drawing=TO_D, policy="move")
    assert standing(platform, no) == ("S1", "dispatched", second)
    boundaries.withdraw(platform, second, by="approver", reason="x", now=NOW)
    assert standing(platform, no) == ("S2", "dispatched", first)
    assert boundaries.withdraw(platform, first, by="approver", reason="x", now=NOW) == [no]
    page = case(platform, no, rights=ALL)
    assert (page.why.evidence["x"], page.why.evidence["y"]) == town.at(3.4, 0.4)
