"""Decisions as they are stored: many as columns of numpy and Arrow, one as a row of plain values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import mul
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gis.assignment.evidence import ENGINE, Decisions
from gis.assignment.locator import AREA, GAP, OUTSIDE

__all__ = ["decision_columns", "decision_row", "ids_by_level", "plain_text", "table_of"]

_PARTS: Final = 8  #: a report by telephone may mean any of dozens of parts; the likeliest are kept
_PLAIN: Final = (str, int, float, datetime, tuple)

Objects = NDArray[np.object_]
Ints = NDArray[np.int64]


def table_of(columns: Mapping[str, Any], n: int) -> pa.Table:
    """Columns of n rows as a table; a plain value (a text, number, moment, or tuple of numbers) fills all of its rows.

    >>> table_of({"id": np.array([3, 4]), "by": "one", "marks": (1, 2)}, 2).to_pylist()
    [{'id': 3, 'by': 'one', 'marks': [1, 2]}, {'id': 4, 'by': 'one', 'marks': [1, 2]}]
    """
    return pa.table({name: _arrow(values, n) for name, values in columns.items()})


def _arrow(values: Any, n: int) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, _PLAIN):
        return pa.repeat(pa.scalar(list(values) if isinstance(values, tuple) else values), n)
    if isinstance(values, np.ndarray) and not values.dtype.hasobject:
        return pa.array(values, from_pandas=True)
    return pa.array(values)


def plain_text(values: Any) -> str | None:
    """A plain value as the database reads it; None for a column that is none.

    >>> plain_text((1, 2)), plain_text(0.5), plain_text(np.zeros(2))
    ('{1,2}', '0.5', None)
    """
    if not isinstance(values, _PLAIN):
        return None
    return "{" + ",".join(map(str, values)) + "}" if isinstance(values, tuple) else str(values)


def ids_by_level(columns: Iterable[Ints]) -> pa.Array:
    """A column of ids for each level as one list for each row, coarsest level first; 0 is null.

    >>> ids_by_level([np.array([1, 2]), np.array([0, 3])]).to_pylist()
    [[1, None], [2, 3]]
    """
    levels = np.stack(tuple(columns))
    ids = levels.ravel(order="F")
    ends = np.arange(levels.shape[1] + 1, dtype=np.int32) * len(levels)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(ids, mask=ids == 0))


def _by_level(words: Sequence[Any], numbers: Iterable[NDArray[Any]]) -> pa.DictionaryArray:
    """For each level the number of one of a few words, as one list of words for each row, coarsest level first; each
    combination is made once.

    >>> _by_level("ab", [np.array([0, 1, 0]), np.array([1, 1, 1])]).to_pylist()
    [['a', 'b'], ['b', 'b'], ['a', 'b']]
    """
    levels = [column.astype(np.int64) for column in numbers]
    weight = [len(words) ** i for i in range(len(levels))]
    keys, at = np.unique(sum(map(mul, levels, weight)), return_inverse=True)
    lists = [[words[key // w % len(words)] for w in weight] for key in keys.tolist()]
    return pa.DictionaryArray.from_arrays(pa.array(at, pa.int32()), pa.array(lists))


def _or_null(words: Objects) -> pa.Array:
    """Texts, null for the empty ones."""
    found = pa.array(words, pa.string())
    return pc.if_else(pc.equal(found, ""), None, found)


def decision_columns(d: Decisions) -> dict[str, Any]:
    """What was decided on, found and ruled, as columns of the table `decision`, in its words; a plain value for a
    column that is the same throughout, null for an array without elements."""
    m, found, ruled = d.matters, d.found, d.rulings
    levels = d.located.levels
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
        "release_id": pa.repeat(pa.scalar(d.release_id, pa.int64()), len(m)),
        "known_ids": d.known_ids,
        "threshold": d.thresholds.confidence,
        "part_certain": d.thresholds.part,
        "area_ids": ids_by_level(d.area_id),
        "statuses": _by_level((AREA, OUTSIDE, GAP), (a.code for a in levels)),
        "on_borders": _by_level((False, True), (a.on_border for a in levels)),
        "border_distance_m": np.where(np.isfinite(found.border_distance), found.border_distance, np.nan),
        **_sparse_columns(d),
        "confidence": d.confidence,
        "unit": _or_null(ruled.unit),
        "territory_unit": _or_null(ruled.territory),
        "forward_to": _or_null(ruled.forward_to),
        "rule_id": pa.array(d.rule_id, mask=d.rule_id == 0),
        "precedent_id": pa.array(d.precedent_id, mask=d.precedent_id == 0),
        "settled_by": np.where(d.outcome == "border_desk", "", ruled.settled_by).astype(object),
        "assisting": _tuples(ruled.assisting),
        "runner_up_area": _or_null(d.runner_up_area),
        "runner_up_unit": _or_null(d.runner_up_unit),
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
    n, part, also = len(d.matters), d.found.part, d.candidates
    meant = np.append(d.part_ids, 0)[np.where(part.part >= 0, part.part, len(d.part_ids))]
    return {
        "places": _tuples(d.found.grounds.places),
        "part_ids": _grouped(part.point, d.part_ids[part.candidate], n, most=_PARTS),
        "part_shares": _grouped(part.point, part.share.round(6), n, most=_PARTS),
        "part_id": pa.array(meant, mask=meant == 0),
        "candidate_areas": _grouped(also.point, also.area, n),
        "candidate_shares": _grouped(also.point, also.share.round(6), n),
        "candidate_units": _grouped(also.point, also.unit, n),
    }


def _tuples(values: Objects) -> pa.DictionaryArray:
    """Tuples of words as lists, null for the empty one; each distinct tuple is made once.

    >>> two = np.empty(3, dtype=object)
    >>> two[:] = [("a", "b"), (), ("a", "b")]
    >>> _tuples(two).to_pylist()
    [['a', 'b'], None, ['a', 'b']]
    """
    said = values.tolist()
    number = {words: i for i, words in enumerate(filter(None, dict.fromkeys(said)))}
    at = pa.array(map(number.get, said), pa.int32())
    return pa.DictionaryArray.from_arrays(at, pa.array(map(list, number), pa.list_(pa.string())))


def _grouped(point: Ints, values: NDArray[Any], n: int, *, most: int | None = None) -> pa.Array:
    """Sparse values, sorted by point, as a list for each of n points (null: no values), of at most so many.

    >>> _grouped(np.array([1, 1, 3]), np.array([0.7, 0.3, 1.0]), 4, most=1).to_pylist()
    [None, [0.7], None, [1.0]]
    """
    count = np.bincount(point, minlength=n)
    if most is not None and len(point) and count.max() > most:
        kept = np.arange(len(point)) - np.repeat(np.cumsum(count) - count, count) < most
        return _grouped(point[kept], values[kept], n)
    words = pa.array(values, pa.string()) if values.dtype.hasobject else pa.array(values)
    ends = pa.array(np.append(0, np.cumsum(count)), pa.int32())
    return pa.ListArray.from_arrays(ends, words, mask=pa.array(count == 0))
