"""Who answers: rules in their order, on their days, in their areas; else the territory."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.assignment.responsibility import Register, confidence_of, decide_many, needs_desk
from gis.rules import Rule
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


def test_nearer_than_the_accuracy_is_just_where_confidence_falls_below_93_5_percent() -> None:
    distance, accuracy = np.array([9.99, 10.0, 10.01]), np.full(3, 10.0)
    assert needs_desk(distance, accuracy).tolist() == [True, False, False]
    assert confidence_of(distance, accuracy).round(3).tolist() == [0.935, 0.935, 0.935]
    assert (np.diff(confidence_of(distance, accuracy)) > 0).all()
