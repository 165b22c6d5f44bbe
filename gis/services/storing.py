"""Storing batch after batch of decided reports in one transaction, beside the work on the next batch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from gis.acts import Act
from gis.errors import SystemFault
from gis.store import cases as store
from gis.store.engine import Connection, CopyText, copy_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OUTCOMES", "Clash", "LoadOutcome", "Storing"]

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

    Two threads share the connection and never use it at once: the caller has it after `rest` until the next `put`.
    """

    def __init__(self, connection: Connection, namespace: str, act: Act, *, srid: int) -> None:
        self._connection, self._namespace, self._act, self._srid = connection, namespace, act, srid
        self._outcome = LoadOutcome()
        self._given = 0
        self._months: set[Any] = set()
        self._runs: list[tuple[int, int, Sequence[int] | NDArray[np.int64]]] = []  #: first id, last id, rows stored
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._pending: Future[None] | None = None

    def __enter__(self) -> Storing:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._worker.shutdown(wait=True)

    def rest(self) -> Connection:
        """The connection, when the database has stored what it was given."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None
        return self._connection

    def put(self, columns: Sequence[Mapping[str, Any]]) -> None:
        """Have a batch stored: its columns in any number of parts, each with the numbers of its rows as `row`."""
        import pandas as pd

        self._given += sum(len(part["row"]) for part in columns)
        if not columns:
            return
        # The text for COPY is made here, beside the database's work on the batch before.
        same = _constant(columns)
        frames = [pd.DataFrame({n: c for n, c in part.items() if n not in same}) for part in columns]
        frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
        rows = copy_text(frame.drop(columns="row"))
        self.rest()
        self._pending = self._worker.submit(self._store, frame, rows, same)

    def end(self) -> LoadOutcome:
        """What became of everything that was put."""
        self.rest()
        o = self._outcome
        if o.new + o.known + o.repeated + len(o.clashes) != self._given:
            raise SystemFault(
                f"{self._given} reports went in and {o.new} came out; nothing was stored. "
                "This is a fault of Gridward: report it with the file."
            )
        return o

    def _store(self, frame: pd.DataFrame, rows: CopyText, same: Mapping[str, Any]) -> None:
        store.stage_cases(self._connection, rows)
        frame = self._without_known(frame)
        if frame.empty:
            return
        self._open_months(frame["received_on"].to_numpy())
        first, last = store.add_staged(self._connection, self._namespace, self._act, srid=self._srid, same=same)
        self._runs.append((first, last, _short(frame["row"].to_numpy())))
        for outcome, n in frame["outcome"].value_counts().items():
            self._outcome.stored[str(outcome)] += int(n)

    def _without_known(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows whose keys are not stored yet; what became of the others is counted."""
        known = store.known_staged(self._connection, self._namespace)
        if not known:
            return frame
        here = [row for row in known if self._runs and row.case_id >= self._runs[0][0]]
        before = [row for row in known if not self._runs or row.case_id < self._runs[0][0]]
        moved = [(row.metres, row.case_id) for row in before if row.metres > _MOVED_M]
        self._outcome.known += len(before)
        self._outcome.differing += sum(not row.same or row.metres > _MOVED_M for row in before)
        self._outcome.moved += len(moved)
        self._outcome.moved_most = max([self._outcome.moved_most, *moved])
        self._outcome.repeated += sum(row.same for row in here)
        at = dict(zip(frame["key"], frame["row"], strict=True))
        self._outcome.clashes += [
            Clash(int(at[row.key]), row.key, self._row_of(row.case_id)) for row in here if not row.same
        ]
        return frame[~frame["key"].isin([row.key for row in known])]

    def _row_of(self, case_id: int) -> int:
        """The row that became a case in this load."""
        first, last, rows = self._runs[bisect_right(self._runs, case_id, key=lambda run: run[0]) - 1]
        if last - first + 1 == len(rows):
            return int(rows[case_id - first])
        ids = store.case_ids(self._connection, self._namespace, first, case_id)  # others took numbers in between
        return int(rows[len(ids) - 1])

    def _open_months(self, days: NDArray[np.datetime64]) -> None:
        months = set(np.unique(days.astype("datetime64[M]")).astype("datetime64[D]").tolist()) - self._months
        if months:
            store.open_months(self._connection, sorted(months))
            self._months |= months


def _constant(columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The columns that are one value in every part, and the same."""
    first = {name: c for name, c in columns[0].items() if c is None or isinstance(c, str | float)}
    return {
        name: value
        for name, value in first.items()
        if all(type(part[name]) is type(value) and part[name] == value for part in columns[1:])
    }


def _short(rows: NDArray[np.int64]) -> Sequence[int] | NDArray[np.int64]:
    """Row numbers in as little memory as they need: a range where none is missing.

    >>> _short(np.array([3, 4, 5])), _short(np.array([3, 5])).tolist()
    (range(3, 6), [3, 5])
    """
    whole = range(int(rows[0]), int(rows[0]) + len(rows))
    return whole if np.array_equal(rows, whole) else rows
