"""Parts (部件): public facilities with a shape on the ground, an identifier, and units that own, keep and watch them.

    identifier   6 digits of the division, 2 of the major class, 2 or 3 of the minor class, 6 running

A part's versions follow one another by their days: what changed carries a change date, and what was stored ends there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.limits import brief

__all__ = [
    "ACCURACY_M",
    "PARTS_STATES",
    "SCHEMES",
    "UNIT_ROLES",
    "Decided",
    "PartBatch",
    "RowFault",
    "Scheme",
    "StoredParts",
    "decide_versions",
    "identifier_problem",
]

#: state -> the standard's word
PARTS_STATES: Final[Mapping[str, str]] = {
    "intact": "完好",
    "damaged": "破损",
    "missing": "丢失",
    "abandoned": "废弃",
    "removed": "移除",
}
#: accuracy class -> metres that a position may be off (GB/T 30428.2)
ACCURACY_M: Final[Mapping[str, float]] = {"A": 0.5, "B": 1.0, "C": 10.0}
#: column -> the standard's word for that unit
UNIT_ROLES: Final[Mapping[str, str]] = {
    "owner_unit": "权属单位",
    "maintenance_unit": "养护单位",
    "supervising_unit": "主管部门",
}
EPOCH: Final = np.datetime64("2000-01-01", "D")  #: a part that says no day is in force from here
NOISE_M: Final = 0.01  #: below it a position is the same: files round to the centimetre
FAR_M: Final = 100.0  #: nothing that moves further is taken for the same object without being told
_WORDS: Final = (
    "type", "name", *UNIT_ROLES, "state", "accuracy_class", "data_source",
)  # fmt: skip

_WHOLE: Final = ("given", "unit_names")  #: what of a batch is no column

Texts = NDArray[np.object_]
Days = NDArray[np.datetime64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scheme:
    """How identifiers are made up by one standard."""

    word: str
    standard: str
    minor: int  #: digits of the minor class

    @property
    def digits(self) -> int:
        return 6 + 2 + self.minor + 6

    def type_of(self, code: str) -> str:
        """The class within an identifier: major and minor.

        >>> SCHEMES["2026"].type_of("32040401037000012")
        '01037'
        """
        return code[6 : 8 + self.minor]


SCHEMES: Final[Mapping[str, Scheme]] = {
    "2013": Scheme("2013", "GB/T 30428.2-2013", 2),
    "2026": Scheme("2026", "GB/T 47678.5-2026", 3),
}


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row cannot be stored; rows count from 1, `layer` is empty where the file has only one."""

    layer: str
    row: int
    text: str

    def __str__(self) -> str:
        return f"{self.layer + ' ' if self.layer else ''}row {self.row}: {self.text}"


@dataclass(frozen=True, slots=True)
class PartBatch:
    """Parts as columns of one length: texts as object arrays, days as datetime64[D] (NaT: not said), geometries in the
    working CRS. `given` names the columns that the file has: of another column the stored value stays. `unit_names`
    holds, by role, the name that stands beside the unit's code ('' for none)."""

    code: Texts
    type: Texts
    name: Texts
    owner_unit: Texts
    maintenance_unit: Texts
    supervising_unit: Texts
    state: Texts
    accuracy_class: Texts
    data_source: Texts
    initial_date: Days
    change_date: Days
    geometry: Texts
    layer: Texts
    row: Ints
    given: frozenset[str]
    unit_names: Mapping[str, Texts]

    def __len__(self) -> int:
        return len(self.code)

    @property
    def valid_from(self) -> Days:
        """The first day on which a row's words hold: its change date, else its initial date."""
        first = np.where(np.isnat(self.initial_date), EPOCH, self.initial_date)
        return np.where(np.isnat(self.change_date), first, self.change_date)

    def taken(self, which: Flags) -> PartBatch:
        """The rows where `which` is true."""
        rows: dict[str, Any] = {name: getattr(self, name)[which] for name in self.__slots__ if name not in _WHOLE}
        names = {role: column[which] for role, column in self.unit_names.items()}
        return PartBatch(**rows, given=self.given, unit_names=names)

    def fault(self, i: int, text: str) -> RowFault:
        """A fault of the row at position `i`."""
        return RowFault(str(self.layer[i]), int(self.row[i]), text)


