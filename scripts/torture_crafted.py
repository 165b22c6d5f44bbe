"""The crafted cases: the streets of Zhonglou with one thing wrong at a time."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Final

import shapely
from torture_person import Areas, Case, Person

from gis.crs import from_working

__all__ = ["CASES"]

STREETS: Final = {
    "320404001": "五星街道", "320404002": "永红街道", "320404003": "北港街道", "320404004": "西林街道",
    "320404005": "南大街街道", "320404006": "荷花池街道", "320404007": "新闸街道", "320404116": "邹区镇",
}  # fmt: skip
EXTENT: Final = (119.70, 31.70, 120.00, 31.90)  # around the outer boundary that the files share

CASES: list[Case] = []


def case(name: str, *, in_force: bool = False) -> Callable[[Callable[[Person], str]], Callable[[Person], str]]:
    def keep(judge: Callable[[Person], str]) -> Callable[[Person], str]:
        CASES.append(Case(name, None, in_force, judge))
        return judge

    return keep


def lands_in_zhonglou(p: Person, areas: Areas) -> None:
    west, south, east, north = shapely.total_bounds(areas.geometry)
    lon, lat = from_working([west, east], [south, north], working="EPSG:4549", crs="EPSG:4326")
    inside = EXTENT[0] < lon.min() < lon.max() < EXTENT[2] and EXTENT[1] < lat.min() < lat.max() < EXTENT[3]
    p.need(inside, f"the areas lie at {lon}, {lat}")
    p.need(lon.max() - lon.min() > 0.2, f"the district is {lon.max() - lon.min()} degrees wide")


def eight_streets(p: Person, path: str = "", **answers: str | bool) -> str:
    p.walk(path, level="street", **answers)
    areas = p.imports(8, path, level="street")
    p.need(areas.by_code == STREETS, f"the names are {areas.by_code}")
    lands_in_zhonglou(p, areas)
    return f"asked for {', '.join(p.asked) or 'nothing'}; 8 streets with right codes and names, in Zhonglou"


for _name in ("C01", "C02", "C03", "C44", "C45"):

    @case(_name)
    def _streets(p: Person) -> str:
        return eight_streets(p)


@case("C06")
def rare_characters(p: Person) -> str:
    p.walk(level="street", encoding="GB18030")
    areas = p.imports(4, level="street")
    p.need(
        areas.names == ["龘㙍𠀀䶮社区", "𬱖𬭚社区", "凌家社区居委会", "凌家社区居委会"], f"the names are {areas.names}"
    )
    return f"4 areas, {', '.join(areas.names)}"


@case("C10")
def northing_first(p: Person) -> str:
    first = p.again(level="street")
    p.need("--swap-axes" in first.text, f"no offer to swap: {first.text[:300]}")
    p.refused()
    return eight_streets(p, swap_axes=True)


@case("C11")
def latitude_first(p: Person) -> str:
    p.again(level="street")
    p.refused("119|latitude|swap")
    return eight_streets(p, swap_axes=True)


@case("C14")
def overlap(p: Person) -> str:
    last = p.walk(level="street")
    found = last.found("overlap")
    p.need(found and all(f["severity"] == "error" and f["area_m2"] for f in found), "no overlap with its area")
    pairs = {tuple(re.findall(r"\b320404\d{3}\b", f["text"])[:2]) for f in found}
    p.need(all("320404005" in pair and len(pair) == 2 for pair in pairs), f"pairs are {pairs}")
    total = sum(f["area_m2"] for f in found)
    p.need(abs(total - 176_311) < 1_764, f"the overlaps add up to {total:,.0f} m2, wanted 176,311 (1 %)")
    p.refused("both claim")
    return f"refused: {len(pairs)} neighbours of 320404005 overlapped, {total:,.0f} m2 together"


@case("C15")
def slivers(p: Person) -> str:
    first = p.again(level="street")
    p.need(len(first.findings) < 20, f"{len(first.findings)} findings at the usual accuracy")
    # two shrunk neighbours lie 0.8 m apart: below the accuracy of 1 m that the person states
    last = p.again(level="street", line_accuracy=1, document="1", source="s")
    found = last.found("sliver")
    others = [f for f in last.findings if f["kind"] in ("gap", "overlap")]
    p.need(len(found) == 1, f"{len(found)} sliver findings, {len(others)} gaps and overlaps: {last.text[:300]}")
    p.need(len(last.findings) < 20 and not others, f"{len(others)} gaps or overlaps beside the class of slivers")
    return f"one finding: {found[0]['text']}"


@case("C18")
def null_row(p: Person) -> str:
    p.walk(level="street")
    p.need(p.rows_of("geometry") == [2], f"rows {p.rows_of('geometry')} were reported")
    areas = p.imports(2, level="street")
    wanted = {"320404001": "五星街道", "320404003": "北港街道"}
    p.need(areas.by_code == wanted, f"stored are {areas.by_code}")
    return "2 in, row 2 reported, row 3 keeps 北港街道"


@case("C19")
def bad_codes(p: Person) -> str:
    last = p.walk(level="street", field_code="JDDM", field_name="JDMC")
    p.need(sorted(p.rows_of("code")) == [1, 4], f"code: rows {p.rows_of('code')}, wanted 1 (blank) and 4 (8 digits)")
    p.need(p.rows_of("duplicate-code") == [3], f"duplicate-code: rows {p.rows_of('duplicate-code')}, wanted 3")
    p.need(p.rows_of("name") == [2], f"name: rows {p.rows_of('name')}, wanted 2")
    p.refused()
    return f"refused: {last.text}"


@case("C20", in_force=True)
def two_code_systems(p: Person) -> str:
    before = p.export("street")
    last = p.walk(level="street")
    asked = {f["code"]: f["text"] for f in last.found("other-code") if f["severity"] in ("warning", "error")}
    p.need(set(asked) == {"320404010", "320404100"}, f"other-code names {sorted(asked)}: {last.text[:200]}")
    p.need("320404007" in asked["320404010"] and "320404116" in asked["320404100"], f"it says {asked}")
    n = len(p.releases())
    facts = (
        "--scope",
        "partial",
        "--valid-from",
        "2026-01-01",
        "--document",
        "1",
        "--source",
        "s",
        "--line-accuracy",
        "0.5",
    )
    bare = p.run("boundaries", "stage", str(p.folder), *facts, options=last.options)
    p.need(bare.code == 1 and len(p.releases()) == n, "staged without an answer to the question")
    after = p.export("street")
    p.need(after.by_code == before.by_code, "the streets in force changed")
    return f"blocked until accepted: {asked['320404010']}"


@case("C21")
def field_name_cut(p: Person) -> str:
    said = eight_streets(p, field_code="街道代码", field_name="A所属街道")
    fields = p.last.answer["layers"][0]["fields"] if p.last else {}
    p.need(fields.get("name") == "A所属街道", f"the fields are {fields}")
    return f"{said}; the broken half is dropped: {fields['name']}"


@case("C23", in_force=True)
def value_cut(p: Person) -> str:
    last = p.walk(level="community")
    found = last.found("truncated")
    p.need(len(found) == 1 and p.rows_of("truncated") == [1], f"truncated: {found}")
    p.need("邹区社区居委会（含邹" in found[0]["text"], f"it says {found[0]['text']}")
    p.need("�" not in found[0]["text"], "half a character is shown")
    against = "320404116001" in found[0]["text"] or any(
        "320404116001" in f["text"] and "邹区" in f["text"] for f in last.findings if f["kind"] in ("truncated", "name")
    )
    p.need(against, f"the name that is in force for 320404116001 is not held against it: {found[0]['text']}")
    return str(found[0]["text"])


@case("C24")
def dates(p: Person) -> str:
    p.walk(level="street", field_code="ID", field_name="RQ")
    p.need(sorted(p.rows_of("date")) == [2, 3], f"date: rows {p.rows_of('date')}, wanted 2 and 3")
    # its codes 1, 2, 3 are no street's: the file is about its dates
    p.refused("code")
    return "rows 2 and 3 are noted with 00000000 and 20240230, taken as empty; refused by its codes"


@case("C27")
def no_table(p: Person) -> str:
    p.walk(level="street")
    return p.refused(r"no \.dbf", "codes")


@case("C28")
def fewer_rows(p: Person) -> str:
    p.walk(level="street")
    return p.refused("8 shapes.*5 rows")


@case("C30")
def two_thousand_million_points(p: Person) -> str:
    last = p.walk(level="street", field_code="JDDM", field_name="JDMC")
    p.need(last.peak_mb < 400, f"memory rose to {last.peak_mb:.0f} MB")
    return f"{p.refused()} ({last.peak_mb:.0f} MB)"


@case("C31")
def huge(p: Person) -> str:
    p.walk(level="street", field_code="JDDM", field_name="JDMC")
    said = p.refused("not finite|outside")
    p.need("rows 1, 2" in said, f"the rows are not named: {said}")
    return said


@case("C34")
def many_vertices(p: Person) -> str:
    p.walk(level="street")
    areas = p.imports(1, level="street")
    n = int(shapely.get_num_coordinates(areas.geometry).sum())
    p.need(n == 43_643, f"{n} vertices are stored")
    point = shapely.point_on_surface(areas.geometry[0])
    found = p.run("locate", str(point.x), str(point.y), "--crs", "EPSG:4549", "--json")
    p.need(found.answer["levels"]["street"]["code"] == "320404116", f"locate says {found.out[:200]}")
    p.need(found.seconds < 10, f"locate took {found.seconds:.1f} s")
    return f"1 area with {n:,} vertices; located in {found.seconds:.1f} s, start of the command included"


@case("C42")
def kml(p: Person) -> str:
    first = eight_streets(p, "jd.kml")
    p.need(p.last is not None and p.last.answer["layers"][0]["crs"] == "EPSG:4326", "not read as WGS 84")
    p.walk("jd.kmz", level="street")
    p.need(p.last is not None and p.last.answer["layers"][0]["rows"] == 8, "the KMZ has not 8 rows")
    return f"{first}; the KMZ reads the same"


@case("C46")
def drawing(p: Person) -> str:
    p.walk(level="street")
    return p.refused("line|polygon|DXF")


@case("C47")
def gml(p: Person) -> str:
    return eight_streets(p, field_code="code")


@case("C49")
def wkt_in_csv(p: Person) -> str:
    p.walk(level="street", crs="EPSG:4549", encoding="GBK")
    return p.refused("csv|layer that can be opened|shapefile")


for _name, _words in (
    ("C50", "leads out|outside"),
    ("C52", "leads out|outside"),
    ("C53", "link"),
    ("C56", "2 times|twice|jd.shp"),
    ("C59", "password"),
):

    @case(_name)
    def _archive(p: Person, words: str = _words) -> str:
        p.walk(level="street")
        return p.refused(words)


@case("C54")
def from_a_mac(p: Person) -> str:
    return eight_streets(p, "mac.zip")


@case("C58")
def windows_names(p: Person) -> str:
    said = eight_streets(p, "gbk.zip")
    file = p.last.answer["layers"][0]["file"] if p.last else ""
    p.need(file == "街道边界.shp", f"the file is called {file!r}")
    copy = shutil.copy(p.folder / "gbk.zip", p.work / "out" / "街道.zip")
    p.need(
        p.run("boundaries", "check", str(copy), "--level", "street").code == 0, "a zip with a Chinese name is refused"
    )
    return f"{said}; named {file}"
