"""Reports become cases: located, decided by rule, stored with their evidence, all of a load or none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.acts import Act
from gis.assignment.compiled import threads
from gis.errors import Conflict, GridwardError, UnknownCategory
from gis.periods import local_day
from gis.reports import Report, ReportBatch
from gis.rights import ALL
from gis.services.columns import table_of
from gis.services.deciding import Basis, Decided, Version, basis_of, latest_basis, placement
from gis.services.picks import count_unknown, require_picked
from gis.services.platform import Platform
from gis.services.positions import position_in_reach
from gis.services.storing import OUTCOMES, LoadOutcome, Storing, uncollected
from gis.services.whys import evidence_at_once
from gis.store import areas as area_store
from gis.store import cases as store
from gis.store import loading
from gis.store import registers as register_store
from gis.store.engine import Connection, Question, ask
from gis.store.reports import Filing

__all__ = [
    "LoadOutcome",
    "Reported",
    "is_known",
    "known_categories",
    "load",
    "load_many",
    "place_again",
    "report",
    "OUTCOMES",
]

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reported:
    """The answer to one report; `created` is False when the same client's report was a case already: what became of it
    since is read with the case, and only a new one brings its state and evidence."""

    no: str
    created: bool
    state: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


def known_categories(p: Platform, day: date) -> frozenset[str]:
    """The codes of minor and major categories in force on `day`."""
    with p.store.begin(ALL) as connection:
        rows = register_store.categories(connection)
    return frozenset(c.code for c in rows if c.in_force(day))


def is_known(p: Platform, namespace: str, key: str) -> bool:
    """True when a report of this key is stored."""
    with p.store.begin(ALL) as connection:
        return bool(store.known_keys(connection, namespace, [key]))


def load(p: Platform, batch: ReportBatch, *, namespace: str, by: str, now: datetime, on_step: Step) -> LoadOutcome:
    """Decide and store the reports of a batch whose keys are not stored yet; all of them or, on any error, none."""
    return load_many(p, [batch], namespace=namespace, act=Act(by, now), on_step=on_step)


def load_many(
    p: Platform,
    batches: Iterable[ReportBatch],
    *,
    namespace: str,
    act: Act,
    on_step: Step = lambda _: None,
    accept: Callable[[LoadOutcome], None] = lambda _: None,
) -> LoadOutcome:
    """Decide and store batch after batch, all of them or none, in memory for a few; what raises leaves nothing stored.

    A batch is read and decided while the database stores the one before it: the step `store` is the waiting for that.
    `accept` sees the outcome before it is committed and may raise. `on_step` is told the name of each step as it
    begins: locate, decide, store; `batches` may tell of its own.
    """
    with _swept(p), p.store.begin(ALL) as connection:
        store.lock_keys(connection, namespace)
        area_store.lock_boundaries(connection, alone=False)
        storing, picks = Storing(p.store, connection, namespace, act, srid=p.srid), LoadOutcome()
        # The database has the other core; a kernel's idle threads would wait on it, busily.
        with storing, threads(1), uncollected():
            today = local_day(act.at, p.place.timezone)
            decided = Decided(p, basis_of(p, connection), today, storing.rest)
            for batch in storing.fresh(batches, p.place.timezone):
                parts = []
                for columns, d in decided.columns(batch, on_step):
                    count_unknown(picks, columns["row"], d)
                    parts.append((columns, d.state))
                on_step("store")
                storing.put(parts)
            on_step("store")
            outcome = storing.end()
            if outcome.moved:
                outcome.moved_crs = store.original_crs(connection, outcome.moved_most[1])
            outcome.unknown_parts, outcome.unknown_part_rows = picks.unknown_parts, picks.unknown_part_rows
        accept(outcome)
        return outcome


@contextmanager
def _swept(p: Platform) -> Iterator[None]:
    """A load that breaks off leaves no tables; one that is killed leaves them to the next load."""
    try:
        yield
    except BaseException:  # - and goes on as it came
        with suppress(GridwardError), p.store.begin(ALL) as connection:
            loading.sweep(connection)
        raise


def report(p: Platform, said: Report, *, client: tuple[str, str] | None, now: datetime) -> Reported:
    """Decide and store one report. `client` is (device or account, its id for the report): the same id with the same
    words is the same case, with other words a Conflict. Raises UnknownCategory.

    It is decided by what the process holds, and the database stores it only if that still counts; otherwise, and where
    the process holds too little, it is decided again under the locks of the transaction.
    """
    batch = _batch_of(p, said, client[1] if client else "")
    day, today = (local_day(moment, p.place.timezone) for moment in (said.received_at, now))
    filing = Filing(client, day, Act("gridward", now), srid=p.srid)
    if (made := _foreseen(p, batch, today)) is not None:
        with ExitStack() as held:
            told = _told(p, made, lambda: held.enter_context(p.store.begin(ALL)))
        found = p.store.settle(ALL, _question(filing, made))
        if found.added is not None:
            return Reported(case_no(p, day, found.added), True, made.row["state"], told)
    with p.store.begin_asking(ALL, _question(filing, None)) as (connection, answer):
        found, made = answer, None
        while made is None or found.added is None:
            if found.case_id is not None:
                return _known(p, found, batch)
            basis = basis_of(p, connection, Version(found.version, found.newest_part))
            made = _decided(p, basis, batch, today, lambda: connection)
            found = ask(connection, _question(filing, made))
        told = _told(p, made, lambda: connection)
        return Reported(case_no(p, day, found.added), True, made.row["state"], told)


@dataclass(frozen=True, slots=True)
class _Made:
    """A decision as the row to be stored, and what it was made by."""

    basis: Basis
    row: dict[str, Any]


class _MustRead(Exception):
    """The process does not hold what a decision needs."""


def _foreseen(p: Platform, batch: ReportBatch, today: date) -> _Made | None:
    """A report decided without the database, by what last counted; None where that does not do."""

    def refuse() -> Connection:
        raise _MustRead

    basis = latest_basis(p)
    try:
        return None if basis is None else _decided(p, basis, batch, today, refuse)
    except (_MustRead, UnknownCategory):  # it is read, or refused, under the locks
        return None


def _decided(p: Platform, basis: Basis, batch: ReportBatch, today: date, rest: Callable[[], Connection]) -> _Made:
    category = batch.category[0]
    if not basis.knows(category, today):
        raise UnknownCategory(f"The category is {category!r}; wanted the code of one in force on {today}.")
    row, decisions = Decided(p, basis, today, rest).row(batch)
    if row["part_picked"]:
        require_picked(rest, row["part_picked"], row["received_on"], decisions)
    return _Made(basis, row)


def _told(p: Platform, made: _Made, rest: Callable[[], Connection]) -> Mapping[str, Any]:
    return evidence_at_once(p, rest, made.row, made.basis.register, by="gridward")


def _question(filing: Filing, made: _Made | None) -> Question:
    if made is None:
        return filing.question({}, version=None, newest_part=None)
    version = made.basis.version
    return filing.question(made.row, version=version.registers, newest_part=version.newest_part)


def _known(p: Platform, found: Any, batch: ReportBatch) -> Reported:
    """The case that the client's id belongs to already."""
    if bytes(found.digest).hex() != batch.digest[0]:
        raise Conflict(
            f"client_id {batch.key[0]!r} was used for another report; send a new client_id with a new report."
        )
    return Reported(case_no(p, found.received_on, found.case_id), False)


