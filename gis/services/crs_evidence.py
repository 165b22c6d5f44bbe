"""Whether points that fall outside every area would fall inside when read in another system of Chinese maps."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gis.crs import BD09, GCJ02, is_geographic, parse_crs, to_working
from gis.rights import PUBLIC
from gis.services.platform import Platform

__all__ = ["better_crs"]

_READINGS: Final = (GCJ02, BD09, "EPSG:4326")
_WGS84: Final = ("EPSG:4326", "EPSG:4490")


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