@dataclass(frozen=True, slots=True)
class StoredParts:
    """Versions that are stored, as columns of one length, by code and first day."""

    id: Ints
    valid_from: Days
    columns: Mapping[str, NDArray[np.generic]]  #: words, initial_date, geometry

    @property
    def code(self) -> Texts:
        return np.asarray(self.columns["code"], dtype=object)


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be done with each row of a batch: Σ new, changed, same, faults' rows = rows."""

    batch: PartBatch
    new: Flags
    changed: Flags
    ends: Ints  #: id of the version that ends where a changed row begins, -1 elsewhere
    same: int
    faults: tuple[RowFault, ...]


def identifier_problem(code: str, scheme: Scheme, division: str) -> str:
    """What is wrong with an identifier, '' when nothing is. A `division` that is no six digits is not looked for.

    >>> identifier_problem("3204040101000001", SCHEMES["2013"], "320404")
    ''
    >>> identifier_problem("3205080101000001", SCHEMES["2013"], "320404")
    "identifier is '3205080101000001', of division 320508; wanted one that begins with 320404, the place's"
    """
    found = f"identifier is {brief(code)}"
    if not code:
        return f"identifier is empty; wanted {scheme.digits} digits ({scheme.standard})"
    if not (code.isascii() and code.isdigit()):
        hint = ", written as a number by a spreadsheet: make the column text" if "e+" in code.casefold() else ""
        return f"{found}{hint}; wanted {scheme.digits} digits ({scheme.standard})"
    if len(code) != scheme.digits:
        return f"{found}, {len(code)} digits; wanted {scheme.digits} ({scheme.standard}: 6 + 2 + {scheme.minor} + 6)"
    if len(division) == 6 and division.isdigit():
        # A prefecture's parts bear the codes of its counties.
        wanted = division[:4] if division.endswith("00") else division
        if not code.startswith(wanted):
            return f"{found}, of division {code[:6]}; wanted one that begins with {wanted}, the place's"
    if code[6:8] == "00" or not code[8 : 8 + scheme.minor].strip("0"):
        return f"{found}, of class {scheme.type_of(code)!r}, which there is none of in {scheme.standard}"
    return ""


def decide_versions(batch: PartBatch, stored: StoredParts, *, accept_moves: bool) -> Decided:
    """Which rows are new, which are new versions of stored parts, and which cannot be either."""
    last = {code: i for i, code in enumerate(stored.code.tolist())}
    of_day = {key: i for i, key in enumerate(zip(stored.code.tolist(), stored.valid_from.tolist(), strict=True))}
    latest = np.fromiter((last.get(c, -1) for c in batch.code), np.int64, len(batch))
    batch = _completed(batch, stored, latest)
    days = batch.valid_from
    keys = zip(batch.code.tolist(), days.tolist(), strict=True)
    twin = np.fromiter((of_day.get(key, -1) for key in keys), np.int64, len(batch))
    known = latest >= 0
    same = _equal(batch, stored, latest) | _equal(batch, stored, twin)
    open_rows = known & ~same
    other = _other_object(batch, stored, latest, open_rows, accept_moves=accept_moves)
    later = np.zeros(len(batch), dtype=bool)
    later[known] = days[known] > stored.valid_from[latest[known]]
    stale = np.flatnonzero(open_rows & ~later)
    faults = [batch.fault(i, text) for i, text in other.items()]
    faults += [batch.fault(i, _stale(batch, stored, i, latest[i])) for i in stale.tolist() if i not in other]
    changed = open_rows & later
    changed[list(other)] = False
    ends = np.where(changed, stored.id[latest] if len(stored.id) else -1, -1)
    return Decided(batch, ~known, changed, ends, int((known & same).sum()), tuple(faults))


