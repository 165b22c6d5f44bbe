"""The tables that queries are composed over are those the migrations make."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql

from gis.store.tables import METADATA

COLUMNS = text(
    "SELECT attname, format_type(atttypid, atttypmod) AS kind, NOT attnotnull AS nullable FROM pg_attribute a "
    "JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'gridward'::regnamespace AND c.relname = :name "
    "AND attnum > 0 AND NOT attisdropped"
)


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)
def test_a_composed_table_has_just_the_columns_of_the_migrated_one(connection: Connection, table: Table) -> None:
    found = {row.attname: (row.kind, row.nullable) for row in connection.execute(COLUMNS, {"name": table.name})}
    made = {}
    for column in table.columns:
        kind = column.type.compile(dialect=postgresql.dialect()).lower()  # type: ignore[no-untyped-call]
        made[column.name] = (kind.replace("float", "double precision"), column.nullable)
    for columns in (found, made):
        if "geom" in columns:  # the place's own SRID is known to the migration only
            columns["geom"] = ("geometry", columns["geom"][1])
    assert made == found
