"""Reading: what pages and the API show. Everything here runs under the viewer's rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from gis.analysis.placenames import Named, name_places
from gis.areas import Feature, LevelAreas
from gis.assignment.locator import Locator
from gis.assignment.workflow import STATES
from gis.cases import AreaCount, AreaCounts, CaseFilter, Density, RankedPlace
from gis.crs import from_working, is_geographic
from gis.periods import Period
from gis.quads import decode
from gis.rights import PUBLIC, Rights
from gis.services import maps
from gis.services.platform import Platform
from gis.store import areas as area_store
from gis.store import cases as store
from gis.store import registers as register_store
from gis.store.engine import Connection

__all__ = [
    "EVENTS",
    "Choice",
    "Choices",
    "Overview",
    "area_counts",
    "choices",
    "density",
    "metrics",
    "overview",
    "ranked_places",
]

_YEAR = 364  #: whole weeks, so that the year before has as many Mondays as Sundays
_DENSITY_LIMIT = 20_000
_SOURCES = {
    "patrol": ("巡查", "patrol"),
    "public": ("公众", "public"),
    "hotline": ("热线", "hotline"),
    "video": ("视频", "video"),
    "transfer": ("市级转办", "city transfer"),
}
#: what happens to a case and is no state that a filter asks for
EVENTS = {
    "reported": ("已上报", "reported"),
    "boundary": ("边界变更", "boundary change"),
}
_STATES = {
    "dispatched": ("已派遣", "dispatched"),
    "border_desk": ("边界待裁", "border desk"),
    "returned": ("已退回", "given back"),
    "forwarded": ("已转交", "forwarded"),
    "outside": ("区外", "outside"),
    "gap": ("空隙", "gap"),
    "closed": ("已结案", "closed"),
}


@dataclass(frozen=True, slots=True)
class Overview:
    """The place at a glance; `bounds` (west, south, east, north) in degrees WGS 84 of the finest areas in force, where
    the work is done."""

    name_zh: str
    name_en: str
    synthetic: bool
    release: Mapping[str, Any] | None
    version: str
    first_day: date | None
    last_day: date | None
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter and its words."""

    code: str
    zh: str
    en: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters can be set to."""

    categories: Sequence[Choice]
    units: Sequence[Choice]
    sources: Sequence[Choice]
    states: Sequence[Choice]
    levels: Sequence[Choice]


def overview(p: Platform, *, rights: Rights, today: date) -> Overview:
    """What the place is called, which release is in force today, and which days have cases."""
    with p.store.begin(rights) as connection:
        locator = p.locator(connection, today)
        rows = {row.id: row for row in area_store.releases(connection)}
        first, last = store.days_with_cases(connection)
    areas = locator.areas
    row = rows.get(areas.release_id) if areas.release_id else None
    release = row and {
        "id": row.id,
        "title": row.title,
        "document": row.document,
        "valid_from": row.valid_from.isoformat(),
        "synthetic": row.synthetic,
    }
    return Overview(
        name_zh=p.place.name,
        name_en=p.place.name_en,
        synthetic=p.place.synthetic or bool(row and row.synthetic),
        release=release or None,
        version=str(areas.release_id or 0),
        first_day=first,
        last_day=last,
        bounds=_bounds(p, locator),
    )


def _bounds(p: Platform, locator: Locator) -> tuple[float, float, float, float]:
    finest = next((level.geometry for level in reversed(locator.areas.levels) if len(level)), None)
    if finest is None:
        return p.place.extent
    west, south, east, north = maps.total_bounds(finest)
    lon, lat = from_working(
        [west, east, west, east], [south, south, north, north], working=p.place.crs, crs="EPSG:4326"
    )
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def choices(p: Platform, *, rights: Rights, today: date) -> Choices:
    """Every category, unit, source, state and level that a filter can name today."""
    with p.store.begin(rights) as connection:
        categories = [c for c in register_store.categories(connection) if _in_force(c, today)]
        units = [u for u in register_store.units(connection) if _in_force(u, today) and u.kind != "external"]
    return Choices(
        categories=[
            Choice(c.code, c.name, c.name_en or c.name, c.parent) for c in sorted(categories, key=lambda c: c.code)
        ],
        units=[Choice(u.code, u.name, u.name_en or u.name, u.kind) for u in units],
        sources=[Choice(code, *_SOURCES.get(code, (code, code))) for code in p.place.sources],
        states=[Choice(code, *_STATES[code]) for code in STATES if code != "reported"],
        levels=[Choice(level.name, level.label_zh, level.label_en) for level in p.place.levels],
    )


def _in_force(row: Any, day: date) -> bool:
    return bool(row.valid_from <= day and (row.valid_to is None or day < row.valid_to))


def asked(p: Platform, connection: Connection, where: CaseFilter, today: date) -> store.Asked:
    """The filter with its area's code resolved on today's release; a code that is none matches nothing."""
    if not where.area:
        return store.Asked(where)
    locator = p.locator(connection, today)
    for depth, level in enumerate(locator.areas.levels, start=1):
        found = np.flatnonzero(level.codes == where.area)
        if len(found):
            return store.Asked(where, (depth, int(level.ids[found[0]])))
    return store.Asked(where, (1, -1))


def area_counts(p: Platform, where: CaseFilter, *, level: str, rights: Rights, today: date) -> AreaCounts:
    """Cases per area of today's release, beside the same span before and what is usual.

    Raises SettingsFault for an unknown level. Without a period everything is counted and nothing compared.
    """
    p.place.level(level)
    depth = p.place.level_names.index(level) + 1
    with p.store.begin(rights) as connection:
        locator = p.locator(connection, today)
        first, last = store.days_with_cases(connection)
        spans, usual_days = _spans(where.period, first, last)
        undated = asked(p, connection, replace(where, period=None), today)  # the spans say which days are counted
        rows = store.counts_by_area(connection, undated, depth=depth, spans=spans)
    areas = locator.areas.levels[depth - 1]
    counted = {row.area: row for row in rows if row.area is not None}
    listed = [
        _area_count(areas, i, counted.get(int(areas.ids[i])), where.period, usual_days) for i in range(len(areas))
    ]
    parents = locator.areas.levels[depth - 2] if depth > 1 else None
    missing = {"outside": 0, "gap": 0, "no_position": 0}
    for row in rows:
        if row.area is None:
            missing[_why_missing(row, parents)] += row.now
    on_map = sum(area.n for area in listed)
    return AreaCounts(level=level, total=on_map + sum(missing.values()), areas=listed, not_on_map=missing)


def _area_count(areas: LevelAreas, i: int, row: Any, period: Period | None, usual_days: int) -> AreaCount:
    usual = None
    if period is not None and usual_days >= max(28, 2 * period.days):
        usual = (row.year if row else 0) * period.days / usual_days
    return AreaCount(
        code=areas.codes[i],
        name=areas.names[i],
        n=row.now if row else 0,
        before=row.before if row else 0,
        usual=usual,
        km2=float(areas.area_m2[i]) / 1e6,
    )


def _why_missing(row: Any, parents: LevelAreas | None) -> str:
    """outside or gap for a case that this level has no area for."""
    if row.status != "area" or parents is None or row.parent is None:
        return str(row.status) if row.status != "area" else "outside"
    at = np.flatnonzero(parents.ids == row.parent)
    return "gap" if len(at) and bool(parents.has_children[at[0]]) else "outside"


def _spans(period: Period | None, first: date | None, last: date | None) -> tuple[dict[str, tuple[date, date]], int]:
    """The spans to count, and how many days of the year before the period lie within the days that have cases."""
    if period is None:
        whole = (first or date(2000, 1, 1), (last or date(2000, 1, 1)) + timedelta(days=1))
        return {"now": whole, "before": (whole[0], whole[0]), "year": (whole[0], whole[0])}, 0
    start = max(period.start - timedelta(days=_YEAR), first or period.start)
    before = period.before()
    usual = (min(start, period.start), period.start)
    return (
        {"now": (period.start, period.end), "before": (before.start, before.end), "year": usual},
        (usual[1] - usual[0]).days,
    )


def density(p: Platform, where: CaseFilter, *, zoom: int, crs: str, rights: Rights, today: date) -> Density:
    """Gridded counts of the filter's cases in squares of 2^k metres, about 16 pixels wide at the zoom."""
    level = int(np.clip(21 - zoom, 4, 14))
    with p.store.begin(rights) as connection:
        filtered = asked(p, connection, where, today)
        rows = store.density(connection, filtered, level=level, limit=_DENSITY_LIMIT + 1)
        total = sum(store.totals(connection, filtered).values())
    shown = rows[:_DENSITY_LIMIT]
    x, y = decode([row.key for row in shown], level=level)
    x, y = from_working(x, y, working=p.place.crs, crs=crs)
    decimals = 6 if is_geographic(crs) else 1
    return Density(
        crs=crs,
        size=float(1 << level),
        total=total,
        truncated=len(rows) > _DENSITY_LIMIT,
        x=np.round(x, decimals).tolist(),
        y=np.round(y, decimals).tolist(),
        n=[row.n for row in shown],
    )


