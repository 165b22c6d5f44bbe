"""From what the sandbox read to columns: texts decoded, fields found, geometries in the working CRS, evidence said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from etl.encodings import decode, judge
from etl.fields import Known, find_fields, texts_of
from etl.findings import Finding
from etl.geography import Where, placed
from etl.manifest import FEATURE_LAYERS, Asked, LayerEntry
from gis.errors import FileFault
from gis.place import Place

__all__ = ["Around", "RawLayer", "read_layer"]

Column = NDArray[np.object_]
_WKB: Final = "__wkb__"


@dataclass(frozen=True, slots=True)
class Around:
    """What a layer is read against: what is in force today; all empty where nothing is, or no database is up."""

    known: Mapping[str, Known] = field(default_factory=dict)  #: by level
    shapes: Mapping[str, Column] = field(default_factory=dict)  #: polygons by level, working CRS
    mappings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  #: fields of this source's last delivery
    local_systems: Path | None = None  #: the survey office's parameter sets


@dataclass(frozen=True, slots=True)
class RawLayer:
    """A layer in columns of one length: geometry in the working CRS (None where a row has none), fields by meaning."""

    entry: LayerEntry
    geometry: Column
    columns: Mapping[str, Column]
    fields: Mapping[str, str]  #: meaning -> column
    crs: str
    encoding: str
    findings: tuple[Finding, ...]

    def __len__(self) -> int:
        return len(self.geometry)

    def text(self, name: str) -> Column:
        """A text field, trimmed; '' where the file has no value or no such field."""
        column = self.columns.get(self.fields.get(name, ""))
        return np.full(len(self), "", dtype=object) if column is None else texts_of(column)

    def number(self, name: str) -> NDArray[np.float64]:
        """A number field; NaN where there is none or no number."""
        out = np.full(len(self), np.nan)
        for i, value in enumerate(self.text(name)):
            try:
                out[i] = float(value) if value else np.nan
            except ValueError:
                continue
        return out


def read_layer(entry: LayerEntry, source: Mapping[str, Any], read: Mapping[str, Any], place: Place, asked: Asked,
               around: Around) -> RawLayer:  # fmt: skip
    """Turn one read layer into columns. Raises FileFault for what nothing can be made of."""
    import pyarrow as pa

    with pa.memory_map(read["file"]) as file:
        table = pa.ipc.open_file(file).read_all()
    say = _sayer(entry.level)
    findings = list(_damage(source.get("shape"), entry, say))
    latin = {n: table[n].to_numpy(zero_copy_only=False) for n in table.column_names if n != _WKB}
    columns, encoding, said, cut = _decoded(latin, source, bool(read["latin"]), entry, around, say)
    findings += said
    geometry, said = _shapes(table[_WKB].to_numpy(zero_copy_only=False), read, entry, say)
    findings += said
    moved, crs, said = placed(
        geometry, read, entry, Where(place, asked, around.shapes.get(entry.level), around.local_systems)
    )
    findings += said
    fields, said = _mapped(columns, entry, place, around, say)
    findings += said + _truncated(cut, columns, fields, entry, around)
    return RawLayer(entry, moved, columns, fields, crs, encoding, tuple(findings))


Say = Callable[..., Finding]


def _sayer(level: str) -> Say:
    def say(kind: str, severity: Any, text: str, code: str = "") -> Finding:
        return Finding(kind, severity, level, code, text)

    return say


def _damage(shape: Mapping[str, Any] | None, entry: LayerEntry, say: Say) -> list[Finding]:
    """What the headers of a shapefile's parts say against each other."""
    if shape is None:
        return []
    found = []
    rows, records = shape["table_rows"], shape["records"]
    if records is None or (shape["index_records"] is not None and shape["index_records"] != records):
        found.append(say("damaged", "error", f"{entry.file}: its records and its index do not agree; it is damaged."))
    elif rows is not None and rows != records:
        text = f"{entry.file} holds {records} shapes, its .dbf {rows} rows: which belongs to which cannot be known."
        found.append(say("damaged", "error", f"{text} Ask for the delivery again."))
    if shape["bytes"] != shape["declared_bytes"]:
        text = f"{entry.file} says it has {shape['declared_bytes']:,} bytes and has {shape['bytes']:,}."
        found.append(say("damaged", "warning", f"{text} The end may be missing or something may have been added."))
    if shape["index_records"] is None:
        found.append(say("rebuilt-index", "note", f"{entry.file} has no .shx; it was rebuilt from the .shp."))
    found += [
        say("date", "note", f"row {row}: {name} is {text!r}, no day of the calendar; taken as empty.")
        for row, name, text in shape["dates"]
    ]
    return found


