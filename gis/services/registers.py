"""Loading registers: units with territories, categories, rules. A stored version's words never change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from gis.categories import Category
from gis.errors import Conflict, DataFault
from gis.rights import ALL
from gis.rules import FROM_PART
from gis.services.platform import Platform
from gis.store import registers as store
from gis.store.engine import Connection
from gis.store.registers import Merged
from gis.units import Unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Merged", "load", "load_units"]

_OPEN: Final = "9999-12-31"  #: after every day that a register says

Words = tuple[str, ...]


def load(p: Platform, register: str, frame: pd.DataFrame) -> Merged:
    """Merge a register's file into what is stored.

    `frame` has the columns of `gis.store.registers.REGISTERS` with valid_from and valid_to. Raises Conflict when a
    stored version says something else, DataFault when a row names a unit, category or source that is not
    known, or a unit on days on which there is none of it.
    """
    with p.store.begin(ALL) as connection:
        _require_known(p, connection, register, frame)
        return _merge(connection, register, frame)


def load_units(p: Platform, units: pd.DataFrame, territories: pd.DataFrame | None) -> tuple[Merged, Merged | None]:
    """Merge units and, in the same transaction, the areas that are their territories."""
    with p.store.begin(ALL) as connection:
        merged = _merge(connection, "units", units)
        if territories is None:
            return merged, None
        _require_known(p, connection, "territories", territories)
        return merged, _merge(connection, "territories", territories)


def _merge(connection: Connection, register: str, frame: pd.DataFrame) -> Merged:
    merged = store.merge(connection, register, frame)
    if merged.differing:
        shown = ", ".join(merged.differing[:5]) + (" …" if len(merged.differing) > 5 else "")
        raise Conflict(
            f"{len(merged.differing)} version(s) of {register} are stored with other content: {shown}. What decided "
            "cases cannot be rewritten; give the new content a valid_from of its own and end the old version there."
        )
    return merged


def _require_known(p: Platform, connection: Connection, register: str, frame: pd.DataFrame) -> None:
    if register == "territories":
        faults = list(_unknown_units({"unit": [(word,) for word in frame["unit"]]}, store.units(connection)))
    elif register == "rules":
        units, named = store.units(connection), _units_of(frame)
        faults = [
            *_unknown_units(named, units),
            *_absent_units(frame, named, units),
            *_category_faults(frame, store.categories(connection)),
            *_source_faults(frame, p.place.sources),
        ]
    else:
        faults = []
    if faults:
        raise DataFault(f"The {register} cannot be loaded: {' '.join(faults)}")


def _units_of(frame: pd.DataFrame) -> dict[str, list[Words]]:
    """Column -> the units that each rule names there; the word for a part's unit is none."""
    return {
        "unit": [() if word in FROM_PART else (word,) for word in frame["unit"]],
        "owner": [(word,) if word else () for word in _column(frame, "owner", "")],
        "maintainer": [(word,) if word else () for word in _column(frame, "maintainer", "")],
        "assisting": list(_column(frame, "assisting", ())),
    }


def _unknown_units(named: Mapping[str, list[Words]], units: Sequence[Unit]) -> Iterator[str]:
    known = {unit.code for unit in units}
    for column, rows in named.items():
        if unknown := _shown(repr(word) for words in rows for word in words if word not in known):
            yield f"{column} names {unknown}, which is no registered unit; load the units first."


def _absent_units(frame: pd.DataFrame, named: Mapping[str, list[Words]], units: Sequence[Unit]) -> Iterator[str]:
    """Registered units that act by a rule on days on which they are not there."""
    periods: dict[str, list[tuple[str, str]]] = {}
    for unit in units:
        periods.setdefault(unit.code, []).append((str(unit.valid_from), str(unit.valid_to or _OPEN)))
    rows = list(zip(frame["code"], frame["valid_from"].map(str), frame["valid_to"].fillna(_OPEN).map(str), strict=True))
    for column in ("unit", "assisting"):
        if absent := _shown(
            f"{word} ({code}, {since} to {'open' if until == _OPEN else until})"
            for (code, since, until), words in zip(rows, named[column], strict=True)
            for word in words
            if word in periods and not _covered(since, until, periods[word])
        ):
            yield f"{column} names units on days on which they are not there: {absent}; end the rule with its unit."


def _covered(since: str, until: str, periods: Sequence[tuple[str, str]]) -> bool:
    """True when every day of [since, until) is in one of the periods; ISO days.

    >>> _covered("2020-01-01", "2022-01-01", [("2019-01-01", "2021-01-01"), ("2021-01-01", "9999-12-31")])
    True
    """
    for start, end in sorted(periods):
        if start <= since < end:
            since = end
    return since >= until


def _category_faults(frame: pd.DataFrame, categories: Sequence[Category]) -> Iterator[str]:
    known = {("", ""), *(("", c.code) for c in categories)}
    known |= {pair for c in categories for pair in ((c.scheme, ""), (c.scheme, c.code))}
    said = zip(_column(frame, "scheme", ""), frame["category"], strict=True)
    if unknown := _shown(repr(" ".join(pair).strip()) for pair in said if pair not in known):
        yield f"category names {unknown}, which is no registered category; load the categories first."


def _source_faults(frame: pd.DataFrame, sources: Sequence[str]) -> Iterator[str]:
    if unknown := _shown(repr(word) for word in _column(frame, "source", "") if word not in ("", *sources)):
        yield f"source names {unknown}; the place's sources are {', '.join(sources)}."


def _column(frame: pd.DataFrame, name: str, absent: Any) -> Sequence[Any]:
    """An optional column, or as many times what its absence means."""
    return frame[name].tolist() if name in frame else [absent] * len(frame)


def _shown(words: Iterable[str]) -> str:
    """The first few of them in order, each once."""
    found = sorted(set(words))
    return ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
