"""Reading cases: worklists, one case with its history, and why it is whose it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np

from gis.assignment.evidence import decide, survey, tell
from gis.cases import CaseFilter, CasePage, CaseRow, Event, Why
from gis.crs import from_working
from gis.errors import NotFound
from gis.rights import Rights
from gis.services.casework import case_id, case_no
from gis.services.platform import Platform
from gis.services.views import asked
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
            why=_why(p, connection, row, shown.no),
            events=[Event(e.seq, e.at, e.kind, e.by, e.note, e.hash) for e in events],
            closed_on=row.closed_at.astimezone(p.place.zone).date() if row.closed_at else None,
            accuracy=row.accuracy_m,
            nearby=[found for found in _shown(p, connection, near) if found.no != shown.no][:10],
        )


def why(p: Platform, no: str, *, rights: Rights) -> Why:
    """The evidence of a case's newest decision, replayed."""
    with p.store.begin(rights) as connection:
        row = _row(p, connection, no)
        return _why(p, connection, row, case_no(p, row.received_on, row.id))


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


def _why(p: Platform, connection: Connection, row: Any, no: str) -> Why:
    found = store.evidence(connection, row.received_on, row.id)
    if found is None:
        raise NotFound(f"Case {no} holds no decision that you may see.")
    words = _in_words(p, connection, found)
    return Why(
        case=no,
        decided_at=found.decided_at.astimezone(p.place.zone),
        text_zh=tell(words, language="zh"),
        text_en=tell(words, language="en"),
        evidence=words,
        replay_agrees=_replay(p, connection, found),
    )


def _in_words(p: Platform, connection: Connection, d: Any) -> dict[str, Any]:
    """The typed evidence with names beside codes, ready to be told and to be sent as JSON."""
    names = store.area_names(connection, [i for i in d.area_ids if i is not None])
    units = _unit_names(connection)
    words = {c.code: c for c in register_store.categories(connection)}
    category = words.get(d.category)
    across = store.name_of_code(connection, d.release_id, d.runner_up_area)
    return {
        "areas": [
            dict(zip(("level", "code", "name", "name_en"), names[i], strict=True)) for i in d.area_ids if i is not None
        ],
        "statuses": dict(zip(p.place.level_names, d.statuses, strict=True)),
        "on_border": any(d.on_borders),
        "border_distance_m": d.border_distance_m,
        "accuracy_m": d.accuracy_m,
        "confidence": d.confidence,
        "category": d.category,
        "category_name": category.name if category else d.category,
        "category_name_en": (category.name_en or category.name) if category else d.category,
        **_named("unit", d.unit, units.get(d.unit)),
        **_named("territory_unit", d.territory_unit, units.get(d.territory_unit)),
        **_named("forward_to", d.forward_to, units.get(d.forward_to)),
        **_named("runner_up_unit", d.runner_up_unit, units.get(d.runner_up_unit)),
        **_named("runner_up_area", d.runner_up_area, across),
        "rule": d.rule,
        "rule_from": d.rule_from.isoformat() if d.rule_from else None,
        "rule_reason": d.rule_reason,
        "rule_reason_en": d.rule_reason_en or d.rule_reason,
        "scope": d.scope,
        "outcome": d.outcome,
        "release": d.release_id,
        "release_title": d.release_title or "",
        "release_document": d.release_document,
        "engine": d.engine,
        "x": d.x,
        "y": d.y,
        "crs": p.place.crs,
        "on_day": d.on_day.isoformat(),
        "decided_by": d.decided_by,
    }


def _named(key: str, code: str | None, names: tuple[str, str] | None) -> dict[str, str | None]:
    """A code of the evidence with its name in both languages."""
    zh, en = names or (code, code)
    return {key: code, f"{key}_name": zh, f"{key}_name_en": en}


def _replay(p: Platform, connection: Connection, d: Any) -> bool:
    """Decide the stored inputs again, on the stored release; True when everything decided comes out the same."""
    locator = p.locator_of(connection, d.release_id)
    accuracy = np.array([d.accuracy_m])
    found = survey(locator, np.array([d.x]), np.array([d.y]), accuracy, unit_level=p.place.unit_level)
    again = decide(
        locator,
        p.register(connection),
        found,
        accuracy=accuracy,
        category=np.array([d.category], dtype=object),
        day=np.array([d.on_day], dtype="datetime64[D]"),
    )
    return bool(
        again.area_id[:, 0].tolist() == [i or 0 for i in d.area_ids]
        and again.outcome[0] == d.outcome
        and (again.rulings.unit[0] or None) == d.unit
        and (again.rulings.forward_to[0] or None) == d.forward_to
        and (int(again.rule_id[0]) or None) == d.rule_id
    )


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
