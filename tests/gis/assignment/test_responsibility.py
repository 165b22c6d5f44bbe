"""Who answers: a precedent; rules in their order, on their days, in their areas, at their hours; else the territory."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.assignment.matters import Matters
from gis.assignment.register import Register
from gis.assignment.responsibility import (
    Grounds,
    Rulings,
    decide_many,
    rule_many,
)
from gis.rules import FROM_PART, WEEK, Precedent, Rule, hours_of
from gis.units import Territory, Unit

THEN = date(2020, 1, 1)
UNITS = tuple(
    Unit(c, c, "", k, "", THEN)
    for c, k in (("S1", "street"), ("S2", "street"), ("D1", "department"), ("D2", "department"), ("X1", "external"))
)
TERRITORIES = (
    Territory("01", "S1", THEN),
    Territory("02", "S2", THEN, date(2026, 7, 1)),
    Territory("03", "S2", date(2026, 7, 1)),
    Territory("09", "X1", THEN),
)


def ruled(
    rules: tuple[Rule, ...], category: str, area: str, day: str, *, finest: str | None = None
) -> tuple[str, str, str, bool]:
    rulings = decide_many(
        Register(UNITS, TERRITORIES, rules),
        category=np.array([category], dtype=object),
        territory_code=np.array([area], dtype=object),
        finest_code=np.array([finest or area], dtype=object),
        day=np.array([day], dtype="datetime64[D]"),
    )
    return rulings.unit[0], rulings.runner_up[0], rulings.forward_to[0], bool(rulings.scope[0])


def rule(
    code: str,
    unit: str,
    *,
    order: int = 1,
    category: str = "",
    area: str = "",
    until: date | None = None,
    since: date = THEN,
) -> Rule:
    return Rule(code, order, category, area, unit, "", "", since, until)


def test_without_a_rule_the_territory_answers() -> None:
    assert ruled((), "0101", "01", "2026-01-01") == ("S1", "", "", True)


def test_the_lowest_order_wins_and_the_next_is_runner_up() -> None:
    rules = (rule("B", "D2", order=2, category="05"), rule("A", "D1", order=1, category="0501"))
    assert ruled(rules, "0501", "01", "2026-01-01") == ("D1", "D2", "", True)
    assert ruled(rules, "0502", "01", "2026-01-01") == ("D2", "S1", "", True)


def test_equal_orders_fall_to_the_lower_code() -> None:
    assert ruled((rule("B", "D2"), rule("A", "D1")), "01", "01", "2026-01-01")[0] == "D1"


def test_a_second_rule_for_the_same_unit_is_no_runner_up() -> None:
    assert ruled((rule("A", "D1"), rule("B", "D1", order=2)), "01", "01", "2026-01-01")[:2] == ("D1", "S1")


def test_the_last_day_of_a_rule_is_the_day_before_its_end() -> None:
    rules = (rule("A", "D1", until=date(2026, 7, 1)), rule("B", "D2", since=date(2026, 7, 1), order=2))
    assert ruled(rules, "01", "01", "2026-06-30")[0] == "D1"
    assert ruled(rules, "01", "01", "2026-07-01")[0] == "D2"


def test_a_rule_of_an_area_holds_only_there() -> None:
    rules = (rule("A", "D1", area="01002"),)
    assert ruled(rules, "01", "01", "2026-01-01", finest="01002007")[0] == "D1"
    assert ruled(rules, "01", "01", "2026-01-01", finest="01003001")[0] == "S1"


def test_a_recoded_street_stays_with_its_unit() -> None:
    assert ruled((), "01", "02", "2026-06-30")[0] == "S2"
    assert ruled((), "01", "03", "2026-07-01")[0] == "S2"
    assert ruled((), "01", "03", "2026-06-30") == ("", "", "", False)


def test_outside_the_scope_a_case_is_forwarded_and_no_rule_holds() -> None:
    assert ruled((rule("A", "D1"),), "01", "09", "2026-01-01") == ("", "", "X1", False)


def test_outside_every_area_nobody_answers() -> None:
    assert ruled((rule("A", "D1"),), "01", "", "2026-01-01") == ("", "", "", False)


def plainly(rules: list[Rule], category: str, area: str, day: date) -> str:
    """The same, one report and one rule at a time."""
    unit = next(
        (
            t.unit
            for t in TERRITORIES
            if t.area_code == area and t.valid_from <= day and (t.valid_to is None or day < t.valid_to)
        ),
        "",
    )
    if unit in ("", "X1"):
        return ""
    for r in sorted(rules, key=lambda r: (r.order, r.code)):
        if category.startswith(r.category) and area.startswith(r.area) and r.in_force(day):
            return r.unit
    return unit


RULES = st.builds(
    lambda code, order, category, area, unit: Rule(code, order, category, area, unit, "", "", THEN),
    st.text("ABC", min_size=1, max_size=3),
    st.integers(1, 3),
    st.sampled_from(["", "0", "01", "0101", "05"]),
    st.sampled_from(["", "01", "02", "0"]),
    st.sampled_from(["D1", "D2", "S1"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(RULES, max_size=6, unique_by=lambda r: r.code))
def test_many_at_once_equals_one_at_a_time(rules: list[Rule]) -> None:
    spots = [(c, a) for c in ("0101", "0102", "0501", "1201") for a in ("01", "02", "03", "09", "")]
    rulings = decide_many(
        Register(UNITS, TERRITORIES, tuple(rules)),
        category=np.array([c for c, _ in spots], dtype=object),
        territory_code=np.array([a for _, a in spots], dtype=object),
        finest_code=np.array([a for _, a in spots], dtype=object),
        day=np.full(len(spots), np.datetime64("2026-03-01", "D")),
    )
    assert rulings.unit.tolist() == [plainly(rules, c, a, date(2026, 3, 1)) for c, a in spots]


# -- every condition, every ground ---------------------------------------------------------------------------------

ENDING = date(2026, 4, 1)
MORE_UNITS = (
    *UNITS,
    Unit("D3", "D3", "", "department", "", THEN, ENDING),
    Unit("S9", "S9", "", "street", "", date(2026, 2, 1), ENDING),
    Unit("X2", "X2", "", "external", "", THEN, ENDING),
)
MORE_TERRITORIES = (*TERRITORIES, Territory("04", "S9", THEN), Territory("08", "X2", THEN))
SCHEMES = {"0101": frozenset({"2013", "2026"}), "0102": frozenset({"2013"}), "0501": frozenset({"2026"})}
PRECEDENTS = tuple(
    Precedent(i, "", unit, assisting, "", "", None, THEN)
    for i, (unit, assisting) in enumerate([("D1", ("S1",)), ("D3", ()), ("S2", ())], 1)
)
NAMES = ("category", "source", "day", "minute", "territory", "finest", "places", "owner", "maintainer", "supervisor")


def column(values: list[Any]) -> Any:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def laid(register: Register, cases: list[dict[str, Any]]) -> Rulings:
    """The rulings of cases given as mappings."""
    of = {name: column([case[name] for case in cases]) for name in (*NAMES, "precedent")}
    none = np.zeros(len(cases))
    matters = Matters(
        none, none, none, none, of["category"], of["source"], of["day"].astype("datetime64[D]"),
        of["minute"].astype(np.int64), column([""] * len(cases)),
    )  # fmt: skip
    grounds = Grounds(
        of["territory"], of["finest"], of["places"], of["owner"], of["maintainer"], of["supervisor"],
        of["precedent"].astype(np.int64),
    )  # fmt: skip
    return rule_many(register, matters, grounds)


def alive(unit: str, day: date) -> bool:
    return any(u.code == unit and u.valid_from <= day and (u.valid_to is None or day < u.valid_to) for u in MORE_UNITS)


def met(r: Rule, case: dict[str, Any], schemes: dict[str, frozenset[str]]) -> bool:
    """Whether one rule is met by one case, condition by condition."""
    start, stop = hours_of(r.hours) or (0, 1440)
    minute = case["minute"]
    return (
        r.in_force(case["day"])
        and case["category"].startswith(r.category)
        and (not r.scheme or r.scheme in schemes.get(case["category"], ()))
        and case["finest"].startswith(r.area)
        and (not r.place or any(word == r.place or word.split(":")[0] == r.place for word in case["places"]))
        and all(getattr(r, name) in ("", case[name]) for name in ("owner", "maintainer", "source"))
        and (not r.days or WEEK[case["day"].weekday()] in r.days.split())
        and (start <= minute < stop if start < stop else minute >= start or minute < stop)
    )


def claims(register: Register, case: dict[str, Any]) -> list[tuple[str, str, int, tuple[str, ...]]]:
    """Everyone who claims a case that is ours, first the one who gets it: (unit, by what, index, who assists)."""
    out: list[tuple[str, str, int, tuple[str, ...]]] = []
    if case["precedent"] >= 0:
        p = register.precedents[case["precedent"]]
        out.append((p.unit, "precedent", case["precedent"], p.assisting))
    for i, r in sorted(enumerate(register.rules), key=lambda item: (item[1].order, item[1].code, item[0])):
        unit = case[r.unit[1:]] if r.unit in FROM_PART else r.unit
        if met(r, case, dict(register.categories)):
            out.append((unit, "part" if r.unit in FROM_PART else "rule", i, r.assisting))
    for t in register.territories:
        if t.area_code == case["territory"] and t.valid_from <= case["day"] < (t.valid_to or date.max):
            out.append((t.unit, "territory", -1, ()))
    return [claim for claim in out if alive(claim[0], case["day"])]


def one(register: Register, case: dict[str, Any]) -> tuple[Any, ...]:
    """The ruling of one case, in the order of the columns of `Rulings`."""
    day = case["day"]
    holder = next(
        (
            t.unit
            for t in register.territories
            if t.area_code == case["territory"] and t.valid_from <= day < (t.valid_to or date.max)
        ),
        "",
    )
    present = holder if alive(holder, day) else ""
    if not holder or holder.startswith("X"):
        return "", "", -1, "", present, False, (), "", -1
    found = claims(register, case)
    if not found:
        return "", "", -1, "", "", True, (), "", -1
    unit, by, index, assisting = found[0]
    after = next((u for u, *_ in found if u != unit), "")
    rule_index = index if by in ("rule", "part") else -1
    return unit, present, rule_index, after, "", True, assisting, by, index if by == "precedent" else -1


WORDS = ("market:M1", "market:M2", "road:R1")
DAYS = st.dates(date(2026, 1, 25), date(2026, 4, 8))
FULL_RULES = st.builds(
    Rule,
    code=st.text("ABC", min_size=1, max_size=2),
    order=st.integers(1, 3),
    category=st.sampled_from(["", "", "01", "0101"]),
    area=st.sampled_from(["", "", "", "01", "01001", "04"]),
    unit=st.sampled_from(["D1", "D2", "D3", "S1", "ZZ", *FROM_PART]),
    reason=st.just(""),
    reason_en=st.just(""),
    valid_from=st.sampled_from([THEN, date(2026, 2, 3)]),
    valid_to=st.sampled_from([None, None, date(2026, 3, 5)]),
    scheme=st.sampled_from(["", "", "2013", "2026"]),
    place=st.sampled_from(["", "", "market", "road:R1", "mark"]),
    owner=st.sampled_from(["", "", "", "D1"]),
    maintainer=st.sampled_from(["", "", "", "D2"]),
    hours=st.sampled_from(["", "", "22:00-06:00", "08:00-17:30", "12:00-24:00"]),
    days=st.sampled_from(["", "", "sat sun", "mon"]),
    source=st.sampled_from(["", "", "", "public"]),
    assisting=st.sampled_from([(), ("S1",), ("S1", "S2")]),
)
CASES = st.fixed_dictionaries(
    {
        "category": st.sampled_from(["0101", "0102", "0501", "1201", ""]),
        "source": st.sampled_from(["public", "patrol"]),
        "day": DAYS,
        "minute": st.sampled_from([0, 359, 360, 480, 1049, 1050, 1319, 1320, 1439]),
        "territory": st.sampled_from(["01", "01", "02", "03", "04", "08", "09", ""]),
        "finest": st.sampled_from(["01", "01001", "01001007", "04", "02", ""]),
        "places": st.sets(st.sampled_from(WORDS)).map(lambda words: tuple(sorted(words))),
        "owner": st.sampled_from(["", "D1", "D3", "ZZ"]),
        "maintainer": st.sampled_from(["", "D2", "S1"]),
        "supervisor": st.sampled_from(["", "D1", "X1"]),
        "precedent": st.sampled_from([-1, -1, -1, 0, 1, 2]),
    }
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FULL_RULES, max_size=8), st.lists(CASES, min_size=1, max_size=12), st.booleans())
def test_columns_equal_a_loop_over_reports_and_rules(
    rules: list[Rule], cases: list[dict[str, Any]], with_schemes: bool
) -> None:
    register = Register(MORE_UNITS, MORE_TERRITORIES, tuple(rules), PRECEDENTS, SCHEMES if with_schemes else {})
    rulings = laid(register, cases)
    columns = [getattr(rulings, name).tolist() for name in Rulings.__slots__]
    assert list(zip(*columns, strict=True)) == [one(register, case) for case in cases]


CASE = {
    "category": "0101", "source": "public", "day": date(2026, 2, 6), "minute": 1380, "territory": "01", "finest": "01",
    "places": (), "owner": "", "maintainer": "", "supervisor": "", "precedent": -1,
}  # fmt: skip


def settled(rules: tuple[Rule, ...], **case: Any) -> tuple[str, str, str]:
    """Who leads one case, who is next, and what settled it."""
    rulings = laid(Register(MORE_UNITS, MORE_TERRITORIES, rules, PRECEDENTS), [{**CASE, **case}])
    return rulings.unit[0], rulings.runner_up[0], rulings.settled_by[0]


def test_a_precedent_goes_before_every_rule() -> None:
    rules = (rule("A", "D2", order=-9),)
    assert settled(rules, precedent=0) == ("D1", "D2", "precedent")
    assert settled(rules) == ("D2", "S1", "rule")
    # the unit of the ruling is no more: the rules go on
    assert settled(rules, precedent=1, day=ENDING) == ("D2", "S1", "rule")
    # not ours: nobody's ruling here decides
    assert settled(rules, precedent=0, territory="09") == ("", "", "")


def test_a_rule_for_the_keeper_of_the_part_needs_a_part() -> None:
    rules = (rule("A", "@maintainer"), rule("B", "D1", order=2))
    assert settled(rules, maintainer="D2") == ("D2", "D1", "part")
    assert settled(rules) == ("D1", "S1", "rule")


def test_a_unit_that_has_ended_leads_nothing() -> None:
    rules = (rule("A", "D3"),)
    assert settled(rules, day=ENDING - timedelta(days=1))[0] == "D3"
    assert settled(rules, day=ENDING) == ("S1", "", "territory")
    assert settled((), territory="04", day=ENDING) == ("", "", "")
    # a rule may still hold where only the territory's unit has ended
    assert settled((rule("A", "D1"),), territory="04", day=ENDING) == ("D1", "", "rule")


def test_the_territory_is_not_next_to_itself() -> None:
    assert settled((rule("A", "S1"),)) == ("S1", "", "rule")


def test_a_window_over_midnight_counts_the_day_on_which_the_report_came() -> None:
    nights = (replace(rule("A", "D1"), hours="22:00-06:00", days="sat"),)
    friday, saturday, sunday = (date(2026, 2, d) for d in (6, 7, 8))
    assert settled(nights, day=friday, minute=1380)[0] == "S1"
    assert settled(nights, day=saturday, minute=1380)[0] == "D1"
    assert settled(nights, day=saturday, minute=60)[0] == "D1"
    assert settled(nights, day=sunday, minute=60)[0] == "S1"


def test_conditions_on_what_the_short_call_does_not_know_are_met_by_none() -> None:
    rules = tuple(
        replace(rule("A", "D1"), **{name: word})
        for name, word in (
            ("hours", "00:00-24:00"),
            ("hours", "22:00-06:00"),
            ("place", "market"),
            ("source", "public"),
        )
    )
    assert ruled(rules, "01", "01", "2026-01-01")[0] == "S1"


def test_a_successor_keeps_precedents_and_schemes() -> None:
    register = Register(MORE_UNITS, MORE_TERRITORIES, (rule("A", "D1", area="02"),), PRECEDENTS, SCHEMES)
    after = register.succeeded([("02", "05", date(2026, 7, 1))])
    assert (after.precedents, after.categories) == (PRECEDENTS, SCHEMES)
    assert [r.area for r in after.rules] == ["02", "05"]


def test_no_report_at_all_is_decided_too() -> None:
    assert len(laid(Register(MORE_UNITS, MORE_TERRITORIES, (rule("A", "D1"),)), []).unit) == 0


def test_three_hundred_thousand_reports_by_25_rules_in_less_than_three_seconds() -> None:
    n, rng = 300_000, np.random.default_rng(7)
    some = [
        {"order": i % 5, "category": ("01", "", "0102")[i % 3], "area": ("01001", "01")[i % 2]}
        | {
            "unit": ("D1", "@owner", "D2")[i % 3],
            "scheme": ("", "2013")[i % 2],
            "place": ("market", "", "road:R1")[i % 3],
        }
        | {
            "hours": ("", "22:00-06:00")[i % 2],
            "days": ("sat sun", "", "mon tue")[i % 3],
            "source": ("", "public")[i % 2],
        }
        for i in range(25)
    ]
    rules = tuple(replace(rule(f"R{i:02}", "D1"), **conditions) for i, conditions in enumerate(some))
    register = Register(MORE_UNITS, MORE_TERRITORIES, rules, PRECEDENTS, SCHEMES)
    choices: dict[str, list[Any]] = {
        "category": ["0101", "0102", "0501"], "source": ["public", "patrol"], "territory": ["01", "02", "09"],
        "finest": [f"01{i:03}" for i in range(999)], "places": [(), ("market:M1",), ("market:M1", "road:R1")],
        "owner": ["", "D1", "D2"], "maintainer": [""], "supervisor": [""], "precedent": [-1, -1, 0],
    }  # fmt: skip
    of = {name: column(values)[rng.integers(len(values), size=n)] for name, values in choices.items()}
    zeros, day = np.zeros(n), np.datetime64("2020-01-01", "D") + rng.integers(0, 2000, n)
    matters = Matters(
        zeros, zeros, zeros, zeros, of["category"], of["source"], day, rng.integers(0, 1440, n), of["maintainer"]
    )
    grounds = Grounds(
        of["territory"], of["finest"], of["places"], of["owner"], of["maintainer"], of["supervisor"],
        of["precedent"].astype(np.int64),
    )  # fmt: skip
    rule_many(register, matters.taken(np.arange(2)), grounds.taken(np.arange(2)))  # pandas is imported
    start = time.perf_counter()
    rulings = rule_many(register, matters, grounds)
    assert time.perf_counter() - start < 3.0
    assert set(rulings.settled_by) == {"", "precedent", "rule", "part", "territory"}
