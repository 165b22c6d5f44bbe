"""From the text of an address to values: every parameter described once, every fault named at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from gis.cases import CaseFilter
from gis.crs import parse_crs, to_working
from gis.errors import BadOption, GridwardError
from gis.periods import Period, parse_day
from gis.place import Place
from webmap.errors import QueryFault

__all__ = ["FIELDS", "FILTERS", "Field", "box_in_metres", "case_filter", "read"]

Read = Callable[[str, Place], Any]
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter: how its text is read, how OpenAPI describes it, and what is wanted, in words."""

    read: Read
    schema: Schema
    about: str
    wanted: str
    default: Any = None


def _number(low: float, high: float) -> Read:
    def read(text: str, _place: Place) -> float:
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
            raise BadOption("no number")
        value = float(text)
        if not (math.isfinite(value) and low <= value <= high):
            raise BadOption("out of range")
        return value

    return read


def _integer(low: int, high: int) -> Read:
    def read(text: str, _place: Place) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise BadOption("out of range")
        return int(text)

    return read


def _word(pattern: str) -> Read:
    def read(text: str, _place: Place) -> str:
        if not re.fullmatch(pattern, text):
            raise BadOption("no such word")
        return text

    return read


def _crs(text: str, _place: Place) -> str:
    return parse_crs(text)


def _day(text: str, _place: Place) -> date:
    return parse_day(text)


def _level(text: str, place: Place) -> str:
    if text not in place.level_names:
        raise BadOption(f"one of {', '.join(place.level_names)}")
    return text


def _source(text: str, place: Place) -> str:
    if text not in place.sources:
        raise BadOption(f"one of {', '.join(place.sources)}")
    return text


def _bbox(text: str, place: Place) -> tuple[float, float, float, float]:
    west, south, east, north = (_number(-180, 180)(part.strip(), place) for part in text.split(","))
    if not (west < east and -90 <= south < north <= 90):
        raise BadOption("out of order")
    return west, south, east, north


_CODE: Final = _word(r"[0-9A-Za-z_.-]{1,40}")
_CODE_SCHEMA: Final = {"type": "string", "pattern": "^[0-9A-Za-z_.-]{1,40}$"}
_DAY_SCHEMA: Final = {"type": "string", "format": "date"}

