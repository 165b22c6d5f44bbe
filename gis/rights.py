"""Who is looking: the class of rights a transaction runs under. The database enforces it (row-level security)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["ALL", "PUBLIC", "Rights", "of_unit"]

RightsClass = Literal["all", "unit", "public"]


@dataclass(frozen=True, slots=True)
class Rights:
    """A rights class, and the unit whose rows the class `unit` sees."""

    kind: RightsClass
    unit: str = ""

    @property
    def role(self) -> str:
        """The database role taken for the transaction."""
        return f"gridward_{self.kind}"


ALL: Final = Rights("all")
PUBLIC: Final = Rights("public")


def of_unit(code: str) -> Rights:
    """The rights of one unit: an empty code sees nothing."""
    return Rights("unit", code)
