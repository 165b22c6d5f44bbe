"""Bringing the database to this version, and claiming it for the place."""

from __future__ import annotations

from gis.rights import ALL
from gis.settings import Settings
from gis.store.cluster import Cluster
from gis.store.engine import Store
from gis.store.migrate import upgrade
from gis.store.places import claim

__all__ = ["migrate"]


def migrate(settings: Settings) -> list[str]:
    """Apply the missing migrations and return their names; raise SettingsFault when the database is another place's."""
    cluster = Cluster.of(settings)
    applied = upgrade(cluster.url("gridward_owner"), srid=int(settings.place.crs.removeprefix("EPSG:")))
    store = Store.at(cluster.url("gridward_app"))
    try:
        with store.begin(ALL) as connection:
            claim(connection, settings.place)
    finally:
        store.close()
    return applied
