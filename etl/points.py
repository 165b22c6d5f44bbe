"""Points in files of any size: cut into partitions that can be read by themselves, each in flat memory.

A partition of a CSV is a range of bytes between two records, one of Parquet a range of rows of a file; whoever has the
path and these numbers reads it, in this process or another.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etl.csv_signs import HEAD, columns_of, sign_of, utf16_fault
from etl.report_rows import parse_times
from gis.errors import BadOption, FileFault
from gis.place import Place
from gis.services.bulk import Said, Words

__all__ = [
    "COLUMNS",
    "Partition",
    "PointsFile",
    "Source",
    "delimiter_of",
    "read_said",
    "read_table",
    "survey_of",
    "words_of",
]

COLUMNS: Final = ("x", "y", "id", "time", "category", "accuracy", "source", "part")
_BLOCK: Final = 1 << 24
_BATCH: Final = 65_536
_CUT: Final = "a file that is cut into partitions has to be in UTF-8, GB 18030 or the like: save it as UTF-8."
_QUOTE, _LINE, _RETURN = 0x22, 0x0A, 0x0D


@dataclass(frozen=True, slots=True)
class PointsFile:
    """A CSV, a Parquet file or a folder of Parquet files, and what its sender says of it: the column of each of
    COLUMNS that it has, the CRS of x and y, the encoding of a CSV."""

    path: Path
    columns: dict[str, str]
    crs: str
    encoding: str = "utf-8-sig"


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows `first` (from 0, over all files) to `first + rows`: of a CSV the bytes from `offset` on, `length` of them;
    of Parquet the rows from `offset` on in the row groups from `group` to `group_end`."""

    number: int
    path: str
    first: int
    rows: int
    offset: int
    length: int = 0
    group: int = 0
    group_end: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """What an input is made of: its partitions, its columns, and the digest of its content."""

    partitions: tuple[Partition, ...]
    header: tuple[str, ...]
    digest: str

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.partitions)


@dataclass(slots=True)
class _Cut:
    """Partitions as they are found."""

    size: int
    found: list[Partition] = field(default_factory=list)
    rows: int = 0

    def add(self, path: Path, rows: int, **where: int) -> None:
        self.found.append(Partition(len(self.found), str(path.absolute()), self.rows, rows, **where))
        self.rows += rows


def survey_of(file: PointsFile, size: int) -> Source:
    """Cut an input into partitions of `size` rows; reads it once, for its digest. Raises FileFault."""
    wanted = [name for name in file.columns.values() if name]
    cut, digest = _Cut(size), hashlib.sha256()
    header: tuple[str, ...] = ()
    for path in _files(file.path):
        digest.update(f"{path.stat().st_size}:".encode())
        found = _cut_csv(path, file, cut, digest) if _is_csv(path) else _cut_parquet(path, cut, digest)
        absent = [name for name in wanted if name not in found]
        if absent:
            there = ", ".join(found)[:300] or "none"
            raise FileFault(
                f"{path.name} has no column {', '.join(map(repr, absent))}; its columns are {there}. "
                "Name the right columns with --x, --y, --id and the other options."
            )
        header = header or found
    return Source(tuple(cut.found), header, digest.hexdigest())


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".txt")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(one for one in path.glob("*.parquet") if one.is_file() and not one.name.startswith("."))
        if not found:
            raise FileFault(f"{path} holds no .parquet file; give a CSV, a Parquet file or a folder of Parquet files.")
        return found
    if not path.is_file():
        raise FileFault(f"{path} is no file that can be read; give a CSV, a Parquet file or a folder of Parquet files.")
    if not _is_csv(path) and path.suffix.lower() not in (".parquet", ".pq"):
        raise FileFault(f"{path.name} is neither .csv nor .parquet; unpack or convert it first.")
    return [path]


def _cut_parquet(path: Path, cut: _Cut, digest: Any) -> tuple[str, ...]:
    for block in _blocks(path):
        digest.update(block)
    with _faults(path, "Parquet"), pq.ParquetFile(path) as opened:
        counts = [opened.metadata.row_group(i).num_rows for i in range(opened.metadata.num_row_groups)]
        names = tuple(opened.schema_arrow.names)
    ends = np.cumsum(counts, dtype=np.int64)
    total = int(ends[-1]) if counts else 0
    for first in range(0, total, cut.size):
        rows = min(cut.size, total - first)
        start, stop = (int(np.searchsorted(ends, row, side="right")) for row in (first, first + rows - 1))
        cut.add(path, rows, offset=first - int(ends[start] - counts[start]), group=start, group_end=stop + 1)
    return names


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(partial(file.read, _BLOCK), b"")


