"""The part that a reporter picked by its identifier: where there is none a report is refused, a row is counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

import numpy as np

from gis.assignment.evidence import Decisions
from gis.errors import DataFault
from gis.limits import brief
from gis.services.storing import LoadOutcome
from gis.store import parts as part_store
from gis.store.engine import Connection

__all__ = ["count_unknown", "require_picked"]

_LISTED: Final = 100
_REMEDY: Final = "Give the identifier on its plate or on the map, or leave part away: the position finds the part then."


def require_picked(rest: Callable[[], Connection], code: str, day: date, d: Decisions) -> None:
    """DataFault unless the picked part was there on the day; asks for the connection, to read parts, only where the
    decision does not know."""
    found = d.found.part
    if found.part[0] >= 0 and not found.unknown_pick[0]:
        return
    versions = part_store.matching(rest(), d.known_ids[-1], boxes=[], picked=[code])
    if not versions:
        raise DataFault(f"part is {brief(code)}, which is no registered part. {_REMEDY}")
    if not any(_was_there(version, day) for version in versions):
        periods = ", ".join(map(_period, versions))
        raise DataFault(f"part is {brief(code)}, which was not there on {day}: {periods}. {_REMEDY}")


def _was_there(version: Any, day: date) -> bool:
    until = version.valid_to is None or day < version.valid_to
    return bool(version.state != "removed" and version.valid_from <= day and until)


def _period(version: Any) -> str:
    words = f"from {version.valid_from}" + (f" to {version.valid_to}" if version.valid_to else "")
    return f"removed {words}" if version.state == "removed" else f"registered {words}"


def count_unknown(outcome: LoadOutcome, rows: Any, d: Decisions) -> None:
    """Count the rows, in categories about parts, whose picked part was not there on their day; keep the first."""
    unknown = np.flatnonzero(d.found.part.unknown_pick)
    outcome.unknown_parts += len(unknown)
    first = unknown[: max(_LISTED - len(outcome.unknown_part_rows), 0)].tolist()
    outcome.unknown_part_rows += [(int(rows[i]), str(d.matters.part[i])) for i in first]
