"""What lies in a delivery is found by content: hostile and odd files of every kind, made on the spot."""

from __future__ import annotations

import os
import sqlite3
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pytest
import shapely

from etl.intake.recognise import unpack

LIMIT = 2 * 1024**3
VRT = "<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>"
GEOJSON = b'{"type":"FeatureCollection","features":[]}'


@pytest.fixture
def room(tmp_path: Path) -> Path:
    for name in ("in", "out", "made"):
        (tmp_path / name).mkdir()
    return tmp_path


def layer(path: Path, driver: str = "ESRI Shapefile", names: tuple[str, ...] = ("DM",), **options: Any) -> Path:
    """Two squares side by side."""
    squares = np.array([shapely.to_wkb(shapely.box(x, 0, x + 1, 1)) for x in (0, 1)], dtype=object)
    columns = [np.array(["320404001", "320404002"], dtype=object) for _ in names]
    pyogrio.raw.write(
        path, squares, columns, list(names), geometry_type="Polygon", crs="EPSG:4490", driver=driver, **options
    )
    return path


def parts(folder: Path, stem: str = "jd") -> dict[str, bytes]:
    layer(folder / f"{stem}.shp")
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.stem == stem}


def zipped(path: Path, entries: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for name, content in entries:
            out.writestr(name, content)
    return path


def found(room: Path) -> dict[str, Any]:
    return unpack(room, LIMIT)


def written(room: Path) -> list[Path]:
    return [p for p in (room / "out").rglob("*") if p.is_file()]


def named(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(s["name"], s["driver"]) for s in answer["sources"]]


# -- zip --------------------------------------------------------------------------------------------------------------
def entry(name: str, **more: Any) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for key, value in more.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (["../../evil.shp"], "leads out of the folder"),
        (["a/../../evil.shp"], "leads out of the folder"),
        (["..\\..\\evil.shp"], "leads out of the folder"),
        (["/etc/cron.d/evil"], "leads out of the folder"),
        (["\\\\server\\share\\evil.shp"], "leads out of the folder"),
        (["C:\\evil.shp"], "leads out of the folder"),
        ([entry("jd.shp", external_attr=0o120777 << 16)], "is a link"),
        (["jd.shp", "JD.SHP"], "is in it 2 times"),
        (["a/jd.shp", "a\\jd.shp"], "is in it 2 times"),
        (["caf\u00e9.shp", "cafe\u0301.shp"], "is in it 2 times"),  # a Mac writes é as two characters
    ],
)
def test_a_hostile_zip_is_refused_as_a_whole_and_nothing_is_written(room: Path, entries: list[Any], why: str) -> None:
    zipped(room / "in" / "a.zip", [("good.geojson", GEOJSON), *((e, b"x") for e in entries)])
    answer = found(room)
    assert why in answer["refused_all"]
    assert answer["sources"] == []
    assert written(room) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_in_a_zip_is_refused(room: Path) -> None:
    zipped(room / "in" / "a.zip", [("jd.shp", b"1"), ("jd.shp", b"2")])
    assert "'jd.shp' is in it 2 times" in found(room)["refused_all"]


def test_a_protected_zip_says_so(room: Path) -> None:
    path = zipped(room / "in" / "a.zip", [("jd.geojson", GEOJSON)])
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    assert "protected by a password" in found(room)["refused_all"]


def test_a_zip_bomb_is_refused_by_what_it_says(room: Path) -> None:
    with zipfile.ZipFile(room / "in" / "a.zip", "w", zipfile.ZIP_DEFLATED) as out, out.open("a.shp", "w") as sink:
        for _ in range(300):
            sink.write(bytes(1 << 20))
    assert "times its size, which no map does" in found(room)["refused_all"]
    assert written(room) == []


def test_a_zip_over_the_limit_is_refused_with_both_numbers(room: Path) -> None:
    zipped(room / "in" / "a.zip", [("a.shp", bytes(9 << 20))])
    assert "unpacks to 9 MB, at most 1 are taken" in unpack(room, 1 << 20)["refused_all"]


@pytest.mark.parametrize("said", [10, 5_000_000])
def test_a_header_that_lies_about_sizes_gains_nothing(room: Path, said: int) -> None:
    path = zipped(room / "in" / "a.zip", [("a.shp", bytes(1 << 20))])
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02")
    raw[at + 24 : at + 28] = struct.pack("<I", said)
    raw[22:26] = struct.pack("<I", said)
    path.write_bytes(raw)
    answer = found(room)
    assert "a.zip is a damaged zip" in answer["refused_all"]
    assert sum(p.stat().st_size for p in written(room)) <= 1 << 20


