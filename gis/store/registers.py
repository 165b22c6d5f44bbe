"""Registers: units, territories, categories and rules, each row with its days of validity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, text

from gis.categories import Category
from gis.rules import Rule
from gis.store.copying import copy_frame
from gis.store.engine import sql_file
from gis.units import Territory, Unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["REGISTERS", "Merged", "categories", "marks", "merge", "reopen", "rules", "territories", "units", "version"]

#: table -> the numbers drawn for its rows, in the order in which they became known
_MARKED: Final = {
    "unit": "id",
    "territory": "id",
    "rule": "id",
    "category": "id",
    "precedent": "greatest(id, ended_id)",
}


@dataclass(frozen=True, slots=True)
class _Register:
    table: str
    key: tuple[str, ...]  #: with the first day of validity it names a version
    fields: tuple[str, ...]  #: what the version says
    optional: tuple[str, ...] = ()  #: what a file may leave out: it is not compared then
    lists: tuple[str, ...] = ()  #: those of them that hold several words


REGISTERS: Final[Mapping[str, _Register]] = {
    "units": _Register("unit", ("code",), ("name", "name_en", "kind", "contact")),
    "territories": _Register("territory", ("area_code",), ("unit",)),
    "categories": _Register(
        "category",
        ("scheme", "kind", "code"),
        ("parent", "name", "name_en", "sensitive"),
        ("part_types",),
        ("part_types",),
    ),
    "rules": _Register(
        "rule",
        ("code",),
        ("ord", "category", "area", "unit", "reason", "reason_en"),
        ("scheme", "place", "owner", "maintainer", "hours", "days", "source", "assisting"),
        ("assisting",),
    ),
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

    `frame` has the register's key and field columns, optional ones where it says them (lists as sequences of words),
    `valid_from` and `valid_to` (days, missing = open).
    """
    what = REGISTERS[register]
    fields = (*what.fields, *(name for name in what.optional if name in frame))
    columns = ", ".join((*what.key, *fields))
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
        "{differs}": " OR ".join(f"t.{f} IS DISTINCT FROM s.{f}" for f in fields),
        "{s_columns}": ", ".join(f"s.{c}" for c in (*what.key, *fields)),
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


def reopen(connection: Connection, ended: Mapping[str, date]) -> list[str]:
    """Let the territories of areas go on that ended on these days; returns the areas whose do."""
    values = {"codes": list(ended), "ended": list(ended.values())}
    return sorted(connection.execute(text(sql_file("reopen_territories.sql")), values).scalars())


def marks(connection: Connection) -> tuple[int, ...]:
    """The ids of the newest rows of units, territories, rules, categories and precedents (made or ended)."""
    newest = ", ".join(f"(SELECT coalesce(max({mark}), 0) FROM {table})" for table, mark in _MARKED.items())
    return tuple(connection.execute(text(f"SELECT {newest}")).one())


def _rows(connection: Connection, table: str, columns: str, upto: int | None) -> Sequence[Any]:
    query = (
        f"SELECT {columns}, lower(validity), upper(validity) FROM {table} "
        "WHERE CAST(:upto AS bigint) IS NULL OR id <= :upto ORDER BY id"
    )
    return connection.execute(text(query), {"upto": upto}).all()


def units(connection: Connection, *, upto: int | None = None) -> tuple[Unit, ...]:
    """Every version of every unit; with `upto` those whose id is not above it."""
    return tuple(Unit(*row) for row in _rows(connection, "unit", "code, name, name_en, kind, contact", upto))


def territories(connection: Connection, *, upto: int | None = None) -> tuple[Territory, ...]:
    """Which unit an area of the unit level belonged to, on which days; with `upto` those whose id is not above it."""
    return tuple(Territory(*row) for row in _rows(connection, "territory", "area_code, unit", upto))


def categories(connection: Connection, *, upto: int | None = None) -> tuple[Category, ...]:
    """Every version of every category; with `upto` those whose id is not above it."""
    columns = "scheme, code, parent, kind, name, name_en, sensitive, part_types"
    rows = _rows(connection, "category", columns, upto)
    versions: list[list[Any]] = [[*row[:7], *row[8:], tuple(row[7])] for row in rows]
    return tuple(Category(*values) for values in versions)


def rules(connection: Connection, *, upto: int | None = None) -> tuple[Rule, ...]:
    """Every version of every rule, with its row's id; with `upto` those whose id is not above it."""
    plain = REGISTERS["rules"].optional[:-1]
    columns = f"id, assisting, code, ord, category, area, unit, reason, reason_en, {', '.join(plain)}"
    rows = _rows(connection, "rule", columns, upto)
    versions: list[list[Any]] = [[*row[2:9], *row[-2:], row[0], *row[9:-2], tuple(row[1])] for row in rows]
    return tuple(Rule(*values) for values in versions)


def version(connection: Connection) -> int:
    """A number that changes with every change of a register or a release, in the transaction of the change."""
    return int(connection.execute(text("SELECT version FROM register_state")).scalar_one())
