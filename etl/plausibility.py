"""Whether a file can lie where its CRS puts it, and if not, what would put it here: shown, never done by itself.

Two tests. A layer of this place has at least 95 % of its vertices in the place's extent, grown by a fifth and at least
two kilometres. And where a release is in force, its lines are where the release's lines are: when the coordinates as
GCJ-02 or BD-09 come five times nearer to them, the file carries the shift (about 505 m and 1.14 km at 32° N).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import (
    BD09,
    GCJ02,
    CrsFacts,
    facts_of,
    from_working,
    in_feet,
    own_degrees,
    parse_crs,
    projected_near,
    to_working,
)
from gis.errors import UnknownCrs
from gis.place import Place

__all__ = ["Explanation", "Verdict", "judge"]

Floats = NDArray[np.float64]
_INSIDE: Final = 0.95
_NEAREST: Final = 1_500  #: vertices held against the lines in force
_SHIFT_M: Final = 5.0  #: a median nearer to the lines in force than this is a survey's difference, no shift
_CHINESE: Final = ("CGCS2000 /", "Xian 1980 /", "Beijing 1954 /", "New Beijing /")
_WORDS: Final = {
    "axis_swap": "with the axes swapped (north before east)",
    "degrees_labelled_metres": "as degrees, though metres are said",
    "metres_labelled_degrees": "as metres, though degrees are said",
    "zone_prefix": "with the zone's number before the easting",
    "no_zone_prefix": "without the zone's number before the easting",
    "wrong_zone": "in another zone or projection",
    "feet": "in feet",
    "gcj02_shift": "shifted by GCJ-02 (AMap, Tencent)",
    "bd09_shift": "shifted by BD-09 (Baidu)",
    "undeclared": "as what nobody says it is",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A CRS that would put a file here; `inside` is the share of its vertices in the extent."""

    kind: str
    crs: str
    swap_axes: bool
    inside: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the declared CRS may be believed; `text` says found, wanted and what to do, '' where all is well."""

    fits: bool
    explanations: tuple[Explanation, ...]
    text: str


def judge(x: Floats, y: Floats, *, declared: str | None, place: Place, reference: Any = None) -> Verdict:
    """Judge a file's CRS by its vertices x, y as the file holds them (east before north) and the lines in force.

    `reference` is an array of lines or polygons in the working CRS, None where no release is in force. Never raises for
    numbers that no CRS can hold: these lie nowhere.
    """
    share = -1.0 if declared is None else _share(x, y, declared, place)
    if declared is not None and share >= _INSIDE:
        try:
            to_working(x[:1], y[:1], crs=declared, working=place.crs)
        except UnknownCrs as fault:  # it lies here to some 100 m, and nobody knows the way there exactly
            return Verdict(False, (), str(fault))
        shifted = _shifted(x, y, declared, place, reference)
        if shifted is None:
            return Verdict(True, (), "")
        return Verdict(False, (shifted,), _shift_text(shifted, declared))
    found = _without_namesakes(sorted(_explanations(x, y, declared, place), key=lambda e: _order(e, place)))
    return Verdict(False, tuple(found), _text(x, y, declared, share, found))


def _share(x: Floats, y: Floats, word: str, place: Place) -> float:
    """Share of the vertices that a CRS puts into the grown extent."""
    west, south, east, north = place.extent
    wide = max(0.2 * (east - west), 0.02)
    high = max(0.2 * (north - south), 0.02)
    try:
        with np.errstate(all="ignore"):
            lon, lat = own_degrees(x, y, crs=word)
    except UnknownCrs:
        return 0.0
    inside = (lon >= west - wide) & (lon <= east + wide) & (lat >= south - high) & (lat <= north + high)
    return float(np.mean(inside)) if len(inside) else 0.0


def _explanations(x: Floats, y: Floats, declared: str | None, place: Place) -> Iterator[Explanation]:
    """Every known CRS that would put the file here, straight or with its axes swapped."""
    few = max(1, len(x) // 50)
    for word in dict.fromkeys(_candidates(declared, place)):
        for swap in (False, True):
            if word == declared and not swap:
                continue
            a, b = (y, x) if swap else (x, y)
            if _share(a[::few], b[::few], word, place) < 0.5:  # a few vertices rule most of them out
                continue
            share = _share(a, b, word, place)
            if share >= _INSIDE:
                yield Explanation(_kind(declared, word, swap=swap), word, swap, share)


def _without_namesakes(found: Sequence[Explanation]) -> list[Explanation]:
    """A CRS made here in feet says nothing where the authority lists one in feet that fits as well."""
    listed = any(e.kind == "feet" and e.crs.startswith("EPSG:") for e in found)
    return [e for e in found if e.crs.startswith("EPSG:") or not listed]


def _candidates(declared: str | None, place: Place) -> Iterator[str]:
    if declared is not None:
        yield declared
    yield from (place.crs, "EPSG:4490" if _is_chinese(place) else "EPSG:4326", "EPSG:4326")
    family = _CHINESE if _is_chinese(place) else (facts_of(place.crs).name.partition(" /")[0] + " /",)
    yield from projected_near(place.extent, (*family, "WGS 84 / UTM"))
    for word in (declared, place.crs):
        if word is not None and not facts_of(word).geographic:
            yield from in_feet(word)
    yield "EPSG:3857"


def _is_chinese(place: Place) -> bool:
    return facts_of(place.crs).name.startswith("CGCS2000")


def _kind(declared: str | None, word: str, *, swap: bool) -> str:
    if swap or declared is None:
        return "axis_swap" if swap else "undeclared"
    said, would = facts_of(declared), facts_of(word)
    if would.geographic:
        return "degrees_labelled_metres"
    if abs(would.unit - said.unit) > 0.1:
        return "feet"
    if said.geographic:
        return "metres_labelled_degrees"
    return _projected_kind(said, would)


def _projected_kind(said: CrsFacts, would: CrsFacts) -> str:
    if said.projection == would.projection and said.datum == would.datum:
        return "zone_prefix" if would.false_easting > said.false_easting else "no_zone_prefix"
    return "wrong_zone"


def _order(e: Explanation, place: Place) -> tuple[Any, ...]:
    """The likeliest first: axes as they are, the place's own CRS, its zone, its datum, codes before long texts."""
    own, would = facts_of(place.crs), facts_of(e.crs)
    same_zone = would.projection == own.projection
    return (
        e.swap_axes,
        e.crs != place.crs,
        not would.geographic and not same_zone,
        would.datum != own.datum,
        not e.crs.startswith("EPSG:"),
        e.crs,
    )


