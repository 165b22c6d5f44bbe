"""CSV files of registers: units and territories, categories, rules."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from etl.csv_signs import HEAD, sign_of, utf16_fault
from etl.manifest import FEATURE_LAYERS
from gis.errors import FileFault
from gis.limits import CODE, NAME, REASON, brief, too_long
from gis.rules import WEEK, Rule, hours_of

__all__ = ["COLUMNS", "OPTIONAL", "read_register", "rules_of"]

#: file column -> stored column
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "units": {"code": "code", "name_zh": "name", "name_en": "name_en", "kind": "kind", "contact": "contact"},
    "territories": {"unit": "unit", "area_code": "area_code"},
    "categories": {
        "scheme": "scheme",
        "code": "code",
        "parent": "parent",
        "name_zh": "name",
        "name_en": "name_en",
        "kind": "kind",
        "sensitive": "sensitive",
    },
    "rules": {
        "code": "code",
        "order": "ord",
        "category": "category",
        "area": "area",
        "unit": "unit",
        "reason_zh": "reason",
        "reason_en": "reason_en",
    },
}
#: columns that may be absent, as valid_from and valid_to may, by their own names; several words stand with spaces
OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "categories": ("part_types",),
    "rules": ("scheme", "place", "owner", "maintainer", "hours", "days", "source", "assisting"),
}
_VALIDITY: Final = ("valid_from", "valid_to")
_LISTS: Final = ("part_types", "assisting")
_CHOICES: Final[Mapping[tuple[str, str], Sequence[str]]] = {
    ("units", "kind"): ("street", "department", "external"),
    ("categories", "kind"): ("part", "event"),
    ("categories", "sensitive"): ("0", "1"),
}
_LONGEST: Final[Mapping[str, int]] = {
    "name_zh": NAME,
    "name_en": NAME,
    "contact": NAME,
    "reason_zh": REASON,
    "reason_en": REASON,
}
_EPOCH: Final = "2000-01-01"  #: a row that does not say from when it is valid is valid from here


def read_register(path: Path, register: str) -> pd.DataFrame:
    """Read a register's CSV; raises FileFault with every fault by row and column."""
    table = _table(path, list(COLUMNS[register]))
    faults = _choice_faults(table, register)
    frame = table[list(COLUMNS[register])].rename(columns=dict(COLUMNS[register]))
    if register == "rules":
        whole = table["order"].str.fullmatch(r"[+-]?[0-9]{1,9}")
        faults += [
            f"row {i + 1}: order is {brief(table['order'].iloc[i])}; wanted a whole number of at most 9 digits"
            for i in _where(~whole)
        ]
        frame["ord"] = table["order"].where(whole, "0").astype(int)
    if register == "categories":
        frame["sensitive"] = table["sensitive"] == "1"
    faults += _add_optional(table, frame, OPTIONAL.get(register, ()))
    faults += _add_validity(table, frame)
    faults += _length_faults(table, register)
    faults += _key_faults(frame, register)
    if faults:
        shown = "; ".join(faults[:10]) + ("; …" if len(faults) > 10 else "")
        raise FileFault(f"{path.name} has {len(faults)} fault(s): {shown}.")
    return frame


def rules_of(frame: pd.DataFrame) -> tuple[Rule, ...]:
    """The rules of a read file as the core knows them; their ids are 0, for nothing of them is stored."""
    names = {"ord": "order"}
    return tuple(
        Rule(
            **{names.get(str(name), str(name)): value for name, value in row.items() if name not in _VALIDITY},
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        )
        for row in frame.to_dict("records")
    )


