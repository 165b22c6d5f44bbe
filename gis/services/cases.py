"""Reading cases: worklists, one case with its history, and why it is whose it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np

from gis.cases import CaseFilter, CasePage, CaseRow, Event, Why
from gis.crs import from_working
from gis.errors import NotFound
from gis.rights import Rights
from gis.services.casework import case_id, case_no
from gis.services.platform import Platform
from gis.services.views import asked
from gis.services.whys import why_of
from gis.store import cases as store
from gis.store import registers as register_store
from gis.store.engine import Connection

__all__ = ["case", "cases", "export", "export_columns", "why"]

_NEARBY_M = 60.0


def cases(
    p: Platform, where: CaseFilter, *, limit: int, after: str | None, rights: Rights, today: date
) -> list[CaseRow]:
    """The newest cases of a filter; `after` is the number of the last case of the page before."""
    with p.store.begin(rights) as connection:
        start = None if after is None else _row(p, connection, after)
        rows = store.case_rows(connection, asked(p, connection, where, today), limit=limit, after=start)
        return _shown(p, connection, rows)


def case(p: Platform, no: str, *, rights: Rights) -> CasePage:
    """One case: as it stands, what happened to it, why it is whose it is, and what else was reported near by."""
    with p.store.begin(rights) as connection:
        row = _row(p, connection, no)
        shown = _shown(p, connection, [row])[0]
        box = (row.x - _NEARBY_M, row.y - _NEARBY_M, row.x + _NEARBY_M, row.y + _NEARBY_M)
        near = store.case_rows(connection, store.Asked(CaseFilter(category=row.category[:2], bbox=box)), limit=11)
        events = store.events(connection, row.received_on, row.id)
        return CasePage(
            row=shown,
            why=why_of(p, connection, row, shown.no),
            events=[Event(e.seq, e.at, e.kind, e.by, e.note, e.hash) for e in events],
            closed_on=row.closed_at.astimezone(p.place.zone).date() if row.closed_at else None,
            accuracy=row.accuracy_m,
            nearby=[found for found in _shown(p, connection, near) if found.no != shown.no][:10],
        )


def why(p: Platform, no: str, *, rights: Rights) -> Why:
    """The evidence of a case's newest decision, replayed."""
    with p.store.begin(rights) as connection:
        row = _row(p, connection, no)
        return why_of(p, connection, row, case_no(p, row.received_on, row.id))


def _row(p: Platform, connection: Connection, no: str) -> Any:
    number = case_id(p, no)
    row = store.case_row(connection, number) if number is not None else None
    if row is None or case_no(p, row.received_on, row.id) != no.strip().upper():
        raise NotFound(
            f"There is no case {no!r} that you may see; case numbers look like {p.place.case_prefix}2601-0000123."
        )
    return row


def _shown(p: Platform, connection: Connection, rows: Sequence[Any]) -> list[CaseRow]:
    if not rows:
        return []
    names = store.area_names(connection, sorted({i for row in rows for i in row.placement if i is not None}))
    units = _unit_names(connection)
    words = {c.code: (c.name, c.name_en or c.name) for c in register_store.categories(connection)}
    x, y = (np.array([getattr(row, axis) for row in rows], dtype=float) for axis in ("x", "y"))
    lon, lat = from_working(x, y, working=p.place.crs, crs="EPSG:4326")
    out: list[CaseRow] = []
    for i, row in enumerate(rows):
        placed = [names[a][2] if a is not None else "" for a in row.placement] + ["", "", ""]
        codes = [names[a][1] if a is not None else "" for a in row.placement] + ["", "", ""]
        zh, en = words.get(row.category, (row.category, row.category))
        out.append(
            CaseRow(
                no=case_no(p, row.received_on, row.id),
                received_at=row.received_at.astimezone(p.place.zone),
                category=row.category,
                category_zh=zh,
                category_en=en,
                source=row.source,
                state=row.state,
                unit=row.unit or "",
                unit_name=units.get(row.unit or "", (row.unit or "",) * 2)[0],
                unit_name_en=units.get(row.unit or "", (row.unit or "",) * 2)[1],
                street=placed[0],
                street_en=(names[row.placement[0]][3] if row.placement[0] is not None else "") or placed[0],
                community=placed[1],
                cell=codes[2],
                lon=round(float(lon[i]), 6),
                lat=round(float(lat[i]), 6),
                description=row.description,
            )
        )
    return out


def _unit_names(connection: Connection) -> dict[str, tuple[str, str]]:
    """code -> (name, English name) of every unit there ever was."""
    return {unit.code: (unit.name, unit.name_en or unit.name) for unit in register_store.units(connection)}


def export_columns(p: Platform) -> list[str]:
    """The columns of `reports export`, finest level first as the contract lists them."""
    levels = list(reversed(p.place.level_names))
    head = ["id", "case", "x", "y", "crs", "received_at", "category"]
    return [*head, *levels, "on_border", "border_distance_m", "unit", "rule", "release", "confidence", "state"]


def export(p: Platform, *, rights: Rights) -> Iterator[tuple[Any, ...]]:
    """Every case with the evidence it was decided on, as rows of `export_columns`, oldest first."""
    with p.store.begin(rights) as connection:
        codes = store.area_codes(connection)
        for row in store.evidence_rows(connection):
            areas = [codes[i] if i is not None else "" for i in reversed(row.area_ids)]
            yield (
                row.source_id or "",
                case_no(p, row.received_on, row.id),
                row.x,
                row.y,
                p.place.crs,
                row.received_at.astimezone(p.place.zone).isoformat(),
                row.category,
                *areas,
                any(row.on_borders),
                row.border_distance_m,
                row.unit or "",
                row.rule or "",
                row.release_id,
                row.confidence,
                row.state,
            )
