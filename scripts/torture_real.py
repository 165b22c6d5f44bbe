"""The real shapefiles: published by people, and broke readers before."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyogrio
import shapely
from torture_person import Case, Person, PlaceFile

__all__ = ["CASES", "case", "layer", "place", "reads"]

CASES: list[Case] = []
ANY: Final = r".+"


def place(name: str, crs: str, extent: tuple[float, float, float, float], code: str = ANY) -> PlaceFile:
    return PlaceFile(name, crs, extent, (("area", code),), coverage=False)


ANHUI: Final = place("Anhui", "EPSG:4548", (114.8, 29.3, 119.7, 34.7), r"\d{4}")
HEILONGJIANG: Final = place("Heilongjiang", "EPSG:32652", (121.0, 43.4, 135.2, 53.7), r"\d{6}")
SHENZHEN: Final = PlaceFile("Shenzhen", "EPSG:4547", (113.7, 22.4, 114.7, 22.9), (("area", r"\d+-\d+"),))
AUSTRALIA: Final = place("Kangaroo Island", "EPSG:28353", (136.4, -36.2, 138.2, -35.5), r"\d{5}")
MASSACHUSETTS: Final = place("Massachusetts", "EPSG:26986", (-73.6, 41.2, -69.8, 42.9), r"[A-Z]+")
STATEN_ISLAND: Final = place("Staten Island", "EPSG:26918", (-74.3, 40.45, -74.0, 40.7), r"\d{5}")
ATLANTIC: Final = place("Atlantic", "EPSG:32625", (-32.27, -0.01, -32.25, 0.01), r"\d+")
LONDON: Final = place("London, Ontario", "EPSG:26917", (-81.4, 42.85, -81.1, 43.1), r"\d+")
NOWHERE: Final = place("Nowhere", "EPSG:32631", (-1.0, -1.0, 1.0, 1.0))


def case(name: str, where: PlaceFile = NOWHERE) -> Callable[[Callable[[Person], str]], Callable[[Person], str]]:
    def keep(judge: Callable[[Person], str]) -> Callable[[Person], str]:
        CASES.append(Case(name, where, False, judge))
        return judge

    return keep


def layer(p: Person) -> dict[str, Any]:
    found = p.last.answer.get("layers", []) if p.last else []
    p.need(found, f"nothing was read: {p.last.text[:300] if p.last else ''}")
    return dict(found[0])


def reads(p: Person, text: str, table: str) -> str:
    """The encoding that the check decided on turns the bytes of the table into this text."""
    found = p.encoding()
    p.need(found not in ("", "?"), f"no encoding was decided on: {p.last.text[:300] if p.last else ''}")
    p.need(text.encode(found) in (p.folder / table).read_bytes(), f"as {found} it does not read {text}")
    return found


@case("R01", ANHUI)
def anhui(p: Person) -> str:
    last = p.walk(level="area", crs="EPSG:4490", field_code="COUNTY_ID", field_name="NAME99", repair=True)
    p.needs_asked("--crs")
    areas = p.imports(78)
    p.need({"天长市", "全椒县", "和县"} <= set(areas.names), f"the names are {areas.names[:5]}")
    read = f"78 counties, {last.answer['layers'][0]['encoding']}: {', '.join(areas.names[:3])}"
    return f"asked for {', '.join(p.asked)}; {read}"


@case("R02", HEILONGJIANG)
def heilongjiang(p: Person) -> str:
    last = p.walk(level="area", encoding="GBK", field_code="ADCODE99", field_name="NAME", repair=True)
    said = [f["text"] for f in last.found("encoding")]
    p.need("--encoding" in p.asked or said, "the encoding was neither asked for nor told")
    areas = p.imports(1)
    p.need(areas.names == ["黑龙江省"], f"the name is {areas.names}")
    return f"asked for {', '.join(p.asked)}; 黑龙江省; {' '.join(said)}"


@case("R05", SHENZHEN)
def grid(p: Person) -> str:
    p.again(level="area")
    p.refused("crs", "no field holds codes")
    meta, _, wkb, columns = pyogrio.raw.read(p.folder / "grid.shp")
    of = dict(zip(meta["fields"].tolist(), columns, strict=True))
    codes = np.array([f"{a}-{b}" for a, b in zip(of["LONCOL"], of["LATCOL"], strict=True)], dtype=object)
    target, fields = p.work / "out/grid.gpkg", ["code", "name"]
    with warnings.catch_warnings(action="ignore"):  # it is meant to have no CRS
        pyogrio.raw.write(target, wkb, [codes, codes], fields, geometry_type="Polygon", crs=None, driver="GPKG")
    last = p.walk(target, level="area", crs="EPSG:4326", field_code="code", field_name="name")
    p.need(not last.found("overlap"), f"{len(last.found('overlap'))} overlaps")
    p.need(not last.found("sliver"), f"cells do not touch: {last.text[:300]}")
    p.need(last.seconds < 30, f"the check took {last.seconds:.0f} s")
    p.imports(9005, target)
    return (
        f"asked for CRS and code; with codes of column and row 9,005 cells, no overlap, checked in {last.seconds:.1f} s"
    )


@case("R06")
def tables_alone(p: Person) -> str:
    p.walk(level="area")
    return p.refused(r"\.shp|layer that can be opened")


@case("R07")
def fox_pro(p: Person) -> str:
    p.again(level="landmark", field_name="NAME")
    found = reads(p, "简体", "chinese.dbf")
    p.again(level="area")
    return f"reads 简体 as {found}; as areas {p.refused('Point')}"


@case("R09")
def ansi_1250(p: Person) -> str:
    last = p.again("codepage.shp", level="landmark", field_name="field", crs="EPSG:4326")
    found = reads(p, "Hněvošický háj", "codepage.dbf")
    p.need("1250" in found or last.found("encoding"), f"read as {found} without a warning")
    p.again("codepage.shp", level="area")
    return f"Hněvošický háj as {found}; as areas {p.refused('Point', path='codepage.shp')}"


@case("R10")
def html_for_a_code_page(p: Person) -> str:
    last = p.again(level="landmark", field_name="field")
    said = [f for f in last.found("encoding") if f["severity"] in ("warning", "error")]
    p.need(said, f"no warning of the .cpg: {last.text[:300]} {last.findings}")
    found = reads(p, "Hněvošický háj", "htmlcpg.dbf") if p.encoding() != "?" else "asked for"
    p.again(level="area")
    p.refused("Point")
    return f"{said[0]['text']} ({found})"


@case("R12")
def no_shapefile(p: Person) -> str:
    p.walk(level="area", crs="EPSG:4326")
    return p.refused("no shapefile")


@case("R13", AUSTRALIA)
def null_geometries(p: Person) -> str:
    p.walk(level="area", repair=True)
    rows = p.rows_of("geometry")
    p.need(sorted(rows) == [n for n in range(1, 14) if n != 5], f"rejected rows named: {rows}, wanted all 12 but row 5")
    areas = p.imports(1)
    p.need(areas.codes == ["42750"], f"stored is {areas.codes}")
    return f"1 stored (42750), rows {', '.join(map(str, rows))} reported"


@case("R14", MASSACHUSETTS)
def counties(p: Person) -> str:
    last = p.walk(level="area", crs="EPSG:4269", field_code="COUNTY", field_name="COUNTY")
    p.needs_asked("--crs")
    found = last.found("invalid")
    rows = sorted(p.rows_of("invalid"))
    p.need(rows == [1, 4, 5, 7, 9, 11, 12, 13, 14], f"invalid rows {rows}")
    p.need(all(f["x"] is not None and "m²" in f["text"] for f in found), "one of them has no place or no area")
    p.refused("no valid polygon")
    mended = p.run("boundaries", "check", str(p.folder), "--json", "--repair", options=last.options)
    notes, left = mended.found("repaired"), mended.found("invalid")
    p.need(not last.found("repaired") and len(notes) + len(left) == 9, f"{len(notes)} repaired, {len(left)} not")
    p.need(all(re.search(r"[+-][\d,.]+ m²", f["text"]) for f in notes), "a repair without its change of area")
    p.need(all(len(re.findall(r"[\d,.]+ m²", f["text"])) == 2 for f in left), "an ambiguous one without both areas")
    said = (notes or left)[0]["text"]
    return f"9 invalid with place; --repair mends {len(notes)}, {len(left)} have two readings: {said}"


for _name, _words in (
    ("R18", "zip"),
    ("R23", "no layer|no manifest"),
    ("R46", "no shapefile"),
    ("R34", "Point|damaged|agree|bytes"),
):

    @case(_name)
    def _refused(p: Person, words: str = _words) -> str:
        p.walk(level="area", crs="EPSG:4326")
        return p.refused(words)


@case("R20")
def folder_in_zip(p: Person) -> str:
    p.again("REL.zip", level="area")
    text = p.last.text if p.last else ""
    p.need(
        "releaseArea20090407" in f"{p.last.answer if p.last else ''} {text}", f"the layer is not named: {text[:300]}"
    )
    return f"found REL/releaseArea20090407.shp: {text}"


@case("R24")
def nothing_in_it(p: Person) -> str:
    p.walk(level="area", crs="EPSG:4326")
    return p.refused(r"\b0 records")


@case("R25")
def header_too_long(p: Person) -> str:
    p.walk(level="area", crs="EPSG:4326")
    said = p.refused(r"LineString|bytes")
    p.again(level="road", crs="EPSG:32631", field_name="test")
    return f"{said} As roads: {layer(p)['rows'] if p.last and p.last.answer else p.last and p.last.text} rows"


@case("R26")
def no_index(p: Person) -> str:
    last = p.walk(level="area", crs="EPSG:4326", encoding="ISO-8859-1", field_code="id", field_name="Name")
    p.need(any("shx" in f["text"] for f in last.findings), f"nothing says that the .shx is missing: {last.text[:300]}")
    areas = p.imports(1)
    p.need(areas.names == ["Ñandú"], f"the name is {areas.names}")
    return f"asked for {', '.join(p.asked)}; .shx rebuilt and told; 1 area Ñandú"


@case("R27")
def minus_infinity(p: Person) -> str:
    p.walk("invalid_coordinates.shp", level="area")
    return p.refused("not finite", r"row\w* 1", path="invalid_coordinates.shp")


@case("R28", STATEN_ISLAND)
def five_systems(p: Person) -> str:
    asked: dict[str, list[str]] = {}
    shapes: dict[str, Any] = {}
    for name in ("a_utm", "b_utm", "c_utm", "d_geo", "e_merc"):
        p.walk(f"{name}.shp", level="area", crs="EPSG:26918", field_code="POSTAL", field_name="NAME")
        asked[name] = list(p.asked)
        n = 1 if name == "a_utm" else 2  # a is 10305; the others are all 10304, each in the place of the one before
        areas = p.imports(n, f"{name}.shp", scope="partial", valid_from=f"202{len(shapes)}-01-01")
        shapes[name] = areas.geometry[areas.codes.index("10305" if n == 1 else "10304")]
    p.need([n for n, a in asked.items() if "--crs" in a] == ["c_utm"], f"asked: {asked}")
    one = shapes["b_utm"]
    far = {n: float(shapely.hausdorff_distance(shapes[n], one)) for n in ("c_utm", "d_geo", "e_merc")}
    p.need(max(far.values()) < 2.0, f"they lie apart: {far}")
    p.need(shapely.distance(shapes["a_utm"], one) < 2_000, "a lies elsewhere")
    return f"only c asks for its CRS; b, c, d, e within {max(far.values()):.2f} m of each other, a beside them"


@case("R29")
def corrupt_lines(p: Person) -> str:
    said = []
    for name in ("data_corruption_error.shp", "max_callstack_error.shp"):
        p.walk(name, level="area")
        said.append(p.refused("LineString", path=name))
    return " ".join(said)


@case("R35")
def accents(p: Person) -> str:
    p.walk("Åéìòù.shp", level="area", crs="EPSG:4326")
    said = p.refused("Åéìòù", r"\b0 records", path="Åéìòù.shp")
    p.walk("pointtest.shp", level="area", crs="EPSG:4326")
    p.refused("Point", path="pointtest.shp")
    return said


@case("R38")
def cyrillic(p: Person) -> str:
    p.again(level="landmark", field_name="TEXT")
    found = reads(p, "Кириллица", "rus-windows-1251.dbf")
    p.again(level="area")
    return f"Кириллица as {found}; as areas {p.refused('Point')}"


@case("R39")
def one_point(p: Person) -> str:
    p.walk(level="area")
    said = p.refused("LineString|cannot be read|geometry")
    rows = sorted({int(n) for n in re.findall(r"\d+", said.partition("(rows")[2].partition(")")[0])})
    p.need(rows == [1, 2, 3], f"rows named: {rows}: {said}")
    return said


@case("R43", ATLANTIC)
def nested(p: Person) -> str:
    p.walk(level="area", crs="EPSG:4326", field_code="id", field_name="id")
    areas = p.imports(1)
    parts = shapely.get_parts(areas.geometry)
    holes = int(shapely.get_num_interior_rings(parts).sum())
    p.need(len(parts) == 2 and holes, f"{len(parts)} parts, {holes} holes")
    outer, island = sorted(parts, key=lambda part: -shapely.Polygon(part.exterior).area)
    hole = shapely.Polygon(outer.interiors[0])
    p.need(hole.contains(island) and outer.disjoint(island), "the island does not lie in the hole")
    return f"asked for {', '.join(p.asked)}; one multipolygon, an island (with a hole of its own) in the hole"


@case("R44")
def all_null(p: Person) -> str:
    p.walk(level="area", crs="EPSG:4326")
    said = p.refused("no geometry")
    p.need("row" in said, f"no rows named: {said}")
    return said


@case("R49")
def multipatch(p: Person) -> str:
    last = p.walk(level="area", crs="EPSG:32631", field_code="ID", field_name="ID")
    if last.code == 0 or last.found("dimension"):
        p.need(last.found("dimension"), f"3D without a note: {last.text[:300]}")
        return f"taken in 2D: {last.found('dimension')[0]['text']}"
    return p.refused("geometry|polygon")


@case("R50", LONDON)
def london(p: Person) -> str:
    p.walk(level="area", crs="EPSG:26917", field_code="EAS_", field_name="EAS_", encoding="ASCII")
    p.needs_asked("--crs")
    p.need(sorted(p.rows_of("invalid")) == [232, 379], f"invalid rows {p.rows_of('invalid')}, wanted 232 and 379")
    return f"asked for {', '.join(p.asked)}; {p.refused('row 232', 'row 379')}"
