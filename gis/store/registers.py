"""Registers: units, territories, categories and rules, each row with its days of validity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, text

from gis.categories import Category
from gis.rules import Rule
from gis.store.engine import copy_frame, sql_file
from gis.units import Territory, Unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["REGISTERS", "Merged", "categories", "merge", "rules", "territories", "units", "version"]


@dataclass(frozen=True, slots=True)
class _Register:
    table: str
    key: tuple[str, ...]  #: with the first day of validity it names a version
    fields: tuple[str, ...]  #: what the version says


REGISTERS: Final[Mapping[str, _Register]] = {
    "units": _Register("unit", ("code",), ("name", "name_en", "kind", "contact")),
    "territories": _Register("territory", ("area_code",), ("unit",)),
    "categories": _Register("category", ("scheme", "kind", "code"), ("parent", "name", "name_en", "sensitive")),
    "rules": _Register("rule", ("code",), ("ord", "category", "area", "unit", "reason", "reason_en")),
}


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: versions added, versions whose last day was set, versions stored already; and the keys whose
    stored content differs, which stops the merge."""

    added: int
    ended: int
    same: int
    differing: Sequence[str]


def merge(connection: Connection, register: str, frame: pd.DataFrame) -> Merged:
    """Add the versions of a register that are not stored; a stored version's words never change, its last day may.

    `frame` has the register's key and field columns, `valid_from` and `valid_to` (days, missing = open).
    """
    what = REGISTERS[register]
    columns = ", ".join((*what.key, *what.fields))
    connection.execute(text("DROP TABLE IF EXISTS staged_register"))
    connection.execute(
        text(
            f"CREATE TEMP TABLE staged_register ON COMMIT DROP AS "
            f"SELECT {columns}, NULL::date AS valid_from, NULL::date AS valid_to "
            f"FROM {what.table} LIMIT 0"
        )
    )
    copy_frame(connection, "staged_register", frame)
    names = {
        "{table}": what.table,
        "{columns}": columns,
        "{same_key}": " AND ".join(f"t.{k} = s.{k}" for k in what.key),
        "{key}": " || ' ' || ".join(f"s.{k}" for k in what.key),
        "{differs}": " OR ".join(f"t.{f} IS DISTINCT FROM s.{f}" for f in what.fields),
        "{s_columns}": ", ".join(f"s.{c}" for c in (*what.key, *what.fields)),
    }
    differing = connection.execute(text(_fill("register_differing.sql", names))).scalars().all()
    if differing:
        return Merged(0, 0, 0, differing)
    ended = connection.execute(text(_fill("register_end.sql", names))).rowcount
    added = connection.execute(text(_fill("register_add.sql", names))).rowcount
    return Merged(added, ended, len(frame) - added - ended, ())


def _fill(name: str, names: Mapping[str, str]) -> str:
    statement = sql_file(name)
    for mark, value in names.items():
        statement = statement.replace(mark, value)
    return statement


def _rows(connection: Connection, table: str, columns: str) -> Sequence[Any]:
    return connection.execute(
        text(f"SELECT {columns}, lower(validity), upper(validity) FROM {table} ORDER BY id")
    ).all()


def units(connection: Connection) -> tuple[Unit, ...]:
    """Every version of every unit."""
    return tuple(Unit(*row) for row in _rows(connection, "unit", "code, name, name_en, kind, contact"))


def territories(connection: Connection) -> tuple[Territory, ...]:
    """Which unit an area of the unit level belonged to, on which days."""
    return tuple(Territory(*row) for row in _rows(connection, "territory", "area_code, unit"))


def categories(connection: Connection) -> tuple[Category, ...]:
    """Every version of every category."""
    columns = "scheme, code, parent, kind, name, name_en, sensitive"
    return tuple(Category(*row) for row in _rows(connection, "category", columns))


def rules(connection: Connection) -> tuple[Rule, ...]:
    """Every version of every rule, with its row's id."""
    rows = _rows(connection, "rule", "id, code, ord, category, area, unit, reason, reason_en")
    versions: list[list[Any]] = [[*row[1:], row[0]] for row in rows]
    return tuple(Rule(*values) for values in versions)


def version(connection: Connection) -> int:
    """A number that changes with every change of a register or a release, in the transaction of the change."""
    return int(connection.execute(text("SELECT version FROM register_state")).scalar_one())
