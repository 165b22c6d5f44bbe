"""One position as somebody gives it: brought to the working CRS, and refused where it cannot be meant.

A single report or a moved pin that lies in another province came with the wrong CRS, or with x and y exchanged: it is
said while the sender still listens. A file's rows are never lost for it: they are stored as outside, named and counted.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np

from gis.crs import facts_of, from_working, is_geographic, parse_crs, to_working
from gis.errors import BadOption, DataFault
from gis.place import Place
from gis.services.crs_evidence import fitting_crs

__all__ = ["REACH_M", "far_hint", "position", "position_in_reach", "reach_of"]

#: a position may lie so far beyond the place's extent, or as far as the extent's diagonal where that is more: no error
#: of a phone, and no report from a neighbouring city, is as far off; another CRS nearly always is
REACH_M: Final = 50_000.0
_EARTH_M: Final = 6_371_000.0
Box = tuple[float, float, float, float]


def position(place: Place, x: float, y: float, crs: str) -> tuple[float, float]:
    """The position in metres of the working CRS; UnknownCrs, and BadOption for numbers that are none in the CRS."""
    word = parse_crs(crs)
    east, north = to_working(np.array([x]), np.array([y]), crs=word, working=place.crs)
    if not (np.isfinite(east[0]) and np.isfinite(north[0])):
        raise BadOption(
            f"x={x!r}, y={y!r} is no position in {word}; x is east (or longitude), y is north (or latitude)."
            + _reading(place, x, y)
        )
    return float(east[0]), float(north[0])


def position_in_reach(place: Place, x: float, y: float, crs: str) -> tuple[float, float]:
    """`position`, and DataFault for one that is out of the place's reach."""
    at = position(place, x, y, crs)
    far = far_hint(place, (x, y, crs), at)
    if far:
        raise DataFault(far)
    return at


def far_hint(place: Place, said: tuple[float, float, str], at: tuple[float, float]) -> str:
    """How far a position lies beyond the place's reach, and what may be meant; '' for one within it.

    `said` is x, y and their CRS, `at` the same in metres of the working CRS.
    """
    if _beyond(_box(place.extent, place.crs), at) <= reach_of(place):
        return ""
    x, y, crs = said
    west, south, east, north = place.extent
    ground = f"longitude {west} to {east}, latitude {south} to {north}"
    return (
        f"x={x!r}, y={y!r} in {parse_crs(crs)} lies {_kilometres(place, at):,.0f} km from {place.name}; "
        f"wanted a position within {reach_of(place) / 1000:,.0f} km of its extent ({ground})."
        + (_reading(place, x, y) or " Check the CRS, and that x is east and y is north.")
    )


def reach_of(place: Place) -> float:
    """How far beyond the place's extent a position may lie, in metres."""
    west, south, east, north = _box(place.extent, place.crs)
    return max(REACH_M, math.hypot(east - west, north - south))


@lru_cache(maxsize=8)
def _box(extent: Box, crs: str) -> Box:
    """The extent's bounds in the working CRS."""
    west, south, east, north = extent
    along, up = np.linspace(west, east, 21), np.linspace(south, north, 21)
    lon = np.concatenate([along, along, np.full(21, west), np.full(21, east)])
    lat = np.concatenate([np.full(21, south), np.full(21, north), up, up])
    x, y = to_working(lon, lat, crs="EPSG:4326", working=crs)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _beyond(box: Box, at: tuple[float, float]) -> float:
    """Metres from a box to a position, 0 within it."""
    west, south, east, north = box
    return math.hypot(max(west - at[0], 0.0, at[0] - east), max(south - at[1], 0.0, at[1] - north))


def _kilometres(place: Place, at: tuple[float, float]) -> float:
    """How far a position lies from the extent: on the globe, since far off a plane's metres say little."""
    lon, lat = from_working(np.array([at[0]]), np.array([at[1]]), working=place.crs, crs="EPSG:4326")
    if not (np.isfinite(lon[0]) and np.isfinite(lat[0])):
        return _beyond(_box(place.extent, place.crs), at) / 1000
    west, south, east, north = place.extent
    a = np.radians([lon[0], lat[0]])
    b = np.radians([np.clip(lon[0], west, east), np.clip(lat[0], south, north)])
    sine = np.sin((b - a) / 2) ** 2
    return float(2 * _EARTH_M * np.arcsin(np.sqrt(sine[1] + np.cos(a[1]) * np.cos(b[1]) * sine[0]))) / 1000


def _reading(place: Place, x: float, y: float) -> str:
    """The reading that would put the numbers into the place's extent, in words; '' where there is none."""
    box = _box(place.extent, place.crs)
    found = fitting_crs(
        place, np.array([x]), np.array([y]), lambda east, north: _beyond(box, (float(east[0]), float(north[0]))) == 0
    )
    if found is None:
        return ""
    crs, exchanged = found
    looks = " These look like degrees:" if is_geographic(crs) else ""
    word = f"{crs} (or EPSG:4490)" if looks and facts_of(place.crs).datum == "China 2000" else crs
    swap = " with x and y exchanged" if exchanged else ""
    return f"{looks} {'they' if looks else 'They'} would fit as {word}{swap}; give them so."