def test_ten_thousand_entries_are_too_many(room: Path) -> None:
    zipped(room / "in" / "a.zip", [(f"{n}.txt", b"") for n in range(10_000)], zipfile.ZIP_STORED)
    assert "holds 10,000 entries; at most 5,000" in found(room)["refused_all"]


def test_entry_names_of_chinese_windows_are_read_as_written(room: Path) -> None:
    files = parts(room / "made")
    stems = {f"甲乙丙丁.{name[-3:]}": content for name, content in files.items()}
    path = zipped(room / "in" / "a.zip", [(f"ABCDEFGH{name[-4:]}", content) for name, content in stems.items()])
    path.write_bytes(path.read_bytes().replace(b"ABCDEFGH", "甲乙丙丁".encode("gbk")))  # the flag of UTF-8 stays off
    assert named(found(room)) == [("甲乙丙丁.shp", "ESRI Shapefile")]


def test_copies_of_a_mac_are_no_layers_and_a_folder_is_no_hindrance(room: Path) -> None:
    inside = [(f"街道 2026/{name}", content) for name, content in parts(room / "made").items()]
    litter = [(f"__MACOSX/街道 2026/._{name}", b"\0\5\x16\7") for name, _ in inside]
    zipped(room / "in" / "a.zip", [*inside, *litter, ("街道 2026/.DS_Store", b"")])
    answer = found(room)
    assert named(answer) == [("街道 2026/jd.shp", "ESRI Shapefile")]
    assert not any("__MACOSX" in name for name in answer["files"])


def test_backslashes_of_windows_are_folders(room: Path) -> None:
    base = layer(room / "made" / "b.gdb", "OpenFileGDB")
    zipped(room / "in" / "a.zip", [(f"data\\b.gdb\\{p.name}", p.read_bytes()) for p in sorted(base.iterdir())])
    assert named(found(room)) == [("data/b.gdb", "OpenFileGDB")]


def test_a_zip_within_a_zip_stays_closed_and_is_said(room: Path) -> None:
    inner = zipped(room / "made" / "i.zip", [("jd.geojson", GEOJSON)])
    zipped(room / "in" / "a.zip", [("i.zip", inner.read_bytes())])
    answer = found(room)
    assert answer["sources"] == []
    assert answer["refused"] == [
        "i.zip is a zip within the delivery and was not opened; unpack it and deliver what is in it."
    ]


def test_a_zip_beside_layers_stays_closed_and_is_said(room: Path) -> None:
    zipped(room / "in" / "old.zip", [("jd.geojson", GEOJSON)])
    (room / "in" / "jd.geojson").write_bytes(GEOJSON)
    answer = found(room)
    assert named(answer) == [("jd.geojson", "GeoJSON")]
    assert answer["notes"] == ["old.zip lies beside the layers and was not opened."]


def test_parts_of_two_zips_never_mix(room: Path) -> None:
    for name in ("a", "b"):
        zipped(room / "in" / f"{name}.zip", list(parts(room / "made").items()))
    assert [name for name, _ in named(found(room))] == ["a.zip/jd.shp", "b.zip/jd.shp"]


def test_what_is_no_zip_or_only_half_of_one_is_refused(room: Path) -> None:
    (room / "in" / "a.zip").write_bytes(b"this is no zip at all")
    assert "a.zip begins with b'this is no z', which is no zip" in found(room)["refused"][0]
    whole = zipped(room / "made" / "b.zip", [("jd.shp", os.urandom(10_000))]).read_bytes()
    (room / "in" / "a.zip").write_bytes(whole[:5_000])
    assert "a.zip is a damaged zip" in found(room)["refused_all"]


def test_damaged_contents_of_a_zip_are_its_fault_in_words(room: Path) -> None:
    path = zipped(room / "in" / "a.zip", [("jd.geojson", GEOJSON * 100)])
    raw = bytearray(path.read_bytes())
    raw[45:60] = b"\xff" * 15
    path.write_bytes(raw)
    with pytest.raises(zlib.error), zipfile.ZipFile(path) as opened:  # which is no BadZipFile and no OSError
        opened.read("jd.geojson")
    assert "a.zip is a damaged zip" in found(room)["refused_all"]


