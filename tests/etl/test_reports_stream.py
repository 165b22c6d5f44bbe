"""Files of reports of any kind are read alike: what they hold does not depend on how they are packed or cut."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from conftest import PLACE_FILE

from etl import report_csv, report_files
from etl.report_tallies import Piles, Repeats
from etl.reports import Columns, ReportFile, Reports
from gis.errors import BadOption, FileFault
from gis.place import read_place
from gis.reports import ReportBatch

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
PLACE = read_place(PLACE_FILE)
XY = Columns("lon", "lat", "id", description="text")
HEADER = "id,lon,lat,text\n"


def csv_of(n: int, text: str = "垃圾") -> str:
    return HEADER + "".join(f"{i},{119.9 + i % 50 / 1000},31.78,{text}\n" for i in range(n))


def read(path: Path, columns: Columns = XY, crs: str = "EPSG:4326", **more: Any) -> tuple[Reports, list[ReportBatch]]:
    reports = Reports(ReportFile(path, columns, crs, **more), place=PLACE, now=NOW)
    return reports, list(reports.batches())


def column(batches: list[ReportBatch], name: str) -> list[Any]:
    return [value for batch in batches for value in getattr(batch, name).tolist()]


def zipped(content: bytes, *names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as pack:
        for name in names:
            pack.writestr(name, content)
    return out.getvalue()


PACKS: dict[str, Callable[[bytes], bytes]] = {
    ".csv": bytes,
    ".csv.gz": gzip.compress,
    ".csv.bz2": bz2.compress,
    ".csv.xz": lzma.compress,
    ".csv.zip": lambda content: zipped(content, "a.csv"),
}


@pytest.mark.parametrize("ending", PACKS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gb18030", "utf-16"])
def test_a_file_is_the_same_however_it_is_packed_and_encoded(tmp_path: Path, ending: str, encoding: str) -> None:
    path = tmp_path / f"r{ending}"
    path.write_bytes(PACKS[ending](csv_of(300, '"a ""b"",\n垃圾"').encode(encoding)))
    reports, batches = read(path, encoding=encoding)
    assert (reports.rows, reports.bad, reports.share) == (300, 0, 1.0)
    assert set(column(batches, "description")) == {'a "b",\n垃圾'}
    plain = tmp_path / "plain.csv"
    plain.write_text(csv_of(300, '"a ""b"",\n垃圾"'), encoding="utf-8")
    assert column(read(plain)[1], "digest") == column(batches, "digest")


@pytest.mark.parametrize(
    ("name", "content", "encoding", "words"),
    [
        ("r.csv", csv_of(9).encode("gb18030"), "utf-8", r"is not in utf-8 \(byte 30: b'\\xc0"),
        ("r.csv", csv_of(9).encode("gb18030")[:-2], "gb18030", r"is not in gb18030 \(byte"),
        ("r.csv", (csv_of(9) + "€").encode(), "ascii", r"is not in ascii \(byte"),
        ("r.csv", ("垃圾,x\n").encode("gb18030"), "utf-8", "is not in utf-8"),
        ("r.csv.gz", b"no gzip", "utf-8", "cannot be read as CSV"),
        ("r.csv.gz", gzip.compress(csv_of(9).encode())[:-20], "utf-8", "cannot be read as CSV"),
        ("r.csv.xz", b"no xz", "utf-8", "cannot be read as CSV"),
        ("r.csv.bz2", b"no bz2", "utf-8", "cannot be read as CSV"),
        ("r.zip", b"no zip", "utf-8", "cannot be read as CSV"),
        ("r.zip", zipped(b"x", "a", "b"), "utf-8", "the zip holds 2 files"),
        ("r.csv", b"\n \n\n", "utf-8", "No columns to parse"),
        ("r.csv", b"id,lon,lat,text,id\n1,119.9,31.7,a,2\n", "utf-8", "two columns of one name, 'id'"),
        ("r.csv", (csv_of(2) + "3,119.9,31.7,a,b\n").encode(), "utf-8", "expected 4 fields in row 3, saw 5"),
        ("r.csv", (csv_of(2) + '3,119.9,31.7,"a').encode(), "utf-8", "within a quoted text"),
        ("r.csv", (csv_of(2) + '3,119.9,31.7,"a\n').encode(), "utf-8", "within a quoted text"),
        ("r.csv", (csv_of(2) + '3,119.9,"31.7').encode(), "utf-8", "within a quoted text"),
        ("r.csv", (csv_of(2) + '3,119.9,31.7,"' + "a,b\n" * 6_000_000).encode(), "utf-8", "a row is longer than 4 MB"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, content: bytes, encoding: str, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileFault, match=words):
        read(path, encoding=encoding)


def test_short_rows_are_filled_and_white_lines_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{i},119.9,31.78" + ("" if i % 3 == 0 else ",x") + ("\n   " if i % 5 == 0 else "") for i in range(200)]
    path = tmp_path / "r.csv"
    for size in (report_csv._BYTES, 64):
        monkeypatch.setattr(report_csv, "_BYTES", size)
        for above in ("", "\n\n  \n"):
            path.write_text(above + HEADER + "\n".join(rows) + "\n")
            reports, batches = read(path)
            assert reports.rows == 200
            assert column(batches, "key") == [str(i) for i in range(200)]
            assert column(batches, "row") == list(range(1, 201))
            assert column(batches, "description") == ["" if i % 3 == 0 else "x" for i in range(200)]
    path.write_text(HEADER + "1,119.9,31.78\n2,119.9,31.78\n")
    assert column(read(path)[1], "key") == ["1", "2"]


def test_the_cut_into_blocks_changes_nothing_but_who_finds_a_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.csv"
    body = "".join(f"{i % 40},{'x' if i % 7 == 0 else 119.9},31.78,a\n" for i in range(100))
    path.write_text(HEADER + body)
    columns = Columns("lon", "lat", description="text")
    whole, batches = read(path, columns)
    assert (whole.rows, whole.bad, len(set(column(batches, "key")))) == (100, 15, 85)
    for module in (report_csv, report_files):
        monkeypatch.setattr(module, "BLOCK_ROWS", 7)
    cut, pieces = read(path, columns)
    assert len(pieces) == 15
    assert (cut.rows, cut.rejected) == (whole.rows, whole.rejected)
    for name in ("key", "row", "digest", "x", "received", "source"):
        assert column(pieces, name) == column(batches, name), name
    assert cut.piles.found(100) == whole.piles.found(100) == [{"x": 119.9, "y": 31.78, "n": 85}]


def test_a_row_that_corrects_a_rejected_one_of_its_id_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(HEADER + "1,east,31.78,a\n1,119.9,31.78,a\n1,119.9,31.78,b\n1,119.9,31.78,a\n")
    reports, batches = read(path)
    assert column(batches, "row") == [2]
    assert [r.row for r in reports.rejected] == [1, 3]
    assert "row 2's already" in reports.rejected[1].reason
    assert reports.repeated == 1


def test_rows_far_from_the_place_are_counted_and_shared_spots_named(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(csv_of(90) + "".join(f"f{i},10.5,50,x\n" for i in range(30)))
    reports, _ = read(path)
    assert (reports.rows, reports.far) == (120, 30)
    assert reports.piles.found(120) == [{"x": 10.5, "y": 50.0, "n": 30}]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(n: int) -> int:
        path = tmp_path / "r.csv"
        path.write_text(csv_of(n))
        tracemalloc.start()
        for _ in Reports(ReportFile(path, XY, "EPSG:4326"), place=PLACE, now=NOW).batches():
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(300_000) < 1.2 * peak(150_000)


def test_equal_rows_are_numbered_in_any_chunks() -> None:
    hashes = np.random.default_rng(7).integers(0, 500, 5_000).astype(np.uint64)
    seen: dict[int, int] = {}
    wanted = [seen.update({h: seen.get(h, -1) + 1}) or seen[h] for h in hashes.tolist()]
    repeats = Repeats()
    got = [n for part in np.array_split(hashes, 37) for n in repeats.count(part).tolist()]
    assert got == wanted


def test_a_pile_is_found_among_any_number_of_spots() -> None:
    chance, piles = np.random.default_rng(7), Piles()
    for _ in range(10):
        spots = chance.random(50_000)
        spots[:1_000] = 0.5
        piles.add(chance.permutation(spots), np.full(50_000, 2.0))
        assert len(piles._at) <= 20_000
    [pile] = piles.found(500_000)
    assert (pile["x"], pile["y"]) == (0.5, 2.0)
    assert 10_000 - 500_000 / 20_000 <= pile["n"] <= 10_000


def geo(crs: Any = ..., encoding: str = "WKB") -> bytes:
    column = {"encoding": encoding, "geometry_types": ["Point"]} | ({} if crs is ... else {"crs": crs})
    return json.dumps({"version": "1.1.0", "primary_column": "shape", "columns": {"shape": column}}).encode()


def epsg(code: int) -> dict[str, Any]:
    return {"type": "ProjectedCRS", "name": "x", "id": {"authority": "EPSG", "code": code}}


def write(path: Path, columns: dict[str, Any], facts: bytes | None = None) -> Path:
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata({b"geo": facts} if facts else None), path)
    return path


def test_typed_columns_of_a_parquet_file_are_read(tmp_path: Path) -> None:
    moment = datetime(2026, 10, 20, 0, 15)
    path = write(
        tmp_path / "r.parquet",
        {
            "id": pa.array([1, 2, None]),
            "lon": pa.array([119.93, 119.94, 119.95]),
            "lat": pa.array(np.array([31.75, 31.75, 31.75], dtype=np.float32)),
            "local": pa.array([moment] * 3, pa.timestamp("ns")),
            "zoned": pa.array([moment] * 3, pa.timestamp("ms", "Asia/Shanghai")),
            "source": pa.array(["public", None, "public"]).dictionary_encode(),
            "part": pa.array(["P1", None, ""]),
            "flag": pa.array([True, None, False]),
            "list": pa.array([[1], [2], None]),
        },
    )
    columns = Columns("lon", "lat", "id", "local", closed="zoned", part="part")
    reports, batches = read(path, columns, level=0.95)
    assert [(r.row, r.reason) for r in reports.rejected] == [(3, "the id is empty")]
    assert column(batches, "key") == ["1", "2"]
    assert column(batches, "x") == [119.93, 119.94]
    assert batches[0].received.tolist() == [datetime(2026, 10, 19, 16, 15)] * 2
    assert batches[0].closed.tolist() == [moment] * 2
    assert column(batches, "part") == ["P1", ""]
    assert batches[0].level == 0.95
    assert read(path, Columns("lon", "lat", "id", "zoned"))[1][0].received.tolist() == [moment] * 2
    assert read(path, Columns("lon", "lat", source="source"))[0].rejected[0].reason.startswith("unknown source ''")


def test_a_geoparquet_file_says_where_its_points_are(tmp_path: Path) -> None:
    east, north = 493369.73, 3517459.89
    nested = shapely.Point(1, 2).wkb
    for _ in range(10_000):
        nested = b"\x01\x07\x00\x00\x00\x01\x00\x00\x00" + nested
    shapes = [
        shapely.Point(east, north).wkb,
        shapely.to_wkb(shapely.Point(east, north, 5.0), flavor="iso"),
        shapely.to_wkb(shapely.set_srid(shapely.Point(east, north), 4549), include_srid=True, byte_order=0),
        None,
        shapely.Point().wkb,
        shapely.LineString([(0, 0), (1, 1)]).wkb,
        b"\x01\x01\x00\x00\x00\x00",
        b"",
        b"\x07garbage",
        b"\x01\x01\x00\x00\x00" + bytes(200),
        nested,
    ]
    path = write(tmp_path / "r.parquet", {"shape": pa.array(shapes, pa.binary()), "id": range(11)}, geo(epsg(4549)))
    reports, batches = read(path, Columns(id="id"), "")
    assert reports.crs == "EPSG:4549"
    assert column(batches, "x") == [east] * 3
    assert column(batches, "working_y") == [north] * 3
    assert [r.reason for r in reports.rejected] == [
        "the geometry is missing",
        "the geometry is empty",
        "the geometry is a LineString; wanted a Point",
        "the geometry is no WKB",
        "the geometry is missing",
        "the geometry is no WKB",
        "the geometry is no WKB",
        "the geometry is a GeometryCollection; wanted a Point",
    ]
    assert read(path, Columns(id="id"), "EPSG:4549")[0].rows == 11


@pytest.mark.parametrize(
    ("facts", "columns", "crs", "words"),
    [
        (geo(epsg(4549)), Columns(), "EPSG:4326", "--crs is EPSG:4326, but r.parquet says that it is in EPSG:4549"),
        (geo(None), Columns(), "", "Missing option '--crs'"),
        (geo({"name": "own"}), Columns(), "", "Missing option '--crs'"),
        (geo({"id": {"authority": "ESRI", "code": 1}}), Columns(), "", "Missing option '--crs'"),
        (geo(), Columns("lon"), "EPSG:4326", "Missing option '--y'"),
        (geo(), Columns("lon", "lat"), "", "Missing option '--crs'"),
        (None, Columns(), "EPSG:4326", "Missing option '--x', '--y'"),
        (b"[1]", Columns(), "EPSG:4326", "Missing option '--x', '--y'"),
    ],
)
def test_what_a_parquet_file_does_not_say_is_asked_for(
    tmp_path: Path, facts: bytes | None, columns: Columns, crs: str, words: str
) -> None:
    shape = pa.array([shapely.Point(119.93, 31.78).wkb], pa.binary())
    path = write(tmp_path / "r.parquet", {"shape": shape, "lon": [119.93], "lat": [31.78]}, facts)
    with pytest.raises(BadOption, match=words):
        read(path, columns, crs)


def test_a_geoparquet_without_a_crs_is_wgs84_and_columns_go_before_its_geometry(tmp_path: Path) -> None:
    shape = pa.array([shapely.Point(119.93, 31.78).wkb], pa.large_binary())
    columns = {"shape": shape, "lon": [493369.73], "lat": [3517459.89]}
    path = write(tmp_path / "anything", columns, geo())
    assert read(path, Columns(), "")[0].crs == "EPSG:4326"
    assert column(read(path, Columns("lon", "lat"), "EPSG:4549")[1], "x") == [493369.73]
    assert read(write(path, columns, geo(None)), Columns(), "GCJ-02")[0].crs == "GCJ-02"


@pytest.mark.parametrize(
    ("content", "words"), [(b"PAR1" + b"x" * 99, "cannot be read as Parquet"), (b"", "cannot be read as Parquet")]
)
def test_what_is_no_parquet_file_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(content)
    with pytest.raises(FileFault, match=words):
        read(path)


def test_another_encoding_of_geometries_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "r.parquet", {"shape": [{"x": 1.0, "y": 2.0}]}, geo(encoding="point"))
    with pytest.raises(FileFault, match="encoded as 'point' in a column of struct.*; wanted WKB"):
        read(path, Columns(), "")
    path = write(tmp_path / "r.parquet", {"shape": ["POINT (1 2)"]}, geo())
    with pytest.raises(FileFault, match="in a column of string; wanted WKB in one of bytes"):
        read(path, Columns(), "")


def test_a_column_that_holds_no_single_words_is_no_position(tmp_path: Path) -> None:
    path = write(tmp_path / "r.parquet", {"lon": [[119.93]], "lat": [31.78]}, None)
    with pytest.raises(FileFault, match="has no column 'lon'"):
        read(path, Columns("lon", "lat"))


@pytest.mark.parametrize("level", [0.0, 1.0, float("nan"), -1.0])
def test_a_level_that_is_no_share_is_refused(tmp_path: Path, level: float) -> None:
    with pytest.raises(BadOption, match="--accuracy-level is"):
        read(tmp_path / "r.csv", level=level)


def test_numbers_are_read_alike_beside_bad_ones(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    spellings = ["119.93", "+119.93", "1.1993e2", " 119.93 ", "0119.930"]
    path.write_text(HEADER + "".join(f"{i},{x},31.78,x\n" for i, x in enumerate(spellings)))
    assert column(read(path)[1], "x") == [119.93] * 5
    bad = ["0x77", "1_1", "1e999", "--1", "+", "１１９"]
    path.write_text(path.read_text() + "".join(f"b{i},{x},31.78,x\n" for i, x in enumerate(bad)))
    reports, batches = read(path)
    assert column(batches, "x") == [119.93] * 5
    assert [r.reason for r in reports.rejected] == [f"x is {x!r}; wanted a number" for x in bad]


def test_times_of_one_file_may_be_written_in_many_ways(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    times = ["2026-10-20 08:15", "2026-10-20T00:15:00Z", "2026/10/20 8:15", "2026-10-20T08:15:00.000000+08:00"]
    path.write_text("lon,lat,t\n" + "".join(f"119.9,31.78,{t}\n" for t in times))
    columns = Columns("lon", "lat", time="t")
    assert column(read(path, columns)[1], "received") == [datetime(2026, 10, 20, 0, 15)] * 4
    path.write_text("lon,lat,t\n" + "119.9,31.78,2026-10-20T00:15:00Z\n" * 2)
    assert column(read(path, columns)[1], "received") == [datetime(2026, 10, 20, 0, 15)] * 2


def test_a_reader_that_stops_early_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(csv_of(200_000))
    reports = Reports(ReportFile(path, XY, "EPSG:4326"), place=PLACE, now=NOW)
    batches = reports.batches()
    next(batches)
    assert 0 < reports.share <= 1
    batches.close()  # type: ignore[attr-defined]


def test_a_hopeless_file_is_refused_before_its_end(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(HEADER + "".join(f"{i},493369.7,3517459.9,x\n" for i in range(250_000)))
    reports = Reports(ReportFile(path, XY, "EPSG:4528"), place=PLACE, now=NOW)
    with pytest.raises(FileFault, match="would fit as EPSG:4549"):
        list(reports.batches())
    assert reports.rows == 100_000
