"""Keys of cases in the order of their bytes; loads whose indexes are built by two sessions at once."""

from __future__ import annotations

from importlib.resources import files

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    text = files("gis.store.migrations.versions").joinpath("0008_keys.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
