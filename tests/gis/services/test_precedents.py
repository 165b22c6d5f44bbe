"""A ruling made a precedent: where it holds, what it decides, when it ends, and that nothing decided before changes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import town
from deskwork import NEAR, NOW, TIE, act, chain_holds, evidence, page, reported
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from gis.errors import BadOption, NotFound, UnknownCrs
from gis.rights import PUBLIC, of_unit
from gis.rules import Precedent
from gis.services import boundaries, desk, precedents, registers
from gis.services.platform import Platform
from gis.services.precedents import Ground
from gis.store.engine import take_role

CIRCLE = Ground(around=20.0)


def ruled(p: Platform, spot: tuple[float, float] = NEAR, unit: str = "S2", **more: Any) -> str:
    no = reported(p, spot, **more)
    desk.rule(p, no, unit, act())
    return no


def made(p: Platform, ground: Ground = CIRCLE, unit: str = "S2", **more: Any) -> Precedent:
    return precedents.make(p, ruled(p, unit=unit), ground, act(), **more)


def corners(*spots: tuple[float, float]) -> Ground:
    return Ground(polygon=[town.at(*spot) for spot in spots], crs="EPSG:4549")


@pytest.mark.parametrize(
    ("spot", "ground", "inside", "beyond"),
    [
        (NEAR, CIRCLE, (3.95, 0.69), (3.95, 0.71)),
        (NEAR, Ground(around=0.0), (3.955, 0.5), (3.97, 0.5)),
        ((3.95, 2.05), Ground(road="R1"), (0.5, 2.11), (0.5, 2.13)),
        ((3.95, 2.05), Ground(around=10.0, road="R1"), (0.5, 2.21), (0.5, 2.23)),
        (NEAR, corners((3.9, 0.1), (4.1, 0.1), (4.1, 0.9), (3.9, 0.9)), (3.91, 0.11), (3.89, 0.5)),
    ],
)
def test_a_precedent_decides_on_its_ground(
    platform: Platform, spot: Any, ground: Ground, inside: Any, beyond: Any
) -> None:
    first = made(platform, ground) if spot == NEAR else None
    first = first or precedents.make(platform, ruled(platform, spot, "D1"), ground, act())
    told = evidence(platform, reported(platform, inside))
    assert (told["precedent"], told["settled_by"], told["unit"]) == (first.id, "precedent", first.unit)
    assert told["precedent_reason"] in page(platform, reported(platform, inside)).why.text_zh  # type: ignore[union-attr]
    assert evidence(platform, reported(platform, beyond))["precedent"] is None


def test_a_precedent_spares_the_desk_even_on_the_border(platform: Platform) -> None:
    first = made(platform)
    for spot in (TIE, NEAR):
        told = evidence(platform, reported(platform, spot))
        assert (told["outcome"], told["unit"], told["precedent"]) == ("located", "S2", first.id)
    assert desk.desk(platform).total == 0


@pytest.mark.parametrize(
    ("ground", "words"),
    [
        (Ground(), "give either metres around the spot, or a road, or a polygon"),
        (Ground(around=5.0, polygon=[(0, 0), (1, 0), (1, 1)]), "The ground is not clear"),
        (Ground(road="R1", polygon=[(0, 0), (1, 0), (1, 1)]), "The ground is not clear"),
        (Ground(around=-1.0), "wanted metres from 0 to 2000"),
        (Ground(around=float("nan")), "wanted metres from 0 to 2000"),
        (Ground(around=2001.0), "wanted metres from 0 to 2000"),
        (Ground(road="R1"), "does not hold the spot"),
        (Ground(road="R9"), "which no map of today holds"),
        (corners((0, 0), (1, 0), (1, 1)), "does not hold the spot"),
        (corners((3.9, 0.1), (4.1, 0.9), (4.1, 0.1), (3.9, 0.9)), "no simple area"),
        (corners((3.9, 0.1), (4.1, 0.9)), "no simple area"),
        (Ground(polygon=[(float("nan"), 0.0), (1.0, 0.0), (1.0, 1.0)]), "no simple area"),
    ],
)
def test_a_ground_must_be_clear_and_hold_the_spot(platform: Platform, ground: Ground, words: str) -> None:
    with pytest.raises(BadOption, match=words):
        made(platform, ground)
    assert precedents.listed(platform) == []


def test_a_polygon_of_an_unknown_system_is_refused(platform: Platform) -> None:
    with pytest.raises(UnknownCrs):
        made(platform, Ground(polygon=[(0, 0), (1, 0), (1, 1)], crs="EPSG:1"))


def test_only_a_ruling_with_a_reason_becomes_a_precedent(platform: Platform) -> None:
    no = reported(platform)
    with pytest.raises(BadOption, match="Nobody has ruled on case"):
        precedents.make(platform, no, CIRCLE, act())
    desk.rule(platform, no, "S2", act())
    with pytest.raises(BadOption, match="reason is empty"):
        precedents.make(platform, no, CIRCLE, act(" "))
    with pytest.raises(BadOption, match="category is '77', which is no registered category"):
        precedents.make(platform, no, CIRCLE, act(), category="77")


@pytest.mark.parametrize(("category", "units"), [(None, ("S2", "D1")), ("01", ("S2", "D1")), ("", ("S2", "S2"))])
def test_a_precedent_holds_for_categories_that_begin_so(platform: Platform, category: Any, units: Any) -> None:
    made(platform, category=category)
    found = [evidence(platform, reported(platform, category=word))["unit"] for word in ("0101", "0501")]
    assert tuple(found) == units


def test_the_newest_precedent_decides_and_an_ended_one_no_more(platform: Platform, connection: Connection) -> None:
    first, second = made(platform), made(platform, unit="D1")
    by_second = reported(platform)
    assert evidence(platform, by_second)["precedent"] == second.id
    precedents.end(platform, second.id, act("wrong"))
    by_first = reported(platform)
    assert evidence(platform, by_first)["precedent"] == first.id
    precedents.end(platform, first.id, act("wrong", at=NOW + timedelta(days=3)))
    assert evidence(platform, reported(platform, received_at=NOW + timedelta(days=3)))["outcome"] == "border_desk"
    # what was decided while they held comes out the same
    assert (evidence(platform, by_second)["unit"], evidence(platform, by_first)["unit"]) == ("D1", "S2")
    with pytest.raises(NotFound, match="There is no precedent .* in force"):
        precedents.end(platform, first.id, act(at=NOW + timedelta(days=3)))
    with pytest.raises(NotFound):
        precedents.end(platform, 4711, act())
    take_role(connection, of_unit("S1"))
    kept = connection.execute(text("SELECT ended_by, ended_why FROM precedent ORDER BY id")).all()
    assert kept == [("王敏", "wrong"), ("王敏", "wrong")]
    chain_holds(connection)


def test_a_precedent_for_a_unit_that_ended_decides_nothing(platform: Platform) -> None:
    registers.load_units(platform, town.UNITS.iloc[[2]].assign(code="D9"), None)
    made(platform, unit="D9")
    no = reported(platform)
    assert evidence(platform, no)["unit"] == "D9"
    registers.load_units(platform, town.UNITS.iloc[[2]].assign(code="D9", valid_to="2026-11-03"), None)
    later = evidence(platform, reported(platform, received_at=NOW + timedelta(days=1)))
    assert (later["precedent"], later["desk_reason"]) == (None, "confidence")
    evidence(platform, no)


def test_the_impact_of_a_release_names_precedents_on_its_ground(platform: Platform) -> None:
    touched, away = made(platform), precedents.make(platform, ruled(platform, (0.5, 0.5)), Ground(around=5.0), act())
    drawing = "aabccc aabbcc ddb.cc ddeezz"  # one cell of b becomes c's, west of the line
    release = boundaries.stage(
        platform, town.delivery(drawing, valid_from=date(2026, 12, 1)), by="t", now=NOW
    ).release_id
    found = list(boundaries.impact(platform, release).precedents)
    assert touched.id in found
    assert away.id not in found


def test_one_unit_and_the_public_read_precedents_and_cannot_make_them(
    platform: Platform, connection: Connection
) -> None:
    made(platform)
    for rights in (of_unit("S1"), PUBLIC):
        take_role(connection, rights)
        assert connection.execute(text("SELECT count(*) FROM precedent")).scalar_one() == 1
        for statement in (
            "INSERT INTO precedent DEFAULT VALUES",
            "UPDATE precedent SET valid_to = now()::date",
            "DELETE FROM precedent",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), connection.begin_nested():
                connection.execute(text(statement))
