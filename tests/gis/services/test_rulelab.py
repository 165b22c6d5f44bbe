"""The rule lab: faults of a file of rules, and what it would have done to the reports there were; nothing is stored."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import town
from click.testing import CliRunner, Result
from conftest import NOW, TODAY
from deskwork import reported
from sqlalchemy import Connection, text

from etl.cli_rules import rules as commands
from gis.errors import BadOption, FileFault, NotFound
from gis.rights import ALL
from gis.rules import Rule
from gis.services import boundaries
from gis.services.platform import Platform
from gis.services.rulelab import backtest, find_faults
from gis.store.engine import take_role

SINCE = date(2026, 1, 1)
HEAD = "code,order,category,area,unit,valid_from,valid_to,reason_zh,reason_en,assisting\n"
OPEN = Rule("R", 10, "", "", "S1", "r", "r", date(2000, 1, 1))


def lint(p: Platform, path: Path, *rows: str) -> tuple[int, dict[str, Any]]:
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    told = run(p, "lint", "--rules", str(path), "--at", "2026-11-02", "--json")
    return told.exit_code, json.loads(told.stdout)


def run(p: Platform, *words: str) -> Result:
    obj = SimpleNamespace(settings=p.settings, platform=p)
    found = CliRunner().invoke(commands, list(words), obj=obj)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def test_every_fault_of_a_file_is_found_and_stops_a_script(platform: Platform, tmp_path: Path) -> None:
    code, found = lint(
        platform,
        tmp_path / "rules.csv",
        "A,10,05,,D1,2000-01-01,,r,r,",
        "B,10,05,,S1,2000-01-01,,r,r,",  # contradicts A
        "C,20,0501,,S2,2000-01-01,,r,r,",  # A meets first
        "E,30,01,,D7,2000-01-01,,r,r,",  # no such unit
        "F,40,01,,S1,2000-01-01,,r,r,S1",  # helps itself
    )
    kinds = Counter(finding["kind"] for finding in found["findings"])
    assert code == 1
    assert set(kinds) >= {"unknown", "self", "unreachable"}
    first = {f["rules"][0] for f in found["findings"] if f["kind"] in ("contradictory", "unreachable")}
    assert first >= {"B", "C"}
    assert not any(f["note"] for f in found["findings"] if f["kind"] not in ("shadowed", "unchecked"))


def test_a_code_that_stands_twice_for_a_day_is_found(platform: Platform, tmp_path: Path) -> None:
    twice = (OPEN, replace(OPEN, unit="S2", valid_from=date(2020, 1, 1)))
    assert "overlap" in {finding.kind for finding in find_faults(platform, twice, day=TODAY).findings}
    with pytest.raises(FileFault, match="give 'G' twice for the same days"):
        lint(platform, tmp_path / "rules.csv", "G,50,01,,S1,2000-01-01,,r,r,", "G,50,01,,S2,2020-01-01,,r,r,")


def test_what_is_only_noted_does_not_stop_a_script(platform: Platform, tmp_path: Path) -> None:
    rows = ["A,10,0501,,S1,2000-01-01,,r,r,", "B,20,05,,D1,2000-01-01,,r,r,"]
    code, found = lint(platform, tmp_path / "rules.csv", *rows)
    assert [(f["kind"], f["note"]) for f in found["findings"]] == [("shadowed", True)]
    assert found["holes"] == []
    assert code == 0
    assert "0 finding(s), 1 note(s), 0 hole(s)." in run(platform, "lint", "--rules", str(tmp_path / "rules.csv")).stdout


def test_ground_of_a_unit_that_ended_is_a_hole(platform: Platform) -> None:
    from gis.services import registers

    assert find_faults(platform, (), day=TODAY).holes == []
    registers.load_units(platform, town.UNITS.iloc[[1]].assign(valid_to="2026-11-01"), None)
    assert {area for _, area in find_faults(platform, (), day=TODAY).holes} == {"320404002"}


def contents(connection: Connection) -> list[Any]:
    take_role(connection, ALL)
    tables = ("cases", "decision", "case_event", "rule", "release_event")
    return [connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2, 3")).all() for table in tables]


def judged(p: Platform, tested: Any) -> None:
    """The sums of a back-test hold: what left a unit and what came makes the difference, and nothing is lost."""
    result = tested.result
    assert sum(load.before for load in result.loads) == sum(load.after for load in result.loads) == result.looked_at
    assert sum(move.count for move in result.moves) == result.changed
    for load in result.loads:
        gone = sum(m.count for m in result.moves if m.before == load.unit)
        come = sum(m.count for m in result.moves if m.after == load.unit)
        assert (load.before - gone, load.after - come) == (load.kept, load.kept)
    for move in result.moves:
        assert sum(n for _, n in move.categories) == move.count
        assert all(tested.numbers[n].startswith(p.place.case_prefix) for n in move.cases)


def test_a_back_test_is_what_reporting_everything_again_would_give(platform: Platform, connection: Connection) -> None:
    spots = [(0.5, 0.5), (1.5, 1.5), (5.0, 0.5), (3.95, 0.5), (9.0, 9.0), (3.5, 2.5), (5.5, 3.5)]
    for spot in spots:
        for category in ("0101", "0501"):
            reported(platform, spot, category=category)
    before = contents(connection)
    tried = (replace(OPEN, code="X", category="01", unit="S2"),)
    tested = backtest(platform, since=SINCE, rules=tried)
    judged(platform, tested)
    # 0101 in street 1 goes to S2 (and needs no desk near the line); 0501 falls to the territories, unsure near the line
    assert {(m.before, m.after): m.count for m in tested.result.moves} == {
        ("S1", "S2"): 2, ("border_desk", "S2"): 1, ("D1", "S1"): 2, ("D1", "S2"): 1, ("D1", "border_desk"): 1,
    }  # fmt: skip
    assert contents(connection) == before
    assert backtest(platform, since=date(2026, 12, 1), rules=tried).result.looked_at == 0
    release = boundaries.stage(
        platform, town.delivery("aabbcc aabbcc ddbecc ddeezz", valid_from=date(2026, 12, 1)), by="t", now=NOW
    ).release_id
    before = contents(connection)
    staged = backtest(platform, since=SINCE, release_id=release)
    judged(platform, staged)
    assert {(m.before, m.after): m.count for m in staged.result.moves} == {("gap", "S2"): 1, ("gap", "D1"): 1}
    assert contents(connection) == before


def test_samples_are_the_lowest_cases_whenever_they_were_received(platform: Platform) -> None:
    received = [NOW - timedelta(hours=hours) for hours in range(8)]  # each file of reports is older than the one before
    numbers = [reported(platform, (0.5, 0.5), received_at=at) for at in received]
    tested = backtest(platform, since=SINCE, rules=(replace(OPEN, unit="S2"),))
    [move] = tested.result.moves
    assert [tested.numbers[n] for n in move.cases] == numbers[:5]


def test_a_back_test_needs_something_to_try(platform: Platform) -> None:
    with pytest.raises(BadOption, match="Nothing to try"):
        run(platform, "backtest")
    with pytest.raises(NotFound, match="There is no release 4711"):
        backtest(platform, since=SINCE, release_id=4711)