def _decoded(
    latin: Mapping[str, Column],
    source: Mapping[str, Any],
    is_latin: bool,
    entry: LayerEntry,
    around: Around,
    say: Say,
) -> tuple[dict[str, Column], str, list[Finding], dict[str, list[int]]]:
    if not is_latin:
        return {n: _as_objects(c) for n, c in latin.items()}, "UTF-8", [], {}
    shape = source["shape"]
    texts = {v for c in latin.values() if c.dtype == object for v in c.tolist() if isinstance(v, str)}
    known = frozenset(n for k in around.known.values() for n in k.names.values())
    told = entry.encoding or None
    verdict = judge({*texts, *latin}, told=told, cpg=shape["cpg"], ldid=shape["ldid"], known=known)
    if verdict.codec is None:
        return (
            {n: _as_objects(c) for n, c in latin.items()},
            "?",
            [say("encoding", "error", f"{entry.file}: {verdict.text}")],
            {},
        )
    findings = []
    if verdict.text:
        severity = "warning" if verdict.warning else "note"
        findings.append(say("encoding", severity, f"{entry.file}: {verdict.text}"))
    out: dict[str, Column] = {}
    cut: dict[str, list[int]] = {}
    for name, column in latin.items():
        title, _ = decode(name, verdict.codec)
        out[title or name], half = _decode_column(column, verdict.codec)
        if half:
            cut[title or name] = half
    return out, verdict.codec, findings, cut


def _decode_column(column: Column, codec: str) -> tuple[Column, list[int]]:
    """The decoded values, and the positions of those that end in half a character."""
    values = _as_objects(column)
    cut: list[int] = []
    if column.dtype == object:
        for i, value in enumerate(values):
            if isinstance(value, str) and not value.isascii():
                values[i], half = decode(value, codec)
                cut += [i] if half else []
    return values, cut


def _truncated(
    cut: Mapping[str, Sequence[int]],
    columns: Mapping[str, Column],
    fields: Mapping[str, str],
    entry: LayerEntry,
    around: Around,
) -> list[Finding]:
    """Texts cut in mid character, each beside the name that is in force for its code."""
    codes = texts_of(columns[fields["code"]]) if "code" in fields else None
    names = around.known.get(entry.level, Known({})).names
    found = []
    for column, rows in cut.items():
        for i in rows:
            code = "" if codes is None else str(codes[i])
            known = f" In force {code} is called {names[code]!r}." if code in names else ""
            text = f"row {i + 1} of {entry.file}: {column} ends in half a character, cut by the width of its field; "
            found.append(
                Finding("truncated", "warning", entry.level, code, f"{text}kept is {columns[column][i]!r}.{known}")
            )
    return found


def _as_objects(column: Any) -> Column:
    return np.array(column.tolist(), dtype=object) if column.dtype != object else column.copy()