def _completed(batch: PartBatch, stored: StoredParts, latest: Ints) -> PartBatch:
    """The batch with the stored words where its file has no such column."""
    known = np.flatnonzero(latest >= 0)
    filled: dict[str, Any] = {}
    for name in (*_WORDS, "initial_date"):
        if name not in batch.given and len(known):
            column = getattr(batch, name).copy()
            column[known] = stored.columns[name][latest[known]]
            filled[name] = column
    return replace(batch, **filled) if filled else batch


def _equal(batch: PartBatch, stored: StoredParts, which: Ints) -> Flags:
    """True where a row says what the stored version `which` (-1: none) says: words, initial date and place."""
    out = np.zeros(len(batch), dtype=bool)
    rows = np.flatnonzero(which >= 0)
    for name in _WORDS:
        rows = rows[getattr(batch, name)[rows] == stored.columns[name][which[rows]]]
    rows = rows[_same_days(batch.initial_date[rows], stored.columns["initial_date"][which[rows]])]
    mine, theirs = batch.geometry[rows], stored.columns["geometry"][which[rows]]
    out[rows[_same_place(mine, np.asarray(theirs, dtype=object))]] = True
    return out


def _same_days(a: NDArray[np.generic], b: NDArray[np.generic]) -> Flags:
    return np.asarray((a == b) | (np.isnat(a) & np.isnat(b)), dtype=bool)


def _same_place(a: Texts, b: Texts) -> Flags:
    return np.asarray(shapely.equals_exact(a, b, NOISE_M, normalize=True), dtype=bool)


def _other_object(
    batch: PartBatch, stored: StoredParts, latest: Ints, rows: Flags, *, accept_moves: bool
) -> dict[int, str]:
    """Rows whose identifier is stored for another object, with the words for it."""
    at = np.flatnonzero(rows)
    before = latest[at]
    out: dict[int, str] = {}
    first, was = batch.initial_date[at], stored.columns["initial_date"][before]
    states = np.asarray(stored.columns["state"], dtype=object)[before]
    metres = shapely.distance(batch.geometry[at], np.asarray(stored.columns["geometry"], dtype=object)[before])
    dated = ~np.isnat(first) & ~np.isnat(was) & (first != was)
    gone = (states == "removed") & (batch.state[at] != "removed")
    far = (metres > FAR_M) & (not accept_moves)
    for n in np.flatnonzero(dated | gone | far).tolist():
        i = int(at[n])
        if gone[n]:
            why = f"is that of a part which was removed on {stored.valid_from[before[n]]}"
        elif dated[n]:
            why = f"is that of a part first surveyed on {was[n]}, this one on {first[n]}"
        else:
            why = f"is that of a part {metres[n]:,.0f} m away"
        remedy = "or --accept-moves if positions were corrected" if far[n] and not (gone[n] or dated[n]) else ""
        out[i] = (
            f"identifier {batch.code[i]!r} {why}; an identifier is not used again, give the object one of its own"
            f"{', ' + remedy if remedy else ''}"
        )
    return out


def _stale(batch: PartBatch, stored: StoredParts, i: int, at: int) -> str:
    """What a row says otherwise than the newest stored version, without a later change date."""
    said = [
        f"{name} is {getattr(batch, name)[i]!r}, stored is {stored.columns[name][at]!r}"
        for name in _WORDS
        if getattr(batch, name)[i] != stored.columns[name][at]
    ]
    if not said:
        metres = shapely.distance(batch.geometry[i], stored.columns["geometry"][at])
        said = [f"its place is another one ({metres:,.2f} m off)" if metres else "its shape is another one"]
    return (
        f"identifier {batch.code[i]!r}: {', '.join(said)}; "
        f"give what changed a change_date after {stored.valid_from[at]}, since when the stored version holds"
    )
