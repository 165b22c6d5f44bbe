"""One report at a time: stored by a plan that is kept, told from memory, and no less true for that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import town
from deskwork import NEAR, NOW, TIE, act, load_rule, reported
from psycopg2.errors import DivisionByZero
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool
from test_concurrent_releases import approved, boundaries_held
from test_parts_register import COVER, part
from test_parts_register import load as load_parts
from worlds import faults

from gis.acts import Act
from gis.errors import DatabaseDown, UnknownCategory
from gis.reports import Report, ReportBatch
from gis.rights import ALL, PUBLIC
from gis.services import boundaries, casework, desk, precedents, registers
from gis.services.cases import why
from gis.services.platform import Platform
from gis.services.precedents import Ground
from gis.settings import Settings
from gis.store.cluster import Cluster
from gis.store.engine import Prepared, Question, Store
from gis.store.reports import Filing

SECOND = "32040401001000007"


def said(spot: tuple[float, float] = (0.5, 0.5), **changes: Any) -> Report:
    x, y = town.at(*spot)
    told = {"crs": "EPSG:4549", "category": "0101", "source": "public", "received_at": NOW, "accuracy": 10.0}
    return Report(x, y, **{**told, "description": '井盖 "%s" \\N {a,b}', **changes})


#: what may be different about a report -> the report
KINDS: dict[str, Report] = {
    "plain": said(),
    "near the border": said(NEAR),
    "on the border": said(TIE),
    "on a corner of three": said((4.0, 2.0), accuracy=300.0),
    "outside": said((40.0, 0.5)),
    "in the gap": said((3.5, 2.5)),
    "not ours": said((5.5, 3.5)),
    "by rule": said((5.5, 0.5), category="0501"),
    "by rule elsewhere": said((5.0, 0.5)),
    "in the river, on a road": said((5.0, 2.0), category="0501", accuracy=1.0),
    "before the first release": said(received_at=datetime(2024, 3, 1, 15, 59, tzinfo=UTC)),
    "on the release before": said(received_at=datetime(2026, 9, 1, 16, 0, tzinfo=UTC)),
    "another share of the error": said(level=0.95, accuracy=None),
    "one part": said(category="0401"),
    "two parts": said((0.7, 0.5), category="0401"),
    "a part picked": said((0.7, 0.5), category="0401", part=SECOND),
    "a precedent": said((4.0, 0.5)),
}


@pytest.fixture
def full(platform: Platform, tmp_path: Path) -> Platform:
    """The town with all that a decision may speak of: parts, rules with assistants, a precedent, two releases."""
    about = town.CATEGORIES.iloc[:1].assign(code="0401", parent="04", kind="part", part_types=[("01001",)])
    registers.load(platform, "categories", about)
    near = [part(SECOND, 0.7004, 0.5, maintenance_unit="S2"), part("32040401001000008", 0.6996, 0.5)]
    load_parts(platform, tmp_path, part(), *near)
    load_rule(platform, "R0", "D1", category="0101", area="320404002", assisting=("S1", "S2"))
    load_rule(platform, "R1", "@owner", category="0401")
    no = reported(platform, TIE)
    desk.rule(platform, no, "S2", act())
    precedents.make(platform, no, Ground(around=30.0), act())
    later = town.delivery(town.DRAWING, valid_from=date(2026, 10, 1))
    release = boundaries.stage(platform, later, by="steward", now=NOW).release_id
    boundaries.approve(platform, release, by="approver", now=NOW)
    boundaries.activate(platform, release, by="approver", now=NOW)
    return platform


def tell(p: Platform, one: Report) -> casework.Reported:
    return casework.report(p, one, client=None, now=NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_to_a_report_is_what_why_reads(full: Platform, kind: str) -> None:
    answer = tell(full, KINDS[kind])
    read = why(full, answer.no, rights=ALL)
    assert read.replay_agrees
    assert answer.evidence == read.evidence
    assert list(answer.evidence) == list(read.evidence)


def in_one_file(p: Platform) -> ReportBatch:
    """All the kinds as one batch, each with its kind as its key."""
    parts = [casework._batch_of(p, one, kind) for kind, one in KINDS.items()]
    columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(ReportBatch)}
    joined: dict[str, Any] = {n: np.concatenate(c) for n, c in columns.items() if isinstance(c[0], np.ndarray)}
    of_one = {"crs": "EPSG:4549", "level": np.array(columns["level"]), "part": np.array(columns["part"], dtype=object)}
    return ReportBatch(**{**joined, **of_one, "row": np.arange(len(parts)) + 1})


def test_reports_alone_are_stored_as_in_a_file(full: Platform, connection: Connection) -> None:
    numbers = {kind: int(tell(full, one).no.partition("-")[2]) for kind, one in KINDS.items()}
    with full.store.begin(ALL):
        casework.load_many(full, [in_one_file(full)], namespace="file", act=Act("gridward", NOW))
        keys = connection.execute(text("SELECT key, case_id FROM case_key WHERE namespace = 'file'")).all()
        assert {row.key for row in keys} == set(KINDS)
        for kind, in_file in keys:
            for table, own in (("decision", "case_id"), ("cases", "id")):
                query = text(f"SELECT * FROM {table} WHERE {own} IN (:one, :two)")
                rows = connection.execute(query, {"one": numbers[kind], "two": in_file}).mappings().all()
                one, two = ({k: v for k, v in row.items() if k not in (own, "head")} for row in rows)
                assert one == two, (kind, table)


def test_the_kinds_are_as_different_as_they_say(full: Platform) -> None:
    told = {kind: tell(full, one).evidence for kind, one in KINDS.items()}
    assert {e["outcome"] for e in told.values()} == {"located", "border_desk", "outside", "gap"}
    assert {e["settled_by"] for e in told.values()} == {"", "territory", "rule", "part", "precedent"}
    assert told["one part"]["part"]["code"] == COVER
    assert len(told["two parts"]["parts"]) >= 2
    assert told["a part picked"]["part"]["code"] == SECOND
    assert told["a precedent"]["precedent"]
    assert told["before the first release"]["release"] is None
    assert told["on the release before"]["release"] != told["plain"]["release"]
    assert told["in the river, on a road"]["places"]
    assert [u["code"] for u in told["by rule elsewhere"]["assisting"]] == ["S1", "S2"]
    assert len(told["on a corner of three"]["candidates"]) > 2


def test_the_next_report_is_decided_with_parts_loaded_since(platform: Platform, tmp_path: Path) -> None:
    about = town.CATEGORIES.iloc[:1].assign(code="0401", parent="04", kind="part", part_types=[("01001",)])
    registers.load(platform, "categories", about)
    assert tell(platform, KINDS["one part"]).evidence["part"] is None
    load_parts(platform, tmp_path, part())
    assert tell(platform, KINDS["one part"]).evidence["part"]["code"] == COVER


def test_the_next_report_is_decided_by_rules_loaded_since(platform: Platform) -> None:
    assert tell(platform, said()).evidence["unit"] == "S1"
    load_rule(platform, "R0", "D1", category="0101")
    assert tell(platform, said()).evidence["unit"] == "D1"


def test_a_category_must_be_in_force_today(platform: Platform) -> None:
    with pytest.raises(UnknownCategory, match="'77'"):
        tell(platform, said(category="77"))
    ended = town.CATEGORIES.assign(valid_to="2026-11-02")
    assert tell(platform, said()).created
    registers.load(platform, "categories", ended)
    with pytest.raises(UnknownCategory, match="in force on 2026-11-02"):
        tell(platform, said())
    with platform.store.begin(ALL) as connection:
        assert connection.execute(text("SELECT count(*) FROM cases")).scalar_one() == 1


def test_a_report_is_decided_once_while_nothing_changes(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int | None] = []

    def counted(filing: Filing, row: Any, *, version: int | None, newest_part: int | None) -> Question:
        seen.append(version)
        return question(filing, row, version=version, newest_part=newest_part)

    question = Filing.question
    monkeypatch.setattr(Filing, "question", counted)
    tell(platform, said())
    tell(platform, said(NEAR))
    first, second, third = seen
    assert (first, second) == (None, third)
    load_rule(platform, "R0", "D1", category="0101")
    assert tell(platform, said()).evidence["rule"] == "R0"
    assert seen[3] == third != seen[4]


def test_what_another_process_changed_counts_for_the_next_report(
    own_platform: Platform, own_database: Settings, tmp_path: Path
) -> None:
    other = Platform(own_database, Store.at(own_database.database_url or ""))
    assert tell(own_platform, said()).evidence["unit"] == "S1"
    load_rule(other, "R0", "D1", category="0101")
    assert tell(own_platform, said()).evidence["unit"] == "D1"
    registers.load(other, "categories", town.CATEGORIES.assign(valid_to="2026-11-02"))
    with pytest.raises(UnknownCategory):
        tell(own_platform, said())
    other.close()


def test_a_report_decided_before_a_release_woke_is_decided_again(
    own_platform: Platform, own_database: Settings
) -> None:
    gap = said((3.5, 2.5), received_at=datetime(2025, 8, 1, 4, 0, tzinfo=UTC))
    assert tell(own_platform, gap).state == "gap"  # what decides is held from now on
    release = approved(own_platform)
    told: list[casework.Reported] = []
    woken = {"target": boundaries.activate, "args": (own_platform, release), "kwargs": {"by": "approver", "now": NOW}}
    threads = [threading.Thread(**woken), threading.Thread(target=lambda: told.append(tell(own_platform, gap)))]  # type: ignore[arg-type]
    with boundaries_held(own_database) as wait_for:
        for n, thread in enumerate(threads, 1):
            thread.start()
            wait_for(n)
    for thread in threads:
        thread.join(timeout=60)
    assert [answer.evidence["release"] for answer in told] == [release]
    assert told[0].state == "dispatched"
    assert told[0].evidence == why(own_platform, told[0].no, rights=ALL).evidence
    assert faults(own_database) == []


def executed(p: Platform) -> list[int]:
    """How often the kept statement ran on the pool's connection, if that has it: by a generic plan, by another."""
    with p.store.begin(ALL) as connection:
        query = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'add_case'"
        return list(connection.execute(text(query)).one_or_none() or ())


