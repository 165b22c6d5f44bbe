"""A CSV of reports, plain or compressed, in any encoding, read block by block.

Columns are words here; what they mean is judged in `etl.report_rows`. Rows that end early are filled with '', lines of
white space are none, longer rows and quotes that never end refuse the file.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from etl.csv_signs import HEAD, columns_of, sign_of, utf16_fault
from etl.report_files import BLOCK_ROWS, Block, ReportFile, require_columns
from gis.errors import BadOption, FileFault

__all__ = ["CsvRows"]

_BYTES: Final = (
    4 * 1024**2
)  #: read at once, and about the longest row; larger reads keep more memory than they save time
_HEADER: Final = HEAD
_PEEKED: Final = 400
_TAIL: Final = 64 * 1024
_DAMAGED: Final = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)


class CsvRows:
    """The rows of a CSV; the header is read when this is made. Raises FileFault, BadOption for its encoding."""

    def __init__(self, file: ReportFile) -> None:
        self.columns, self.crs = file.columns, file.crs
        self._path, self._encoding = file.path, file.encoding
        self._utf8 = _is_utf8(file.encoding)
        self._raw: IO[bytes] | None = None
        self.sign = ","
        self._names, self._above = self._header()
        require_columns(file.path, file.columns, self._names)

    def share(self) -> float:
        size = self._path.stat().st_size
        return self._raw.tell() / size if size and self._raw and not self._raw.closed else 1.0

    def blocks(self) -> Iterator[Block]:
        short = _ShortRows(self._above, self.sign)
        try:
            with self._text() as stream:
                yield from map(Block, self._batches(_Watched(stream), short))
        except UnicodeDecodeError:
            raise self._wrong_bytes() from None
        except (pa.ArrowException, *_DAMAGED) as fault:
            if "invalid UTF8" in str(fault):
                raise self._wrong_bytes() from None
            raise self._unreadable(short.fault or _said(fault)) from None

    def _batches(self, stream: _Watched, short: _ShortRows) -> Iterator[pa.RecordBatch]:
        """Records of the file as batches; `short` puts in what Arrow leaves out."""
        last = None
        try:
            reader = pacsv.open_csv(
                stream,
                pacsv.ReadOptions(
                    use_threads=False,  # what it leaves out has its row's number only so
                    block_size=_BYTES,
                    column_names=self._names,
                    skip_rows_after_names=self._above,
                ),
                pacsv.ParseOptions(delimiter=self.sign, newlines_in_values=True, invalid_row_handler=short.take),
                pacsv.ConvertOptions(column_types=dict.fromkeys(self._names, pa.large_string())),
            )
        except pa.ArrowInvalid as fault:
            if "Empty CSV" not in str(fault):
                raise
            reader = []
        for batch in reader:
            last = batch if len(batch) else last
            yield from _cut(short.into(batch))
        if last is not None and stream.ends_within(str(last.columns[-1][-1].as_py())):
            raise ValueError("the file ends within a quoted text")
        rest = short.rest(self._names)
        yield from _cut(rest)

    @contextmanager
    def _text(self) -> Iterator[IO[bytes]]:
        """The file as bytes in UTF-8, unpacked by its ending."""
        with self._path.open("rb") as raw, _unpacked(raw, self._path.suffix.lower()) as unpacked:
            self._raw = raw
            yield unpacked if self._utf8 else io.BufferedReader(_Recoded(unpacked, self._encoding), _BYTES)

    def _header(self) -> tuple[list[str], int]:
        """The names of the columns, and how many rows (empty ones and the header) are above the first."""
        try:
            with self._text() as stream:
                head = codecs.getincrementaldecoder("utf-8-sig")().decode(stream.read(_HEADER))
            if "\0" in head[:_PEEKED] and (found := utf16_fault(head[:_PEEKED].encode())):
                raise FileFault(f"{self._path.name} is {found}.")
            self.sign = sign_of(head, self.columns.named())
            cells, above = columns_of(head, self.sign)
        except UnicodeDecodeError:
            raise self._wrong_bytes() from None
        except (csv.Error, *_DAMAGED) as fault:
            raise self._unreadable(_said(fault)) from None
        if not above:
            raise self._unreadable("No columns to parse from file, it is empty")
        return [cell or f"Unnamed: {i}" for i, cell in enumerate(cells)], above

    def _unreadable(self, why: str) -> FileFault:
        return FileFault(f"{self._path.name} cannot be read as CSV: {why}. Wanted rows below a header, commas between.")

    def _wrong_bytes(self) -> FileFault:
        """Where the first bytes lie that the encoding does not know."""
        what, at, head = "its end", 0, b""
        decoder = codecs.getincrementaldecoder(self._encoding)()
        with self._path.open("rb") as raw, _unpacked(raw, self._path.suffix.lower()) as stream:
            try:
                while piece := stream.read(_HEADER):
                    at, head = at + len(piece), head or piece
                    decoder.decode(piece)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError as fault:
                start = at - len(fault.object) + fault.start
                what = f"byte {start}: {fault.object[fault.start : fault.start + 4]!r}"
        if not codecs.lookup(self._encoding).name.startswith("utf-16") and (found := utf16_fault(head)):
            return FileFault(f"{self._path.name} is {found}.")
        return FileFault(
            f"{self._path.name} is not in {self._encoding.removesuffix('-sig')} ({what}); "
            "name its encoding, as --encoding gb18030."
        )


def _is_utf8(encoding: str) -> bool:
    """Raises BadOption for what is no encoding of texts."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
    except (LookupError, ValueError):
        raise BadOption(f"--encoding is {encoding!r}, which is no known encoding; try utf-8 or gb18030.") from None


