"""A file of reports in a stream: every row judged, positions in the working CRS; nothing stored here.

A fault of the file (unreadable, a column missing, an implausible CRS) refuses it as a whole; a fault of a row rejects
that row by number and reason. Row 1 is the first below the header. Memory is that of a few blocks, whatever the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from etl.report_csv import CsvRows
from etl.report_files import Block, Columns, ReportFile, Rows
from etl.report_parquet import ParquetRows, is_parquet
from etl.report_rows import Judge, Judged, Sheet, digests, require_unlike
from etl.report_tallies import Piles, Repeats
from gis.crs import from_working, parse_crs, to_working
from gis.errors import BadOption, FileFault
from gis.place import Place
from gis.reports import ReportBatch
from gis.services.crs_evidence import fitting_crs

__all__ = ["LISTED", "Columns", "Rejected", "ReportFile", "Reports", "reject_limit", "require_near"]

#: rejected rows that are kept by number and reason; more are only counted
LISTED: Final = 100_000
_JUDGED: Final = 100_000  #: rows after which a file far from the place is refused before its end
_SHOWN: Final = 5_000  #: positions held against other CRSs for a hint
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not stored, and why."""

    row: int
    reason: str


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


class Reports:
    """A file's reports, batch by batch, once; what was counted so far stands beside.

    Σ rows of the batches + bad + repeated = rows. `repeated`: rows whose id and words an earlier row of their block
    has; those of an earlier block are found where they are stored. `far`: rows in the batches that lie far from the
    place. Making one opens the file: raises FileFault, UnknownCrs or BadOption; so does reading on.
    """

    def __init__(
        self,
        file: ReportFile,
        *,
        place: Place,
        now: datetime,
        categories: frozenset[str] = frozenset(),
    ) -> None:
        _require_level(file.level)
        if file.crs:
            parse_crs(file.crs)
        self._source = _opened(file)
        self.crs, self.delimiter = parse_crs(self._source.crs), self._source.sign
        self.rows = self.bad = self.repeated = self.far = 0
        self.rejected: list[Rejected] = []  #: the first LISTED of them
        self.piles = Piles()
        self._level = place.accuracy_level if file.level is None else file.level
        self.categories = categories  #: codes that a row may name; may be set until the first row is read
        self._place, self._now = place, now
        self._near = Near(place)
        self._repeats = Repeats()
        self._plausible = _Plausible(self._near, self.crs)

    @property
    def share(self) -> float:
        """How much of the file was read, 0 to 1."""
        return self._source.share()

    def batches(self, on_step: Callable[[str], None] = lambda _: None) -> Iterator[ReportBatch]:
        """Judge block after block, told of each step as it begins; raises FileFault."""
        judge = Judge.of(self._place, self.categories, self._now)
        on_step("parse")
        for block in self._source.blocks():
            batch = self._batch(block, judge, on_step)
            if self._plausible.rows >= _JUDGED:
                self._plausible.require()
            if len(batch):
                yield batch
            on_step("parse")
        self._plausible.require()

    def _batch(self, block: Block, judge: Judge, on_step: Callable[[str], None]) -> ReportBatch:
        sheet, columns = Sheet(block), self._source.columns
        judged = judge.judge(sheet, columns)
        raw = digests(sheet, columns)
        on_step("project")
        east, north, near = self._project(sheet, judged)
        on_step("parse")
        key, digest, repeated = self._keys(sheet, raw)
        keep = sheet.good & ~repeated
        self.far += int((keep & ~near).sum())
        self.piles.add(judged.x[keep], judged.y[keep])
        batch = self._kept(judged, (east, north), (key, digest), keep)
        self._count(sheet, repeated)
        return batch

    def _kept(
        self, said: Judged, at: tuple[Floats, Floats], known: tuple[Any, Any], keep: NDArray[np.bool_]
    ) -> ReportBatch:
        def of(values: NDArray[Any]) -> NDArray[Any]:
            return values if keep.all() else values[keep]

        return ReportBatch(
            row=np.flatnonzero(keep) + self.rows + 1,
            key=of(known[0]),
            digest=of(known[1]),
            x=of(said.x),
            y=of(said.y),
            crs=self.crs,
            working_x=of(at[0]),
            working_y=of(at[1]),
            accuracy=of(said.accuracy),
            received=of(said.received),
            closed=of(said.closed),
            category=of(said.category),
            source=of(said.source),
            description=of(said.description),
            level=self._level,
            part=of(said.part),
        )

    def _project(self, sheet: Sheet, said: Judged) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        x, y = said.x, said.y
        east, north = to_working(x, y, crs=self.crs, working=self._place.crs)
        numbers = np.isfinite(x) & np.isfinite(y)
        sheet.strike(numbers & ~np.isfinite(east), lambda i: f"x={x[i]}, y={y[i]} is no position in {self.crs}")
        near = self._near(east, north)
        self._plausible.add(x[numbers], y[numbers], near[numbers])
        return east, north, near

    def _keys(self, sheet: Sheet, raw: bytes) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
        """What makes each row itself, its digest in hex, and which rows repeat an earlier one of this block.

        Without an id column a row is its words and their count so far: the same file again has the same keys.
        """
        text = raw.hex()
        digest = np.array([text[i : i + 64] for i in range(0, len(text), 64)], dtype=object)
        if self._source.columns.id:
            key = sheet.text(self._source.columns.id)
            return key, digest, require_unlike(sheet, key, digest, self.rows + 1)
        nth = self._repeats.count(np.frombuffer(raw, dtype="<u8")[::4].astype(np.uint64)).tolist()
        key = np.array([f"{d}:{n}" for d, n in zip(digest, nth, strict=True)], dtype=object)
        return key, digest, np.zeros(len(key), dtype=bool)

    def _count(self, sheet: Sheet, repeated: NDArray[np.bool_]) -> None:
        good = sheet.good
        self.repeated += int((repeated & good).sum())
        bad = np.flatnonzero(~good)
        self.bad += len(bad)
        listed = bad[: max(LISTED - len(self.rejected), 0)].tolist()
        self.rejected += [Rejected(self.rows + i + 1, str(sheet.reason[i])) for i in listed]
        self.rows += len(good)


