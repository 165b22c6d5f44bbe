"""Who answers: a precedent, else the line (条线) by rule, else the territory (属地), for many reports at once.

Every column is brought to its distinct values once; a rule is asked of those, and its answers are spread over the
reports by number. Between the days on which a unit, a territory or a rule begins or ends nothing changes: validity is
asked of these epochs, not of days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gis.assignment.matters import Matters
from gis.assignment.register import Register
from gis.rules import FROM_PART, WEEK, Rule, hours_of

__all__ = [
    "Grounds",
    "Rulings",
    "decide_many",
    "rule_many",
    "stands_at",
    "within_hours",
]

#: what settled a case; the numbers of `_Ballot.by`
_SETTLED: Final = np.array(["", "territory", "rule", "part", "precedent"], dtype=object)
_FEW: Final = 64
_NOBODY, _TERRITORY, _RULE, _PART, _PRECEDENT = range(5)

Objects = NDArray[np.object_]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Days = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class Grounds:
    """What was found around n spots, as columns of one length.

    territory: code of the unit-level area, '' outside; finest: code of the finest area, '' none; places: tuple of the
    words layer:code of the places around, sorted; owner, maintainer, supervisor: the units of the part that is meant,
    '' where no part is certain; precedent: index into the register's precedents of the newest that holds there, -1.
    """

    territory: Objects
    finest: Objects
    places: Objects
    owner: Objects
    maintainer: Objects
    supervisor: Objects
    precedent: Ints

    def taken(self, which: Flags | Ints) -> Grounds:
        """The rows `which`, a mask or positions (repeats allowed)."""
        return Grounds(**{name: getattr(self, name)[which] for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Rulings:
    """For n reports: the unit that leads ('' = none), the territory's unit, the index of the rule that decided (-1 =
    none), the unit that would be next ('' = none), where a case not ours is forwarded to, and whether it is ours; the
    units that assist (tuples), what settled it (precedent, part, rule, territory, '' = nobody), and the index of the
    precedent that decided (-1 = none)."""

    unit: Objects
    territory: Objects
    rule: Ints
    runner_up: Objects
    forward_to: Objects
    scope: Flags
    assisting: Objects
    settled_by: Objects
    precedent: Ints


def decide_many(
    register: Register, *, category: Objects, territory_code: Objects, finest_code: Objects, day: Days
) -> Rulings:
    """Decide n reports of which no more is known; `territory_code` is the code of the unit-level area ('' outside),
    `finest_code` the code of the finest area, which the rules' area prefixes are compared with, `day` datetime64[D].
    Rules that ask for a place, a part, an hour or a source are met by none.

    >>> from datetime import date
    >>> from gis.units import Territory, Unit
    >>> register = Register(
    ...     (Unit("S1", "", "", "street", "", then := date(2020, 1, 1)), Unit("D1", "", "", "department", "", then)),
    ...     (Territory("01", "S1", then),),
    ...     (Rule("R1", 1, "05", "", "D1", "河道", "rivers", then),),
    ... )
    >>> day = np.array(["2026-01-01"] * 3, dtype="datetime64[D]")
    >>> rulings = decide_many(register, category=np.array(["0501", "0101", "0501"], dtype=object),
    ...     territory_code=np.array(["01", "01", ""], dtype=object), day=day,
    ...     finest_code=np.array(["01", "01", ""], dtype=object))
    >>> rulings.unit.tolist(), rulings.runner_up.tolist(), rulings.scope.tolist()
    (['D1', 'S1', ''], ['S1', '', ''], [True, True, False])
    """
    n = len(category)
    no, none, nowhere = np.full(n, "", dtype=object), np.zeros(n), np.empty(n, dtype=object)
    nowhere.fill(())
    # Minute -1 lies in no window of hours.
    matters = Matters(none, none, none, none, category, no, day, np.full(n, -1), no)
    return rule_many(
        register, matters, Grounds(territory_code, finest_code, nowhere, no, no, no, np.full(n, -1, dtype=np.int64))
    )


def rule_many(register: Register, matters: Matters, grounds: Grounds) -> Rulings:
    """Decide n reports on their grounds: the precedent, else the first rule that is met, else the territory.

    Ours is the ground of a territory whose unit is not external; elsewhere no precedent and no rule holds. A unit that
    does not exist on the day leads nothing: neither by precedent, by rule nor by territory.
    """
    docket = _Docket(register, matters, grounds)
    holder = docket.holder()
    ours = (holder > 0) & ~docket.indexed.external[holder]
    holder = np.where(docket.alive(holder), holder, 0)
    ballot = _Ballot(len(matters))
    _by_precedent(ballot, docket, ours)
    for i, rule in docket.rules():
        met, who = docket.meet(i, ours)
        if met.any():
            ballot.rule[ballot.give(met, who, _PART if rule.unit in FROM_PART else _RULE)] = i
    ballot.give(ours & (holder > 0), holder, _TERRITORY)
    words = docket.indexed.words
    precedent = np.where(ballot.by == _PRECEDENT, grounds.precedent, -1)
    return Rulings(
        unit=words[ballot.lead],
        territory=words[np.where(ours, holder, 0)],
        rule=ballot.rule,
        runner_up=words[ballot.next],
        forward_to=words[np.where(ours, 0, holder)],
        scope=ours,
        assisting=_assisting(register, ballot.rule, precedent),
        settled_by=_SETTLED[ballot.by],
        precedent=precedent,
    )


def _by_precedent(ballot: _Ballot, docket: _Docket, ours: Flags) -> None:
    found = docket.grounds.precedent
    if (found >= 0).any():
        who = docket.numbers([p.unit for p in docket.register.precedents] + [""])[found]
        ballot.give(ours & docket.alive(who), who, _PRECEDENT)


def _assisting(register: Register, rule: Ints, precedent: Ints) -> Objects:
    """Who assists by the rule or the precedent that decided."""
    out: Objects = register.indexed.assisting[np.where(precedent >= 0, precedent + len(register.rules), rule) + 1]
    return out


class _Ballot:
    """Who leads and who would be next, as unit numbers (0 = nobody), filled by claim after claim."""

    def __init__(self, n: int) -> None:
        self.lead, self.next = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        self.by, self.rule = np.full(n, _NOBODY, dtype=np.int8), np.full(n, -1, dtype=np.int64)

    def give(self, met: Flags, who: Ints | int, by: int) -> Flags:
        """Let `who` lead where `met` and nobody does yet, or come next where another unit leads; where it leads now."""
        fresh: Flags = met & (self.lead == 0)
        # A second claim of the unit that leads already is no runner-up.
        after = met & ~fresh & (self.next == 0) & (self.lead != who)
        np.copyto(self.lead, who, where=fresh)
        np.copyto(self.next, who, where=after)
        self.by[fresh] = by
        return fresh


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """A column as its distinct values and, for each report, the number of its value."""

    values: list[Any]
    number: Ints

    @classmethod
    def of(cls, column: Objects) -> _Column:
        if len(column) <= _FEW:  # one report, with what it might be, is decided without pandas
            words = column.tolist()
            at = {word: i for i, word in enumerate(dict.fromkeys(words))}
            return cls(list(at), np.array([at[word] for word in words], dtype=np.int64))
        import pandas as pd

        number, values = pd.factorize(np.asarray(column, dtype=object), use_na_sentinel=False)
        return cls(values.tolist(), number)

    def where(self, met: Callable[[Any], bool]) -> Flags:
        """True for the reports whose value meets the condition."""
        flags: Flags = np.fromiter(map(met, self.values), dtype=bool, count=len(self.values))[self.number]
        return flags


class _Docket:
    """The reports as rules ask for them, each column brought to its distinct values when it is first asked for."""

    def __init__(self, register: Register, matters: Matters, grounds: Grounds) -> None:
        self.register, self.matters, self.grounds = register, matters, grounds
        self.indexed = register.indexed
        self.epoch = np.searchsorted(self.indexed.days, matters.day.astype("datetime64[D]"), side="right")
        self._columns: dict[str, _Column] = {}

    def numbers(self, codes: Sequence[str]) -> Ints:
        """The numbers of units, 0 for one that the register has not."""
        return np.array([self.indexed.number_of.get(code, 0) for code in codes], dtype=np.int64)

    def rules(self) -> Iterator[tuple[int, Rule]]:
        """The rules in their order, without those that no category here meets: for one report, most of them."""
        ranks = set().union(*map(self.indexed.about, self.column("category").values))
        for i in map(self.indexed.order.__getitem__, sorted(ranks)):
            yield i, self.register.rules[i]

    def alive(self, unit: Ints | int) -> Flags:
        """Where the unit of each report exists on its day."""
        out: Flags = self.indexed.alive[unit, self.epoch]
        return out

    def column(self, name: str) -> _Column:
        if name not in self._columns:
            holder = self.matters if name in Matters.__slots__ else self.grounds
            self._columns[name] = _Column.of(getattr(holder, name))
        return self._columns[name]

    def holder(self) -> Ints:
        """The number of the unit whose territory each spot lies in, existing or not."""
        column = self.column("territory")
        rows = np.array([self.indexed.row_of.get(code, 0) for code in column.values], dtype=np.int64)
        out: Ints = self.indexed.holders[rows[column.number], self.epoch]
        return out

    def meet(self, i: int, among: Flags) -> tuple[Flags, Ints | int]:
        """Where, of `among`, rule `i` is met, and the number of the unit that it gives the case to."""
        met, rule = among, self.register.rules[i]
        for condition in chain([self.indexed.rule_holds[i, self.epoch]], self._conditions(rule)):
            met = met & condition
            if not met.any():
                return met, 0
        who = self._lead(rule)
        return met & self.alive(who), who

    def _lead(self, rule: Rule) -> Ints | int:
        if rule.unit not in FROM_PART:
            return self.indexed.number_of.get(rule.unit, 0)
        column = self.column(rule.unit[1:])
        out: Ints = self.numbers(column.values)[column.number]
        return out

    def _conditions(self, rule: Rule) -> Iterator[Flags]:
        if rule.category or rule.scheme:
            yield self.column("category").where(lambda category: self.register.is_about(rule, category))
        if rule.area:
            yield self.column("finest").where(lambda code: code.startswith(rule.area))
        for name in ("source", "owner", "maintainer"):
            if wanted := getattr(rule, name):
                yield self.column(name).where(wanted.__eq__)
        if rule.place:
            yield self.column("places").where(lambda words: stands_at(rule.place, words))
        if rule.days:
            # 1970-01-01 was a Thursday.
            weekday = (self.matters.day.astype("datetime64[D]").astype(np.int64) + 3) % 7
            yield np.isin(WEEK, rule.days.split())[weekday]
        if rule.hours:
            yield within_hours(rule.hours)[self.matters.minute]


@lru_cache(1 << 16)
def stands_at(place: str, words: tuple[str, ...]) -> bool:
    """Whether a rule's place is among the places around a spot: one of them, or any of its layer.

    >>> around = ("market:M1", "road:DL012")
    >>> stands_at("market", around), stands_at("road:DL012", around), stands_at("road:DL01", around)
    (True, True, False)
    """
    return any(word == place or word.partition(":")[0] == place for word in words)


def within_hours(window: str) -> Flags:
    """For each minute of the day whether it lies in a window, and, last, False for no minute (-1). A text that is no
    window holds none.

    >>> np.flatnonzero(np.diff(within_hours("22:00-06:00"))).tolist()
    [359, 1319, 1439]
    """
    out = np.zeros(1441, dtype=bool)
    if (hours := hours_of(window)) is not None:
        minute, (start, stop) = np.arange(1440), hours
        out[:1440] = (start <= minute) & (minute < stop) if start < stop else (start <= minute) | (minute < stop)
    return out
