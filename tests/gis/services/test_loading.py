"""A load's own tables: months that are new, months that are there, and who else writes meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool
from test_casework import NOW, batch, load, said

from gis.acts import Act
from gis.reports import ReportBatch
from gis.rights import ALL
from gis.services import casework
from gis.services.platform import Platform
from gis.services.schema import migrate
from gis.settings import Settings
from gis.store import loading
from gis.store.engine import Store, take_role

HEADS = """SELECT count(*) FROM cases c WHERE head <> (
    SELECT hash FROM case_event e WHERE e.received_on = c.received_on AND e.case_id = c.id ORDER BY seq DESC LIMIT 1)"""
INDEXES = """SELECT regexp_replace(indexdef, '[0-9]{6}|[a-z0-9_]+ ON', '', 'g') FROM pg_indexes
    WHERE schemaname = 'gridward' AND tablename = :table ORDER BY 1"""
RIGHTS = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = :name"
GRANTS = "SELECT coalesce(relacl::text, '') FROM pg_class WHERE relname = :name"
TRIGGERS = """SELECT string_agg(tgname, ',' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = (
    SELECT oid FROM pg_class WHERE relname = :name)"""
LEFT = "SELECT count(*) FROM pg_class WHERE relname LIKE 'loading\\_%'"


def months(n: int) -> ReportBatch:
    """Six reports, the first in September and the others in October 2026, every second one closed."""
    received = np.full(n, np.datetime64("2026-10-20T04:00", "us"))
    received[0] = np.datetime64("2026-09-20T04:00", "us")
    closed = np.where(np.arange(n) % 2, np.datetime64("2026-10-21T04:00", "us"), np.datetime64("NaT", "us"))
    return replace(batch(), received=received, closed=closed)


def scalar(connection: Connection, query: str, **values: object) -> object:
    return connection.execute(text(query), values).scalar_one()


@contextmanager
def nobody_writes(settings: Settings, table: str) -> Iterator[None]:
    """Whoever would add a row to a table waits, as it would behind much work."""
    owner = create_engine(settings.owner_url or "", poolclass=NullPool)
    with owner.begin() as connection:
        connection.execute(text(f"LOCK TABLE gridward.{table} IN SHARE MODE"))
        yield


def test_new_months_are_handed_over_and_rows_of_others_inserted(platform: Platform, connection: Connection) -> None:
    october = replace(said(), received_at=datetime(2026, 10, 5, tzinfo=UTC))
    casework.report(platform, october, client=None, now=NOW)
    assert load(platform, months(6)).new == 6
    take_role(connection, ALL)
    found = connection.execute(text("SELECT tableoid::regclass::text, count(*) FROM cases GROUP BY 1 ORDER BY 1")).all()
    assert found == [("cases_202609", 1), ("cases_202610", 6)]
    assert scalar(connection, "SELECT count(*) FROM decision") == 7
    assert scalar(connection, HEADS) == 0
    assert scalar(connection, LEFT) == 0


def test_a_month_that_a_load_opened_is_like_one_that_a_report_opened(
    platform: Platform, connection: Connection
) -> None:
    november = replace(said(), received_at=datetime(2026, 11, 1, tzinfo=UTC))
    casework.report(platform, november, client=None, now=NOW)
    load(platform, months(6))
    for table in ("cases", "decision", "case_event"):
        mine, other = (
            connection.execute(text(INDEXES), {"table": f"{table}_{month}"}).scalars().all()
            for month in ("202609", "202611")
        )
        assert mine == other
        assert len(mine) == {"cases": 5, "decision": 1, "case_event": 1}[table]
        for query in (RIGHTS, GRANTS, TRIGGERS):
            assert scalar(connection, query, name=f"{table}_202609") == scalar(
                connection, query, name=f"{table}_202611"
            )
    take_role(connection, ALL)
    assert casework.load_many(platform, [months(6)], namespace="reports", act=Act("test", NOW)).known == 6


def test_reports_that_open_the_load_s_month_meanwhile_are_kept(own_platform: Platform) -> None:
    """Neither waits for the other until the load hands its months over."""
    numbers: list[str] = []
    report = replace(said(), received_at=datetime(2026, 10, 5, tzinfo=UTC))

    def batches() -> Iterator[ReportBatch]:
        yield months(6)
        yield replace(months(6), key=np.array([f"m{i}" for i in range(6)], dtype=object))
        thread = threading.Thread(
            target=lambda: numbers.append(casework.report(own_platform, report, client=None, now=NOW).no)
        )
        thread.start()
        thread.join(timeout=30)
        assert not thread.is_alive()

    outcome = casework.load_many(own_platform, batches(), namespace="reports", act=Act("test", NOW))
    assert outcome.new == 12
    assert len(numbers) == 1
    with own_platform.store.begin(ALL) as connection:
        assert scalar(connection, "SELECT count(*) FROM cases") == 13
        assert scalar(connection, "SELECT count(DISTINCT id) FROM cases") == 13
        assert scalar(connection, HEADS) == 0
        assert scalar(connection, LEFT) == 0


def test_loads_of_two_files_at_once_open_one_month_together(own_platform: Platform) -> None:
    outcomes: list[int] = []
    ready = threading.Barrier(2)

    def go(namespace: str) -> None:
        ready.wait()
        act = Act("test", NOW)
        outcomes.append(casework.load_many(own_platform, [months(6)], namespace=namespace, act=act).new)

    threads = [threading.Thread(target=go, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [6, 6]
    with own_platform.store.begin(ALL) as connection:
        assert scalar(connection, "SELECT count(*) FROM cases") == 12
        assert scalar(connection, "SELECT count(*) FROM decision") == 12
        assert scalar(connection, LEFT) == 0


def test_a_load_that_fails_on_the_way_leaves_no_tables_and_says_the_first_fault(own_platform: Platform) -> None:
    def batches() -> Iterator[ReportBatch]:
        yield months(6)
        old = np.full(6, np.datetime64("1850-01-01T00:00", "us"))
        yield replace(months(6), key=np.array([f"m{i}" for i in range(6)], dtype=object), received=old)

    with pytest.raises(Exception, match="1850"):
        casework.load_many(own_platform, batches(), namespace="reports", act=Act("test", NOW))
    with own_platform.store.begin(ALL) as connection:
        assert scalar(connection, "SELECT count(*) FROM cases") == 0
        assert scalar(connection, LEFT) == 0


def test_a_report_that_opens_a_month_does_not_wait_for_rows_of_months_that_exist(
    own_platform: Platform, own_database: Settings
) -> None:
    october, august = (replace(said(), received_at=datetime(2026, month, 5, tzinfo=UTC)) for month in (10, 8))
    casework.report(own_platform, october, client=None, now=NOW)
    filling = threading.Thread(target=lambda: load(own_platform, months(6)))
    opening = threading.Thread(target=lambda: casework.report(own_platform, august, client=None, now=NOW))
    with nobody_writes(own_database, "cases_202610"), own_platform.store.begin(ALL) as connection:
        filling.start()
        while not scalar(connection, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            time.sleep(0.01)
        opening.start()
        opening.join(timeout=15)
        waited = opening.is_alive()
    filling.join()
    opening.join()
    assert not waited
    with own_platform.store.begin(ALL) as connection:
        found = connection.execute(text("SELECT tableoid::regclass::text, count(*) FROM cases GROUP BY 1 ORDER BY 1"))
        assert found.all() == [("cases_202608", 1), ("cases_202609", 1), ("cases_202610", 6)]
        assert scalar(connection, "SELECT count(*) FROM decision") == 8
        assert scalar(connection, HEADS) == 0
        assert scalar(connection, LEFT) == 0


def test_a_load_that_is_stopped_breaks_off_what_the_database_is_at(
    own_platform: Platform, own_database: Settings
) -> None:
    class Stopped(Exception):
        pass

    def batches() -> Iterator[ReportBatch]:
        yield months(6)
        time.sleep(0.5)
        raise Stopped

    began = time.monotonic()
    release = threading.Event()

    def hold() -> None:
        with nobody_writes(own_database, "case_key"):
            held.set()
            release.wait(timeout=10)

    held = threading.Event()
    holding = threading.Thread(target=hold)
    holding.start()
    held.wait()
    with pytest.raises(Stopped):
        casework.load_many(own_platform, batches(), namespace="reports", act=Act("test", NOW))
    took = time.monotonic() - began
    release.set()
    holding.join()
    assert took < 5
    assert load(own_platform, months(6)).new == 6


def _killed_before_handing_over(settings: Settings) -> None:
    """In a process of its own: its rows are committed and indexed, and the hand-over is where it ends."""

    def end(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    loading.end = end
    load(Platform(settings, Store.at(settings.database_url or "")), months(6))


def test_a_load_killed_between_its_rows_and_their_handing_over_stored_nothing_and_the_next_one_tidies_up(
    own_database: Settings, own_platform: Platform
) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_killed_before_handing_over, args=(own_database,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    with own_platform.store.begin(ALL) as connection:
        assert scalar(connection, LEFT) == 18  # two tables with two months each, six indexes a month
        assert scalar(connection, "SELECT count(*) FROM cases") == 0
        assert scalar(connection, "SELECT count(*) FROM case_key") == 0
    assert load(own_platform, months(6)).new == 6
    with own_platform.store.begin(ALL) as connection:
        assert scalar(connection, LEFT) == 0
        assert scalar(connection, HEADS) == 0


def test_a_load_that_is_not_accepted_leaves_nothing(own_platform: Platform) -> None:
    def refuse(_: object) -> None:
        raise ValueError("too many are bad")

    act = Act("test", NOW)
    with pytest.raises(ValueError, match="too many are bad"):
        casework.load_many(own_platform, [months(6)], namespace="reports", act=act, accept=refuse)
    with own_platform.store.begin(ALL) as connection:
        assert scalar(connection, "SELECT count(*) FROM cases") == 0
        assert scalar(connection, "SELECT count(*) FROM case_key") == 0
        assert scalar(connection, LEFT) == 0


def test_a_load_does_not_tidy_up_what_another_is_at(own_platform: Platform) -> None:
    def batches() -> Iterator[ReportBatch]:
        yield months(6)
        act = Act("test", NOW)
        assert casework.load_many(own_platform, [months(6)], namespace="other", act=act).new == 6
        yield replace(months(6), key=np.array([f"m{i}" for i in range(6)], dtype=object))

    act = Act("test", NOW)
    assert casework.load_many(own_platform, batches(), namespace="reports", act=act).new == 12
    with own_platform.store.begin(ALL) as connection:
        assert scalar(connection, "SELECT count(*) FROM cases") == 18
        assert scalar(connection, LEFT) == 0


def test_keys_between_the_lowest_and_the_highest_stored_are_known_and_only_those(own_platform: Platform) -> None:
    """A load asks for keys one by one only where a stored one lies among them."""

    def keyed(*keys: str) -> ReportBatch:
        return replace(months(6), key=np.array(keys, dtype=object))

    assert load(own_platform, keyed("b", "d", "f", "é", "中", "B")).new == 6
    assert load(own_platform, keyed("g", "h", "i", "j", "k", "l")).new == 6
    outcome = load(own_platform, keyed("a", "b", "c", "中", "z", "Z"))
    assert (outcome.new, outcome.known) == (4, 2)
    outcome = load(own_platform, keyed("中", "B", "é", "l", "a", "Z"))
    assert (outcome.new, outcome.known) == (0, 6)


@pytest.mark.parametrize("encoding", ["GBK", "LATIN1", "SQL_ASCII"])
def test_words_arrive_as_they_are_whatever_encoding_the_surroundings_prefer(
    own_database: Settings, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", encoding)
    assert migrate(own_database) == []
    p = Platform(own_database, Store.at(own_database.database_url or ""))
    words = np.full(6, "路灯坏了 é", dtype=object)
    assert load(p, replace(months(6), description=words)).new == 6
    with p.store.begin(ALL) as connection:
        assert scalar(connection, "SELECT DISTINCT description FROM cases") == "路灯坏了 é"
    p.close()
