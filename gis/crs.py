"""Coordinate reference systems at the door: every point names its CRS, an unknown one is refused.

Words understood: `EPSG:n`, `GCJ-02` (AMap, Tencent; about 505 m off here), `BD-09` (Baidu; about 1.14 km off), and the
WKT text of a projected or geographic CRS. `local:NAME` names a survey's parameters, see `read_local_systems`.
All arrays are x before y (east before north, longitude before latitude), whatever the authority's axis order says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType
from pyproj.exceptions import CRSError, ProjError

from gis import shifted
from gis.errors import UnknownCrs
from gis.shifted import Floats, LocalSystem, bd09_to_gcj02, gcj02_to_bd09, gcj02_to_wgs84, wgs84_to_gcj02

__all__ = [
    "GCJ02",
    "BD09",
    "CrsFacts",
    "LocalSystem",
    "bd09_to_gcj02",
    "check_working_crs",
    "facts_of",
    "from_working",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "in_feet",
    "is_geographic",
    "local_to_working",
    "own_degrees",
    "parse_crs",
    "projected_near",
    "read_local_systems",
    "same_crs",
    "to_working",
    "wgs84_to_gcj02",
    "wkt_of",
    "working_to_local",
]

GCJ02: Final = "GCJ-02"
BD09: Final = "BD-09"
_SHIFTED: Final = {"GCJ02": GCJ02, "GCJ-02": GCJ02, "BD09": BD09, "BD-09": BD09}
_WGS84: Final = "EPSG:4326"
_CGCS2000: Final = "EPSG:4490"
#: names of geographic systems, and of datums where a text named the system otherwise
_DATUMS: Final = {"WGS 84": _WGS84, "China Geodetic Coordinate System 2000": _CGCS2000} | {
    "World Geodetic System 1984": _WGS84,
    "China 2000": _CGCS2000,
}


@lru_cache(maxsize=256)
def parse_crs(text: str | None) -> str:
    """Return the canonical word of a CRS: `EPSG:n`, `GCJ-02`, `BD-09`, or WKT for what no EPSG code describes exactly.

    >>> parse_crs("epsg:4549"), parse_crs("gcj02"), parse_crs(wkt_of("EPSG:4549"))
    ('EPSG:4549', 'GCJ-02', 'EPSG:4549')
    >>> parse_crs("WGS84")
    Traceback (most recent call last):
    ...
    gis.errors.UnknownCrs: The CRS is 'WGS84', which is not known here; write EPSG:n (as EPSG:4326), GCJ-02 or BD-09.
    """
    found = (text or "").strip()
    if found.upper() in _SHIFTED:
        return _SHIFTED[found.upper()]
    match = re.fullmatch(r"EPSG:([0-9]{4,6})", found.upper())
    if match and _known(int(match.group(1))):
        return f"EPSG:{int(match.group(1))}"
    if re.match(r"(?i)(PROJ(CS|CRS|ECTEDCRS)|GEO(GCS|GCRS|GRAPHICCRS|DCRS|DETICCRS)|BOUNDCRS)\s*\[", found):
        return _canonical(found)
    if found.lower().startswith("local:"):
        raise UnknownCrs(
            f"The CRS is {found[:60]!r}, a survey's parameter set; name the file that holds its parameters."
        )
    raise UnknownCrs(
        f"The CRS is {text if text is None else text[:200]!r}, which is not known here; "
        "write EPSG:n (as EPSG:4326), GCJ-02 or BD-09."
    )


@lru_cache(maxsize=64)
def _known(code: int) -> bool:
    try:
        crs = CRS.from_epsg(code)
    except CRSError:
        return False
    return bool(crs.is_geographic or crs.is_projected)


@lru_cache(maxsize=64)
def _canonical(text: str) -> str:
    """The word of a WKT text; what PROJ would run or open is refused before PROJ sees the text."""
    if shifted.is_web_mercator(text):
        return "EPSG:3857"
    problem, crs, code = shifted.wkt_problem(text), None, None
    try:
        if not problem:
            found = CRS.from_wkt(text)
            tree, code = shifted.plain_tree(found.to_json_dict()), found.to_epsg(min_confidence=20)
            problem, crs = shifted.unusable_tree(tree), CRS.from_json_dict(tree)
    except (CRSError, ProjError, KeyError, TypeError):
        problem = "PROJ cannot read it"
    if problem or crs is None:
        raise UnknownCrs(
            f"The CRS is the WKT {' '.join(text[:60].split())!r}, which cannot be used: {problem}; "
            "give the WKT of a projected or geographic CRS, or write EPSG:n."
        )
    # A code in the text is believed only where the code's own numbers are the text's.
    same = (
        code
        and _known(code)
        and _same(crs, CRS.from_json_dict(shifted.plain_tree(_crs(f"EPSG:{code}").to_json_dict())))
    )
    return f"EPSG:{code}" if same else str(crs.to_wkt("WKT2_2019"))


@lru_cache(maxsize=256)
def _crs(word: str) -> CRS:
    """The PROJ object of a canonical word; nothing but such words ever reaches PROJ."""
    if word in (GCJ02, BD09):
        raise UnknownCrs(f"{word} is a shifted system and has no WKT; transform it to EPSG:4326 first.")
    return CRS.from_epsg(int(word[5:])) if word.startswith("EPSG:") else CRS.from_wkt(word)


def _unbound(word: str) -> Any:  # Any: pyproj types nearly every attribute of a CRS as optional
    crs = _crs(word)
    return crs.source_crs if crs.is_bound else crs


def is_geographic(crs: str) -> bool:
    """True where coordinates are degrees (GCJ-02 and BD-09 included).

    >>> is_geographic("EPSG:4490"), is_geographic("EPSG:4549")
    (True, False)
    """
    word = parse_crs(crs)
    return word in (GCJ02, BD09) or bool(_unbound(word).is_geographic)


def wkt_of(crs: str) -> str:
    """The WKT1-ESRI text of a CRS, as a `.prj` file holds it."""
    return str(_crs(parse_crs(crs)).to_wkt("WKT1_ESRI"))


def check_working_crs(text: str) -> str:
    """Return the canonical word of a CRS fit to store and measure in: an EPSG code, in metres, not Web Mercator.

    >>> check_working_crs("EPSG:4326")
    Traceback (most recent call last):
    ...
    gis.errors.UnknownCrs: The working CRS is EPSG:4326, not projected in metres; name a survey CRS such as EPSG:4549.
    """
    word = parse_crs(text)
    if not word.startswith("EPSG:"):
        what = f"{word}, a shifted one" if word in (GCJ02, BD09) else "a WKT text, without a code to store"
        raise UnknownCrs(f"The working CRS is {what}; name a survey CRS such as EPSG:4549.")
    crs = _crs(word)
    if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info[:2]):
        raise UnknownCrs(f"The working CRS is {word}, not projected in metres; name a survey CRS such as EPSG:4549.")
    if word == "EPSG:3857":
        raise UnknownCrs(
            "The working CRS is EPSG:3857, in which areas come out 1.4 times too large here; "
            "name a survey CRS such as EPSG:4549."
        )
    return word


def to_working(x: ArrayLike, y: ArrayLike, *, crs: str, working: str) -> tuple[Floats, Floats]:
    """Transform coordinates of `crs` to the working CRS (metres).

    Points the projection cannot reach come back as NaN. Raises UnknownCrs where the only path is a ballpark one.

    >>> e, n = to_working([119.93], [31.78], crs="EPSG:4326", working="EPSG:4549")
    >>> round(float(e[0]), 2), round(float(n[0]), 2)
    (493369.73, 3517459.89)
    """
    xs, ys, word = np.asarray(x, dtype=float), np.asarray(y, dtype=float), parse_crs(crs)
    if word == BD09:
        xs, ys = bd09_to_gcj02(xs, ys)
    if word in (GCJ02, BD09):
        xs, ys = gcj02_to_wgs84(xs, ys)
        word = _WGS84
    return _transform(xs, ys, word, parse_crs(working))


def from_working(x: ArrayLike, y: ArrayLike, *, working: str, crs: str) -> tuple[Floats, Floats]:
    """Transform working coordinates (metres) to `crs`; the inverse of `to_working`.

    >>> lon, lat = from_working([493369.73], [3517459.89], working="EPSG:4549", crs="EPSG:4326")
    >>> round(float(lon[0]), 6), round(float(lat[0]), 6)
    (119.93, 31.78)
    """
    xs, ys, word = np.asarray(x, dtype=float), np.asarray(y, dtype=float), parse_crs(crs)
    target = _WGS84 if word in (GCJ02, BD09) else word
    lon, lat = _transform(xs, ys, parse_crs(working), target)
    if word in (GCJ02, BD09):
        lon, lat = wgs84_to_gcj02(lon, lat)
    if word == BD09:
        lon, lat = gcj02_to_bd09(lon, lat)
    return lon, lat


def _transform(x: Floats, y: Floats, source: str, target: str) -> tuple[Floats, Floats]:
    for step in _steps(source, target):
        x, y = step.transform(x, y)
    return _finite(x, y)


def _finite(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    lost = ~(np.isfinite(x) & np.isfinite(y))
    return np.where(lost, np.nan, x), np.where(lost, np.nan, y)


@lru_cache(maxsize=64)
def _steps(source: str, target: str) -> tuple[Transformer, ...]:
    """The transformations from one CRS to the other, one after the other; none for the same CRS.

    WGS 84 and CGCS2000 differ by decimetres with the epoch; PROJ knows only a ballpark between them. That identity is
    named here (decision 2): degrees of the one are degrees of the other. Every other ballpark is refused: for Xian 80
    or Beijing 54 it is silently tens of metres.
    """
    if source == target:
        return ()
    datums = {_datum(source), _datum(target)}
    if datums == {_WGS84, _CGCS2000}:
        return (*_steps(source, _datum(source)), *_steps(_datum(target), target))
    try:
        return (Transformer.from_crs(_crs(source), _crs(target), always_xy=True, allow_ballpark=False),)
    except ProjError:
        raise UnknownCrs(
            f"There is no exact transformation from {_short(source)} to {_short(target)} without its parameters; "
            "deliver in CGCS2000 (for example EPSG:4490 or EPSG:4549), name the survey's parameters "
            "(--crs local:NAME), or give points known in both systems (--control-points)."
        ) from None


def _datum(word: str) -> str:
    """EPSG:4326 or EPSG:4490 for a CRS on that datum, or with its own way to it; else the CRS itself."""
    crs = _crs(word)
    geodetic: Any = (crs.target_crs or crs if crs.is_bound else crs).geodetic_crs
    return _DATUMS.get(geodetic.name) or _DATUMS.get(geodetic.datum.name, word)


def _short(word: str) -> str:
    return word if word.startswith("EPSG:") else f"the WKT {_unbound(word).name!r}"


def same_crs(text: str, crs: str) -> bool:
    """True when a file's CRS text (WKT of any flavour, or a code) describes the CRS of a word.

    Old WKT says less than EPSG knows, so names and axis order do not count: projection, datum and numbers do.

    >>> same_crs(wkt_of("EPSG:4549"), "EPSG:4549"), same_crs(wkt_of("EPSG:4528"), "EPSG:4549")
    (True, False)
    """
    wanted = parse_crs(crs)
    try:
        found = parse_crs(text)
    except UnknownCrs:
        return False
    return found == wanted or (not {found, wanted} & {GCJ02, BD09} and _same(_crs(found), _crs(wanted)))


def _same(found: CRS, wanted: CRS) -> bool:
    if found.equals(wanted, ignore_axis_order=True):
        return True
    old = [CRS.from_wkt(crs.to_wkt("WKT1_ESRI")) for crs in (wanted, found)]
    return bool(old[0].equals(old[1], ignore_axis_order=True))


@dataclass(frozen=True, slots=True)
class CrsFacts:
    """What tells one CRS from another in a report; a geographic CRS has an empty `projection`."""

    word: str
    name: str
    geographic: bool
    datum: str
    projection: tuple[object, ...]  #: method and its parameters but the false easting, in radians and metres
    false_easting: float  #: metres
    unit: float  #: metres per unit of a coordinate; 1 for degrees


@lru_cache(maxsize=512)
def facts_of(crs: str) -> CrsFacts:
    """The facts of a CRS word.

    >>> facts_of("EPSG:4528").false_easting, facts_of("EPSG:2249").name
    (40500000.0, 'NAD83 / Massachusetts Mainland (ftUS)')
    """
    word = parse_crs(crs)
    found = _unbound(_WGS84 if word in (GCJ02, BD09) else word)
    datum = str(found.geodetic_crs.datum.name)
    if found.is_geographic:
        return CrsFacts(word, word if word in (GCJ02, BD09) else found.name, True, datum, (), 0.0, 1.0)
    way = found.coordinate_operation
    si = {p.name: round(p.value * p.unit_conversion_factor, 9) for p in way.params}
    east = sum(si.pop(name) for name in list(si) if name.lower().startswith("easting") or name == "False easting")
    unit = found.axis_info[0].unit_conversion_factor
    return CrsFacts(word, found.name, False, datum, (way.method_name, *sorted(si.items())), round(east, 4), unit)


@lru_cache(maxsize=8)
def projected_near(extent: tuple[float, float, float, float], names: tuple[str, ...]) -> tuple[str, ...]:
    """EPSG words of projected CRSs in use within 6 degrees of an extent (degrees) whose names begin with `names`.

    >>> "EPSG:4549" in projected_near((119.7, 31.6, 120.1, 32.0), ("CGCS2000 /",))
    True
    """
    west, south, east, north = extent
    area = AreaOfInterest(max(west - 6, -180), max(south - 1, -90), min(east + 6, 180), min(north + 1, 90))
    found = query_crs_info("EPSG", pj_types=PJType.PROJECTED_CRS, area_of_interest=area)
    # EPSG:32600 and the like are systems of zones, which no coordinate can be in.
    named = [info for info in found if info.name.startswith(names) and "grid system" not in info.name]
    return tuple(f"EPSG:{info.code}" for info in named if _known(int(info.code)))


def in_feet(crs: str) -> tuple[str, ...]:
    """A projected CRS with its coordinates in US survey feet and in international feet, as WKT words."""
    tree = _unbound(parse_crs(crs)).to_json_dict()
    feet = (shifted.tree_in(tree, *unit) for unit in (("US survey foot", 1200 / 3937), ("foot", 0.3048)))
    return tuple(parse_crs(CRS.from_json_dict(foot).to_wkt("WKT2_2019")) for foot in feet)


def own_degrees(x: ArrayLike, y: ArrayLike, *, crs: str) -> tuple[Floats, Floats]:
    """Degrees on the CRS's own datum, without the way to another: up to 200 m off WGS 84, good for plausibility only.

    >>> lon, lat = own_degrees([493369.73], [3517459.89], crs="EPSG:2437")
    >>> round(float(lon[0]), 2), round(float(lat[0]), 2)
    (119.93, 31.78)
    """
    word = parse_crs(crs)
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if word in (GCJ02, BD09):
        return to_working(xs, ys, crs=word, working=_WGS84)
    return _finite(*Transformer.from_crs(_unbound(word), _degrees_of(word), always_xy=True).transform(xs, ys))


def _degrees_of(word: str) -> Any:
    """The geographic CRS below a CRS; refused where its unit is not the degree or its meridian not Greenwich."""
    found = _unbound(word).geodetic_crs
    unit, zero = found.axis_info[0].unit_name, found.prime_meridian
    if unit != "degree" or zero.longitude != 0:
        raise UnknownCrs(f"{_short(word)} counts in {unit} from {zero.name}; wanted degrees from Greenwich.")
    return found


def read_local_systems(path: Path) -> Mapping[str, LocalSystem]:
    """Read named parameter sets from a TOML file its owner alone may read; raises SettingsFault with every fault."""
    return shifted.read_systems(path, known=parse_crs, geographic=is_geographic)


def local_to_working(x: ArrayLike, y: ArrayLike, system: LocalSystem, working: str) -> tuple[Floats, Floats]:
    """Transform coordinates of a local system to the working CRS (metres); heights are taken as 0 on the ellipsoid.

    >>> numbers = {"dx": 1000.0, "dy": 2000.0, "rotation": 0.0, "scale_ppm": 0.0}
    >>> town = LocalSystem("town", "four", "", "EPSG:4549", numbers)
    >>> e, n = local_to_working([10.0], [20.0], town, "EPSG:4549")
    >>> float(e[0]), float(n[0])
    (1010.0, 2020.0)
    """
    if system.method == "four":
        return to_working(*shifted.similar(x, y, system.parameters), crs=system.target, working=working)
    lon, lat = own_degrees(x, y, crs=system.source)
    return to_working(*_helmert(lon, lat, system), crs=system.target, working=working)


def working_to_local(x: ArrayLike, y: ArrayLike, system: LocalSystem, working: str) -> tuple[Floats, Floats]:
    """Invert `local_to_working`, to a tenth of a micrometre."""
    there = from_working(x, y, working=working, crs=system.target)
    if system.method == "four":
        return shifted.similar_back(*there, system.parameters)
    # PROJ inverts a linear Helmert by its transposed matrix, millimetres off; each round here gains five digits.
    lon, lat = there
    for _ in range(4):
        again = _helmert(lon, lat, system)
        lon, lat = lon + there[0] - again[0], lat + there[1] - again[1]
    back = Transformer.from_crs(_degrees_of(system.source), _unbound(system.source), always_xy=True)
    return _finite(*back.transform(lon, lat))


def _helmert(lon: Floats, lat: Floats, system: LocalSystem) -> tuple[Floats, Floats]:
    geods = [_degrees_of(word).get_geod() for word in (system.source, system.target)]
    start, end = ((float(geod.a), float(geod.b)) for geod in geods)
    step = Transformer.from_pipeline(shifted.helmert_pipeline(system.parameters, start, end))
    return _finite(*step.transform(lon, lat, np.zeros_like(lon))[:2])
