"""Registers in the database: what a rule and a category say comes back, and names only what is known."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest
import town
from click.testing import CliRunner
from conftest import ROOT
from sqlalchemy import Connection

from etl.registers import COLUMNS, OPTIONAL, read_register
from gis.cli import gridward
from gis.errors import Conflict, DataFault
from gis.rights import ALL
from gis.rules import Rule
from gis.services import registers
from gis.services.platform import Platform
from gis.store import registers as store

FULL = {
    "scheme": "seed", "place": "road:R1", "owner": "D1", "maintainer": "D1", "hours": "22:00-06:00", "days": "sat sun",
    "source": "patrol", "assisting": ("S1", "S2"),
}  # fmt: skip


def rules(*rows: dict[str, Any]) -> pd.DataFrame:
    plain = {
        "code": "R1", "ord": 1, "category": "01", "area": "", "unit": "D1", "reason": "", "reason_en": "",
        "valid_from": "2000-01-01", "valid_to": None,
    }  # fmt: skip
    return pd.DataFrame([plain | row for row in rows])


def stored(platform: Platform, code: str = "R1") -> list[Rule]:
    with platform.store.begin(ALL) as connection:
        return [rule for rule in store.rules(connection) if rule.code == code]


def test_a_rule_comes_back_as_it_was_given(platform: Platform) -> None:
    assert registers.load(platform, "rules", rules(FULL)).added == 1
    (rule,) = stored(platform)
    assert {name: getattr(rule, name) for name in FULL} == FULL
    assert (rule.order, rule.category, rule.unit, rule.valid_from) == (1, "01", "D1", date(2000, 1, 1))
    assert rule.id > 0
    assert registers.load(platform, "rules", rules(FULL)).same == 1


def test_a_rule_of_the_old_columns_is_met_in_every_new_condition(platform: Platform) -> None:
    assert registers.load(platform, "rules", rules({})).added == 1
    (rule,) = stored(platform)
    assert {getattr(rule, name) for name in FULL} == {"", ()}
    assert registers.load(platform, "rules", rules({})).same == 1
    assert registers.load(platform, "rules", rules(dict.fromkeys(FULL, "") | {"assisting": ()})).same == 1


def test_columns_that_a_file_does_not_have_are_not_compared(platform: Platform) -> None:
    registers.load(platform, "rules", rules(FULL))
    assert registers.load(platform, "rules", rules({})).same == 1
    assert stored(platform)[0].hours == "22:00-06:00"


@pytest.mark.parametrize("other", [{"hours": ""}, {"place": "road"}, {"assisting": ("S2", "S1")}, {"assisting": ()}])
def test_a_stored_rule_is_not_rewritten(platform: Platform, other: dict[str, Any]) -> None:
    registers.load(platform, "rules", rules(FULL))
    with pytest.raises(Conflict, match="R1"):
        registers.load(platform, "rules", rules(FULL | other))


@pytest.mark.parametrize("word", ["@owner", "@maintainer", "@supervisor"])
def test_the_unit_may_be_the_one_that_the_part_names(platform: Platform, word: str) -> None:
    assert registers.load(platform, "rules", rules({"unit": word})).added == 1
    assert stored(platform)[0].unit == word


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"unit": "@keeper"}, "unit names '@keeper', which is no registered unit"),
        ({"unit": "D9"}, "unit names 'D9', which is no registered unit"),
        ({"owner": "D9"}, "owner names 'D9', which is no registered unit"),
        ({"maintainer": "@owner"}, "maintainer names '@owner', which is no registered unit"),
        ({"assisting": ("S1", "S9")}, "assisting names 'S9', which is no registered unit"),
        ({"category": "77"}, "category names '77', which is no registered category"),
        ({"category": "01", "scheme": "GB"}, "category names 'GB 01', which is no registered category"),
        ({"category": "", "scheme": "GB"}, "category names 'GB', which is no registered category"),
        ({"source": "rumour"}, "source names 'rumour'; the place's sources are patrol, public"),
        ({"valid_from": "1999-01-01"}, "not there: D1 (R1, 1999-01-01 to open); end the rule with its unit"),
    ],
)
def test_a_rule_names_only_what_is_known(platform: Platform, row: dict[str, Any], said: str) -> None:
    with pytest.raises(DataFault) as raised:
        registers.load(platform, "rules", rules(row))
    assert said in str(raised.value)
    assert stored(platform) == []


def test_every_fault_is_said_at_once(platform: Platform) -> None:
    wrong = {"unit": "D9", "owner": "D8", "assisting": ("D7",), "category": "77", "source": "rumour"}
    early = FULL | {"code": "R2", "valid_from": "1999-01-01"}
    with pytest.raises(DataFault) as raised:
        registers.load(platform, "rules", rules(FULL | wrong, early))
    for word in ("'D9'", "'D8'", "'D7'", "'seed 77'", "'rumour'", "D1 (R2"):
        assert word in str(raised.value)


def test_a_rule_may_run_on_over_versions_of_its_unit_but_not_over_a_gap(platform: Platform) -> None:
    plain = {"code": "D5", "name": "", "name_en": "", "kind": "department", "contact": ""}
    periods = (("2001-01-01", "2005-01-01"), ("2005-01-01", "2010-01-01"), ("2011-01-01", None))
    versions = [plain | {"valid_from": since, "valid_to": until} for since, until in periods]
    registers.load_units(platform, pd.DataFrame(versions), None)
    within = rules({"unit": "D5", "valid_from": "2002-01-01", "valid_to": "2010-01-01"})
    assert registers.load(platform, "rules", within).added == 1
    days = {"code": "R2", "valid_from": "2002-01-01", "valid_to": "2012-01-01"}
    for column in ({"unit": "D5"}, {"assisting": ("D5",)}):
        with pytest.raises(DataFault, match=r"D5 \(R2, 2002-01-01 to 2012-01-01\)"):
            registers.load(platform, "rules", rules(days | column))


def test_a_category_says_which_parts_it_is_about(platform: Platform, connection: Connection) -> None:
    lamp = {"code": "0410", "parent": "04", "name": "路灯", "kind": "part", "part_types": ("01037", "01038")}
    frame = town.CATEGORIES.iloc[:1].assign(part_types=[()])
    frame = pd.concat([frame, frame.assign(**{name: [value] for name, value in lamp.items()})], ignore_index=True)
    merged = registers.load(platform, "categories", frame)
    assert (merged.added, merged.same) == (1, 1)
    with platform.store.begin(ALL) as inner:
        found = {c.code: c.part_types for c in store.categories(inner)}
    assert (found["0410"], found["01"]) == (("01037", "01038"), ())


def test_the_registers_of_the_sample_load_and_load_again(platform: Platform) -> None:
    folder = ROOT / "data/reference"
    registers.load_units(platform, read_register(folder / "units.csv", "units"), None)
    for name, held in (("categories", town.CATEGORIES), ("rules", town.RULES)):
        frame = read_register(folder / f"{name}.csv", name)
        frame = frame[~frame["code"].isin(held["code"])]
        assert registers.load(platform, name, frame).added == len(frame)
        assert registers.load(platform, name, frame).same == len(frame)


def test_the_templates_print_every_column() -> None:
    for register, optional in OPTIONAL.items():
        printed = CliRunner().invoke(gridward, [register, "load", "--template"]).output.strip()
        assert printed.split(",") == [*COLUMNS[register], "valid_from", "valid_to", *optional]
