"""What a sender says of a file of reports, and the blocks of words that a reader makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from gis.errors import FileFault

__all__ = ["BLOCK_ROWS", "Block", "Columns", "ReportFile", "Rows", "require_columns"]

#: rows judged at once: enough to make a step over a column cheap, little enough to hold some blocks in memory
BLOCK_ROWS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the file say what; an empty name means the file does not say it.

    x and y are both empty where the positions are the geometry of a GeoParquet file.
    """

    x: str = ""
    y: str = ""
    id: str = ""
    time: str = ""
    category: str = ""
    accuracy: str = ""
    state: str = ""
    closed: str = ""
    source: str = ""
    description: str = ""
    part: str = ""

    def named(self) -> list[str]:
        return [name for name in (getattr(self, field) for field in self.__slots__) if name]


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A file of reports and what its sender says of it; `crs` is the word for the CRS of its positions, '' = the file
    says so itself; `level` the share of the error that its accuracies hold, None = the place's."""

    path: Path
    columns: Columns
    crs: str = ""
    encoding: str = "utf-8-sig"
    level: float | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a file, one after the other: every column as large_string without nulls, '' = nothing said.

    `struck`: what the reader itself found wrong, by place in the block.
    """

    words: pa.RecordBatch
    struck: Mapping[int, str] = field(default_factory=dict)


class Rows(Protocol):
    """A file that was opened and found to be one of reports.

    `columns` says where x and y are in its blocks, `sign` what stands between the columns of a CSV, '' elsewhere.
    """

    columns: Columns
    crs: str
    sign: str

    def blocks(self) -> Iterator[Block]:
        """The rows from the first on, at most BLOCK_ROWS at once; raises FileFault."""

    def share(self) -> float:
        """How much of the file was read, 0 to 1."""


def require_columns(path: Path, columns: Columns, names: list[str]) -> None:
    """Raise FileFault unless every named column is there, and none twice."""
    absent = [name for name in columns.named() if name not in names]
    if absent:
        raise FileFault(
            f"{path.name} has no column {', '.join(map(repr, absent))}; it has {', '.join(names)[:300]}. "
            "Name the right columns with --x, --y, --id and the other options."
        )
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise FileFault(f"{path.name} has two columns of one name, {twice[:100]!r}; rename one of them.")