def _unpacked(raw: IO[bytes], ending: str) -> Any:
    if ending == ".zip":
        pack = zipfile.ZipFile(raw)
        files = [info for info in pack.infolist() if not info.is_dir()]
        if len(files) != 1:
            raise ValueError(f"the zip holds {len(files)} files; pack one alone")
        return pack.open(files[0])
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    return openers[ending](raw) if ending in openers else raw


def _said(fault: BaseException) -> str:
    text = str(fault).strip().splitlines()[0] if str(fault).strip() else type(fault).__name__
    if "straddl" in text:
        return f"a row is longer than {_BYTES // 1024**2} MB, or a quote never ends"
    return text.rstrip(".")


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(batch), BLOCK_ROWS):
        yield batch.slice(start, BLOCK_ROWS)


class _Recoded(io.RawIOBase):
    """Bytes of a text in any encoding as bytes in UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream, self._decoder = stream, codecs.getincrementaldecoder(encoding)()
        self._ready, self._ended = memoryview(b""), False

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            piece = self._stream.read(_HEADER)
            self._ended = not piece
            self._ready = memoryview(self._decoder.decode(piece, final=self._ended).encode())
        n = min(len(buffer), len(self._ready))
        buffer[:n], self._ready = self._ready[:n], self._ready[n:]
        return n


class _Watched(io.RawIOBase):
    """A stream that remembers its end and whether its quotes pair: Arrow takes a text whose quote never ends."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._quotes, self._tail = stream, 0, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self._quotes += piece.count(b'"')
        self._tail = (self._tail + piece[-_TAIL:])[-_TAIL:]
        return piece

    def ends_within(self, last: str) -> bool:
        """True when `last`, the file's last value, began with a quote that never ended."""
        words = last.replace('"', '""').encode()[-_TAIL + 1 :]
        return self._quotes % 2 == 1 and self._tail.endswith(b'"' + words if len(words) < _TAIL - 1 else words)


class _ShortRows:
    """Rows that end before the last column: Arrow leaves them out, here they are kept for their place."""

    def __init__(self, above: int, sign: str) -> None:
        self.fault, self._sign = "", sign
        self._first = above + 1  #: the number Arrow gives the first row
        self._blank = 0  #: lines of white space so far
        self._done = 0  #: rows handed on so far
        self._kept: deque[tuple[int, list[str]]] = deque()

    def take(self, row: Any) -> str:
        """Arrow's question what to do with a row of another length."""
        at = row.number - self._first - self._blank
        if not row.text.strip():
            self._blank += 1
            return "skip"
        if row.actual_columns > row.expected_columns:
            self.fault = f"expected {row.expected_columns} fields in row {at + 1}, saw {row.actual_columns}"
            return "error"
        try:
            cells = next(csv.reader(io.StringIO(row.text, newline=""), delimiter=self._sign, strict=True))
        except csv.Error:
            self.fault = f"row {at + 1} ends within a quoted text"
            return "error"
        self._kept.append((at, cells + [""] * (row.expected_columns - len(cells))))
        return "skip"

    def into(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with the kept rows among its own."""
        places: list[int] = []
        more: list[list[str]] = []
        while self._kept and self._kept[0][0] <= self._done + len(batch) + len(more):
            at, cells = self._kept.popleft()
            places.append(at - self._done - len(more))
            more.append(cells)
        self._done += len(batch) + len(more)
        if not more:
            return batch
        order = np.insert(np.arange(len(batch)), places, np.arange(len(batch), len(batch) + len(more)))
        cells_of = list(zip(*more, strict=True))
        arrays = [
            pa.concat_arrays([column, pa.array(cells_of[i], pa.large_string())]).take(pa.array(order))
            for i, column in enumerate(batch.columns)
        ]
        return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    def rest(self, names: list[str]) -> pa.RecordBatch:
        """What is left when the file ended."""
        schema = pa.schema([(name, pa.large_string()) for name in names])
        return self.into(pa.RecordBatch.from_pylist([], schema=schema))
