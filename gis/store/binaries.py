"""Finding a PostgreSQL with PostGIS on this machine: by looking, never by a fixed version."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gis.errors import DatabaseMissing

__all__ = ["PLACES", "find_binaries", "major_of", "shared_megabytes"]

#: where packages and hands put the server's programs
PLACES: Final = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql*/bin",
    "/opt/postgresql*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)


def find_binaries(*, major: int | None = None) -> Path:
    """The folder of the newest PostgreSQL that has PostGIS, or of the given major version.

    Raises DatabaseMissing with what was looked for, where, and three remedies.
    """
    seen: list[str] = []
    fit: list[tuple[int, Path]] = []
    for folder in _candidates():
        has_postgis = any((share / "postgis.control").is_file() for share in _extension_folders(folder))
        seen.append(f"{folder} ({'with' if has_postgis else 'without'} PostGIS)")
        if has_postgis and (major is None or major_of(folder) == major):
            fit.append((major_of(folder), folder))
    if fit:
        return max(fit)[1]
    wanted = f"PostgreSQL {major}" if major else "PostgreSQL"
    raise DatabaseMissing(
        f"No {wanted} with PostGIS was found (looked for initdb and postgis.control in {', '.join(PLACES)} and beside "
        f"the postgres on PATH; found: {', '.join(seen) or 'nothing'}). Remedies: (1) as root on Debian or Ubuntu: "
        "apt-get install postgresql-postgis postgresql-postgis-scripts; (2) `make demo` as root or with sudo installs "
        "it; (3) set GRIDWARD_DATABASE_URL and GRIDWARD_OWNER_URL to a PostgreSQL with PostGIS of your own."
    )


def _candidates() -> Iterator[Path]:
    found = [path for pattern in PLACES for path in Path("/").glob(pattern.lstrip("/"))]
    on_path = shutil.which("postgres")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    for folder in dict.fromkeys(found):
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            yield folder


def _extension_folders(folder: Path) -> Iterator[Path]:
    yield folder.parent / "share/extension"
    yield folder.parent / "share/postgresql/extension"
    yield Path("/usr/share/postgresql") / folder.parent.name / "extension"


def major_of(folder: Path) -> int:
    """The major version by the folder's name; 0 where it does not say.

    >>> major_of(Path("/usr/lib/postgresql/15/bin"))
    15
    """
    numbers = re.findall(r"\d+", folder.parent.name)
    return int(numbers[0]) if numbers else 0


def shared_megabytes() -> int:
    """Megabytes for the server's shared memory: an eighth of the machine's, at least 128 MB and at most 4 GB.

    With 256 MB the loader itself had to write pages out while it filled others.
    """
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(128, min(whole // 8, 4096))