#: every parameter that any address here understands
FIELDS: Final[Mapping[str, Field]] = {
    "x": Field(_number(-1e9, 1e9), {"type": "number"}, "East of the position, in `crs`.", "a finite number"),
    "y": Field(_number(-1e9, 1e9), {"type": "number"}, "North of the position, in `crs`.", "a finite number"),
    "crs": Field(
        _crs,
        {"type": "string", "default": "EPSG:4326"},
        "Coordinate reference system: EPSG:n, GCJ-02 or BD-09.",
        "EPSG:n (for example EPSG:4326), GCJ-02 or BD-09",
        "EPSG:4326",
    ),
    "at": Field(
        _day,
        _DAY_SCHEMA,
        "Answer as of this day of the place; today where absent.",
        "a day as YYYY-MM-DD",
    ),
    "as_known": Field(
        _day,
        _DAY_SCHEMA,
        "Answer as it was known at the end of this day; now where absent.",
        "a day as YYYY-MM-DD",
    ),
    "on": Field(
        _word(r"decided|[0-9]{1,9}"),
        {"type": "string", "pattern": "^(decided|[0-9]{1,9})$"},
        "Whose lines are counted by: `decided`, as each case was decided, or a release's id.",
        "decided or a release's id",
        "decided",
    ),
    "accuracy": Field(
        _number(0, 100_000),
        {"type": "number", "minimum": 0, "maximum": 100000},
        "Radius in metres that holds 68 % of the position's error.",
        "metres from 0 to 100000",
    ),
    "from": Field(_day, _DAY_SCHEMA, "First day of the period; goes with `to`.", "a day as YYYY-MM-DD"),
    "to": Field(
        _day,
        _DAY_SCHEMA,
        "The day after the last day of the period; goes with `from`.",
        "a day as YYYY-MM-DD, after from",
    ),
    "category": Field(_CODE, _CODE_SCHEMA, "Code of a category, or its beginning.", "a category's code", ""),
    "unit": Field(_CODE, _CODE_SCHEMA, "Code of the responsible unit.", "a unit's code", ""),
    "source": Field(_source, {"type": "string"}, "Where the reports came from.", "one of the place's sources", ""),
    "state": Field(_word(r"[a-z_]{1,20}"), {"type": "string"}, "State of the cases.", "a state such as dispatched", ""),
    "area": Field(_CODE, _CODE_SCHEMA, "Code of a current area of any level.", "an area's code", ""),
    "level": Field(_level, {"type": "string"}, "Level of areas.", "one of the place's levels"),
    "bbox": Field(
        _bbox,
        {"type": "string", "example": "119.9,31.75,119.97,31.8"},
        "West, south, east, north in degrees WGS 84.",
        "west,south,east,north in degrees with west < east and south < north",
    ),
    "zoom": Field(
        _integer(0, 22),
        {"type": "integer", "minimum": 0, "maximum": 22, "default": 13},
        "Zoom step of the map that asks; it decides how fine the answer is.",
        "a whole number from 0 to 22",
        13,
    ),
    "limit": Field(
        _integer(1, 500),
        {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
        "At most so many rows.",
        "a whole number from 1 to 500",
        50,
    ),
    "after": Field(_CODE, _CODE_SCHEMA, "The last case number of the page before.", "a case number"),
    "lat": Field(_number(-90, 90), {"type": "number"}, "Latitude of the map's centre.", "degrees from -90 to 90"),
    "lon": Field(_number(-180, 180), {"type": "number"}, "Longitude of the map's centre.", "degrees from -180 to 180"),
    "z": Field(_number(0, 22), {"type": "number"}, "Zoom of the map, in halves.", "a number from 0 to 22"),
    "show": Field(_word("rate|grid|heat"), {"type": "string"}, "What the map shows.", "rate, grid or heat", "rate"),
    "sel": Field(
        _word(r"(area|place):[0-9A-Za-z_.-]{1,40}"),
        {"type": "string"},
        "What is selected.",
        "area:CODE or place:CODE",
        "",
    ),
    "lang": Field(_word("[a-z]{2}"), {"type": "string"}, "Language of the page.", "zh or en", ""),
}

#: the parameters that say which cases are meant
FILTERS: Final = ("from", "to", "category", "unit", "source", "state")


def read(
    args: MultiDict[str, str], names: Iterable[str], place: Place, *, required: Iterable[str] = ()
) -> dict[str, Any]:
    """The values of the named parameters; an empty text counts as absent.

    Raises QueryFault that names every unknown, repeated, missing or unreadable parameter.
    """
    known, values = list(names), {}
    faults: list[dict[str, Any]] = [
        {"field": name, "found": args[name], "wanted": "only " + ", ".join(known) if known else "no parameters"}
        for name in args
        if name not in known
    ]
    for name in known:
        texts = [text for text in args.getlist(name) if text.strip()]
        if len(texts) > 1:
            faults.append({"field": name, "found": texts, "wanted": "it once"})
        elif texts:
            values[name] = _value(name, texts[0], place, faults)
        elif name in required:
            faults.append({"field": name, "found": None, "wanted": FIELDS[name].wanted})
        else:
            values[name] = FIELDS[name].default
    if not faults:
        faults = _period_faults(values)
    if faults:
        raise QueryFault(faults)
    return values


def _value(name: str, text: str, place: Place, faults: list[dict[str, Any]]) -> Any:
    try:
        return FIELDS[name].read(text.strip(), place)
    except (GridwardError, ValueError) as fault:
        said = str(fault) if str(fault).startswith("one of") else FIELDS[name].wanted
        faults.append({"field": name, "found": text[:200], "wanted": said})
        return None


def _period_faults(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    start, end = values.get("from"), values.get("to")
    if (start is None) != (end is None):
        missing = "to" if end is None else "from"
        return [{"field": missing, "found": None, "wanted": "from and to together"}]
    if start is not None and start >= end:
        return [{"field": "to", "found": end.isoformat(), "wanted": f"a day after from, {start.isoformat()}"}]
    if start is not None and (end - start > timedelta(days=36_600) or start < date(1900, 1, 1)):
        return [{"field": "from", "found": start.isoformat(), "wanted": "at most a hundred years, none before 1900"}]
    return []


def case_filter(values: Mapping[str, Any], place: Place) -> CaseFilter:
    """The filter that the parameters name."""
    start, bbox = values.get("from"), values.get("bbox")
    return CaseFilter(
        period=Period(start, values["to"]) if start else None,
        category=values.get("category") or "",
        unit=values.get("unit") or "",
        source=values.get("source") or "",
        state=values.get("state") or "",
        area=values.get("area") or "",
        bbox=box_in_metres(bbox, place.crs) if bbox else None,
    )


def box_in_metres(bbox: tuple[float, float, float, float], working: str) -> tuple[float, float, float, float]:
    """The box of the working CRS around a box in degrees: west, south, east, north.

    >>> [round(v) for v in box_in_metres((119.93, 31.78, 119.94, 31.79), "EPSG:4549")]
    [493370, 3517459, 494318, 3518569]
    """
    west, south, east, north = bbox
    x, y = to_working([west, east, west, east], [south, south, north, north], crs="EPSG:4326", working=working)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
