"""Reports as columns ready to store: where they lie, who answers, each on the release of its day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, date
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gis.assignment.evidence import Decisions, decide
from gis.assignment.locator import Located, Locator
from gis.assignment.matters import Matters
from gis.assignment.register import Register
from gis.assignment.world import World
from gis.categories import Category
from gis.quads import encode
from gis.reports import ReportBatch
from gis.services.columns import decision_columns, decision_row, ids_by_level
from gis.services.platform import Platform
from gis.services.worlds import bare_world, parts_for
from gis.store import areas as area_store
from gis.store import parts as part_store
from gis.store import registers as register_store
from gis.store.engine import Connection

__all__ = ["Basis", "Decided", "Version", "basis_of", "latest_basis", "local_times", "placement", "take"]

Step = Callable[[str], None]
_LATEST: Final = "latest basis"


@dataclass(frozen=True, slots=True)
class Version:
    """What counts up when something changes that decisions follow from: a register or a release, or the parts."""

    registers: int
    newest_part: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What decisions follow from beside the areas themselves: it holds until its version changes.

    Release `ids[i]` is in force from `starts[i - 1]` on; ids[0] is None, for the days before the first release.
    """

    version: Version
    register: Register
    categories: tuple[Category, ...]
    starts: NDArray[np.datetime64]
    ids: tuple[int | None, ...]

    def slots(self, days: NDArray[np.datetime64]) -> NDArray[np.int64]:
        """Which release each day falls to."""
        return np.searchsorted(self.starts, days, side="right").astype(np.int64)

    def knows(self, category: str, day: date) -> bool:
        """Whether the code is that of a category in force on `day`."""
        return any(c.code == category and c.in_force(day) for c in self.categories)


def basis_of(p: Platform, connection: Connection, version: Version | None = None) -> Basis:
    """What decides now, read anew when the registers, releases or parts changed (their `version`, asked for if not
    given)."""
    if version is None:
        version = Version(register_store.version(connection), part_store.version(connection))

    def read() -> Basis:
        starts = sorted({row.valid_from for row in area_store.releases(connection) if row.step == "active"})
        ids = [None, *(area_store.release_on(connection, day) for day in starts)]
        categories = register_store.categories(connection)
        days = np.array(starts, dtype="datetime64[D]")
        return Basis(version, p.register(connection), categories, days, tuple(ids))

    basis = p.keep(("basis", version), read)
    p.hold(_LATEST, basis)
    return basis


def latest_basis(p: Platform) -> Basis | None:
    """What decided when the process last asked; it may be past."""
    found: Basis | None = p.kept(_LATEST)
    return found


class Decided:
    """Decides batch after batch on one basis, in one transaction; `rest` gives the connection when it is free."""

    def __init__(self, p: Platform, basis: Basis, today: date, rest: Callable[[], Connection]) -> None:
        self._p, self._basis, self._rest = p, basis, rest
        self._today = int(basis.slots(np.array([today], dtype="datetime64[D]"))[0])

    def columns(self, batch: ReportBatch, on_step: Step) -> Iterator[tuple[dict[str, Any], Decisions]]:
        """The batch as columns of `case_columns.sql` and `row`, release by release, each with its decisions."""
        on_step("locate")
        clock = _local_clock(batch.received, self._p.place.timezone)
        slot = self._basis.slots(clock.astype("datetime64[D]"))
        for i in np.unique(slot).tolist():
            which = slot == i
            part, moments = (batch, clock) if which.all() else (take(batch, which), clock[which])
            d, placed = self._part(part, moments, i, on_step)
            yield {**_columns(part, moments, d), **placed}, d

    def row(self, batch: ReportBatch) -> tuple[dict[str, Any], Decisions]:
        """A batch of one report as one row of `case_columns.sql`, lists for arrays, and its decision."""
        clock = _local_clock(batch.received, self._p.place.timezone)
        slot = int(self._basis.slots(clock.astype("datetime64[D]"))[0])
        d, placed = self._part(batch, clock, slot, lambda _: None)
        return {
            **_row(batch, clock, d),
            **{name: None if c is None else c.tolist()[0] for name, c in placed.items()},
        }, d

    def _part(
        self, part: ReportBatch, moments: NDArray[np.datetime64], slot: int, on_step: Step
    ) -> tuple[Decisions, dict[str, Any]]:
        """The decisions on reports of one release, and where the cases lie on today's map."""
        on_step("locate")
        world, here = self._world(slot), self._world(self._today).locator
        m = _matters(part, moments)
        if (parts := parts_for(self._p, self._rest, world, m)) is not world.parts:
            world = replace(world, parts=parts)
        on_step("decide")
        d = decide(world, m)
        # On today's map the case lies where it was decided to lie: None takes the areas of the decision.
        same = world.locator is here
        placed = (None, d.located.levels[0].status) if same else placement(here, here.locate_many(m.x, m.y))
        return d, dict(zip(("placement", "status"), placed, strict=True))

    def _world(self, slot: int) -> World:
        basis = self._basis

        def make() -> World:
            newest = basis.version.newest_part
            return bare_world(self._p, self._rest(), basis.ids[slot], basis.register, newest)

        return self._p.keep(("world", basis.version, slot), make)


