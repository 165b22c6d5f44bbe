"""Releases with what was found, changed and carried over; effects on cases; successors of areas that end."""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    text = files("gis.store.migrations.versions").joinpath("0002_releases.sql").read_text(encoding="utf-8")
    srid = str(int(context.config.attributes["srid"]))
    op.get_bind().exec_driver_sql(text.replace("{srid}", srid).replace("%", "%%"))
