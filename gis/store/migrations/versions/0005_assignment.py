"""Rules with more conditions, precedents, the whole evidence of a decision, rulings and returns."""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    text = files("gis.store.migrations.versions").joinpath("0005_assignment.sql").read_text(encoding="utf-8")
    srid = str(int(context.config.attributes["srid"]))
    op.get_bind().exec_driver_sql(text.replace("{srid}", srid).replace("%", "%%"))
