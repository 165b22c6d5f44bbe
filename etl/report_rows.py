"""Some rows of a file of reports, judged column by column: the first fault of a row is why it is not stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from operator import methodcaller
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etl.report_files import Block, Columns
from gis.limits import DESCRIPTION, ID, PART, brief, too_long
from gis.place import Place

__all__ = ["Judge", "Judged", "Sheet", "digests", "parse_times", "require_unlike"]

_EARLIEST: Final = np.datetime64("2000-01-01", "us")
_OFFSET: Final = r"(?:Z|[+-]\d{2}:?\d{2})$"
Objects = NDArray[np.object_]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Moments = NDArray[np.datetime64]


class Sheet:
    """The rows still standing: each check strikes rows with a reason, the first reason counts."""

    def __init__(self, block: Block) -> None:
        self.table = block.words
        self.reason: Objects = np.full(len(block.words), "", dtype=object)
        for i, reason in block.struck.items():
            self.reason[i] = reason

    def words(self, column: str) -> pa.Array:
        """A column without the white space around its words."""
        return pc.utf8_trim_whitespace(self.table.column(column))

    def text(self, column: str) -> Objects:
        """A column as str, '' for one that the file does not have."""
        if not column:
            return np.full(len(self.reason), "", dtype=object)
        return np.asarray(self.words(column).to_numpy(zero_copy_only=False))

    def strike(self, bad: Bools, reason: Callable[[int], str]) -> None:
        if bad.any():
            for i in np.flatnonzero(bad & self.good).tolist():
                self.reason[i] = reason(i)

    @property
    def good(self) -> Bools:
        return np.asarray(self.reason == "", dtype=bool)


class Coded:
    """A column of few different words: what is asked of a word is asked once."""

    def __init__(self, sheet: Sheet, column: str, default: str = "") -> None:
        if column:
            found = sheet.words(column).dictionary_encode()
            self.words: Objects = found.dictionary.to_numpy(zero_copy_only=False)
            self._codes = found.indices.to_numpy()
        else:
            self.words = np.array([default], dtype=object)
            self._codes = np.zeros(len(sheet.reason), dtype=np.int32)

    def text(self) -> Objects:
        return np.asarray(self.words[self._codes])

    def of(self, each: Callable[[str], object], kind: type) -> NDArray[Any]:
        """What `each` says of every row's word."""
        return np.asarray(np.array([each(word) for word in self.words], dtype=kind)[self._codes])

    def at(self, i: int) -> str:
        return str(self.words[self._codes[i]])


@dataclass(frozen=True, slots=True)
class Judged:
    """What the columns of a sheet say, row by row; x and y as they stand in the file."""

    x: Floats
    y: Floats
    accuracy: Floats
    received: Moments
    closed: Moments
    category: Objects
    source: Objects
    description: Objects
    part: Objects


