"""Decisions as they are stored: many as columns of the texts that COPY takes, one as a row of plain values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gis.assignment.evidence import ENGINE, Decisions

__all__ = ["array_text", "array_texts", "decision_columns", "decision_row", "or_null", "word_arrays"]

_PARTS: Final = 8  #: a report by telephone may mean any of dozens of parts; the likeliest are kept

Objects = NDArray[np.object_]
Ints = NDArray[np.int64]


def array_text(values: Iterable[Any]) -> str:
    """A PostgreSQL array text of words or numbers; every word is quoted, whatever is in it.

    >>> array_text(['a', 'b"c', None]), array_text([1, 0.5])
    ('{"a","b\\\\"c",NULL}', '{1,0.5}')
    """
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


def array_texts(ids: Ints) -> Objects:
    """Columns of ids (levels × n, 0 = none) as PostgreSQL array texts.

    >>> array_texts(np.array([[1, 2, 1], [0, 3, 0]])).tolist()
    ['{1,NULL}', '{2,3}', '{1,NULL}']
    """
    words = [pc.if_else(pa.array(row == 0), "NULL", pa.array(row).cast(pa.string())) for row in ids]
    return _braced(pc.binary_join_element_wise(*words, ","))


def word_arrays(columns: Sequence[NDArray[Any]]) -> Objects:
    """Columns of plain words or flags as PostgreSQL array texts, one for each row.

    >>> word_arrays([np.array(["area", "gap"], dtype=object), np.array(["area", "outside"], dtype=object)]).tolist()
    ['{area,area}', '{gap,outside}']
    >>> word_arrays([np.array([True, False])]).tolist()
    ['{true}', '{false}']
    """
    return _braced(pc.binary_join_element_wise(*(pa.array(column).cast(pa.string()) for column in columns), ","))


def _braced(joined: Any) -> Objects:
    texts = pc.binary_join_element_wise("{", joined, "}", "")
    return np.asarray(texts.to_numpy(zero_copy_only=False), dtype=object)


def or_null(values: NDArray[Any]) -> Objects:
    """Empty texts and zero ids as None, which is stored as NULL."""
    out = values.astype(object)
    out[(values == "") | (values == 0)] = None
    return out


def decision_columns(d: Decisions) -> dict[str, Any]:
    """What was decided on, found and ruled, as columns of the table `decision`, in its words; one value for a column
    that is the same throughout, None for an array without elements."""
    import pandas as pd

    m, found, ruled = d.matters, d.found, d.rulings
    n = len(m)
    return {
        "x": m.x,
        "y": m.y,
        "category": m.category,
        "accuracy_m": m.accuracy,
        "accuracy_level": m.level,
        "sigma_m": found.sigma,
        "source": m.source,
        "minute": m.minute,
        "part_picked": m.part,
        "on_day": m.day.astype("datetime64[s]"),
        "release_id": pd.arrays.IntegerArray(np.full(n, d.release_id or 0), np.full(n, d.release_id is None)),
        "known_ids": array_text(d.known_ids),
        "threshold": d.thresholds.confidence,
        "part_certain": d.thresholds.part,
        "area_ids": array_texts(d.area_id),
        "statuses": word_arrays([a.status for a in d.located.levels]),
        "on_borders": word_arrays([a.on_border for a in d.located.levels]),
        "border_distance_m": np.where(np.isfinite(found.border_distance), found.border_distance, np.nan),
        **_sparse_columns(d),
        "confidence": d.confidence,
        "unit": or_null(ruled.unit),
        "territory_unit": or_null(ruled.territory),
        "forward_to": or_null(ruled.forward_to),
        "rule_id": pd.arrays.IntegerArray(d.rule_id, d.rule_id == 0),
        "precedent_id": pd.arrays.IntegerArray(d.precedent_id, d.precedent_id == 0),
        "settled_by": np.where(d.outcome == "border_desk", "", ruled.settled_by).astype(object),
        "assisting": _tuples(ruled.assisting),
        "runner_up_area": or_null(d.runner_up_area),
        "runner_up_unit": or_null(d.runner_up_unit),
        "scope": ruled.scope,
        "outcome": d.outcome,
        "desk_reason": d.desk_reason,
        "engine": ENGINE,
    }


def decision_row(d: Decisions) -> dict[str, Any]:
    """The only decision as a row of the table `decision`: what `decision_columns` says, lists for arrays.

    One report waits for its answer, and columns of one element cost it more than to be decided.
    """
    m, found, ruled = d.matters, d.found, d.rulings
    near, outcome = float(found.border_distance[0]), d.outcome[0]
    return {
        "x": m.x.item(),
        "y": m.y.item(),
        "category": m.category[0],
        "accuracy_m": m.accuracy.item(),
        "accuracy_level": m.level.item(),
        "sigma_m": found.sigma.item(),
        "source": m.source[0],
        "minute": m.minute.item(),
        "part_picked": m.part[0],
        "on_day": m.day.item(),
        "release_id": d.release_id,
        "known_ids": list(d.known_ids),
        "threshold": d.thresholds.confidence,
        "part_certain": d.thresholds.part,
        "area_ids": [i or None for i in d.area_id[:, 0].tolist()],
        "statuses": [answer.status[0] for answer in d.located.levels],
        "on_borders": [bool(answer.on_border[0]) for answer in d.located.levels],
        "border_distance_m": near if math.isfinite(near) else None,
        **_sparse_row(d),
        "confidence": d.confidence.item(),
        "unit": ruled.unit[0] or None,
        "territory_unit": ruled.territory[0] or None,
        "forward_to": ruled.forward_to[0] or None,
        "rule_id": d.rule_id.item() or None,
        "precedent_id": d.precedent_id.item() or None,
        "settled_by": "" if outcome == "border_desk" else ruled.settled_by[0],
        "assisting": list(ruled.assisting[0]) or None,
        "runner_up_area": d.runner_up_area[0] or None,
        "runner_up_unit": d.runner_up_unit[0] or None,
        "scope": ruled.scope.item(),
        "outcome": outcome,
        "desk_reason": d.desk_reason[0],
        "engine": ENGINE,
    }


def _sparse_row(d: Decisions) -> dict[str, Any]:
    """What `_sparse_columns` says of the only decision."""
    part, also = d.found.part, d.candidates
    meant = part.part.item()
    return {
        "places": list(d.found.grounds.places[0]) or None,
        "part_ids": d.part_ids[part.candidate[:_PARTS]].tolist() or None,
        "part_shares": part.share[:_PARTS].round(6).tolist() or None,
        "part_id": d.part_ids[meant].item() if meant >= 0 else None,
        "candidate_areas": also.area.tolist() or None,
        "candidate_shares": also.share.round(6).tolist() or None,
        "candidate_units": also.unit.tolist() or None,
    }


def _sparse_columns(d: Decisions) -> dict[str, Any]:
    """What only some cases have: places around, parts near by, other areas within reach of the error."""
    import pandas as pd

    n, part, also = len(d.matters), d.found.part, d.candidates
    meant = np.append(d.part_ids, 0)[np.where(part.part >= 0, part.part, len(d.part_ids))]
    return {
        "places": _tuples(d.found.grounds.places),
        "part_ids": _grouped(part.point, d.part_ids[part.candidate], n, most=_PARTS),
        "part_shares": _grouped(part.point, part.share.round(6), n, most=_PARTS),
        "part_id": pd.arrays.IntegerArray(meant, meant == 0),
        "candidate_areas": _grouped(also.point, also.area, n),
        "candidate_shares": _grouped(also.point, also.share.round(6), n),
        "candidate_units": _grouped(also.point, also.unit, n),
    }


def _tuples(values: Objects) -> list[str | None]:
    """Tuples of words as array texts, None for the empty one; each distinct tuple is written once."""
    texts = {words: array_text(words) if words else None for words in set(values.tolist())}
    return [texts[words] for words in values.tolist()]


def _grouped(point: Ints, values: NDArray[Any], n: int, *, most: int | None = None) -> Objects:
    """Sparse values, sorted by point, as an array text for each of n points (None: no values), at most so many."""
    out = np.full(n, None, dtype=object)
    if len(point):
        first = np.flatnonzero(np.diff(point, prepend=-1))
        size = np.diff(np.append(first, len(point)))
        if most is not None and size.max() > most:
            kept = np.arange(len(point)) - np.repeat(first, size) < most
            return _grouped(point[kept], values[kept], n)
        lists = pa.ListArray.from_arrays(pa.array(np.append(first, len(point)), pa.int32()), _elements(values))
        out[point[first]] = _braced(pc.binary_join(lists, ","))
    return out


def _elements(values: NDArray[Any]) -> Any:
    """Words, each quoted, or numbers as the elements of array texts."""
    if values.dtype.hasobject:
        words = pa.array(values, pa.string()).dictionary_encode()
        quoted = pa.array([_element(word) for word in words.dictionary.to_pylist()], pa.string())
        return quoted.take(words.indices)
    return pa.array(values).cast(pa.string())
