"""CSV files as spreadsheets of other countries write them: another sign between the columns, UTF-16, nothing at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import PLACE_FILE

from etl.cli_reports import _told
from etl.part_tables import PartsFile, tables_of
from etl.points import PointsFile, delimiter_of, read_table, survey_of
from etl.registers import read_register
from etl.report_files import Columns, ReportFile
from etl.reports import Reports
from gis.errors import BadOption, FileFault
from gis.place import read_place

PLACE = read_place(PLACE_FILE)
NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
COLUMNS = Columns("lon", "lat", id="id", description="said")
POINTS = {"x": "lon", "y": "lat", "id": "id"}
HEADER = ("id", "lon", "lat", "said")


def text(sign: str, *, head: tuple[str, ...] = HEADER, rows: int = 3) -> str:
    said = '"a ""b""' + sign + '\n垃圾"'
    lines = [sign.join(head), *(sign.join((str(i), "119.93", "31.78", said)) for i in range(rows))]
    return "\n".join([*lines, sign.join(("9", "119.93", "31.78"))]) + "\n"  # the last row ends early


def loaded(path: Path, encoding: str = "utf-8-sig") -> tuple[Reports, list[str]]:
    found = Reports(ReportFile(path, COLUMNS, "EPSG:4326", encoding), place=PLACE, now=NOW)
    return found, [str(word) for batch in found.batches() for word in batch.description]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_reports_are_read_by_the_sign_of_their_header(tmp_path: Path, sign: str) -> None:
    (tmp_path / "r.csv").write_text(text(sign), encoding="utf-8")
    found, words = loaded(tmp_path / "r.csv")
    assert (found.rows, found.bad, found.delimiter) == (4, 0, sign)
    assert words == [f'a "b"{sign}\n垃圾'] * 3 + [""]


def test_a_comma_is_taken_wherever_it_will_do(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,lon,lat,said,a;b;c;d;e;f;g\n1,119.93,31.78,x;y,1\n", encoding="utf-8")
    found, words = loaded(tmp_path / "r.csv")
    assert (found.delimiter, words) == (",", ["x;y"])


def test_a_column_that_is_missing_is_told_with_the_columns_there_are(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(text(";", head=("id", "east", "lat", "said")), encoding="utf-8")
    with pytest.raises(FileFault, match="has no column 'lon'; it has id, east, lat, said"):
        loaded(tmp_path / "r.csv")


def test_a_decimal_comma_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id;lon;lat;said\n1;119,93;31,78;\n", encoding="utf-8")
    found, words = loaded(tmp_path / "r.csv")
    assert words == []
    assert found.rejected[0].reason == "x is '119,93'; wanted a number with a decimal point, as 119.93"


def test_the_sign_that_was_used_is_told() -> None:
    answer = dict.fromkeys(("rows", "new", "known", "rejected", "located", "border_desk", "outside", "gap", "far"), 0)
    answer |= dict.fromkeys(("known_differing", "known_moved", "unknown_parts"), 0)
    told = _told(answer | {"delimiter": "\t", "rejects": [], "piles": [], "crs_hint": None, "seconds": {}})
    assert "  read with '\\t' between the columns, by its header" in told


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_points_are_cut_and_read_by_the_sign_of_their_header(tmp_path: Path, sign: str) -> None:
    lines = [sign.join(("id", "lon", "lat")), *(sign.join((str(i), "119.93", "31.78")) for i in range(10))]
    (tmp_path / "p.csv").write_text("\n".join(lines), encoding="utf-8-sig")
    file = PointsFile(tmp_path / "p.csv", POINTS, "EPSG:4326")
    source = survey_of(file, 4)
    assert (source.header, delimiter_of(file)) == (("id", "lon", "lat"), sign)
    tables = [read_table(part, ["id"], header=source.header, encoding=file.encoding) for part in source.partitions]
    assert [word for table in tables for word in table.column("id").to_pylist()] == [str(i) for i in range(10)]


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty; wanted a header"), (b"\n\n", "begins with an empty line")]
)
def test_a_file_of_points_without_a_header_is_said_to_be_so(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(FileFault, match=f"p.csv {said}"):
        survey_of(PointsFile(tmp_path / "p.csv", POINTS, "EPSG:4326"), 4)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-16", r"r.csv is UTF-16 \(it begins with the mark FF FE\): --encoding utf-16\."),
        ("utf-16-le", r"r.csv is UTF-16 \(every other byte of its beginning is NUL\): --encoding utf-16-le\."),
        ("utf-16-be", r"r.csv is UTF-16 \(every other byte of its beginning is NUL\): --encoding utf-16-be\."),
    ],
)
@pytest.mark.parametrize("given", ["utf-8-sig", "gb18030"])
def test_utf_16_is_named_and_read_when_it_is_told(tmp_path: Path, encoding: str, said: str, given: str) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(text(",").encode(encoding))
    if (encoding, given) in (("utf-16-le", "gb18030"), ("utf-16-be", "gb18030")):
        with pytest.raises(FileFault):
            loaded(path, given)
        return
    with pytest.raises(FileFault, match=said):
        loaded(path, given)
    found, words = loaded(path, encoding)
    assert (found.bad, words[0]) == (0, 'a "b",\n垃圾')


def test_points_in_utf_16_are_refused_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(text(",").encode("utf-16"))
    with pytest.raises(FileFault, match=r"is UTF-16 \(it begins with the mark FF FE\); .* save it as UTF-8"):
        survey_of(PointsFile(path, POINTS, "EPSG:4326"), 4)
    path.write_text(text(","), encoding="utf-8")
    with pytest.raises(BadOption, match="--encoding is 'UTF16'; .* save it as UTF-8"):
        survey_of(PointsFile(path, POINTS, "EPSG:4326", "UTF16"), 4)


def test_registers_and_parts_are_read_by_their_sign_and_utf_16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text("code;name_zh;name_en;kind;contact\nS1;东街街道;East;street;\n", encoding="utf-8")
    assert read_register(path, "units")["name"].tolist() == ["东街街道"]
    path.write_text("code,name_zh,name_en,kind,contact\n", encoding="utf-16")
    with pytest.raises(FileFault, match=r"units.csv is UTF-16 \(.*\); save it as UTF-8"):
        read_register(path, "units")
    path = tmp_path / "parts.csv"
    path.write_text("code\tname\tlon\tlat\n1\t井盖\t119.93\t31.78\n", encoding="utf-8")
    [table] = tables_of(PartsFile(str(path)), PLACE)
    assert table.columns["name"].tolist() == ["井盖"]
    assert table.notes == ("parts.csv is read with '\\t' between the columns, by its header.",)
    path.write_text("code,name,lon,lat\n", encoding="utf-16")
    with pytest.raises(FileFault, match="parts.csv is UTF-16 .*--encoding utf-16"):
        tables_of(PartsFile(str(path)), PLACE)
