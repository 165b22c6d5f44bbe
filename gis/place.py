"""A place: everything that makes this city this city, in one TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gis.crs import check_working_crs
from gis.errors import SettingsFault, UnknownCrs

__all__ = ["Level", "Place", "read_place"]


@dataclass(frozen=True, slots=True)
class Level:
    """One kind of area, for example streets; a nested level names its parent level."""

    name: str
    label_zh: str
    label_en: str
    code_pattern: str
    parent: str | None
    prefix: int  #: how many leading characters of a code are the parent's code; 0 = not related
    area_min: float  #: m², smaller ones are size outliers
    area_max: float  #: m²
    coverage: bool = True  #: False: its areas may overlap and leave gaps


@dataclass(frozen=True, slots=True)
class Place:
    """The settings of one city; two places are two databases.

    `extent` is (west, south, east, north) in degrees WGS 84: points and files far from it are implausible.
    `levels` run from the coarsest to the finest nested level. `unit_level` is the level whose areas are territories.
    """

    name: str
    name_en: str
    code: str
    crs: str
    timezone: str
    languages: tuple[str, ...]
    extent: tuple[float, float, float, float]
    synthetic: bool
    levels: tuple[Level, ...]
    unit_level: str
    default_accuracy: Mapping[str, float]  #: metres (68 % radius) by source, where a report gives none
    case_prefix: str
    truth: str = "lowest"  #: whose lines count: the finest level's (upper areas are dissolved from it), or each its own
    accuracy_level: float = 0.68  #: share of the error that a report's accuracy radius holds, where it does not say
    desk_threshold: float = 0.9  #: confidence below which the border desk decides
    part_certain: float = 0.9  #: share above which a part is taken silently

    def level(self, name: str) -> Level:
        for level in self.levels:
            if level.name == name:
                return level
        raise SettingsFault(f"There is no level {name!r} here; the levels are {', '.join(self.level_names)}.")

    @property
    def level_names(self) -> tuple[str, ...]:
        return tuple(level.name for level in self.levels)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self.default_accuracy)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def read_place(path: Path) -> Place:
    """Read a place file; raises SettingsFault with every fault found, not only the first."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsFault(
            f"The place file {path} does not exist; give one with --config or GRIDWARD_CONFIG "
            "(docs/settings.md shows its fields)."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise SettingsFault(f"The place file {path} cannot be read as TOML in UTF-8: {fault}.") from None
    reader = _Reader(raw)
    place = reader.place()
    if reader.faults or place is None:
        raise SettingsFault(f"The place file {path} has {len(reader.faults)} fault(s): " + " ".join(reader.faults))
    return place


