"""Bringing a database to the newest revision: all in one transaction, one migrator at a time."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from gis.store.engine import ENCODING

__all__ = ["upgrade"]

_LOCK = 320404000  # any number of our own: two migrators at once wait for each other


def upgrade(owner_url: str, *, srid: int) -> list[str]:
    """Apply the missing revisions as the owner and return their names, oldest first; [] when nothing was missing."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["srid"] = srid
    engine = create_engine(owner_url, poolclass=NullPool, connect_args={"client_encoding": ENCODING})
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        before = _heads(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        after = _heads(connection)
    return [revision for revision in after if revision not in before]


def _heads(connection: object) -> list[str]:
    return list(MigrationContext.configure(connection, opts={"version_table_schema": "public"}).get_current_heads())  # type: ignore[arg-type]