def ranked_places(p: Platform, where: CaseFilter, *, limit: int, rights: Rights, today: date) -> list[RankedPlace]:
    """The places with most cases: finest areas of one parent that share their nearest landmark or road."""
    level = p.place.level_names[-1]
    counts = area_counts(p, where, level=level, rights=rights, today=today)
    locator = maps.current(p, today)
    release_id, features = maps.basemap_features(p, today)
    named = p.keep(("names", release_id), lambda: _names(locator, features))
    groups: dict[tuple[int, int], list[int]] = {}
    for i in np.flatnonzero([area.n + area.before for area in counts.areas]).tolist():
        groups.setdefault((int(locator.areas.levels[-1].parent_index[i]), int(named.index[i])), []).append(i)
    ordered = sorted(groups.items(), key=lambda item: (-sum(counts.areas[i].n for i in item[1]), item[0]))
    units = _territory_units(p, today)
    return [
        _ranked(p, locator, named, key, [(i, counts.areas[i]) for i in cells], units)
        for key, cells in ordered[:limit]
        if any(counts.areas[i].n for i in cells)
    ]


def _names(locator: Locator, features: Sequence[Feature]) -> Named:
    x, y = maps.middles(locator.areas.levels[-1].geometry)
    return name_places(features, x, y)


def _territory_units(p: Platform, today: date) -> dict[str, tuple[str, str, str]]:
    with p.store.begin(PUBLIC) as connection:
        register = p.register(connection)
    names = {unit.code: (unit.name, unit.name_en or unit.name) for unit in register.units if _in_force(unit, today)}
    return {area: (unit, *names.get(unit, (unit, unit))) for area, unit in register.holders(today).items()}


