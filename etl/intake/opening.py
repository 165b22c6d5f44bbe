"""Opening a recognised source with GDAL and writing its layers as Arrow: runs in the sandbox, one driver alone."""

from __future__ import annotations

import codecs
import contextlib
import warnings
from collections import Counter
from encodings.aliases import aliases
from pathlib import Path
from typing import Any, Final

from etl.encodings import canonical

__all__ = ["load_libraries", "read"]

_LATIN: Final = "ISO-8859-1"  #: every byte is a character and back: the encoding is decided later, on evidence
_CURVES: Final = (8, 9, 10, 11, 12, 13, 14)  #: WKB numbers of circular strings, curve polygons, surfaces
_GEOMETRY: Final = "__wkb__"
_BLOCK: Final = 1 << 20


class _Unreadable(Exception):
    """A source that can be said in words to be wrong."""


def load_libraries() -> None:
    """Load what reading needs later, PROJ's database too, while the interpreter's folder can still be read."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.pandas_compat
    import pyogrio.raw
    import shapely

    for codec in sorted(set(aliases.values())):
        with contextlib.suppress(LookupError):  # those of another system
            codecs.lookup(codec)
    square = np.array([shapely.to_wkb(shapely.box(0, 0, 1, 1))], dtype=object)
    pa.array(square, pa.binary()).cast(pa.large_binary()).to_numpy(zero_copy_only=False)  # loads what it needs then
    pyogrio.raw.write("/vsimem/warm", square, [], [], geometry_type="Polygon", crs="EPSG:4549", driver="MEM")


def read(folder: Path, driver: str, sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Every wanted layer of every source, or the source's fault as a text, in the order given."""
    import pyogrio

    alone = set(pyogrio.list_drivers()) - {"MEM"}
    if alone != {driver}:
        return {"system": f"GDAL has the drivers {sorted(alone)} on, wanted {driver} alone; nothing was opened."}
    return {"sources": [_source(folder, source) for source in sources]}


def _source(folder: Path, source: dict[str, Any]) -> dict[str, Any]:
    said: set[str] = set()
    answer: dict[str, Any] = {"fault": None, "layers": [], "listed": []}
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answer["listed"], answer["layers"] = _layers(folder / "out", source)
        said = {_without_paths(str(w.message), folder) for w in caught}
    except MemoryError:
        raise
    except _Unreadable as fault:
        answer["fault"] = str(fault)
    except Exception as fault:  # noqa: BLE001 - a damaged file can raise anything; it is the file's fault, said in words
        answer["fault"] = _in_words(fault, folder)
    return {**answer, "said": sorted(said)[:20]}


def _in_words(fault: Exception, folder: Path) -> str:
    """What a library said, without folders of the machine and advice that is for programmers."""
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

    spoken = isinstance(fault, DataSourceError | DataLayerError | FeatureError | GeometryError)
    text = _without_paths(str(fault), folder) if spoken else ""
    if "not recognized as being in a supported file format" in text:
        return "its content is not what its beginning promises"
    return f"the reader says: {text[:300]}" if text else f"the reader broke off ({type(fault).__name__})"


def _without_paths(text: str, folder: Path) -> str:
    """The text with the work folder taken out and the file's plain name in it left."""
    words = (word.rpartition("/")[2] if str(folder) in word else word for word in text.split(" "))
    return " ".join(words)


def _layers(out: Path, source: dict[str, Any]) -> tuple[list[tuple[str, Any]], list[dict[str, Any]]]:
    import pyogrio

    if source["driver"] == "GeoJSON":
        _require_utf8(Path(source["path"]), source.get("encoding"))
    listed = [(str(name), kind) for name, kind in pyogrio.list_layers(source["path"])]
    # A layer without any geometry holds no areas; an unknown kind may hold them.
    wanted = [name for name, kind in listed if source.get("layer") in (None, name) and kind is not None]
    layers = [_layer(out / f"read{source['n']}-{i}.arrow", source, name) for i, name in enumerate(wanted)]
    return listed, layers


