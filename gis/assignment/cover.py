"""Rules as boxes: per question the set of answers that meets a rule, and whether boxes cover another.

Every question has finitely many answers, so a set of them is an integer with one bit for each, and a rule is met by the
product of its sets. A spot may have several places around it; since a rule only ever asks that a place is there, a rule
covers all such spots when it covers those with a single place.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np

from gis.assignment.register import Register
from gis.assignment.responsibility import stands_at, within_hours
from gis.rules import FROM_PART, WEEK, Rule

__all__ = ["MOST_PIECES", "Box", "Known", "Space", "covered", "overlap"]

#: pieces that a box may be cut into before the search is given up
MOST_PIECES: Final = 20_000
_QUESTIONS: Final = ("category", "area", "place", "owner", "maintainer", "supervisor", "minute", "weekday", "source")
_PLACE: Final = _QUESTIONS.index("place")

#: one set of answers for each question
Box = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """The words that rules may use beside the register's: areas of the unit level and finer with the area they lie in
    ('' at the unit level), places as layer:code, and sources of reports."""

    areas: Mapping[str, str]
    places: frozenset[str] = field(default_factory=frozenset)
    sources: frozenset[str] = field(default_factory=frozenset)


class Space:
    """All cases of a day, and the boxes in it."""

    def __init__(self, register: Register, known: Known, day: date) -> None:
        self.register, self.known = register, known
        self.alive = register.standing(day)
        units = ("", *sorted({u.code for u in register.units}))
        self.answers: dict[str, Sequence[Any]] = {
            "category": sorted(register.categories),
            "area": sorted(known.areas),
            "place": ("", *sorted(known.places)),
            **dict.fromkeys(("owner", "maintainer", "supervisor"), units),
            "minute": range(1440),
            "weekday": WEEK,
            "source": sorted(known.sources) or ("",),
        }
        self._kept: dict[Hashable, int] = {}

    @cached_property
    def whole(self) -> Box:
        """Every case."""
        return tuple((1 << len(self.answers[question])) - 1 for question in _QUESTIONS)

    def box(self, rule: Rule) -> Box:
        """The cases that meet a rule on a day on which it is in force; a set is 0 where no case can."""
        return tuple(
            self._set(question, key, test) if key else full
            for (question, key, test), full in zip(self._asked(rule), self.whole, strict=True)
        )

    def part(self, category: str, areas: Iterable[str]) -> Box:
        """The cases of one category in some areas."""
        inside = frozenset(areas)
        both = (_bits(code == category for code in self.answers["category"]),
                _bits(code in inside for code in self.answers["area"]))  # fmt: skip
        return (*both, *self.whole[2:])

    def _set(self, question: str, key: Hashable, test: Callable[[Any], bool]) -> int:
        if (question, key) not in self._kept:
            self._kept[question, key] = _bits(map(test, self.answers[question]))
        return self._kept[question, key]

    def _asked(self, rule: Rule) -> list[tuple[str, Hashable, Callable[[Any], bool]]]:
        """For each question what a rule asks (false: nothing) and the test of an answer."""
        schemes, window = self.register.categories, within_hours(rule.hours)
        return [
            (
                "category",
                (rule.category or rule.scheme) and (rule.category, rule.scheme),
                lambda code: code.startswith(rule.category) and (not rule.scheme or rule.scheme in schemes[code]),
            ),
            ("area", rule.area, lambda code: code.startswith(rule.area)),
            ("place", rule.place, lambda word: stands_at(rule.place, (word,))),
            *(self._unit_asked(rule, word, role) for word, role in zip(FROM_PART, _QUESTIONS[3:6], strict=True)),
            ("minute", rule.hours, lambda minute: bool(window[minute])),
            ("weekday", rule.days, lambda day: day in rule.days.split()),
            ("source", rule.source, rule.source.__eq__),
        ]

    def _unit_asked(self, rule: Rule, word: str, role: str) -> tuple[str, Hashable, Callable[[Any], bool]]:
        """A rule that gives the case to the part's unit asks that there is one, and that it exists."""
        wanted, leads = getattr(rule, role, ""), rule.unit == word
        return (
            role,
            (wanted or leads) and (wanted, leads),
            lambda unit: (not wanted or unit == wanted) and (not leads or unit in self.alive),
        )


def _bits(flags: Iterable[bool]) -> int:
    """The set as an integer.

    >>> bin(_bits([True, False, True]))
    '0b101'
    """
    return int.from_bytes(np.packbits(np.fromiter(flags, dtype=bool), bitorder="little").tobytes(), "little")


def overlap(a: Box, b: Box) -> Box | None:
    """The cases that meet both, None where there are none. Different places can stand around one spot: there the box
    is that of `a`'s places, of which only some are meant."""
    both = [x & y for x, y in zip(a, b, strict=True)]
    both[_PLACE] = both[_PLACE] or (a[_PLACE] if b[_PLACE] else 0)
    return tuple(both) if all(both) else None


def covered(box: Box, others: Sequence[Box]) -> bool | None:
    """Whether every case of a box lies in one of the others; None when it falls into more than `MOST_PIECES` pieces.

    Each box is taken away in turn; what is left of a piece is one piece for each question at most.

    >>> covered((0b11, 0b11), [(0b01, 0b11), (0b10, 0b01)]), covered((0b11, 0b11), [(0b01, 0b11), (0b10, 0b11)])
    (False, True)
    """
    pieces, seen = [(box, 0)], 0
    while pieces:
        piece, k = pieces.pop()
        while k < len(others) and not all(x & y for x, y in zip(piece, others[k], strict=True)):
            k += 1
        if k == len(others):
            return False
        seen += 1
        if seen > MOST_PIECES:
            return None
        pieces += [(left, k + 1) for left in _without(piece, others[k])]
    return True


def _without(piece: Box, other: Box) -> list[Box]:
    """What is left of a piece without another box, as pieces of which no two share a case."""
    out = []
    for i, theirs in enumerate(other):
        if left := piece[i] & ~theirs:
            out.append((*piece[:i], left, *piece[i + 1 :]))
        piece = (*piece[:i], piece[i] & theirs, *piece[i + 1 :])
    return out
