"""Areas that are nobody's territory, and those that a step of a release would make so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import shapely

from gis.areas import LevelAreas
from gis.assignment.register import Register
from gis.units import Territory, Unit

__all__ = ["Side", "Vacancies", "Vacancy", "unheld", "vacancies"]


@dataclass(frozen=True, slots=True)
class Side:
    """The areas of the unit level that are in force on one side of a step, and the register as it is read there."""

    areas: LevelAreas
    register: Register


@dataclass(frozen=True, slots=True)
class Vacancy:
    """An area that a step would leave without a unit from the day `since` on: whose it was last ('' = nobody's ever),
    and the day on which that territory ended (None = it goes on, but its unit does not)."""

    code: str
    name: str
    since: date
    unit: str
    ended: date | None


@dataclass(frozen=True, slots=True)
class Vacancies:
    """The areas that a step would leave without a unit, by code, and how many more have none without the step too."""

    new: tuple[Vacancy, ...] = ()
    old: int = 0


def unheld(register: Register, areas: Iterable[str], day: date) -> list[str]:
    """Those areas of the unit level that on a day are no territory of a unit that exists."""
    holder, there = register.holders(day), register.standing(day)
    return [area for area in areas if holder.get(area, "") not in there]


def vacancies(before: Side, after: Side, first: date) -> Vacancies:
    """The areas that on `first` or on a later day would have no unit after a step, while before it their middle has one
    or lies in no area.

    As long as no territory at all is registered, nothing is new: the units are still to be loaded.
    """
    names = dict(zip(after.areas.codes.tolist(), after.areas.names.tolist(), strict=True))
    below = _areas_below(before.areas, after.areas)
    new: dict[str, date] = {}
    for day in _turns((before.register, after.register), first) if after.register.territories else ():
        bare = set(unheld(before.register, before.areas.codes.tolist(), day))
        then = unheld(after.register, names, day)
        new = dict.fromkeys((code for code in then if below.get(code) not in bare), day) | new
    on_first = unheld(after.register, names, first)
    return Vacancies(
        tuple(Vacancy(code, names[code], new[code], *_last(after.register, code, new[code])) for code in sorted(new)),
        sum(code not in new for code in on_first),
    )


def _areas_below(before: LevelAreas, after: LevelAreas) -> dict[str, str]:
    """Code of an area after a step -> code of the area that holds its middle before it."""
    middles = shapely.point_on_surface(after.geometry)
    mine, theirs = shapely.STRtree(before.geometry).query(middles, predicate="intersects")
    return dict(zip(after.codes[mine].tolist(), before.codes[theirs].tolist(), strict=True))


def _turns(registers: Iterable[Register], first: date) -> list[date]:
    """The first day, and those after it on which a unit or a territory begins or ends."""
    rows: list[Unit | Territory] = []
    for register in registers:
        rows += [*register.units, *register.territories]
    turns = {day for row in rows for day in (row.valid_from, row.valid_to) if day is not None and day > first}
    return [first, *sorted(turns)]


def _last(register: Register, code: str, day: date) -> tuple[str, date | None]:
    """Whose territory an area was last before a day or is on it, and when that ended."""
    rows = [t for t in register.territories if t.area_code == code and t.valid_from <= day]
    last = max(rows, key=lambda t: t.valid_from, default=None)
    if last is None:
        return "", None
    return last.unit, last.valid_to if last.valid_to is not None and last.valid_to <= day else None
