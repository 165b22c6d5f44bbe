"""What a release keeps beside its areas: the changes it brings, successors of areas that end, effects on cases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, text

from gis.acts import Act
from gis.store.copying import copy_frame, copy_table
from gis.store.engine import sql_file

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "add_diff",
    "asked_by",
    "chosen",
    "add_effect",
    "add_successors",
    "candidates",
    "decided_on",
    "diffs",
    "due",
    "effects",
    "ending_codes",
    "fields_of_source",
    "lineage",
    "newest_diff",
    "parts_on",
    "redecide",
    "steps",
    "successors",
    "undecide",
]


def add_diff(
    connection: Connection,
    release_id: int,
    changes: Mapping[str, Any],
    act: Act,
    *,
    corrections: Sequence[Sequence[str]] = (),
) -> None:
    """Keep what changed, by level; `corrections` are (level, old code, new code) that a steward declared."""
    connection.execute(
        text(
            "INSERT INTO release_diff (release_id, at, by, reason, corrections, changes) "
            "VALUES (:id, :at, :by, :reason, CAST(:corrections AS jsonb), CAST(:changes AS jsonb))"
        ),
        {
            "id": release_id,
            "at": act.at,
            "by": act.by,
            "reason": act.reason,
            "corrections": json.dumps([list(c) for c in corrections], ensure_ascii=False),
            "changes": json.dumps(changes, ensure_ascii=False),
        },
    )


def diffs(connection: Connection, release_id: int) -> list[Any]:
    """Every statement of a release's changes, oldest first: at, by, reason, corrections, changes."""
    return list(
        connection.execute(
            text("SELECT at, by, reason, corrections, changes FROM release_diff WHERE release_id = :id ORDER BY id"),
            {"id": release_id},
        )
    )


def newest_diff(connection: Connection, release_id: int) -> Mapping[str, Any]:
    """What a release changes, by level, as last stated; empty for a release of before such things were kept."""
    found = diffs(connection, release_id)
    return found[-1].changes if found else {}


def lineage(connection: Connection, release_id: int) -> list[Sequence[Any]]:
    """(old code, new code, share of the old ground) of what a release changes, all levels together."""
    query = (
        "SELECT l.value->'lineage' "
        "FROM (SELECT changes FROM release_diff WHERE release_id = :id ORDER BY id DESC LIMIT 1) d, "
        "jsonb_each(d.changes) l"
    )
    return [row for found in connection.execute(text(query), {"id": release_id}).scalars() for row in found]


def steps(connection: Connection, release_id: int) -> list[Any]:
    """What happened to a release, oldest first: step, at, by, reason, bound."""
    return list(
        connection.execute(
            text("SELECT step, at, by, reason, bound FROM release_event WHERE release_id = :id ORDER BY id"),
            {"id": release_id},
        )
    )


def fields_of_source(connection: Connection, source: str) -> Mapping[str, Mapping[str, str]]:
    """Which field said what in the newest delivery of a source, by level."""
    query = "SELECT fields FROM release WHERE source = :source ORDER BY id DESC LIMIT 1"
    return connection.execute(text(query), {"source": source}).scalar_one_or_none() or {}


def add_successors(connection: Connection, release_id: int, chosen: Mapping[str, str], act: Act) -> None:
    """Keep which area takes the place of one that ends."""
    for ending, successor in chosen.items():
        connection.execute(
            text(
                "INSERT INTO release_successor (release_id, ending, successor, at, by) "
                "VALUES (:id, :ending, :successor, :at, :by)"
            ),
            {"id": release_id, "ending": ending, "successor": successor, "at": act.at, "by": act.by},
        )


def chosen(connection: Connection, release_id: int) -> dict[str, str]:
    """Ending code -> successor as last chosen for one release."""
    query = "SELECT ending, successor FROM release_successor WHERE release_id = :id ORDER BY id"
    return {row.ending: row.successor for row in connection.execute(text(query), {"id": release_id})}


def asked_by(connection: Connection, release_id: int) -> list[Any]:
    """Cases that a release sent to the border desk and that still wait there, with who has them by their decision."""
    values = {"id": release_id, "note": f"release {release_id}: %"}
    return list(connection.execute(text(sql_file("asked_by.sql")), values))


