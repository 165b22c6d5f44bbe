"""What persons decide about cases: rulings, returns with a reason, and the words for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

__all__ = ["RETURN_REASONS", "Balance", "Desk", "DeskCase", "PairOfUnits", "PastRuling", "Preview", "ReturnReason"]


@dataclass(frozen=True, slots=True)
class ReturnReason:
    """Why a unit gives a case back, in both languages."""

    zh: str
    en: str


#: code -> the reason; free words go into the evidence beside it
RETURN_REASONS: Final[Mapping[str, ReturnReason]] = {
    "not_here": ReturnReason("位置不在本辖区", "the spot is not on our ground"),
    "not_ours": ReturnReason("设施不归本单位养护", "the facility is not ours to keep"),
    "wrong_category": ReturnReason("类别有误", "the category is wrong"),
    "not_found": ReturnReason("现场未发现问题", "nothing was found on the spot"),
    "needs_other": ReturnReason("须由其他单位先行处置", "another unit has to act first"),
    "duplicate": ReturnReason("重复案件", "it is reported already"),
}


@dataclass(frozen=True, slots=True)
class PastRuling:
    """A ruling of a person near a spot; `distance` in metres, `precedent` its id where it became one."""

    case: str
    kind: str
    at: datetime
    by: str
    category: str
    from_unit: str
    unit: str
    reason: str
    distance: float
    precedent: int | None


@dataclass(frozen=True, slots=True)
class DeskCase:
    """A case that waits at the border desk: what is in question, and what was ruled near by."""

    case: str
    received_at: datetime
    category: str
    reason: str  #: border, confidence, no_unit, returned
    border_distance: float | None
    accuracy: float
    confidence: float
    candidates: Sequence[Mapping[str, Any]]  #: area, share, unit, the largest share first
    description: str
    lon: float
    lat: float
    rulings: Sequence[PastRuling] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Desk:
    """One page of the border desk, the oldest first; `total` cases wait in all."""

    total: int
    cases: Sequence[DeskCase]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a threshold would mean: of `looked_at` decided reports of `days` days, `waiting` would go to the desk."""

    threshold: float
    looked_at: int
    days: int
    waiting: int

    @property
    def per_day(self) -> float:
        """Cases a day at the desk.

        >>> Preview(0.9, 1000, 10, 45).per_day
        4.5
        """
        return self.waiting / self.days if self.days else 0.0


@dataclass(frozen=True, slots=True)
class Balance:
    """A territory's cases exactly on its borders since a day: settled alike on every side (tie), by a rule for the road
    (road), of these with joint responsibility (joint), by a precedent, by a person, and waiting at the desk."""

    area: str
    tie: int
    road: int
    joint: int
    precedent: int
    person: int
    desk: int


@dataclass(frozen=True, slots=True)
class PairOfUnits:
    """How often one unit gave a case back and another got it next ('' = nobody yet), and for which reasons."""

    returned_by: str
    went_to: str
    n: int
    reasons: Mapping[str, int]
    since: date
