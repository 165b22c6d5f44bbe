"""The register that rulings follow from, with all its versions: units, territories, rules, precedents, categories.

What follows from it alone is worked out once and kept beside it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gis.assignment.matters import Matters
from gis.rules import Precedent, Rule
from gis.units import Territory, Unit

__all__ = ["Register"]

_ROAD: Final = "road:"

Objects = NDArray[np.object_]


@dataclass(frozen=True)
class Register:
    """Every version of units, territories and rules; which are in force follows from the day asked for.

    `categories` holds the schemes that a category's code is in; without them a rule that names a scheme is never met.
    What follows from it alone is worked out once: a register is kept, and one report asks little more of it than many.
    """

    units: tuple[Unit, ...]
    territories: tuple[Territory, ...]
    rules: tuple[Rule, ...]
    precedents: tuple[Precedent, ...] = ()
    categories: Mapping[str, frozenset[str]] = field(default_factory=dict)
    part_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: category -> prefixes of part types
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)  #: category -> its name, its English name
    marks: tuple[int, ...] = ()  #: ids of the newest rows that this was read from

    @cached_property
    def indexed(self) -> _Indexed:
        """Its units and rules by number, and when they are there."""
        return _Indexed(self)

    def is_about(self, rule: Rule, category: str) -> bool:
        """Whether a category meets a rule's category and scheme."""
        return category.startswith(rule.category) and (
            not rule.scheme or rule.scheme in self.categories.get(category, frozenset())
        )

    def external(self) -> frozenset[str]:
        return frozenset(unit.code for unit in self.units if unit.kind == "external")

    def standing(self, day: date) -> frozenset[str]:
        """The units that exist on a day."""
        return frozenset(unit.code for unit in self.units if unit.valid_from <= day and _lasts(unit, day))

    def holders(self, day: date) -> dict[str, str]:
        """Area of the unit level -> the unit whose territory it is on a day, existing or not."""
        return {t.area_code: t.unit for t in self.territories if t.valid_from <= day and _lasts(t, day)}

    def speak_of_parts(self, matters: Matters) -> bool:
        """Whether the category of any matter is about parts."""
        return any(map(self.part_types.get, set(matters.category.tolist())))

    def part_types_of(self, matters: Matters) -> Objects:
        """For each matter the prefixes of the part types that its category is about, () for none."""
        words = matters.category.tolist()
        types = {word: self.part_types.get(word, ()) for word in set(words)}
        out = np.empty(len(words), dtype=object)
        out[:] = [types[word] for word in words]
        return out

    def succeeded(self, chosen: Sequence[tuple[str, str, date]]) -> Register:
        """With (ending area, its successor, first day): territories and rules that named the one name the other too.

        From the day on which the successor has a territory of its own, that one counts. The rows stored stay as they
        are, so that taking a release back takes its successions back.
        """
        territories, rules = list(self.territories), list(self.rules)
        for ending, successor, day in chosen:
            alive = [t for t in territories if _lasts(t, day)]
            own = min((t.valid_from for t in alive if t.area_code == successor), default=None)
            territories += [
                replace(t, area_code=successor, valid_from=start, valid_to=stop)
                for t in alive
                if t.area_code == ending
                and (start := max(t.valid_from, day)) < ((stop := _earlier(t.valid_to, own)) or date.max)
            ]
            named = [r for r in rules if r.area == ending and _lasts(r, day)]
            rules += [replace(r, area=successor, valid_from=max(r.valid_from, day)) for r in named]
        return replace(self, territories=tuple(territories), rules=tuple(rules))

    def named_from(self, day: date) -> frozenset[str]:
        """The areas that a territory or a rule names on a day or later."""
        named = [t.area_code for t in self.territories if _lasts(t, day)]
        return frozenset(named + [r.area for r in self.rules if r.area and _lasts(r, day)])


def _lasts(row: Unit | Territory | Rule, day: date) -> bool:
    return row.valid_to is None or row.valid_to > day


def _earlier(a: date | None, b: date | None) -> date | None:
    """The earlier of two ends, None = never."""
    return min(a or date.max, b or date.max) if a or b else None


class _Indexed:
    """What of a register is the same for all reports: units by number (0 = nobody), the epochs in which they are there,
    the order of the rules; and by position, the last for -1: the rules' and precedents' ids, which rules are for roads,
    and, from one on, who assists by each rule and precedent."""

    def __init__(self, register: Register) -> None:
        self._register, self._about = register, dict[str, frozenset[int]]()
        rows: list[Unit | Territory | Rule] = [*register.units, *register.territories, *register.rules]
        starts, stops = {row.valid_from for row in rows}, {row.valid_to for row in rows}
        self.bounds = sorted(day for day in starts | stops if day is not None)
        self.days = np.array(self.bounds, dtype="datetime64[D]")
        codes = sorted({unit.code for unit in register.units})
        self.words = np.array(["", *codes], dtype=object)
        self.number_of = {code: i for i, code in enumerate(codes, 1)}
        self.external = np.isin(self.words, list(register.external()))
        self.alive = np.zeros((len(self.words), len(self.bounds) + 1), dtype=bool)
        for unit in register.units:
            self.alive[self.number_of[unit.code], self.during(unit)] = True
        rules = register.rules
        self.order = sorted(range(len(rules)), key=lambda i: (rules[i].order, rules[i].code))
        self.rule_id = np.array([*(r.id for r in rules), 0], dtype=np.int64)
        self.precedent_id = np.array([*(p.id for p in register.precedents), 0], dtype=np.int64)
        self.road = np.array([*(r.place.startswith(_ROAD) for r in rules), False], dtype=bool)
        self.rule_holds = np.zeros((len(rules), len(self.bounds) + 1), dtype=bool)
        for i, rule in enumerate(rules):
            self.rule_holds[i, self.during(rule)] = True
        self.assisting = np.empty(1 + len(rules) + len(register.precedents), dtype=object)
        self.assisting[:] = [(), *(r.assisting for r in rules), *(p.assisting for p in register.precedents)]
        #: the unit whose territory an area is, by its row and the epoch; row 0 is for areas that are nobody's
        self.row_of = {code: i for i, code in enumerate(dict.fromkeys(t.area_code for t in register.territories), 1)}
        self.holders = np.zeros((len(self.row_of) + 1, len(self.bounds) + 1), dtype=np.int64)
        for territory in register.territories:
            row = self.row_of[territory.area_code]
            self.holders[row, self.during(territory)] = self.number_of.get(territory.unit, 0)

    def about(self, category: str) -> frozenset[int]:
        """The ranks in `order` of the rules that a category meets."""
        if category not in self._about:
            met = enumerate(self._register.rules[i] for i in self.order)
            self._about[category] = frozenset(k for k, rule in met if self._register.is_about(rule, category))
        return self._about[category]

    def during(self, row: Unit | Territory | Rule) -> slice:
        """The epochs in which a row is in force."""
        stop = len(self.bounds) + 1 if row.valid_to is None else bisect_right(self.bounds, row.valid_to)
        return slice(bisect_right(self.bounds, row.valid_from), stop)
