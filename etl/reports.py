"""A CSV of reports: parsed, every row judged, positions in the working CRS; nothing stored here.

A fault of the file (unreadable, a column missing, an implausible CRS, too many bad rows) refuses it as a whole; a fault
of a row rejects that row by number and reason. Row 1 is the first below the header.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from etl.report_checks import Counts, Nearness
from gis.crs import parse_crs, to_working
from gis.errors import BadOption, FileFault
from gis.place import Place
from gis.reports import ReportBatch

__all__ = [
    "CHUNK",
    "Columns",
    "Parsed",
    "Reading",
    "Rejected",
    "ReportFile",
    "parse_reports",
    "parse_times",
    "reject_limit",
    "taken",
]

CHUNK: Final = 50_000  #: rows judged, decided and stored at a time

Floats = NDArray[np.float64]

_EARLIEST: Final = np.datetime64("2000-01-01", "us")
_OFFSET: Final = r"(?:Z|[+-]\d{2}:?\d{2})$"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the file say what; an empty name means the file does not say it."""

    x: str
    y: str
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
class Rejected:
    """A row that is not stored, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """Σ: len(batch) + len(rejected) + repeated = rows. `repeated`: rows whose id and words an earlier row has."""

    rows: int
    batch: ReportBatch
    rejected: tuple[Rejected, ...]
    repeated: int


def reject_limit(text: str, rows: int) -> float:
    """How many rejected rows a file of `rows` rows may have: a share such as 1% or a number of rows.

    >>> reject_limit("1%", 500), reject_limit("20", 500)
    (5.0, 20.0)
    """
    word = text.strip()
    try:
        value = float(word.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf") or (word.endswith("%") and value > 100):
        raise BadOption(f"--max-rejects is {text!r}; wanted a share such as 1% or a number of rows such as 20.")
    return rows * value / 100.0 if word.endswith("%") else value


class _Sheet:
    """The rows still standing: each check strikes rows with a reason, the first reason counts."""

    def __init__(self, table: pd.DataFrame, first: int) -> None:
        self.table = table
        self.first = first  #: rows of the file before these
        self.reason = np.full(len(table), "", dtype=object)

    def text(self, column: str, default: str = "") -> NDArray[np.object_]:
        if not column:
            return np.full(len(self.table), default, dtype=object)
        return self.table[column].str.strip().to_numpy(dtype=object)

    def strike(self, bad: NDArray[np.bool_], reason: Callable[[int], str]) -> None:
        for i in np.flatnonzero(bad & (self.reason == "")).tolist():
            self.reason[i] = reason(i)

    @property
    def good(self) -> NDArray[np.bool_]:
        return np.asarray(self.reason == "", dtype=bool)


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A CSV of reports and what its sender says of it: the word for the CRS of its x and y columns, and the share of
    the error that its accuracies' radii hold."""

    path: Path
    columns: Columns
    crs: str
    encoding: str = "utf-8-sig"
    level: float = 0.68


def parse_reports(
    file: ReportFile,
    *,
    place: Place,
    categories: frozenset[str],
    now: datetime,
    on_step: Callable[[str], None] = lambda _: None,
) -> Parsed:
    """Parse and judge a CSV at once; `now` bounds what can have happened. Raises FileFault or UnknownCrs."""
    reading = Reading(file, place=place, categories=categories, now=now, on_step=on_step, chunk=None)
    [batch] = reading.batches()
    return Parsed(reading.rows, batch, tuple(reading.rejected), reading.repeated)


