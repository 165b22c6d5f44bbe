"""Unpacking a delivery and saying what lies in it, by content: Python's own library alone, inside the sandbox.

The answer of `unpack` is plain JSON: `sources` (what can be opened), `manifest` (where one lies, or None), `refused`
(files that look like something else than they are), `notes`, `files` (where each lies). Every source has `name` (as the
sender wrote it), `driver`, `path` (in the work folder, in plain ASCII) and, for shapefiles, what its headers say.
"""

from __future__ import annotations

import codecs
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from etl.intake import markup
from etl.intake.archive import Refused, decoded_name, is_litter, safe_name, unzip
from etl.intake.shapefile import PARTS, gathered

__all__ = ["load_codecs", "unpack"]

_HEAD: Final = 64 * 1024
_ENDINGS: Final = {
    "GPKG": "gpkg",
    "FlatGeobuf": "fgb",
    "GeoJSON": "geojson",
    "LIBKML": "kml",
    "GML": "gml",
    "MapInfo File": "mif",
    "DXF": "dxf",
}
#: what the reader wants beside a file: the types of its fields, its attributes, what is not yet written into it
_BESIDE: Final = {"GML": (".xsd",), "MapInfo File": (".mid",), "GPKG": (".gpkg-wal", ".gpkg-journal")}
_LAYERS: Final = (".shp", ".gpkg", ".geojson", ".json", ".kml", ".gml", ".fgb", ".gdbtable", ".tab", ".mif", ".dxf")
_CLAIMS: Final = (
    ".gpkg",
    ".fgb",
    ".geojson",
    ".json",
    ".kml",
    ".gml",
    ".zip",
    ".kmz",
    ".gdb",
    ".mif",
    ".sqlite",
    ".db",
)
_OFFICE: Final = (".xlsx", ".xls", ".xlsm", ".ods", ".docx")
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_NOT_OURS: Final = {
    b"PK\x03\x04": "a zip within the delivery and was not opened; unpack it and deliver what is in it",
    b"PK\x05\x06": "an empty zip",
    b"Rar!": "a RAR archive; pack it as zip",
    b"7z\xbc\xaf": "a 7z archive; pack it as zip",
    b"\x1f\x8b": "packed with gzip; pack it as zip",
    b"%PDF": "a PDF; wanted the layer it was drawn from",
    b"\xd0\xcf\x11\xe0": "an Office file; wanted a layer of polygons",
}

Known = tuple[str | None, str]  #: (driver, ''), (None, why not), or (None, '') for what is no layer at all


def load_codecs() -> None:
    """Load the codecs that names and heads may need, while the interpreter's folder can still be read."""
    for codec in ("cp437", "gbk", "gb18030", "big5", "utf-8", "utf-16", "utf-32", "latin-1", "ascii"):
        codecs.lookup(codec)


def unpack(folder: Path, limit: int) -> dict[str, Any]:
    """Unpack what lies in `in`, arrange it under `out`, and say what it is."""
    try:
        return _unpacked(folder, limit)
    except Refused as fault:
        return {"refused_all": str(fault), "sources": [], "refused": [], "notes": [], "manifest": None, "files": {}}


def _unpacked(folder: Path, limit: int) -> dict[str, Any]:
    shown, notes = _opened(folder, limit)
    manifests = [p for p, inner in shown.items() if inner.rpartition("/")[2] == "manifest.toml"]
    if len(manifests) > 1:
        raise Refused(f"{len(manifests)} manifest.toml were found; wanted one delivery at a time.")
    sources, refused, said = _sources(shown, folder / "out")
    return {
        "sources": sources,
        "refused": refused,
        "notes": notes + said,
        "manifest": manifests[0].relative_to(folder).as_posix() if manifests else None,
        "files": {inner: p.relative_to(folder).as_posix() for p, inner in shown.items()},
        "refused_all": None,
    }


