"""Decided reports as the rows that a load COPYs: decisions with their evidence, cases with the head of their chain."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from operator import methodcaller
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gis.acts import Act
from gis.services.columns import plain_text, table_of
from gis.store.copying import Copied, Kinds, encoded

__all__ = ["alike", "keys_of", "rows_of", "tables_of"]

#: column of the table cases -> column of a decided report, where they differ
_CASES: Final = {
    "id": "id", "received_on": "", "received_at": "", "category": "", "source": "", "description": "",
    "original_x": "", "original_y": "", "original_crs": "", "accuracy_m": "", "accuracy_level": "",
    "part": "part_picked", "quad": "", "state": "", "unit": "", "status": "", "closed_at": "",
}  # fmt: skip
#: columns of a decided report that the table decision has not
_NOT_DECIDED: Final = frozenset(
    {"id", "description", "original_x", "original_y", "original_crs", "quad", "state", "placement", "status"}
)
_UNSTORED: Final = frozenset({"row", "key", "digest"})  #: nor cases: keys went before
_DIGEST: Final = methodcaller("digest")
_POINT: Final = np.dtype([("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("x", "<f8"), ("y", "<f8")])


def keys_of(key: NDArray[Any], digest: NDArray[Any], received_on: NDArray[np.datetime64], kinds: Kinds) -> Copied:
    """The keys of a batch as `gis.store.loading.add_keys` takes them."""
    columns = {"nth": np.arange(len(key)), "key": key, "digest": digest, "received_on": received_on}
    return encoded(table_of(columns, len(key)), kinds)


def tables_of(columns: Mapping[str, Any], kind: NDArray[Any], act: Act, *, srid: int) -> dict[str, dict[str, Any]]:
    """Rows of decision and of cases as columns, from those of decided reports with their numbers as `id`; `kind` is the
    event that each decision was. A plain value stands for a column that is the same throughout."""
    columns = {name: _shared(value) for name, value in columns.items() if name not in _UNSTORED}
    decisions = {name: value for name, value in columns.items() if name not in _NOT_DECIDED}
    decisions |= {"case_id": columns["id"], "seq": 1, "decided_at": act.at, "decided_by": act.by}
    cases = {name: columns[theirs or name] for name, theirs in _CASES.items()}
    placement = columns["placement"]
    cases["placement"] = columns["area_ids"] if placement is None else placement
    cases["geom"] = _points(columns["x"], columns["y"], srid)
    cases["head"] = pa.array(_heads(columns, kind, act), pa.binary())
    return {"decision": decisions, "cases": cases}


def alike(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The columns of tables that are plain values."""
    return {
        table: {name: said for name, value in columns.items() if (said := plain_text(value)) is not None}
        for table, columns in tables.items()
    }


def rows_of(
    tables: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Mapping[str, str]], kinds: Mapping[str, Kinds]
) -> dict[str, Copied]:
    """The rows without the columns that have their default throughout."""
    out = {}
    for table, columns in tables.items():
        n, known = len(columns["received_on"]), defaults[table]
        told = {c: v for c, v in columns.items() if c not in known or plain_text(v) != known[c]}
        rows = table_of(told, n)
        # a column without any value is null without being sent
        some = rows.select([c for c in rows.column_names if rows.column(c).null_count < n])
        out[table] = encoded(some, kinds[table])
    return out


def _shared(values: Any) -> Any:
    """A column that several tables have, made once: the value of one that numpy spreads over all rows, words as Arrow
    has them; other columns as they are."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fO":
        return values
    if values.strides == (0,):
        return values.item(0)
    return pa.array(values, pa.string()) if values.dtype.hasobject else values


def _points(x: NDArray[np.float64], y: NDArray[np.float64], srid: int) -> pa.Array:
    """Points as PostGIS writes them: little-endian EWKB with the SRID, 25 bytes each."""
    out = np.empty(len(x), dtype=_POINT)
    out["order"], out["type"], out["srid"], out["x"], out["y"] = 1, 0x20000001, srid, x, y
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(_POINT.itemsize), len(x), [None, pa.py_buffer(out)])


def _heads(columns: Mapping[str, Any], kind: NDArray[Any], act: Act) -> list[bytes]:
    """The end of each case's chain: it came in, it was decided, it may have been closed before we saw it."""
    ids, closed = columns["id"], columns["closed_at"]
    target = pc.coalesce(_text(columns["unit"]), _text(columns["forward_to"]), "")
    heads = _chained(None, ids, "1", _micros(columns["received_at"]), "reported", columns["source"], "")
    heads = _chained(heads, ids, "2", str(round(act.at.timestamp() * 1_000_000)), kind, act.by, target)
    ended = np.flatnonzero(~np.isnat(closed))
    later = _chained([heads[i] for i in ended], ids[ended], "3", _micros(closed[ended]), "closed", act.by, "")
    for i, head in zip(ended.tolist(), later, strict=True):
        heads[i] = head
    return heads


def _micros(moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Microseconds since 1970."""
    return moments.astype("datetime64[us]").astype(np.int64)


def _chained(heads: list[bytes] | None, *event: Any) -> list[bytes]:
    """The next hash of many chains, as the database's function event_hash says: SHA-256 of the hash before and of case,
    number, microseconds, kind, who, note with U+001F between them."""
    said = pc.binary_join_element_wise(*(_text(part) for part in event), "\x1f").cast(pa.binary())
    if heads is not None:
        said = pc.binary_join_element_wise(pa.array(heads, pa.binary()), said, b"")
    return list(map(_DIGEST, map(sha256, said.to_pylist())))


def _text(part: Any) -> Any:
    """A word, or a column of words or whole numbers as Arrow texts."""
    if isinstance(part, np.ndarray):
        return pa.array(part, pa.string()) if part.dtype.hasobject else pa.array(part).cast(pa.string())
    return part
