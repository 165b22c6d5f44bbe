"""Every stored decision decided again: the same inputs, release, registers and settings must give the same answer."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from gis.rights import ALL
from gis.services.casework import case_no
from gis.services.platform import Platform
from gis.services.whys import known_of, matters_of, same_answer
from gis.services.worlds import Known, decide_in
from gis.store import cases as store

__all__ = ["replay_all"]

_CHUNK: Final = 50_000


def replay_all(p: Platform, *, since: date) -> tuple[int, list[str]]:
    """Decide every stored decision on reports received since a day again, in bulk: how many there were, and the numbers
    of the cases of those that come out otherwise. Reads in pieces, so that memory stays flat."""
    n, differing = 0, []
    with p.store.begin(ALL) as connection:
        rows = store.decisions_since(connection, since)
        while found := rows.fetchmany(_CHUNK):
            n += len(found)
            worlds: dict[tuple[int | None, Known], list[Any]] = {}
            for row in found:
                worlds.setdefault((row.release_id, known_of(p, row)), []).append(row)
            for (release_id, known), part in worlds.items():
                again = decide_in(p, connection, release_id, matters_of(part), known=known)
                differing += [
                    case_no(p, d.received_on, d.case_id) for i, d in enumerate(part) if not same_answer(d, again, i)
                ]
    return n, differing
