"""A handful of cases of a week of October 2026 in the town of tests/town.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import town

from gis.reports import Report
from gis.services import casework
from gis.services.platform import Platform

HOSTILE = "<img src=x onerror=alert(1)> \"quoted\" & '井盖'"
#: position in the drawing of tests/town.py, category, source; the last two lie in the gap and outside everything
CASES = (
    ((0.5, 0.5), "0101", "patrol"),
    ((0.6, 0.5), "0101", "patrol"),
    ((1.5, 1.5), "0101", "public"),
    ((2.5, 0.5), "0501", "public"),
    ((5.5, 0.5), "0101", "hotline"),
    ((5.5, 0.6), "0501", "hotline"),
    ((3.5, 2.5), "0101", "patrol"),
    ((40.0, 0.5), "0101", "patrol"),
)
FIRST = datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


def report_cases(platform: Platform) -> list[str]:
    """The numbers of the cases, oldest first: one a day from 25 October 2026, ten in the morning."""
    numbers = []
    for i, (spot, category, source) in enumerate(CASES):
        x, y = town.at(*spot)
        at = FIRST + timedelta(days=i)
        said = Report(
            x, y, "EPSG:4549", category, source, at, accuracy=5.0, description=HOSTILE if i == 0 else f"事 {i}"
        )
        numbers.append(casework.report(platform, said, client=None, now=at).no)
    return numbers