def _opened(folder: Path, limit: int) -> tuple[dict[Path, str], list[str]]:
    """Every file, those of archives too, with the name its maker gave it. An archive beside layers stays closed."""
    tree = folder / "in"
    shown = {p: decoded_name(os.fsencode(p.relative_to(tree).as_posix())) for p in _files(tree)}
    archives = [p for p in shown if _head(p, 4) in _ZIP and _ending(p) not in (*_OFFICE, *_LAYERS)]
    if any(_ending(p) in _LAYERS for p in shown):
        return shown, [f"{shown.pop(p)} lies beside the layers and was not opened." for p in archives]
    for n, archive in enumerate(archives):
        name = shown.pop(archive)
        inside = f"{name}/" if len(archives) > 1 else ""
        for path, inner in unzip(archive, name, folder / "out" / f"zip{n}", limit):
            limit -= path.stat().st_size
            shown[path] = inside + inner
    return shown, []


def _files(tree: Path) -> list[Path]:
    return [p for p in sorted(tree.rglob("*")) if p.is_file() and not p.is_symlink() and not is_litter(p.name)]


def _head(path: Path, n: int) -> bytes:
    with path.open("rb") as file:
        return file.read(n)


def _ending(path: Path) -> str:
    return path.suffix.casefold()


# -- what is what ---------------------------------------------------------------------------------------------------
def _sources(shown: dict[Path, str], out: Path) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """(sources, refused, notes) of all files."""
    sources: list[dict[str, Any]] = []
    refused: list[str] = []
    notes: list[str] = []
    bases, shapes, rest = _grouped(shown)
    for path, inner in rest.items():
        driver, why = _recognise(path, inner)
        if driver:
            placed = _placed(path, inner, shown, out / f"one{len(sources)}" / f"layer.{_ENDINGS[driver]}", driver)
            sources.append({"name": inner, "driver": driver, "path": str(placed)})
        elif why:
            refused.append(why)
    for files in shapes.values():
        source, why, said = _shapefile(files, out / f"shape{len(sources)}")
        sources += [source] if source else []
        refused += [why] if why else []
        notes += said
    for folder, paths in bases.items():
        target = out / f"base{len(sources)}.gdb"
        target.mkdir()
        for path in paths:
            shutil.copyfile(path, target / safe_name(path.name))
        sources.append({"name": folder or "geodatabase", "driver": "OpenFileGDB", "path": str(target)})
    return sources, refused, notes


def _grouped(
    shown: dict[Path, str],
) -> tuple[dict[str, list[Path]], dict[str, list[tuple[Path, str]]], dict[Path, str]]:
    """Files that belong together: geodatabases by folder, shapefiles by folder and stem; and single files."""
    folders = {inner.rpartition("/")[0] for inner in shown.values() if inner.casefold().endswith(".gdbtable")}
    bases: dict[str, list[Path]] = {}
    shapes: dict[str, list[tuple[Path, str]]] = {}
    rest: dict[Path, str] = {}
    for path, inner in shown.items():
        folder, suffix = inner.rpartition("/")[0], Path(inner).suffix
        if folder in folders:
            bases.setdefault(folder, []).append(path)
        elif suffix.casefold() in PARTS:
            shapes.setdefault(inner.removesuffix(suffix).casefold(), []).append((path, inner))
        else:
            rest[path] = inner
    return bases, shapes, rest


def _shapefile(files: list[tuple[Path, str]], target: Path) -> tuple[dict[str, Any] | None, str, list[str]]:
    by_suffix = {_ending(Path(inner)): path for path, inner in files}
    inner = next((inner for _, inner in files if inner.casefold().endswith(".shp")), files[0][1])
    if len(by_suffix) < len(files):
        names = ", ".join(inner for _, inner in files)
        return None, f"{names}: names that differ by letter case alone; which belong together cannot be known.", []
    return gathered(inner, by_suffix, target)


def _placed(path: Path, inner: str, shown: dict[Path, str], target: Path, driver: str) -> Path:
    """A copy under a plain name, in a folder the reader may write to (some drivers keep sidecars)."""
    target.parent.mkdir()
    if driver in ("GML", "LIBKML"):
        markup.copy(path, target)
    else:
        shutil.copyfile(path, target)
    stem = inner.removesuffix(Path(inner).suffix).casefold()
    for suffix in _BESIDE.get(driver, ()):
        for other in (p for p, name in shown.items() if name.casefold() == stem + suffix):
            if suffix != ".xsd" or not markup.root_of(other).fault:
                shutil.copyfile(other, target.with_suffix(suffix))
    return target


