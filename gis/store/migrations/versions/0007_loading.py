"""Tables of a load: months that it opens get their indexes when they are full."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    text = files("gis.store.migrations.versions").joinpath("0007_loading.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
