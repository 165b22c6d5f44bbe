"""Releases that bring new codes, and their withdrawal: every answer comes back, its unit too, or it is said before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
import town
from conftest import NOW

from gis.services import boundaries, registers
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
