"""Storing cases at the speed of the disk, and registers that are read again only when they changed."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    text = files("gis.store.migrations.versions").joinpath("0006_load.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
