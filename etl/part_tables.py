"""Files of parts opened: a CSV here, a spatial file by the sandbox; texts decoded, places in the working CRS."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from etl.csv_signs import HEAD, sign_of, utf16_fault
from etl.encodings import decode, judge
from etl.fields import texts_of
from etl.sandbox import Workroom
from gis.crs import parse_crs, same_crs, to_working
from gis.errors import BadOption, FileFault, UnknownCrs
from gis.parts import PARTS_STATES
from gis.place import Place

__all__ = ["PartsFile", "PartsTable", "tables_of"]

Column = NDArray[np.object_]
_WKB: Final = "__wkb__"
_CSV: Final = (".csv", ".txt")
_CSV_CRS: Final = "EPSG:4326"
#: words that the texts of a table of parts hold, to tell its encoding by
_TELLING: Final = frozenset({*PARTS_STATES.values(), "实测", "地形图", "基础地理数据", "其他"})


@dataclass(frozen=True, slots=True)
class PartsFile:
    """A file of parts and what was told about it; None and empty: not told."""

    path: str
    x: str = "lon"
    y: str = "lat"
    crs: str | None = None
    encoding: str | None = None
    scheme: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)  #: our name -> the file's column
    layers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return Path(self.path).name


@dataclass(frozen=True, slots=True)
class PartsTable:
    """One table: texts by column ('' for no value), geometry in the working CRS, and what was wrong with a row's own
    place before it was moved ('' where nothing was)."""

    name: str
    columns: Mapping[str, Column]
    geometry: Column
    lost: Column
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.geometry)


def tables_of(file: PartsFile, place: Place) -> list[PartsTable]:
    """Every table of a file; raises FileFault for what nothing can be made of, UnknownCrs where the CRS is missing."""
    if Path(file.path).suffix.casefold() in _CSV:
        return [_csv(file, place)]
    with Workroom() as room:
        room.take(file.path)
        found = room.unpack()
        if found["refused_all"]:
            raise FileFault(str(found["refused_all"]))
        if not found["sources"]:
            why = " ".join(found["refused"]) or "wanted a CSV, shapefile, GeoPackage, GeoJSON, FileGDB or a zip of one."
            raise FileFault(f"{file.name} holds no layer of parts: {why}")
        tables = _spatial(file, room, found["sources"], place)
    if not tables:
        raise FileFault(f"{file.name} holds no layer with shapes{_named(file)}; wanted points, lines or areas.")
    tables[0] = _noted(tables[0], (*found["refused"], *found["notes"]))
    return tables


def _named(file: PartsFile) -> str:
    return f" that is called {' or '.join(file.layers)}" if file.layers else ""


def _noted(table: PartsTable, notes: Sequence[str]) -> PartsTable:
    return PartsTable(table.name, table.columns, table.geometry, table.lost, (*table.notes, *notes))


# -- CSV ------------------------------------------------------------------------------------------------------------
def _csv(file: PartsFile, place: Place) -> PartsTable:
    frame, sign = _read_csv(file)
    absent = [name for name in (file.x, file.y) if name not in frame.columns]
    if absent:
        raise FileFault(
            f"{file.name} has no column {', '.join(absent)}; it has {', '.join(map(str, frame.columns))}. "
            "Name the columns of the position with --x and --y; `--template` prints the columns wanted."
        )
    columns = {str(name): frame[name].str.strip().to_numpy(dtype=object) for name in frame.columns}
    crs = parse_crs(file.crs or _CSV_CRS)
    x, y = (pd.to_numeric(frame[n], errors="coerce").to_numpy(dtype=float) for n in (file.x, file.y))
    east, north = to_working(x, y, crs=crs, working=place.crs)
    bad = ~(np.isfinite(east) & np.isfinite(north))
    lost = np.full(len(frame), "", dtype=object)
    for i in np.flatnonzero(bad).tolist():
        lost[i] = f"{file.x}, {file.y} is {columns[file.x][i]!r}, {columns[file.y][i]!r}, which is no position in {crs}"
    geometry = np.asarray(shapely.points(np.where(bad, 0.0, east), np.where(bad, 0.0, north)), dtype=object)
    geometry[bad] = None
    notes = () if sign == "," else (f"{file.name} is read with {sign!r} between the columns, by its header.",)
    return PartsTable("", columns, geometry, lost, notes)


def _read_csv(file: PartsFile) -> tuple[pd.DataFrame, str]:
    """The table as texts, and the sign between its columns."""
    path, encoding = Path(file.path), file.encoding
    try:
        with path.open("rb") as opened:
            head = opened.read(HEAD)
        if not encoding and (found := utf16_fault(head)):
            raise FileFault(f"{path.name} is {found}.")
        sign = sign_of(head.decode(encoding or "utf-8-sig", "replace"), (file.x, file.y))
        return pd.read_csv(
            path, sep=sign, dtype=str, keep_default_na=False, na_filter=False, encoding=encoding or "utf-8-sig"
        ), sign
    except FileNotFoundError:
        raise FileFault(f"{path} is no file that can be read; give the path of a file of parts.") from None
    except LookupError:
        raise BadOption(f"--encoding is {encoding!r}, which is none; wanted for example GBK or UTF-8.") from None
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError, OSError) as fault:
        raise FileFault(
            f"{path.name} cannot be read as CSV in {encoding or 'UTF-8'}: {fault}. "
            "If it was written by a spreadsheet in China, give --encoding GBK."
        ) from None


# -- spatial files --------------------------------------------------------------------------------------------------
def _spatial(file: PartsFile, room: Workroom, sources: Sequence[Mapping[str, Any]], place: Place) -> list[PartsTable]:
    drivers: dict[str, list[Mapping[str, Any]]] = {}
    for n, source in enumerate(sources):
        told = {**source, "n": n, "layer": None, "encoding": file.encoding}
        drivers.setdefault(str(source["driver"]), []).append(told)
    tables: list[PartsTable] = []
    for driver, told_sources in drivers.items():
        answer = room.read(driver, told_sources)
        for source, read in zip(told_sources, answer["sources"], strict=True):
            if read["fault"]:
                raise FileFault(f"{source['name']} cannot be read: {read['fault']}. Ask for the file again.")
            _require_whole(str(source["name"]), source.get("shape"))
            several = len(sources) > 1 or len(read["layers"]) > 1
            tables += [
                _table(file, source, layer, place, named=several)
                for layer in read["layers"]
                if not file.layers or {layer["layer"], Path(source["name"]).stem, source["name"]} & set(file.layers)
            ]
    return tables


def _require_whole(name: str, shape: Mapping[str, Any] | None) -> None:
    """Raise FileFault when a shapefile's parts contradict each other: which row is which shape's is unknown then."""
    if shape is None:
        return
    records, indexed, rows = (shape[key] for key in ("records", "index_records", "table_rows"))
    if records is None or (indexed is not None and indexed != records) or (rows is not None and rows != records):
        raise FileFault(
            f"{name} is damaged: {records} shapes, {indexed} in its index, {rows} rows in its table; wanted one "
            "number. Ask for the file again."
        )


def _table(
    file: PartsFile, source: Mapping[str, Any], layer: Mapping[str, Any], place: Place, *, named: bool
) -> PartsTable:
    import pyarrow as pa

    name = str(source["name"]) if source["driver"] == "ESRI Shapefile" else f"{source['name']} {layer['layer']}"
    with pa.OSFile(str(layer["file"])) as opened:
        arrow = pa.ipc.open_file(opened).read_all()
    columns = {n: texts_of(_objects(arrow[n])) for n in arrow.column_names if n != _WKB}
    notes: list[str] = []
    if layer["latin"]:
        columns, notes = _decoded(columns, source["shape"], file, name)
    lost = _bad_dates(arrow.num_rows, source.get("shape"))
    geometry = _shapes(_objects(arrow[_WKB]))
    crs, said = _crs_of(layer["crs"], file, place, name)
    moved = _moved(geometry, crs, place, lost)
    return PartsTable(name if named else "", columns, moved, lost, (*notes, *said))


def _objects(column: Any) -> Column:
    return np.array(column.to_pylist() or [], dtype=object)


def _decoded(
    columns: Mapping[str, Column], shape: Mapping[str, Any], file: PartsFile, name: str
) -> tuple[dict[str, Column], list[str]]:
    """The texts of a shapefile, which were read byte by character, in the encoding that they prove to be in."""
    texts = {text for column in columns.values() for text in dict.fromkeys(column.tolist()) if not text.isascii()}
    verdict = judge({*texts, *columns}, told=file.encoding, cpg=shape["cpg"], ldid=shape["ldid"], known=_TELLING)
    if verdict.codec is None:
        raise FileFault(f"{name}: {verdict.text}")
    read = {text: decode(text, verdict.codec) for text in {*texts, *columns}}
    notes = [f"{name}: {verdict.text}"] if verdict.text else []
    cut = sorted(word for word, half in read.values() if half)
    if cut:
        notes.append(f"{name}: {len(cut)} text(s) end in half a character, cut by their field's width: {cut[0]!r} ….")
    out = {
        read[title][0]: np.array([read[t][0] if t in read else t for t in column.tolist()], dtype=object)
        for title, column in columns.items()
    }
    return out, notes


def _bad_dates(rows: int, shape: Mapping[str, Any] | None) -> Column:
    """By row, dates of the table that are no days: the reader gives them as missing, which they are not."""
    lost = np.full(rows, "", dtype=object)
    for row, name, text in (shape or {}).get("dates", ()):
        lost[row - 1] = f"{name} is {text!r}, which is no day of the calendar"
    return lost


def _shapes(wkb: Column) -> Column:
    """Geometries in the plane; a collection of one point, line or area is that one."""
    geometry = np.asarray(shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore")), dtype=object)
    single = (shapely.get_num_geometries(geometry) == 1) & (shapely.get_type_id(geometry) >= 4)
    geometry[single] = shapely.get_geometry(geometry[single], 0)
    return geometry


def _crs_of(declared: Any, file: PartsFile, place: Place, name: str) -> tuple[str, list[str]]:
    """The CRS that is told, or that the file declares; one and the same as the working CRS is called by its word."""
    if file.crs is not None:
        word = parse_crs(file.crs)
        agrees = declared is None or str(declared) == word or (word.startswith("EPSG:") and same_crs(declared, word))
        return word, [] if agrees else [f"{name}: read in {word} as told, though it says {str(declared)[:80]!r}."]
    if declared is None:
        raise UnknownCrs(
            f"{name} does not say its CRS; ask who made it and give --crs, "
            f"for example --crs {place.crs} or --crs GCJ-02."
        )
    return place.crs if same_crs(str(declared), place.crs) else parse_crs(str(declared)), []


def _moved(geometry: Column, crs: str, place: Place, lost: Column) -> Column:
    """The geometries in the working CRS; those of it keep every bit; `lost` says which cannot be reached."""
    coordinates, owner = shapely.get_coordinates(geometry, return_index=True)
    finite = np.isfinite(coordinates).all(axis=1)
    lost[np.unique(owner[~finite])] = "its shape has a coordinate that is no finite number"
    if crs != place.crs:
        coordinates = np.column_stack(to_working(coordinates[:, 0], coordinates[:, 1], crs=crs, working=place.crs))
        unreached = finite & ~np.isfinite(coordinates).all(axis=1)
        lost[np.unique(owner[unreached])] = f"its shape has a coordinate that is no position in {crs}"
        geometry = np.asarray(shapely.set_coordinates(geometry.copy(), coordinates), dtype=object)
    broken = np.isin(np.arange(len(geometry)), owner[~np.isfinite(coordinates).all(axis=1)])
    geometry[broken] = None
    return geometry
