"""Rulings that decide later cases: a ground, a category, a unit, the reason; shown wherever boundaries are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import shapely

from gis.acts import Act
from gis.crs import parse_crs, to_working
from gis.errors import BadOption, NotFound
from gis.limits import REASON, require_short
from gis.periods import local_day
from gis.rights import ALL
from gis.rules import Precedent
from gis.services.desk import require_reason, require_unit, standing_case
from gis.services.platform import Platform
from gis.services.worlds import features_of
from gis.store import areas as area_store
from gis.store import registers as register_store
from gis.store import rulings as store
from gis.store.engine import Connection

__all__ = ["Ground", "end", "listed", "make", "touched"]

_WIDEST_M: Final = 2000.0
_ROAD_M: Final = 5.0  #: half the width of a road that says none


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a precedent holds; just one of: a circle of `around` metres about the case, a `road` by its code with
    `around` metres beyond its edge, or a `polygon` of x, y pairs in `crs`."""

    around: float | None = None
    road: str = ""
    polygon: Sequence[tuple[float, float]] = ()
    crs: str = "EPSG:4326"


def make(
    p: Platform, no: str, ground: Ground, act: Act, *, category: str | None = None, evidence: str = ""
) -> Precedent:
    """Make the newest ruling on a case a precedent from today on; `category` None: the case's own, '' every one.

    Raises BadOption for a ground that does not hold the case's spot, or a case on which no person ruled.
    """
    require_reason(act)
    require_short("evidence", evidence, REASON)
    day = local_day(act.at, p.place.timezone)
    with p.store.begin(ALL) as connection:
        area_store.lock_boundaries(connection, alone=True)  # whoever decides knows all precedents up to a number
        row = standing_case(p, connection, no)
        if row.settled_by != "person":
            raise BadOption(f"Nobody has ruled on case {no} yet; decide it first, then make the ruling a precedent.")
        word = row.category if category is None else category
        if word and word not in {c.code for c in register_store.categories(connection)}:
            raise BadOption(f"category is {word!r}, which is no registered category.")
        shape = _shape(p, connection, (row.x, row.y), ground, day)
        unit = row.unit or row.forward_to
        require_unit(connection, unit, day)
        said = {
            "category": word,
            "unit": unit,
            "assisting": [],
            "evidence": evidence,
            "day": row.received_on,
            "id": row.id,
            "valid_from": day,
            "wkb": shapely.to_wkb(shape),
        }
        number = store.add_precedent(connection, act, said)
        return Precedent(number, word, unit, (), act.reason, evidence, shape, day)


def _shape(p: Platform, connection: Connection, spot: tuple[float, float], ground: Ground, day: date) -> Any:
    given = [ground.around is not None and not ground.road, bool(ground.road), bool(ground.polygon)]
    if sum(given) != 1:
        raise BadOption("The ground is not clear; give either metres around the spot, or a road, or a polygon.")
    if ground.around is not None and not 0 <= ground.around <= _WIDEST_M:
        raise BadOption(f"around is {ground.around!r}; wanted metres from 0 to {_WIDEST_M:g}.")
    if ground.road:
        shape = _road(connection, ground, day, p)
    elif ground.polygon:
        shape = _polygon(p, ground)
    else:
        shape = shapely.Point(spot).buffer(max(ground.around or 0.0, 1.0))
    if not shapely.intersects_xy(shape, *spot):
        raise BadOption("The ground does not hold the spot of the case; draw it so that it does.")
    return shape


def _road(connection: Connection, ground: Ground, day: date, p: Platform) -> Any:
    release = area_store.release_on(connection, day)
    roads = [f for f in features_of(p, connection, release) if f.layer == "road" and f.code == ground.road]
    if not roads:
        raise BadOption(
            f"road is {ground.road!r}, which no map of today holds; `gridward boundaries export` shows them."
        )
    half = roads[0].width_m / 2.0 if roads[0].width_m else _ROAD_M
    return shapely.buffer(roads[0].geometry, half + (ground.around or 0.0))


def _polygon(p: Platform, ground: Ground) -> Any:
    xy = np.asarray(ground.polygon, dtype=float).reshape(-1, 2)
    x, y = to_working(xy[:, 0], xy[:, 1], crs=parse_crs(ground.crs), working=p.place.crs)
    usable = len(x) >= 3 and np.isfinite(x).all() and np.isfinite(y).all()
    ring = shapely.Polygon(np.column_stack([x, y])) if usable else None
    if ring is None or not ring.is_valid or not 1.0 <= ring.area <= _WIDEST_M**2:
        raise BadOption(
            "The polygon is no simple area of 1 m² to 4 km²; give at least three corners in order, no sides crossing."
        )
    return ring


def end(p: Platform, number: int, act: Act) -> None:
    """Let a precedent decide nothing received from today on; what it decided stays decided.

    Raises NotFound where it does not hold.
    """
    require_reason(act)
    with p.store.begin(ALL) as connection:
        area_store.lock_boundaries(connection, alone=True)
        if not store.end_precedent(connection, number, local_day(act.at, p.place.timezone), act):
            raise NotFound(
                f"There is no precedent {number} in force; `gridward precedents list` shows those there are."
            )


def listed(p: Platform) -> list[Precedent]:
    """Every precedent, the oldest first."""
    with p.store.begin(ALL) as connection:
        return list(p.register(connection).precedents)


def touched(held: Sequence[Precedent], ground: Any | None, day: date) -> list[int]:
    """The ids of precedents in force on a day or later whose ground meets changed ground."""
    alive = [q for q in held if q.valid_to is None or day < q.valid_to]
    return [q.id for q in alive if ground is not None and shapely.intersects(q.ground, ground)]
