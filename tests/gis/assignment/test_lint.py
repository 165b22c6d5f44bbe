"""What is wrong with rules, told before a case shows it: against every case there can be in a small world."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import chain, combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.assignment import cover
from gis.assignment.cover import Known
from gis.assignment.lint import Finding, holes, lint
from gis.assignment.matters import Matters
from gis.assignment.register import Register
from gis.assignment.responsibility import Grounds, Rulings, rule_many
from gis.rules import Rule
from gis.units import Territory, Unit

THEN, START, TURN, END = date(2020, 1, 1), date(2026, 1, 1), date(2026, 6, 1), date(2027, 1, 1)
UNITS = (
    Unit("D1", "区管建局", "Construction", "department", "", THEN),
    Unit("D2", "农林局", "Agriculture", "department", "", THEN, END),
    Unit("S1", "五星街道", "Wuxing", "street", "", THEN),
)
CATEGORIES = {
    "01": frozenset({"old"}),
    "0101": frozenset({"old", "new"}),
    "0102": frozenset({"new"}),
    "05": frozenset({"old"}),
}
KNOWN = Known({"A": "", "A1": "A", "A2": "A", "B": ""}, frozenset({"market:1", "road:A", "road:B"}), frozenset("pq"))
TERRITORIES = (Territory("A", "S1", THEN), Territory("B", "S1", THEN))


def rule(code: str, unit: str = "D1", order: int = 1, **conditions: Any) -> Rule:
    row = Rule(code, order, "", "", unit, "", "", THEN)
    return replace(row, **conditions)


def linted(*rules: Rule, known: Known = KNOWN) -> list[Finding]:
    return lint(Register(UNITS, TERRITORIES, rules, categories=CATEGORIES), known, day_from=START)


def kinds(*rules: Rule) -> list[tuple[str, tuple[str, ...]]]:
    return [(f.kind, f.rules) for f in linted(*rules)]


def every_case(days: list[str], areas: list[str]) -> tuple[Matters, Grounds]:
    """Every case of the small world on some days."""
    around = list(chain.from_iterable(combinations(sorted(KNOWN.places), k) for k in range(4)))
    choices = (
        sorted(CATEGORIES), areas, around, ["", "D1", "D2", "S1"], ["", "D1", "D2", "S1"], [0, 360, 720, 1320], days,
        sorted(KNOWN.sources),
    )  # fmt: skip
    picks = np.indices([len(values) for values in choices]).reshape(len(choices), -1)
    of = []
    for values, pick in zip(choices, picks, strict=True):
        table = np.empty(len(values), dtype=object)
        table[:] = values
        of.append(table[pick])
    category, finest, places, owner, maintainer, minute, day, source = of
    n = len(category)
    none, no = np.zeros(n), np.full(n, "", dtype=object)
    top = np.array([code[:1] for code in finest], dtype=object)
    matters = Matters(
        none, none, none, none, category, source, day.astype("datetime64[D]"), minute.astype(np.int64), no
    )
    return matters, Grounds(top, finest, places, owner, maintainer, no, np.full(n, -1))


#: a Monday, a Tuesday and a Saturday of each time in which nothing begins or ends
DAYS = [f"{month}-{day}" for month, first in (("2026-02", 2), ("2026-07", 6), ("2027-02", 1)) for day in
        (f"{first:02}", f"{first + 1:02}", f"{first + 5:02}")]  # fmt: skip
EVERY = every_case(DAYS, sorted(KNOWN.areas))

RULES = st.builds(
    Rule,
    code=st.text("ABCDEF", min_size=2, max_size=2),
    order=st.integers(1, 2),
    category=st.sampled_from(["", "", "01", "0101", "0102", "05"]),
    area=st.sampled_from(["", "", "A", "A1", "A2", "B"]),
    unit=st.sampled_from(["D1", "D1", "D2", "S1", "@owner", "@maintainer"]),
    reason=st.just(""),
    reason_en=st.just(""),
    valid_from=st.sampled_from([THEN, THEN, TURN]),
    valid_to=st.sampled_from([None, None, TURN]),
    scheme=st.sampled_from(["", "", "", "old", "new"]),
    place=st.sampled_from(["", "", "", "market", "road", "road:A", "road:B"]),
    owner=st.sampled_from(["", "", "", "D1"]),
    maintainer=st.sampled_from(["", "", "", "D2"]),
    hours=st.sampled_from(["", "", "22:00-06:00", "06:00-22:00", "12:00-24:00"]),
    days=st.sampled_from(["", "", "", "sat sun", "mon tue wed thu fri"]),
    source=st.sampled_from(["", "", "", "p", "q"]),
).filter(lambda r: r.valid_to is None or r.valid_from < r.valid_to)
#: few questions are asked: rules cover one another more often
PLAIN = st.builds(
    lambda code, order, category, area, unit: Rule(code, order, category, area, unit, "", "", THEN),
    st.text("ABCDEF", min_size=2, max_size=2), st.integers(1, 2), st.sampled_from(["", "01", "0101", "0102", "05"]),
    st.sampled_from(["", "A", "A1", "B"]), st.sampled_from(["D1", "D2", "S1"]),
)  # fmt: skip
SETS = st.lists(RULES, min_size=1, max_size=6, unique_by=lambda r: r.code) | st.lists(
    PLAIN | RULES, min_size=2, max_size=8, unique_by=lambda r: r.code
)


def by_rules(*rules: Rule) -> Rulings:
    return rule_many(Register(UNITS, TERRITORIES, rules, categories=CATEGORIES), *EVERY)


@settings(max_examples=30, deadline=None)
@given(SETS)
def test_findings_are_those_of_every_case(rules: list[Rule]) -> None:
    decides = by_rules(*rules).rule
    meets = [by_rules(r).rule == 0 for r in rules]
    found = linted(*rules)
    silent = {r.code for i, r in enumerate(rules) if meets[i].any() and not (decides == i).any()}
    assert {f.rules[0] for f in found if f.kind == "unreachable"} == silent

    pairs = set()
    for (i, a), (k, b) in product(enumerate(rules), repeat=2):
        if a.unit != b.unit and i != k and (meets[k] & (decides == i)).any() and (a.order, a.code) < (b.order, b.code):
            pairs.add(("contradictory" if a.order == b.order else "shadowed", (b.code, a.code)))
    pairs -= {("shadowed", codes) for _, codes in pairs if codes[0] in silent}
    told = {(f.kind, f.rules) for f in found if f.kind in ("contradictory", "shadowed")}
    assert told >= pairs
    if len({r.place for r in rules} - {""}) < 2:  # two different places may be told of once too often
        assert told == pairs


HOLE_UNITS = (*UNITS, Unit("X1", "", "", "external", "", THEN), Unit("X2", "", "", "external", "", THEN, START))
HOLE_TERRITORIES = (
    Territory("A", "D2", THEN), Territory("B", "S1", THEN), Territory("X", "X1", THEN), Territory("Y", "X2", THEN),
)  # fmt: skip
HOLE_KNOWN = replace(KNOWN, areas={**KNOWN.areas, "X": "", "Y": "", "Z": ""})
HOLE_CASES = every_case(["2027-02-01", "2027-02-02", "2027-02-06"], sorted(HOLE_KNOWN.areas))


@settings(max_examples=30, deadline=None)
@given(SETS)
def test_holes_are_where_a_case_would_get_nobody(rules: list[Rule]) -> None:
    register = Register(HOLE_UNITS, HOLE_TERRITORIES, tuple(rules), categories=CATEGORIES)
    rulings = rule_many(register, *HOLE_CASES)
    nobody = (rulings.unit == "") & (rulings.forward_to == "")
    pairs = zip(HOLE_CASES[0].category[nobody], HOLE_CASES[1].territory[nobody], strict=True)
    assert holes(register, HOLE_KNOWN, day=date(2027, 2, 1)) == sorted(set(pairs))


def test_a_rule_behind_a_wider_one_never_decides() -> None:
    (found,) = linted(rule("A"), rule("B", order=2, category="01"))
    assert (found.kind, found.rules, found.where) == ("unreachable", ("B", "A"), ("01", ""))
    assert found.text_en == "Rule B never decides: whatever it meets, rule A meets first."
    assert found.text_zh == "规则 B 永远用不到：它的全部情形已由排在前面的规则 A 覆盖。"


def test_rules_cover_another_only_together() -> None:
    halves = (rule("A", hours="06:00-22:00"), rule("B", hours="22:00-06:00"))
    assert kinds(*halves, rule("C", order=2, area="A")) == [("unreachable", ("C", "A", "B"))]
    (found,) = linted(*halves, rule("C", order=2))
    assert "the rules A, B together meet first" in found.text_en
    assert kinds(halves[0], rule("C", order=2)) == []


def test_a_rule_that_decides_on_some_day_is_not_unreachable() -> None:
    assert kinds(rule("A", valid_from=TURN), rule("B", order=2)) == []
    assert kinds(rule("A", "D2"), rule("B", order=2, valid_from=TURN)) == [
        ("expired", ("A",)),
        ("shadowed", ("B", "A")),
    ]


def test_a_rule_for_the_parts_owner_covers_only_owners_that_exist() -> None:
    owners = rule("A", "@owner")
    assert kinds(owners, rule("B", order=2, owner="D1")) == [("unreachable", ("B", "A"))]
    # D2 ends, and its parts come to B
    assert kinds(owners, rule("B", order=2, owner="D2")) == [("shadowed", ("B", "A"))]


def test_where_a_rule_gives_way_is_told() -> None:
    (found,) = linted(rule("A", "D2", category="0101", valid_to=END), rule("B", order=2, category="01", area="A1"))
    assert (found.kind, found.rules, found.where) == ("shadowed", ("B", "A"), ("0101", "A1"))
    assert found.text_en == "Rule B (D1 Construction) gives way to A (D2 Agriculture) in category 0101, area A1."
    assert found.text_zh == "规则 B（D1 区管建局）在类别 0101、区域 A1 上让位于规则 A（D2 农林局）。"


def test_two_rules_of_one_order_contradict_only_where_they_meet() -> None:
    (found,) = linted(rule("A", "S1", place="market"), rule("B", place="road:A"))
    assert (found.kind, found.rules) == ("contradictory", ("B", "A"))
    assert (
        found.text_zh
        == "规则 A（S1 五星街道）与 B（D1 区管建局）顺序同为 1，在条件重叠处相互矛盾，现仅凭编码取 A；请分出先后。"
    )
    assert kinds(rule("A", "S1", days="sat"), rule("B", days="sun")) == []
    assert kinds(rule("A", "S1", hours="22:00-06:00"), rule("B", hours="05:59-22:00")) == [
        ("contradictory", ("B", "A"))
    ]
    assert kinds(rule("A", "S1", hours="22:00-06:00"), rule("B", hours="06:00-22:00")) == []
    # an earlier rule has taken what they have in common
    assert kinds(rule("Z", "S1", order=0, source="p"), rule("A", "S1", source="p"), rule("B", order=2)) == [
        ("unreachable", ("A", "Z")),
        ("shadowed", ("B", "Z")),
    ]


@pytest.mark.parametrize(
    ("conditions", "word"),
    [
        ({"unit": "ZZ"}, "unit 'ZZ'"), ({"unit": "@cleaner"}, "unit '@cleaner'"), ({"category": "09"}, "category '09'"),
        ({"category": "05", "scheme": "new"}, "category '05'"), ({"scheme": "2099"}, "scheme '2099'"),
        ({"area": "C"}, "area 'C'"), ({"place": "lake"}, "place 'lake'"), ({"place": "road:Z"}, "place 'road:Z'"),
        ({"owner": "ZZ"}, "owner 'ZZ'"), ({"maintainer": "ZZ"}, "maintainer 'ZZ'"), ({"hours": "8-10"}, "hours '8-10'"),
        ({"days": "sat so"}, "days 'sat so'"), ({"source": "r"}, "source 'r'"),
        ({"assisting": ("ZZ",)}, "assisting 'ZZ'"),
    ],
)  # fmt: skip
def test_words_that_nothing_has_are_named(conditions: dict[str, Any], word: str) -> None:
    found = linted(rule("A", **conditions))
    assert {f.kind for f in found} == {"unknown"}
    assert any(word in f.text_en for f in found)
    assert all("A" in f.text_zh and "不存在" in f.text_zh for f in found)


def test_a_rule_outlives_its_unit() -> None:
    (found,) = linted(rule("A", "D2"))
    assert (found.kind, found.rules) == ("expired", ("A",))
    assert "2027-01-01, a day on which there is no unit D2 Agriculture" in found.text_en
    assert kinds(rule("A", "D2", valid_to=END)) == []
    assert kinds(rule("A", assisting=("D2",))) == [("expired", ("A",))]
    # a version that follows goes on
    units = (*UNITS, Unit("D2", "农业农村局", "Agriculture", "department", "", END))
    assert lint(Register(units, TERRITORIES, (rule("A", "D2"),)), KNOWN, day_from=START) == []


def test_a_unit_leads_or_assists_and_once() -> None:
    assert kinds(rule("A", assisting=("S1", "D1"))) == [("self", ("A",))]
    assert kinds(rule("A", assisting=("S1", "S1"))) == [("self", ("A",))]


def test_a_code_stands_once_for_a_day() -> None:
    before, after = rule("A", valid_to=TURN), rule("A", valid_from=TURN)
    assert kinds(before, after) == []
    assert ("overlap", ("A",)) in kinds(rule("A", valid_to=END), after)
    # the row of an area and the same row for its successor
    assert kinds(replace(before, area="A", id=5), replace(before, area="B", id=5)) == []


def test_rules_that_ended_before_are_left_out() -> None:
    assert kinds(rule("A", "ZZ", valid_to=START), rule("B")) == []


def test_what_is_too_much_to_compare_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover, "MOST_PIECES", 2)
    rules = [rule(f"A{i}", category=c, area=a, source=s)
             for i, (c, a, s) in enumerate(product(("0101", "05"), ("A1", "B"), "pq"))]  # fmt: skip
    assert ("unchecked", ("Z",)) in kinds(*rules, rule("Z", order=2))
