"""Which processes work on a data folder, asked of /proc: a pid file alone may lie after a restart of the machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["anybody_in", "postmaster_of", "recorded_pid"]


def recorded_pid(cluster: Path) -> int | None:
    """The number that the pid file of a PostgreSQL data folder names."""
    try:
        return int((cluster / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def postmaster_of(cluster: Path) -> int | None:
    """The number of the server that runs on a data folder; None when none does."""
    pid = recorded_pid(cluster)
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    return pid if os.fsencode(cluster) in command else None


def anybody_in(folder: Path) -> bool:
    """True while any process works in a folder, as every PostgreSQL process does in its data."""
    wanted = str(folder.resolve())
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                if str((process / "cwd").readlink()) == wanted:
                    return True
    return False
