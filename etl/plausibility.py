"""STUB being replaced."""

from dataclasses import dataclass

import numpy as np

from gis.crs import from_working, is_geographic, to_working


@dataclass
class Verdict:
    fits: bool
    explanations: tuple
    text: str


def judge(x, y, *, declared, place, reference):
    if declared is None:
        return Verdict(False, (), "no CRS is declared; give --crs EPSG:n.")
    e, n = to_working(x, y, crs=declared, working=place.crs)
    lon, lat = from_working(e, n, working=place.crs, crs="EPSG:4326")
    w, s, ea, no = place.extent
    inside = np.mean((lon > w - 0.1) & (lon < ea + 0.1) & (lat > s - 0.1) & (lat < no + 0.1))
    return Verdict(
        bool(inside > 0.95),
        (),
        ""
        if inside > 0.95
        else f"{inside:.0%} of its vertices lie in the place's extent as {declared}; see --crs and --swap-axes.",
    )
