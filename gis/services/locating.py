"""Where a point lies and whose it is: the answer of `gridward locate` and of GET /api/v1/locate, word for word."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from gis.assignment.clouds import area_shares
from gis.assignment.locator import Located, Locator
from gis.assignment.register import Register
from gis.assignment.responsibility import Rulings, decide_many
from gis.assignment.uncertainty import Shares, sigma_of
from gis.crs import parse_crs
from gis.errors import BadOption
from gis.periods import AsOf, end_of_day
from gis.rights import PUBLIC
from gis.services.platform import Platform
from gis.services.positions import far_hint, position
from gis.store import areas as area_store
from gis.store.engine import Connection

__all__ = ["hint", "locate"]


def locate(p: Platform, x: float, y: float, *, crs: str, at: date | AsOf, accuracy: float | None) -> dict[str, Any]:
    """Answer one point of `crs` as of the day `at`; `accuracy` is the radius in metres that holds the place's share of
    its error (68 % unless the place file says otherwise).

    `at` may say until when what was done is counted: what was activated or withdrawn since is not.

    Raises UnknownCrs, and BadOption for coordinates that are no position in the CRS or an accuracy not above 0.
    """
    word = parse_crs(crs)
    if accuracy is not None and not (np.isfinite(accuracy) and 0 < accuracy <= 1e6):
        raise BadOption(f"accuracy is {accuracy!r}; wanted metres above 0 and at most 1000000.")
    day = at.day if isinstance(at, AsOf) else at
    east, north = (np.array([metres]) for metres in position(p.place, x, y, word))
    with p.store.begin(PUBLIC) as connection:
        locator = _locator(p, connection, at)
        register = p.register(connection)
        lines = area_store.line_accuracy(connection, locator.areas.release_id)
    located = locator.locate_many(east, north)
    sigma = None if accuracy is None else sigma_of([accuracy], [p.place.accuracy_level], lines)
    shares = [
        None if sigma is None else area_shares(locator, level, east, north, sigma) for level in p.place.level_names
    ]
    depth = p.place.level_names.index(p.place.unit_level)
    codes = locator.areas.levels[depth].codes
    ruled = _territories(register, [_code(codes, int(located.levels[depth].index[0]))], day)
    names = {unit.code: unit.name for unit in register.units}
    unit, forward = str(ruled.unit[0]), str(ruled.forward_to[0])
    return {
        "x": x,
        "y": y,
        "crs": word,
        "at": day.isoformat(),
        "release": locator.areas.release_id,
        "levels": {
            level: _level_answer(locator, located, i, (east, north), shares[i])
            for i, level in enumerate(p.place.level_names)
        },
        "unit": {"code": unit, "name": names[unit]} if unit else None,
        "scope": bool(ruled.scope[0]),
        "forward_to": {"code": forward, "name": names[forward]} if forward else None,
        "confidence": _confidence(shares[depth], register, codes, unit or forward, day),
    }


def hint(p: Platform, x: float, y: float, *, crs: str) -> str:
    """What to say of a point so far from the place that another CRS is meant; '' for any other."""
    return far_hint(p.place, (x, y, crs), position(p.place, x, y, crs))


def _locator(p: Platform, connection: Connection, at: date | AsOf) -> Locator:
    if isinstance(at, AsOf) and at.known is not None:
        known = end_of_day(at.known, p.place.timezone)
        return p.locator_of(connection, area_store.release_on(connection, at.day, known=known))
    return p.locator_to_read(connection, at.day if isinstance(at, AsOf) else at)


def _territories(register: Register, codes: list[str], day: date) -> Rulings:
    """Whose territory each of these areas is: no category, so that no rule is met."""
    return decide_many(
        register,
        category=np.full(len(codes), "\0", dtype=object),
        territory_code=np.array(codes, dtype=object),
        finest_code=np.array(codes, dtype=object),
        day=np.full(len(codes), day, dtype="datetime64[D]"),
    )


def _confidence(shares: Shares | None, register: Register, codes: Any, lead: str, day: date) -> float | None:
    """The summed share of the error area in which the same unit answers."""
    if shares is None:
        return None
    ruled = _territories(register, [_code(codes, i) for i in shares.area.tolist()], day)
    units = np.where(ruled.unit != "", ruled.unit, ruled.forward_to)
    return round(min(float(shares.share[units == lead].sum()), 1.0), 6)


def _code(codes: Any, index: int) -> str:
    return str(codes[index]) if index >= 0 else ""


def _level_answer(
    locator: Locator, located: Located, depth: int, at: tuple[Any, Any], shares: Shares | None
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
        "candidates": [] if shares is None else _candidates(areas.codes, shares),
    }


def _candidates(codes: Any, shares: Shares) -> list[dict[str, Any]]:
    """Areas with their shares of the error area, the largest first; a code of None is outside, or a gap."""
    listed: dict[str | None, float] = {}
    for area, share in zip(shares.area.tolist(), shares.share.tolist(), strict=True):
        code = None if area < 0 else str(codes[area])
        listed[code] = listed.get(code, 0.0) + share
    ordered = sorted(listed.items(), key=lambda item: (-item[1], item[0] or ""))
    return [{"code": code, "p": round(share, 6)} for code, share in ordered]