def _require_level(level: float | None) -> None:
    if level is not None and not 0 < level < 1:
        raise BadOption(f"--accuracy-level is {level!r}; wanted a share above 0 and below 1, such as 0.68 or 0.95.")


def _opened(file: ReportFile) -> Rows:
    parquet, columns = is_parquet(file.path), file.columns
    missing = [f"'--{name}'" for name, given in (("x", columns.x), ("y", columns.y), ("crs", file.crs)) if not given]
    if missing and not parquet:
        raise BadOption(f"Missing option {', '.join(missing)}: a CSV does not say where its positions are.")
    if not file.path.is_file():
        raise FileFault(f"{file.path} is no file that can be read; give the path of a CSV or Parquet file.")
    return ParquetRows(file) if parquet else CsvRows(file)


class Near:
    """Whether points of the working CRS lie within the place's extent, grown by its own size on every side."""

    def __init__(self, place: Place) -> None:
        self.place = place
        west, south, east, north = place.extent
        wide, high = east - west, north - south
        self._bounds = west - wide, south - high, east + wide, north + high

    def __call__(self, east: Floats, north: Floats) -> NDArray[np.bool_]:
        left, low, right, top = self._core
        near = (east >= left) & (east <= right) & (north >= low) & (north <= top)
        if not near.all():
            near[~near] = self._exactly(east[~near], north[~near])
        return near

    @cached_property
    def _core(self) -> tuple[float, float, float, float]:
        """A rectangle of the working CRS within the extent's outline there: most points need no way back to degrees."""
        west, south, east, north = self._bounds
        along, up = np.linspace(west, east, 101), np.linspace(south, north, 101)
        sides = [(np.full(101, west), up), (along, np.full(101, south)), (np.full(101, east), up)]
        sides.append((along, np.full(101, north)))
        x, y = zip(*(to_working(*side, crs="EPSG:4326", working=self.place.crs) for side in sides), strict=True)
        left, low, right, top = float(x[0].max()), float(y[1].max()), float(x[2].min()), float(y[3].min())
        aside, up_by = (right - left) / 1000, (top - low) / 1000  # for what a side bulges between its points
        return left + aside, low + up_by, right - aside, top - up_by

    def _exactly(self, east: Floats, north: Floats) -> NDArray[np.bool_]:
        lon, lat = from_working(east, north, working=self.place.crs, crs="EPSG:4326")
        west, south, right, top = self._bounds
        with np.errstate(invalid="ignore"):
            inside = (lon >= west) & (lon <= right) & (lat >= south) & (lat <= top)
        return np.asarray(inside, dtype=bool)


def require_near(at: tuple[Floats, Floats], crs: str, place: Place) -> None:
    """Raise FileFault where more than half of these positions, as given in `crs`, lie far from the place."""
    numbers = np.isfinite(at[0]) & np.isfinite(at[1])
    x, y = at[0][numbers], at[1][numbers]
    near = Near(place)
    plausible = _Plausible(near, crs)
    plausible.add(x, y, near(*to_working(x, y, crs=crs, working=place.crs)))
    plausible.require()


class _Plausible:
    """Whether a file's positions lie about the place, over all its rows."""

    def __init__(self, near: Near, crs: str) -> None:
        self._is_near, self._crs = near, crs
        self.rows = self._far = 0
        self._x, self._y = np.empty(0), np.empty(0)

    def add(self, x: Floats, y: Floats, near: NDArray[np.bool_]) -> None:
        self.rows += len(x)
        self._far += int((~near).sum())
        more = _SHOWN - len(self._x)
        if more:
            self._x, self._y = np.append(self._x, x[:more]), np.append(self._y, y[:more])

    def require(self) -> None:
        """Raise FileFault when more than half of the rows so far are far, with the reading that would fit."""
        if 2 * self._far > self.rows:
            raise FileFault(
                f"{self._far / self.rows:.0%} of the positions lie far from {self._is_near.place.name} when read as "
                f"{self._crs} (the first is x={self._x[0]}, y={self._y[0]}). {self._hint()}"
            )

    def _hint(self) -> str:
        """Which other reading would put the points here: words for the remedy."""
        place, near = self._is_near.place, self._is_near
        found = fitting_crs(place, self._x, self._y, lambda east, north: bool(near(east, north).mean() > 0.9))
        if found is not None:
            crs, exchanged = found
            if exchanged:
                return f"They would fit as {crs} with x and y exchanged: exchange --x and --y."
            return f"They would fit as {crs}: give --crs {crs}."
        return f"Wanted points around {place.extent} (degrees WGS 84); check --crs and the columns."
