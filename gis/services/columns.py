"""Columns of decisions as the texts that COPY takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.assignment.evidence import ENGINE, Decisions

__all__ = ["array_texts", "decision_columns", "or_null", "when", "word_arrays"]


def array_texts(ids: NDArray[np.int64]) -> list[str]:
    """Columns of ids (levels × n, 0 = none) as PostgreSQL array texts.

    >>> array_texts(np.array([[1, 2], [0, 3]]))
    ['{1,NULL}', '{2,3}']
    """
    words = np.where(ids == 0, "NULL", ids.astype(str))
    return ["{" + ",".join(column) + "}" for column in words.T.tolist()]


def word_arrays(columns: Sequence[NDArray[Any]]) -> list[str]:
    """Columns of plain words or flags as PostgreSQL array texts, one for each row."""
    return ["{" + ",".join(row) + "}" for row in zip(*(c.astype(str).tolist() for c in columns), strict=True)]


def or_null(values: NDArray[Any]) -> NDArray[np.object_]:
    """Empty texts and zero ids as None, which is stored as NULL."""
    out = values.astype(object)
    out[(values == "") | (values == 0)] = None
    return out


def when(moments: NDArray[np.datetime64]) -> NDArray[np.object_]:
    """UTC moments as texts, None for NaT."""
    out = np.datetime_as_string(moments, unit="us").astype(object)
    out[np.isnat(moments)] = None
    return out


def decision_columns(d: Decisions) -> dict[str, Any]:
    """What a decision found and ruled, as the columns of the table `decision` that do not come from the report."""
    import pandas as pd

    n = len(d.outcome)
    return {
        "release_id": pd.array([d.release_id] * n, dtype="Int64"),
        "area_ids": array_texts(d.area_id),
        "statuses": word_arrays([a.status for a in d.located.levels]),
        "on_borders": word_arrays([a.on_border for a in d.located.levels]),
        "border_distance_m": np.where(np.isfinite(d.border_distance), d.border_distance, np.nan),
        "confidence": d.confidence,
        "unit": or_null(d.rulings.unit),
        "territory_unit": or_null(d.rulings.territory),
        "forward_to": or_null(d.rulings.forward_to),
        "rule_id": pd.array(or_null(d.rule_id).tolist(), dtype="Int64"),
        "runner_up_area": or_null(d.runner_up_area),
        "runner_up_unit": or_null(d.rulings.runner_up),
        "scope": d.rulings.scope,
        "outcome": d.outcome,
        "engine": ENGINE,
    }
