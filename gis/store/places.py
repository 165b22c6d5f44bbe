"""Which place a database holds."""

from __future__ import annotations

from sqlalchemy import Connection, text

from gis.errors import SettingsFault
from gis.place import Place

__all__ = ["claim"]


def claim(connection: Connection, place: Place) -> None:
    """Claim an empty database for the place; raise SettingsFault when it belongs to another."""
    mine = {"code": place.code, "crs": place.crs, "levels": list(place.level_names)}
    connection.execute(
        text("INSERT INTO place (code, crs, levels) VALUES (:code, :crs, :levels) ON CONFLICT DO NOTHING"), mine
    )
    found = dict(connection.execute(text("SELECT code, crs, levels FROM place")).mappings().one())
    if found != mine:
        raise SettingsFault(
            f"The database holds the place {found['code']} ({found['crs']}, levels {', '.join(found['levels'])}), the "
            f"place file says {mine['code']} ({mine['crs']}, levels {', '.join(place.level_names)}); "
            "two places are two databases: set another GRIDWARD_HOME or GRIDWARD_DATABASE_URL."
        )
