"""In which other system points would lie where they are wanted: the words behind "check the CRS"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gis.crs import BD09, GCJ02, is_geographic, parse_crs, to_working
from gis.errors import UnknownCrs
from gis.place import Place
from gis.rights import PUBLIC
from gis.services.platform import Platform

__all__ = ["better_crs", "fitting_crs"]

_READINGS: Final = (GCJ02, BD09, "EPSG:4326")
_WGS84: Final = ("EPSG:4326", "EPSG:4490")
_PROJECTED: Final = ("EPSG:4528", "EPSG:4549", "EPSG:3857")
Floats = NDArray[np.float64]


def better_crs(p: Platform, x: NDArray[np.float64], y: NDArray[np.float64], *, crs: str, day: date) -> str | None:
    """The system in which less than a third of the points are outside that are outside in `crs` (degrees); None unless
    more than 5 % are outside in it. The one with the fewest outside; a shift of 0.5 km shows at the edge alone.

    x and y are (n,), a few thousand of a file's positions.
    """
    word = parse_crs(crs)
    if not is_geographic(word):
        return None
    with p.store.begin(PUBLIC) as connection:
        locator = p.locator_to_read(connection, day)

    def outside(reading: str) -> int:
        located = locator.locate_many(*to_working(x, y, crs=reading, working=p.place.crs))
        return int((located.levels[0].status != "area").sum())

    here = outside(word)
    if 20 * here <= len(x):
        return None
    others = [r for r in _READINGS if r != word and not (r in _WGS84 and word in _WGS84)]
    counts = {reading: outside(reading) for reading in others}
    best = min(counts, key=counts.__getitem__)
    return best if 3 * counts[best] < here else None


def fitting_crs(place: Place, x: Floats, y: Floats, fits: Callable[[Floats, Floats], bool]) -> tuple[str, bool] | None:
    """The first of the systems met with here in which points `fits`, and whether with x and y exchanged; None: none.

    `fits` is given the points in metres of the working CRS, those alone that are positions in the system.
    """
    for candidate in ("EPSG:4326", place.crs, *_PROJECTED):
        for exchanged, (a, b) in ((False, (x, y)), (True, (y, x))):
            try:
                east, north = to_working(a, b, crs=candidate, working=place.crs)
            except UnknownCrs:
                continue
            usable = np.isfinite(east) & np.isfinite(north)
            if usable.any() and fits(east[usable], north[usable]):
                return candidate, exchanged
    return None
