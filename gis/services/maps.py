"""What maps draw: outlines of areas and the city's own base map, as GeoJSON in degrees WGS 84."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.analysis.outlines import metres_per_pixel, simplified
from gis.areas import Feature
from gis.assignment.locator import Locator
from gis.crs import from_working
from gis.errors import BadOption
from gis.rights import PUBLIC
from gis.services.platform import Platform
from gis.store import areas as area_store

__all__ = [
    "BASEMAP_LAYERS",
    "Shapes",
    "area_shapes",
    "basemap",
    "basemap_features",
    "current",
    "middles",
    "total_bounds",
    "warm",
]

BASEMAP_LAYERS: Final = (
    "land_use",
    "river",
    "road",
    "urban_village",
    "compound",
    "market",
    "building_site",
    "landmark",
)
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Shapes:
    """Features as ready JSON texts with their bounds (n × 4, degrees), so that a viewport is a mask and a join."""

    texts: NDArray[np.object_]
    bounds: NDArray[np.float64]

    def within(self, bbox: Box | None) -> bytes:
        """A FeatureCollection of the features whose bounds meet the box (west, south, east, north)."""
        texts = self.texts
        if bbox is not None:
            west, south, east, north = bbox
            meets = (self.bounds[:, 0] <= east) & (self.bounds[:, 2] >= west)
            texts = texts[meets & (self.bounds[:, 1] <= north) & (self.bounds[:, 3] >= south)]
        return ('{"type":"FeatureCollection","features":[' + ",".join(texts.tolist()) + "]}").encode()


def warm(p: Platform, today: date) -> None:
    """Make beforehand what the first page would wait for: the locator, outlines and base map at the opening zooms."""
    for zoom in (11, 13, 15):
        for level in p.place.level_names:
            area_shapes(p, level=level, zoom=zoom, bbox=None, today=today)
        for layer in BASEMAP_LAYERS:
            basemap(p, layer=layer, zoom=zoom, bbox=None, today=today)


def current(p: Platform, today: date) -> Locator:
    """The locator of the release in force today."""
    with p.store.begin(PUBLIC) as connection:
        return p.locator(connection, today)


def area_shapes(p: Platform, *, level: str, zoom: int, bbox: Box | None, today: date) -> bytes:
    """The outlines of a level as one simplified coverage; properties code, name, name_en, km2, parent."""
    p.place.level(level)
    areas = current(p, today).areas
    band = _band(zoom)
    geometries = p.keep(("outlines", areas.release_id, band), lambda: simplified(areas, _tolerance(p, band)))

    def make() -> Shapes:
        depth = p.place.level_names.index(level)
        found = areas.levels[depth]
        above = areas.levels[depth - 1].codes if depth else np.array([], dtype=object)
        properties = [
            {
                "code": found.codes[i],
                "name": found.names[i],
                "name_en": found.names_en[i],
                "km2": round(float(found.area_m2[i]) / 1e6, 4),
                "parent": above[found.parent_index[i]] if found.parent_index[i] >= 0 else "",
            }
            for i in range(len(found))
        ]
        return _shapes(p, geometries[depth], properties, band)

    return p.keep(("shapes", areas.release_id, level, band), make).within(bbox)


def basemap_features(p: Platform, today: date) -> tuple[int | None, list[Feature]]:
    """The release in force today and the features of its base map."""
    with p.store.begin(PUBLIC) as connection:
        release_id = area_store.release_on(connection, today)
        return release_id, p.keep(("features", release_id), lambda: area_store.load_features(connection, release_id))


def basemap(p: Platform, *, layer: str, zoom: int, bbox: Box | None, today: date) -> bytes:
    """One layer of the city's own base map; properties name, name_en, class."""
    if layer not in BASEMAP_LAYERS:
        raise BadOption(f"There is no base-map layer {layer!r}; the layers are {', '.join(BASEMAP_LAYERS)}.")
    release_id, features = basemap_features(p, today)
    band = _band(zoom)

    def make() -> Shapes:
        chosen = [f for f in features if f.layer == layer]
        properties = [{"name": f.name, "name_en": f.name_en, "class": f.kind, "width_m": f.width_m} for f in chosen]
        geometry = np.array([f.geometry for f in chosen], dtype=object)
        return _shapes(p, shapely.simplify(geometry, _tolerance(p, band)), properties, band)

    return p.keep(("basemap", release_id, layer, band), make).within(bbox)


def total_bounds(geometry: NDArray[np.object_]) -> tuple[float, float, float, float]:
    """(west, south, east, north) of all geometries together, in their own CRS."""
    west, south, east, north = shapely.total_bounds(geometry).tolist()
    return west, south, east, north


def middles(geometry: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A point inside each polygon."""
    points = shapely.point_on_surface(geometry)
    return shapely.get_x(points), shapely.get_y(points)


def _band(zoom: int) -> int:
    """Zooms share outlines in steps: at most eleven, thirteen, fifteen, and the survey's own lines from sixteen."""
    return min((step for step in (11, 13, 15) if zoom <= step), default=18)


def _tolerance(p: Platform, band: int) -> float:
    """Half a pixel at the band's finest zoom; none at all in the last band."""
    south, north = p.place.extent[1], p.place.extent[3]
    return 0.0 if band >= 18 else metres_per_pixel(band, (south + north) / 2.0) * 0.75


def _shapes(p: Platform, geometry: NDArray[np.object_], properties: Sequence[dict[str, Any]], band: int) -> Shapes:
    decimals = 5 if band <= 15 else 6
    coordinates = shapely.get_coordinates(geometry)
    lon, lat = from_working(coordinates[:, 0], coordinates[:, 1], working=p.place.crs, crs="EPSG:4326")
    moved = shapely.set_coordinates(geometry.copy(), np.round(np.column_stack([lon, lat]), decimals))
    texts = [
        f'{{"type":"Feature","properties":{json.dumps(words, ensure_ascii=False)},"geometry":{_trimmed(text)}}}'
        for words, text in zip(properties, shapely.to_geojson(moved).tolist(), strict=True)
    ]
    return Shapes(np.array(texts, dtype=object), shapely.bounds(moved).reshape(-1, 4))


def _trimmed(geojson: str) -> str:
    """GEOS writes a space after each comma: a fifth of the bytes."""
    return geojson.replace(", ", ",").replace('": ', '":')
