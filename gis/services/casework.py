"""Reports become cases: located, decided by rule, stored with their evidence, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from gis.crs import to_working
from gis.errors import BadOption, Conflict, SystemFault
from gis.periods import local_day
from gis.reports import Report, ReportBatch
from gis.rights import ALL
from gis.services.deciding import decided_rows, placement_of, taken
from gis.services.platform import Platform
from gis.store import cases as store
from gis.store import registers as register_store
from gis.store.engine import Connection

__all__ = ["LoadOutcome", "Reported", "is_known", "known_categories", "load", "place_again", "report", "OUTCOMES"]

OUTCOMES = ("located", "outside", "gap", "border_desk")

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """What became of each row: Σ stored + known = rows given; `differing` of the known said something else before."""

    stored: dict[str, int]
    known: int
    differing: int

    @property
    def new(self) -> int:
        return sum(self.stored.values())


@dataclass(frozen=True, slots=True)
class Reported:
    """The answer to one report; `created` is False when the same client's report was a case already."""

    no: str
    created: bool


def known_categories(p: Platform, day: date) -> frozenset[str]:
    """The codes of minor and major categories in force on `day`."""
    with p.store.begin(ALL) as connection:
        rows = register_store.categories(connection)
    return frozenset(c.code for c in rows if c.valid_from <= day and (c.valid_to is None or day < c.valid_to))


def is_known(p: Platform, namespace: str, key: str) -> bool:
    """True when a report of this key is stored."""
    with p.store.begin(ALL) as connection:
        return bool(store.known_keys(connection, namespace, [key]))


def load(p: Platform, batch: ReportBatch, *, namespace: str, by: str, now: datetime, on_step: Step) -> LoadOutcome:
    """Decide and store the reports of a batch whose keys are not stored yet; all of them or, on any error, none.

    `on_step` is told the name of each step as it begins: locate, decide, store.
    """
    with p.store.begin(ALL) as connection:
        store.lock_keys(connection, namespace)
        known = store.known_keys(connection, namespace, batch.key.tolist())
        fresh = np.array([key not in known for key in batch.key], dtype=bool)
        differing = sum(
            known[key][0].hex() != digest for key, digest in zip(batch.key[~fresh], batch.digest[~fresh], strict=True)
        )
        stored = dict.fromkeys(OUTCOMES, 0)
        if fresh.any():
            new = taken(batch, fresh)
            frame = decided_rows(p, connection, new, today=local_day(now, p.place.timezone), on_step=on_step)
            on_step("store")
            store.add_cases(connection, frame, namespace=namespace, by=by, at=now)
            for outcome, n in zip(*np.unique(frame["outcome"].astype(str), return_counts=True), strict=True):
                stored[str(outcome)] = int(n)
        if sum(stored.values()) + int((~fresh).sum()) != len(batch):
            raise SystemFault(
                f"{len(batch)} reports went in and {sum(stored.values())} came out; nothing was stored. "
                "This is a fault of Gridward: report it with the file."
            )
        return LoadOutcome(stored=stored, known=int((~fresh).sum()), differing=differing)


def report(p: Platform, said: Report, *, client: tuple[str, str] | None, now: datetime) -> Reported:
    """Decide and store one report. `client` is (device or account, its id for the report): the same id with the same
    words is the same case, with other words a Conflict."""
    namespace, key = client or ("", "")
    batch = _batch_of(p, said)
    with p.store.begin(ALL) as connection:
        if client:
            store.lock_keys(connection, namespace)
            known = store.known_keys(connection, namespace, [key]).get(key)
            if known:
                if known[0].hex() != batch.digest[0]:
                    raise Conflict(
                        f"client_id {key!r} was used for another report; send a new client_id with a new report."
                    )
                return Reported(case_no(p, known[1], known[2]), False)
        frame = decided_rows(p, connection, batch, today=local_day(now, p.place.timezone), on_step=lambda _: None)
        frame["key"] = key
        ids = store.add_cases(connection, frame, namespace=namespace if client else None, by="gridward", at=now)
        return Reported(case_no(p, frame["received_on"].iloc[0], ids[key]), True)


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
    import pandas as pd

    rows = store.misplaced(connection, today)
    if not rows:
        return 0
    locator = p.locator(connection, today)
    x, y = (np.array([getattr(row, axis) for row in rows], dtype=float) for axis in ("x", "y"))
    placement, status = placement_of(locator, locator.locate_many(x, y))
    frame = pd.DataFrame(
        {
            "received_on": [row.received_on for row in rows],
            "id": [row.id for row in rows],
            "placement": placement,
            "status": status,
        }
    )
    store.replace_placements(connection, frame)
    return len(rows)


def _batch_of(p: Platform, said: Report) -> ReportBatch:
    x, y = np.array([said.x]), np.array([said.y])
    east, north = to_working(x, y, crs=said.crs, working=p.place.crs)
    if not (np.isfinite(east[0]) and np.isfinite(north[0])):
        raise BadOption(
            f"x, y = {said.x}, {said.y} cannot be a position in {said.crs}; check the order (x is east) and crs."
        )
    accuracy = said.accuracy if said.accuracy is not None else p.place.default_accuracy[said.source]
    words = [said.x, said.y, said.crs, said.category, said.source, said.accuracy, said.part, said.description]
    digest = hashlib.sha256("\x1f".join(map(str, words)).encode()).hexdigest()
    moment = np.datetime64(said.received_at.astimezone(UTC).replace(tzinfo=None), "us")

    def one(value: str) -> NDArray[np.object_]:
        return np.array([value], dtype=object)

    return ReportBatch(
        row=np.array([1]),
        key=one(""),
        digest=one(digest),
        x=x,
        y=y,
        crs=said.crs,
        working_x=east,
        working_y=north,
        accuracy=np.array([accuracy], dtype=float),
        level=np.array([p.place.accuracy_level]),
        part=one(said.part),
        received=np.array([moment]),
        closed=np.array([np.datetime64("NaT", "us")]),
        category=one(said.category),
        source=one(said.source),
        description=one(said.description),
    )
