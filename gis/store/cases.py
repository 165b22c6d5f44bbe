"""Cases: stored set-wise with their evidence and events; read by filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, Connection, case, func, or_, select, text, true, tuple_
from sqlalchemy import column as sql_column

from gis.cases import CaseFilter
from gis.quads import ranges
from gis.store.copying import copy_table
from gis.store.engine import sql_file
from gis.store.tables import area, cases

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Asked",
    "area_codes",
    "area_names",
    "case_row",
    "case_rows",
    "conditions",
    "counts_as_decided",
    "counts_by_area",
    "density",
    "events",
    "evidence",
    "decisions_since",
    "evidence_rows",
    "days_with_cases",
    "known_keys",
    "lock_keys",
    "matters_since",
    "matters_standing",
    "misplaced",
    "original_crs",
    "positions",
    "replace_placements",
    "totals",
    "used",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter ready for the database: `area` is (depth from 1, area id) of the filter's area, if it names one."""

    where: CaseFilter
    area: tuple[int, int] | None = None


def lock_keys(connection: Connection, namespace: str) -> None:
    """One writer of keys of a namespace at a time, so that two loads of one file store it once."""
    connection.execute(text("SELECT pg_advisory_xact_lock(320404003, hashtext(:namespace))"), {"namespace": namespace})


def known_keys(connection: Connection, namespace: str, keys: Sequence[str]) -> dict[str, tuple[bytes, date, int]]:
    """Of these keys, those stored already: key -> (digest, day received, case id)."""
    rows = connection.execute(
        text(
            "SELECT key, digest, received_on, case_id FROM case_key "
            "WHERE namespace = :namespace AND key = ANY(CAST(:keys AS text[]))"
        ),
        {"namespace": namespace, "keys": list(keys)},
    )
    return {row.key: (bytes(row.digest), row.received_on, row.case_id) for row in rows}


def original_crs(connection: Connection, case_id: int) -> str:
    """The CRS in which a case was reported."""
    return str(connection.execute(text("SELECT original_crs FROM cases WHERE id = :id"), {"id": case_id}).scalar_one())


def conditions(asked: Asked) -> list[ColumnElement[bool]]:
    """The filter as conditions on `cases`."""
    where = asked.where
    found: list[ColumnElement[bool]] = []
    if where.period:
        found += [cases.c.received_on >= where.period.start, cases.c.received_on < where.period.end]
    if where.category:
        found.append(cases.c.category.startswith(where.category, autoescape=True))
    for column, value in ((cases.c.unit, where.unit), (cases.c.source, where.source), (cases.c.state, where.state)):
        if value:
            found.append(column == value)
    if asked.area:
        found.append(cases.c.placement[asked.area[0]] == asked.area[1])
    if where.bbox:
        found += _in_box(where.bbox)
    return found


def _in_box(bbox: tuple[float, float, float, float]) -> list[ColumnElement[bool]]:
    """By quad key, whose integer comparison keeps its index under row-level security; then exactly."""
    west, south, east, north = bbox
    keys = or_(*(cases.c.quad.between(low, high) for low, high in ranges(bbox)))
    x, y = func.ST_X(cases.c.geom), func.ST_Y(cases.c.geom)
    return [keys, x.between(west, east), y.between(south, north)]


def counts_by_area(
    connection: Connection, asked: Asked, *, depth: int, spans: Mapping[str, tuple[date, date]]
) -> list[Any]:
    """Cases per area id of a level (depth from 1) and per named span of days.

    Rows: area, parent, status, then one count for each span. Where area is None, parent is the area above, if any. The
    filter's own period is not applied, the spans are.
    """
    area = cases.c.placement[depth].label("area")
    parent = case((area.is_(None), cases.c.placement[depth - 1])).label("parent")
    counted = [
        func.count().filter(cases.c.received_on >= start, cases.c.received_on < end).label(name)
        for name, (start, end) in spans.items()
    ]
    first = min(start for start, _ in spans.values())
    last = max(end for _, end in spans.values())
    query = (
        select(area, parent, cases.c.status, *counted)
        .where(cases.c.received_on >= first, cases.c.received_on < last, *conditions(asked))
        .group_by(area, parent, cases.c.status)
    )
    return list(connection.execute(query))


