"""From the nouns of the core to JSON, and what the public is not told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gis.cases import AreaCounts, CaseRow, Density, Event, RankedPlace, Why
from gis.rights import Rights
from webmap.access import LEAST_SHOWN, shown
from webmap.maps.classes import breaks

__all__ = ["case_json", "counts_json", "density_json", "event_json", "places_json", "why_json"]

Json = dict[str, Any]


def case_json(row: CaseRow) -> Json:
    """One line of a worklist."""
    return {
        "case": row.no,
        "received_at": row.received_at.isoformat(),
        "category": row.category,
        "category_name": row.category_zh,
        "category_name_en": row.category_en,
        "source": row.source,
        "state": row.state,
        "unit": {"code": row.unit, "name": row.unit_name, "name_en": row.unit_name_en} if row.unit else None,
        "street": row.street,
        "community": row.community,
        "cell": row.cell,
        "lon": row.lon,
        "lat": row.lat,
        "description": row.description,
    }


def event_json(event: Event) -> Json:
    """One thing that happened to a case."""
    return {
        "seq": event.seq,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "by": event.by,
        "note": event.note,
        "hash": event.hash,
    }


def why_json(why: Why) -> Json:
    """The evidence of a decision, and the same told in both languages."""
    return {
        "case": why.case,
        "decided_at": why.decided_at.isoformat(),
        "text": {"zh": why.text_zh, "en": why.text_en},
        "evidence": dict(why.evidence),
        "replay_agrees": why.replay_agrees,
    }


def counts_json(counts: AreaCounts, before: int, whose: Rights) -> Json:
    """Counts by area; `before` is the total of the span before.

    on_map + Σ not_on_map = total; a withheld count is null and still within on_map.
    """
    areas = [
        {
            "code": area.code,
            "name": area.name,
            "n": shown(area.n, whose),
            "before": shown(area.before, whose),
            "usual": None if area.usual is None or shown(area.n, whose) is None else round(area.usual, 2),
            "km2": round(area.km2, 4),
        }
        for area in counts.areas
    ]
    return {
        "level": counts.level,
        "total": counts.total,
        "on_map": counts.total - sum(counts.not_on_map.values()),
        "not_on_map": dict(counts.not_on_map),
        "before": before,
        "withheld": sum(area["n"] is None for area in areas),
        "breaks": breaks(a["n"] / a["km2"] for a in areas if a["n"] and a["km2"]),
        "areas": areas,
    }


def places_json(places: Sequence[RankedPlace], whose: Rights) -> list[Json]:
    """Places in words, most cases first; the public is told those of at least three cases."""
    return [
        {
            "name": place.label_zh,
            "name_en": place.label_en,
            "kind": place.kind,
            "community": {"code": place.community_code, "name": place.community},
            "street": {"code": place.street_code, "name": place.street, "name_en": place.street_en},
            "unit": _unit(place),
            "cells": list(place.cells),
            "n": place.n,
            "before": shown(place.before, whose),
            "usual": None if place.usual is None else round(place.usual, 2),
            "lon": place.lon,
            "lat": place.lat,
        }
        for place in places
        if place.n >= LEAST_SHOWN or shown(place.n, whose) is not None
    ]


def _unit(place: RankedPlace) -> Json | None:
    return {"code": place.unit_code, "name": place.unit, "name_en": place.unit_en} if place.unit_code else None


def density_json(density: Density) -> Json:
    """Squares by their centres."""
    cells = [{"x": x, "y": y, "n": n} for x, y, n in zip(density.x, density.y, density.n, strict=True)]
    return {
        "total": density.total,
        "truncated": density.truncated,
        "crs": density.crs,
        "size_m": density.size,
        "breaks": breaks(density.n),
        "cells": cells,
    }
