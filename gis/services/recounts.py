"""Counts by area on other ground than today's: as each case was decided, or everything on one named release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from gis.cases import CaseFilter
from gis.errors import NotFound
from gis.rights import Rights
from gis.services.platform import Platform
from gis.services.views import asked
from gis.store import areas as area_store
from gis.store import cases as store

__all__ = ["DECIDED", "Recount", "recount"]

DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Recount:
    """Cases by area code of a level; Σ areas + not_on_map = total. `on` is `decided` or a release's id."""

    level: str
    on: str
    total: int
    areas: Mapping[str, int]
    names: Mapping[str, str]
    not_on_map: int


def recount(p: Platform, where: CaseFilter, *, level: str, on: str, rights: Rights, today: date) -> Recount:
    """Count the cases of a filter by the areas they were decided on (`on` = "decided"), or on a release's lines.

    Comparing months across a boundary change needs the one or the other: today's map counts by today's lines. Raises
    NotFound for a release that does not exist.
    """
    depth = p.place.level_names.index(level)
    with p.store.begin(rights) as connection:
        filtered = asked(p, connection, where, today)
        if on == DECIDED:
            rows = store.counts_as_decided(connection, filtered, depth=depth + 1)
            words = {row.area: (row.code, row.name) for row in rows if row.area is not None}
            counted = {row.area: row.n for row in rows}
            lost = counted.pop(None, 0)
            areas: dict[str, int] = {}
            for area, n in counted.items():
                code = words[area][0]
                areas[code] = areas.get(code, 0) + n
            names = dict(words.values())
        else:
            release_id = int(on)
            if release_id not in {row.id for row in area_store.releases(connection)}:
                raise NotFound(f"There is no release {on}; `gridward boundaries list` shows those there are.")
            found = p.locator_of(connection, release_id)
            x, y = store.positions(connection, filtered)
            index = found.locate_many(x, y).levels[depth].index
            here = found.areas.levels[depth]
            each = np.bincount(index[index >= 0], minlength=len(here))
            areas = {str(here.codes[i]): int(each[i]) for i in np.flatnonzero(each)}
            names = {str(here.codes[i]): str(here.names[i]) for i in np.flatnonzero(each)}
            lost = int((index < 0).sum())
    return Recount(level, on, sum(areas.values()) + lost, areas, names, lost)