class _Reader:
    """Takes fields out of the parsed file and collects every fault on the way."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.faults: list[str] = []

    def take(self, table: dict[str, Any], name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        value = table.get(name, default)
        if value is None:
            self.faults.append(f"{name} is missing.")
        elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            wanted = kind.__name__ if isinstance(kind, type) else "number"
            self.faults.append(f"{name} is {value!r}; wanted a {wanted}.")
            value = None
        return value

    def place(self) -> Place | None:
        raw = self.raw
        name = self.take(raw, "name", str)
        fields: dict[str, Any] = {
            "name": name,
            "name_en": self.take(raw, "name_en", str, name),
            "code": self.take(raw, "code", str),
            "crs": self._crs(),
            "timezone": self._zone(),
            "languages": self._languages(),
            "extent": self._extent(),
            "synthetic": self.take(raw, "synthetic", bool, False),
            "levels": self._levels(),
            "case_prefix": self.take(raw, "case_prefix", str, "C"),
            "default_accuracy": self._accuracy(),
            "truth": self._truth(),
            **self._assignment(),
        }
        levels = fields["levels"]
        fields["unit_level"] = self.take(raw, "unit_level", str, levels[0].name if levels else "street")
        if levels and fields["unit_level"] not in {level.name for level in levels}:
            self.faults.append(f"unit_level is {fields['unit_level']!r}; wanted one of the levels' names.")
        return None if self.faults else Place(**fields)

    def _crs(self) -> str | None:
        text = self.take(self.raw, "crs", str)
        try:
            return check_working_crs(text) if text else None
        except UnknownCrs as fault:
            self.faults.append(str(fault))
            return None

    def _zone(self) -> str | None:
        text = self.take(self.raw, "timezone", str)
        try:
            return ZoneInfo(text).key if text else None
        except (ZoneInfoNotFoundError, ValueError):
            self.faults.append(f"timezone is {text!r}; wanted an IANA name such as Asia/Shanghai.")
            return None

    def _languages(self) -> tuple[str, ...]:
        found = self.take(self.raw, "languages", list, ["zh", "en"]) or []
        wrong = [word for word in found if word not in ("zh", "en")]
        if wrong or not found:
            self.faults.append(f"languages is {found!r}; wanted a list of zh and en, the first is the default.")
        return tuple(found)

    def _extent(self) -> tuple[float, ...]:
        found = self.take(self.raw, "extent", list) or []
        numbers = [float(v) for v in found if isinstance(v, int | float) and not isinstance(v, bool)]
        ordered = len(numbers) == 4 and -180 <= numbers[0] < numbers[2] <= 180 and -90 <= numbers[1] < numbers[3] <= 90
        if found and not ordered:
            self.faults.append(f"extent is {found!r}; wanted [west, south, east, north] in degrees WGS 84.")
        return tuple(numbers)

    def _truth(self) -> str:
        found = self.take(self.raw, "truth", str, "lowest")
        if found not in (None, "lowest", "each"):
            self.faults.append(f"truth is {found!r}; wanted lowest or each.")
        return str(found)

    def _accuracy(self) -> dict[str, float]:
        found = self.take(self.raw, "default_accuracy_m", dict) or {}
        for source, metres in found.items():
            if not isinstance(metres, int | float) or isinstance(metres, bool) or not 0 < metres < 100_000:
                self.faults.append(f"default_accuracy_m.{source} is {metres!r}; wanted metres above 0.")
        return dict(found)

    def _assignment(self) -> dict[str, float]:
        table = self.take(self.raw, "assignment", dict, {}) or {}
        defaults = {"accuracy_level": 0.68, "desk_threshold": 0.9, "part_certain": 0.9}
        for name in sorted(set(table) - set(defaults)):
            self.faults.append(f"assignment.{name} is no setting; wanted only {', '.join(defaults)}.")
        found = {name: table.get(name, value) for name, value in defaults.items()}
        for name, share in found.items():
            if not isinstance(share, int | float) or isinstance(share, bool) or not 0 < share < 1:
                self.faults.append(f"assignment.{name} is {share!r}; wanted a share above 0 and below 1.")
        return found

    def _levels(self) -> tuple[Level, ...]:
        tables = self.take(self.raw, "level", list) or []
        levels: list[Level] = []
        for table in tables:
            name = self.take(table, "name", str)
            pattern = self.take(table, "code", str)
            size = self.take(table, "area_m2", list, [0.0, 1e12]) or [0.0, 1e12]
            try:
                re.compile(pattern or "")
            except re.error as fault:
                self.faults.append(f"level {name}: code is {pattern!r}, no regular expression ({fault}).")
            if self.faults:
                continue
            levels.append(
                Level(
                    name=name,
                    label_zh=self.take(table, "zh", str, name),
                    label_en=self.take(table, "en", str, name),
                    code_pattern=pattern,
                    parent=levels[-1].name if levels else None,
                    prefix=self.take(table, "prefix", int, 0),
                    area_min=float(size[0]),
                    area_max=float(size[1]),
                    coverage=bool(self.take(table, "coverage", bool, True)),
                )
            )
        return tuple(levels)
