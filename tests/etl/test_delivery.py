"""A delivery folder: read in GBK, every fault found at once, each with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
import town
from conftest import PLACE_FILE

from etl.delivery import Checked, check_delivery
from etl.fields import Known
from etl.manifest import Asked
from etl.read import Around
from etl.validate import check_layers
from gis.areas import DeliveredLayer
from gis.errors import BadOption, DeliveryFault, FileFault
from gis.place import read_place

PLACE = read_place(PLACE_FILE)


def check(folder: Path) -> Checked:
    return check_delivery(folder, PLACE)


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "manifest.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_good_delivery_reads_as_it_was_drawn(tmp_path: Path) -> None:
    checked = check(town.write_delivery(tmp_path / "d"))
    assert [(f.kind, f.level) for f in checked.findings if f.severity != "note"] == [("gap", "street")]
    street, community, cell = checked.layers
    assert street.names.tolist() == ["东街", "西街", "北镇"]
    assert dict(zip(community.codes, community.has_children, strict=True))["320404116026"] is np.False_
    assert (len(street), len(community), len(cell)) == (3, 6, 21)
    for read, drawn in zip(checked.layers, town.layers(), strict=True):
        order = {code: i for i, code in enumerate(drawn.codes)}
        assert all(shapely.equals(read.geometry, drawn.geometry[[order[c] for c in read.codes]]))


def test_a_delivery_in_another_crs_is_moved_to_the_working_one(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    for name in ("JD", "SQ", "WG"):
        meta, _, wkb, columns = pyogrio.raw.read(folder / f"{name}.shp", encoding="GBK")
        geometry = shapely.transform(shapely.from_wkb(wkb), lambda c: c + np.array([40_000_000.0, 0.0]))
        pyogrio.raw.write(
            folder / f"{name}.shp", geometry=shapely.to_wkb(geometry), field_data=list(columns),
            fields=list(meta["fields"]),
            geometry_type="MultiPolygon", crs="EPSG:4528", driver="ESRI Shapefile", encoding="GBK",
        )  # fmt: skip
    text = (folder / "manifest.toml").read_text(encoding="utf-8").replace("EPSG:4549", "EPSG:4528")
    (folder / "manifest.toml").write_text(text, encoding="utf-8")
    refresh_sums(folder)
    west, south, *_ = shapely.total_bounds(check(folder).layers[0].geometry)
    assert (round(west, 3), round(south, 3)) == (town.EAST, town.NORTH)


def refresh_sums(folder: Path) -> None:
    import hashlib
    import re

    path = folder / "manifest.toml"

    def fresh(match: re.Match[str]) -> str:
        return f'"{match.group(1)}" = "{hashlib.sha256((folder / match.group(1)).read_bytes()).hexdigest()}"'

    path.write_text(
        re.sub(r'"([A-Z]+\.\w+)" = "[0-9a-f]{64}"', fresh, path.read_text(encoding="utf-8")), encoding="utf-8"
    )


def test_every_fault_of_a_manifest_is_named_at_once(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    edit(folder, 'title = "小镇 SYNTHETIC"', "title = 3")
    edit(folder, "line_accuracy_m = 0.5", "line_accuracy_m = 0")
    edit(folder, 'level = "community"', 'level = "parish"')
    edit(folder, 'crs = "EPSG:4549"', 'crs = "local"')
    edit(folder, 'file = "WG.shp"', 'file = "../WG.shp"')
    with pytest.raises(FileFault) as caught:
        check(folder)
    for words in (
        "5 fault(s)",
        "release.title is 3",
        "line_accuracy_m is 0",
        "'parish'",
        "'local'",
        "'../WG.shp' is not in the folder",
    ):
        assert words in str(caught.value)


def test_a_file_changed_after_its_manifest_is_refused(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    with (folder / "SQ.dbf").open("r+b") as file:
        file.seek(200)
        file.write(b"X")
    with pytest.raises(
        FileFault, match=r"SQ\.dbf has another checksum than its manifest says; ask for the delivery again"
    ):
        check(folder)


def test_a_folder_without_a_manifest_says_what_a_delivery_is(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match=r"holds no manifest\.toml and no layer that can be opened"):
        check(tmp_path)


def test_a_prj_that_contradicts_the_manifest_is_not_guessed_over(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    edit(folder, 'crs = "EPSG:4549"', 'crs = "EPSG:4548"')
    with pytest.raises(FileFault, match="the manifest says EPSG:4548; ask the survey office which is right"):
        check(folder)


def test_a_missing_field_is_named_with_those_there(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    edit(folder, 'code = "DM"', 'code = "CODE"')
    with pytest.raises(FileFault, match="has no field CODE; it has DM, MC, SJDM"):
        check(folder)


def test_a_file_that_only_calls_itself_a_shapefile_is_not_opened(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    (folder / "JD.shp").write_text('<OGRVRTDataSource><OGRVRTLayer name="x"/></OGRVRTDataSource>')
    refresh_sums(folder)
    with pytest.raises(FileFault, match="which is no shapefile"):
        check(folder)


def broken(change: str) -> tuple[list[DeliveredLayer], str]:
    """The town's layers with one fault, and the kind of finding it must give."""
    street, community, cell = town.layers()
    geometry, codes, parents = cell.geometry.copy(), cell.codes.copy(), cell.parents.copy()
    kind = change
    if change == "overlap":
        geometry[0] = shapely.multipolygons([shapely.buffer(geometry[0], 1.0, join_style="mitre")])
    elif change == "code":
        codes[3] = "12"
    elif change == "duplicate-code":
        codes[3] = codes[2]
    elif change == "parent":
        parents[3] = "320404009001"
    elif change == "invalid":
        geometry[2] = shapely.multipolygons([shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])])
    elif change == "gap":
        geometry, codes, parents = geometry[1:], codes[1:], parents[1:]
    elif change == "nesting":
        geometry[0] = shapely.multipolygons([town.square(9, 0, 4)])
    elif change == "childless":
        keep = parents != parents[0]
        geometry, codes, parents = geometry[keep], codes[keep], parents[keep]
    n = len(codes)
    layer = replace(
        cell, codes=codes, parents=parents, geometry=geometry, names=cell.names[:n], names_en=cell.names_en[:n]
    )
    layer = replace(layer, residents=cell.residents[:n], has_children=cell.has_children[:n])
    return [street, community, layer], kind


