"""The house: releases and areas, registers, cases with evidence and events, and the rights on all of them."""

from __future__ import annotations

from importlib.resources import files

from alembic import context, op

revision = "0001"
down_revision = None


def upgrade() -> None:
    text = files("gis.store.migrations.versions").joinpath("0001_house.sql").read_text(encoding="utf-8")
    srid = str(int(context.config.attributes["srid"]))
    # exec_driver_sql: the text holds ':=' and '%', which are SQL here and no parameters.
    op.get_bind().exec_driver_sql(text.replace("{srid}", srid).replace("%", "%%"))
