"""Categories of problems, in code schemes; a code is unique only together with its scheme and kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

__all__ = ["Category"]


@dataclass(frozen=True, slots=True)
class Category:
    """A major or minor class; `parent` is empty for a major one."""

    scheme: str
    code: str
    parent: str
    kind: str  #: part or event
    name: str
    name_en: str
    sensitive: bool
    valid_from: date
    valid_to: date | None = None
    part_types: tuple[str, ...] = ()  #: prefixes of the part types that it is about; () = about no part

    def in_force(self, day: date) -> bool:
        """True on the days [valid_from, valid_to)."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)
