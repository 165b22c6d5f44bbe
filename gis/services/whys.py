"""Why a case is whose it is: the evidence of its newest decision in words, and the same decided again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gis.assignment.evidence import Decisions
from gis.assignment.matters import Matters
from gis.assignment.register import Register
from gis.assignment.telling import tell
from gis.assignment.world import Thresholds
from gis.cases import Why
from gis.errors import NotFound
from gis.services.platform import Platform
from gis.services.worlds import Known, decide_in, features_of
from gis.store import areas as area_store
from gis.store import cases as store
from gis.store import parts as part_store
from gis.store.engine import Connection

__all__ = ["evidence_at_once", "evidence_of", "known_of", "matters_of", "replayed", "same_answer", "why_of"]

Names = Mapping[str, tuple[str, str]]
Rest = Callable[[], Connection]  #: gives the connection, and is called only when something has to be read


def why_of(p: Platform, connection: Connection, row: Any, no: str) -> Why:
    """The evidence of a case's newest decision, told and replayed; `row` has received_on and id."""
    found = store.evidence(connection, row.received_on, row.id)
    if found is None:
        raise NotFound(f"Case {no} holds no decision that you may see.")
    words = evidence_of(p, lambda: connection, found)
    return Why(
        case=no,
        decided_at=found.decided_at.astimezone(p.place.zone),
        text_zh=tell(words, language="zh"),
        text_en=tell(words, language="en"),
        evidence=words,
        replay_agrees=same_answer(found, replayed(p, connection, found)),
    )


def evidence_at_once(p: Platform, rest: Rest, row: Mapping[str, Any], register: Register, *, by: str) -> dict[str, Any]:
    """The evidence of a decision just made, as `why_of` will read it once it is stored: from the row, the registers and
    the release that it was made with, which the process holds and whose words never change; `rest` gives the
    connection, where something has to be read."""
    # A rule or precedent that follows an area's successor comes after the stored one of the same id.
    rule = next((rule for rule in register.rules if rule.id == row["rule_id"]), None)
    precedent = next((found for found in register.precedents if found.id == row["precedent_id"]), None)
    release = _names_of(p, rest, row["release_id"])
    stored = SimpleNamespace(
        **row,
        decided_by=by,
        reason="",
        release_title=release.title,
        release_document=release.document,
        rule=rule.code if rule else None,
        rule_from=rule.valid_from if rule else None,
        rule_reason=rule.reason if rule else None,
        rule_reason_en=rule.reason_en if rule else None,
        precedent_reason=precedent.reason if precedent else None,
    )
    return evidence_of(p, rest, stored, register)


def evidence_of(p: Platform, rest: Rest, d: Any, register: Register | None = None) -> dict[str, Any]:
    """The typed evidence with names beside codes, ready to be told and to be sent as JSON; `register` as it is now."""
    register = register or p.register(rest())
    units = {unit.code: (unit.name, unit.name_en or unit.name) for unit in register.units}
    return {
        **_where(p, rest, d, units),
        "category": d.category,
        "category_name": register.names.get(d.category, (d.category, ""))[0],
        "category_name_en": register.names.get(d.category, ("", d.category))[1],
        **_parts(rest, d, units),
        **_named("unit", d.unit, units),
        **_named("territory_unit", d.territory_unit, units),
        **_named("forward_to", d.forward_to, units),
        **_named("runner_up_unit", d.runner_up_unit, units),
        "assisting": [_unit(code, units) for code in d.assisting or ()],
        "rule": d.rule,
        "rule_from": d.rule_from.isoformat() if d.rule_from else None,
        "rule_reason": d.rule_reason,
        "rule_reason_en": d.rule_reason_en or d.rule_reason,
        "precedent": d.precedent_id,
        "precedent_reason": d.precedent_reason,
        "settled_by": d.settled_by,
        "desk_reason": d.desk_reason,
        "reason": d.reason,
        "scope": d.scope,
        "outcome": d.outcome,
        "engine": d.engine,
        "on_day": d.on_day.isoformat(),
        "at": f"{d.minute // 60:02d}:{d.minute % 60:02d}",
        "source": d.source,
        "decided_by": d.decided_by,
    }


def _where(p: Platform, rest: Rest, d: Any, units: Names) -> dict[str, Any]:
    known = _names_of(p, rest, d.release_id)
    listed = list(zip(d.candidate_areas or (), d.candidate_shares or (), d.candidate_units or (), strict=True))
    return {
        "areas": [
            dict(zip(("level", "code", "name", "name_en"), known.areas[i], strict=True))
            for i in d.area_ids
            if i is not None
        ],
        "statuses": dict(zip(p.place.level_names, d.statuses, strict=True)),
        "on_border": any(d.on_borders),
        "border_distance_m": d.border_distance_m,
        "accuracy_m": d.accuracy_m,
        "accuracy_level": d.accuracy_level,
        "sigma_m": d.sigma_m,
        "confidence": d.confidence,
        "threshold": d.threshold,
        "candidates": [
            {
                **_code("area", area, known.codes),
                "share": share,
                **_code("unit", unit, units),
            }
            for area, share, unit in listed
        ],
        **_named("runner_up_area", d.runner_up_area, known.codes),
        "places": [_place(word, *known.places.get(word, ("", ""))) for word in d.places or ()],
        "release": d.release_id,
        "release_title": d.release_title or "",
        "release_document": d.release_document,
        "x": d.x,
        "y": d.y,
        "crs": p.place.crs,
    }


