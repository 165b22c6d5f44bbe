"""Rules of line responsibility (条线) as rows with an explicit order and a validity; precedents made from rulings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

__all__ = ["FROM_PART", "WEEK", "Precedent", "Rule", "hours_of"]

#: words that a rule may have for its unit: the unit that the part names
FROM_PART: Final = {"@owner": "owner_unit", "@maintainer": "maintenance_unit", "@supervisor": "supervising_unit"}
WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Rule:
    """A case that meets every condition of a rule goes to its `unit`; an empty condition is met by every case.

    Among the rules met the one with the lowest `order` decides, then the lowest `code`. `id` is the stored row's, 0
    before it is stored.
    """

    code: str
    order: int
    category: str  #: the case's category begins with this code ...
    area: str  #: the code of the finest area around the spot begins with this
    unit: str  #: who leads: a unit's code, or a word of FROM_PART
    reason: str
    reason_en: str
    valid_from: date
    valid_to: date | None = None
    id: int = 0
    scheme: str = ""  #: ... in this code scheme
    place: str = ""  #: a layer of places around the spot (market), or one of them (road:DL012)
    owner: str = ""  #: the part's owner unit
    maintainer: str = ""  #: the part's maintenance unit
    hours: str = ""  #: received between these local times: 22:00-06:00, the end excluded
    days: str = ""  #: received on one of these days of the week: mon tue
    source: str = ""  #: the report's source
    assisting: tuple[str, ...] = ()  #: units that help the lead

    def in_force(self, day: date) -> bool:
        """True on the days [valid_from, valid_to)."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Precedent:
    """A ruling that decides later cases whose spot lies in its ground (working CRS) and whose category begins with
    `category` ('' = any); on the days [valid_from, valid_to). Where several hold the newest decides."""

    id: int
    category: str
    unit: str
    assisting: tuple[str, ...]
    reason: str
    evidence: str
    ground: Any
    valid_from: date
    valid_to: date | None = None


def hours_of(text: str) -> tuple[int, int] | None:
    """The minutes of the day [start, stop) of a window; a window over midnight has start > stop. None: no such text.

    >>> hours_of("22:00-06:00"), hours_of("08:30-24:00"), hours_of("8-10")
    ((1320, 360), (510, 1440), None)
    """
    found = _HOURS.fullmatch(text)
    if found is None:
        return None
    a, b, c, d = (int(word) for word in found.groups())
    start, stop = a * 60 + b, c * 60 + d
    return (start, stop) if start < 1440 and stop <= 1440 and start != stop else None
