"""Systems no authority lists: GCJ-02 and BD-09 by a public formula, local ones by WKT or a survey office's parameters.

Nothing here calls PROJ: a WKT is judged as text before PROJ sees it and as a tree after PROJ has parsed it.

All arrays are x before y (east before north, longitude before latitude).
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gis.errors import SettingsFault, UnknownCrs

__all__ = [
    "Floats",
    "LocalSystem",
    "bd09_to_gcj02",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "helmert_pipeline",
    "is_web_mercator",
    "plain_tree",
    "read_systems",
    "similar",
    "similar_back",
    "systems_of",
    "tree_in",
    "unusable_tree",
    "wgs84_to_gcj02",
    "wkt_problem",
]

Floats = NDArray[np.float64]

# Krasovsky 1940 and the shift's published constants; the formula is the one every open converter uses.
_A: Final = 6378245.0
_EE: Final = 0.00669342162296594323
_BD_PI: Final = np.pi * 3000.0 / 180.0


def _shift(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    wave = 20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    d_lat += (wave + 20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    d_lat += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    d_lon += (wave + 20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    d_lon += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    rad = np.radians(lat)
    magic = 1.0 - _EE * np.sin(rad) ** 2
    d_lat = np.degrees(d_lat / ((_A * (1.0 - _EE)) / (magic * np.sqrt(magic))))
    d_lon = np.degrees(d_lon / (_A / np.sqrt(magic) * np.cos(rad)))
    return d_lon, d_lat


def wgs84_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Shift WGS 84 degrees to GCJ-02 (the public formula; valid inside China).

    >>> lon, lat = wgs84_to_gcj02([119.93], [31.78])
    >>> round(float(lon[0]), 4), round(float(lat[0]), 4)
    (119.9347, 31.7779)
    """
    lons, lats = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    d_lon, d_lat = _shift(lons, lats)
    return lons + d_lon, lats + d_lat


def gcj02_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Invert the shift by fixed-point iteration (no closed form exists); round trip below 1e-10 degrees.

    >>> back = gcj02_to_wgs84(*wgs84_to_gcj02([119.93], [31.78]))
    >>> bool(abs(back[0][0] - 119.93) < 1e-10 and abs(back[1][0] - 31.78) < 1e-10)
    True
    """
    lons, lats = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    out_lon, out_lat = lons, lats
    for _ in range(5):
        d_lon, d_lat = _shift(out_lon, out_lat)
        out_lon, out_lat = lons - d_lon, lats - d_lat
    return out_lon, out_lat


def gcj02_to_bd09(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Shift GCJ-02 degrees to Baidu's BD-09."""
    lons, lats = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    radius = np.hypot(lons, lats) + 0.00002 * np.sin(lats * _BD_PI)
    angle = np.arctan2(lats, lons) + 0.000003 * np.cos(lons * _BD_PI)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def bd09_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Invert `gcj02_to_bd09` by fixed-point iteration.

    >>> back = bd09_to_gcj02(*gcj02_to_bd09([119.93], [31.78]))
    >>> bool(abs(back[0][0] - 119.93) < 1e-10 and abs(back[1][0] - 31.78) < 1e-10)
    True
    """
    lons, lats = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    out_lon, out_lat = lons, lats
    for _ in range(6):
        there_lon, there_lat = gcj02_to_bd09(out_lon, out_lat)
        out_lon, out_lat = out_lon + lons - there_lon, out_lat + lats - there_lat
    return out_lon, out_lat


@dataclass(frozen=True, slots=True)
class LocalSystem:
    """A local system and the parameters that lead out of it; words of `--crs` name it as `local:NAME`.

    `method` "four": a plane similarity from local metres into the projected CRS `target`; parameters dx, dy (metres),
    rotation (arc seconds), scale_ppm. `source` is empty: the plane needs no datum.
    `method` "seven": a Helmert transformation from the datum of `source` to that of `target` (a geographic CRS);
    parameters dx, dy, dz (metres), rx, ry, rz (arc seconds), scale_ppm, position vector convention (EPSG 9606).
    The parameters are a survey office's secret: they are not part of the representation that logs would show.
    """

    name: str
    method: Literal["four", "seven"]
    source: str
    target: str
    parameters: Mapping[str, float]

    def __repr__(self) -> str:
        return f"LocalSystem({self.name!r}, {self.method!r}, source={self.source!r}, target={self.target!r})"


def similar(x: ArrayLike, y: ArrayLike, parameters: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Apply a four-parameter plane similarity; x and dx point east, y and dy north, all in metres.

    X = dx + (1 + k)(x cos a - y sin a), Y = dy + (1 + k)(x sin a + y cos a), with a = rotation in arc seconds, positive
    anticlockwise (it turns east towards north), and k = scale_ppm / 1 000 000 (IOGP Guidance Note 7-2, method 9621,
    its clockwise angle turned over). A table that writes x for north has dx and dy exchanged and the rotation negated.

    >>> e, n = similar([1000.0], [0.0], {"dx": 500.0, "dy": 0.0, "rotation": 324000.0, "scale_ppm": 0.0})
    >>> round(float(e[0]), 6), round(float(n[0]), 6)
    (500.0, 1000.0)
    """
    a, b = _turn(parameters)
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    return parameters["dx"] + a * xs - b * ys, parameters["dy"] + b * xs + a * ys


