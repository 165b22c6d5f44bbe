"""Parts as points, lines or areas, with a supervising unit, their dates, and one spot for locating and searching."""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    text = files("gis.store.migrations.versions").joinpath("0003_parts.sql").read_text(encoding="utf-8")
    srid = str(int(context.config.attributes["srid"]))
    op.get_bind().exec_driver_sql(text.replace("{srid}", srid).replace("%", "%%"))
