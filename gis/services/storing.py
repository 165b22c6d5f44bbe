"""Storing batch after batch of decided reports, all of them or none, beside the work on the next batch."""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from math import hypot
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gis.acts import Act
from gis.errors import SystemFault
from gis.reports import ReportBatch
from gis.rights import ALL
from gis.services.deciding import local_times, take
from gis.services.rows import alike, keys_of, rows_of, tables_of
from gis.store import loading
from gis.store.engine import Connection, Store

__all__ = ["OUTCOMES", "Clash", "LoadOutcome", "Storing", "uncollected"]

Rows = Sequence[int] | NDArray[np.int64]

_BUILDERS: Final = 2  #: sessions that build indexes at once
_MOVED_M: Final = 0.01  #: a known report that lies farther from where it was is in another place
OUTCOMES = ("located", "outside", "gap", "border_desk")


@dataclass(frozen=True, slots=True)
class Clash:
    """Row `row` of a load has the key of its earlier row `first`, with other words; it is not stored."""

    row: int
    key: str
    first: int


@dataclass(slots=True)
class LoadOutcome:
    """What became of each row: Σ stored + known + repeated + clashes = rows given.

    `known`: stored before this load, `differing` of them with other words or in another place; `repeated`: as an
    earlier row of this load.
    """

    stored: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    known: int = 0
    differing: int = 0
    repeated: int = 0
    clashes: list[Clash] = field(default_factory=list)
    moved: int = 0  #: of the known, those that lie elsewhere now
    moved_most: tuple[float, int] = (0.0, 0)  #: the farthest of them: metres, case
    moved_crs: str = ""  #: the CRS in which that one was reported
    unknown_parts: int = 0  #: rows whose picked part was not there on their day
    unknown_part_rows: list[tuple[int, str]] = field(default_factory=list)  #: (row, identifier) of the first of them

    @property
    def new(self) -> int:
        return sum(self.stored.values())


