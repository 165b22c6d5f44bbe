"""A file of parts at the door: identifiers by scheme, columns by any standard's name, every fault by row at once."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from etl.part_tables import PartsFile
from etl.parts import COLUMNS, FIELDS, ReadParts, read_parts
from gis.errors import BadOption, FileFault, UnknownCrs
from gis.parts import SCHEMES, identifier_problem
from gis.place import Place, read_place

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 2)
CRS = "EPSG:4549"
SPOT = (493050.123456789, 3517350.987654321)
COVER, LAMP = "32040401001000001", "32040401037000002"
#: the fields of GB/T 30428.2 as running systems call them, and those of GB/T 47678.5, with one part's values
OLD = {
    "ObjID": "3204040101000001", "ObjName": "上水井盖", "DeptCode1": "D01", "DeptName1": "区管建局",
    "DeptCode2": "D02", "DeptName2": "经贸局", "DeptCode3": "", "DeptName3": "环卫处", "BGID": "320404001001001",
    "ObjState": "完好", "ORDate": "20190301", "CHDate": "", "DataSource": "实测", "Note": "无",
}  # fmt: skip
NEW = {
    "GLBJBSM": COVER, "GLBJMC": "供水井盖", "ZGBMDM": "D01", "ZGBMMC": "区管建局", "QSDWDM": "D02", "QSDWMC": "经贸局",
    "YHDWDM": "", "YHDWMC": "环卫处", "SZDYWGBSM": "320404001001001", "GLBJZT": "完好", "CSRQ": "20190301", "BGRQ": "",
    "SJLY": "实测", "BZ": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def place() -> Place:
    return read_place(ROOT / "data/boundaries/zhonglou/place.toml")


def write_csv(path: Path, rows: Sequence[Mapping[str, str]], encoding: str = "utf-8") -> str:
    names = list(rows[0])
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return str(path)


def write_layer(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    shapes: Sequence[shapely.Geometry | None],
    *,
    crs: str | None = CRS,
    encoding: str | None = None,
    **options: Any,
) -> str:
    """A spatial file by its ending, as another program would write it."""
    drivers = {
        ".shp": "ESRI Shapefile",
        ".gpkg": "GPKG",
        ".geojson": "GeoJSON",
        ".gdb": "OpenFileGDB",
        ".fgb": "FlatGeobuf",
    }
    kinds = {shape.geom_type + " Z" * shape.has_z for shape in shapes if shape is not None}
    more = {"encoding": encoding} if encoding else {}
    pyogrio.raw.write(
        path,
        geometry=np.array([None if shape is None else shapely.to_wkb(shape) for shape in shapes], dtype=object),
        field_data=[np.array([row[name] for row in rows], dtype=object) for name in rows[0]],
        fields=list(rows[0]),
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
        crs=crs,
        driver=drivers[path.suffix],
        **more,
        **options,
    )
    return str(path)


def row(code: str = COVER, **changed: str) -> dict[str, str]:
    said = {
        "code": code, "name": "供水井盖", "owner_unit": "D01", "maintenance_unit": "", "supervising_unit": "D01",
        "state": "intact", "accuracy_class": "A", "data_source": "实测", "initial_date": "2019-03-01",
        "change_date": "", "x": "493050.25", "y": "3517350.75",
    }  # fmt: skip
    return said | changed


def read(place: Place, path: str, **told: Any) -> ReadParts:
    return read_parts(PartsFile(path, **told), place, today=TODAY)


def read_rows(place: Place, tmp_path: Path, *rows: Mapping[str, str], **told: Any) -> ReadParts:
    return read(place, write_csv(tmp_path / "parts.csv", rows), x="x", y="y", crs=CRS, **told)


def faults(found: ReadParts) -> list[str]:
    return [str(fault) for fault in found.faults]


@pytest.mark.parametrize(
    ("code", "scheme", "wrong"),
    [
        pytest.param("3204040101000001", "2013", "", id="6 + 2 + 2 + 6"),
        pytest.param("32040401001000001", "2026", "", id="6 + 2 + 3 + 6"),
        pytest.param("3204040101000001", "2026", "16 digits; wanted 17", id="the older standard's"),
        pytest.param("32040401001000001", "2013", "17 digits; wanted 16", id="the newer standard's"),
        pytest.param("3205080101000001", "2013", "begins with 320404", id="another district's"),
        pytest.param(
            "3204040100000001", "2013", "of class '0100', which there is none of", id="6 + 2 + 3 + 5 in disguise"
        ),
        pytest.param("3204040001000001", "2013", "of class '0001'", id="no major class"),
        pytest.param("3.20404E+15", "2013", "make the column text", id="a spreadsheet's number"),
        pytest.param("32040401010000１２", "2026", "wanted 17 digits", id="full-width digits"),
        pytest.param("", "2026", "is empty", id="nothing"),
    ],
)
def test_an_identifier_is_judged_by_its_scheme(code: str, scheme: str, wrong: str) -> None:
    found = identifier_problem(code, SCHEMES[scheme], "320404")
    assert wrong in found
    assert bool(wrong) == bool(found)


def test_a_prefecture_holds_the_identifiers_of_its_counties() -> None:
    assert identifier_problem("3204040101000001", SCHEMES["2013"], "320400") == ""
    assert "begins with 3204" in identifier_problem("3205080101000001", SCHEMES["2013"], "320400")


def test_every_fault_of_every_row_is_said_at_once_and_the_good_rows_stand(place: Place, tmp_path: Path) -> None:
    found = read_rows(
        place,
        tmp_path,
        *(
            {"type": "", **r}
            for r in (
                row(),
                row("3204040100100000", state="broken", change_date="2018-01-01"),
                row(COVER),
                row("32040401001000004", accuracy_class="D", initial_date="2019-02-30"),
                row("32040401001000005", name="", x="east"),
                row("32040401001000006", type="01037", initial_date="2027-01-01"),
                row("32040401001000007", x="inf"),
                row("32040401001000008", x="593050"),
            )
        ),
    )
    said = faults(found)
    for wanted in (
        r"row 2: identifier is '3204040100100000', 16 digits; wanted 17",
        r"row 2: state is 'broken'; wanted one of intact 完好",
        r"row 2: change_date 2018-01-01 is before initial_date 2019-03-01",
        r"row 3: identifier '32040401001000001' is that of row 1 already",
        r"row 4: accuracy_class is 'D'; wanted one of A \(± 0.5 m\), B \(± 1.0 m\), C \(± 10.0 m\)",
        r"row 4: initial_date is '2019-02-30'; wanted a day",
        r"row 5: name is empty",
        r"row 5: x, y is 'east', '3517350.75', which is no position in EPSG:4549",
        r"row 6: type is '01037', but identifier '32040401001000006' is of class '01001'",
        r"row 6: initial_date is 2027-01-01, after today",
        r"row 7: x, y is 'inf'",
        r"row 8: it lies far from 钟楼区",
    ):
        assert sum(bool(re.match(wanted, text)) for text in said) == 1, (wanted, said)
    assert len(said) == 12
    assert found.rows == 8
    assert found.batch.code.tolist() == [COVER]


@pytest.mark.parametrize("values", [OLD, NEW], ids=["GB/T 30428.2", "GB/T 47678.5"])
@pytest.mark.parametrize("ending", ["gbk.shp", "utf8.shp", "gpkg", "geojson", "gdb", "fgb", "zip", "csv"])
def test_the_standards_own_fields_are_understood_in_every_format(
    place: Place, tmp_path: Path, values: Mapping[str, str], ending: str
) -> None:
    told: dict[str, Any] = {}
    if ending == "csv":
        path = write_csv(tmp_path / "bj.csv", [dict(values) | {"X": str(SPOT[0]), "Y": str(SPOT[1])}], "gbk")
        told = {"x": "X", "y": "Y", "crs": CRS, "encoding": "gbk"}
    elif ending == "zip":
        write_layer(tmp_path / "部件.shp", [values], [shapely.Point(SPOT)], encoding="GBK")
        path = str(tmp_path / "部件.zip")
        with zipfile.ZipFile(path, "w") as packed:
            for part in tmp_path.glob("部件.*"):
                if part.suffix != ".zip":
                    packed.write(part, part.name)
    else:
        encoding = {"gbk.shp": "GBK", "utf8.shp": "UTF-8"}.get(ending)
        path = write_layer(
            tmp_path / f"bj.{ending.rpartition('.')[2]}", [values], [shapely.Point(SPOT)], encoding=encoding
        )
        told = {"crs": CRS} if ending == "geojson" else {}
    found = read(place, path, **told)
    batch = found.batch
    assert not found.faults
    assert [getattr(batch, name)[0] for name in ("code", "type", "name", "state", "data_source")] == [
        values.get("ObjID") or values["GLBJBSM"],
        "0101" if values is OLD else "01001",
        values.get("ObjName") or values["GLBJMC"],
        "intact",
        "实测",
    ]
    assert (batch.supervising_unit[0], batch.owner_unit[0], batch.maintenance_unit[0]) == ("D01", "D02", "")
    assert batch.unit_names["maintenance_unit"].tolist() == ["环卫处"]
    assert batch.initial_date.tolist() == [date(2019, 3, 1)]
    assert np.isnat(batch.change_date).all()
    assert "accuracy_class" not in batch.given
    if ending not in ("geojson", "gdb"):  # decimal texts and a grid of integers are those formats' own doing
        assert (batch.geometry[0].x, batch.geometry[0].y) == SPOT  # every bit as delivered


def test_columns_of_other_names_are_named_by_the_person(place: Place, tmp_path: Path) -> None:
    path = write_layer(tmp_path / "a.gpkg", [{"BH": COVER, "MC": "井盖", "ZT": "破损"}], [shapely.Point(SPOT)])
    with pytest.raises(FileFault, match=r"no column of identifiers \(code, ObjID.*it has BH, MC, ZT.*--field code="):
        read(place, path)
    with pytest.raises(FileFault, match="no column state; it has BH, MC, ZT"):
        read(place, path, fields={"code": "BH", "name": "MC"})
    with pytest.raises(FileFault, match=r"no column state \(XX\)"):
        read(place, path, fields={"code": "BH", "name": "MC", "state": "XX"})
    with pytest.raises(BadOption, match="--field names 'nmae'; wanted NAME=COLUMN with code"):
        read(place, path, fields={"nmae": "MC"})
    batch = read(place, path, fields={"code": "BH", "name": "MC", "state": "ZT"}).batch
    assert (batch.name[0], batch.state[0]) == ("井盖", "damaged")


def test_our_own_names_are_known_when_a_shapefile_cuts_them(place: Place, tmp_path: Path) -> None:
    said = {
        "code": COVER,
        "name": "井盖",
        "state": "intact",
        "accuracy_c": "B",
        "maintenanc": "D01",
        "initial_da": "2019-3-1",
    }
    batch = read(place, write_layer(tmp_path / "a.shp", [said], [shapely.Point(SPOT)], encoding="UTF-8")).batch
    assert (batch.accuracy_class[0], batch.maintenance_unit[0]) == ("B", "D01")
    assert batch.initial_date.tolist() == [date(2019, 3, 1)]


def test_a_missing_crs_is_asked_for_and_never_guessed(place: Place, tmp_path: Path) -> None:
    path = write_layer(tmp_path / "a.shp", [NEW], [shapely.Point(SPOT)], encoding="UTF-8")
    (tmp_path / "a.prj").unlink()
    with pytest.raises(UnknownCrs, match="does not say its CRS; ask who made it and give --crs"):
        read(place, path)
    assert read(place, path, crs=CRS).batch.geometry[0].x == SPOT[0]


def test_another_crs_is_transformed_and_a_wrong_one_noticed(place: Place, tmp_path: Path) -> None:
    path = write_layer(tmp_path / "a.gpkg", [NEW], [shapely.Point(119.93, 31.78)], crs="EPSG:4490")
    there = read(place, path).batch.geometry[0]
    assert (there.x, there.y) == pytest.approx((493369.73, 3517459.89), abs=0.01)
    with pytest.raises(FileFault, match="1 of 1 parts lie far from 钟楼区"):
        read(place, path, crs=CRS)


def test_shapes_that_are_none_are_rejected_by_row(place: Place, tmp_path: Path) -> None:
    x, y = SPOT
    shapes = [
        shapely.Point(x, y),
        shapely.LineString([(x, y), (x + 9, y)]),
        shapely.box(x, y, x + 9, y + 9),
        None,
        shapely.Polygon(),
        shapely.LineString([(x, y), (np.inf, y)]),
        shapely.Polygon([(x, y), (x + 9, y + 9), (x + 9, y), (x, y + 9)]),
        shapely.GeometryCollection([shapely.Point(x, y), shapely.LineString([(x, y), (x + 9, y)])]),
        shapely.LineString([(x, y), (x, y)]),
        shapely.MultiPoint([(x, y)]),
    ]
    rows = [NEW | {"GLBJBSM": f"32040401001{i:06d}"} for i in range(1, len(shapes) + 1)]
    found = read(place, write_layer(tmp_path / "a.gpkg", rows, shapes))
    assert [fault.row for fault in found.faults] == [6, 4, 5, 8, 7, 9]
    text = " / ".join(faults(found))
    for wanted in ("row 6: .*no finite number", "row 4: it has no shape", "row 5: it has no shape", "row 7: .*Self-int",
                   "row 8: .*collection", "row 9: its line has no length"):  # fmt: skip
        assert re.search(wanted, text), wanted
    assert [shape.geom_type for shape in found.batch.geometry] == ["Point", "LineString", "Polygon", "Point"]


def test_heights_are_left_out_and_bits_kept(place: Place, tmp_path: Path) -> None:
    line = shapely.LineString([(*SPOT, 4.2), (SPOT[0] + 1 / 3, SPOT[1], 4.3)])
    shape = read(place, write_layer(tmp_path / "a.gpkg", [NEW], [line])).batch.geometry[0]
    assert shapely.to_wkb(shape) == shapely.to_wkb(shapely.force_2d(line))


def test_layers_are_read_together_and_one_without_identifiers_is_named(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    write_layer(path, [NEW], [shapely.Point(SPOT)], layer="井盖")
    write_layer(path, [NEW | {"GLBJBSM": LAMP}], [shapely.Point(SPOT)], layer="路灯", append=True)
    write_layer(path, [{"road": "长江路"}], [shapely.Point(SPOT)], layer="道路", append=True)
    found = read(place, str(path))
    assert sorted(found.batch.code) == [COVER, LAMP]
    assert any("道路 has no column of identifiers; its 1 row(s) were left out" in note for note in found.notes)
    assert read(place, str(path), layers=("路灯",)).batch.code.tolist() == [LAMP]
    with pytest.raises(FileFault, match="道路 has no column of identifiers"):
        read(place, str(path), layers=("道路",))
    with pytest.raises(FileFault, match="no layer with shapes that is called 桥梁"):
        read(place, str(path), layers=("桥梁",))
    write_layer(path, [NEW], [shapely.Point(SPOT)], layer="又一层", append=True)
    assert any(
        "又一层 row 1: identifier" in text and "井盖 row 1 already" in text for text in faults(read(place, str(path)))
    )


def test_numbers_in_place_of_texts_keep_their_digits_or_are_refused(place: Place, tmp_path: Path) -> None:
    pyogrio.raw.write(
        tmp_path / "b.gpkg",
        geometry=np.array([shapely.to_wkb(shapely.Point(SPOT))], dtype=object),
        field_data=[np.array([int(COVER)]), np.array(["井盖"], dtype=object), np.array(["完好"], dtype=object)],
        fields=["code", "name", "state"],
        geometry_type="Point",
        crs=CRS,
        driver="GPKG",
    )
    assert read(place, str(tmp_path / "b.gpkg")).batch.code.tolist() == [COVER]
    pyogrio.raw.write(
        tmp_path / "c.gpkg",
        geometry=np.array([shapely.to_wkb(shapely.Point(SPOT))], dtype=object),
        field_data=[np.array([float(COVER)]), np.array(["井盖"], dtype=object), np.array(["完好"], dtype=object)],
        fields=["code", "name", "state"],
        geometry_type="Point",
        crs=CRS,
        driver="GPKG",
    )
    assert "make the column text" in faults(read(place, str(tmp_path / "c.gpkg"), scheme="2026"))[0]


def test_a_class_that_lost_its_leading_zero_is_the_identifiers(place: Place, tmp_path: Path) -> None:
    found = read_rows(place, tmp_path, row() | {"type": "1001"})
    assert not found.faults
    assert found.batch.type.tolist() == ["01001"]


def test_a_csv_in_another_encoding_asks_for_it(place: Place, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [row()], "gbk")
    with pytest.raises(FileFault, match="cannot be read as CSV in UTF-8.*--encoding GBK"):
        read(place, path, x="x", y="y", crs=CRS)
    assert read(place, path, x="x", y="y", crs=CRS, encoding="gbk").batch.name.tolist() == ["供水井盖"]
    with pytest.raises(BadOption, match="--encoding is 'klingon'"):
        read(place, path, x="x", y="y", crs=CRS, encoding="klingon")


def test_what_is_no_file_of_parts_is_refused_in_words(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").write_bytes(b"no database at all")
    with pytest.raises(FileFault, match="holds no layer of parts"):
        read(place, str(tmp_path / "a.gpkg"))
    with pytest.raises(BadOption, match="does not exist"):
        read(place, str(tmp_path / "b.gpkg"))
    with pytest.raises(FileFault, match="no file that can be read"):
        read(place, str(tmp_path / "b.csv"))
    with pytest.raises(FileFault, match="no column x; it has code, name.*--x"):
        read(place, write_csv(tmp_path / "c.csv", [{"code": COVER, "name": "a", "y": "1"}]), x="x", y="y")


def test_a_shapefile_whose_parts_contradict_each_other_is_refused(place: Place, tmp_path: Path) -> None:
    rows = [NEW, NEW | {"GLBJBSM": LAMP}]
    path = write_layer(tmp_path / "a.shp", rows, [shapely.Point(SPOT)] * 2, encoding="UTF-8")
    write_layer(tmp_path / "b.shp", rows[:1], [shapely.Point(SPOT)], encoding="UTF-8")
    (tmp_path / "a.dbf").write_bytes((tmp_path / "b.dbf").read_bytes())
    with pytest.raises(FileFault, match="damaged: 2 shapes, 2 in its index, 1 rows in its table"):
        read(place, path)


def test_the_document_names_every_column_of_ours_and_of_the_standards() -> None:
    formats = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    section = formats.partition("## Parts")[2].partition("\n## ")[0]
    assert f"`{','.join(COLUMNS)}`" in section
    for name in (n for names in FIELDS.values() for n in names):
        assert re.search(rf"\b{name}\b", section), name
