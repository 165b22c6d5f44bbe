"""The real cases that are no shapefile: GeoPackage, FlatGeobuf, KML, geodatabase, GeoJSON; and the odd values."""

from __future__ import annotations

import re
import socket
import threading
from typing import Final

import shapely
from torture_agreement import agreement
from torture_person import Person
from torture_real import case, layer, place, reads

LAKES: Final = place("Lakes", "EPSG:32633", (11.0, 3.0, 17.0, 9.0), r"-?\d+")
BRITISH_COLUMBIA: Final = place("West", "EPSG:3005", (-130.0, 51.0, -121.0, 56.0))
WORLD: Final = place("World", "EPSG:6933", (-180.0, -90.0, 180.0, 90.0), r"[A-Z]{3}|-99")
MIXED: Final = place("Mixed", "EPSG:32633", (0.0, -6.0, 46.0, 41.0))
ALBANIA: Final = place("Albania", "EPSG:32634", (19.2, 39.5, 20.8, 42.7))
CAMPUS: Final = place("Campus", "EPSG:26910", (-122.2, 37.3, -122.0, 37.5))
BOSTON_POLICE: Final = place("Boston", "EPSG:26986", (-71.2, 42.2, -70.9, 42.45), r"[A-E]\d{1,2}")
BOSTON: Final = place("Boston", "EPSG:26986", (-71.2, 42.2, -70.9, 42.45), r"\d{4}A?")
STATES: Final = place("Four corners", "EPSG:5070", (-114.1, 31.3, -102.0, 45.1), r"[A-Z]{2}")


@case("R53", LAKES)
def undefined_system(p: Person) -> str:
    p.walk(level="area", crs="EPSG:4326", field_code="id", field_name="name")
    p.needs_asked("--crs")
    p.need(p.rows_of("geometry") == [2], f"rows {p.rows_of('geometry')} reported, wanted 2")
    areas = p.imports(1)
    p.need(areas.names == ["muddy"], f"stored is {areas.names}")
    return "asked for the CRS; row 2 reported, muddy stored"


@case("R54", BRITISH_COLUMBIA)
def curves(p: Person) -> str:
    said = []
    for name in ("curvepolygon.gpkg", "multisurface.gpkg"):
        last = p.again(name, level="area")
        notes = last.found("curves")
        p.need(notes and re.search(r"\d", notes[0]["text"]), f"{name}: no tolerance is told: {last.text[:200]}")
        p.need(layer(p)["rows"] == 1, f"{name}: {layer(p)['rows']} rows")
        said.append(notes[0]["text"])
    return str(said[0])


@case("R56")
def open_transaction(p: Person) -> str:
    p.walk(level="area", layer="cities")
    p.need(all(n in " ".join(p.said) for n in ("cities", "nz-cities")), "its layers are not listed")
    p.needs_asked("--layer")
    return p.refused("Point")


@case("R57", WORLD)
def flat_geobuf(p: Person) -> str:
    last = p.walk("countries.fgb", level="area", field_code="id", field_name="name", repair=True)
    p.need(layer(p)["rows"] == 179, f"{layer(p)['rows']} rows")
    trouble = {f["code"] for f in (*last.found("invalid"), *last.found("repaired"))}
    p.need({"ATA", "CAN"} <= trouble, f"invalid or repaired: {sorted(trouble)}")
    p.walk("empty.fgb", level="area")
    said = p.refused(r"\b0 records", path="empty.fgb")
    p.again("poly00.fgb", level="area", field_code="EAS_ID", field_name="EAS_ID")
    p.need(layer(p)["rows"] == 10, f"poly00.fgb: {layer(p)['rows']} rows")
    return f"countries: 179 rows, {', '.join(sorted(trouble))} invalid; empty.fgb {said}; poly00.fgb: 10 rows"


@case("R58", MIXED)
def mixed(p: Person) -> str:
    p.walk(level="area", crs="EPSG:4326")
    p.need(sorted(p.rows_of("geometry")) == [1, 2], f"rows {p.rows_of('geometry')} reported, wanted 1 and 2")
    p.needs_asked("--crs")
    return f"rows 1 (Point) and 2 (LineString) reported, row 3 read; it has no fields, so {p.refused('no field')}"


@case("R59", ALBANIA)
def kmz(p: Person) -> str:
    last = p.walk(level="landmark", field_name="Name")
    p.need(layer(p)["rows"] == 63, f"{layer(p)['rows']} rows")
    p.need(last.peak_mb < 400, f"memory rose to {last.peak_mb:.0f} MB")
    p.walk(level="area", field_code="Name", field_name="Name")
    p.need(p.last is not None and p.last.answer, f"no polygon is read: {p.last.text if p.last else ''}")
    return f"{layer(p)['rows']} rows read as areas"


