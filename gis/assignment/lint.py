"""What is wrong with a set of rules, and where nobody would answer, before any case shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, pairwise
from typing import Final, Literal

from gis.assignment.cover import MOST_PIECES, Box, Known, Space, covered, overlap
from gis.assignment.register import Register
from gis.assignment.responsibility import stands_at
from gis.assignment.vacancies import unheld
from gis.rules import FROM_PART, WEEK, Rule, hours_of
from gis.units import Unit

__all__ = ["Finding", "Kind", "holes", "lint"]

Kind = Literal[
    "overlap", "unknown", "expired", "self", "unreachable", "contradictory", "shadowed", "unchecked"
]  # fmt: skip

_PART_ZH: Final = {"@owner": "部件权属单位", "@maintainer": "部件养护单位", "@supervisor": "部件主管部门"}
_WORD_ZH: Final = {
    "unit": "单位", "assisting": "协办单位", "category": "类别", "scheme": "代码体系", "area": "区域", "place": "地点",
    "owner": "权属单位", "maintainer": "养护单位", "hours": "时段", "days": "星期", "source": "来源",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about rules, named by their codes, the one it is about first; `where`: the prefixes (category, area) of
    the part of the cases that it concerns, ('', '') for all."""

    kind: Kind
    rules: tuple[str, ...]
    text_en: str
    text_zh: str
    where: tuple[str, str] = ("", "")


def lint(register: Register, known: Known, *, day_from: date) -> list[Finding]:
    """Everything found in the register's rules on the days from `day_from` on, rule by rule in their order.

    overlap: a code stands twice for a day; unknown: a word that nothing registered has; expired: in force on a day
    without its unit; self: a unit leads and assists; unreachable: earlier rules meet first whatever it meets;
    contradictory: only the code decides between units; shadowed: an earlier rule of another unit goes before on a part;
    unchecked: too much to compare with all earlier rules together.
    """
    rules = sorted(
        (r for r in register.rules if r.valid_to is None or r.valid_to > day_from), key=lambda r: (r.order, r.code)
    )
    found = [*_overlaps(rules, day_from)]
    for rule in rules:
        found += [*_unknown(rule, register, known), *_expired(rule, register.units, day_from), *_self(rule)]
    found += _Order(register, known, rules, day_from).findings()
    return list(dict.fromkeys(found))


def holes(register: Register, known: Known, *, day: date) -> list[tuple[str, str]]:
    """(category, area of the unit level) with cases that no unit would get by what holds on the day, by category, then
    area; cases of every hour and day of the week are meant.

    Ground that is nobody's territory, or that of an external unit which does not exist, is a hole for every category;
    ground of a unit of ours which does not exist is one unless the rules together meet every case there.
    """
    space = Space(register, known, day)
    boxes = [space.box(rule) for rule in register.rules if _stands(rule, space.alive, day)]
    holder, external, below, out = register.holders(day), register.external(), _below(known), []
    for area in unheld(register, below, day):
        ours = holder.get(area, "") not in ("", *external)
        out += [
            (category, area)
            for category in register.categories
            if not (ours and covered(space.part(category, below[area]), boxes))
        ]
    return sorted(out)


def _below(known: Known) -> dict[str, list[str]]:
    """Area of the unit level -> itself and every area in it."""
    out: dict[str, list[str]] = defaultdict(list)
    for code in known.areas:
        top = code
        while known.areas.get(top) in known.areas:
            top = known.areas[top]
        out[top].append(code)
    return out


def _in_force(row: Unit | Rule, day: date) -> bool:
    return row.valid_from <= day and (row.valid_to is None or day < row.valid_to)


def _stands(rule: Rule, alive: frozenset[str], day: date) -> bool:
    return _in_force(rule, day) and (rule.unit in FROM_PART or rule.unit in alive)


