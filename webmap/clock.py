"""The one place where the web asks what time it is; everything behind it is told."""

from __future__ import annotations

from datetime import UTC, date, datetime

from gis.periods import local_day
from webmap import access

__all__ = ["now", "today"]


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The present day of the place."""
    return local_day(now(), access.place().timezone)