def test_a_packing_method_nobody_has_is_refused_by_its_number(room: Path) -> None:
    path = zipped(room / "in" / "a.zip", [("jd.geojson", GEOJSON)])
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 10] = 9
    raw[8] = 9
    path.write_bytes(raw)
    assert "is packed by method 9" in found(room)["refused_all"]


@pytest.mark.parametrize(
    ("head", "word"),
    [(b"Rar!\x1a\x07", "RAR"), (b"7z\xbc\xaf\x27", "7z"), (b"\x1f\x8b\x08", "gzip"), (b"%PDF-1", "PDF")],
)
def test_other_archives_are_refused_by_name(room: Path, head: bytes, word: str) -> None:
    (room / "in" / "jd.rar").write_bytes(head + bytes(100))
    assert word in found(room)["refused"][0]


# -- content decides --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["jd.shp", "jd.geojson", "jd.kml", "jd.gml", "jd.dxf", "jd.gpkg", "jd.fgb", "jd.vrt"])
def test_a_vrt_is_refused_whatever_it_is_called(room: Path, name: str) -> None:
    (room / "in" / name).write_text(VRT)
    (room / "in" / "jd.dbf").write_bytes(bytes(64))
    answer = found(room)
    assert answer["sources"] == []
    assert "VRT" in answer["refused"][0] or "no shapefile" in answer["refused"][0]


DOCTYPE = '<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
KML = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document/></kml>'
GML = '<FeatureCollection xmlns="http://x" xmlns:gml="http://www.opengis.net/gml"/>'


@pytest.mark.parametrize(
    "raw",
    [
        ('<?xml version="1.0"?>' + DOCTYPE + KML).encode(),
        (DOCTYPE + GML).encode(),
        ("<!--" + "x" * 100_000 + "-->" + DOCTYPE + KML).encode(),  # beyond what a look at the head would see
        ('<?xml version="1.0" encoding="UTF-16"?>' + DOCTYPE + KML).encode("utf-16"),
        ('<?xml version="1.0" encoding="GBK"?>' + DOCTYPE + KML).encode("gbk"),
        (
            '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(f'<!ENTITY {c} "&a;&a;&a;">' for c in "bcdef") + "]>" + KML
        ).encode(),
    ],
)
@pytest.mark.parametrize("ending", ["kml", "gml"])
def test_xml_that_declares_entities_is_refused(room: Path, raw: bytes, ending: str) -> None:
    (room / "in" / f"jd.{ending}").write_bytes(raw)
    answer = found(room)
    assert answer["sources"] == []
    assert "declares a document type (XML entities)" in answer["refused"][0]


@pytest.mark.parametrize(
    ("text", "encoding", "driver"),
    [
        (KML, "utf-8-sig", "LIBKML"),
        (KML, "utf-16", "LIBKML"),
        ("<!-- 街道 -->" + KML, "utf-8", "LIBKML"),
        (GML, "utf-8", "GML"),
        ('<?xml version="1.0" encoding="GB2312"?><!-- 街道 -->' + KML, "gbk", "LIBKML"),
    ],
)
def test_xml_is_known_by_its_outermost_element(room: Path, text: str, encoding: str, driver: str) -> None:
    (room / "in" / "anything.xml").write_bytes(text.encode(encoding))
    assert named(found(room)) == [("anything.xml", driver)]


def test_xml_in_a_chinese_code_page_is_written_as_utf_8_for_the_reader(room: Path) -> None:
    text = '<?xml version="1.0" encoding="GBK"?>' + KML.replace("<Document/>", "<name>五星街道</name>" * 20_000)
    (room / "in" / "jd.kml").write_bytes(text.encode("gbk"))
    source = found(room)["sources"][0]
    assert Path(source["path"]).read_bytes().decode("utf-8") == text.replace('"GBK"', '"UTF-8"')


