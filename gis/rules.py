"""Rules of line responsibility (条线): rows with an explicit order and a validity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

__all__ = ["Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Cases whose category begins with `category`, in areas whose code begins with `area`, go to `unit`.

    Empty prefixes match everything. Among the rules that match the one with the lowest `order` decides, then the lowest
    `code`. `id` is the stored row's, 0 before it is stored.
    """

    code: str
    order: int
    category: str
    area: str
    unit: str
    reason: str
    reason_en: str
    valid_from: date
    valid_to: date | None = None
    id: int = 0

    def in_force(self, day: date) -> bool:
        """True on the days [valid_from, valid_to)."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)
