"""Checks of a file of reports as a whole, chunk after chunk: rows that repeat, and whether its CRS can be right."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.crs import from_working, to_working
from gis.errors import FileFault, UnknownCrs
from gis.place import Place

__all__ = ["Counts", "Nearness", "require_near"]

Floats = NDArray[np.float64]


class Counts:
    """How often each digest went by in earlier chunks, at 8 bytes a row.

    Two rows of one 64-bit hash would count as one digest, in every run alike: their keys still differ by the digest.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def before(self, digest: NDArray[np.object_]) -> NDArray[np.int64]:
        """The counts of a chunk's digests so far; the chunk itself counts from the next call on."""
        hashes = pd.util.hash_array(digest)
        out = np.zeros(len(hashes), dtype=np.int64)
        for run in self._runs:
            out += np.searchsorted(run, hashes, side="right") - np.searchsorted(run, hashes, side="left")
        self._runs.append(np.sort(hashes))
        if len(self._runs) > 8:
            self._runs = [np.sort(np.concatenate(self._runs))]
        return out


class Nearness:
    """Whether most positions of a file lie near the place, as they do when its CRS is the one that was said."""

    def __init__(self, place: Place, crs: str) -> None:
        self._place, self._crs = place, crs
        self._near = self._all = 0
        self._sample: tuple[Floats, Floats] | None = None  #: x and y of the first chunk

    def add(self, given: tuple[Floats, Floats], working: tuple[Floats, Floats]) -> None:
        """Count positions, as given and in the working CRS."""
        if not len(given[0]):
            return
        self._near += int(_plausible(*working, self._place).sum())
        self._all += len(given[0])
        self._sample = self._sample or given

    def require(self) -> None:
        """Raise FileFault when more than half of the positions are far away."""
        if self._sample is None or self._near >= self._all * 0.5:
            return
        x, y = self._sample
        raise FileFault(
            f"{1.0 - self._near / self._all:.0%} of the positions lie far from {self._place.name} when read as "
            f"{self._crs} (the first is x={x[0]}, y={y[0]}). {_hint(x, y, self._place)}"
        )


def require_near(at: tuple[Floats, Floats], crs: str, place: Place) -> None:
    """Raise FileFault where more than half of these positions, as given in `crs`, lie far from the place."""
    numbers = np.isfinite(at[0]) & np.isfinite(at[1])
    given = at[0][numbers], at[1][numbers]
    nearness = Nearness(place, crs)
    nearness.add(given, to_working(*given, crs=crs, working=place.crs))
    nearness.require()


def _plausible(east: NDArray[np.float64], north: NDArray[np.float64], place: Place) -> NDArray[np.bool_]:
    """Within the place's extent, grown by its own size on every side."""
    lon, lat = from_working(east, north, working=place.crs, crs="EPSG:4326")
    west, south, right, top = place.extent
    wide, high = right - west, top - south
    with np.errstate(invalid="ignore"):
        inside = (lon >= west - wide) & (lon <= right + wide) & (lat >= south - high) & (lat <= top + high)
    return np.asarray(inside, dtype=bool)


def _hint(x: NDArray[np.float64], y: NDArray[np.float64], place: Place) -> str:
    """Which other reading would put the points here: words for the remedy."""
    for candidate in ("EPSG:4326", place.crs, "EPSG:4528", "EPSG:4549", "EPSG:3857"):
        for swapped, (a, b) in ((False, (x, y)), (True, (y, x))):
            try:
                east, north = to_working(a, b, crs=candidate, working=place.crs)
            except UnknownCrs:
                continue
            usable = np.isfinite(east) & np.isfinite(north)
            if usable.any() and _plausible(east[usable], north[usable], place).mean() > 0.9:
                if swapped:
                    return f"They would fit as {candidate} with x and y exchanged: exchange --x and --y."
                return f"They would fit as {candidate}: give --crs {candidate}."
    return f"Wanted points around {place.extent} (degrees WGS 84); check --crs and the columns."
