"""An act: who did something, when, and why; kept with everything that people decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gis.limits import NAME, REASON, require_short

__all__ = ["Act"]


@dataclass(frozen=True, slots=True)
class Act:
    """Who (`by`), when (aware), and why; the reason is '' where none is asked for. BadOption for endless words."""

    by: str
    at: datetime
    reason: str = ""

    def __post_init__(self) -> None:
        require_short("by", self.by, NAME)
        require_short("reason", self.reason, REASON)
