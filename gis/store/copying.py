"""COPY: whole columns into a table, in the server's binary format."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import Connection, text

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Copied", "Kinds", "copy_frame", "copy_rows", "copy_table", "encoded", "kinds_of"]

_KINDS: Final = """SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped"""
_FLAG, _ID, _TEXT = 16, 20, 25  #: the server's numbers (OIDs) of boolean, bigint, text
Kinds = Mapping[str, Any]  #: column -> its Arrow type


@dataclass(frozen=True, slots=True)
class Copied:
    """Rows as COPY takes them, and the columns they are of."""

    columns: tuple[str, ...]
    data: BytesIO


def kinds_of(connection: Connection, table: str) -> Kinds:
    """The Arrow type of each column of a table: what its values have to be before they are sent."""
    return {name: _arrow(kind) for name, kind in connection.execute(text(_KINDS), {"table": table})}


def _arrow(kind: str) -> pa.DataType:
    import pyarrow as pa

    if kind.endswith("[]"):
        return pa.list_(_arrow(kind.removesuffix("[]")))
    return {
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "double precision": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp with time zone": pa.timestamp("us", "UTC"),
        "text": pa.string(),
        "bytea": pa.binary(),
        "geometry": pa.binary(),  # EWKB
    }[kind]


def encoded(rows: pa.Table, kinds: Kinds) -> Copied:
    """Rows as the bytes of a COPY into columns of these types. A moment without a zone is one of UTC.

    The server reads numbers, moments and arrays as they are: as text they took it twice the time.
    """
    import pyarrow as pa
    from pgpq import ArrowToPostgresBinaryEncoder

    batch = pa.table({name: _encodable(rows.column(name).combine_chunks(), kinds[name]) for name in rows.column_names})
    encoder = ArrowToPostgresBinaryEncoder(batch.schema)
    data = BytesIO(encoder.write_header())
    data.seek(0, 2)
    for piece in batch.to_batches():
        data.write(encoder.write_batch(piece))
    data.write(encoder.finish())
    data.seek(0)
    return Copied(tuple(batch.column_names), data)


def _encodable(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A column as the encoder takes it: of its kind, or lists as the bytes of arrays.

    The encoder goes through lists value by value, which took it two thirds of its time: those of which there are few
    are made once, and those that are numbers of one length at once.
    """
    import pyarrow as pa

    if column.null_count == len(column):
        return pa.nulls(len(column), kind)  # of whichever kind pandas took nothing at all for
    if not pa.types.is_list(kind):
        return column.cast(kind)
    if pa.types.is_dictionary(column.type):
        few = [None if values is None else _array(values, kind) for values in column.dictionary.to_pylist()]
        return pa.array(few, pa.binary()).take(column.indices)
    if kind == pa.list_(pa.int64()) and column.type == kind and not column.null_count:
        width = np.unique(np.diff(column.offsets))
        if len(width) == 1 and width[0]:
            return _ids(column.flatten(), int(width[0]))
    return column.cast(kind)


def _array(values: Sequence[Any], kind: pa.DataType) -> bytes:
    """An array without nulls of texts or flags as the server reads it.

    >>> import pyarrow as pa
    >>> _array(["ab"], pa.list_(pa.string())).hex(" ", -4)
    '00000001 00000000 00000019 00000001 00000001 00000002 6162'
    """
    import pyarrow as pa

    oid = {pa.string(): _TEXT, pa.bool_(): _FLAG}[kind.value_type]
    items = [value.encode() if oid == _TEXT else bytes([value]) for value in values]
    if not items:
        return struct.pack(">iii", 0, 0, oid)
    head = struct.pack(">iiiii", 1, 0, oid, len(items), 1)
    return head + b"".join(struct.pack(">i", len(item)) + item for item in items)


def _ids(ids: pa.Array, width: int) -> pa.Array:
    """Lists of `width` ids, null or not, one after the other, as arrays of the server's."""
    import pyarrow as pa

    n = len(ids) // width
    known = np.asarray(ids.is_valid()).reshape(n, width)
    item = [("bytes", ">i4"), ("value", ">i8")]
    out = np.empty(n, [(name, ">i4") for name in ("dims", "nulls", "oid", "size", "low")] + [("items", item, (width,))])
    out["dims"], out["nulls"], out["oid"], out["size"], out["low"] = 1, ~known.all(axis=1), _ID, width, 1
    out["items"]["bytes"] = np.where(known, 8, -1)
    out["items"]["value"] = ids.fill_null(0).to_numpy().reshape(n, width)
    if known.all():
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(out.itemsize), n, [None, pa.py_buffer(out)])
    kept = np.ones((n, out.itemsize), dtype=bool)
    kept[:, 20:].reshape(n, width, 12)[:, :, 4:] = known[:, :, None]  # a null has no value's bytes
    ends = np.append(0, np.cumsum(kept.sum(axis=1))).astype(np.int32)
    left = out.view(np.uint8).reshape(n, -1)[kept]
    return pa.BinaryArray.from_buffers(pa.binary(), n, [None, pa.py_buffer(ends), pa.py_buffer(left)])


def copy_rows(connection: Connection, table: str, rows: Copied) -> None:
    """COPY what was encoded before."""
    columns = ", ".join(f'"{name}"' for name in rows.columns)
    cursor: Any = connection.connection.cursor()
    try:
        # Each read waits for the interpreter's lock, milliseconds where another thread computes: few large ones.
        cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)", rows.data, 1 << 24)
    finally:
        cursor.close()


def copy_table(connection: Connection, table: str, rows: pa.Table) -> None:
    """COPY rows into a table whose columns bear their names."""
    copy_rows(connection, table, encoded(rows, kinds_of(connection, table)))


def copy_frame(connection: Connection, table: str, frame: pd.DataFrame) -> None:
    """COPY a frame into a table whose columns bear its names; NaN and None are NULL."""
    import pyarrow as pa

    copy_table(connection, table, pa.Table.from_pandas(frame, preserve_index=False))
