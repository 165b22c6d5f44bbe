"""Columns of decisions as the texts that COPY takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.assignment.evidence import ENGINE, Decisions

__all__ = ["array_texts", "decision_columns", "one_row", "or_null", "whole_evidence", "word_arrays"]


def array_texts(ids: NDArray[np.int64]) -> NDArray[np.object_]:
    """Columns of ids (levels × n, 0 = none) as PostgreSQL array texts.

    >>> array_texts(np.array([[1, 2], [0, 3]])).tolist()
    ['{1,NULL}', '{2,3}']
    """
    return word_arrays([_words_of(level) for level in ids])


def _words_of(ids: NDArray[np.int64]) -> NDArray[np.object_]:
    """Ids as texts, each distinct one written once."""
    found, at = np.unique(ids, return_inverse=True)
    return np.where(found == 0, "NULL", found.astype(str)).astype(object)[at]


def word_arrays(columns: Sequence[NDArray[Any]]) -> NDArray[np.object_]:
    """Columns of plain words or flags as PostgreSQL array texts, one for each row.

    >>> word_arrays([np.array(["area", "gap"], dtype=object), np.array([True, False])]).tolist()
    ['{area,true}', '{gap,false}']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [pc.cast(pa.array(column), pa.string()) for column in columns]
    joined = pc.binary_join_element_wise(*texts, ",")
    whole = pc.binary_join_element_wise("{", joined, "}", "")
    return np.asarray(whole.to_numpy(zero_copy_only=False), dtype=object)


def or_null(values: NDArray[Any]) -> NDArray[np.object_]:
    """Empty texts and zero ids as None, which is stored as NULL."""
    out = values.astype(object)
    out[(values == "") | (values == 0)] = None
    return out


def one_row(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The first row of columns as plain values that JSON can say; missing ones are None.

    >>> one_row({"at": np.array(["2026-10-20T08:15"], dtype="datetime64[us]"), "n": np.array([np.nan]), "who": "x"})
    {'at': '2026-10-20T08:15:00.000000', 'n': None, 'who': 'x'}
    """
    return {name: _plain(column) for name, column in columns.items()}


def _plain(column: Any) -> Any:
    import pandas as pd

    value = column if isinstance(column, str | float) else column[0]
    if pd.isna(value):
        return None
    if isinstance(value, np.datetime64):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def whole_evidence(n: int) -> dict[str, Any]:
    """What else the table `decision` holds of n decisions, where it does not come from the report."""
    empty = ("places", "part_ids", "part_shares", "candidate_areas", "candidate_shares", "candidate_units", "assisting")
    numbers = ("sigma_m", "threshold", "part_id", "precedent_id")
    return {
        **dict.fromkeys(empty, "{}"),
        **dict.fromkeys(numbers, np.full(n, np.nan)),
        **dict.fromkeys(("settled_by", "desk_reason", "reason"), ""),
    }


def decision_columns(d: Decisions) -> dict[str, Any]:
    """What a decision found and ruled, as the columns of the table `decision` that do not come from the report."""
    import pandas as pd

    n = len(d.outcome)
    return {
        "release_id": pd.arrays.IntegerArray(np.full(n, d.release_id or 0), np.full(n, d.release_id is None)),
        "area_ids": array_texts(d.area_id),
        "statuses": word_arrays([a.status for a in d.located.levels]),
        "on_borders": word_arrays([a.on_border for a in d.located.levels]),
        "border_distance_m": np.where(np.isfinite(d.border_distance), d.border_distance, np.nan),
        "confidence": d.confidence,
        "unit": or_null(d.rulings.unit),
        "territory_unit": or_null(d.rulings.territory),
        "forward_to": or_null(d.rulings.forward_to),
        "rule_id": pd.arrays.IntegerArray(d.rule_id, d.rule_id == 0),
        "runner_up_area": or_null(d.runner_up_area),
        "runner_up_unit": or_null(d.rulings.runner_up),
        "scope": d.rulings.scope,
        "outcome": d.outcome,
        "engine": ENGINE,
    }
