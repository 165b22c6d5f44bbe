"""Coordinate reference systems at the door: every point names its CRS, an unknown one is refused.

Words understood: `EPSG:n`, `GCJ-02` (AMap, Tencent; about 505 m off here), `BD-09` (Baidu; about 1.14 km off).
All arrays are x before y (east before north, longitude before latitude), whatever the authority's axis order says.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from gis.errors import UnknownCrs

__all__ = [
    "GCJ02",
    "BD09",
    "bd09_to_gcj02",
    "check_working_crs",
    "from_working",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "is_geographic",
    "parse_crs",
    "same_crs",
    "to_working",
    "wgs84_to_gcj02",
    "wkt_of",
]

Floats = NDArray[np.float64]

GCJ02: Final = "GCJ-02"
BD09: Final = "BD-09"
_SHIFTED: Final = {"GCJ02": GCJ02, "GCJ-02": GCJ02, "BD09": BD09, "BD-09": BD09}
_WGS84: Final = "EPSG:4326"
_CGCS2000: Final = "EPSG:4490"

# Krasovsky 1940 and the shift's published constants; the formula is the one every open converter uses.
_A: Final = 6378245.0
_EE: Final = 0.00669342162296594323
_BD_PI: Final = np.pi * 3000.0 / 180.0


def parse_crs(text: str | None) -> str:
    """Return the canonical word of a CRS.

    >>> parse_crs("epsg:4549"), parse_crs("gcj02")
    ('EPSG:4549', 'GCJ-02')
    >>> parse_crs("WGS84")
    Traceback (most recent call last):
    ...
    gis.errors.UnknownCrs: The CRS is 'WGS84', which is not known here; write EPSG:n (as EPSG:4326), GCJ-02 or BD-09.
    """
    found = (text or "").strip().upper()
    if found in _SHIFTED:
        return _SHIFTED[found]
    match = re.fullmatch(r"EPSG:(\d{4,6})", found)
    if match and _known(int(match.group(1))):
        return f"EPSG:{int(match.group(1))}"
    raise UnknownCrs(f"The CRS is {text!r}, which is not known here; write EPSG:n (as EPSG:4326), GCJ-02 or BD-09.")


@lru_cache(maxsize=64)
def _known(code: int) -> bool:
    try:
        crs = CRS.from_epsg(code)
    except CRSError:
        return False
    return bool(crs.is_geographic or crs.is_projected)


def is_geographic(crs: str) -> bool:
    """True where coordinates are degrees (GCJ-02 and BD-09 included).

    >>> is_geographic("EPSG:4490"), is_geographic("EPSG:4549")
    (True, False)
    """
    word = parse_crs(crs)
    return word in (GCJ02, BD09) or bool(CRS.from_user_input(word).is_geographic)


def wkt_of(crs: str) -> str:
    """The WKT1-ESRI text of an EPSG code, as a `.prj` file holds it."""
    return CRS.from_user_input(parse_crs(crs)).to_wkt("WKT1_ESRI")


def check_working_crs(text: str) -> str:
    """Return the canonical word of a CRS fit to store and measure in: projected, in metres, not Web Mercator.

    >>> check_working_crs("EPSG:4326")
    Traceback (most recent call last):
    ...
    gis.errors.UnknownCrs: The working CRS is EPSG:4326, not projected in metres; name a survey CRS such as EPSG:4549.
    """
    word = parse_crs(text)
    if word in (GCJ02, BD09):
        raise UnknownCrs(f"The working CRS is {word}, a shifted one; name a survey CRS such as EPSG:4549.")
    crs = CRS.from_user_input(word)
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
        return (Transformer.from_crs(source, target, always_xy=True, allow_ballpark=False),)
    except ProjError:
        raise UnknownCrs(
            f"There is no exact transformation from {source} to {target} without its parameters; "
            "deliver in CGCS2000 (for example EPSG:4490 or EPSG:4549) or give the survey's parameters."
        ) from None


def _datum(word: str) -> str:
    """EPSG:4326 or EPSG:4490 for a CRS on that datum, else the CRS itself."""
    names = {"WGS 84": _WGS84, "China Geodetic Coordinate System 2000": _CGCS2000}
    geodetic = CRS.from_user_input(word).geodetic_crs
    return names.get(geodetic.name, word) if geodetic is not None else word


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


def same_crs(text: str, crs: str) -> bool:
    """True when a file's CRS text (WKT of any flavour, or a code) describes the CRS of an EPSG word.

    Old WKT says less than EPSG knows, so names and axis order do not count: projection, datum and numbers do.

    >>> same_crs(wkt_of("EPSG:4549"), "EPSG:4549"), same_crs(wkt_of("EPSG:4528"), "EPSG:4549")
    (True, False)
    """
    try:
        found, wanted = CRS.from_user_input(text), CRS.from_user_input(parse_crs(crs))
    except CRSError:
        return False
    if found.equals(wanted, ignore_axis_order=True):
        return True
    return CRS.from_wkt(wanted.to_wkt("WKT1_ESRI")).equals(
        CRS.from_wkt(found.to_wkt("WKT1_ESRI")), ignore_axis_order=True
    )
