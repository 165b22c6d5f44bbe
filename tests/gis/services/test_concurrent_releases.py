"""Releases woken at once, and while reports come in: one after the other, and no case between two releases."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import town
from conftest import PLACE_FILE
from crashes import LOAD_OPTIONS, reports_csv
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool
from worlds import faults, positions

from gis.errors import StepRefused
from gis.reports import Report
from gis.services import boundaries, casework
from gis.services.platform import Platform
from gis.settings import Settings
from gis.store.areas import lock_boundaries

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
SECOND_DAY = date(2025, 6, 1)
#: b gives a cell to c and with it to the other street, e gains the gap
CHANGED = "aabccc\naabbcc\nddbecc\ndaeezz"
OTHER = "aabbbc\naabbcc\nddb.cc\nddeezz"


def approved(p: Platform, drawing: str = CHANGED, day: date = SECOND_DAY) -> int:
    delivery = town.delivery(drawing, valid_from=day)
    release = boundaries.stage(p, delivery, by="steward", now=NOW).release_id
    boundaries.approve(p, release, by="approver", now=NOW)
    return release


def start(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    own = {
        "GRIDWARD_HOME": str(settings.home),
        "GRIDWARD_CONFIG": str(PLACE_FILE),
        "GRIDWARD_DATABASE_URL": settings.database_url or "",
        "GRIDWARD_OWNER_URL": settings.owner_url or "",
    }
    return subprocess.Popen(
        [sys.executable, "-c", "from gis.cli import main; main()", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | own,
    )  # fmt: skip


def waiters(settings: Settings, n: int) -> None:
    """Wait until so many stand before a lock of this database."""
    query = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    end = time.monotonic() + 60
    while (there := one(settings, query)) < n:
        assert time.monotonic() < end, f"only {there} of {n} came to the lock"
        time.sleep(0.02)


@contextmanager
def boundaries_held(settings: Settings) -> Iterator[Callable[[int], None]]:
    """Hold the lock of the boundaries; what is yielded waits until so many others stand before it."""
    with create_engine(settings.database_url or "", poolclass=NullPool).begin() as connection:
        lock_boundaries(connection, alone=True)
        yield lambda n: waiters(settings, n)


def one(settings: Settings, query: str) -> Any:
    with create_engine(settings.database_url or "", poolclass=NullPool).begin() as connection:
        connection.execute(text("SET LOCAL ROLE gridward_all"))
        connection.execute(text("SET LOCAL search_path = gridward, public"))
        return connection.execute(text(query)).scalar_one()


def test_of_two_processes_that_wake_one_release_one_does_and_one_is_told(
    own_platform: Platform, own_database: Settings
) -> None:
    release = approved(own_platform)
    with boundaries_held(own_database) as wait_for:
        both = [start(own_database, "boundaries", "activate", str(release)) for _ in range(2)]
        wait_for(2)
    said = [process.communicate(timeout=60)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], said
    assert f"Release {release} is active; it can become active only from approved." in "".join(said)
    assert one(own_database, "SELECT count(*) FROM release_event WHERE step = 'active'") == 2
    assert faults(own_database) == []


@pytest.mark.parametrize("second_day", [SECOND_DAY, date(2025, 9, 1)])
def test_of_two_releases_woken_at_once_the_second_must_be_compared_with_the_first(
    own_platform: Platform, own_database: Settings, second_day: date
) -> None:
    releases = [approved(own_platform), approved(own_platform, OTHER, second_day)]
    with boundaries_held(own_database) as wait_for:
        both = [start(own_database, "boundaries", "activate", str(release)) for release in releases]
        wait_for(2)
    said = [process.communicate(timeout=60)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], said
    refused = next(words for process, words in zip(both, said, strict=True) if process.returncode)
    assert "compared with" in refused
    assert faults(own_database) == []


def test_the_same_delivery_staged_twice_at_once_is_one_release(
    own_platform: Platform, own_database: Settings, tmp_path: Path
) -> None:
    folder = town.write_delivery(tmp_path / "d", CHANGED, valid_from=SECOND_DAY)
    with boundaries_held(own_database) as wait_for:
        both = [start(own_database, "boundaries", "stage", str(folder)) for _ in range(2)]
        wait_for(2)
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert one(own_database, "SELECT count(*) FROM release") == 2
    assert faults(own_database) == []


def reporter(p: Platform, n: int, at_least: int, stop: threading.Event, done: list[str]) -> None:
    """Report one thing after the other until told to stop, and at least so many."""
    spots = positions(2000, seed=n)
    for k, (x, y) in enumerate(spots):
        if stop.is_set() and k >= at_least:
            return
        day = datetime(2025, 4 + k % 6, 1 + k % 28, 4, 0, tzinfo=UTC)
        said = Report(float(x), float(y), "EPSG:4549", "0501" if k % 4 == 0 else "0101", "public", day, 10.0)
        done.append(casework.report(p, said, client=(f"device {n}", str(k)), now=NOW).no)


def woken(p: Platform, release: int) -> None:
    """Wake a release; where new reports brought another kind of impact, approve it again, as a person must."""
    for _ in range(20):
        try:
            boundaries.activate(p, release, by="approver", now=NOW, policy="move")
            return
        except StepRefused as fault:
            if "approve it again" not in str(fault):
                raise
            boundaries.approve(p, release, by="approver", now=NOW)
    raise AssertionError(f"release {release} could not be woken between the reports")


def test_releases_that_change_while_reports_come_in_leave_no_case_between_two(
    own_platform: Platform, own_database: Settings, tmp_path: Path
) -> None:
    # Reports of before: they open the months, and an approval is for the kinds of changes that they show.
    first = start(
        own_database, "reports", "load", str(reports_csv(tmp_path / "first.csv", 1000, seed=1)), *LOAD_OPTIONS
    )
    assert first.wait(timeout=120) == 0, first.communicate()[0]
    first.communicate()
    release = approved(own_platform)
    file = reports_csv(tmp_path / "reports.csv", 4000, first=1000)
    stop = threading.Event()
    done: list[list[str]] = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=reporter, args=(own_platform, n, 10, stop, done[n]), name=f"reporter {n}")
        for n in range(4)
    ]
    with boundaries_held(own_database) as wait_for:
        load = start(own_database, "reports", "load", str(file), *LOAD_OPTIONS)
        for thread in threads:
            thread.start()
        wait_for(5)
        waking = threading.Thread(target=woken, args=(own_platform, release))
        waking.start()
        wait_for(6)
    waking.join(timeout=120)
    boundaries.withdraw(own_platform, release, by="approver", reason="a mistake", now=NOW)
    again = approved(own_platform, day=date(2025, 7, 1))
    woken(own_platform, again)
    loaded = load.communicate(timeout=120)[0]
    assert load.returncode == 0, loaded
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
    assert [row["status"] for row in boundaries.releases(own_platform)] == ["active", "withdrawn", "active"]
    numbers = [no for numbers in done for no in numbers]
    assert min(map(len, done)) >= 10
    assert len(set(numbers)) == len(numbers)
    assert one(own_database, "SELECT count(*) FROM cases") == 5000 + len(numbers)
    assert faults(own_database) == []
    without = (
        "SELECT count(*) FROM cases c JOIN decision d ON d.case_id = c.id "
        "WHERE d.scope AND d.outcome = 'located' AND d.unit IS NULL"
    )
    assert one(own_database, without) == 0


def test_a_report_that_waited_for_a_release_is_decided_on_it(own_platform: Platform, own_database: Settings) -> None:
    release = approved(own_platform)
    x, y = town.at(3.5, 2.5)  # the gap, which e gains
    said = Report(x, y, "EPSG:4549", "0101", "public", datetime(2025, 8, 1, 4, 0, tzinfo=UTC), 5.0)
    waking = threading.Thread(
        target=boundaries.activate, args=(own_platform, release), kwargs={"by": "approver", "now": NOW}
    )
    told: list[str] = []
    reporting = threading.Thread(
        target=lambda: told.append(casework.report(own_platform, said, client=None, now=NOW).no)
    )
    with boundaries_held(own_database) as wait_for:
        waking.start()
        wait_for(1)
        reporting.start()
        wait_for(2)
    waking.join(timeout=60)
    reporting.join(timeout=60)
    assert len(told) == 1
    assert one(own_database, "SELECT release_id FROM decision") == release
    assert faults(own_database) == []


def test_two_who_open_a_month_at_once_both_can(own_database: Settings) -> None:
    engine = create_engine(own_database.database_url or "", poolclass=NullPool)
    query = text("SELECT gridward.open_month(CAST(:day AS date))")

    def ready(connection: Connection) -> None:
        connection.execute(text("SET LOCAL ROLE gridward_all"))

    with engine.connect() as first, engine.connect() as second:
        with second.begin():  # a connection that has opened a month before, as a web server's have
            ready(second)
            second.execute(query, {"day": "2031-01-01"})
        faults_met: list[Exception] = []

        def open_second() -> None:
            try:
                with second.begin():
                    ready(second)
                    second.execute(query, {"day": "2031-02-01"})
            except ProgrammingError as fault:
                faults_met.append(fault)

        with first.begin():
            ready(first)
            first.execute(query, {"day": "2031-02-01"})
            other = threading.Thread(target=open_second)
            other.start()
            waiters(own_database, 1)
        other.join(timeout=60)
    assert faults_met == []
