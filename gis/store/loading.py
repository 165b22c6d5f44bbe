"""A load's way into the store: keys first, which number the cases, then whole columns by COPY; months it opens last.

All of it happens in one transaction: `begin`, then for each batch `add_keys`, `set_defaults`, `open_months` and
`add_rows`, then `end`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, Final

import numpy as np
import psycopg2
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from gis.store.copying import Copied, Kinds, copy_rows, kinds_of
from gis.store.engine import sql_file

__all__ = ["add_keys", "add_rows", "begin", "cancel", "end", "open_months", "set_defaults"]

#: not by to_regclass, which may answer from before the last commit of another
_THERE: Final = """SELECT month FROM unnest(CAST(:months AS date[])) month WHERE EXISTS (SELECT FROM pg_catalog.pg_class
WHERE relname = 'cases_' || to_char(month, 'YYYYMM') AND relnamespace = CAST('gridward' AS regnamespace))"""
_OF_MONTHS: Final = "date_trunc('month', received_on) = ANY(CAST(:months AS date[]))"
_STAGE: Final = """CREATE TEMP TABLE IF NOT EXISTS staged_key (nth integer, key text COLLATE "C", digest text,
received_on date) ON COMMIT DROP; TRUNCATE staged_key"""


def begin(connection: Connection) -> dict[str, Kinds]:
    """Make this transaction's own tables, which take the rows (see migration 0007); what their columns are."""
    connection.execute(text("SELECT begin_loading()"))
    connection.execute(text(_STAGE))
    return {table: kinds_of(connection, table) for table in ("staged_key", "decision", "cases")}


def add_keys(connection: Connection, namespace: str, keys: Copied) -> tuple[list[Any], NDArray[np.int64]]:
    """Store the keys (nth, key, digest in hex, received_on) that are not there yet; their cases' numbers in order.

    Returns the known ones as rows (nth, key, case_id, same, x, y), and the numbers of the others.
    """
    connection.execute(text(_STAGE))
    copy_rows(connection, "staged_key", keys)
    known = list(connection.execute(text(sql_file("known_keys.sql")), {"namespace": namespace}))
    if known:
        nths = [row.nth for row in known]
        connection.execute(text("DELETE FROM staged_key WHERE nth = ANY(CAST(:nths AS int[]))"), {"nths": nths})
    told = connection.execute(text(sql_file("add_keys.sql")), {"namespace": namespace}).one()
    if told.ids is not None:
        return known, np.array(told.ids, dtype=np.int64)
    return known, np.arange(told.first, told.last + 1) if told.n else np.empty(0, dtype=np.int64)


def open_months(connection: Connection, months: Sequence[date]) -> None:
    """Let rows of these months come."""
    connection.execute(text("SELECT loading_month(m) FROM unnest(CAST(:months AS date[])) m"), {"months": list(months)})


def set_defaults(connection: Connection, defaults: Mapping[str, Mapping[str, str]]) -> None:
    """Let rows of a table that come without a column have this value in it: {table: {column: value}}."""
    values = [{"table": t, "name": n, "value": v} for t, columns in defaults.items() for n, v in columns.items()]
    if values:
        connection.execute(text("SELECT loading_default(:table, :name, :value)"), values)


def add_rows(connection: Connection, tables: Mapping[str, Copied]) -> None:
    """COPY rows of decision and cases, whose columns bear the names of the tables'."""
    for table, rows in tables.items():
        name = connection.execute(text("SELECT loading_name(:table)"), {"table": table}).scalar_one()
        copy_rows(connection, name, rows)


def end(connection: Connection, months: Sequence[date]) -> None:
    """Put the rows where they belong; `months` are all that were opened.

    Rows of months that are there go first: from the handing over to the commit, whoever opens a month waits.
    """
    there = list(connection.execute(text(_THERE), {"months": list(months)}).scalars())
    if there:
        _insert(connection, _OF_MONTHS, there)
    if connection.execute(text("SELECT hand_over_months()")).scalar_one() > len(there):
        _insert(connection, f"NOT ({_OF_MONTHS})", there)  # others opened them in between
    connection.execute(text("SELECT end_loading()"))


def cancel(connection: Connection) -> None:
    """Break off the statement that another thread waits for; nothing happens where there is none."""
    driver: Any = connection.connection.driver_connection
    with suppress(psycopg2.Error):  # the server has gone, which the other thread finds by itself
        driver.cancel()


def _insert(connection: Connection, which: str, months: Sequence[date]) -> None:
    for table in ("decision", "cases"):
        name = connection.execute(text("SELECT loading_name(:table)"), {"table": table}).scalar_one()
        connection.execute(text(f"INSERT INTO {table} SELECT * FROM {name} WHERE {which}"), {"months": list(months)})