def case_no(p: Platform, day: date, number: int) -> str:
    """The number a case is known by: prefix, year and month received, running number."""
    return f"{p.place.case_prefix}{day:%y%m}-{number:07d}"


def case_id(p: Platform, no: str) -> int | None:
    """The running number within a case number; None when it is no case number of this place."""
    prefix, dash, number = no.strip().upper().partition("-")
    if not dash or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    return int(number) if prefix.startswith(p.place.case_prefix.upper()) else None


def place_again(p: Platform, connection: Connection, today: date) -> int:
    """Place every case whose areas are no longer awake today; returns how many were looked at."""
    rows = store.misplaced(connection, today)
    if not rows:
        return 0
    locator = p.locator(connection, today)
    x, y = (np.array([getattr(row, axis) for row in rows], dtype=float) for axis in ("x", "y"))
    placed, status = placement(locator, locator.locate_many(x, y))
    known = {"received_on": [row.received_on for row in rows], "id": [row.id for row in rows]}
    store.replace_placements(connection, table_of({**known, "placement": placed, "status": status}, len(rows)))
    return len(rows)


def _batch_of(p: Platform, said: Report, key: str) -> ReportBatch:
    east, north = position_in_reach(p.place, said.x, said.y, said.crs)
    accuracy = said.accuracy if said.accuracy is not None else p.place.default_accuracy[said.source]
    words = [said.x, said.y, said.crs, said.category, said.source, said.accuracy, said.description]
    words += [said.level, said.part] if said.level is not None or said.part else []
    digest = hashlib.sha256("\x1f".join(map(str, words)).encode()).hexdigest()
    moment = np.datetime64(said.received_at.astimezone(UTC).replace(tzinfo=None), "us")

    def one(value: str) -> NDArray[np.object_]:
        return np.array([value], dtype=object)

    return ReportBatch(
        row=np.array([1]),
        key=one(key),
        digest=one(digest),
        x=np.array([said.x]),
        y=np.array([said.y]),
        crs=said.crs,
        working_x=np.array([east]),
        working_y=np.array([north]),
        accuracy=np.array([accuracy], dtype=float),
        received=np.array([moment]),
        closed=np.array([np.datetime64("NaT", "us")]),
        category=one(said.category),
        source=one(said.source),
        description=one(said.description),
        level=p.place.accuracy_level if said.level is None else said.level,
        part=said.part,
    )
