"""The secret that signs cookies: from the settings, else a random one kept under var/ for all workers and restarts."""

from __future__ import annotations

import secrets
from pathlib import Path

from gis.settings import Settings

__all__ = ["secret_of"]


def secret_of(settings: Settings) -> str:
    """The secret of this installation; where var/ cannot be written, one that lives as long as this process."""
    return settings.secret or _kept(settings.var / "web-secret")


def _kept(path: Path) -> str:
    fresh = secrets.token_urlsafe(32)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(fresh, encoding="ascii")
    except FileExistsError:
        return path.read_text(encoding="ascii").strip() or fresh
    except OSError:
        return fresh
    return fresh
