"""A case is the list of what happened to it; here are the filters by which cases are looked at, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from gis.periods import Period

__all__ = [
    "AreaCount",
    "AreaCounts",
    "CaseFilter",
    "CasePage",
    "CaseRow",
    "Density",
    "Event",
    "RankedPlace",
    "Why",
]


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases are meant; an empty field does not restrict.

    `category` is a code prefix, `area` the code of a current area of any level, `bbox` (west, south, east, north) in
    metres of the working CRS.
    """

    period: Period | None = None
    category: str = ""
    unit: str = ""
    source: str = ""
    state: str = ""
    area: str = ""
    bbox: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class AreaCount:
    """The cases of one area of today's release; `usual` is the mean of periods of this length in the year before."""

    code: str
    name: str
    n: int
    before: int
    usual: float | None
    km2: float


@dataclass(frozen=True, slots=True)
class AreaCounts:
    """Σ areas.n + Σ not_on_map = total, always."""

    level: str
    total: int
    areas: Sequence[AreaCount]
    not_on_map: Mapping[str, int]  #: keys outside, gap, no_position


@dataclass(frozen=True, slots=True)
class Density:
    """Gridded counts: square cells of `size` metres of the working CRS; x, y their centres in `crs`; Σ n = total."""

    crs: str
    size: float
    total: int
    truncated: bool
    x: Sequence[float]
    y: Sequence[float]
    n: Sequence[int]


@dataclass(frozen=True, slots=True)
class RankedPlace:
    """A place in words: cells of one community that share their nearest road or landmark."""

    label_zh: str
    label_en: str
    kind: str  #: road or landmark
    community: str
    community_code: str
    street: str
    street_en: str
    street_code: str
    unit: str
    unit_en: str
    unit_code: str
    cells: Sequence[str]
    n: int
    before: int
    usual: float | None
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One line of a worklist; lon, lat WGS 84; texts as the reporter wrote them: escape before showing."""

    no: str
    received_at: datetime
    category: str
    category_zh: str
    category_en: str
    source: str
    state: str
    unit: str
    unit_name: str
    unit_name_en: str
    street: str
    street_en: str
    community: str
    cell: str
    lon: float
    lat: float
    description: str


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a case; `seq` counts from 1, `hash` chains it to the one before."""

    seq: int
    at: datetime
    kind: str
    by: str
    note: str
    hash: str


@dataclass(frozen=True, slots=True)
class Why:
    """The evidence of a decision, and the same told in one paragraph per language."""

    case: str
    decided_at: datetime
    text_zh: str
    text_en: str
    evidence: Mapping[str, Any]
    replay_agrees: bool


@dataclass(frozen=True, slots=True)
class CasePage:
    """A case with its history and the reason of its newest decision."""

    row: CaseRow
    why: Why | None
    events: Sequence[Event]
    closed_on: date | None = None
    deadline: datetime | None = None
    accuracy: float | None = None
    nearby: Sequence[CaseRow] = field(default_factory=tuple)