@dataclass(frozen=True, slots=True)
class Judge:
    """What a row is held against; `now` (UTC, without a zone) bounds what can have happened."""

    place: Place
    categories: frozenset[str]
    now: np.datetime64

    @classmethod
    def of(cls, place: Place, categories: frozenset[str], now: datetime) -> Judge:
        """A judge for a moment with a zone."""
        return cls(place, categories, np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us"))

    def judge(self, sheet: Sheet, columns: Columns) -> Judged:
        """Read every column, and strike the rows that cannot be so."""
        x, y = _number(sheet, columns.x, "x"), _number(sheet, columns.y, "y")
        source = Coded(sheet, columns.source, "public")
        known = self.place.sources
        sheet.strike(
            ~source.of(known.__contains__, bool),
            lambda i: f"unknown source {brief(source.at(i))}; known are {', '.join(known)}",
        )
        category = Coded(sheet, columns.category)
        if columns.category:
            sheet.strike(
                ~category.of(self.categories.__contains__, bool),
                lambda i: f"unknown category {brief(category.at(i))}; `gridward categories load` registers them",
            )
        accuracy = self._accuracy(sheet, columns, source)
        received = self._received(sheet, columns)
        closed = self._closed(sheet, columns, received)
        description, part = sheet.text(columns.description), Coded(sheet, columns.part).text()
        _bounded(sheet, columns)
        return Judged(x, y, accuracy, received, closed, category.text(), source.text(), description, part)

    def _accuracy(self, sheet: Sheet, columns: Columns, source: Coded) -> Floats:
        """Metres; where the row gives none, its source's default, never 0."""
        default = source.of(lambda word: self.place.default_accuracy.get(word, np.nan), float)
        if not columns.accuracy:
            return default
        words = sheet.words(columns.accuracy)
        given, numbers = _given(words), _numbers(words)
        with np.errstate(invalid="ignore"):
            bad = given & ~((numbers > 0) & (numbers <= 100_000))
        sheet.strike(bad, lambda i: f"accuracy is {brief(words[i].as_py())}; wanted metres above 0, or nothing")
        return np.where(given, numbers, default)

    def _received(self, sheet: Sheet, columns: Columns) -> Moments:
        """When each report came in; now for a file that does not say."""
        if not columns.time:
            return np.full(len(sheet.reason), self.now)
        sheet.strike(~_given(sheet.words(columns.time)), lambda _: "time is missing")
        return self._moments(sheet, columns.time, "time")

    def _closed(self, sheet: Sheet, columns: Columns, received: Moments) -> Moments:
        """When each case was closed, NaT for open ones. A closed state without a time: closed when it was received."""
        state = Coded(sheet, columns.state)
        lower = state.of(str.lower, object)
        sheet.strike(
            state.of(lambda word: word.lower() not in ("", "open", "closed"), bool),
            lambda i: f"state is {brief(lower[i])}; wanted open or closed",
        )
        none = np.full(len(received), np.datetime64("NaT", "us"))
        closed = self._moments(sheet, columns.closed, "closing time") if columns.closed else none
        if columns.state:
            untimed = np.asarray(lower == "closed", dtype=bool) & np.isnat(closed)
            if columns.closed:
                sheet.strike(untimed, lambda _: "state is closed without a closing time")
            closed = np.where(untimed, received, closed)
            contradicts = np.asarray(lower == "open", dtype=bool) & ~np.isnat(closed)
            sheet.strike(contradicts, lambda _: "state is open with a closing time")
        sheet.strike(closed < received, lambda _: "closed before it was received")
        return closed

    def _moments(self, sheet: Sheet, column: str, name: str) -> Moments:
        """UTC moments; texts without an offset are local time of the place. Strikes what cannot have happened."""
        words = sheet.words(column)
        moments = parse_times(words, self.place.timezone)
        sheet.strike(
            np.isnat(moments) & _given(words),
            lambda i: f"{name} is {brief(words[i].as_py())}, no date and time; wanted 2026-01-31 08:15:00",
        )
        sheet.strike(moments > self.now, lambda i: f"{name} {brief(words[i].as_py())} lies in the future")
        sheet.strike(moments < _EARLIEST, lambda i: f"{name} {brief(words[i].as_py())} lies before the year 2000")
        return moments


def _bounded(sheet: Sheet, columns: Columns) -> None:
    """Strike the rows with a text over its limit."""
    limits = (("id", columns.id, ID), ("description", columns.description, DESCRIPTION), ("part", columns.part, PART))
    for name, column, longest in limits:
        if column:
            lengths = pc.utf8_length(sheet.words(column)).to_numpy(zero_copy_only=False)
            sheet.strike(lengths > longest, partial(_excess, name, lengths, longest))


def _excess(name: str, lengths: NDArray[np.int64], longest: int, i: int) -> str:
    return f"{name} {too_long(int(lengths[i]), longest)}"


def _given(words: pa.Array) -> Bools:
    return np.asarray(pc.not_equal(words, "").to_numpy(zero_copy_only=False), dtype=bool)


def _present(words: pa.Array) -> pa.Array:
    """The words, null where there are none."""
    return pc.if_else(pc.not_equal(words, ""), words, pa.scalar(None, words.type))


def _number(sheet: Sheet, column: str, name: str) -> Floats:
    words = sheet.words(column)
    numbers = _numbers(words)
    sheet.strike(~np.isfinite(numbers), lambda i: f"{name} is {brief(word := words[i].as_py())}; {_wanted(word)}")
    return numbers


def _wanted(word: str) -> str:
    return "wanted a number" + (" with a decimal point, as 119.93" if "," in word else "")


def _numbers(words: pa.Array) -> Floats:
    """float64, NaN where a word is no number."""
    given = _present(words)
    try:
        found = given.cast(pa.float64())
    except pa.ArrowInvalid:  # one bad word spoils the cast: the good ones alone
        good = pc.match_substring_regex(given, r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$")
        found = pc.if_else(good, given, pa.scalar(None, given.type)).cast(pa.float64())
    return np.asarray(pc.fill_null(found, np.nan).to_numpy(zero_copy_only=False))


def parse_times(words: pa.Array, zone: str) -> Moments:
    """UTC moments, NaT where a word is none. Arrow reads a column that is ISO 8601 throughout, pandas the others."""
    given = _present(words)
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            found = given.cast(kind)
            found = found if found.type.tz else pc.assume_timezone(found, zone)
        except pa.ArrowInvalid:
            continue
        return np.asarray(found.cast(pa.timestamp("us", "UTC")).to_numpy(zero_copy_only=False))
    return _mixed_times(pd.Series(words.to_numpy(zero_copy_only=False), dtype="str"), zone)


def _mixed_times(texts: pd.Series, zone: str) -> Moments:
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
        local = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
        out[~zoned.to_numpy()] = local.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return out


def digests(sheet: Sheet, columns: Columns) -> bytes:
    """One sha256 of 32 bytes per row over all its columns: what the row said, to tell a repeat from a change.

    Strikes rows with the character NUL in a named column: PostgreSQL cannot hold it in a text.
    """
    said = pc.binary_join_element_wise(*sheet.table.columns, pa.scalar("\x1f", pa.large_string()))
    ends = np.frombuffer(said.buffers()[1], dtype=np.int64)[said.offset : said.offset + len(said) + 1].tolist()
    text = memoryview(said.buffers()[2] or b"")
    # The text is searched once for what hardly any file has.
    if not np.frombuffer(text, dtype=np.uint8).all():
        for name in columns.named():
            nul = pc.match_substring(sheet.table.column(name), "\0").to_numpy(zero_copy_only=False)
            sheet.reason[np.asarray(nul, dtype=bool) & sheet.good] = f"{name} holds a NUL character"
    rows = map(text.__getitem__, map(slice, ends[:-1], ends[1:]))
    return b"".join(map(methodcaller("digest"), map(hashlib.sha256, rows)))


def require_unlike(sheet: Sheet, key: Objects, digest: Objects, first_row: int) -> Bools:
    """Which rows say what a good row above of the same key says; strikes those that say something else."""
    sheet.strike(np.asarray(key == "", dtype=bool), lambda _: "the id is empty")
    again = np.zeros(len(key), dtype=bool)
    good = np.flatnonzero(sheet.good)
    codes, known = pd.factorize(key[good])
    if len(known) == len(good):
        return again
    first = np.full(len(known), -1, dtype=np.int64)
    first[codes[::-1]] = good[::-1]
    above = np.arange(len(key))
    above[good] = first[codes]
    again = above < np.arange(len(key))
    same = again & np.asarray(digest == digest[above], dtype=bool)
    sheet.strike(
        again & ~same, lambda i: f"id {key[i]!r} is row {first_row + int(above[i])}'s already, with other content"
    )
    return np.asarray(same, dtype=bool)
