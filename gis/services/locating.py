"""Where a point lies and whose it is: the answer of `gridward locate` and of GET /api/v1/locate, word for word."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from gis.assignment.locator import AREA, Located, Locator
from gis.assignment.responsibility import SIGMA_OF_68, confidence_of, decide_many
from gis.crs import parse_crs, to_working
from gis.errors import BadOption
from gis.periods import AsOf, end_of_day
from gis.rights import PUBLIC
from gis.services.platform import Platform
from gis.store import areas as area_store
from gis.store.engine import Connection

__all__ = ["locate"]


def locate(p: Platform, x: float, y: float, *, crs: str, at: date | AsOf, accuracy: float | None) -> dict[str, Any]:
    """Answer one point of `crs` as of the day `at`; `accuracy` is the radius in metres holding 68 % of its error.

    `at` may say until when what was done is counted: what was activated or withdrawn since is not.

    Raises UnknownCrs, and BadOption for coordinates that are no position in the CRS or an accuracy not above 0.
    """
    word = parse_crs(crs)
    if accuracy is not None and not (np.isfinite(accuracy) and 0 < accuracy <= 1e6):
        raise BadOption(f"accuracy is {accuracy!r}; wanted metres above 0 and at most 1000000.")
    day = at.day if isinstance(at, AsOf) else at
    east, north = to_working(np.array([x]), np.array([y]), crs=word, working=p.place.crs)
    if not (np.isfinite(east[0]) and np.isfinite(north[0])):
        raise BadOption(
            f"x={x!r}, y={y!r} is no position in {word}; x is east (or longitude), y is north (or latitude)."
        )
    with p.store.begin(PUBLIC) as connection:
        locator = _locator(p, connection, at)
        register = p.register(connection)
    located = locator.locate_many(east, north)
    depth = p.place.level_names.index(p.place.unit_level)
    unit_areas, unit_answer = locator.areas.levels[depth], located.levels[depth]
    inside = unit_answer.status[0] == AREA
    code = str(unit_areas.codes[unit_answer.index[0]]) if inside else ""
    rulings = decide_many(
        register,
        category=np.array(["\0"], dtype=object),  # no category: no rule begins with it, the territory answers
        territory_code=np.array([code], dtype=object),
        finest_code=np.array([code], dtype=object),
        day=np.array([day], dtype="datetime64[D]"),
    )
    names = {unit.code: unit.name for unit in register.units}
    unit, forward = str(rulings.unit[0]), str(rulings.forward_to[0])
    levels = {
        level.name: _level_answer(locator, located, i, (east, north), accuracy)
        for i, level in enumerate(p.place.levels)
    }
    border = locator.border_distance(p.place.unit_level, east, north)
    return {
        "x": x,
        "y": y,
        "crs": word,
        "at": day.isoformat(),
        "release": locator.areas.release_id,
        "levels": levels,
        "unit": {"code": unit, "name": names[unit]} if unit else None,
        "scope": bool(rulings.scope[0]),
        "forward_to": {"code": forward, "name": names[forward]} if forward else None,
        "confidence": None if accuracy is None else round(float(confidence_of(border, np.array([accuracy]))[0]), 6),
    }


def _locator(p: Platform, connection: Connection, at: date | AsOf) -> Locator:
    if isinstance(at, AsOf) and at.known is not None:
        known = end_of_day(at.known, p.place.timezone)
        return p.locator_of(connection, area_store.release_on(connection, at.day, known=known))
    return p.locator_to_read(connection, at.day if isinstance(at, AsOf) else at)


def _level_answer(
    locator: Locator, located: Located, depth: int, at: tuple[Any, Any], accuracy: float | None
) -> dict[str, Any]:
    areas, answer = locator.areas.levels[depth], located.levels[depth]
    index = int(answer.index[0])
    distance = float(locator.border_distance(areas.level, *at)[0])
    return {
        "status": str(answer.status[0]),
        "code": str(areas.codes[index]) if index >= 0 else None,
        "name": str(areas.names[index]) if index >= 0 else None,
        "on_border": bool(answer.on_border[0]),
        "border_distance_m": round(distance, 3) if np.isfinite(distance) else None,
        "candidates": _candidates(locator, depth, at, index, distance, accuracy),
    }


def _candidates(
    locator: Locator, depth: int, at: tuple[Any, Any], index: int, distance: float, accuracy: float | None
) -> list[dict[str, Any]]:
    """The area of the point and the nearest other one, with the share of the error on either side of the border; a code
    of None is outside. Empty without an accuracy."""
    if accuracy is None or not np.isfinite(distance):
        return []
    areas = locator.areas.levels[depth]
    own = float(confidence_of(np.array([distance]), np.array([accuracy]))[0])
    listed = [{"code": str(areas.codes[index]) if index >= 0 else None, "p": round(own, 6)}]
    if distance < 4.0 * accuracy / SIGMA_OF_68:
        reach = np.array([distance * 1.0001 + 1.0])
        near = int(locator.neighbours(areas.level, *at, reach, np.array([index]))[0])
        listed.append({"code": str(areas.codes[near]) if near >= 0 else None, "p": round(1.0 - own, 6)})
    return listed