class Reading:
    """A CSV parsed and judged chunk after chunk, so that its size does not matter.

    While `batches` goes on, `rows`, `rejected` and `repeated` count what went by. Whether the positions as a whole are
    plausible is known, and a FileFault raised, only at the end: store in one transaction.
    """

    def __init__(
        self,
        file: ReportFile,
        *,
        place: Place,
        categories: frozenset[str],
        now: datetime,
        on_step: Callable[[str], None] = lambda _: None,
        chunk: int | None = CHUNK,
    ) -> None:
        self.rows = 0
        self.rejected: list[Rejected] = []
        self.repeated = 0
        self._file, self._place, self._categories, self._now = file, place, categories, now
        self._word, self._on_step, self._chunk = parse_crs(file.crs), on_step, chunk
        self._counts = Counts()
        self._nearness = Nearness(place, self._word)

    def batches(self) -> Iterator[ReportBatch]:
        """The reports, a chunk of rows at a time. Raises FileFault."""
        self._on_step("parse")
        for table in _read(self._file.path, self._file.columns, self._file.encoding, self._chunk):
            yield self._judged(_Sheet(table, self.rows))
            self._on_step("parse")
        self._nearness.require()

    def _judged(self, sheet: _Sheet) -> ReportBatch:
        columns, place, now = self._file.columns, self._place, self._now
        x, y = _number(sheet, columns.x, "x"), _number(sheet, columns.y, "y")
        source = sheet.text(columns.source, "public")
        sheet.strike(
            ~np.isin(source.astype(str), place.sources),
            lambda i: f"unknown source {source[i]!r}; known are {', '.join(place.sources)}",
        )
        category = _categories(sheet, columns, self._categories)
        accuracy = _accuracy(sheet, columns, source, place)
        received = _received(sheet, columns, place, now)
        closed = _closed(sheet, columns, received, place, now)
        _strike_nul(sheet, columns)
        self._on_step("project")
        east, north = self._project(sheet, x, y)
        self._on_step("parse")
        digest = _digests(sheet.table)
        key, repeated = self._keys(sheet, digest)
        keep = sheet.good & ~repeated
        struck = np.flatnonzero(~sheet.good).tolist()
        self.rejected += [Rejected(sheet.first + i + 1, str(sheet.reason[i])) for i in struck]
        self.repeated += int((repeated & sheet.good).sum())
        self.rows += len(keep)
        return ReportBatch(
            row=np.flatnonzero(keep) + 1 + sheet.first,
            key=key[keep],
            digest=digest[keep],
            x=x[keep],
            y=y[keep],
            crs=self._word,
            working_x=east[keep],
            working_y=north[keep],
            accuracy=accuracy[keep],
            received=received[keep],
            closed=closed[keep],
            category=category[keep],
            source=source[keep],
            description=sheet.text(columns.description)[keep],
            level=self._file.level,
            part=sheet.text(columns.part)[keep] if columns.part else "",
        )

    def _project(self, sheet: _Sheet, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        east, north = to_working(x, y, crs=self._word, working=self._place.crs)
        numbers = np.isfinite(x) & np.isfinite(y)
        sheet.strike(numbers & ~np.isfinite(east), lambda i: f"x={x[i]}, y={y[i]} is no position in {self._word}")
        self._nearness.add((x[numbers], y[numbers]), (east[numbers], north[numbers]))
        return east, north

    def _keys(self, sheet: _Sheet, digest: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
        """What makes each row itself, and which rows repeat an earlier one of this chunk.

        Without an id column a row is its words and their count so far: the same file again has the same keys.
        """
        if not self._file.columns.id:
            nth = pd.Series(digest).groupby(digest, sort=False).cumcount().to_numpy() + self._counts.before(digest)
            keys = [f"{d}:{n}" for d, n in zip(digest, nth, strict=True)]
            return np.array(keys, dtype=object), np.zeros(len(digest), bool)
        key = sheet.text(self._file.columns.id)
        sheet.strike(key == "", lambda _: "the id is empty")
        first = _first_rows(key)
        again = first < np.arange(len(key))
        same = again & (digest == digest[first])
        sheet.strike(again & ~same, lambda i: taken(key[i], int(first[i]) + 1 + sheet.first))
        return key, same


def taken(key: str, first: int) -> str:
    """Why a row is rejected whose id an earlier row has with other words."""
    return f"id {key!r} is row {first}'s already, with other content"


def _read(path: Path, columns: Columns, encoding: str, chunk: int | None) -> Iterator[pd.DataFrame]:
    """The rows as texts, `chunk` at a time (None: all at once); a file without rows gives one empty table."""
    if not path.is_file():
        raise FileFault(f"{path} is no file that can be read; give the path of a CSV file.")
    try:
        with pd.read_csv(
            path,
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            encoding=encoding,
            compression="infer",
            chunksize=chunk or sys.maxsize,
        ) as tables:
            for table in tables:
                _require_columns(path, columns, table)
                yield table
    except UnicodeDecodeError as fault:
        what = f"byte {fault.start}: {fault.object[fault.start : fault.start + 4]!r}"
        raise FileFault(
            f"{path.name} is not in {encoding.removesuffix('-sig')} ({what}); name its encoding, as --encoding gb18030."
        ) from None
    except LookupError:
        raise BadOption(f"--encoding is {encoding!r}, which is no known encoding; try utf-8 or gb18030.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OSError, EOFError) as fault:
        raise FileFault(
            f"{path.name} cannot be read as CSV: {str(fault).strip()}. Wanted comma-separated rows below a header."
        ) from None


def _require_columns(path: Path, columns: Columns, table: pd.DataFrame) -> None:
    absent = [name for name in columns.named() if name not in table.columns]
    if absent:
        raise FileFault(
            f"{path.name} has no column {', '.join(map(repr, absent))}; "
            f"it has {', '.join(map(str, table.columns))[:300]}. "
            "Name the right columns with --x, --y, --id and the other options."
        )
    if len(table.columns) != len(set(table.columns)):
        raise FileFault(f"{path.name} has two columns of one name; rename one of them.")


def _number(sheet: _Sheet, column: str, name: str) -> NDArray[np.float64]:
    texts = sheet.text(column)
    numbers = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy(dtype=float)
    sheet.strike(~np.isfinite(numbers), lambda i: f"{name} is {texts[i]!r}; wanted a number")
    return np.asarray(numbers, dtype=float)


def _categories(sheet: _Sheet, columns: Columns, known: frozenset[str]) -> NDArray[np.object_]:
    category = sheet.text(columns.category)
    if columns.category:
        unknown = ~np.isin(category.astype(str), list(known))
        sheet.strike(unknown, lambda i: f"unknown category {category[i]!r}; `gridward categories load` registers them")
    return category


def _accuracy(sheet: _Sheet, columns: Columns, source: NDArray[np.object_], place: Place) -> NDArray[np.float64]:
    """Metres (68 % radius); where the row gives none, its source's default, never 0."""
    default = np.array([place.default_accuracy.get(word, np.nan) for word in source], dtype=float)
    if not columns.accuracy:
        return default
    texts = sheet.text(columns.accuracy)
    given = texts != ""
    numbers = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        bad = given & ~((numbers > 0) & (numbers <= 100_000))
    sheet.strike(bad, lambda i: f"accuracy is {texts[i]!r}; wanted metres above 0, or nothing")
    return np.where(given, numbers, default)


def _received(sheet: _Sheet, columns: Columns, place: Place, now: datetime) -> NDArray[np.datetime64]:
    """When each report came in; `now` for a file that does not say."""
    if not columns.time:
        return np.full(len(sheet.reason), np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us"))
    sheet.strike(sheet.text(columns.time) == "", lambda _: "time is missing")
    return _moments(sheet, columns.time, "time", place, now)


def _moments(sheet: _Sheet, column: str, name: str, place: Place, now: datetime) -> NDArray[np.datetime64]:
    """UTC moments; texts without an offset are local time of the place. Strikes what cannot have happened."""
    texts = sheet.text(column)
    moments = parse_times(pd.Series(texts, dtype="str"), place)
    given = texts != ""
    limit = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
    sheet.strike(
        np.isnat(moments) & given, lambda i: f"{name} is {texts[i]!r}, no date and time; wanted 2026-01-31 08:15:00"
    )
    sheet.strike(moments > limit, lambda i: f"{name} {texts[i]} lies in the future")
    sheet.strike(moments < _EARLIEST, lambda i: f"{name} {texts[i]} lies before the year 2000")
    return moments


def parse_times(texts: pd.Series, place: Place) -> NDArray[np.datetime64]:
    """UTC moments; texts without an offset are local time of the place, NaT is what is no date and time."""
    words = texts.str.replace("/", "-", regex=False)
    zoned = words.str.contains(_OFFSET, regex=True)
    out = np.full(len(words), np.datetime64("NaT", "us"))
    if zoned.any():
        aware = pd.to_datetime(words[zoned], format="ISO8601", utc=True, errors="coerce")
        out[zoned.to_numpy()] = aware.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    if not zoned.all():
        local = pd.to_datetime(words[~zoned], format="ISO8601", errors="coerce")
        for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):  # hands write 2026/1/3 8:15
            local = local.fillna(pd.to_datetime(words[~zoned], format=form, errors="coerce"))
        local = local.dt.tz_localize(place.zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
        out[~zoned.to_numpy()] = local.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return out


def _closed(
    sheet: _Sheet, columns: Columns, received: NDArray[np.datetime64], place: Place, now: datetime
) -> NDArray[np.datetime64]:
    """When each case was closed, NaT for open ones. A closed state without a time is closed when it was received."""
    state = np.char.lower(sheet.text(columns.state).astype(str)).astype(object)
    sheet.strike(
        ~np.isin(state.astype(str), ("", "open", "closed")), lambda i: f"state is {state[i]!r}; wanted open or closed"
    )
    none = np.full(len(received), np.datetime64("NaT", "us"))
    closed = _moments(sheet, columns.closed, "closing time", place, now) if columns.closed else none
    if columns.state:
        untimed = (state == "closed") & np.isnat(closed)
        if columns.closed:
            sheet.strike(untimed, lambda _: "state is closed without a closing time")
        closed = np.where(untimed, received, closed)
        contradicts = (state == "open") & ~np.isnat(closed)
        sheet.strike(contradicts, lambda _: "state is open with a closing time")
    sheet.strike(closed < received, lambda _: "closed before it was received")
    return closed


def _strike_nul(sheet: _Sheet, columns: Columns) -> None:
    """PostgreSQL cannot hold the character NUL in a text."""
    for name in columns.named():
        reason = f"{name} holds a NUL character"
        nul = sheet.table[name].str.contains("\0", regex=False).to_numpy(dtype=bool)
        sheet.reason[nul & sheet.good] = reason


def _digests(table: pd.DataFrame) -> NDArray[np.object_]:
    """One sha256 per row over all its columns: what the row said, to tell a repeat from a change."""
    rows = zip(*(table[name].tolist() for name in table.columns), strict=True)
    return np.array([hashlib.sha256("\x1f".join(row).encode()).hexdigest() for row in rows], dtype=object)


def _first_rows(key: Sequence[object] | NDArray[np.object_]) -> NDArray[np.int64]:
    """For each row the first row with its key."""
    codes, _ = pd.factorize(np.asarray(key, dtype=object))
    first = np.full(codes.max() + 1 if len(codes) else 0, -1, dtype=np.int64)
    order = np.arange(len(codes))[::-1]
    first[codes[order]] = order
    return first[codes]