@pytest.mark.parametrize(
    ("name", "raw", "why"),
    [
        ("jd.xml", b"<html><body/></html>", ""),
        ("jd.kml", b"<html><body/></html>", "XML of an unknown kind (html)"),
        ("jd.kml", b"<kml", "XML without an element"),
        ("jd.gml", b"<a><b></a>", "XML of an unknown kind (a)"),
        ("jd.kml", b"< kml>", "damaged XML"),
        ("jd.json", b'{"type":"Topology"}', "JSON but no GeoJSON"),
        ("jd.geojson", '{"type":'.encode("utf-16"), "which is no geojson"),
        ("jd.csv", "名称,WKT\n".encode("gbk"), "CSV"),
        ("jd.txt", b"a,b,c,d\n", "CSV"),
        ("readme.txt", b"hello", ""),
        ("jd.xlsx", b"PK\x03\x04rest", "is a table"),
        ("jd.xls", b"\xd0\xcf\x11\xe0rest", "is a table"),
        ("jd.tab", b"!table\n", "MapInfo table"),
        ("jd.gpkg", b"", "begins with b''"),
    ],
)
def test_what_is_no_layer_is_refused_in_words(room: Path, name: str, raw: bytes, why: str) -> None:
    (room / "in" / name).write_bytes(raw)
    answer = found(room)
    assert answer["sources"] == []
    assert why in " ".join(answer["refused"])
    assert bool(why) == bool(answer["refused"])


def test_a_database_that_is_no_geopackage_is_refused(room: Path) -> None:
    with sqlite3.connect(room / "in" / "jd.gpkg") as base:
        base.execute("CREATE TABLE jd (dm TEXT)")
    base.close()
    assert "no GeoPackage" in found(room)["refused"][0]
    (room / "in" / "jd.gpkg").write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    assert "damaged database" in found(room)["refused"][0]


def test_the_log_beside_a_geopackage_goes_along(room: Path) -> None:
    layer(room / "in" / "jd.gpkg", "GPKG")
    (room / "in" / "jd.gpkg-wal").write_bytes(b"log")
    path = Path(found(room)["sources"][0]["path"])
    assert path.with_suffix(".gpkg-wal").read_bytes() == b"log"


def test_types_beside_a_gml_go_along_in_a_zip_too_unless_they_declare_entities(room: Path) -> None:
    schema = b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:gml="http://www.opengis.net/gml"/>'
    zipped(room / "in" / "a.zip", [("jd.gml", GML.encode()), ("jd.xsd", schema)])
    answer = found(room)
    assert named(answer) == [("jd.gml", "GML")]
    assert Path(answer["sources"][0]["path"]).with_suffix(".xsd").read_bytes() == schema


def test_types_that_declare_entities_stay_behind(room: Path) -> None:
    zipped(room / "in" / "a.zip", [("jd.gml", GML.encode()), ("jd.xsd", (DOCTYPE + "<schema/>").encode())])
    assert not Path(found(room)["sources"][0]["path"]).with_suffix(".xsd").exists()


def test_a_geodatabase_is_known_by_its_tables_when_its_folder_lost_its_ending(room: Path) -> None:
    base = layer(room / "made" / "b.gdb", "OpenFileGDB")
    zipped(room / "in" / "a.zip", [(f"base/{p.name}", p.read_bytes()) for p in sorted(base.iterdir())])
    assert named(found(room)) == [("base", "OpenFileGDB")]


def test_two_manifests_are_two_deliveries(room: Path) -> None:
    zipped(room / "in" / "a.zip", [("a/manifest.toml", b""), ("b/manifest.toml", b"")])
    assert "2 manifest.toml" in found(room)["refused_all"]


