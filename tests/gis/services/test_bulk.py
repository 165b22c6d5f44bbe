"""An assigner decides as `reports load` does, without a database, and says of every row what became of it."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import town
from sqlalchemy import Connection, text
from test_parts_register import load, part

from gis.reports import ReportBatch
from gis.services import boundaries, casework, registers
from gis.services.bulk import Assigner, Points, Said, Words, assigner, standing, stored_points
from gis.services.platform import Platform

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
TIMES = ("2024-12-31T15:00", "2024-12-31T17:00", "2026-03-01T12:00")  # before the town's first day, on it, later


def spread(n: int, seed: int = 1) -> tuple[Any, Any]:
    """Positions over the town and a little beyond, the first ones on borders."""
    chance = np.random.default_rng(seed)
    found = np.array([town.at(c, r) for c, r in chance.uniform((-0.3, -0.3), (6.3, 4.3), (n, 2))])
    found[:4] = [town.at(4, 0.5), town.at(2, 1), town.at(3.5, 2.5), town.at(0, 0)][:n]
    return found[:, 0], found[:, 1]


def batch(n: int) -> ReportBatch:
    x, y = spread(n)
    rank = np.arange(n)

    def words(*values: str) -> Any:
        return np.array(values, dtype=object)[rank % len(values)]

    return ReportBatch(
        row=rank + 1,
        key=np.array([f"k{i}" for i in rank], dtype=object),
        digest=np.array([f"{i:064x}" for i in rank], dtype=object),
        x=x,
        y=y,
        crs="EPSG:4549",
        working_x=x,
        working_y=y,
        accuracy=np.array([5.0, 20.0, 80.0])[rank % 3],
        level=np.full(n, 0.68),
        received=np.array(TIMES, dtype="datetime64[us]")[rank % 7 % 3],
        closed=np.full(n, np.datetime64("NaT", "us")),
        category=words("0101", "0501"),
        source=words("public", "patrol"),
        description=words(""),
        part=words(""),
    )


def coded(column: Any) -> Words:
    values, number = np.unique(column.astype(str), return_inverse=True)
    return Words(tuple(values.tolist()), number)


def said(b: ReportBatch) -> Said:
    return Said(
        b.x,
        b.y,
        b.crs,
        id=b.key,
        received=b.received,
        category=coded(b.category),
        accuracy=b.accuracy,
        source=coded(b.source),
        part=coded(b.part),
    )


def answered(a: Assigner, points: Points) -> dict[str, list[Any]]:
    return {name: column.to_pylist() for name, column in a.assign(points).items()}


def as_stored(platform: Platform, connection: Connection, reports: ReportBatch) -> dict[str, list[Any]]:
    """The answers to reports, which are those that `reports load` stores for them, column by column."""
    casework.load(platform, reports, namespace="reports", by="test", now=NOW, on_step=lambda _: None)
    a: Assigner = pickle.loads(pickle.dumps(assigner(platform)))
    found = answered(a, a.judge(said(reports), at=NOW))
    stored = connection.execute(
        text(
            "SELECT k.key, d.*, r.code AS rule, p.code AS part FROM decision d "
            "JOIN case_key k ON k.case_id = d.case_id LEFT JOIN rule r ON r.id = d.rule_id "
            "LEFT JOIN part p ON p.id = d.part_id WHERE k.namespace = 'reports'"
        )
    ).all()
    codes: dict[Any, str] = {None: ""} | dict(map(tuple, connection.execute(text("SELECT id, code FROM area"))))
    rows = {row.key: row for row in stored}
    assert len(rows) == len(found["id"]) == len(reports)
    for i, key in enumerate(found["id"]):
        row = rows[key]
        assert [found[level][i] for level in ("street", "community", "cell")] == [codes[a] for a in row.area_ids]
        assert (found["x"][i], found["y"][i]) == (row.x, row.y)
        assert found["status"][i] == row.statuses[0]
        assert found["on_border"][i] == any(row.on_borders)
        assert found["border_distance_m"][i] == row.border_distance_m
        assert (found["unit"][i], found["forward_to"][i]) == (row.unit or "", row.forward_to or "")
        assert (found["rule"][i], found["precedent"][i], found["part"][i]) == (
            row.rule or "",
            row.precedent_id,
            row.part or "",
        )
        assert (found["confidence"][i], found["runner_up_unit"][i]) == (row.confidence, row.runner_up_unit or "")
        assert (found["outcome"][i], found["reason"][i]) == (row.outcome, row.desk_reason)
        assert found["release"][i] == row.release_id
    return found


def test_every_row_is_decided_as_reports_load_decides_it(platform: Platform, connection: Connection) -> None:
    found = as_stored(platform, connection, batch(400))
    assert set(found["outcome"]) == {"located", "border_desk", "gap", "outside"}
    assert len(set(found["release"])) == 2


def test_reports_about_parts_too(platform: Platform, connection: Connection, tmp_path: Path) -> None:
    about = town.CATEGORIES.iloc[:1].assign(code="0401", parent="04", kind="part", part_types=[("01001",)])
    registers.load(platform, "categories", about)
    registers.load(platform, "rules", town.RULES.assign(code="R04", ord="7", category="0401", unit="@owner"))
    spots = [(float(c), float(r)) for c, r in np.random.default_rng(2).uniform((0, 0), (6, 4), (60, 2))]
    made = [part(f"32040401001{i:06d}", c, r, owner_unit=("D1", "S1")[i % 2]) for i, (c, r) in enumerate(spots, 1)]
    assert load(platform, tmp_path, *made).added == len(made)
    reports = batch(400)
    picked = np.array([made[i % 60]["code"] if i % 8 == 0 else "" for i in range(400)], dtype=object)
    x = np.where(picked == "", reports.x, np.array([float(made[i % 60]["x"]) for i in range(400)]))
    category = np.array(["0401", "0101"], dtype=object)[np.arange(400) % 2]
    found = as_stored(platform, connection, replace(reports, working_x=x, x=x, category=category, part=picked))
    assert len(set(found["part"])) > 20
    assert {"R04", "R05", ""} > set(found["rule"]) > {"R04"}


def test_the_levels_stand_finest_first_as_in_the_export(platform: Platform) -> None:
    a = assigner(platform)
    assert list(a.assign(a.judge(said(batch(3)), at=NOW)))[:6] == ["id", "x", "y", "cell", "community", "street"]


def test_what_cannot_be_judged_is_rejected_with_its_reason(platform: Platform) -> None:
    a, b = assigner(platform), batch(10)
    x, accuracy, received, key = b.x.copy(), b.accuracy.copy(), b.received.copy(), b.key.copy()
    x[1], accuracy[4], accuracy[5], key[9] = np.nan, 0.0, np.nan, ""
    category, source = b.category.copy(), b.source.copy()
    source[2], category[3] = "nobody", "0999"
    received[6:9] = np.array(["NaT", "2026-11-02T04:01", "1999-12-31"], dtype="datetime64[us]")
    changed = replace(b, x=x, accuracy=accuracy, category=category, source=source, received=received, key=key)
    found = answered(a, a.judge(said(changed), at=NOW))
    wanted = ["position", "source", "category", "accuracy", "time", "time", "time", "id"]
    assert [found["reason"][i] for i in (1, 2, 3, 4, 6, 7, 8, 9)] == wanted
    assert [found["outcome"][i] == "rejected" for i in range(10)] == [i not in (0, 5) for i in range(10)]
    assert [found[name][1] for name in ("cell", "unit", "confidence", "release", "on_border")] == [None] * 5
    whole = answered(a, a.judge(said(b), at=NOW))
    assert whole["unit"][0] == found["unit"][0]
    assert found["confidence"][5] is not None  # no accuracy given: that of the source


def test_rows_do_not_depend_on_their_company(platform: Platform) -> None:
    a = assigner(platform)
    points = a.judge(said(batch(300)), at=NOW)
    whole = pa.table(a.assign(points)).to_pylist()
    for first in (0, 7, 299):
        one = Points(points.matters.taken(np.array([first])), points.id[[first]], points.reason[[first]])
        assert pa.table(a.assign(one)).to_pylist() == [whole[first]]
    none = Points(points.matters.taken(np.array([], dtype=int)), points.id[:0], points.reason[:0])
    assert pa.table(a.assign(none)).num_rows == 0


def test_a_file_that_says_little_is_decided_by_the_defaults(platform: Platform) -> None:
    a = assigner(platform)
    x, y = (np.array([v]) for v in town.at(0.5, 0.5))
    points = a.judge(Said(x, y, "EPSG:4549", first=8), at=NOW)
    assert points.id.tolist() == [8]
    assert points.matters.accuracy.tolist() == [platform.place.default_accuracy["public"]]
    assert points.matters.day.astype(str).tolist() == ["2026-11-02"]
    assert answered(a, points)["unit"] == ["S1"]


def test_the_token_is_of_the_content(platform: Platform) -> None:
    a = assigner(platform)
    before = a.token()
    a.assign(a.judge(said(batch(3)), at=NOW))
    assert pickle.loads(pickle.dumps(a)).token() == before == assigner(platform).token()
    registers.load(platform, "rules", town.RULES.assign(code="R06", ord="20", category="01", unit="D1"))
    assert assigner(platform).token() != before


def test_stored_cases_decided_anew_are_as_they_were_until_the_rules_change(platform: Platform) -> None:
    casework.load(platform, batch(60), namespace="reports", by="test", now=NOW, on_step=lambda _: None)

    def again() -> tuple[Any, dict[str, list[Any]]]:
        a = assigner(platform)
        pieces = list(standing(platform, datetime(2024, 1, 1).date(), 25))
        assert [len(piece["id"]) for piece in pieces] == [25, 25, 10]
        tables = [pa.table(a.assign(stored_points(p, coded(p["before"]), p["id"]))) for p in pieces]
        return tables, pa.concat_tables(tables).to_pydict()

    _, found = again()
    assert not any(found["changed"])
    assert found["unit_before"] == found["unit"]
    registers.load(platform, "rules", town.RULES.assign(code="R06", ord="5", category="01", unit="D1"))
    _, found = again()
    moved = [
        (was, now) for was, now, it in zip(found["unit_before"], found["unit"], found["changed"], strict=True) if it
    ]
    assert ("S1", "D1") in moved
    assert all(was != now for was, now in moved)


@pytest.mark.parametrize("at", [datetime(1999, 1, 1, tzinfo=UTC), NOW])
def test_categories_are_those_of_the_day(platform: Platform, at: datetime) -> None:
    a = assigner(platform)
    x, y = (np.array([v]) for v in town.at(0.5, 0.5))
    points = a.judge(Said(x, y, "EPSG:4549", category=Words(("0101",), np.array([0]))), at=at)
    assert (points.reason.tolist() == [0]) == (at is NOW)


def test_releases_to_come_are_there_too(platform: Platform) -> None:
    before = assigner(platform)
    later = town.delivery(valid_from=datetime(2026, 6, 1).date())
    staged = boundaries.stage(platform, later, by="test", now=NOW)
    boundaries.approve(platform, staged.release_id, by="approver", now=NOW)
    boundaries.activate(platform, staged.release_id, by="test", now=NOW)
    after = assigner(platform)
    assert after.release_ids == [*before.release_ids, staged.release_id]
    assert after.token() != before.token()
