"""The maps of our pages, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from webmap.maps.local import LocalMap, Parts, Piece
from webmap.maps.pieces import Areas, BaseMap, CasePoint, Grid, Heat, Legend, Scale, Start, Symbols

__all__ = ["BASE_LAYERS", "ZOOM_STEPS", "case_map", "planner_map"]

#: layer of the base map -> lowest zoom at which it is asked for
BASE_LAYERS: Final = [
    ("land_use", 10),
    ("river", 10),
    ("road", 10),
    ("urban_village", 15),
    ("compound", 15),
    ("market", 15),
    ("building_site", 15),
    ("landmark", 14),
]
#: outlines are simplified for these zooms (gis.services.maps); asking in the same steps lets answers be kept
ZOOM_STEPS: Final = (11, 13, 15, 18)
_ZOOMS: Final = {"min_zoom": 10, "max_zoom": 19, "zoom_snap": 0.5, "wheel_px_per_zoom_level": 90}

Box = tuple[float, float, float, float]


def planner_map(*, label: str, bounds: Box, api: str, levels: tuple[str, ...], squares: bool) -> Parts:
    """The morning map. `squares` is False for the public, which is shown counts by area alone."""
    map_ = LocalMap("planner", label=label, center=_middle(bounds), zoom=12, zoom_control=False, **_ZOOMS)
    pieces: dict[str, Piece] = {
        "base": BaseMap(url=f"{api}/basemap/", layers=BASE_LAYERS),
        # all areas but the finest are few enough to be fetched whole
        "areas": Areas(url=f"{api}/areas", zoom_steps=ZOOM_STEPS, whole_levels=levels[:-1]),
        "symbols": Symbols(largest=30),
        "legend": Legend(position="bottomleft"),
        "scale": Scale(position="bottomright"),
    }
    if squares:
        pieces |= {"grid": Grid(url=f"{api}/density"), "heat": Heat(radius=14, blur=12)}
    return _finished(map_, pieces)


def case_map(*, label: str, lat: float, lon: float, accuracy: float | None, api: str, levels: tuple[str, ...]) -> Parts:
    """The map of one case."""
    map_ = LocalMap("case", label=label, center=(lat, lon), zoom=16, zoom_control=True, **_ZOOMS)
    pieces: dict[str, Piece] = {
        "base": BaseMap(url=f"{api}/basemap/", layers=BASE_LAYERS),
        "point": CasePoint(lat=lat, lon=lon, accuracy=accuracy, url=f"{api}/areas", levels=list(levels)),
        "scale": Scale(position="bottomright"),
    }
    return _finished(map_, pieces)


def _finished(map_: LocalMap, pieces: Mapping[str, Piece]) -> Parts:
    for piece in pieces.values():
        map_.add_child(piece)
    map_.add_child(Start(pieces))
    return map_.parts()


def _middle(bounds: Box) -> tuple[float, float]:
    west, south, east, north = bounds
    return (south + north) / 2, (west + east) / 2