@pytest.mark.parametrize(
    "change", ["overlap", "code", "duplicate-code", "parent", "invalid", "gap", "nesting", "childless"]
)
def test_each_fault_of_an_area_is_found_with_its_level_code_and_place(change: str) -> None:
    layers, kind = broken(change)
    found = [f for f in check_layers(layers, PLACE)[1] if f.kind == kind and f.level == "cell"]
    assert found
    # ground as large as a cell may be meant; a slip of the pen is an error
    severity = "warning" if change == "gap" else "error"
    assert all(f.severity == severity and f.code and np.isfinite([f.x, f.y]).all() for f in found)


def test_errors_block_a_delivery_and_all_are_listed(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d", drawing="aabb aabb ddee d.ee".replace(" ", "\n"))
    checked = check(folder)
    checked.require_clean({"gap": "a lake"})
    meta, _, wkb, columns = pyogrio.raw.read(folder / "WG.shp", encoding="GBK")
    columns[0][0], columns[0][1] = "1", "2"
    pyogrio.raw.write(
        folder / "WG.shp", geometry=wkb, field_data=list(columns), fields=list(meta["fields"]),
        geometry_type="MultiPolygon",
        crs="EPSG:4549", driver="ESRI Shapefile", encoding="GBK",
    )  # fmt: skip
    refresh_sums(folder)
    with pytest.raises(DeliveryFault) as caught:
        check(folder).require_clean({})
    assert str(caught.value).count("error code") == 2


def test_map_features_need_codes_of_their_own(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    pyogrio.raw.write(
        folder / "DL.shp", geometry=shapely.to_wkb(np.array([shapely.LineString([town.at(0, 0), town.at(1, 1)])] * 3)),
        field_data=[np.array(["R1", "R1", ""], dtype=object), np.array(["长江路", "延陵路", "无名路"], dtype=object)],
        fields=["DM", "MC"], geometry_type="LineString", crs="EPSG:4549", driver="ESRI Shapefile", encoding="GBK",
    )  # fmt: skip
    sums = "".join(f'"DL.{end}" = "{"0" * 64}"\n' for end in ("shp", "shx", "dbf", "prj", "cpg"))
    with (folder / "manifest.toml").open("a", encoding="utf-8") as file:
        file.write('[[layer]]\nlevel = "road"\nfile = "DL.shp"\nfields = { code = "DM", name = "MC" }\n')
        file.write(f"[layer.sha256]\n{sums}")
    refresh_sums(folder)
    found = [(f.kind, f.code) for f in check(folder).findings if f.level == "road" and f.severity == "error"]
    assert found == [("duplicate-code", "R1"), ("code", "")]


def test_a_zip_of_a_delivery_is_a_delivery(tmp_path: Path) -> None:
    import shutil

    folder = town.write_delivery(tmp_path / "in/钟楼成果")
    archive = shutil.make_archive(str(tmp_path / "成果"), "zip", tmp_path / "in")
    plain, zipped = check(folder), check(Path(archive))
    assert zipped.manifest.hash == plain.manifest.hash
    assert [len(layer) for layer in zipped.layers] == [3, 6, 21]


def test_cells_decide_and_what_the_survey_drew_above_them_is_kept(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    meta, _, wkb, columns = pyogrio.raw.read(folder / "SQ.shp", encoding="GBK")
    geometry = shapely.from_wkb(wkb)
    at = columns[0].tolist().index("320404001001")
    geometry[at] = shapely.union_all([geometry[at], shapely.box(*town.at(2, 2), *town.at(2.1, 1))])
    pyogrio.raw.write(
        folder / "SQ.shp", geometry=shapely.to_wkb(geometry), field_data=list(columns), fields=list(meta["fields"]),
        geometry_type="MultiPolygon", crs="EPSG:4549", driver="ESRI Shapefile", encoding="GBK",
    )  # fmt: skip
    refresh_sums(folder)
    checked = check(folder)
    kinds = {(f.kind, f.severity) for f in checked.findings if f.level == "community"}
    assert ("overlap", "error") in kinds  # the two communities both claim the strip
    assert ("dissolved", "note") in kinds
    community = checked.layers[1]
    j = community.codes.tolist().index("320404001001")
    assert shapely.area(community.geometry[j]) == pytest.approx(40_000)
    assert community.delivered is not None
    assert shapely.area(community.delivered[j]) == pytest.approx(41_000)


def test_a_single_file_asks_for_what_nobody_said(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    checked = check_delivery(folder / "JD.shp", PLACE, asked=Asked(level="street", facts={"source": "survey"}))
    assert [len(layer) for layer in checked.layers] == [3]
    with pytest.raises(DeliveryFault, match=r"does not say what it is: release.document.*Give --document"):
        checked.require_clean({"gap": "a lake"})
    with pytest.raises(BadOption, match="--level is None"):
        check_delivery(folder / "JD.shp", PLACE)


def known(**names: str) -> Around:
    return Around(known={"street": Known({code[1:]: name for code, name in names.items()})})


def test_another_offices_number_for_a_street_is_asked_about_and_a_whole_level_recoded_is_told(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    asked = Asked(level="street")

    def severity(around: Around) -> list[tuple[str, str]]:
        found = check_delivery(folder / "JD.shp", PLACE, asked=asked, around=around).findings
        return [(f.severity, f.code) for f in found if f.kind == "other-code"]

    few = known(_320404001="东街", _320404009="西街", _320404116="北镇")
    assert severity(few) == [("note", "320404002")]
    many = known(_320404001="东街", _320404009="西街", **{f"_32040402{i}": f"{i}街" for i in range(6)})
    assert severity(many) == [("warning", "320404002")]


def test_a_name_cut_in_mid_character_is_shown_beside_the_one_in_force(tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d")
    table = folder / "JD.dbf"
    raw = bytearray(table.read_bytes())
    at = raw.index("东街".encode("gbk"))
    raw[at + 3] = 0x20  # the second half of 街 is gone, as a field too short leaves it
    long = "东街街道办事处".encode("gbk")
    raw[at : at + len(long) - 1] = long[:-1]
    table.write_bytes(raw)
    found = check_delivery(
        folder / "JD.shp", PLACE, asked=Asked(level="street", encoding="GBK"), around=known(_320404001="东街街道办事处")
    ).findings
    cut = next(f for f in found if f.kind == "truncated")
    assert "kept is '东街街道办事'" in cut.text
    assert "In force 320404001 is called '东街街道办事处'." in cut.text