class _Order:
    """What rules do to one another, day by day of those on which anything begins or ends."""

    def __init__(self, register: Register, known: Known, rules: Sequence[Rule], day_from: date) -> None:
        self.register, self.known, self.rules = register, known, rules
        rows: list[Unit | Rule] = [*register.units, *rules]
        turns = {day for row in rows for day in (row.valid_from, row.valid_to) if day is not None and day > day_from}
        self.days = [day_from, *sorted(turns)]
        self.stood: set[int] = set()  #: positions of rules that meet some case on some day ...
        self.reached: set[int] = set()  #: ... and of those that decide one
        self.before: dict[int, dict[int, None]] = defaultdict(dict)  #: the rules that go before one that does not
        self.meeting: dict[tuple[int, int], None] = {}  #: (earlier, later) with other units on the same cases
        self.unsure: dict[int, None] = {}

    def findings(self) -> Iterator[Finding]:
        for day in self.days:
            self._day(day)
        unreached = self.stood - self.reached
        for later in sorted(self.stood):
            if later in unreached:
                yield _unreachable(self.rules[later], [self.rules[i] for i in sorted(self.before[later])])
            for earlier, other in self.meeting:
                if other == later:
                    yield from self._meeting(earlier, later, told=later in unreached)
            if later in self.unsure:
                yield _unchecked(self.rules[later])

    def _day(self, day: date) -> None:
        space = Space(self.register, self.known, day)
        earlier: dict[int, Box] = {}
        for i, rule in enumerate(self.rules):
            box = space.box(rule)
            if not (_stands(rule, space.alive, day) and all(box)):
                continue
            self.stood.add(i)
            self._pairs(i, box, earlier)
            by = covered(box, list(earlier.values()))
            if by:
                self.before[i] |= dict.fromkeys(_needed(box, earlier))
                continue  # it decides nothing, so it is in nobody's way
            if by is None:
                self.unsure[i] = None
            self.reached.add(i)
            earlier[i] = box

    def _pairs(self, i: int, box: Box, earlier: dict[int, Box]) -> None:
        """Note the earlier rules of other units that decide some case which this rule meets too."""
        boxes = list(earlier.values())
        for n, (k, other) in enumerate(earlier.items()):
            if (k, i) in self.meeting or self.rules[k].unit == self.rules[i].unit:
                continue
            ways = (overlap(other, box), overlap(box, other))
            if all(way is not None and not covered(way, boxes[:n]) for way in ways):
                self.meeting[k, i] = None

    def _meeting(self, earlier: int, later: int, *, told: bool) -> Iterator[Finding]:
        a, b = self.rules[earlier], self.rules[later]
        if a.order == b.order:
            yield _contradictory(a, b, self.register.units)
        elif not told:
            yield _shadowed(a, b, self.register.units)


def _needed(box: Box, earlier: dict[int, Box]) -> list[int]:
    """The earlier rules that cover a box: the first that does alone, else as few as are found by leaving one out after
    another."""
    for i, other in earlier.items():
        if not any(mine & ~theirs for mine, theirs in zip(box, other, strict=True)):
            return [i]
    need = [i for i, other in earlier.items() if all(x & y for x, y in zip(box, other, strict=True))]
    for i in list(need):
        if covered(box, [earlier[k] for k in need if k != i]):
            need.remove(i)
    return need


def _overlaps(rules: Sequence[Rule], day_from: date) -> Iterator[Finding]:
    by_code: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        by_code[rule.code].append(rule)
    for code, rows in by_code.items():
        for a, b in combinations(rows, 2):
            start, stop = max(a.valid_from, b.valid_from, day_from), min(a.valid_to or date.max, b.valid_to or date.max)
            # A stored rule read for an area and for its successor is one rule.
            if start < stop and not (a.id and a.id == b.id):
                yield Finding(
                    "overlap",
                    (code,),
                    f"Rule {code} stands twice for {start}; end the one before the other begins.",
                    f"规则 {code} 在 {start} 有两条记录，请先终止其中一条。",
                )


def _unknown(rule: Rule, register: Register, known: Known) -> Iterator[Finding]:
    units = {unit.code for unit in register.units}
    tests = {
        "scheme": any(rule.scheme in schemes for schemes in register.categories.values()),
        "category": any(
            code.startswith(rule.category) and (not rule.scheme or rule.scheme in schemes)
            for code, schemes in register.categories.items()
        ),
        "area": any(code.startswith(rule.area) for code in known.areas),
        "place": stands_at(rule.place, tuple(known.places)),
        "owner": rule.owner in units,
        "maintainer": rule.maintainer in units,
        "hours": hours_of(rule.hours) is not None,
        "days": set(rule.days.split()) <= set(WEEK) and bool(rule.days.split()),
        "source": rule.source in known.sources,
    }
    words = [("unit", rule.unit)] if rule.unit not in units | set(FROM_PART) else []
    words += [("assisting", word) for word in rule.assisting if word not in units]
    words += [(name, getattr(rule, name)) for name, is_known in tests.items() if getattr(rule, name) and not is_known]
    for name, word in words:
        hint_en = f"; wanted a unit's code or one of {', '.join(FROM_PART)}" if name == "unit" else ""
        hint_zh = f"；应为单位编码或 {'、'.join(FROM_PART)}" if name == "unit" else ""
        yield Finding(
            "unknown",
            (rule.code,),
            f"Rule {rule.code}: {name} {word!r} is not known{hint_en}.",
            f"规则 {rule.code}：{_WORD_ZH[name]}“{word}”不存在{hint_zh}。",
            (rule.category, rule.area),
        )