def take(batch: ReportBatch, which: NDArray[np.bool_]) -> ReportBatch:
    """The reports of a batch that `which` is true for."""
    columns: dict[str, Any] = {f.name: getattr(batch, f.name) for f in fields(batch)}
    taken: dict[str, Any] = {name: c[which] for name, c in columns.items() if isinstance(c, np.ndarray)}
    return replace(batch, **taken)


def placement(locator: Locator, located: Located) -> tuple[pa.Array, NDArray[np.object_]]:
    """Area ids at every level as lists, and the coarsest level's status."""
    levels = zip(locator.areas.levels, located.levels, strict=True)
    ids = (np.append(lv.ids, 0)[np.where(a.index >= 0, a.index, len(lv.ids))] for lv, a in levels)
    return ids_by_level(ids), located.levels[0].status


def local_times(moments: NDArray[np.datetime64], zone: str) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """The day of the place and the minute of that day for each UTC moment."""
    clock = _local_clock(moments, zone)
    days = clock.astype("datetime64[D]")
    return days, (clock - days).astype(np.int64)


def _local_clock(moments: NDArray[np.datetime64], zone: str) -> NDArray[np.datetime64]:
    """The clock of the place, to the minute, for each UTC moment."""
    if len(moments) == 1:  # one report is decided without pandas
        at = moments[0].astype("datetime64[us]").item().replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        return np.array([at.replace(tzinfo=None)], dtype="datetime64[m]")
    import pandas as pd

    local = pd.DatetimeIndex(moments).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local.to_numpy().astype("datetime64[m]"))


def _matters(part: ReportBatch, moments: NDArray[np.datetime64]) -> Matters:
    days = moments.astype("datetime64[D]")
    return Matters(
        x=part.working_x,
        y=part.working_y,
        accuracy=part.accuracy,
        level=_everywhere(np.asarray(part.level, dtype=float), len(part)),
        category=part.category,
        source=part.source,
        day=days,
        minute=(moments - days).astype(np.int64),
        part=_everywhere(np.asarray(part.part, dtype=object), len(part)),
    )


def _everywhere(values: NDArray[Any], n: int) -> NDArray[Any]:
    """A column, or one value for all n rows; for one row broadcasting costs more than the row."""
    return values.reshape(1) if n == 1 else np.broadcast_to(values, n)


def _columns(part: ReportBatch, moments: NDArray[np.datetime64], d: Decisions) -> dict[str, Any]:
    """One release's decisions as the columns that `case_columns.sql` describes, and `row`."""
    closed = ~np.isnat(part.closed)
    return {
        "row": part.row,
        **({} if part.id is None else {"id": part.id}),
        "key": part.key,
        "digest": part.digest,
        "received_on": moments.astype("datetime64[D]").astype("datetime64[s]"),
        "received_at": part.received,
        "description": part.description,
        "original_x": part.x,
        "original_y": part.y,
        "original_crs": part.crs,
        "quad": encode(part.working_x, part.working_y),
        "state": np.where(closed, "closed", d.state),
        "closed_at": part.closed,
        **decision_columns(d),
    }


def _row(part: ReportBatch, moments: NDArray[np.datetime64], d: Decisions) -> dict[str, Any]:
    """What `_columns` says of the only report, as plain values."""
    closed = part.closed[0].item()
    return {
        "key": part.key[0],
        "digest": part.digest[0],
        "received_on": moments[0].astype("datetime64[D]").item(),
        "received_at": part.received[0].item(),
        "description": part.description[0],
        "original_x": part.x.item(),
        "original_y": part.y.item(),
        "original_crs": part.crs,
        "quad": encode(part.working_x, part.working_y).item(),
        "state": "closed" if closed else d.state[0],
        "closed_at": closed,
        **decision_row(d),
    }
