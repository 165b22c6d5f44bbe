"""Which field is the code, which the name, which the parent: found by what the columns hold, not by their titles."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gis.place import Level

__all__ = ["Found", "Known", "find_fields", "texts_of"]

Column = NDArray[np.object_]
_ENOUGH: Final = 0.3  #: share of values that must look like codes for a column to be the code
_CLEAR: Final = 0.15  #: by how much the best column must lead
#: what programs call the number of a row, which is another one in the next delivery
_COUNTER_NAMES: Final = re.compile(r"(?i)^(objectid(_?\d*)|fid(_\w*)?|oid_?|ogc_fid|gid|id|row_?(id|no)|序号)$")
_CODE_NAMES: Final = re.compile(r"(?i)^(dm|bm|code|.*(dm|bm|code|代码|编码|编号|_id|id))$")
_NAME_NAMES: Final = re.compile(r"(?i)^(mc|name|.*(mc|name|名称|名))$")
_PARENT_NAMES: Final = re.compile(r"(?i)(sj|ss|parent|上级|所属|隶属)")


@dataclass(frozen=True, slots=True)
class Known:
    """What is in force at a level: names by code."""

    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """The mapping (code, name, parent to a field; a missing key: no such field), how sure, and what to ask."""

    fields: Mapping[str, str]
    notes: tuple[str, ...]
    asks: tuple[str, ...]


def texts_of(values: Column) -> Column:
    """A column as trimmed texts: '' for no value, whole numbers without a fraction.

    >>> texts_of(np.array([320404001.0, None, " 五星 "], dtype=object)).tolist()
    ['320404001', '', '五星']
    """
    return np.array([_text(v) for v in values.tolist()], dtype=object)


def _text(value: Any) -> str:
    if isinstance(value, float | np.floating):
        number = float(value)
        if not math.isfinite(number):
            return ""
        if number.is_integer() and abs(number) < 1e16:
            return str(int(number))
    return "" if value is None else str(value).strip(" \t\r\n\0\u3000")


def find_fields(
    columns: Mapping[str, Column], level: Level, parent: Level | None, given: Mapping[str, str], known: Known
) -> Found:
    """Find code, name and parent among text columns; what is `given` (a manifest, an option) is not looked for."""
    search = _Search(columns, dict(given))
    wanted = f"codes of a {level.name} ({level.code_pattern})"
    search.look("code", wanted, lambda n, c: _code_score(n, c, level, known))
    codes = columns.get(search.fields.get("code", ""))
    if parent is not None:
        wanted = f"codes of the {parent.name} above"
        # Where a code begins with its parent's, a column that repeats it is welcome and not needed.
        search.look("parent", wanted, lambda n, c: _parent_score(n, c, codes, level, parent), needed=not level.prefix)
    search.look("name", "names", lambda n, c: _name_score(n, c, codes, known), needed=level.parent is None)
    return Found(search.fields, tuple(search.notes), tuple(search.asks))


class _Search:
    """The fields found so far; a field has one meaning."""

    def __init__(self, columns: Mapping[str, Column], fields: dict[str, str]) -> None:
        self.columns = columns
        self.fields = fields
        self.notes: list[str] = []
        self.asks: list[str] = []

    def look(self, what: str, wanted: str, score: Callable[[str, Column], float], *, needed: bool = True) -> None:
        """Take the best column for a meaning; one that is needed and not found clearly is asked for."""
        if what in self.fields:
            return
        free = {n: c for n, c in self.columns.items() if n not in self.fields.values()}
        best, said = _best({n: score(n, c) for n, c in free.items()}, self.columns, what, wanted)
        if best is not None:
            self.fields[what] = best
            self.notes.append(said)
        elif needed:
            self.asks.append(said)


def _best(scores: Mapping[str, float], columns: Mapping[str, Column], what: str, wanted: str) -> tuple[str | None, str]:
    ranked = sorted((n for n in scores if scores[n] >= _ENOUGH), key=lambda n: -scores[n])
    shown = "; ".join(f"{n}: {'、'.join(_sample(columns[n]))}" for n in (ranked or list(columns))[:6])
    if not ranked:
        return None, f"no field holds {wanted}. The fields are {shown or 'none'}; give --field-{what}."
    if len(ranked) > 1 and scores[ranked[0]] < scores[ranked[1]] + _CLEAR:
        return None, f"several fields could hold {wanted}: {shown}; give --field-{what}."
    return ranked[0], f"the {what} is taken from the field {ranked[0]}: {'、'.join(_sample(columns[ranked[0]]))}."


def _sample(column: Column) -> list[str]:
    return [str(v)[:24] for v in dict.fromkeys(column.tolist()) if v][:3] or ["(empty)"]


def _filled(column: Column) -> Sequence[str]:
    return [v for v in column.tolist() if v]


def _code_score(name: str, column: Column, level: Level, known: Known) -> float:
    values = _filled(column)
    if not values:
        return 0.0
    pattern = re.compile(level.code_pattern)
    match = sum(bool(pattern.fullmatch(v)) for v in values) / len(values)
    if _is_counter(name, values):
        return 0.8 * _ENOUGH * match  # never enough by itself: it is shown when the code is asked for
    distinct = len(set(values)) / len(values)
    in_force = len(set(values) & set(known.names)) / len(set(values)) if known.names else 0.0
    return match * distinct**2 + 0.2 * bool(_CODE_NAMES.match(name)) * (match > 0) + 0.3 * in_force


def _is_counter(name: str, values: Sequence[str]) -> bool:
    """True for a column that is called like the number of a row and counts up by one from row to row."""
    if not _COUNTER_NAMES.match(name) or not all(v.isdecimal() and len(v) < 16 for v in values):
        return False
    numbers = np.array([int(v) for v in values])
    return bool((np.diff(numbers) == 1).all())


def _parent_score(name: str, column: Column, codes: Column | None, level: Level, parent: Level) -> float:
    values = _filled(column)
    if not values:
        return 0.0
    pattern = re.compile(parent.code_pattern)
    match = sum(bool(pattern.fullmatch(v)) for v in values) / len(values)
    if codes is not None and level.prefix and match:
        match *= sum(c[: level.prefix] == v for c, v in zip(codes, column, strict=True)) / len(column)
    return match + 0.2 * bool(_PARENT_NAMES.search(name)) * (match > 0)


def _name_score(name: str, column: Column, codes: Column | None, known: Known) -> float:
    values = _filled(column)
    words = [v for v in values if not re.fullmatch(r"[\d.\-+/: ]*", v)]
    if not words or (codes is not None and column is codes):
        return 0.0
    share = len(words) / max(len(column), 1)
    distinct = len(set(words)) / len(words)
    right = 0.0
    if codes is not None and known.names:
        pairs = [(known.names.get(c), v) for c, v in zip(codes, column, strict=True)]
        matched = [a == b for a, b in pairs if a]
        right = sum(matched) / len(matched) if matched else 0.0
    return 0.4 * share * distinct + 0.35 * bool(_NAME_NAMES.match(name)) + 0.5 * right