class _faults:
    """What a library says of a broken file, in our words."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, fault: BaseException | None, trace: Any) -> None:
        if isinstance(fault, pa.ArrowException | OSError | UnicodeDecodeError):
            raise FileFault(f"{self.path.name} cannot be read as {self.kind}: {str(fault).strip()[:300]}.") from fault


def _cut_csv(path: Path, file: PointsFile, cut: _Cut, digest: Any) -> tuple[str, ...]:
    """Cut between records: a line's end within quotes ends none, an empty line is none."""
    header, start = _header(path, file.encoding, [name for name in file.columns.values() if name])
    begin, rows, at, inside, last, before = start, 0, 0, 0, start, 0
    for block in _blocks(path):
        digest.update(block)
        values = np.frombuffer(block, dtype=np.uint8)
        parity = (np.cumsum(values == _QUOTE) + inside) & 1
        ends = at + 1 + np.flatnonzero((values == _LINE) & (parity == 0))
        ends = ends[ends > start]
        inside, at = int(parity[-1]), at + len(values)
        length = np.diff(ends, prepend=last)
        returned = values[np.maximum(ends - 2 - (at - len(values)), 0)] == _RETURN
        # The byte before a line's end may be the last of the block before.
        returned[ends - 2 < at - len(values)] = before == _RETURN
        filled = ends[length > 1 + returned]
        before = int(values[-1])
        last = int(ends[-1]) if len(ends) else last
        while rows + len(filled) >= cut.size:
            end = int(filled[cut.size - rows - 1])
            cut.add(path, cut.size, offset=begin, length=end - begin)
            filled, begin, rows = filled[cut.size - rows :], end, 0
        rows += len(filled)
    rows += at > last  # a last line without an end
    if rows:
        cut.add(path, rows, offset=begin, length=at - begin)
    return header


def _header(path: Path, encoding: str, wanted: Sequence[str]) -> tuple[tuple[str, ...], int]:
    with path.open("rb") as file:
        line = file.readline(HEAD)
        beyond = file.read(HEAD)
    if found := utf16_fault(line + beyond):
        raise FileFault(f"{path.name} is {found.partition(':')[0]}; {_CUT}")
    try:
        if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
            raise BadOption(f"--encoding is {encoding!r}; {_CUT}")
        text = line.decode(encoding)
        names = tuple(columns_of(text, sign_of(text, wanted))[0])
    except (UnicodeDecodeError, csv.Error):
        raise FileFault(
            f"{path.name} has no header in {encoding.removesuffix('-sig')}; name its encoding, as --encoding gb18030."
        ) from None
    except LookupError:
        raise BadOption(f"--encoding is {encoding!r}, which is no known encoding; try utf-8 or gb18030.") from None
    if not names:
        what = "begins with an empty line" if line else "is empty"
        raise FileFault(f"{path.name} {what}; wanted a header with the names of its columns, and rows below it.")
    if len(names) != len(set(names)):
        raise FileFault(f"{path.name} has two columns of one name; rename one of them.")
    return names, len(line)


def delimiter_of(file: PointsFile) -> str:
    """The sign between the columns of a CSV, '' for another file."""
    if not _is_csv(file.path):
        return ""
    with file.path.open("rb") as opened:
        head = opened.readline(HEAD).decode(file.encoding, "replace")
    return sign_of(head, [name for name in file.columns.values() if name])


def read_table(
    part: Partition, names: Sequence[str] | None, *, header: Sequence[str] = (), encoding: str = "utf-8"
) -> Any:
    """The columns `names` of a partition as a pyarrow table (None: all of Parquet); those of a CSV are texts. Raises
    FileFault."""
    path = Path(part.path)
    if _is_csv(path):
        with _faults(path, "CSV"):
            table = _csv_table(part, names or header, header, encoding.removesuffix("-sig"))
    else:
        with _faults(path, "Parquet"), pq.ParquetFile(path) as opened:
            table = _rows_of(opened, part, None if names is None else list(names))
    if len(table) != part.rows:
        raise FileFault(
            f"{path.name} gives {len(table)} rows where {part.rows} were counted; it changed since, or has a quotation "
            "mark within a field that is not quoted: write every field that holds one in quotation marks."
        )
    return table