def successors(connection: Connection) -> list[Any]:
    """Successors of the releases that are active, by their first days: ending, successor, valid_from, release_id."""
    return list(connection.execute(text(sql_file("successors.sql"))))


def ending_codes(connection: Connection, release_id: int | None, base_id: int | None) -> list[str]:
    """Codes of areas that the release below has and this one has not, in order."""
    return list(connection.execute(text(sql_file("ending_codes.sql")), {"id": release_id, "base": base_id}).scalars())


def add_effect(
    connection: Connection, release_id: int, step: str, act: Act, *, policy: str, counts: Mapping[str, int]
) -> None:
    """Keep what a step of a release did to open cases."""
    connection.execute(
        text(
            "INSERT INTO release_effect (release_id, at, by, step, policy, counts) "
            "VALUES (:id, :at, :by, :step, :policy, CAST(:counts AS jsonb))"
        ),
        {"id": release_id, "at": act.at, "by": act.by, "step": step, "policy": policy, "counts": json.dumps(counts)},
    )


def effects(connection: Connection, release_id: int) -> list[Any]:
    """What the steps of a release did to open cases: at, by, step, policy, counts."""
    return list(
        connection.execute(
            text("SELECT at, by, step, policy, counts FROM release_effect WHERE release_id = :id ORDER BY id"),
            {"id": release_id},
        )
    )


def due(connection: Connection, today: date) -> list[int]:
    """Active releases whose first day has come and that have not yet had their effect on open cases."""
    return list(connection.execute(text(sql_file("releases_due.sql")), {"today": today}).scalars())


def candidates(
    connection: Connection, release_id: int, *, changed: bytes | None, reach: float, lines: float | None
) -> list[Any]:
    """Open cases whose answer the release could change, with the inputs and the answer of their newest decision.

    `changed` is the ground (WKB, working CRS) on which the unit level differs; it is grown by `reach` times the largest
    σ of the open cases. `lines` is the accuracy of the release's lines where it is not that of the release below.
    """
    srid = connection.execute(text("SELECT Find_SRID('gridward', 'area', 'geom')")).scalar_one()
    values = {"id": release_id, "changed": changed, "srid": srid, "since": None, "reach": reach, "lines": lines}
    return list(connection.execute(text(sql_file("impact_candidates.sql")), values))


def parts_on(connection: Connection, ground: bytes, day: date) -> tuple[Any, Any]:
    """Positions (x, y as arrays, working CRS) of the parts in force on a day that touch the ground (WKB)."""
    srid = connection.execute(text("SELECT Find_SRID('gridward', 'area', 'geom')")).scalar_one()
    rows = connection.execute(
        text(
            "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_PointOnSurface(geom) AS p FROM part "
            "WHERE validity @> :day AND ST_Intersects(geom, ST_GeomFromWKB(:ground, :srid))) q"
        ),
        {"day": day, "ground": ground, "srid": srid},
    ).all()
    return np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows], dtype=float)


def decided_on(connection: Connection, release_id: int) -> Any:
    """Cases whose newest decision is on a release, with the decision that stood before, if any; streamed."""
    options = {"stream_results": True, "yield_per": 10_000}
    return connection.execute(text(sql_file("decided_on.sql")), {"id": release_id}, execution_options=options)


def redecide(connection: Connection, rows: pa.Table, act: Act) -> None:
    """Append an event to each case and, where `decided`, a decision; then set the case as it stands.

    Columns: those of `staged_redecision.sql`.
    """
    connection.execute(text(sql_file("staged_redecision.sql")))
    copy_table(connection, "staged_redecision", rows)
    _redecide_staged(connection, act)


def _redecide_staged(connection: Connection, act: Act) -> None:
    values = {"by": act.by, "at": act.at}
    for name in ("redecide_events.sql", "redecide_decisions.sql", "redecide_cases.sql"):
        connection.execute(text(sql_file(name)), values)


def undecide(connection: Connection, rows: pd.DataFrame, act: Act) -> None:
    """Append, for each case (received_on, id, note), its decision number `seq` as a new one, with an event."""
    connection.execute(text(sql_file("staged_undecision.sql")))
    copy_frame(connection, "staged_undecision", rows)
    connection.execute(text(sql_file("staged_redecision.sql")))
    connection.execute(text(sql_file("stage_undecisions.sql")))
    _redecide_staged(connection, act)