def similar_back(x: ArrayLike, y: ArrayLike, parameters: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Invert `similar`, in metres.

    >>> e, n = similar_back([500.0], [1000.0], {"dx": 500.0, "dy": 0.0, "rotation": 324000.0, "scale_ppm": 0.0})
    >>> round(float(e[0]), 6), round(float(n[0]), 6) + 0.0
    (1000.0, 0.0)
    """
    a, b = _turn(parameters)
    xs, ys = np.asarray(x, dtype=float) - parameters["dx"], np.asarray(y, dtype=float) - parameters["dy"]
    size = a * a + b * b
    return (a * xs + b * ys) / size, (a * ys - b * xs) / size


def _turn(parameters: Mapping[str, float]) -> tuple[float, float]:
    angle, scale = math.radians(parameters["rotation"] / 3600.0), 1.0 + parameters["scale_ppm"] * 1e-6
    return scale * math.cos(angle), scale * math.sin(angle)


def helmert_pipeline(p: Mapping[str, float], start: tuple[float, float], end: tuple[float, float]) -> str:
    """The PROJ text of a seven-parameter system between two ellipsoids (semi-axes in metres), made of numbers alone."""
    shift = " ".join(f"+{key}={p[name]!r}" for key, name in _HELMERT.items())
    return (
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        f"+step +proj=cart +a={start[0]!r} +b={start[1]!r} "
        f"+step +proj=helmert {shift} +convention=position_vector "
        f"+step +inv +proj=cart +a={end[0]!r} +b={end[1]!r} "
        "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )


_HELMERT: Final = {"x": "dx", "y": "dy", "z": "dz", "rx": "rx", "ry": "ry", "rz": "rz", "s": "scale_ppm"}
#: parameter -> the largest absolute value that is still a parameter and no slip of the keyboard
_LIMITS: Final[Mapping[str, Mapping[str, float]]] = {
    "four": {"dx": 1e8, "dy": 1e8, "rotation": 648_000.0, "scale_ppm": 100_000.0},
    "seven": {"dx": 1e4, "dy": 1e4, "dz": 1e4, "rx": 3600.0, "ry": 3600.0, "rz": 3600.0, "scale_ppm": 10_000.0},
}


def systems_of(
    raw: Mapping[str, Any], *, known: Callable[[str], str], geographic: Callable[[str], bool]
) -> tuple[dict[str, LocalSystem], list[str]]:
    """The local systems of a parsed TOML file, and every fault; `known` is the judge of CRS words (`parse_crs`).

    >>> systems_of({"a": {"method": "five"}}, known=str, geographic=bool)
    ({}, ["[a] method is 'five'; wanted four or seven."])
    """
    systems: dict[str, LocalSystem] = {}
    faults: list[str] = []
    for name, table in raw.items():
        found = _system(name, table, known, geographic)
        if isinstance(found, LocalSystem):
            systems[name] = found
        else:
            faults += [f"[{name}] {fault}" for fault in found]
    return systems, faults


def read_systems(
    path: Path, *, known: Callable[[str], str], geographic: Callable[[str], bool]
) -> dict[str, LocalSystem]:
    """Read `systems_of` a TOML file that its owner alone may read; raises SettingsFault with every fault."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777  # of the open file: the name could mean another by now
            if mode & 0o077:
                raise SettingsFault(
                    f"{path} is open to others (mode {mode:o}), and survey parameters are secret; run chmod 600 {path}."
                )
            raw = tomllib.loads(file.read(1_000_000).decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise SettingsFault(f"The parameter file {path} cannot be read as TOML in UTF-8: {fault}.") from None
    systems, faults = systems_of(raw, known=known, geographic=geographic)
    if faults:
        raise SettingsFault(f"The parameter file {path} has {len(faults)} fault(s): " + " ".join(faults))
    return systems


def _system(
    name: str, table: Any, known: Callable[[str], str], geographic: Callable[[str], bool]
) -> LocalSystem | list[str]:
    if not re.fullmatch(r"[\w-]{1,40}", name):
        return ["is no name; wanted up to 40 letters, digits, - or _."]
    if not isinstance(table, dict) or table.get("method") not in ("four", "seven"):
        return [f"method is {table.get('method') if isinstance(table, dict) else table!r}; wanted four or seven."]
    method: Literal["four", "seven"] = table["method"]
    words = ("target",) if method == "four" else ("source", "target")
    faults = [f"has {key!r}, which is unknown." for key in table if key not in {"method", *words, *_LIMITS[method]}]
    crs = {word: _word(table, word, faults, known) for word in words}
    target = crs["target"]
    if target and geographic(target) != (method == "seven"):
        wanted = "a geographic CRS such as EPSG:4490" if method == "seven" else "a projected CRS such as EPSG:4549"
        faults.append(f"target is {target}; wanted {wanted}.")
    numbers = {key: _number(table, key, limit, faults) for key, limit in _LIMITS[method].items()}
    return faults or LocalSystem(name, method, crs.get("source", ""), target, numbers)


def _word(table: dict[str, Any], key: str, faults: list[str], known: Callable[[str], str]) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        faults.append(f"{key} is {value!r}; wanted a CRS such as EPSG:4490.")
        return ""
    try:
        word = known(value)
    except UnknownCrs as fault:
        faults.append(f"{key}: {fault}")
        return ""
    if word in ("GCJ-02", "BD-09"):
        faults.append(f"{key} is {word}, a shifted one; wanted a survey's CRS such as EPSG:4490.")
    return word


def _number(table: dict[str, Any], key: str, limit: float, faults: list[str]) -> float:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= limit:
        # The found value is named only by its kind: parameters are secret, and faults end in logs.
        kind = "missing" if value is None else "no number" if not isinstance(value, int | float) else "out of range"
        faults.append(f"{key} is {kind}; wanted a number between -{limit:g} and {limit:g}.")
        return 0.0
    return float(value)


#: GDAL writes Web Mercator with this PROJ text; without it the rest of that WKT would mean another CRS, 20 km off
_WEB_MERCATOR: Final = re.compile(
    r'PROJCS\["WGS 84 / Pseudo-Mercator",.*EXTENSION\["PROJ4","\+proj=merc \+a=6378137 \+b=6378137 \+lat_ts=0(?:\.0)? '
    r'\+lon_0=0(?:\.0)? \+x_0=0(?:\.0)? \+y_0=0 \+k=1(?:\.0)? \+units=m \+nadgrids=@null \+wktext \+no_defs"\]',
    re.DOTALL,
)
_WKT_LIMIT: Final = 20_000  #: bytes; the longest EPSG definition has about 5 000
#: every other node may name a file, a pipeline or something that is no CRS of the plane: EXTENSION, PARAMETERFILE, ...
_NODES: Final = re.compile(
    "ABRIDGEDTRANSFORMATION|ANCHOR|ANGLEUNIT|AREA|AUTHORITY|AXIS|BASEGEODCRS|BASEGEOGCRS|BBOX|BEARING|BOUNDCRS|"
    "CITATION|CONVERSION|CS|DATUM|DYNAMIC|ELLIPSOID|ENSEMBLE|ENSEMBLEACCURACY|FRAMEEPOCH|GEODCRS|GEODETICCRS|"
    "GEODETICDATUM|GEOGCRS|GEOGCS|GEOGRAPHICCRS|ID|LENGTHUNIT|MEMBER|MERIDIAN|METHOD|ORDER|PARAMETER|"
    "PRIMEM|PRIMEMERIDIAN|PROJCRS|PROJCS|PROJECTEDCRS|PROJECTION|REMARK|SCALEUNIT|SCOPE|SOURCECRS|SPHEROID|"
    "TARGETCRS|TOWGS84|TRF|UNIT|URI|USAGE|VERSION",
    re.IGNORECASE,
)
_ORNAMENTS: Final = ("$schema", "id", "ids", "scope", "area", "bbox", "usages", "remarks")


def is_web_mercator(text: str) -> bool:
    """True for the WKT of EPSG:3857 as GDAL writes it, the one text with a PROJ extension that is let in."""
    return len(text) <= _WKT_LIMIT and _WEB_MERCATOR.match(text) is not None


def wkt_problem(text: str) -> str:
    """Why a WKT text must not reach PROJ, '' if it may: too long, or able to name a file, an address or a pipeline.

    >>> wkt_problem('PROJCS["a",EXTENSION["PROJ4","+proj=utm"]]')
    'its node EXTENSION is not allowed'
    """
    size = len(text.encode("utf-8", "replace"))
    if size > _WKT_LIMIT:
        return f"it has {size} bytes; wanted at most {_WKT_LIMIT}"
    quoted = re.findall(r'"((?:[^"]|"")*)"', text)
    bare = re.sub(r'"(?:[^"]|"")*"', '""', text)
    for node in re.findall(r"([A-Za-z_][A-Za-z0-9_]*)\s*[\[(]", bare):
        if not _NODES.fullmatch(node):
            return f"its node {node[:40]} is not allowed"
    strange = re.search(r'[^A-Za-z0-9_\[\](),.+\-"\s]', bare)
    if strange:
        return f"it holds {strange.group()!r} outside quotes"
    # JSON and PROJ strings are recognised by these anywhere in a text, and "PROJ-based" methods hold a pipeline.
    unsafe = [word for word in quoted if re.search(r"[{}=\\\x00-\x1f]|PROJ-based|\+proj", word, re.IGNORECASE)]
    return f"its name {unsafe[0][:40]!r} could be read as a PROJ text" if unsafe else ""


def plain_tree(node: dict[str, Any]) -> dict[str, Any]:
    """A CRS as JSON by its numbers alone: a code in a text must not outvote the parameters beside it.

    A zero shift to WGS 84 that GDAL wrote beside a datum of the same shape is dropped, and the spellings of CGCS2000
    become one.
    """
    if node["type"] == "BoundCRS" and _shift_is_zero(node) and _is_grs(_datum_of(node["source_crs"])["ellipsoid"]):
        node = node["source_crs"]
    kept = {key: _cut(value) for key, value in node.items() if key not in _ORNAMENTS}
    datum = _datum_of(kept.get("source_crs", kept))
    spelt = re.sub(r"[^a-z0-9]", "", datum.get("name", "").lower().removeprefix("d_"))
    if spelt in ("china2000", "cgcs2000", "chinageodeticcoordinatesystem2000") and _is_grs(datum["ellipsoid"]):
        datum["name"] = "China 2000"
    return kept


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        known = "method" in value  # a conversion's own codes are how PROJ knows its method and parameters
        return {k: v if known else _cut(v) for k, v in value.items() if known or k not in _ORNAMENTS}
    return [_cut(item) for item in value] if isinstance(value, list) else value


def _datum_of(node: dict[str, Any]) -> dict[str, Any]:
    base = node.get("base_crs", node)
    found: dict[str, Any] = base.get("datum") or base["datum_ensemble"]
    return found


def _is_grs(ellipsoid: dict[str, Any]) -> bool:
    flat = ellipsoid.get("inverse_flattening", 0.0)
    return ellipsoid.get("semi_major_axis") == 6378137 and abs(flat - 298.2572) < 1e-4


def _shift_is_zero(node: dict[str, Any]) -> bool:
    return all(
        p.get("value") == (1 if p.get("unit") == "unity" else 0) or p.get("value") == 0
        for p in node["transformation"].get("parameters", [])
    )


def tree_in(node: dict[str, Any], unit: str, metres: float) -> dict[str, Any]:
    """A projected CRS as JSON with its coordinates in a unit of so many metres."""
    tree = plain_tree(node)
    axes = [{**axis, "unit": {"type": "LinearUnit", "name": unit, "conversion_factor": metres}} for axis in _axes(tree)]
    return {**tree, "name": f"{tree['name']} ({unit})", "coordinate_system": {"subtype": "Cartesian", "axis": axes}}


def _axes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return list(node["coordinate_system"]["axis"][:2])


def unusable_tree(node: dict[str, Any]) -> str:
    """Why a parsed CRS is of no use here, '' if it is."""
    source, method = node.get("source_crs", node), node.get("transformation", {}).get("method", {}).get("name", "")
    if source["type"] not in ("ProjectedCRS", "GeographicCRS"):
        return f"it is a {source['type']}"
    if source is not node and not re.match(r"(?i)geocentric trans|position vector|coordinate frame", method):
        return f"its shift to another datum is {method!r}"
    if source is not node and _shift_is_zero(node):
        return "its shift to WGS 84 is all zeros, a placeholder that is wrong by tens of metres for this datum"
    directions = {axis["direction"] for axis in _axes(source)}
    return "" if directions == {"east", "north"} else f"its axes point {' and '.join(sorted(directions))}"
