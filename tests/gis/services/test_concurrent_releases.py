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
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from worlds import faults, positions

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


@contextmanager
def boundaries_held(settings: Settings) -> Iterator[Callable[[int], None]]:
    """Hold the lock of the boundaries; what is yielded waits until so many others stand before it."""
    engine = create_engine(settings.database_url or "", poolclass=NullPool)
    query = text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )

    def wait_for(n: int) -> None:
        end = time.monotonic() + 60
        while (there := engine.connect().execute(query).scalar_one()) < n:
            assert time.monotonic() < end, f"only {there} of {n} came to the lock"
            time.sleep(0.02)

    with engine.begin() as connection:
        lock_boundaries(connection, alone=True)
        yield wait_for


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
        day = datetime(2025, 3 + k % 8, 1 + k % 28, 4, 0, tzinfo=UTC)
        said = Report(float(x), float(y), "EPSG:4549", "0501" if k % 4 == 0 else "0101", "public", day, 10.0)
        done.append(casework.report(p, said, client=(f"device {n}", str(k)), now=NOW).no)


def test_releases_that_change_while_reports_come_in_leave_no_case_between_two(
    own_platform: Platform, own_database: Settings, tmp_path: Path
) -> None:
    release = approved(own_platform)
    file = reports_csv(tmp_path / "reports.csv", 4000)
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
        waking = start(own_database, "boundaries", "activate", str(release), "--open-cases", "move")
        wait_for(6)
    assert waking.wait(timeout=120) == 0, waking.communicate()[0]
    boundaries.withdraw(own_platform, release, by="approver", reason="a mistake", now=NOW)
    again = approved(own_platform, day=date(2025, 7, 1))
    boundaries.activate(own_platform, again, by="approver", now=NOW, policy="move")
    assert load.wait(timeout=120) == 0, load.communicate()[0]
    stop.set()
    for thread in threads:
        thread.join(timeout=60)
    waking.communicate()
    load.communicate()
    numbers = [no for numbers in done for no in numbers]
    assert min(map(len, done)) >= 10
    assert len(set(numbers)) == len(numbers)
    assert one(own_database, "SELECT count(*) FROM cases") == 4000 + len(numbers)
    assert faults(own_database) == []
    without = "SELECT count(*) FROM cases c JOIN decision d ON d.case_id = c.id WHERE d.scope AND d.outcome = 'located' AND d.unit IS NULL"
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
