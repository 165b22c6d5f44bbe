"""CSV files that people open in a spreadsheet: whole or not there, and nothing in them is run."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gis.errors import BadOption

__all__ = ["csv_path", "safe", "write_csv"]


def safe(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it.

    >>> safe("=1+1"), safe("S1"), safe(-1)
    ("'=1+1", 'S1', -1)
    """
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def csv_path(output: str) -> Path:
    """The path of a CSV that can be written; BadOption for another one."""
    path = Path(output)
    if path.suffix.lower() != ".csv":
        raise BadOption(f"-o is {output!r}; wanted a file name ending in .csv.")
    if not path.absolute().parent.is_dir():
        raise BadOption(f"-o is {output!r}, but its folder does not exist; make it first.")
    return path


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write rows as they come; returns how many. A broken file never bears the wanted name."""
    part, n = path.with_name(f".{path.stem}.part{path.suffix}"), 0
    try:
        with part.open("w", newline="", encoding="utf-8-sig") as file:  # the mark makes spreadsheets read UTF-8
            writer = csv.writer(file)
            writer.writerow([safe(name) for name in columns])
            for n, row in enumerate(rows, 1):  # noqa: B007 - the count is what is wanted
                writer.writerow([safe(value) for value in row])
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return n