def _require_utf8(path: Path, told: str | None) -> None:
    """GeoJSON is UTF-8 by its standard; a file told to be in another encoding is rewritten, any other refused."""
    codec = canonical(told)
    if told and codec is None:
        raise _Unreadable(f"its encoding is said to be {told!r}, which is none; wanted for example GBK")
    if codec not in (None, "utf-8"):
        try:
            path.write_bytes(path.read_bytes().decode(codec or "").encode("utf-8"))
        except UnicodeDecodeError as fault:
            raise _Unreadable(f"it is said to be {told}, and byte {fault.start + 1:,} is not") from None
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as fault:
            around = fault.object[max(fault.start - 20, 0) : fault.start + 20].decode("gb18030", "replace")
            raise _Unreadable(
                f"its texts are not UTF-8, as GeoJSON must be; as GBK they would read …{around}…; "
                "give --encoding GBK if that is right"
            ) from None


def _layer(target: Path, source: dict[str, Any], name: str) -> dict[str, Any]:
    import pyarrow as pa
    import pyogrio.raw

    shape = source["driver"] == "ESRI Shapefile"
    options: dict[str, Any] = {"layer": name, "encoding": _LATIN} if shape else {"layer": name}
    _require_names_apart(pyogrio.read_info(source["path"], **options)["fields"], name)
    meta, table = pyogrio.raw.read_arrow(source["path"], **options)
    shapes, fields = _parted(table, meta["geometry_name"] or "wkb_geometry")
    curved = _has_curves(shapes)
    if curved:
        shapes = _linear(source["path"], options)
    plain = pa.table({_GEOMETRY: shapes, **{c: _plain(column, c) for c, column in fields.items()}})
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, plain.schema) as writer:
        writer.write_table(plain)
    return {
        "layer": name,
        "file": str(target),
        "rows": len(table),
        "crs": meta["crs"],
        "geometry_type": meta["geometry_type"],
        "latin": shape,
        "curved": curved,
        "types": {c: str(column.type) for c, column in fields.items()},
    }


def _require_names_apart(names: Any, layer: str) -> None:
    doubled = [str(name) for name, n in Counter(str(name) for name in names).items() if n > 1]
    if doubled or _GEOMETRY in names:
        shown = ", ".join(doubled) or _GEOMETRY
        raise _Unreadable(f"its layer {layer} has two fields called {shown}; rename one and deliver it again")


def _parted(table: Any, geometry: str) -> tuple[Any, dict[str, Any]]:
    """(geometry, fields by name): by position, since a field may be called like the geometry. The last one is it."""
    import pyarrow as pa

    at = max((i for i, name in enumerate(table.column_names) if name == geometry), default=-1)
    shapes = _one_chunk(table.column(at)) if at >= 0 else pa.nulls(len(table), pa.binary())
    return shapes, {n: _one_chunk(table.column(i)) for i, n in enumerate(table.column_names) if i != at}


def _linear(path: str, options: dict[str, Any]) -> Any:
    """The geometries with curves drawn as chords: the slower way of reading does that."""
    import numpy as np
    import pyarrow as pa
    import pyogrio.raw

    _, _, flat, _ = pyogrio.raw.read(path, columns=[], **options)
    return pa.array(np.asarray(flat, dtype=object), pa.binary())


def _one_chunk(column: Any) -> Any:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _plain(column: Any, name: str) -> Any:
    """Days and moments as texts, lists as texts: the columns that come back are texts and numbers."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return column
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column.validate(full=True)
        if pa.types.is_boolean(kind) or pa.types.is_temporal(kind) or pa.types.is_large_string(kind):
            return column.cast(pa.string())
        return column if pa.types.is_string(kind) else _as_texts(column)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        raise _Unreadable(f"its field {name} holds texts that are not UTF-8, as this format must be") from None


def _as_texts(column: Any) -> Any:
    import pyarrow as pa

    return pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())


def _has_curves(column: Any) -> bool:
    """True when a geometry's WKB type is a curve (ISO numbers 8 to 14, with Z or M in the thousands)."""
    import numpy as np

    present = column.drop_null()
    heads = np.array([value.as_buffer()[:5].to_pybytes().ljust(5, b"\0") for value in present], dtype="S5")
    if not len(heads):
        return False
    raw = np.frombuffer(heads.tobytes(), dtype=np.uint8).reshape(-1, 5).astype(np.uint32)
    little = (raw[:, 1:] << np.array([0, 8, 16, 24], dtype=np.uint32)).sum(axis=1)
    big = (raw[:, 1:] << np.array([24, 16, 8, 0], dtype=np.uint32)).sum(axis=1)
    numbers = np.where(raw[:, 0] == 1, little, big) & 0x1FFFFFFF
    return bool(np.isin(numbers % 1000, _CURVES).any())
