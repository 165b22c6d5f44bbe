"""Connections: every transaction takes one class role, so row-level security holds for whatever is done in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import InterfaceError, OperationalError

from gis.errors import DatabaseDown
from gis.rights import Rights

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Connection", "CopyText", "Store", "copy_frame", "copy_rows", "copy_text", "sql_file", "take_role"]


#: temp_buffers: a batch of a load is staged in memory; a connection that stages nothing takes none of it
_OPTIONS: Final = "-c search_path=gridward,public -c timezone=UTC -c temp_buffers=64MB"


class _Begins(Protocol):
    def begin(self) -> AbstractContextManager[Connection]: ...


class Store:
    """The database of one place. Threads share it; make it after a fork, not before."""

    def __init__(self, source: Engine | _Begins) -> None:
        self._source = source

    @classmethod
    def at(cls, url: str, *, pool_size: int = 8) -> Store:
        """A store on a PostgreSQL address; nothing is opened before the first transaction."""
        # pre-ping: after a kill -9 of the server the next request finds the restarted one instead of failing once.
        return cls(
            create_engine(
                url,
                pool_size=pool_size,
                max_overflow=4,
                pool_pre_ping=True,
                connect_args={"options": _OPTIONS, "connect_timeout": 10},
            )
        )

    @contextmanager
    def begin(self, rights: Rights) -> Iterator[Connection]:
        """One transaction under one class role; commits at the end, rolls back on any error."""
        try:
            with self._source.begin() as connection:
                take_role(connection, rights)
                yield connection
        except (OperationalError, InterfaceError) as fault:
            first = str(fault.orig).strip().splitlines()[0] if fault.orig else str(fault)
            raise DatabaseDown(
                f"The database does not answer ({first}); see `gridward db status` and start it with `gridward db up`."
            ) from fault

    def close(self) -> None:
        if isinstance(self._source, Engine):
            self._source.dispose()


def take_role(connection: Connection, rights: Rights) -> None:
    """Take the class role for the rest of the transaction; the login role itself may do nothing."""
    # Setting the parameter `role` is SET LOCAL ROLE, so that both go to the server at once.
    connection.execute(
        text("SELECT set_config('role', :role, true), set_config('gridward.unit', :unit, true)"),
        {"role": rights.role, "unit": rights.unit},
    )


@cache
def sql_file(name: str) -> str:
    """The text of a statement kept in gis/store/sql."""
    return files("gis.store.sql").joinpath(name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class CopyText:
    """A frame as the text that COPY takes, and the columns it is of."""

    columns: tuple[str, ...]
    text: BytesIO


def copy_text(rows: pd.DataFrame | pa.Table) -> CopyText:
    """A frame or table as CSV for COPY; missing values become NULL.

    Arrow quotes every text and leaves a missing value bare, which is just what COPY tells them apart by: whatever
    somebody typed, an empty text or \\N included, stays a text. (pandas' own writer took three times as long.)
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    buffer = BytesIO()
    pa_csv.write_csv(table, buffer, pa_csv.WriteOptions(include_header=False, quoting_style="needed"))
    buffer.seek(0)
    return CopyText(tuple(table.column_names), buffer)


def copy_frame(connection: Connection, table: str, frame: pd.DataFrame) -> None:
    """COPY a frame into a table whose columns bear the frame's names."""
    copy_rows(connection, table, copy_text(frame))


def copy_rows(connection: Connection, table: str, rows: CopyText) -> None:
    """COPY what was made into text before."""
    columns = ", ".join(f'"{name}"' for name in rows.columns)
    cursor: Any = connection.connection.cursor()
    try:
        # Each read waits for the interpreter's lock, milliseconds where another thread computes: few large ones.
        cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)", rows.text, 1 << 24)
    finally:
        cursor.close()