@dataclass(frozen=True, slots=True)
class _Names:
    """What a release calls its areas and places, in Chinese and English: by id (level, code, name, English name), by
    code, and by layer:code; and what it is called itself."""

    areas: Mapping[int, tuple[str, str, str, str]]
    codes: Names
    places: Names
    title: str | None
    document: str | None


def _names_of(p: Platform, rest: Rest, release_id: int | None) -> _Names:
    return p.keep(("called", release_id), lambda: _names_in(p, rest(), release_id))


def _names_in(p: Platform, connection: Connection, release_id: int | None) -> _Names:
    areas: dict[int, tuple[str, str, str, str]] = {}
    for level in p.locator_of(connection, release_id).areas.levels:
        rows = zip(level.ids, level.codes, level.names, level.names_en, strict=True)
        areas |= {int(i): (level.level, code, name, name_en) for i, code, name, name_en in rows}
    codes = {code: (name, name_en or name) for _, code, name, name_en in areas.values()}
    features = features_of(p, connection, release_id)
    places = {f"{f.layer}:{f.code}": (f.name, f.name_en or f.name) for f in features}
    return _Names(areas, codes, places, *area_store.title_of(connection, release_id))


def _code(key: str, code: str, names: Names) -> dict[str, str]:
    zh, en = names.get(code, ("", ""))
    plain = {"area": ("name", "name_en"), "unit": ("unit_name", "unit_name_en")}[key]
    return {key: code, plain[0]: zh, plain[1]: en}


def _place(word: str, name: str, name_en: str) -> dict[str, str]:
    return {"word": word, "name": name, "name_en": name_en}


def _unit(code: str, units: Names) -> dict[str, str]:
    zh, en = units.get(code, (code, code))
    return {"code": code, "name": zh, "name_en": en}


def _parts(rest: Rest, d: Any, units: Names) -> dict[str, Any]:
    rows = {row.id: row for row in part_store.by_id(rest(), d.part_ids)} if d.part_ids else {}
    told = [
        {
            "code": row.code,
            "type": row.type,
            "name": row.name,
            "share": share,
            "maintainer": row.maintenance_unit,
            "maintainer_name": units.get(row.maintenance_unit, (row.maintenance_unit,) * 2)[0],
            "maintainer_name_en": units.get(row.maintenance_unit, (row.maintenance_unit,) * 2)[1],
        }
        for i, share in zip(d.part_ids or (), d.part_shares or (), strict=True)
        if (row := rows.get(i)) is not None
    ]
    code = rows[d.part_id].code if d.part_id in rows else None
    meant = next((part for part in told if part["code"] == code), None)
    return {"part": meant, "parts": told, "part_picked": d.part_picked}


def _named(key: str, code: str | None, names: Names) -> dict[str, str | None]:
    """A code of the evidence with its name in both languages."""
    zh, en = names.get(code or "", (code, code))
    return {key: code, f"{key}_name": zh, f"{key}_name_en": en}


def matters_of(rows: Sequence[Any]) -> Matters:
    """The stored inputs of decisions."""

    def column(name: str, kind: Any = object) -> Any:
        return np.array([getattr(row, name) for row in rows], dtype=kind)

    return Matters(
        x=column("x", float),
        y=column("y", float),
        accuracy=column("accuracy_m", float),
        level=column("accuracy_level", float),
        category=column("category"),
        source=column("source"),
        day=column("on_day", "datetime64[D]"),
        minute=column("minute", np.int64),
        part=column("part_picked"),
    )


def replayed(p: Platform, connection: Connection, d: Any) -> Decisions:
    """Decide the stored inputs again: on the stored release, with the registers as they were known then."""
    return decide_in(p, connection, d.release_id, matters_of([d]), known=known_of(p, d))


def known_of(p: Platform, d: Any) -> Known:
    """The registers and thresholds that a decision was made with."""
    thresholds = Thresholds(
        p.place.desk_threshold if d.threshold is None else d.threshold,
        p.place.part_certain if d.part_certain is None else d.part_certain,
    )
    return Known(tuple(d.known_ids or ()), thresholds)


def same_answer(d: Any, again: Decisions, i: int = 0) -> bool:
    """True when everything that the engine found comes out the same; what a person ruled is that person's.

    `i` is the position of the decision `d` among those made again.
    """
    same_place = bool(again.area_id[:, i].tolist() == [a or 0 for a in d.area_ids])
    # Without a threshold it was decided before shares were weighed, by the distance to the border alone.
    if d.settled_by == "person" or d.desk_reason == "returned" or d.threshold is None:
        return same_place
    return bool(
        same_place
        and again.outcome[i] == d.outcome
        and (again.rulings.unit[i] or None) == d.unit
        and (again.rulings.forward_to[i] or None) == d.forward_to
        and (int(again.rule_id[i]) or None) == d.rule_id
        and (int(again.precedent_id[i]) or None) == d.precedent_id
        and abs(float(again.confidence[i]) - d.confidence) < 1e-6
    )
