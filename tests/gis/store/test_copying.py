"""Whatever columns hold, a table holds the same after COPY: each kind of value, missing ones, lists of any shape."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from gis.store.copying import copy_frame, copy_table, kinds_of

COLUMNS = {
    "small": "smallint", "whole": "integer", "big": "bigint", "real": "double precision", "flag": "boolean",
    "day": "date", "moment": "timestamptz", "words": "text", "bytes": "bytea", "ids": "bigint[]", "texts": "text[]",
    "flags": "boolean[]", "shares": "double precision[]", "few": "text[]", "spot": "geometry",
}  # fmt: skip
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
REALS = st.floats(allow_nan=False)
IDS = st.integers(-(2**63), 2**63 - 1)
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))
VALUES = {
    "small": st.integers(-(2**15), 2**15 - 1), "whole": st.integers(-(2**31), 2**31 - 1), "big": IDS, "real": REALS,
    "flag": st.booleans(), "day": DAYS, "moment": MOMENTS, "words": WORDS, "bytes": st.binary(max_size=8),
    "ids": st.lists(st.none() | IDS, max_size=4), "texts": st.lists(st.none() | WORDS, max_size=3),
    "flags": st.lists(st.booleans(), max_size=3), "shares": st.lists(REALS, max_size=3),
}  # fmt: skip
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), max_size=12)
UNIFORM = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(st.none() | IDS, min_size=width, max_size=width), min_size=1, max_size=12)
)
FEW = st.lists(st.none() | st.sampled_from([["a"], ["b", "中\\"], [], ['"', "{,}"]]), min_size=1, max_size=12)
PATIENT = tries(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def table(connection: Connection) -> str:
    named = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute(text(f"CREATE TEMP TABLE everything (nth serial, {named})"))
    return "everything"


def stored(connection: Connection, table: str, columns: dict[str, Any]) -> dict[str, list[Any]]:
    """What comes back of columns that are sent."""
    connection.execute(text(f"TRUNCATE {table}"))
    copy_table(connection, table, pa.table(columns))
    names = ", ".join(columns)
    rows = connection.execute(text(f"SELECT {names} FROM {table} ORDER BY nth")).all()
    found = [[bytes(value) if isinstance(value, memoryview) else value for value in row] for row in rows]
    return {name: [row[i] for row in found] for i, name in enumerate(columns)}


@PATIENT
@given(rows=ROWS)
def test_values_of_every_kind_come_back_as_they_were(
    connection: Connection, table: str, rows: list[dict[str, Any]]
) -> None:
    kinds = kinds_of(connection, table)
    said = {name: [row[name] for row in rows] for name in VALUES}
    assert stored(connection, table, {name: pa.array(said[name], kinds[name]) for name in VALUES}) == said


@PATIENT
@given(lists=UNIFORM)
def test_lists_of_one_length_come_back_with_their_nulls(
    connection: Connection, table: str, lists: list[list[int | None]]
) -> None:
    ids = pa.array(lists, pa.list_(pa.int64()))
    assert stored(connection, table, {"ids": ids})["ids"] == lists
    part = ids.slice(len(lists) // 2)
    assert stored(connection, table, {"ids": part})["ids"] == lists[len(lists) // 2 :]


@PATIENT
@given(lists=FEW)
def test_lists_of_which_there_are_few_are_made_once(
    connection: Connection, table: str, lists: list[list[str] | None]
) -> None:
    distinct = [list(words) for words in {tuple(words): None for words in lists if words is not None}]
    at = pa.array([None if words is None else distinct.index(words) for words in lists], pa.int32())
    few = pa.DictionaryArray.from_arrays(at, pa.array(distinct, pa.list_(pa.string())))
    assert stored(connection, table, {"few": few})["few"] == lists


def test_a_frame_s_missing_values_of_any_kind_are_null(connection: Connection, table: str) -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "big": [3.0, np.nan],
            "real": [np.nan, 0.1],
            "day": [np.nan, np.nan],
            "moment": [pd.Timestamp("2026-03-01 04:00"), pd.NaT],
            "words": ["\\N", None],
            "texts": [["a", ""], None],
        }
    )
    copy_frame(connection, table, frame)
    names = ", ".join(frame.columns)
    found = connection.execute(text(f"SELECT {names} FROM {table} ORDER BY nth")).all()
    assert found == [
        (1, 3, None, None, datetime(2026, 3, 1, 4, tzinfo=UTC), "\\N", ["a", ""]),
        (None, None, 0.1, None, None, None, None),
    ]


def test_a_value_that_its_column_cannot_hold_is_refused_not_changed(connection: Connection, table: str) -> None:
    for column, values in (("small", [40_000]), ("whole", [0.5]), ("day", ["no day"])):
        with pytest.raises(pa.ArrowInvalid):
            copy_table(connection, table, pa.table({column: values}))
