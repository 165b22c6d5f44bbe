"""Parquet and GeoParquet files of reports, read block by block from the local disk; GDAL never sees them.

Every column becomes words, as a CSV would hold them, so that all files are judged alike. Columns of lists, structs or
bytes are left out of what a row says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from etl.report_files import BLOCK_ROWS, Block, ReportFile, require_columns
from gis.crs import parse_crs, same_crs
from gis.errors import BadOption, FileFault, UnknownCrs

__all__ = ["ParquetRows", "is_parquet"]

#: names of the geometry's coordinates among the columns
_AXES: Final = ("geometry x", "geometry y")
_SHAPES: Final = (
    "shape", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection",
)  # fmt: skip
_LONGEST: Final = 64  #: bytes of a point with all it may carry


def is_parquet(path: Path) -> bool:
    """True for what begins like a Parquet file, or is called one."""
    if path.suffix.lower() in (".parquet", ".geoparquet", ".pq"):
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


class ParquetRows:
    """The rows of a Parquet file. Raises FileFault, BadOption for a CRS that is missing or contradicts the file's."""

    def __init__(self, file: ReportFile) -> None:
        self._path, self._done, self.sign = file.path, 0, ""
        try:
            self._file = pq.ParquetFile(file.path, memory_map=False)
            schema, facts = self._file.schema_arrow, _geo_facts(self._file.schema_arrow.metadata)
        except (pa.ArrowException, OSError, ValueError) as fault:
            raise self._unreadable(fault) from None
        require_columns(file.path, file.columns, schema.names)
        self._geometry, self.columns, self.crs = "", file.columns, file.crs
        if not (file.columns.x and file.columns.y):
            self._geometry = _geometry_of(file, facts, schema)
            self.columns = replace(file.columns, x=_AXES[0], y=_AXES[1])
            self.crs = _crs_of(file, facts["columns"][self._geometry])
        elif not file.crs:
            raise BadOption("Missing option '--crs': the columns of --x and --y do not say their CRS; as EPSG:4326.")
        self._plain = [field.name for field in schema if _has_words(field.type) and field.name != self._geometry]
        named = replace(file.columns, x="", y="") if self._geometry else file.columns
        require_columns(file.path, named, self._plain)

    def share(self) -> float:
        rows = self._file.metadata.num_rows
        return self._done / rows if rows else 1.0

    def blocks(self) -> Iterator[Block]:
        names = [*self._plain, *filter(None, [self._geometry])]
        try:
            for batch in self._file.iter_batches(BLOCK_ROWS, columns=names, use_threads=False):
                self._done += len(batch)
                yield self._block(batch)
        except (pa.ArrowException, OSError) as fault:
            raise self._unreadable(fault) from None

    def _block(self, batch: pa.RecordBatch) -> Block:
        arrays = {name: _words(batch.column(name)) for name in self._plain}
        struck: Mapping[int, str] = {}
        if self._geometry:
            x, y, struck = _points(batch.column(self._geometry))
            for name, values in zip(_AXES, (x, y), strict=True):
                arrays[name] = _words(pa.array(values, mask=np.isnan(values)))
        return Block(pa.RecordBatch.from_pydict(arrays), struck)

    def _unreadable(self, fault: Exception) -> FileFault:
        said = (str(fault).strip().splitlines() or [type(fault).__name__])[0][:300].rstrip(".")
        return FileFault(f"{self._path.name} cannot be read as Parquet: {said}. Ask for the file again.")


def _geo_facts(metadata: Mapping[bytes, bytes] | None) -> Any:
    facts = json.loads((metadata or {}).get(b"geo", b"{}"))
    columns = facts.get("columns") if isinstance(facts, dict) else None
    known = isinstance(columns, dict) and all(isinstance(column, dict) for column in columns.values())
    return facts if known else {"columns": {}}


