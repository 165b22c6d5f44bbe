"""A new month's partitions are opened once, also when two reports open it at the same moment."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    text = files("gis.store.migrations.versions").joinpath("0004_open_month.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