def counts_as_decided(connection: Connection, asked: Asked, *, depth: int) -> list[Any]:
    """Cases per area of a level (depth from 1) by their newest decision: rows area (id or None), code, name, n."""
    chosen = select(cases.c.received_on, cases.c.id).where(*conditions(asked)).subquery("chosen")
    newest = text(
        "SELECT d.area_ids[:depth] AS area FROM decision d "
        "WHERE d.received_on = chosen.received_on AND d.case_id = chosen.id "
        "ORDER BY d.seq DESC LIMIT 1"
    ).bindparams(depth=depth)
    named = newest.columns(sql_column("area", BigInteger)).lateral("named")
    query = (
        select(named.c.area, area.c.code, area.c.name, func.count().label("n"))
        .select_from(chosen.join(named, true()).outerjoin(area, area.c.id == named.c.area))
        .group_by(named.c.area, area.c.code, area.c.name)
    )
    return list(connection.execute(query))


def positions(connection: Connection, asked: Asked) -> tuple[Any, Any]:
    """Positions of a filter's cases as arrays x, y (metres, working CRS)."""
    query = select(func.ST_X(cases.c.geom), func.ST_Y(cases.c.geom)).where(*conditions(asked))
    rows = connection.execute(query).all()
    return np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows], dtype=float)


def density(connection: Connection, asked: Asked, *, level: int, limit: int) -> list[Any]:
    """Gridded counts: rows (key >> 2·level, n) of the filter's cases, the fullest `limit` of them."""
    key = cases.c.quad.op(">>")(2 * level).label("key")
    n = func.count().label("n")
    return list(
        connection.execute(select(key, n).where(*conditions(asked)).group_by(key).order_by(n.desc(), key).limit(limit))
    )


def totals(connection: Connection, asked: Asked) -> dict[str, int]:
    """The filter's cases by placement status: area, outside, gap."""
    query = select(cases.c.status, func.count()).where(*conditions(asked)).group_by(cases.c.status)
    return {status: n for status, n in connection.execute(query)}


def days_with_cases(connection: Connection) -> tuple[date | None, date | None]:
    """The first and the newest day on which a report was received."""
    row = connection.execute(select(func.min(cases.c.received_on), func.max(cases.c.received_on))).one()
    return row[0], row[1]


def used(connection: Connection, column: str) -> list[str]:
    """The values of a text column that occur, sorted."""
    query = select(cases.c[column]).where(cases.c[column].is_not(None)).distinct().order_by(cases.c[column])
    return list(connection.execute(query).scalars())


_SHOWN = (
    cases.c.id,
    cases.c.received_on,
    cases.c.received_at,
    cases.c.category,
    cases.c.source,
    cases.c.state,
    cases.c.unit,
    cases.c.placement,
    cases.c.description,
    cases.c.accuracy_m,
    cases.c.closed_at,
    func.ST_X(cases.c.geom).label("x"),
    func.ST_Y(cases.c.geom).label("y"),
)


def case_rows(connection: Connection, asked: Asked, *, limit: int, after: Any | None = None) -> list[Any]:
    """The newest cases of a filter, `limit` of them, those after the row `after` of the page before."""
    query = select(*_SHOWN).where(*conditions(asked))
    order = (cases.c.received_on, cases.c.received_at, cases.c.id)
    if after is not None:
        # The day alone lets the database pass over the months that cannot hold a row of this page.
        query = query.where(cases.c.received_on <= after.received_on)
        query = query.where(tuple_(*order) < tuple_(after.received_on, after.received_at, after.id))
    return list(connection.execute(query.order_by(*(column.desc() for column in order)).limit(limit)))


