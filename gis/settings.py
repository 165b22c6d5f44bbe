"""The settings of this installation: one frozen object, read once from the environment and the place file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gis.errors import SettingsFault
from gis.place import Place, read_place

__all__ = ["Settings", "load_settings", "ENVIRONMENT"]

#: every environment variable that Gridward reads, and what it says
ENVIRONMENT: Mapping[str, str] = {
    "GRIDWARD_HOME": "folder that holds var/ and data/ (default: the checkout)",
    "GRIDWARD_CONFIG": "the place file (default: data/boundaries/zhonglou/place.toml below the home)",
    "GRIDWARD_DATABASE_URL": "a PostgreSQL of your own; unset, Gridward runs a private one under var/",
    "GRIDWARD_OWNER_URL": "with GRIDWARD_DATABASE_URL: how the owner (who migrates) logs in",
    "GRIDWARD_SECRET": "signs the device cookie (default: a random one kept under var/)",
    "GRIDWARD_LOCAL_SYSTEMS": "the survey office's parameter sets (default var/local-systems.toml; mode 600)",
    "PORT": "port of the web server (default 8000)",
}


@dataclass(frozen=True)
class Settings:
    """Where things lie and how the database is reached; `place` is read at first use."""

    home: Path
    config: Path
    database_url: str | None = None
    owner_url: str | None = None
    secret: str | None = None
    port: int = 8000
    local_systems_file: Path | None = None

    @property
    def local_systems(self) -> Path:
        """The survey office's parameter sets, which only the owner may read."""
        return self.local_systems_file or self.var / "local-systems.toml"

    @cached_property
    def place(self) -> Place:
        return read_place(self.config)

    @property
    def var(self) -> Path:
        return self.home / "var"

    @property
    def data(self) -> Path:
        return self.home / "data"


def load_settings(config: str | None = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; `config` (from --config) goes before GRIDWARD_CONFIG.

    >>> load_settings(environ={"GRIDWARD_HOME": "/srv/gridward", "PORT": "80a"})
    Traceback (most recent call last):
    ...
    gis.errors.SettingsFault: PORT is '80a'; wanted a number from 1 to 65535.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("GRIDWARD_HOME") or Path(__file__).resolve().parent.parent).expanduser().absolute()
    chosen = config or env.get("GRIDWARD_CONFIG")
    path = Path(chosen).expanduser().absolute() if chosen else home / "data/boundaries/zhonglou/place.toml"
    url, owner = env.get("GRIDWARD_DATABASE_URL") or None, env.get("GRIDWARD_OWNER_URL") or None
    if url and not url.startswith(("postgresql://", "postgresql+psycopg2://")):
        raise SettingsFault("GRIDWARD_DATABASE_URL does not start with postgresql://; give a PostgreSQL address.")
    if owner and not url:
        raise SettingsFault("GRIDWARD_OWNER_URL is set without GRIDWARD_DATABASE_URL; set both or neither.")
    return Settings(
        home=home,
        config=path,
        database_url=url,
        owner_url=owner,
        secret=env.get("GRIDWARD_SECRET") or None,
        local_systems_file=Path(env["GRIDWARD_LOCAL_SYSTEMS"]) if env.get("GRIDWARD_LOCAL_SYSTEMS") else None,
        port=_port(env.get("PORT") or "8000"),
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise SettingsFault(f"PORT is {text!r}; wanted a number from 1 to 65535.")
