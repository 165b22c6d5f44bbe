"""A load's way into the store: keys first, which number the cases, then whole columns by COPY; months it opens last.

Two transactions: that of the load, which holds its keys and everything else that is to be seen, and that of its rows,
which commits first, so that several sessions can index them. The load's: `begin`, for each batch `add_keys`, in the end
`end`; the rows': `make`, `set_defaults`, `open_months`, `add_rows`. See migration 0008.
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

__all__ = [
    "add_keys",
    "add_rows",
    "begin",
    "cancel",
    "end",
    "index_month",
    "make",
    "new_months",
    "open_months",
    "set_defaults",
    "sweep",
]

#: not by to_regclass, which may answer from before the last commit of another
_THERE: Final = """SELECT month FROM unnest(CAST(:months AS date[])) month WHERE EXISTS (SELECT FROM pg_catalog.pg_class
WHERE relname = 'cases_' || to_char(month, 'YYYYMM') AND relnamespace = CAST('gridward' AS regnamespace))"""
_OF_MONTHS: Final = "date_trunc('month', received_on) = ANY(CAST(:months AS date[]))"
_STAGE: Final = """CREATE TEMP TABLE IF NOT EXISTS staged_key (nth integer, key text COLLATE "C", digest text,
received_on date) ON COMMIT DROP; TRUNCATE staged_key"""


def begin(connection: Connection) -> tuple[int, Kinds]:
    """The number of a new load, which its transaction holds, and what `add_keys` takes; what broken-off loads left is
    dropped."""
    connection.execute(text(_STAGE))
    return connection.execute(text("SELECT begin_loading()")).scalar_one(), kinds_of(connection, "staged_key")


def make(connection: Connection, load: int) -> dict[str, Kinds]:
    """Make a load's own tables, which take the rows; what their columns are."""
    connection.execute(text("SELECT make_loading(:load)"), {"load": load})
    return {table: kinds_of(connection, table) for table in ("decision", "cases")}


def sweep(connection: Connection) -> None:
    """Drop what broken-off loads left."""
    connection.execute(text("SELECT sweep_loading()"))


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


def open_months(connection: Connection, load: int, months: Sequence[date]) -> None:
    """Let rows of these months come."""
    query = "SELECT loading_month(:load, m) FROM unnest(CAST(:months AS date[])) m"
    connection.execute(text(query), {"load": load, "months": list(months)})


def set_defaults(connection: Connection, load: int, defaults: Mapping[str, Mapping[str, str]]) -> None:
    """Let rows of a table that come without a column have this value in it: {table: {column: value}}."""
    values = [
        {"load": load, "table": t, "name": n, "value": v} for t, columns in defaults.items() for n, v in columns.items()
    ]
    if values:
        connection.execute(text("SELECT loading_default(:load, :table, :name, :value)"), values)


def add_rows(connection: Connection, load: int, tables: Mapping[str, Copied]) -> None:
    """COPY rows of decision and cases, whose columns bear the names of the tables'."""
    for table, rows in tables.items():
        copy_rows(connection, _name(load, table), rows)


def new_months(connection: Connection, months: Sequence[date]) -> list[date]:
    """Those of the months that are not there yet."""
    there = set(connection.execute(text(_THERE), {"months": list(months)}).scalars())
    return [month for month in months if month not in there]


def index_month(connection: Connection, load: int, month: date) -> None:
    """Give a month of a load its indexes, when its rows are committed."""
    connection.execute(text("SELECT index_month(:load, :month)"), {"load": load, "month": month})


def end(connection: Connection, load: int, months: Sequence[date]) -> None:
    """Put the rows where they belong; `months` are all that were opened.

    Rows of months that are there go first: from the handing over to the commit, whoever opens a month waits.
    """
    new = set(new_months(connection, months))
    there = [month for month in months if month not in new]
    if there:
        _insert(connection, load, _OF_MONTHS, there)
    if connection.execute(text("SELECT hand_over_months(:load)"), {"load": load}).scalar_one() > len(there):
        _insert(connection, load, f"NOT ({_OF_MONTHS})", there)  # others opened them in between
    connection.execute(text("SELECT end_loading(:load)"), {"load": load})


def cancel(connection: Connection) -> None:
    """Break off the statement that another thread waits for; nothing happens where there is none."""
    driver: Any = connection.connection.driver_connection
    with suppress(psycopg2.Error):  # the server has gone, which the other thread finds by itself
        driver.cancel()


def _insert(connection: Connection, load: int, which: str, months: Sequence[date]) -> None:
    for table in ("decision", "cases"):
        query = f"INSERT INTO {table} SELECT * FROM {_name(load, table)} WHERE {which}"
        connection.execute(text(query), {"months": list(months)})


def _name(load: int, table: str) -> str:
    return f"loading_{table}_{load}"
