"""Part `exact`: every answer beside GEOS and beside PostgreSQL; the figures are differences and must be 0."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from grounds import World, area_set, awkward_points, uniform_points
from measuring import Row, verdict
from numpy.typing import NDArray

from gis.areas import AreaSet
from gis.assignment.locator import Located, Locator
from gis.rights import ALL
from gis.services.platform import open_platform
from gis.store import areas as area_store

__all__ = ["exact_rows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def exact_rows(world: World, *, cells: int, points: int, in_sql: int) -> list[Row]:
    """All rows of this part."""
    areas = area_set(cells)
    uniform, awkward = uniform_points(areas, points - points // 5), awkward_points(areas, points // 5)
    x, y = (np.concatenate([a, b]) for a, b in zip(uniform, awkward, strict=True))
    found = Locator(areas).locate_many(x, y)
    index, border = by_geos(areas, x, y)
    rows = []
    for k, level in enumerate(found.levels):
        on = border[k]
        other = level.index != index[k]
        off, upon, flags = int((other & ~on).sum()), int((other & on).sum()), int((level.on_border != on).sum())
        rows.append(
            Row(
                f"{level.level}: differences from GEOS, {points:,} points",
                f"{off + upon + flags}",
                goal=verdict(off + upon + flags == 0, "0"),
                note=f"{off} off the borders, {upon} of {int(on.sum()):,} on them, {flags} border flags",
            )
        )
    return [*rows, _sql_row(world, in_sql)]


def by_geos(areas: AreaSet, x: Floats, y: Floats) -> tuple[list[Ints], list[NDArray[np.bool_]]]:
    """The rule told plainly: at the finest level that covers a point the lowest area, and its parents above it."""
    spots = shapely.points(x, y)
    index = [np.full(len(x), -1, dtype=np.int64) for _ in areas.levels]
    for depth in range(len(index) - 1, -1, -1):
        left = np.flatnonzero(index[depth] < 0)
        at, area = shapely.STRtree(areas.levels[depth].geometry).query(spots[left], predicate="intersects")
        lowest = np.full(len(left), len(areas.levels[depth]), dtype=np.int64)
        np.minimum.at(lowest, at, area)
        hit = lowest < len(areas.levels[depth])
        rows, answer = left[hit], lowest[hit]
        for up in range(depth, -1, -1):
            index[up][rows] = answer
            answer = np.where(answer >= 0, areas.levels[up].parent_index[answer], -1)
    border = []
    for level, answer in zip(areas.levels, index, strict=True):
        on = np.zeros(len(x), dtype=bool)
        hit = np.flatnonzero(answer >= 0)
        on[hit] = shapely.touches(level.geometry[answer[hit]], spots[hit])
        border.append(on)
    return index, border


def _sql_row(world: World, n: int) -> Row:
    """The newest release of the sample, answered by the store and by the locator."""
    what = f"differences from the SQL, {n:,} points, a fifth within some ulps of edges"
    by_sql: Any = getattr(area_store, "locate_points", None)
    if by_sql is None:
        return Row(what, "not available", note="the store has no `locate_points`")
    platform = open_platform(world.settings)
    try:
        with platform.store.begin(ALL) as connection:
            release = area_store.release_on(connection, datetime.now(UTC).date())
            locator = platform.locator_of(connection, release)
            uniform = uniform_points(locator.areas, n - n // 5)
            awkward = awkward_points(locator.areas, n // 5)
            x, y = (np.concatenate([a, b]) for a, b in zip(uniform, awkward, strict=True))
            told = by_sql(connection, release, platform.place.level_names, x, y)
    finally:
        platform.close()
    ours = _ids(locator.areas, locator.locate_many(x, y))
    other = int((told != ours).any(axis=1).sum())
    return Row(what, f"{other}", goal=verdict(other == 0, "0"), note="all levels of a release of the sample district")


def _ids(areas: AreaSet, found: Located) -> Ints:
    """The ids of the areas as (points, levels), -1 for none: as the store tells them."""
    both = zip(areas.levels, found.levels, strict=True)
    return np.stack([np.append(level.ids, -1)[answer.index] for level, answer in both], axis=1)
