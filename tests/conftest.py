"""One real PostGIS for the whole session, one template database, and a rollback after each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import town
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from gis.services import boundaries, registers
from gis.services.platform import Platform
from gis.services.schema import migrate
from gis.settings import Settings, load_settings
from gis.store.cluster import Cluster
from gis.store.engine import Store

ROOT = Path(__file__).resolve().parent.parent
PLACE_FILE = ROOT / "data/boundaries/zhonglou/place.toml"
NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 2)


class NoSkips:
    """A skipped test fails the run: what was not tried does not work."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(NoSkips(), "gridward-no-skips")


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """Settings whose home is a folder of this session, with a private cluster of its own."""
    home = Path(tempfile.mkdtemp(prefix="gridward-test-"))
    home.chmod(0o755)
    found = replace(load_settings(environ={"GRIDWARD_HOME": str(home)}), config=PLACE_FILE)
    cluster = Cluster.of(found)
    cluster.up()
    try:
        migrate(found)
        yield found
    finally:
        cluster.down()
        cluster.remove()
        shutil.rmtree(home, ignore_errors=True)


def load_town(platform: Platform) -> None:
    """The town of tests/town.py with its registers, awake from 2025 on."""
    staged = boundaries.stage(platform, town.delivery(), by="test", now=NOW)
    boundaries.approve(platform, staged.release_id, by="approver", now=NOW)
    boundaries.activate(platform, staged.release_id, by="test", now=NOW)
    registers.load_units(platform, town.UNITS, town.TERRITORIES)
    registers.load(platform, "categories", town.CATEGORIES)
    registers.load(platform, "rules", town.RULES)


@pytest.fixture(scope="session")
def engine(settings: Settings) -> Iterator[Engine]:
    """The session's database as gridward_app, with the town in it."""
    made = create_engine(
        Cluster.of(settings).url("gridward_app"),
        poolclass=NullPool,
        connect_args={"options": "-c search_path=gridward,public -c timezone=UTC"},
    )
    platform = Platform(settings, Store(made))
    load_town(platform)
    yield made
    made.dispose()


class Rollback:
    """An engine stand-in whose transactions are savepoints of one transaction that is never committed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with self.connection.begin_nested():
            yield self.connection


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection whose whole transaction is rolled back after the test."""
    with engine.connect() as found:
        outer = found.begin()
        yield found
        outer.rollback()


@pytest.fixture
def platform(settings: Settings, connection: Connection) -> Platform:
    """The platform on the town; everything a test stores is rolled back."""
    return Platform(settings, Store(Rollback(connection)))


@pytest.fixture
def own_database(settings: Settings, engine: Engine, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of a database of the test's own, copied from the session's: for tests that commit, kill, or race."""
    cluster = Cluster.of(settings)
    name = f"test_{abs(hash(request.node.nodeid)) % 10**9}"
    cluster.create_database(name, template="gridward")
    try:
        yield replace(
            settings,
            database_url=cluster.url("gridward_app", database=name),
            owner_url=cluster.url("gridward_owner", database=name),
        )
    finally:
        cluster.drop_database(name)


@pytest.fixture
def own_platform(own_database: Settings) -> Iterator[Platform]:
    """A platform on a database of the test's own: what it stores is committed."""
    assert own_database.database_url
    found = Platform(own_database, Store.at(own_database.database_url))
    yield found
    found.close()
