"""Who may see what, asked of the database itself."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import town
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from gis.acts import Act
from gis.quads import ranges
from gis.reports import Report, ReportBatch
from gis.rights import ALL, PUBLIC, Rights, of_unit
from gis.services import casework, desk
from gis.services.platform import Platform
from gis.settings import Settings
from gis.store.engine import take_role

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'gridward'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1"
)


def report_at(platform: Platform, column: float, row: float, category: str = "0101") -> str:
    x, y = town.at(column, row)
    said = Report(x, y, "EPSG:4549", category, "public", NOW, 5.0, "words of a citizen")
    return casework.report(platform, said, client=None, now=NOW).no


def rows_seen(connection: Connection, rights: Rights, table: str) -> int:
    take_role(connection, rights)
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def refused(connection: Connection, statement: str) -> bool:
    """True when the database refuses the statement; the transaction goes on."""
    with connection.begin_nested() as point:
        try:
            connection.execute(text(statement))
        except DatabaseError:
            point.rollback()
            return True
    return False


def test_the_application_logs_in_without_any_power_of_its_own(connection: Connection) -> None:
    row = connection.execute(
        text(
            "SELECT current_user, rolsuper, rolbypassrls, rolcreaterole, rolinherit "
            "FROM pg_roles WHERE rolname = current_user"
        )
    ).one()
    assert tuple(row) == ("gridward_app", False, False, False, False)


def test_the_application_owns_nothing(connection: Connection) -> None:
    owned = connection.execute(
        text(
            "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid "
            "WHERE r.rolname = 'gridward_app' AND deptype = 'o'"
        )
    ).scalar_one()
    assert owned == 0


def test_without_a_class_role_every_table_is_closed(connection: Connection) -> None:
    tables = connection.execute(text(TABLES)).scalars().all()
    assert len(tables) >= 15
    for table in tables:
        assert refused(connection, f"SELECT * FROM gridward.{table}"), table


def test_every_table_forces_row_level_security_partitions_too(platform: Platform, connection: Connection) -> None:
    report_at(platform, 0.5, 0.5)
    rows = connection.execute(
        text(
            "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class "
            "WHERE relnamespace = 'gridward'::regnamespace AND relkind IN ('r', 'p')"
        )
    ).all()
    assert "cases_202611" in {name for name, _ in rows}
    assert [name for name, forced in rows if not forced] == []


@pytest.mark.parametrize("unit", ["", "S9"])
def test_a_unit_without_its_setting_or_unknown_sees_no_case(
    platform: Platform, connection: Connection, unit: str
) -> None:
    report_at(platform, 0.5, 0.5)
    for table in ("cases", "decision", "case_event"):
        assert rows_seen(connection, of_unit(unit), table) == 0


def test_a_unit_role_whose_setting_was_never_made_sees_no_case(settings: Settings, own_platform: Platform) -> None:
    report_at(own_platform, 0.5, 0.5)
    with create_engine(own_platform.settings.database_url or "", poolclass=NullPool).begin() as fresh:
        fresh.execute(text("SET LOCAL ROLE gridward_unit"))
        assert fresh.execute(text("SELECT current_setting('gridward.unit', true)")).scalar_one() in (None, "")
        assert fresh.execute(text("SELECT count(*) FROM gridward.cases")).scalar_one() == 0


def test_a_unit_sees_its_own_cases_with_evidence_and_events_and_no_others(
    platform: Platform, connection: Connection
) -> None:
    report_at(platform, 0.5, 0.5)  # 东街 S1
    report_at(platform, 5.0, 0.5)  # 西街 S2
    report_at(platform, 5.0, 0.5)
    assert [rows_seen(connection, of_unit("S1"), t) for t in ("cases", "decision", "case_event")] == [1, 1, 2]
    assert [rows_seen(connection, of_unit("S2"), t) for t in ("cases", "decision", "case_event")] == [2, 2, 4]
    assert rows_seen(connection, ALL, "cases") == 3


def test_the_public_counts_cases_and_reads_none(platform: Platform, connection: Connection) -> None:
    report_at(platform, 0.5, 0.5)
    take_role(connection, PUBLIC)
    assert connection.execute(text("SELECT count(placement) FROM cases")).scalar_one() == 1
    for column in ("geom", "quad", "description", "original_x", "received_at", "head"):
        assert refused(connection, f"SELECT {column} FROM cases"), column
    for table in ("decision", "case_event", "case_key", "part"):
        assert refused(connection, f"SELECT * FROM {table}"), table


@pytest.mark.parametrize("table", ["decision", "case_event", "release_event"])
def test_history_can_be_added_to_and_nothing_else(platform: Platform, connection: Connection, table: str) -> None:
    report_at(platform, 0.5, 0.5)
    take_role(connection, ALL)
    assert refused(
        connection, f"UPDATE {table} SET seq = 9" if table != "release_event" else "UPDATE release_event SET by = 'me'"
    )
    assert refused(connection, f"DELETE FROM {table}")


@pytest.mark.parametrize("table", ["decision", "case_step", "ruling", "release_event"])
def test_not_even_the_owner_changes_history(own_platform: Platform, table: str) -> None:
    no = report_at(own_platform, 0.5, 0.5)
    desk.rule(own_platform, no, "S2", Act("dispatcher", NOW, "theirs"))
    url = own_platform.settings.owner_url or ""
    with create_engine(url, poolclass=NullPool).connect() as owner:
        owner.execute(text(f"ALTER TABLE gridward.{table} NO FORCE ROW LEVEL SECURITY"))
        with pytest.raises(DatabaseError, match="is history"):
            owner.execute(text(f"DELETE FROM gridward.{table}"))
        owner.rollback()


def many(n: int) -> ReportBatch:
    rng = np.random.Generator(np.random.PCG64(7))
    x, y = 493000.0 + rng.uniform(0, 600, n), 3517000.0 + rng.uniform(0, 400, n)

    def words(value: str) -> np.ndarray:
        return np.full(n, value, dtype=object)

    return ReportBatch(
        row=np.arange(n),
        key=np.array([f"k{i}" for i in range(n)], dtype=object),
        digest=words("00"),
        x=x,
        y=y,
        crs="EPSG:4549",
        working_x=x,
        working_y=y,
        accuracy=np.full(n, 1.0),
        level=np.full(n, 0.68),
        part=words(""),
        received=np.datetime64("2026-10-01", "us") + np.arange(n).astype("timedelta64[m]"),
        closed=np.full(n, np.datetime64("NaT", "us")),
        category=words("0101"),
        source=words("public"),
        description=words(""),
    )


def plan(connection: Connection, statement: str) -> str:
    return "\n".join(connection.execute(text("EXPLAIN " + statement)).scalars())


def test_each_class_role_finds_cases_by_an_index(own_platform: Platform) -> None:
    casework.load(own_platform, many(20_000), namespace="n", by="test", now=NOW, on_step=lambda _: None)
    with create_engine(
        own_platform.settings.owner_url or "", poolclass=NullPool, isolation_level="AUTOCOMMIT"
    ).connect() as owner:
        owner.execute(text("ANALYZE gridward.cases"))
    x, y = town.at(0.5, 0.5)
    low, high = ranges((x - 5, y - 5, x + 5, y + 5))[0]
    by_quad = f"SELECT id FROM cases WHERE quad BETWEEN {low} AND {high}"
    by_box = f"SELECT id FROM cases WHERE geom && ST_MakeEnvelope({x - 5}, {y - 5}, {x + 5}, {y + 5}, 4549)"
    by_day = "SELECT count(*) FROM cases WHERE received_on = DATE '2026-10-03' AND id > 0"
    with own_platform.store.begin(ALL) as connection:
        assert "quad_idx" in plan(connection, by_quad)
        assert "geom_idx" in plan(connection, by_box)
    with own_platform.store.begin(of_unit("S1")) as connection:
        assert "quad_idx" in plan(connection, by_quad)
        # PostGIS' operators are not leakproof: under a restricted role their index cannot be used.
        assert "geom_idx" not in plan(connection, by_box)
    with own_platform.store.begin(PUBLIC) as connection:
        assert "_pkey" in plan(connection, by_day.replace(" AND id > 0", ""))


def test_the_application_cannot_take_what_it_was_not_given(connection: Connection) -> None:
    assert refused(connection, "SET LOCAL ROLE gridward_owner")
    assert refused(connection, "SET LOCAL ROLE postgres")
    assert refused(connection, "CREATE TABLE gridward.mine (i integer)")
