"""Units that act: streets, departments, and those outside that a case is forwarded to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

__all__ = ["Territory", "Unit", "UnitKind"]

UnitKind = Literal["street", "department", "external"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit and the days [valid_from, valid_to) it exists; `external`: not ours, cases are forwarded to it."""

    code: str
    name: str
    name_en: str
    kind: UnitKind
    contact: str
    valid_from: date
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Territory:
    """An area of the unit level belongs to a unit on the days [valid_from, valid_to)."""

    area_code: str
    unit: str
    valid_from: date
    valid_to: date | None = None