def test_the_plan_of_the_statement_that_stores_a_report_is_kept(own_platform: Platform) -> None:
    assert executed(own_platform) == []
    for _ in range(9):
        tell(own_platform, said())
    generic, custom = executed(own_platform)
    # A process that holds nothing yet asks once more: by what it has to decide.
    assert (generic + custom, generic >= 3) == (9 + 1, True)


def test_a_new_month_is_stored_by_the_kept_plan(own_platform: Platform) -> None:
    days = [NOW - timedelta(days=31 * n) for n in (0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 3)]
    for day in days:
        assert tell(own_platform, said(received_at=day)).created
    assert sum(executed(own_platform)) == len(days) + 1


def test_a_migration_under_a_kept_plan_changes_nothing(own_platform: Platform, own_database: Settings) -> None:
    for _ in range(7):
        tell(own_platform, said())
    with create_engine(own_database.owner_url or "", poolclass=NullPool).begin() as owner:
        owner.execute(text("ALTER TABLE gridward.cases ADD COLUMN later text NOT NULL DEFAULT 'x'"))
        owner.execute(text("ALTER TABLE gridward.decision ALTER COLUMN engine TYPE varchar"))
    for _ in range(7):
        assert tell(own_platform, said()).created
    assert sum(executed(own_platform)) == 14 + 1


