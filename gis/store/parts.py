"""Parts: versions side by side in time; words and place of a stored version never change, its last day may."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from sqlalchemy import Connection, text

from gis.parts import StoredParts
from gis.store.copying import copy_frame
from gis.store.engine import sql_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "add_versions", "by_id", "is_stored", "lock", "matching", "parts_on", "version", "versions_of"]

_LOCK: Final = 320404003
#: what a version says, beside its geometry
COLUMNS: Final = (
    "code", "type", "name", "owner_unit", "maintenance_unit", "supervising_unit", "state", "accuracy_class",
    "data_source", "initial_date", "change_date",
)  # fmt: skip
_DAYS: Final = ("initial_date", "change_date")


def lock(connection: Connection) -> None:
    """One load of parts at a time: two would each decide on what the other is about to end."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def versions_of(connection: Connection, codes: Sequence[str]) -> StoredParts:
    """Every stored version of the parts with these identifiers, by code and first day."""
    rows = connection.execute(text(sql_file("parts_versions.sql")), {"codes": list(codes)}).all()
    columns = _columns(rows, COLUMNS, start=2)
    columns["geometry"] = _geometries(rows, 2 + len(COLUMNS))
    return StoredParts(
        id=np.array([row[0] for row in rows], dtype=np.int64),
        valid_from=np.array([row[1] for row in rows], dtype="datetime64[D]"),
        columns=columns,
    )


def add_versions(connection: Connection, frame: pd.DataFrame) -> None:
    """End the versions named by `ends` where their successors begin, and add every row as a version.

    `frame` has `COLUMNS`, valid_from, ends (id or missing) and wkb (hexadecimal, in the working CRS).
    """
    connection.execute(text("DROP TABLE IF EXISTS staged_part"))
    connection.execute(text(sql_file("parts_staged.sql")))
    copy_frame(connection, "staged_part", frame)
    srid = connection.execute(text("SELECT Find_SRID('gridward', 'part', 'geom')")).scalar_one()
    connection.execute(text(sql_file("parts_end.sql")))
    connection.execute(text(sql_file("parts_add.sql")), {"srid": srid})


def parts_on(connection: Connection, day: date) -> tuple[dict[str, Any], Any, Any]:
    """The parts in force on a day, by code: their columns, their geometries, and their spots as (n, 2) coordinates."""
    rows = connection.execute(text(sql_file("parts_on.sql")), {"day": day}).all()
    spots = np.array([row[-2:] for row in rows], dtype=float).reshape(-1, 2)
    return _columns(rows, COLUMNS, start=0), _geometries(rows, len(COLUMNS)), spots


def matching(
    connection: Connection, newest: int, *, boxes: Sequence[tuple[int, int]] | None = None, picked: Sequence[str] = ()
) -> list[Any]:
    """Versions of parts up to the id `newest`: of those within ranges of quad keys or with these identifiers, of all
    parts without ranges."""
    if boxes is None:
        statement, values = sql_file("matching_parts.sql").replace("{parts}", "part"), dict[str, Any]()
    else:
        statement = sql_file("matching_parts.sql").replace("{parts}", sql_file("parts_near.sql"))
        values = {"lows": [b[0] for b in boxes], "highs": [b[1] for b in boxes], "picked": list(picked)}
    return list(connection.execute(text(statement), {"newest": newest, **values}))


def by_id(connection: Connection, ids: Sequence[int]) -> list[Any]:
    """Versions of parts by their ids: id, code, type, name, maintenance_unit."""
    query = "SELECT id, code, type, name, maintenance_unit FROM part WHERE id = ANY (CAST(:ids AS bigint[]))"
    return list(connection.execute(text(query), {"ids": list(ids)}))


def version(connection: Connection) -> int:
    """A number that grows whenever parts change: every change adds a version."""
    return int(connection.execute(text("SELECT coalesce(max(id), 0) FROM part")).scalar_one())


def is_stored(connection: Connection, code: str) -> bool:
    """True when a part of this identifier is stored."""
    return bool(
        connection.execute(text("SELECT EXISTS (SELECT FROM part WHERE code = :code)"), {"code": code}).scalar_one()
    )


def _columns(rows: Sequence[Any], names: Sequence[str], *, start: int) -> dict[str, Any]:
    kinds = {name: "datetime64[D]" if name in _DAYS else object for name in names}
    return {name: np.array([row[start + i] for row in rows], dtype=kinds[name]) for i, name in enumerate(names)}


def _geometries(rows: Sequence[Any], at: int) -> Any:
    return np.asarray(shapely.from_wkb([bytes(row[at]) for row in rows]), dtype=object)
