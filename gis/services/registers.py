"""Loading registers: units with territories, categories, rules. A stored version's words never change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gis.errors import Conflict, DataFault
from gis.rights import ALL
from gis.services.platform import Platform
from gis.store import registers as store
from gis.store.engine import Connection
from gis.store.registers import Merged

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Merged", "load", "load_units"]


def load(p: Platform, register: str, frame: pd.DataFrame) -> Merged:
    """Merge a register's file into what is stored.

    `frame` has the columns of `gis.store.registers.REGISTERS` with valid_from and valid_to. Raises Conflict when a
    stored version says something else, DataFault when a row names a unit or category that is not registered.
    """
    with p.store.begin(ALL) as connection:
        _require_known(connection, register, frame)
        return _merge(connection, register, frame)


def load_units(p: Platform, units: pd.DataFrame, territories: pd.DataFrame | None) -> tuple[Merged, Merged | None]:
    """Merge units and, in the same transaction, the areas that are their territories."""
    with p.store.begin(ALL) as connection:
        merged = _merge(connection, "units", units)
        if territories is None:
            return merged, None
        _require_known(connection, "territories", territories)
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


def _require_known(connection: Connection, register: str, frame: pd.DataFrame) -> None:
    wanted: dict[str, tuple[tuple[str, ...], Callable[[], set[str]]]] = {
        "territories": (("unit",), lambda: {unit.code for unit in store.units(connection)}),
        "rules": (("unit",), lambda: {unit.code for unit in store.units(connection)}),
    }
    faults: list[str] = []
    columns, known_units = wanted.get(register, ((), set))
    known = known_units() if columns else set()
    for column in columns:
        unknown = sorted(set(frame[column]) - known)
        if unknown:
            faults.append(f"{column} names {', '.join(map(repr, unknown[:5]))}, which is no registered unit.")
    if register == "rules":
        codes = {category.code for category in store.categories(connection)} | {""}
        unknown = sorted(set(frame["category"]) - codes)
        if unknown:
            faults.append(f"category names {', '.join(map(repr, unknown[:5]))}, which is no registered category.")
    if faults:
        raise DataFault(f"The {register} cannot be loaded: {' '.join(faults)} Load the register it refers to first.")
