"""A batch of reports decided: each on the release in force on the day it was received, placed on today's map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gis.assignment.evidence import Decisions, decide
from gis.assignment.locator import Located, Locator
from gis.assignment.matters import Matters
from gis.quads import encode
from gis.reports import ReportBatch
from gis.services.columns import array_texts, decision_columns, when
from gis.services.platform import Platform
from gis.services.worlds import world_of
from gis.store import areas as area_store
from gis.store.engine import Connection

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["decided_rows", "placement_of", "taken"]

Step = Callable[[str], None]


def decided_rows(
    p: Platform, connection: Connection, batch: ReportBatch, *, today: date, on_step: Step
) -> pd.DataFrame:
    """The batch as rows ready to store, in the columns of `staged_cases.sql`."""
    import pandas as pd

    on_step("locate")
    area_store.lock_boundaries(connection, alone=False)
    register = p.register(connection)
    days, minutes = local_times(batch.received, p.place.timezone)
    here = p.locator(connection, today)
    frames: list[pd.DataFrame] = []
    for which, release_id in by_release(connection, days):
        part = taken(batch, which)
        matters = _matters(part, days[which], minutes[which])
        on_step("locate")
        world = world_of(p, connection, release_id, matters, register=register)
        on_step("decide")
        decisions = decide(world, matters)
        rows = _frame(part, days[which], decisions)
        located = decisions.located if world.locator is here else here.locate_many(matters.x, matters.y)
        rows["placement"], rows["status"] = placement_of(here, located)
        frames.append(rows)
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def local_times(moments: NDArray[np.datetime64], zone: str) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """The day of the place and the minute of that day for each UTC moment."""
    import pandas as pd

    local = pd.DatetimeIndex(moments).tz_localize("UTC").tz_convert(zone).tz_localize(None).to_numpy()
    days = local.astype("datetime64[D]")
    return days, (local - days).astype("timedelta64[m]").astype(np.int64)


def by_release(connection: Connection, days: NDArray[np.datetime64]) -> list[tuple[NDArray[np.bool_], int | None]]:
    """Which reports fall to which release; days before the first one have none."""
    starts = sorted({row.valid_from for row in area_store.releases(connection) if row.step == "active"})
    slot = np.searchsorted(np.array(starts, dtype="datetime64[D]"), days, side="right")
    return [
        (slot == i, area_store.release_on(connection, starts[i - 1]) if i else None) for i in np.unique(slot).tolist()
    ]


def taken(batch: ReportBatch, which: NDArray[np.bool_]) -> ReportBatch:
    """The reports `which` of a batch."""
    columns: dict[str, Any] = {f.name: getattr(batch, f.name) for f in fields(batch)}
    kept: dict[str, Any] = {name: c[which] for name, c in columns.items() if isinstance(c, np.ndarray)}
    return replace(batch, **kept)


def _matters(batch: ReportBatch, days: NDArray[np.datetime64], minutes: NDArray[np.int64]) -> Matters:
    return Matters(
        x=batch.working_x,
        y=batch.working_y,
        accuracy=batch.accuracy,
        level=batch.level,
        category=batch.category,
        source=batch.source,
        day=days,
        minute=minutes,
        part=batch.part,
    )


def placement_of(locator: Locator, located: Located) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The ids of the areas of each point as array texts, and the status at the coarsest level."""
    ids = np.stack(
        [
            np.append(lv.ids, 0)[np.where(a.index >= 0, a.index, len(lv.ids))]
            for lv, a in zip(locator.areas.levels, located.levels, strict=True)
        ]
    )
    return array_texts(ids), located.levels[0].status


def _frame(part: ReportBatch, days: NDArray[np.datetime64], d: Decisions) -> pd.DataFrame:
    """One release's decisions as the rows that `staged_cases.sql` describes."""
    import pandas as pd

    closed = ~np.isnat(part.closed)
    return pd.DataFrame(
        {
            "key": part.key,
            "digest": part.digest,
            "received_on": days.astype(object),
            "received_at": when(part.received),
            "description": part.description,
            "original_x": part.x,
            "original_y": part.y,
            "original_crs": part.crs,
            "quad": encode(part.working_x, part.working_y),
            "state": np.where(closed, "closed", d.state),
            "closed_at": when(part.closed),
            **decision_columns(d),
        }
    )