class Storing:
    """Takes batches one after the other; while the database stores one, the caller makes the next.

    Two threads share the connection and never use it at once: the caller has it after `rest` until it gives the next
    order. The rows go by a transaction of their own, for nobody to see until that of the connection hands them over.
    """

    def __init__(self, store: Store, connection: Connection, namespace: str, act: Act, *, srid: int) -> None:
        self._store, self._connection = store, connection
        self._namespace, self._act, self._srid = namespace, act, srid
        self._outcome = LoadOutcome()
        self._given = 0
        self._months: set[Any] = set()
        self._defaults: dict[str, dict[str, str]] = {}  #: what is the same in every row, of the first rows
        self._runs: list[tuple[int, Rows, Rows]] = []  #: first id, ids, rows stored
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._pending: Future[Any] | None = None
        self._stopped = False
        self._load, self._key_kinds = loading.begin(connection)
        self._of_rows = ExitStack()  #: their transaction

    def __enter__(self) -> Storing:
        with ExitStack() as opened:
            self._rows = self._busy = opened.enter_context(self._store.begin(ALL))
            self._kinds = loading.make(self._rows, self._load)
            self._of_rows = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stop()
        self._worker.shutdown(wait=True)
        self._of_rows.__exit__(kind, fault, trace)

    def rest(self) -> Connection:
        """The connection, when the database has done what it was given."""
        if self._pending is not None:
            self._pending.result()
        return self._connection

    def fresh(self, batches: Iterable[ReportBatch], zone: str) -> Iterator[ReportBatch]:
        """Of each batch the reports that are not stored yet, with numbers; what became of the others is counted.

        A batch is read one ahead: its keys are looked up while the one before it is decided.
        """
        before: tuple[ReportBatch, Future[Any]] | None = None
        for batch in batches:
            keys = keys_of(batch.key, batch.digest, local_times(batch.received, zone)[0], self._key_kinds)
            ahead = batch, self._order(loading.add_keys, self._connection, self._namespace, keys)
            if before is not None:
                yield self._without_known(before[0], *before[1].result())
            before = ahead
        if before is not None:
            yield self._without_known(before[0], *before[1].result())

    def put(self, parts: Sequence[tuple[Mapping[str, Any], NDArray[Any]]]) -> None:
        """Have a batch stored: its columns in any number of parts, each with the event that every decision was."""
        for columns, kind in parts:
            words, counts = np.unique(columns["outcome"].astype(str), return_counts=True)
            for word, n in zip(words.tolist(), counts.tolist(), strict=True):
                self._outcome.stored[word] += n
            self._open_months(columns["received_on"])
            tables = tables_of(columns, kind, self._act, srid=self._srid)
            if not self._defaults:
                self._defaults = alike(tables)
                self._order(loading.set_defaults, self._rows, self._load, self._defaults)
            # What COPY sends is made here, beside the database's work on the batch before.
            self._order(loading.add_rows, self._rows, self._load, rows_of(tables, self._defaults, self._kinds))

    def end(self) -> LoadOutcome:
        """What became of everything that was put, when the last of it is where it belongs."""
        self.rest()
        self._of_rows.close()
        months = sorted(self._months)
        self._index(loading.new_months(self._connection, months))
        self._order(loading.end, self._connection, self._load, months)
        self.rest()
        o = self._outcome
        if o.new + o.known + o.repeated + len(o.clashes) != self._given:
            raise SystemFault(
                f"{self._given} reports went in and {o.new} came out; nothing was stored. "
                "This is a fault of Gridward: report it with the file."
            )
        return o

    def _index(self, months: Sequence[date]) -> None:
        """Several sessions build the indexes of different months: a core each."""

        def build(month: date) -> None:
            with self._store.begin(ALL) as session:
                loading.index_month(session, self._load, month)

        with ThreadPoolExecutor(1 if self._store.alone else _BUILDERS, thread_name_prefix="index") as builders:
            list(builders.map(build, months))

    def _order(self, do: Callable[..., Any], connection: Connection, *what: Any) -> Future[Any]:
        """Have the other thread do something after what it was given before; nothing more once something failed."""
        last = self._pending

        def after() -> Any:
            if last is not None:
                last.result()
            if self._stopped:
                raise CancelledError
            self._busy = connection
            return do(connection, *what)

        self._pending = self._worker.submit(after)
        return self._pending

    def _stop(self) -> None:
        """Begin nothing more, and break off what the database is at: nobody waits for what is not wanted."""
        self._stopped = True
        while self._pending is not None and not self._pending.done():
            loading.cancel(self._busy)
            wait([self._pending], timeout=1.0)  # again where it fell between two statements

    def _without_known(self, batch: ReportBatch, known: Sequence[Any], ids: NDArray[np.int64]) -> ReportBatch:
        self._given += len(batch)
        fresh = np.ones(len(batch), dtype=bool)
        fresh[[row.nth for row in known]] = False
        self._count_known(batch, known)
        if len(ids):
            self._runs.append((int(ids[0]), _short(ids), _short(batch.row[fresh])))
        return replace(take(batch, fresh) if known else batch, id=ids)

    def _count_known(self, batch: ReportBatch, known: Sequence[Any]) -> None:
        here = [row for row in known if self._runs and row.case_id >= self._runs[0][0]]
        before = [row for row in known if not self._runs or row.case_id < self._runs[0][0]]
        metres = [hypot(batch.working_x[row.nth] - row.x, batch.working_y[row.nth] - row.y) for row in before]
        moved = [(far, row.case_id) for far, row in zip(metres, before, strict=True) if far > _MOVED_M]
        self._outcome.known += len(before)
        self._outcome.differing += sum(not row.same or far > _MOVED_M for far, row in zip(metres, before, strict=True))
        self._outcome.moved += len(moved)
        self._outcome.moved_most = max([self._outcome.moved_most, *moved])
        self._outcome.repeated += sum(row.same for row in here)
        self._outcome.clashes += [
            Clash(int(batch.row[row.nth]), row.key, self._row_of(row.case_id)) for row in here if not row.same
        ]

    def _row_of(self, case_id: int) -> int:
        """The row that became a case in this load."""
        _, ids, rows = self._runs[bisect_right(self._runs, case_id, key=lambda run: run[0]) - 1]
        return int(rows[int(np.searchsorted(ids, case_id))])  # others took numbers in between

    def _open_months(self, days: NDArray[np.datetime64]) -> None:
        months = set(np.unique(days.astype("datetime64[M]")).astype("datetime64[D]").tolist()) - self._months
        if months:
            self._order(loading.open_months, self._rows, self._load, sorted(months))
            self._months |= months


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave the collector of cycles alone for a while: columns are none, and it walks over millions of words and finds
    nothing, for a tenth of a load's time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _short(numbers: NDArray[np.int64]) -> Rows:
    """Ascending numbers in as little memory as they need: a range where none is missing.

    >>> _short(np.array([3, 4, 5])), _short(np.array([3, 5])).tolist()
    (range(3, 6), [3, 5])
    """
    whole = range(int(numbers[0]), int(numbers[0]) + len(numbers))
    return whole if np.array_equal(numbers, whole) else numbers