def _shifted(x: Floats, y: Floats, declared: str, place: Place, reference: Any) -> Explanation | None:
    """GCJ-02 or BD-09, when the lines in force are met clearly better by taking the coordinates as such."""
    if reference is None or not len(reference) or declared in (GCJ02, BD09):
        return None
    step = max(1, len(x) // _NEAREST)
    xs, ys = x[::step], y[::step]
    lines = shapely.STRtree(shapely.boundary(reference) if shapely.get_dimensions(reference)[0] == 2 else reference)
    east, north = to_working(xs, ys, crs=declared, working=place.crs)
    plain = _distance(lines, east, north)
    if plain < _SHIFT_M:
        return None
    lon, lat = from_working(east, north, working=place.crs, crs="EPSG:4326")
    away = {word: _distance(lines, *to_working(lon, lat, crs=word, working=place.crs)) for word in (GCJ02, BD09)}
    best = min(away, key=lambda word: away[word])
    if away[best] > plain / 5:
        return None
    return Explanation("gcj02_shift" if best == GCJ02 else "bd09_shift", best, False, 1.0)


def _distance(lines: shapely.STRtree, x: Floats, y: Floats) -> float:
    """Median distance (m) of points to the nearest line."""
    points = shapely.points(x, y)
    _, metres = lines.query_nearest(points, return_distance=True, all_matches=False)
    return float(np.median(metres)) if len(metres) else float("inf")


def _shift_text(found: Explanation, declared: str) -> str:
    if facts_of(declared).geographic:
        do = f"give --crs {found.crs} to have them turned back, if the sender agrees"
    else:
        do = "it was projected from shifted degrees: ask the sender for the survey's own coordinates"
    return (
        f"its lines lie beside those in force by the shift of {found.crs} and would fall on them without it, "
        f"though it says {_short(declared)}; {do}."
    )


def _text(x: Floats, y: Floats, declared: str | None, share: float, found: Sequence[Explanation]) -> str:
    numbers = f"x {_range(x)}, y {_range(y)}" if len(x) else "no vertex"
    if declared is None:
        head = f"it does not say its CRS ({numbers})"
    else:
        head = f"as {_short(declared)} only {share:.0%} of it would lie in this place's extent ({numbers})"
    if not found:
        return f"{head}, and no known CRS puts it here. Ask the sender which it is, and whether it is this city at all."
    shown = "; ".join(
        f"in {facts_of(e.crs).name}{'' if e.kind == 'undeclared' else ' ' + _WORDS[e.kind]}: {_option(e)}"
        for e in found[:5]
    )
    more = f", and {len(found) - 5} more" if len(found) > 5 else ""
    return f"{head}. It would lie here {shown}{more}. Nothing is shifted unasked: give the option, or ask the sender."


def _range(values: Floats) -> str:
    digits = 4 if np.abs(values).max() < 1000 else 1
    return f"{values.min():.{digits}f} to {values.max():.{digits}f}"


def _option(e: Explanation) -> str:
    word = e.crs if len(e.crs) < 30 else "@FILE with its WKT"
    return f"--crs {word}{' --swap-axes' if e.swap_axes else ''}"


def _short(word: str) -> str:
    """An EPSG word as it is, a WKT by its name."""
    return word if len(word) < 30 else repr(facts_of(parse_crs(word)).name)