def _table(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if found := utf16_fault(head):
            raise FileFault(
                f"{path.name} is {found.partition(':')[0]}; save it as UTF-8 (a spreadsheet's “CSV UTF-8”)."
            )
        sign = sign_of(head.decode("utf-8-sig", "replace"), wanted)
        table = pd.read_csv(path, sep=sign, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileFault(f"{path} is no file that can be read; give the path of a CSV file.") from None
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError, OSError) as fault:
        raise FileFault(f"{path.name} cannot be read as CSV in UTF-8: {fault}.") from None
    absent = [name for name in wanted if name not in table.columns]
    if absent:
        raise FileFault(
            f"{path.name} has no column {', '.join(absent)}; it has {', '.join(map(str, table.columns))}. "
            "`--template` prints the columns wanted."
        )
    if any(table[name].str.contains("\0", regex=False).any() for name in table.columns):
        raise FileFault(f"{path.name} holds a NUL character, which no text can; ask for the file again.")
    return pd.DataFrame({name: table[name].str.strip() for name in table.columns})


def _length_faults(table: pd.DataFrame, register: str) -> list[str]:
    optional = OPTIONAL.get(register, ())
    return [
        f"row {i + 1}: {name} {fault}"
        for name in (*COLUMNS[register], *optional)
        for i, text in enumerate(table[name] if name in table.columns else ())
        if (fault := _excess(text, _LONGEST.get(name, CODE), words=name in optional))
    ]


def _excess(text: str, longest: int, *, words: bool) -> str:
    """How a cell is over its limit, '' where it is not; where several `words` stand it is that of each."""
    length = max(map(len, text.split() if words else [text]), default=0)
    if length > longest:
        return too_long(length, longest)
    return too_long(len(text), REASON) if len(text) > REASON else ""


def _where(mask: pd.Series) -> list[int]:
    return [int(i) for i in np.flatnonzero(mask.to_numpy(dtype=bool))]


def _choice_faults(table: pd.DataFrame, register: str) -> list[str]:
    faults: list[str] = []
    for (name, column), allowed in _CHOICES.items():
        if name == register:
            bad = ~table[column].isin(list(allowed))
            faults += [
                f"row {i + 1}: {column} is {brief(table[column].iloc[i])}; wanted {' or '.join(allowed)}"
                for i in _where(bad)
            ]
    return faults


def _add_optional(table: pd.DataFrame, frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Set those of the columns that the file has; returns the faults."""
    faults: list[str] = []
    for name in (name for name in names if name in table.columns):
        words = [text.split() for text in table[name]]
        faults += [
            f"row {i + 1}: {name} is {brief(table[name].iloc[i])}; wanted {wanted}"
            for i, found in enumerate(words)
            if (wanted := _wanted(name, found))
        ]
        values: list[Any] = [tuple(found) if name in _LISTS else " ".join(found) for found in words]
        frame[name] = pd.Series(values, index=frame.index, dtype=object)
    return faults


def _wanted(name: str, words: Sequence[str]) -> str:
    """What an optional column should hold instead of these words, '' where they are right.

    >>> _wanted("hours", ["22:00-06:00"]), _wanted("days", ["mon", "Tue"])
    ('', 'days of the week with spaces between: mon tue wed thu fri sat sun')
    """
    if name in ("place", "hours") and len(words) > 1:
        return "one word"
    check, wanted = _WORDS.get(name, (bool, ""))
    return "" if all(check(word) for word in words) else wanted


def _is_place(word: str) -> bool:
    layer, colon, code = word.partition(":")
    return layer in FEATURE_LAYERS and bool(code) == bool(colon)


#: optional column -> whether a word of it is right, and what is wanted
_WORDS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "part_types": (
        lambda word: re.fullmatch(r"[0-9]{2}|[0-9]{4,5}", word) is not None,
        "beginnings of part types: 2, 4 or 5 digits each",
    ),
    "days": (WEEK.__contains__, f"days of the week with spaces between: {' '.join(WEEK)}"),
    "hours": (lambda word: hours_of(word) is not None, "two local times such as 22:00-06:00, at most 24:00"),
    "place": (_is_place, f"a layer such as market, or road:DL0012 for one; the layers are {', '.join(FEATURE_LAYERS)}"),
}


def _add_validity(table: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """Set valid_from and valid_to (None = open) as ISO days; returns the faults."""
    faults: list[str] = []
    for name, default in (("valid_from", _EPOCH), ("valid_to", "")):
        texts = table[name] if name in table.columns else pd.Series("", index=table.index)
        texts = texts.replace("", default) if default else texts
        days = pd.to_datetime(texts, format="%Y-%m-%d", errors="coerce")
        bad = days.isna() & (texts != "")
        faults += [f"row {i + 1}: {name} is {brief(texts.iloc[i])}; wanted YYYY-MM-DD" for i in _where(bad)]
        frame[name] = days.dt.strftime("%Y-%m-%d").astype(object).where(days.notna(), None)
    ended = frame["valid_to"].notna()
    bad = ended & (frame["valid_to"].fillna("9999") <= frame["valid_from"].fillna("0000"))
    faults += [f"row {i + 1}: valid_to is not after valid_from" for i in _where(bad)]
    return faults


def _key_faults(frame: pd.DataFrame, register: str) -> list[str]:
    """Empty keys, and one key twice for overlapping days (the database would refuse it without naming the row)."""
    key = "area_code" if register == "territories" else "code"
    faults = [f"row {i + 1}: {key} is empty" for i in _where(frame[key] == "")]
    columns = ["scheme", "kind", "code"] if register == "categories" else [key]
    rows = frame.assign(i=range(len(frame)), until=frame["valid_to"].fillna("9999"))
    for name, group in rows[rows.duplicated(columns, keep=False)].groupby(columns, sort=False):
        ordered = group.sort_values("valid_from")
        for at in range(1, len(ordered)):
            if ordered["valid_from"].iloc[at] < ordered["until"].iloc[at - 1]:
                both = f"rows {ordered['i'].iloc[at - 1] + 1} and {ordered['i'].iloc[at] + 1}"
                faults.append(f"{both} give {' '.join(map(str, name))!r} twice for the same days")
    return faults