def _expired(rule: Rule, units: Sequence[Unit], day_from: date) -> Iterator[Finding]:
    for code in dict.fromkeys((rule.unit, *rule.assisting)):
        versions = sorted((unit for unit in units if unit.code == code), key=lambda unit: unit.valid_from)
        day = max(rule.valid_from, day_from)
        for version in versions:
            if _in_force(version, day):
                day = version.valid_to or date.max
        if versions and day < (rule.valid_to or date.max):
            yield Finding(
                "expired",
                (rule.code,),
                f"Rule {rule.code} is in force on {day}, a day on which there is no unit {_unit_en(code, units)}.",
                f"规则 {rule.code} 在 {day} 有效，但当日没有单位 {_unit_zh(code, units)}。",
                (rule.category, rule.area),
            )


def _self(rule: Rule) -> Iterator[Finding]:
    if rule.unit in rule.assisting:
        yield Finding(
            "self",
            (rule.code,),
            f"Rule {rule.code}: {rule.unit} leads and assists too; take it from those that assist.",
            f"规则 {rule.code}：{rule.unit} 既主责又协办，请从协办中删去。",
        )
    for word, next_word in pairwise(sorted(rule.assisting)):
        if word == next_word:
            yield Finding(
                "self",
                (rule.code,),
                f"Rule {rule.code}: {word} assists twice; name it once.",
                f"规则 {rule.code}：协办单位 {word} 重复，只需写一次。",
            )


def _unreachable(rule: Rule, before: Sequence[Rule]) -> Finding:
    codes = tuple(dict.fromkeys(r.code for r in before))
    one = len(codes) == 1
    return Finding(
        "unreachable",
        (rule.code, *codes),
        f"Rule {rule.code} never decides: whatever it meets, {'rule' if one else 'the rules'} {', '.join(codes)}"
        f"{' meets' if one else ' together meet'} first.",
        f"规则 {rule.code} 永远用不到：它的全部情形已由排在前面的规则 {'、'.join(codes)} {'' if one else '合并'}覆盖。",
        (rule.category, rule.area),
    )


def _contradictory(a: Rule, b: Rule, units: Sequence[Unit]) -> Finding:
    where = _common(a, b)
    return Finding(
        "contradictory",
        (b.code, a.code),
        f"Rules {a.code} ({_unit_en(a.unit, units)}) and {b.code} ({_unit_en(b.unit, units)}) have the same order"
        f" {a.order} {_where_en(where)}: only the code decides, for {a.code}; give them different orders.",
        f"规则 {a.code}（{_unit_zh(a.unit, units)}）与 {b.code}（{_unit_zh(b.unit, units)}）顺序同为 {a.order}，"
        f"在{_where_zh(where)}相互矛盾，现仅凭编码取 {a.code}；请分出先后。",
        where,
    )


def _shadowed(a: Rule, b: Rule, units: Sequence[Unit]) -> Finding:
    where = _common(a, b)
    return Finding(
        "shadowed",
        (b.code, a.code),
        f"Rule {b.code} ({_unit_en(b.unit, units)}) gives way to {a.code} ({_unit_en(a.unit, units)})"
        f" {_where_en(where)}.",
        f"规则 {b.code}（{_unit_zh(b.unit, units)}）在{_where_zh(where)}让位于"
        f"规则 {a.code}（{_unit_zh(a.unit, units)}）。",
        where,
    )


def _unchecked(rule: Rule) -> Finding:
    return Finding(
        "unchecked",
        (rule.code,),
        f"Rule {rule.code} falls into more than {MOST_PIECES:,} pieces against the rules before it; whether those"
        " together leave it anything was not found out.",
        f"规则 {rule.code} 与前面的规则组合过多（超过 {MOST_PIECES:,} 块），未能判定是否用得到。",
    )


def _common(a: Rule, b: Rule) -> tuple[str, str]:
    """The prefixes of the cases that two rules have in common: of two that meet the one begins with the other."""
    return max(a.category, b.category, key=len), max(a.area, b.area, key=len)


def _where_en(where: tuple[str, str]) -> str:
    said = [f"{name} {code}" for name, code in zip(("category", "area"), where, strict=True) if code]
    return f"in {', '.join(said)}" if said else "where both are met"


def _where_zh(where: tuple[str, str]) -> str:
    said = [f"{name} {code}" for name, code in zip(("类别", "区域"), where, strict=True) if code]
    return f"{'、'.join(said)} 上" if said else "条件重叠处"


def _unit_en(code: str, units: Sequence[Unit]) -> str:
    names = {unit.code: unit.name_en or unit.name for unit in units}
    if code in FROM_PART:
        return f"the part's {code[1:]}"
    return f"{code} {names[code]}" if names.get(code) else code


def _unit_zh(code: str, units: Sequence[Unit]) -> str:
    names = {unit.code: unit.name for unit in units}
    return _PART_ZH.get(code) or (f"{code} {names[code]}" if names.get(code) else code)