def _geometry_of(file: ReportFile, facts: Any, schema: pa.Schema) -> str:
    """The name of the column of positions; Raises where there is none, or none of points in WKB."""
    missing = [f"'--{axis}'" for axis in "xy" if not getattr(file.columns, axis)]
    name = facts.get("primary_column")
    if len(missing) == 1 or not isinstance(name, str) or name not in facts["columns"] or name not in schema.names:
        raise BadOption(
            f"Missing option {', '.join(missing)}: {file.path.name} is taken for a Parquet file without a geometry of "
            "its own; name the columns of its positions."
        )
    encoding, kind = facts["columns"][name].get("encoding"), schema.field(name).type
    if encoding != "WKB" or not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise FileFault(
            f"The geometry {name!r} of {file.path.name} is encoded as {str(encoding)[:40]!r} in a column of "
            f"{str(kind)[:40]}; wanted WKB in one of bytes. Write the "
            "file anew so, or name columns of coordinates with --x, --y and --crs."
        )
    return name


def _crs_of(file: ReportFile, column: Mapping[str, Any]) -> str:
    """The CRS that the file declares (none at all is WGS 84 by GeoParquet's rule), and --crs must not contradict it."""
    declared = _declared(column.get("crs", {"id": {"authority": "OGC", "code": "CRS84"}}))
    if not declared:
        if file.crs:
            return file.crs
        raise BadOption(f"Missing option '--crs': {file.path.name} does not say its CRS by a code; as EPSG:4326.")
    if file.crs and not same_crs(declared, file.crs):
        raise BadOption(
            f"--crs is {file.crs}, but {file.path.name} says that it is in {declared}; leave --crs out, or name "
            "columns of coordinates with --x and --y."
        )
    return file.crs or declared


def _declared(crs: Any) -> str:
    """The word of a PROJJSON with a code; '' for what is unknown."""
    found = crs.get("id") if isinstance(crs, dict) else None
    if not isinstance(found, dict):
        return ""
    word = f"{found.get('authority')}:{found.get('code')}"
    try:
        return parse_crs("EPSG:4326" if word in ("OGC:CRS84", "OGC:CRS84h") else word)
    except UnknownCrs:
        return ""


def _has_words(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    t = pa.types
    return not (t.is_nested(kind) or t.is_binary(kind) or t.is_large_binary(kind) or t.is_fixed_size_binary(kind))


def _words(column: pa.Array) -> pa.Array:
    """A column as words; moments in UTC to the microsecond."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", "UTC" if column.type.tz else None), safe=False)
    return pc.fill_null(column.cast(pa.large_string()), "")


def _points(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, str]]:
    """Coordinates of WKB points, NaN where there is none, and why.

    The type in the first bytes is read before GEOS sees the rest: collections nested a million deep would end it.
    """
    heads = pc.fill_null(pc.binary_slice(column, 0, 5), b"").dictionary_encode()
    said = np.array([_kind(head) for head in heads.dictionary.to_pylist()] or [""], dtype=object)
    why = said[heads.indices.to_numpy()]
    long = np.asarray(
        pc.fill_null(pc.greater(pc.binary_length(column), _LONGEST), False).to_numpy(zero_copy_only=False)
    )
    why[long & (why == "")] = "the geometry is no WKB"
    x, y = np.full(len(column), np.nan), np.full(len(column), np.nan)
    fit = np.flatnonzero(why == "")
    found = shapely.from_wkb(column.take(pa.array(fit)).to_numpy(zero_copy_only=False), on_invalid="ignore")
    why[fit[shapely.is_missing(found)]] = "the geometry is no WKB"
    why[fit[shapely.is_empty(found)]] = "the geometry is empty"
    found, fit = found[why[fit] == ""], fit[why[fit] == ""]
    x[fit], y[fit] = shapely.get_x(found), shapely.get_y(found)
    return x, y, {int(i): str(why[i]) for i in np.flatnonzero(why != "")}


def _kind(head: bytes) -> str:
    """What is wrong with a geometry that begins so; '' for a point."""
    if not head:
        return "the geometry is missing"
    if len(head) < 5 or head[0] > 1:
        return "the geometry is no WKB"
    kind = (int.from_bytes(head[1:], "little" if head[0] else "big") & 0x0FFFFFFF) % 1000
    return "" if kind == 1 else f"the geometry is a {_SHAPES[kind if kind < len(_SHAPES) else 0]}; wanted a Point"
