"""Cases that a step of a release changes: counted from unit to unit and by state, the first of them named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

__all__ = ["SHOWN", "Changed", "pairs", "tally"]

SHOWN: Final = 20  #: so many are named; all of them are in a file


class Changed(NamedTuple):
    """A case that a step changes: its number, the day it was received, its state now, who has it and who would have it
    (a unit, or `border_desk`, `outside`, `gap`), and what becomes of it."""

    case: str
    received_on: date
    state: str
    before: str
    after: str
    what: str


def pairs(counts: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """Counts from unit to unit as they are shown, the largest first.

    >>> pairs({("S1", "S2"): 1, ("S1", "gap"): 3})
    [{'from': 'S1', 'to': 'gap', 'n': 3}, {'from': 'S1', 'to': 'S2', 'n': 1}]
    """
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"from": a, "to": b, "n": n} for (a, b), n in ordered]


def tally(cases: Sequence[Changed]) -> dict[str, Any]:
    """How many cases, from whom to whom, in which states, of which kind, and the numbers of the first: open ones that
    another unit would have before the others."""
    ordered = sorted(cases, key=lambda c: (c.state == "closed", c.before == c.after))
    return {
        "n": len(cases),
        "units": pairs(Counter((c.before, c.after) for c in cases)),
        "states": _ordered("state", (c.state for c in cases)),
        "what": _ordered("what", (c.what for c in cases)),
        "first": [c.case for c in ordered[:SHOWN]],
    }


def _ordered(name: str, words: Iterable[str]) -> list[dict[str, Any]]:
    return [{name: word, "n": n} for word, n in sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))]