def case_row(connection: Connection, number: int) -> Any | None:
    """One case by its id."""
    return connection.execute(select(*_SHOWN).where(cases.c.id == number)).one_or_none()


def events(connection: Connection, day: date, number: int) -> list[Any]:
    """What happened to a case, in order."""
    return list(
        connection.execute(
            text(
                "SELECT seq, at, kind, by, note, encode(hash, 'hex') AS hash FROM case_event "
                "WHERE received_on = :day AND case_id = :id ORDER BY seq"
            ),
            {"day": day, "id": number},
        )
    )


def evidence(connection: Connection, day: date, number: int) -> Any | None:
    """The newest decision of a case with the words it refers to (release, rule, units, categories, areas)."""
    statement = sql_file("evidence.sql")
    return connection.execute(text(statement), {"day": day, "id": number}).one_or_none()


def area_names(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, str, str, str]]:
    """id -> (level, code, name, name_en)."""
    rows = connection.execute(
        text("SELECT id, level, code, name, name_en FROM area WHERE id = ANY(CAST(:ids AS bigint[]))"),
        {"ids": list(ids)},
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def area_codes(connection: Connection) -> dict[int, str]:
    """id -> code of every area ever stored."""
    return {row[0]: row[1] for row in connection.execute(text("SELECT id, code FROM area"))}


def matters_since(connection: Connection, since: date) -> Any:
    """What each report received since a day was first decided on, in order; streamed."""
    query = (
        "SELECT case_id AS id, received_on, x, y, accuracy_m, accuracy_level, category, source, on_day, minute, "
        "part_picked, release_id FROM decision WHERE seq = 1 AND received_on >= :since ORDER BY received_on, case_id"
    )
    return _streamed(connection, query, {"since": since})


def decisions_since(connection: Connection, since: date) -> Any:
    """Every decision on reports received since a day, in order; streamed."""
    query = "SELECT * FROM decision WHERE received_on >= :since ORDER BY received_on, case_id, seq"
    return _streamed(connection, query, {"since": since})


def matters_standing(connection: Connection, since: date) -> Any:
    """What each report received since a day was last decided on, and the unit it has, in order; streamed."""
    query = (
        "SELECT c.id, c.received_on, d.x, d.y, d.accuracy_m, d.accuracy_level, d.category, d.source, d.on_day, "
        "d.minute, d.part_picked, coalesce(c.unit, '') AS unit FROM cases c JOIN LATERAL (SELECT * FROM decision d "
        "WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY seq DESC LIMIT 1) d ON true "
        "WHERE c.received_on >= :since ORDER BY c.received_on, c.id"
    )
    return _streamed(connection, query, {"since": since})


def evidence_rows(connection: Connection) -> Any:
    """Every case with its newest decision, as the export lists them; streamed."""
    return _streamed(connection, sql_file("export.sql"), {})


def _streamed(connection: Connection, query: str, values: dict[str, Any]) -> Any:
    """The rows of a query by a cursor; an option of the statement's, for one of the connection's would stay with it."""
    options = {"stream_results": True, "yield_per": 10_000}
    return connection.execute(text(query), values, execution_options=options)


def misplaced(connection: Connection, today: date) -> list[Any]:
    """Cases whose placement is not of the areas awake today: rows (received_on, id, x, y)."""
    return list(connection.execute(text(sql_file("misplaced.sql")), {"today": today}))


def replace_placements(connection: Connection, rows: pa.Table) -> None:
    """Set placement and status of cases; columns received_on, id, placement (list of ids), status."""
    connection.execute(text(sql_file("staged_placements.sql")))
    copy_table(connection, "staged_placement", rows)
    connection.execute(
        text(
            "UPDATE cases c SET placement = s.placement, status = s.status FROM staged_placement s "
            "WHERE c.received_on = s.received_on AND c.id = s.id"
        )
    )
