"""Reading a layer's file into columns: geometries in the working CRS, texts decoded, nothing decided."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError

from etl.manifest import LayerEntry
from gis.crs import same_crs, to_working
from gis.errors import FileFault

__all__ = ["RawLayer", "read_layer"]

#: the content decides the driver: the first bytes of a .shp file
_SHP_MAGIC: Final = b"\x00\x00\x27\x0a"


@dataclass(frozen=True, slots=True)
class RawLayer:
    """A layer as its file holds it: geometry in the working CRS (None where a row has none), fields by meaning."""

    entry: LayerEntry
    geometry: NDArray[np.object_]
    fields: dict[str, NDArray[np.object_]]

    def __len__(self) -> int:
        return len(self.geometry)

    def text(self, name: str) -> NDArray[np.object_]:
        """A text field, trimmed; '' where the file has no value or no such field."""
        values = self.fields.get(name)
        if values is None:
            return np.full(len(self), "", dtype=object)
        return np.array(["" if _missing(v) else str(v).strip() for v in values], dtype=object)

    def number(self, name: str) -> NDArray[np.float64]:
        """A number field; NaN where there is none."""
        values = self.fields.get(name)
        if values is None:
            return np.full(len(self), np.nan)
        return np.array([np.nan if _missing(v) or v == "" else float(v) for v in values])


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def read_layer(entry: LayerEntry, working: str) -> RawLayer:
    """Read one shapefile; raises FileFault for an unreadable file, a missing field, or a .prj that contradicts."""
    _require_shapefile(entry.file)
    try:
        # The encoding is always named: without .cpg GDAL would guess Latin-1 and garble every Chinese name silently.
        meta, _, wkb, columns = pyogrio.raw.read(entry.file, encoding=entry.encoding or "UTF-8")
        geometry = shapely.from_wkb(wkb)
    except (DataSourceError, UnicodeDecodeError, shapely.errors.ShapelyError, ValueError) as fault:
        raise FileFault(f"{entry.file.name} cannot be read as a shapefile in {entry.encoding}: {fault}.") from None
    names = [str(name) for name in meta["fields"]]
    absent = sorted(set(entry.fields.values()) - set(names))
    if absent:
        raise FileFault(
            f"{entry.file.name} has no field {', '.join(absent)}; it has {', '.join(names)}. "
            "Correct the manifest's fields or ask for the file with them."
        )
    if meta["crs"] is None or not same_crs(meta["crs"], entry.crs):
        raise FileFault(
            f"{entry.file.name} says its CRS is {str(meta['crs'])[:80]!r}, the manifest says {entry.crs}; "
            "ask the survey office which is right."
        )
    by_name = dict(zip(names, columns, strict=True))
    fields = {meaning: np.asarray(by_name[name], dtype=object) for meaning, name in entry.fields.items()}
    return RawLayer(entry, _moved(np.asarray(geometry, dtype=object), entry.crs, working), fields)


def _require_shapefile(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(4)
    if path.suffix.lower() != ".shp" or head != _SHP_MAGIC:
        raise FileFault(f"{path.name} begins with {head!r}, which is no shapefile; wanted a .shp written by a GIS.")


def _moved(geometry: NDArray[np.object_], crs: str, working: str) -> NDArray[np.object_]:
    """In the working CRS, without Z and M; a file already in it keeps every bit of its coordinates."""
    flat = shapely.force_2d(geometry)
    if crs == working:
        return np.asarray(flat, dtype=object)
    coordinates = shapely.get_coordinates(flat)
    x, y = to_working(coordinates[:, 0], coordinates[:, 1], crs=crs, working=working)
    return np.asarray(shapely.set_coordinates(flat, np.column_stack([x, y])), dtype=object)
