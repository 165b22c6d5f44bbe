"""Connections: every transaction takes one class role, so row-level security holds for whatever is done in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from select import POLLIN, poll
from typing import Any, Final, Protocol

import psycopg2
from psycopg2.extras import NamedTupleCursor
from sqlalchemy import Connection, Engine, PoolProxiedConnection, create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from gis.errors import DatabaseDown
from gis.rights import Rights

__all__ = [
    "ENCODING",
    "Connection",
    "Prepared",
    "Question",
    "Store",
    "ask",
    "sql_file",
    "take_role",
]


#: what we send, COPY's bytes included, is this, whatever PGCLIENTENCODING or the database prefers
ENCODING: Final = "utf8"
#: temp_buffers: a batch of a load is staged in memory; a connection that stages nothing takes none of it
_OPTIONS: Final = "-c search_path=gridward,public -c timezone=UTC -c temp_buffers=64MB"
#: the login role itself may do nothing
_ROLE: Final = "SET LOCAL ROLE %(role)s; SET LOCAL gridward.unit = %(unit)s"
_READ_ONLY: Final = "25006"  #: the server's code for a change where none may be made


class Prepared:
    """A statement that the server plans once for each connection, not at each execution.

    The server plans anew by itself when a table changed (a new month's partition, a migration); a connection made anew,
    after a restart too, gets the statement anew, because what was prepared is noted with the connection.
    """

    def __init__(self, name: str, statement: str, kinds: Mapping[str, str]) -> None:
        """`statement` has its values as :name, `kinds` their types."""
        dialect: Any = postgresql.dialect
        compiled: Any = text(statement).compile(dialect=dialect(paramstyle="numeric_dollar"))
        order = compiled.positiontup
        self._name = name
        self._prepare = f"PREPARE {name} ({', '.join(kinds[n] for n in order)}) AS {compiled}".replace("%", "%%")
        #: what executes it, in the driver's words
        self.words = f"EXECUTE {name} ({', '.join(f'%({n})s' for n in order)})"

    def lacks(self, connection: Connection | PoolProxiedConnection) -> bool:
        """True until the connection has it."""
        return self._name not in connection.info

    def prepare(self, connection: Connection) -> None:
        """Give it to a connection that lacks it; in a transaction whose role may do what it does."""
        if self.lacks(connection):
            connection.exec_driver_sql(self._prepare)
            connection.info[self._name] = True

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Run it; the result as of `Connection.execute`."""
        self.prepare(connection)
        return connection.exec_driver_sql(self.words, dict(values))


@dataclass(frozen=True, slots=True)
class Question:
    """What a transaction asks first, in one journey with its role; the last statement answers, with one row."""

    statements: tuple[Prepared, ...]
    values: Mapping[str, Any]

    def known_to(self, connection: Connection | PoolProxiedConnection) -> bool:
        """Whether the connection has all of its statements."""
        return not any(statement.lacks(connection) for statement in self.statements)


class _Begins(Protocol):
    def begin(self) -> AbstractContextManager[Connection]: ...


class Store:
    """The database of one place. Threads share it; make it after a fork, not before."""

    def __init__(self, source: Engine | _Begins) -> None:
        self._source = source

    @classmethod
    def at(cls, url: str, *, pool_size: int = 8) -> Store:
        """A store on a PostgreSQL address; nothing is opened before the first transaction."""
        return cls(
            create_engine(
                url,
                pool_size=pool_size,
                max_overflow=4,
                pool_use_lifo=True,  # the connection used last has its plans and caches warm
                connect_args={"options": _OPTIONS, "connect_timeout": 10, "client_encoding": ENCODING},
            )
        )

    @contextmanager
    def begin(self, rights: Rights) -> Iterator[Connection]:
        """One transaction under one class role; commits at the end, rolls back on any error."""
        with self._transaction(rights, None) as (connection, _):
            yield connection

    @contextmanager
    def begin_asking(self, rights: Rights, question: Question) -> Iterator[tuple[Connection, Any]]:
        """As `begin`, with the answer to a question that goes to the server together with the role."""
        with self._transaction(rights, question) as found:
            yield found

    def settle(self, rights: Rights, question: Question) -> Any:
        """The answer to a question that is a transaction by itself: what it stores is committed once it is answered.

        The server makes one transaction of all that comes in one message, so this is one journey to it instead of
        BEGIN, the question, and COMMIT; and it goes by the driver itself, since SQLAlchemy takes as long as a journey.
        It is not asked twice: a message that got no answer may have been obeyed.
        """
        if isinstance(self._source, Engine):
            with _faults_named(), closing(self._source.raw_connection()) as pooled:
                if question.known_to(pooled) and _is_silent(pooled):
                    return _settled(pooled, rights, question)
        with self.begin_asking(rights, question) as (_, answer):
            return answer

    @contextmanager
    def _transaction(self, rights: Rights, question: Question | None) -> Iterator[tuple[Connection, Any]]:
        with _faults_named(), ExitStack() as held:
            yield self._entered(held, rights, question)

    def _entered(self, held: ExitStack, rights: Rights, question: Question | None) -> tuple[Connection, Any]:
        """A transaction that has its role, and the answer to its question.

        After a kill -9 of the server every connection of the pool is dead, which shows at the first words sent: nothing
        can be committed by then, so the restarted server is asked the same on a fresh one. (A ping before each
        transaction would show it too, for another journey to the server.)
        """
        try:
            with ExitStack() as tried:
                connection = tried.enter_context(self._source.begin())
                answer = take_role(connection, rights, question)
                held.push(tried.pop_all())
                return connection, answer
        except DBAPIError as fault:
            if not fault.connection_invalidated:
                raise
        connection = held.enter_context(self._source.begin())
        return connection, take_role(connection, rights, question)

    @property
    def alone(self) -> bool:
        """Whether all its transactions are parts of one session's."""
        return not isinstance(self._source, Engine)

    def close(self) -> None:
        if isinstance(self._source, Engine):
            self._source.dispose()


@contextmanager
def _faults_named() -> Iterator[None]:
    """What the driver raises, as DatabaseDown where the database is down, or takes nothing."""
    try:
        yield
    except (DBAPIError, psycopg2.Error) as fault:
        said = fault.orig if isinstance(fault, DBAPIError) else fault
        first = next(iter(str(said).strip().splitlines()), "no word why")
        if getattr(said, "pgcode", None) == _READ_ONLY:
            raise DatabaseDown(
                f"The database takes nothing new ({first}): it is a standby, or was set read-only."
            ) from fault
        lost = isinstance(fault, DBAPIError) and fault.connection_invalidated
        if not (lost or isinstance(said, psycopg2.OperationalError | psycopg2.InterfaceError)):
            raise
        raise DatabaseDown(
            f"The database does not answer ({first}); see `gridward db status` and start it with `gridward db up`."
        ) from fault


def _is_silent(pooled: PoolProxiedConnection) -> bool:
    """False where the server has said something unasked: that it ended the connection."""
    driver: Any = pooled.driver_connection
    ear = poll()
    ear.register(driver.fileno(), POLLIN)
    return not ear.poll(0)


def _settled(pooled: PoolProxiedConnection, rights: Rights, question: Question) -> Any:
    driver: Any = pooled.driver_connection
    driver.autocommit = True  # no BEGIN of its own
    try:
        with driver.cursor(cursor_factory=NamedTupleCursor) as cursor:
            cursor.execute(*_message(question, _ROLE, {"role": rights.role, "unit": rights.unit}))
            return cursor.fetchone()
    finally:
        if driver.closed:
            pooled.invalidate()
        else:
            driver.autocommit = False


def take_role(connection: Connection, rights: Rights, question: Question | None = None) -> Any:
    """Take the class role for the rest of the transaction, and the answer to a question with it."""
    role = {"role": rights.role, "unit": rights.unit}
    if question is not None and question.known_to(connection):
        return _answer(connection, question, _ROLE, role)
    connection.exec_driver_sql(_ROLE, role)
    return None if question is None else ask(connection, question)


def ask(connection: Connection, question: Question) -> Any:
    """The answer to a question."""
    for statement in question.statements:
        statement.prepare(connection)
    return _answer(connection, question)


def _answer(
    connection: Connection, question: Question, first: str = "", values: Mapping[str, Any] | None = None
) -> Any:
    return connection.exec_driver_sql(*_message(question, first, values or {})).one()


def _message(question: Question, first: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What is sent to ask a question, after the words `first`: one message, and its values."""
    words = [*filter(None, [first]), *(statement.words for statement in question.statements)]
    return "; ".join(words), {**values, **question.values}


@cache
def sql_file(name: str) -> str:
    """The text of a statement kept in gis/store/sql."""
    return files("gis.store.sql").joinpath(name).read_text(encoding="utf-8")