def killed(settings: Settings, which: str = "true") -> None:
    """End every connection to a database, as a restart of the server does; or `which` of them."""
    name = (settings.database_url or "").split("?")[0].rsplit("/", 1)[1]
    query = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' AND {which}"
    assert int(Cluster.of(settings)._sql(query, database="postgres")) > 0


def test_after_a_restart_of_the_server_the_next_report_is_stored(
    own_platform: Platform, own_database: Settings
) -> None:
    for _ in range(7):
        tell(own_platform, said())
    with own_platform.store.begin(ALL), own_platform.store.begin(ALL):
        pass  # two connections in the pool, both about to die
    killed(own_database)
    assert [tell(own_platform, said()).created for _ in range(3)] == [True] * 3
    assert sum(executed(own_platform)) == 3


def test_a_connection_lost_within_a_transaction_is_no_second_try(
    own_platform: Platform, own_database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(p: Platform, rest: Callable[[], Connection], *args: Any, **named: Any) -> Any:
        killed(own_database)
        return rest().execute(text("SELECT 1"))

    monkeypatch.setattr(casework, "evidence_at_once", lost)
    with pytest.raises(DatabaseDown):
        tell(own_platform, said())
    monkeypatch.undo()
    assert tell(own_platform, said()).created
    assert cases_in(own_platform) == 1


def cases_in(p: Platform) -> int:
    with p.store.begin(ALL) as connection:
        return int(connection.execute(text("SELECT count(*) FROM cases")).scalar_one())


def test_a_connection_lost_while_it_is_answered_is_no_second_try(
    own_platform: Platform, own_database: Settings
) -> None:
    tell(own_platform, said())
    told: list[str] = []

    def post() -> None:
        try:
            told.append(tell(own_platform, said()).no)
        except DatabaseDown as fault:
            told.append(str(fault))

    thread = threading.Thread(target=post)
    with boundaries_held(own_database) as wait_for:
        thread.start()
        wait_for(1)
        killed(own_database, "wait_event_type = 'Lock'")
        thread.join(timeout=60)
    assert "does not answer" in told[0]
    assert cases_in(own_platform) == 1
    assert tell(own_platform, said()).created


KEYED = Prepared(
    "keyed",
    "INSERT INTO case_key (namespace, key, digest, received_on, case_id) "
    "VALUES ('test', :key, '', '2026-11-02', 1) RETURNING current_user AS by",
    {"key": "text"},
)


def test_what_a_question_stores_is_committed_with_its_answer(own_platform: Platform, own_database: Settings) -> None:
    source: Any = own_platform.store._source
    with own_platform.store.begin(ALL) as connection:
        KEYED.prepare(connection)
    assert own_platform.store.settle(ALL, Question((KEYED,), {"key": "one"})).by == "gridward_all"
    with source.connect() as after:
        assert after.connection.driver_connection.autocommit is False
        assert after.execute(text("SELECT current_user")).scalar_one() == "gridward_app"
    other = Platform(own_database, Store.at(own_database.database_url or ""))
    assert casework.is_known(other, "test", "one")
    other.close()


def test_a_question_that_fails_stores_nothing(own_platform: Platform) -> None:
    failing = Prepared("failing", "SELECT 1 / :nought AS n", {"nought": "integer"})
    with own_platform.store.begin(ALL) as connection:
        KEYED.prepare(connection)
        failing.prepare(connection)
    with pytest.raises(DivisionByZero):
        own_platform.store.settle(ALL, Question((KEYED, failing), {"key": "one", "nought": 0}))
    assert not casework.is_known(own_platform, "test", "one")


def test_a_server_that_takes_nothing_new_says_so(own_platform: Platform, own_database: Settings) -> None:
    tell(own_platform, said())
    name = (own_database.database_url or "").split("?")[0].rsplit("/", 1)[1]
    cluster = Cluster.of(own_database)
    cluster._sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on", database="postgres")
    killed(own_database)
    with pytest.raises(DatabaseDown, match="takes nothing new .*read-only"):
        tell(own_platform, said())
    cluster._sql(f"ALTER DATABASE {name} RESET default_transaction_read_only", database="postgres")
    killed(own_database)
    assert tell(own_platform, said()).created


def test_a_kept_plan_serves_no_other_role(platform: Platform) -> None:
    statement = Prepared("count_parts", "SELECT count(*) FROM part WHERE name <> :name", {"name": "text"})
    with platform.store.begin(ALL) as connection:
        assert statement.execute(connection, {"name": "'; %s"}).scalar_one() == 0
    with pytest.raises(ProgrammingError, match="permission denied"), platform.store.begin(PUBLIC) as connection:
        statement.execute(connection, {"name": ""})
