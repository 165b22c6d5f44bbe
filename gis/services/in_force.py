"""What is in force: names and outline for the check of a new delivery, the areas of any day for an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from gis.areas import LevelAreas
from gis.errors import NotFound
from gis.periods import end_of_day
from gis.rights import ALL
from gis.services.platform import Platform
from gis.store import areas as store
from gis.store import releases as records

__all__ = ["AreasOn", "InForce", "areas_on", "in_force"]


@dataclass(frozen=True, slots=True)
class InForce:
    """Names by code and polygons (working CRS) for each level, both empty without a release, and which field of a
    source's last delivery said what, by level."""

    names: Mapping[str, Mapping[str, str]]
    shapes: Mapping[str, NDArray[np.object_]]
    fields: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class AreasOn:
    """The areas of a level on a day, with their parents' codes; `release_id` None: none was in force."""

    release_id: int | None
    day: date
    areas: LevelAreas
    parents: tuple[str, ...]


def in_force(p: Platform, day: date, *, source: str | None) -> InForce:
    """What a delivery that comes in on `day` is held against."""
    with p.store.begin(ALL) as connection:
        release_id = store.release_on(connection, day)
        areas = p.locator_of(connection, release_id).areas
        fields = records.fields_of_source(connection, source) if source else {}
    names = {level.level: dict(zip(level.codes, level.names, strict=True)) for level in areas.levels}
    shapes = {level.level: level.geometry for level in areas.levels}
    return InForce(names, shapes, fields)


def areas_on(p: Platform, level: str, day: date, *, as_known: date | None = None) -> AreasOn:
    """The areas of a level on `day`; with `as_known`, as they were known at the end of that day. Raises NotFound."""
    if level not in p.place.level_names:
        raise NotFound(f"There is no level {level!r}; the levels are {', '.join(p.place.level_names)}.")
    depth = p.place.level_names.index(level)
    with p.store.begin(ALL) as connection:
        known = end_of_day(as_known, p.place.timezone) if as_known else None
        release_id = store.release_on(connection, day, known=known)
        found = store.load_areas(connection, release_id, p.place.level_names)
    areas = found.levels[depth]
    above = [str(code) for code in found.levels[depth - 1].codes] if depth else []
    top = "" if depth else p.place.code
    parents = tuple(above[i] if depth and i >= 0 else top for i in areas.parent_index.tolist())
    return AreasOn(release_id, day, areas, parents)