def test_file_names_in_bytes_of_gbk_are_shown_as_written(room: Path) -> None:
    raw = os.fsencode(room / "in") + b"/" + "街道".encode("gbk") + b".geojson"
    with open(raw, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(GEOJSON)
    assert named(found(room)) == [("街道.geojson", "GeoJSON")]


def test_a_name_cannot_speak_to_the_terminal(room: Path) -> None:
    zipped(room / "in" / "a.zip", [("a\x1b[2Jb.csv", b"a,b")])
    assert "\x1b" not in found(room)["refused"][0]


# -- shapefiles -------------------------------------------------------------------------------------------------------
def put(room: Path, files: dict[str, bytes]) -> dict[str, Any]:
    for name, content in files.items():
        (room / "in" / name).write_bytes(content)
    return found(room)


def test_upper_case_endings_and_chinese_names_with_spaces_belong_together(room: Path) -> None:
    files = {f"街道 边界.{name[3:].upper()}": content for name, content in parts(room / "made").items()}
    answer = put(room, files)
    assert named(answer) == [("街道 边界.SHP", "ESRI Shapefile")]
    assert answer["sources"][0]["shape"]["table_rows"] == 2


def test_names_that_differ_by_letter_case_alone_are_not_mixed(room: Path) -> None:
    files = parts(room / "made")
    answer = put(room, {**files, "JD.DBF": files["jd.dbf"]})
    assert answer["sources"] == []
    assert "differ by letter case alone" in answer["refused"][0]


@pytest.mark.parametrize(
    ("without", "why"),
    [
        (("jd.dbf",), "has no .dbf beside it"),
        (("jd.shp", "jd.shx", "jd.prj", "jd.cpg"), "attributes alone is no boundary layer"),
    ],
)
def test_a_shapefile_without_a_part_says_which(room: Path, without: tuple[str, ...], why: str) -> None:
    answer = put(room, {n: c for n, c in parts(room / "made").items() if n not in without})
    assert answer["sources"] == []
    assert why in answer["refused"][0]


def test_a_missing_or_foreign_index_is_left_to_be_rebuilt(room: Path) -> None:
    files = parts(room / "made")
    answer = put(room, {**files, "jd.shx": b"something else"})
    source = answer["sources"][0]
    assert source["shape"]["index_records"] is None
    assert not Path(source["path"]).with_suffix(".shx").exists()


def test_headers_are_reported_against_what_is_there(room: Path) -> None:
    files = parts(room / "made")
    table = files["jd.dbf"][:4] + struct.pack("<I", 1) + files["jd.dbf"][8:]
    head = files["jd.shp"][:24] + struct.pack(">i", 5_000) + files["jd.shp"][28:]
    facts = put(room, {**files, "jd.dbf": table, "jd.shp": head})["sources"][0]["shape"]
    assert (facts["records"], facts["table_rows"], facts["index_records"]) == (2, 1, 2)
    assert (facts["declared_bytes"], facts["bytes"]) == (10_000, len(files["jd.shp"]))


def test_a_broken_chain_of_records_is_no_number(room: Path) -> None:
    files = parts(room / "made")
    broken = files["jd.shp"][:104] + struct.pack(">i", 1_000_000_000) + files["jd.shp"][108:]
    assert put(room, {**files, "jd.shp": broken})["sources"][0]["shape"]["records"] is None


def table(fields: list[tuple[bytes, bytes, int]], rows: list[bytes]) -> bytes:
    width = 1 + sum(size for _, _, size in fields)
    head = struct.pack("<4BIHH20x", 3, 126, 1, 1, len(rows), 33 + 32 * len(fields), width)
    described = b"".join(struct.pack("<11sc4xB15x", name, kind, size) for name, kind, size in fields)
    return head + described + b"\r" + b"".join(b" " + row for row in rows) + b"\x1a"


def test_fields_of_one_name_are_told_apart_and_said(room: Path) -> None:
    long = "所属街道名称".encode("gbk")[:10]
    fields = [(long, b"C", 3), (long, b"C", 3), (b"DM", b"C", 3), (b"dm", b"C", 3)]
    answer = put(room, {**parts(room / "made"), "jd.dbf": table(fields, [b"aaabbbcccddd"] * 2)})
    assert answer["notes"] == [
        "jd.shp: two fields are called 所属街道名; the later one is read as 所属街道_2.",
        "jd.shp: two fields are called dm; the later one is read as dm_2.",
    ]
    info = pyogrio.read_info(answer["sources"][0]["path"], encoding="GBK")
    assert list(info["fields"]) == ["所属街道名", "所属街道_2", "DM", "dm_2"]


def test_dates_that_are_none_are_listed_by_row(room: Path) -> None:
    dates = table([(b"DM", b"C", 2), (b"RQ", b"D", 8)], [b"0100000000", b"0220240230"])
    facts = put(room, {**parts(room / "made"), "jd.dbf": dates})["sources"][0]["shape"]
    assert facts["dates"] == [[1, "RQ", "00000000"], [2, "RQ", "20240230"]]


@pytest.mark.parametrize("raw", [b"", b"\3" * 20, b"\3" + bytes(3) + b"\xff" * 60, b"\3" * 200])
def test_a_table_of_nonsense_raises_nothing(room: Path, raw: bytes) -> None:
    answer = put(room, {**parts(room / "made"), "jd.dbf": raw})
    assert bool(answer["sources"]) == (len(raw) >= 32)