@case("R60", CAMPUS)
def sample_kml(p: Person) -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        calls: list[object] = []
        listener.settimeout(0.5)
        stop = threading.Event()
        thread = threading.Thread(target=_answer, args=(listener, calls, stop))
        thread.start()
        here = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        text = (p.folder / "KML_Samples.kml").read_text(encoding="utf-8")
        copy = p.work / "out/KML_Samples.kml"
        changed, n = re.subn(r"https?://[^/<\"]+/", here, text.partition("<Document>")[2])
        copy.write_text(text.partition("<Document>")[0] + "<Document>" + changed, encoding="utf-8")
        p.walk(copy, level="area", layer="Google Campus", field_code="Name", field_name="Name")
        stop.set()
        thread.join()
    p.need(n > 8 and not calls, f"{len(calls)} calls over the network")
    p.needs_asked("--layer")
    p.need(p.last is not None and p.last.found("dimension"), "the heights are dropped without a word")
    areas = p.imports(4, copy)
    return f"listed its folders and asked; {', '.join(areas.names)}; none of {n} addresses was called"


def _answer(listener: socket.socket, calls: list[object], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            connection, who = listener.accept()
        except TimeoutError:
            continue
        calls.append(who)
        connection.close()


@case("R61")
def file_geodatabase(p: Person) -> str:
    last = p.walk("testopenfilegdb.gdb.zip", level="area")
    names = ("point", "multipoint", "linestring", "polygon")
    p.need(all(name in last.message for name in names) and "--layer" in last.message, f"it says {last.message[:300]}")
    return p.refused("--layer", path="testopenfilegdb.gdb.zip")


@case("R64", BOSTON_POLICE)
def police(p: Person) -> str:
    p.again(level="area", field_code="DISTRICT", field_name="ID")
    p.refused(r"--crs")
    p.need("2249" in (p.last.text if p.last else ""), f"EPSG:2249 is not named: {p.last.text[:400] if p.last else ''}")
    p.walk(level="area", crs="EPSG:2249", field_code="DISTRICT", field_name="ID", repair=True)
    p.needs_asked("--crs")
    areas = p.imports(12)
    west, south, east, north = shapely.total_bounds(areas.geometry)
    p.need(215_000 < west < east < 260_000 and 880_000 < south < north < 915_000, "they lie outside Boston")
    return f"refused as degrees, EPSG:2249 named; with it 12 districts: {', '.join(areas.codes)}"


@case("R65", BOSTON)
def precincts(p: Person) -> str:
    p.again(level="area", field_code="WARD_PRECINCT", field_name="WARD_PRECINCT")
    p.refused(r"--crs")
    p.need("2249" in (p.last.text if p.last else ""), f"EPSG:2249 is not named: {p.last.text[:400] if p.last else ''}")
    p.walk(level="area", crs="EPSG:2249", field_code="WARD_PRECINCT", field_name="WARD_PRECINCT", repair=True)
    p.imports(255)
    p.need(p.requests is not None, "255 precincts are stored; no requests to measure with: --requests FOLDER")
    n, agree = agreement(p, p.woken)
    p.need(n == 103_848 and round(100 * agree / n, 2) == 94.35, f"{agree} of {n} agree, {100 * agree / n:.2f} %")
    return f"refused as degrees, EPSG:2249 named; with it {100 * agree / n:.2f} % of {n:,} requests agree"


@case("R66", STATES)
def nulls(p: Person) -> str:
    p.again("date-property.shp", level="landmark", field_name="date", crs="EPSG:4326")
    p.need(layer(p)["rows"] == 3, "3 dates")
    p.again("null.shp", level="landmark", field_name="FID")
    p.need(layer(p)["rows"] == 9, "9 rows with null shapes")
    p.again("utf8-property.shp", level="landmark", field_name="☃")
    p.need(reads(p, "ηελλο ςορλδ", "utf8-property.dbf") == "utf-8", f"read as {p.encoding()}")
    last = p.walk(
        "number-null-property.shp", level="area", crs="EPSG:4326", field_code="fid", field_name="name", encoding="ASCII"
    )
    areas = p.imports(4, "number-null-property.shp")
    p.need(areas.by_code.get("CO") == "Colorado" and not last.found("date"), f"stored are {areas.by_code}")
    return "dates, null shapes and ☃ are read; 4 states stored (what becomes of the null number is shown nowhere)"