def _csv_table(part: Partition, names: Sequence[str], header: Sequence[str], encoding: str) -> Any:
    with Path(part.path).open("rb") as file:
        sign = sign_of(file.readline(HEAD).decode(encoding, "replace").removeprefix("\ufeff"), header)
        file.seek(part.offset)
        data = file.read(part.length)
    return pacsv.read_csv(
        io.BytesIO(data),
        read_options=pacsv.ReadOptions(column_names=list(header), encoding=encoding, use_threads=False),
        parse_options=pacsv.ParseOptions(delimiter=sign, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            include_columns=list(names), column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )


def _rows_of(opened: pq.ParquetFile, part: Partition, names: list[str] | None) -> Any:
    skip, wanted, kept = part.offset, part.rows, []
    groups = list(range(part.group, part.group_end))
    for batch in opened.iter_batches(_BATCH, row_groups=groups, columns=names, use_threads=False):
        piece = batch.slice(min(skip, len(batch)), wanted)
        skip -= min(skip, len(batch))
        if len(piece):
            kept.append(piece)
            wanted -= len(piece)
        if not wanted:
            break
    return pa.Table.from_batches(kept, schema=kept[0].schema if kept else None)


def read_said(file: PointsFile, header: Sequence[str], part: Partition, place: Place) -> Said:
    """The points of a partition, parsed as `reports load` parses a CSV; Parquet may have numbers and moments."""
    names = {ours: theirs for ours, theirs in file.columns.items() if theirs}
    table = read_table(part, list(dict.fromkeys(names.values())), header=header, encoding=file.encoding)
    column = {ours: _plain(table.column(theirs)) for ours, theirs in names.items()}
    for ours, values in column.items():
        if pa.types.is_nested(values.type) or pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
            raise FileFault(f"The column {names[ours]!r} holds {values.type}; wanted texts, numbers or times.")

    def given(name: str, parse: Callable[[Any], Any]) -> Any:
        return parse(column[name]) if name in column else None

    return Said(
        x=_numbers(column["x"]),
        y=_numbers(column["y"]),
        crs=file.crs,
        first=part.first + 1,
        id=given("id", lambda c: words_of(c).spread()),
        received=given("time", lambda c: _moments(c, place)),
        category=given("category", words_of),
        accuracy=given("accuracy", _accuracies),
        source=given("source", words_of),
        part=given("part", words_of),
    )


def _plain(column: Any) -> Any:
    """One chunk, without a dictionary."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):  # no rows: no chunk
        whole = pa.array([], type=column.type)
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _texts(column: Any) -> Any:
    """Texts without blanks around, '' for null."""
    return pc.fill_null(pc.utf8_trim_whitespace(column.cast(pa.string())), "")


def words_of(column: Any) -> Words:
    """A column of texts, without blanks around; '' for null."""
    coded = _texts(_plain(column)).dictionary_encode()
    return Words(tuple(coded.dictionary.to_pylist()), coded.indices.to_numpy())


def _numbers(column: Any) -> NDArray[np.float64]:
    """Numbers, NaN for what is none; texts are read by pandas, as `reports load` does, to the last digit."""
    if not _is_text(column.type):
        return np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)
    found = pd.to_numeric(pd.Series(_texts(column).to_pylist(), dtype=object), errors="coerce")
    return np.asarray(found.to_numpy(dtype=float), dtype=float)


def _accuracies(column: Any) -> NDArray[np.float64]:
    """Metres, NaN where none are given, 0 for what is no number."""
    numbers = _numbers(column)
    return np.where(_given(column) & np.isnan(numbers), 0.0, numbers)


def _given(column: Any) -> NDArray[np.bool_]:
    there = pc.not_equal(_texts(column), "") if _is_text(column.type) else pc.and_(column.is_valid(), _no_nan(column))
    return np.asarray(there.to_numpy(zero_copy_only=False), dtype=bool)


def _no_nan(column: Any) -> Any:
    return pc.fill_null(pc.invert(pc.is_nan(column.cast(pa.float64()))), False)


def _moments(column: Any, place: Place) -> NDArray[np.datetime64]:
    """UTC moments; those without an offset or a zone are local time of the place."""
    if _is_text(column.type):
        texts = _texts(column)
        return parse_times(texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts, place.timezone)
    if not pa.types.is_timestamp(column.type) and not pa.types.is_date(column.type):
        raise FileFault(f"The time column holds {column.type}; wanted texts, dates or timestamps.")
    moments = column.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False).astype("datetime64[us]")
    if getattr(column.type, "tz", None):
        return np.asarray(moments, dtype="datetime64[us]")
    local = pd.Series(moments).dt.tz_localize(place.zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    return np.asarray(local.dt.tz_localize(None).to_numpy(), dtype="datetime64[us]")
