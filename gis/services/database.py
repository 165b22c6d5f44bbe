"""The private database: started, stopped, looked at, dumped and restored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gis.settings import Settings
from gis.store.cluster import Cluster, ClusterStatus

__all__ = ["ClusterStatus", "address", "down", "dump", "psql", "restore", "server_user", "status", "up"]


def up(settings: Settings) -> bool:
    """Start the private cluster; True when it was not running. An own database is left to its owner."""
    return Cluster.of(settings).up()


def down(settings: Settings) -> bool:
    """Stop the private cluster; True when it was running."""
    return Cluster.of(settings).down()


def status(settings: Settings) -> ClusterStatus:
    """Whether the database runs, which versions, where."""
    return Cluster.of(settings).status()


def psql(settings: Settings, arguments: Sequence[str]) -> int:
    """Run psql on the private cluster as its superuser."""
    return Cluster.of(settings).psql(arguments)


def dump(settings: Settings, path: Path) -> None:
    """Write the whole database to a file."""
    Cluster.of(settings).dump(path)


def restore(settings: Settings, path: Path, *, replace: bool) -> None:
    """Put a dump in the place of the database."""
    Cluster.of(settings).restore(path, replace=replace)


def address(settings: Settings) -> str:
    """Where gridward_app logs in, as an address that stays right when this process changes its user."""
    return Cluster.of(settings).url("gridward_app")


def server_user(settings: Settings) -> str:
    """The operating-system user that the private cluster runs as."""
    return Cluster.of(settings).user