def _ranked(
    p: Platform,
    locator: Locator,
    named: Named,
    key: tuple[int, int],
    cells: Sequence[tuple[int, AreaCount]],
    units: Mapping[str, tuple[str, str, str]],
) -> RankedPlace:
    levels = locator.areas.levels
    counts = [count for _, count in cells]
    parents = _ancestors(levels, key[0])
    top, community = parents[0], parents[-1]
    feature = named.features[key[1]] if key[1] >= 0 else None
    x, y = maps.middles(levels[-1].geometry[[i for i, _ in cells]])
    weight = np.array([max(c.n, 1e-9) for c in counts])
    lon, lat = from_working(
        [float(np.average(x, weights=weight))],
        [float(np.average(y, weights=weight))],
        working=p.place.crs,
        crs="EPSG:4326",
    )
    unit = units.get(top[0], ("", "", ""))
    usual = [c.usual for c in counts]
    return RankedPlace(
        label_zh=feature.name if feature else community[1],
        label_en=(feature.name_en or feature.name) if feature else community[1],
        kind=feature.layer if feature else "area",
        community=community[1],
        community_code=community[0],
        street=top[1],
        street_en=top[2],
        street_code=top[0],
        unit=unit[1],
        unit_en=unit[2],
        unit_code=unit[0],
        cells=[c.code for c in counts],
        n=sum(c.n for c in counts),
        before=sum(c.before for c in counts),
        usual=None if any(u is None for u in usual) else float(sum(u for u in usual if u is not None)),
        lon=round(float(lon[0]), 6),
        lat=round(float(lat[0]), 6),
    )


def _ancestors(levels: Sequence[LevelAreas], index: int) -> list[tuple[str, str, str]]:
    """(code, name, English name) of area `index` of the level above the finest and of all above it, coarsest first."""
    out: list[tuple[str, str, str]] = []
    for level in reversed(levels[:-1]):
        name = level.names[index] if index >= 0 else ""
        out.append((level.codes[index], name, level.names_en[index] or name) if index >= 0 else ("", "", ""))
        index = int(level.parent_index[index]) if index >= 0 else -1
    return out[::-1] or [("", "", "")]


def metrics(p: Platform, *, rights: Rights) -> dict[str, float]:
    """Counters for a monitor: cases by placement status."""
    with p.store.begin(rights) as connection:
        found = store.totals(connection, store.Asked(CaseFilter()))
    return {f"gridward_cases_{status}": float(found.get(status, 0)) for status in ("area", "outside", "gap")}
