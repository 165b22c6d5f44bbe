"""An act: who did something, when, and why; kept with everything that people decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Act"]


@dataclass(frozen=True, slots=True)
class Act:
    """Who (`by`), when (aware), and why; the reason is '' where none is asked for."""

    by: str
    at: datetime
    reason: str = ""
