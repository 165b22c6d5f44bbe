"""The delivered city as arrays: what the sample year happens on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from etl.sample.content import LAND_USES

__all__ = ["Ground", "read_ground", "spots_in"]

_KINDS: Final = {"SC": "market", "XQ": "compound", "GD": "building_site", "CZC": "urban_village"}


@dataclass(frozen=True, slots=True)
class Ground:
    """Cells with what stands on them; coordinates in EPSG:4549. `place` is '' or market, compound, ….

    `town` are the communities without cells, `borders` the lines between streets, `outline` the whole district.
    """

    codes: NDArray[np.object_]
    cells: NDArray[np.object_]
    middles: NDArray[np.float64]
    land_use: NDArray[np.int64]
    place: NDArray[np.object_]
    near_river: NDArray[np.bool_]
    roads: NDArray[np.object_]
    road_width: NDArray[np.float64]
    town: NDArray[np.object_]
    borders: Any
    outline: Any

    def __len__(self) -> int:
        return len(self.codes)


def _read(path: Path) -> tuple[NDArray[np.object_], dict[str, NDArray[Any]]]:
    meta, _, wkb, columns = pyogrio.raw.read(path, encoding="GBK")
    return np.asarray(shapely.from_wkb(wkb), dtype=object), dict(zip(meta["fields"], columns, strict=True))


def read_ground(folder: Path) -> Ground:
    """Read release one of the sample from its delivery folder."""
    cells, fields = _read(folder / "WG.shp")
    points = shapely.point_on_surface(cells)
    streets, _ = _read(folder / "JD.shp")
    communities, community_fields = _read(folder / "SQ.shp")
    land, land_fields = _read(folder / "YD.shp")
    roads, road_fields = _read(folder / "DL.shp")
    river, _ = _read(folder / "HD.shp")
    use = np.zeros(len(cells), dtype=np.int64)
    at, found = shapely.STRtree(land).query(points, predicate="intersects")
    use[at] = [LAND_USES.index(kind) for kind in land_fields["LX"][found]]
    place = np.full(len(cells), "", dtype=object)
    for layer, word in _KINDS.items():
        polygons, _ = _read(folder / f"{layer}.shp")
        at, _ = shapely.STRtree(polygons).query(points, predicate="intersects")
        place[at] = word
    has_cells = set(code[:12] for code in fields["DM"])
    town = np.array(
        [g for g, c in zip(communities, community_fields["DM"], strict=True) if c not in has_cells], dtype=object
    )
    outline = shapely.coverage_union_all(streets)
    lines = shapely.difference(shapely.union_all(shapely.boundary(streets)), shapely.boundary(outline).buffer(30.0))
    return Ground(
        codes=np.asarray(fields["DM"], dtype=object),
        cells=cells,
        middles=np.column_stack([shapely.get_x(points), shapely.get_y(points)]),
        land_use=use,
        place=place,
        near_river=np.asarray(shapely.distance(points, shapely.union_all(river)) < 90.0),
        roads=roads,
        road_width=np.asarray(road_fields["KD"], dtype=float),
        town=town,
        borders=lines,
        outline=outline,
    )


def spots_in(polygons: NDArray[np.object_], which: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """One uniform position (n × 2) inside polygon `which[i]` for each i, by rejection from its box."""
    out = np.empty((len(which), 2))
    left = np.arange(len(which))
    shapely.prepare(polygons)
    bounds = shapely.bounds(polygons)
    while len(left):
        box = bounds[which[left]]
        drawn = box[:, :2] + rng.uniform(0.0, 1.0, (len(left), 2)) * (box[:, 2:] - box[:, :2])
        inside = shapely.contains_xy(polygons[which[left]], drawn[:, 0], drawn[:, 1])
        out[left[inside]] = drawn[inside]
        left = left[~inside]
    return out