def _shapes(wkb: Column, read: Mapping[str, Any], entry: LayerEntry, say: Say) -> tuple[Column, list[Finding]]:
    """Geometries of a layer in two dimensions; of areas only polygons, the rows without one by number."""
    findings: list[Finding] = []
    with np.errstate(invalid="ignore"):  # a coordinate that is no number is found below, by its row
        raw = shapely.from_wkb(wkb, on_invalid="ignore")
    geometry = np.asarray(shapely.force_2d(raw), dtype=object)
    if (shapely.has_z(raw)).any() or (shapely.has_m(raw)).any():
        findings.append(say("dimension", "note", f"{entry.file} has heights or measures (Z, M), which are dropped."))
    if read["curved"]:
        text = f"{entry.file} has curves; they are drawn as chords of 1 degree, off by at most 0.00004 of the radius."
        findings.append(say("curves", "note", text))
    if entry.level in FEATURE_LAYERS:
        return geometry, findings
    kinds = shapely.get_type_id(geometry)
    bounds = shapely.bounds(geometry)
    usable = np.isfinite(bounds).all(axis=1) & (np.abs(np.nan_to_num(bounds)) < 1e9).all(axis=1)
    usable &= ~np.isin(np.arange(len(geometry)), _rows_not_finite(geometry))
    single = np.flatnonzero(usable & (kinds == shapely.GeometryType.POLYGON) & ~shapely.is_empty(geometry))
    if len(single):
        geometry[single] = shapely.multipolygons(geometry[single], indices=np.arange(len(single)))
    plain = usable & np.isin(kinds, (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
    rejected: list[tuple[int, str]] = []
    for i in np.flatnonzero(~plain | shapely.is_empty(geometry)).tolist():
        polygons, why = _polygons(geometry[i], wkb[i], bool(usable[i]))
        if why:
            rejected.append((i, why))
        geometry[i] = polygons
    if len(rejected) == len(geometry):
        reasons = sorted({why for _, why in rejected}) or ["no row at all"]
        numbers = ", ".join(str(i + 1) for i, _ in rejected[:20])
        raise FileFault(
            f"{entry.file} holds {len(geometry)} rows and no polygon: {'; '.join(reasons)}"
            f"{f' (rows {numbers})' if numbers else ''}. Wanted a layer of areas; nothing is stored."
        )
    findings += [
        say("geometry", "warning", f"row {i + 1} of {entry.file} {why}; it is left out.") for i, why in rejected
    ]
    return geometry, findings


def _rows_not_finite(geometry: Column) -> NDArray[np.int64]:
    """Rows with a coordinate that is no number or infinite; bounds alone pass over a NaN."""
    xy, row = shapely.get_coordinates(geometry, return_index=True)
    return np.unique(row[~np.isfinite(xy).all(axis=1)])


def _polygons(geometry: Any, wkb: Any, finite: bool) -> tuple[Any, str]:
    """(multipolygon, '') or (None, why not)."""
    if geometry is None or geometry.is_empty:
        unread = geometry is None and wkb is not None
        return None, "holds a geometry that cannot be read" if unread else "holds no geometry"
    if not finite:
        return None, "has coordinates that are not finite"
    if geometry.geom_type == "MultiPolygon":
        return geometry, ""
    if geometry.geom_type == "Polygon":
        return shapely.multipolygons([geometry]), ""
    parts = [p for g in shapely.get_parts([geometry]) for p in shapely.get_parts([g]) if p.geom_type == "Polygon"]
    if geometry.geom_type == "GeometryCollection" and parts:
        return shapely.multipolygons(parts), ""
    return None, f"holds a {geometry.geom_type}, no polygon"


def _mapped(
    columns: Mapping[str, Column], entry: LayerEntry, place: Place, around: Around, say: Say
) -> tuple[Mapping[str, str], list[Finding]]:
    absent = sorted(set(entry.fields.values()) - set(columns))
    if absent:
        raise FileFault(
            f"{entry.file} has no field {', '.join(absent)}; it has {', '.join(columns)}. "
            "Correct the manifest's fields or ask for the file with them."
        )
    if entry.level in FEATURE_LAYERS:
        return entry.fields, []
    level = place.level(entry.level)
    parent = place.level(level.parent) if level.parent else None
    given = dict(entry.fields)
    last = around.mappings.get(entry.level, {})
    if not given and last and set(last.values()) <= set(columns):
        text = ", ".join(f"{meaning} = {column}" for meaning, column in last.items())
        return last, [say("fields", "note", f"{entry.file}: fields as in this source's last delivery: {text}.")]
    plain = {n: texts_of(c) for n, c in columns.items()}
    found = find_fields(plain, level, parent, given, around.known.get(entry.level, Known({})))
    notes = [say("fields", "note", f"{entry.file}: {text}") for text in found.notes]
    return found.fields, notes + [say("fields", "error", f"{entry.file}: {text}") for text in found.asks]


def source_named(name: str, sources: Sequence[Mapping[str, Any]], folder: str) -> Mapping[str, Any] | None:
    """The source a manifest names, by its file name within the manifest's folder; letter case does not count."""
    wanted = f"{folder}{name}".casefold()
    return next((s for s in sources if str(s["name"]).casefold() == wanted), None)


def folder_of(inner: str) -> str:
    """The folder part of a delivery's inner name, with its slash; '' at the top."""
    head, slash, _ = Path(inner).as_posix().rpartition("/")
    return head + slash
