"""Half-open periods of days, [from, to), in the time zone of the place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gis.errors import BadOption

__all__ = ["AsOf", "Period", "end_of_day", "local_day", "parse_day"]


def parse_day(text: str, *, name: str = "date") -> date:
    """Read an ISO day.

    >>> parse_day("2026-07-01")
    datetime.date(2026, 7, 1)
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadOption(
            f"{name} is {text!r}, which is no day; write it as YYYY-MM-DD, for example 2026-07-01."
        ) from None


def local_day(moment: datetime, zone: str) -> date:
    """The day of the place on which an aware moment falls.

    >>> from datetime import UTC
    >>> local_day(datetime(2026, 6, 30, 17, 0, tzinfo=UTC), "Asia/Shanghai")
    datetime.date(2026, 7, 1)
    """
    return moment.astimezone(ZoneInfo(zone)).date()


@dataclass(frozen=True, slots=True)
class AsOf:
    """Two clocks: the day that is asked for, and until when (a day's end; None = now) what was done is counted."""

    day: date
    known: date | None = None


def end_of_day(day: date, zone: str) -> datetime:
    """The first moment after a day of the place.

    >>> end_of_day(date(2026, 7, 1), "Asia/Shanghai").isoformat()
    '2026-07-02T00:00:00+08:00'
    """
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `start` up to but not including `end`.

    >>> Period(date(2026, 1, 1), date(2026, 1, 8)).days
    7
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise BadOption(
                f"The period runs from {self.start} to before {self.end}, which holds no day; "
                "give a first day that lies before the last."
            )

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def moments(self, zone: str) -> tuple[datetime, datetime]:
        """The first moment of the period and the first moment after it, aware, in `zone`.

        >>> Period(date(2026, 1, 1), date(2026, 1, 2)).moments("Asia/Shanghai")[1].isoformat()
        '2026-01-02T00:00:00+08:00'
        """
        info = ZoneInfo(zone)
        return datetime.combine(self.start, time(), info), datetime.combine(self.end, time(), info)

    def before(self) -> Period:
        """The period of the same length just before this one.

        >>> Period(date(2026, 1, 8), date(2026, 1, 15)).before()
        Period(start=datetime.date(2026, 1, 1), end=datetime.date(2026, 1, 8))
        """
        return Period(self.start - timedelta(days=self.days), self.start)

    @classmethod
    def last(cls, days: int, *, until: date) -> Period:
        """The `days` days that end with the day `until`, that day included.

        >>> Period.last(1, until=date(2026, 1, 1))
        Period(start=datetime.date(2026, 1, 1), end=datetime.date(2026, 1, 2))
        """
        end = until + timedelta(days=1)
        return cls(end - timedelta(days=days), end)
