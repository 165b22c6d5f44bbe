"""A CSV of reports: faults of the file refuse it, faults of a row reject that row by number and reason."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from conftest import PLACE_FILE

from etl.reports import Columns, Rejected, ReportFile, Reports, reject_limit
from gis.crs import wgs84_to_gcj02
from gis.errors import BadOption, FileFault, UnknownCrs
from gis.place import read_place
from gis.reports import ReportBatch

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
PLACE = read_place(PLACE_FILE)
HEADER = "id,time,lon,lat,category,accuracy,source,state,closed,text\n"
COLUMNS = Columns("lon", "lat", "id", "time", "category", "accuracy", "state", "closed", "source", "text")
GOOD = "{id},2026-10-20 08:15:00,119.93,31.78,0101,5,public,open,,fine\n"


class Parsed(NamedTuple):
    """A small file, read to its end."""

    rows: int
    batch: ReportBatch
    rejected: tuple[Rejected, ...]
    repeated: int


def read(file: ReportFile) -> Parsed:
    reports = Reports(file, place=PLACE, categories=frozenset({"0101"}), now=NOW)
    batches = list(reports.batches())
    columns = {
        f.name: np.concatenate([getattr(batch, f.name) for batch in batches]) if batches else np.empty(0)
        for f in fields(ReportBatch)
        if f.name not in ("crs", "level", "id")
    }
    return Parsed(reports.rows, ReportBatch(**columns, crs=reports.crs), tuple(reports.rejected), reports.repeated)


def parse(
    tmp_path: Path,
    rows: str | bytes,
    *,
    columns: Columns = COLUMNS,
    crs: str = "EPSG:4326",
    encoding: str = "utf-8-sig",
    header: str = HEADER,
) -> Parsed:
    path = tmp_path / "reports.csv"
    path.write_bytes(rows if isinstance(rows, bytes) else (header + rows).encode())
    return read(ReportFile(path, columns, crs, encoding))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,2026-10-20,nan,31.78,0101,5,public,open,,x", "x is 'nan'; wanted a number"),
        ("1,2026-10-20,119.93,,0101,5,public,open,,x", "y is ''; wanted a number"),
        ("1,2026-10-20,119.93,inf,0101,5,public,open,,x", "y is 'inf'; wanted a number"),
        ("1,2026-10-20,east,31.78,0101,5,public,open,,x", "x is 'east'; wanted a number"),
        ("1,2026-02-30,119.93,31.78,0101,5,public,open,,x", "time is '2026-02-30', no date and time"),
        ("1,,119.93,31.78,0101,5,public,open,,x", "time is missing"),
        ("1,2026-11-03,119.93,31.78,0101,5,public,open,,x", "lies in the future"),
        ("1,1900-01-01,119.93,31.78,0101,5,public,open,,x", "lies before the year 2000"),
        ("1,2026-10-20,119.93,31.78,9999,5,public,open,,x", "unknown category '9999'"),
        ("1,2026-10-20,119.93,31.78,,5,public,open,,x", "unknown category ''"),
        ("1,2026-10-20,119.93,31.78,0101,0,public,open,,x", "accuracy is '0'; wanted metres above 0"),
        ("1,2026-10-20,119.93,31.78,0101,-3,public,open,,x", "accuracy is '-3'"),
        ("1,2026-10-20,119.93,31.78,0101,5,ghost,open,,x", "unknown source 'ghost'; known are patrol, public"),
        ("1,2026-10-20,119.93,31.78,0101,5,public,done,,x", "state is 'done'; wanted open or closed"),
        ("1,2026-10-20,119.93,31.78,0101,5,public,closed,,x", "closed without a closing time"),
        ("1,2026-10-20,119.93,31.78,0101,5,public,closed,2026-10-01,x", "closed before it was received"),
        ("1,2026-10-20,119.93,31.78,0101,5,public,open,2026-10-21,x", "open with a closing time"),
        ("1,2026-10-20,119.93,31.78,0101,5,public,open,,a\0b", "text holds a NUL character"),
        (",2026-10-20,119.93,31.78,0101,5,public,open,,x", "the id is empty"),
        ("0,2026-10-20,119.93,31.78,0101,5,public,open,,other", "id '0' is row 1's already, with other content"),
        ("1,2026-10-20,999,95,0101,5,public,open,,x", "is no position in EPSG:4326"),
    ],
)
def test_a_bad_row_is_rejected_by_number_and_the_rest_is_kept(tmp_path: Path, row: str, reason: str) -> None:
    parsed = parse(tmp_path, GOOD.format(id="0") + row + "\n" + GOOD.format(id="2"))
    assert [(r.row, reason in r.reason) for r in parsed.rejected] == [(2, True)], parsed.rejected
    assert parsed.batch.row.tolist() == [1, 3]
    assert len(parsed.batch) + len(parsed.rejected) + parsed.repeated == parsed.rows


def test_the_same_row_twice_is_a_repeat_and_no_fault(tmp_path: Path) -> None:
    parsed = parse(tmp_path, GOOD.format(id="1") * 3)
    assert (len(parsed.batch), parsed.repeated, parsed.rejected) == (1, 2, ())


@pytest.mark.parametrize(
    ("time", "utc"),
    [
        ("2026-10-20 08:15:00", "2026-10-20T00:15"),
        ("2026-10-20T08:15", "2026-10-20T00:15"),
        ("2026-10-20T08:15:00+09:00", "2026-10-19T23:15"),
        ("2026-10-20T00:15:00Z", "2026-10-20T00:15"),
        ("2026/1/3 8:15", "2026-01-03T00:15"),
        ("2026-10-20", "2026-10-19T16:00"),
    ],
)
def test_times_without_an_offset_are_the_places_own(tmp_path: Path, time: str, utc: str) -> None:
    parsed = parse(tmp_path, f"1,{time},119.93,31.78,0101,5,public,open,,x\n")
    assert parsed.rejected == ()
    assert parsed.batch.received[0] == np.datetime64(utc)


def test_a_missing_accuracy_takes_its_sources_default(tmp_path: Path) -> None:
    rows = "1,2026-10-20,119.93,31.78,0101,,patrol,open,,x\n2,2026-10-20,119.93,31.78,0101,,hotline,open,,x\n"
    assert parse(tmp_path, rows).batch.accuracy.tolist() == [5.0, 50.0]


def test_gcj02_points_land_where_they_were(tmp_path: Path) -> None:
    lon, lat = wgs84_to_gcj02([119.93], [31.78])
    row = f"1,2026-10-20,{lon[0]!r},{lat[0]!r},0101,5,public,open,,x\n".replace("np.float64(", "").replace(")", "")
    batch = parse(tmp_path, row, crs="gcj02").batch
    assert abs(batch.working_x[0] - 493369.73) < 0.01
    assert batch.crs == "GCJ-02"
    assert batch.x[0] == lon[0]


def test_without_an_id_column_the_same_file_has_the_same_keys(tmp_path: Path) -> None:
    rows = GOOD.format(id="1") * 2 + GOOD.format(id="2")
    columns = Columns("lon", "lat", time="time")
    first, again = parse(tmp_path, rows, columns=columns).batch.key, parse(tmp_path, rows, columns=columns).batch.key
    assert first.tolist() == again.tolist()
    assert len(set(first)) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as CSV"),
        (HEADER.encode() + b'1,"2026', "cannot be read as CSV"),
        ((HEADER + GOOD.format(id="1")).encode().replace(b"fine", "垃圾".encode("gb18030")), "--encoding gb18030"),
        (b"id,time,x,y\n1,2,3,4\n", "has no column 'lon', 'lat'"),
        (b"\x50\x4b\x03\x04" + bytes(range(256)), "reports.csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_remedy(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(FileFault, match=words.replace("(", r"\(")):
        parse(tmp_path, content)


def test_a_missing_file_an_unknown_crs_and_an_unknown_encoding_are_said(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="is no file that can be read"):
        read(ReportFile(tmp_path / "none.csv", COLUMNS, "EPSG:4326"))
    with pytest.raises(UnknownCrs, match="The CRS is 'WGS84'"):
        parse(tmp_path, GOOD, crs="WGS84")
    with pytest.raises(BadOption, match="--encoding is 'klingon'"):
        parse(tmp_path, GOOD, encoding="klingon")


@pytest.mark.parametrize(
    ("x", "y", "crs", "hint"),
    [
        ("119.93", "31.78", "EPSG:4549", "would fit as EPSG:4326"),
        ("31.78", "119.93", "EPSG:4326", "with x and y exchanged"),
        ("493369.7", "3517459.9", "EPSG:4528", "would fit as EPSG:4549"),
        ("40493369.7", "3517459.9", "EPSG:4549", "would fit as EPSG:4528"),
        ("-71.06", "42.36", "EPSG:4326", "check --crs and the columns"),
    ],
)
def test_a_file_in_an_implausible_crs_is_refused_with_the_one_that_fits(
    tmp_path: Path, x: str, y: str, crs: str, hint: str
) -> None:
    with pytest.raises(FileFault, match=hint):
        parse(tmp_path, "".join(f"{i},2026-10-20,{x},{y},0101,5,public,open,,x\n" for i in range(10)), crs=crs)


def test_a_file_of_none_but_its_header_holds_no_rows(tmp_path: Path) -> None:
    parsed = parse(tmp_path, "")
    assert (parsed.rows, len(parsed.batch), parsed.rejected) == (0, 0, ())


@pytest.mark.parametrize("text", ["", "x%", "-1", "101%", "nan", "inf"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match="--max-rejects is"):
        reject_limit(text, 100)