def _recognise(path: Path, inner: str) -> Known:
    head, suffix = _head(path, _HEAD), _ending(Path(inner))
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"SQLite format 3\0"):
        return _recognise_sqlite(path, inner)
    if markup.is_xml(head):
        return _recognise_xml(path, inner)
    if text.startswith((b"{", b"[")):
        return _recognise_json(text, inner)
    driver = _by_beginning(head, text, suffix)
    return driver, "" if driver else _not_a_layer(head, inner, suffix)


def _by_beginning(head: bytes, text: bytes, suffix: str) -> str | None:
    if head.startswith(b"fgb\x03"):
        return "FlatGeobuf"
    if text.startswith((b"0\r\nSECTION", b"0\nSECTION")) or (
        suffix == ".dxf" and text.startswith((b"999", b"AutoCAD"))
    ):
        return "DXF"
    return "MapInfo File" if suffix == ".mif" and text[:8].lower().startswith(b"version ") else None


def _not_a_layer(head: bytes, inner: str, suffix: str) -> str:
    """Why a file that is no layer is none, where its name or its content makes one expect one."""
    if suffix in _OFFICE:
        return f"{inner} is a table; wanted a layer of polygons, written as GeoPackage or shapefile from a GIS."
    foreign = next((what for magic, what in _NOT_OURS.items() if head.startswith(magic)), "")
    if foreign:
        return f"{inner} is {foreign}."
    if suffix in (".csv", ".tsv") or (suffix == ".txt" and head.count(b",") > 2):
        return (
            f"{inner} is a table of text (CSV), which is no boundary layer; "
            "write it as GeoPackage or shapefile from a GIS and deliver that."
        )
    if suffix == ".tab":
        return f"{inner} is a MapInfo table; export it as GeoPackage or MIF and deliver that."
    if suffix in _CLAIMS:
        return f"{inner} begins with {head[:12]!r}, which is no {suffix[1:]}; ask for the file again."
    return ""


def _recognise_sqlite(path: Path, inner: str) -> Known:
    """A GeoPackage has a table of contents; `immutable` keeps SQLite from looking for logs beside it."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as base:
            found = base.execute("SELECT 1 FROM sqlite_master WHERE name = 'gpkg_contents'").fetchone()
    except sqlite3.DatabaseError as fault:
        return None, f"{inner} is a damaged database ({fault}); ask for the file again."
    if found is None:
        return None, f"{inner} is an SQLite database but no GeoPackage; write it as GeoPackage and deliver that."
    return "GPKG", ""


def _recognise_xml(path: Path, inner: str) -> Known:
    root = markup.root_of(path)
    if root.name == "kml" and not root.fault:
        return "LIBKML", ""
    if any("opengis.net/gml" in space for space in root.spaces) and root.name != "schema" and not root.fault:
        return "GML", ""
    if root.fault:
        return None, f"{inner} {root.fault}"
    if root.name.casefold() in ("ogrvrtdatasource", "vrtdataset", "ogrvrtlayer"):
        return None, f"{inner} is a GDAL VRT, which points at other files and holds none; deliver the layer itself."
    about = len(Path(inner).suffixes) > 1 or _ending(Path(inner)) in (".xsd", ".qml", ".sld", ".xml")
    # Words about a layer are no layer; only what claims to be one is refused by name.
    return None, "" if about else f"{inner} is XML of an unknown kind ({root.name}); wanted KML or GML."


def _recognise_json(text: bytes, inner: str) -> Known:
    kinds = (b'"FeatureCollection"', b'"Feature"', b'"Polygon"', b'"MultiPolygon"')
    if any(kind in text for kind in kinds) or _ending(Path(inner)) == ".geojson":
        return "GeoJSON", ""
    return None, f"{inner} is JSON but no GeoJSON; wanted a FeatureCollection."
