"""The one place where the web asks what time it is; everything behind it is told."""

from __future__ import annotations

from datetime import UTC, date, datetime

from gis.periods import local_day
from webmap.access import current_place

__all__ = ["this_day", "this_moment"]


def this_moment() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def this_day() -> date:
    """The present day of the place."""
    return local_day(this_moment(), current_place().timezone)
