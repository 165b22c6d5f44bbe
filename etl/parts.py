"""A file of parts judged row by row: columns found by the standards' names or ours, all faults at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from etl.part_tables import PartsFile, PartsTable, tables_of
from gis.crs import from_working
from gis.errors import BadOption, FileFault
from gis.limits import NAME, brief, too_long
from gis.parts import ACCURACY_M, PARTS_STATES, SCHEMES, UNIT_ROLES, PartBatch, RowFault, Scheme, identifier_problem
from gis.place import Place

__all__ = ["COLUMNS", "FIELDS", "ReadParts", "read_parts"]

Column = NDArray[np.object_]
#: our column -> what GB/T 30428.2, GB/T 47678.5 and people call it
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "code": ("ObjID", "GLBJBSM", "标识码", "部件标识码"),
    "type": ("小类代码", "部件类别代码"),
    "name": ("ObjName", "GLBJMC", "部件名称", "名称"),
    "owner_unit": ("DeptCode2", "QSDWDM", "权属单位代码"),
    "owner_name": ("DeptName2", "QSDWMC", "权属单位名称", "权属单位"),
    "maintenance_unit": ("DeptCode3", "YHDWDM", "养护单位代码"),
    "maintenance_name": ("DeptName3", "YHDWMC", "养护单位名称", "养护单位"),
    "supervising_unit": ("DeptCode1", "ZGBMDM", "主管部门代码"),
    "supervising_name": ("DeptName1", "ZGBMMC", "主管部门名称", "主管部门"),
    "state": ("ObjState", "GLBJZT", "状态", "部件状态"),
    "accuracy_class": ("精度等级", "定位精度等级"),
    "data_source": ("DataSource", "SJLY", "数据来源"),
    "initial_date": ("ORDate", "CSRQ", "初始日期"),
    "change_date": ("CHDate", "BGRQ", "变更日期"),
}
#: what the header of a CSV of ours says, beside the position
COLUMNS: Final = tuple(name for name in FIELDS if not name.endswith("_name"))
_REQUIRED: Final = ("code", "name", "state")
_STATES: Final = {**{name: name for name in PARTS_STATES}, **{word: name for name, word in PARTS_STATES.items()}}
_DAY: Final = re.compile(r"(\d{4})(?:[-/.年]?)(\d{1,2})(?:[-/.月]?)(\d{1,2})日?(?:[ T][\d:.+Z-]*)?")
_SURVEYED: Final = date(1900, 1, 1)  #: nothing here was surveyed before
_DBF: Final = 10  #: characters of a field name in a shapefile

Strike = Callable[[Any, Callable[[int], str]], None]


@dataclass(frozen=True, slots=True)
class ReadParts:
    """The rows that stand by themselves, and what is wrong with the others of the `rows`."""

    batch: PartBatch
    rows: int
    faults: tuple[RowFault, ...]
    notes: tuple[str, ...]


def read_parts(file: PartsFile, place: Place, *, today: date) -> ReadParts:
    """Read a CSV or spatial file of parts; raises FileFault where the file as a whole cannot be used."""
    wrong = sorted(set(file.fields) - set(FIELDS))
    if wrong:
        raise BadOption(f"--field names {', '.join(map(repr, wrong))}; wanted NAME=COLUMN with {', '.join(FIELDS)}.")
    tables, notes = _with_identifiers(file, tables_of(file, place))
    scheme = _scheme(file, tables)
    read = [_judged(table, _mapped(table, file), scheme, place, today) for table in tables]
    _require_near(file, tables, place)
    faults = [fault for _, found in read for fault in found]
    batch = _joined([found for found, _ in read])
    again, repeated = _repeated(batch)
    batch = batch.taken(~again)
    kept = [note for table in tables for note in table.notes]
    return ReadParts(batch, sum(map(len, tables)), (*faults, *repeated), (*kept, *notes, *_missing(batch)))


def _with_identifiers(file: PartsFile, tables: Sequence[PartsTable]) -> tuple[list[PartsTable], list[str]]:
    """The tables that hold parts; one without identifiers is left out with a note, unless it was asked for."""
    holding = [table for table in tables if "code" in _mapped(table, file, lenient=True)]
    if not holding or (file.layers and len(holding) < len(tables)):
        table = next(t for t in tables if t not in holding)
        wanted = ", ".join(("code", *FIELDS["code"]))
        raise FileFault(
            f"{file.name} {table.name}".strip() + f" has no column of identifiers ({wanted}); it has "
            f"{', '.join(table.columns) or 'none at all'}. Name it with --field code=COLUMN."
        )
    left = [table for table in tables if table not in holding]
    return holding, [f"{t.name} has no column of identifiers; its {len(t)} row(s) were left out." for t in left]


def _mapped(table: PartsTable, file: PartsFile, *, lenient: bool = False) -> dict[str, str]:
    """Our column -> the table's, by what was told, else by name; raises FileFault where a wanted one is missing."""
    by_name = {name.casefold(): name for name in table.columns}
    found: dict[str, str] = {}
    for ours, names in FIELDS.items():
        cut = [name[:_DBF] for name in (ours, *names) if len(name) > _DBF]
        hits = [by_name[n.casefold()] for n in (ours, *names, *cut) if n.casefold() in by_name]
        if hits:
            found[ours] = hits[0]
    found |= {ours: column for ours, column in file.fields.items() if column in table.columns}
    if lenient:
        return found
    absent = [f"{o} ({c})" for o, c in file.fields.items() if c not in table.columns]
    absent += [name for name in _REQUIRED if name not in found and name not in file.fields]
    if absent:
        raise FileFault(
            f"{file.name} {table.name}".strip() + f" has no column {', '.join(absent)}; it has "
            f"{', '.join(table.columns)}. Name it with --field NAME=COLUMN; `--template` prints the names."
        )
    return found


# -- identifiers ----------------------------------------------------------------------------------------------------
def _scheme(file: PartsFile, tables: Sequence[PartsTable]) -> Scheme:
    """The scheme that was told; else the one whose length most identifiers have and whose classes their rows name."""
    if file.scheme is not None:
        return SCHEMES[file.scheme]
    lengths: dict[int, int] = {}
    for table in tables:
        mapped = _mapped(table, file)
        for code in table.columns[mapped["code"]].tolist():
            lengths[len(code)] = lengths.get(len(code), 0) + 1
    return max(SCHEMES.values(), key=lambda scheme: lengths.get(scheme.digits, 0))


def _identifier_faults(columns: Mapping[str, Column], scheme: Scheme, place: Place, strike: Strike) -> None:
    codes, kinds = columns["code"], columns["type"]
    told = [identifier_problem(code, scheme, place.code) for code in codes.tolist()]
    problems = np.array(told, dtype=object)
    strike(problems != "", lambda i: problems[i])
    width = 2 + scheme.minor
    within = np.array([scheme.type_of(code) for code in codes.tolist()], dtype=object)
    # A spreadsheet takes the leading zero of a class: the identifier still has it.
    said = np.array([kind.zfill(width) if kind else "" for kind in kinds.tolist()], dtype=object)
    strike(
        (problems == "") & (said != "") & (said != within),
        lambda i: (
            f"type is {kinds[i]!r}, but identifier {codes[i]!r} is of class {within[i]!r} in {scheme.standard}; "
            "correct one of them, or name the right --scheme"
        ),
    )
    columns["type"][:] = within


# -- rows -----------------------------------------------------------------------------------------------------------
def _judged(
    table: PartsTable, mapped: Mapping[str, str], scheme: Scheme, place: Place, today: date
) -> tuple[PartBatch, list[RowFault]]:
    """The rows of a table that stand by themselves, and every fault of every other row."""
    n = len(table)
    empty = np.full(n, "", dtype=object)
    columns: dict[str, Any] = {
        name: (table.columns[mapped[name]] if name in mapped else empty).copy() for name in FIELDS
    }
    faults: list[RowFault] = []

    def strike(bad: Any, why: Callable[[int], str]) -> None:
        faults.extend(RowFault(table.name, i + 1, why(i)) for i in np.flatnonzero(bad).tolist())

    _identifier_faults(columns, scheme, place, strike)
    strike(columns["name"] == "", lambda _: "name is empty; wanted what the part is called")
    _choices(columns, mapped, strike)
    days: dict[str, Any] = {name: _days(name, columns[name], today, strike) for name in ("initial_date", "change_date")}
    first, changed = days["initial_date"], days["change_date"]
    strike(changed < first, lambda i: f"change_date {changed[i]} is before initial_date {first[i]}")
    for name, column in columns.items():
        nul = np.array(["\0" in text for text in column.tolist()], dtype=bool)
        strike(nul, lambda _, name=name: f"{name} holds a NUL character")  # type: ignore[misc]
        length = np.array([len(text) for text in column.tolist()], dtype=np.int64)
        strike(length > NAME, lambda i, name=name, n=length: f"{name} {too_long(n[i], NAME)}")  # type: ignore[misc]
    geometry = _shapes_judged(table, place, strike)
    good = np.ones(n, dtype=bool)
    good[[fault.row - 1 for fault in faults]] = False
    columns["state"] = np.array([_STATES.get(word, "") for word in columns["state"].tolist()], dtype=object)
    batch = PartBatch(
        **{name: columns[name] for name in COLUMNS if name not in days},
        **days,
        geometry=geometry,
        layer=np.full(n, table.name, dtype=object),
        row=np.arange(1, n + 1),
        given=_given(mapped),
        unit_names={role: columns[role.replace("_unit", "_name")] for role in UNIT_ROLES},
    )
    return batch.taken(good), faults


def _given(mapped: Mapping[str, str]) -> frozenset[str]:
    """Our columns that the file says something of: the class is always in the identifier, a unit may be a name."""
    roles = {role for role in UNIT_ROLES if role.replace("_unit", "_name") in mapped}
    return frozenset({*mapped, *roles, "type"})


def _choices(columns: Mapping[str, Column], mapped: Mapping[str, str], strike: Strike) -> None:
    states, classes = columns["state"], columns["accuracy_class"]
    wanted = ", ".join(f"{name} {word}" for name, word in PARTS_STATES.items())
    known = np.array([word in _STATES for word in states.tolist()], dtype=bool)
    strike(~known, lambda i: f"state is {brief(states[i])}; wanted one of {wanted}")
    if "accuracy_class" in mapped:
        metres = ", ".join(f"{name} (± {m} m)" for name, m in ACCURACY_M.items())
        bad = np.array([word not in ACCURACY_M for word in classes.tolist()], dtype=bool)
        strike(bad, lambda i: f"accuracy_class is {brief(classes[i])}; wanted one of {metres}")


def _days(name: str, texts: Column, today: date, strike: Strike) -> NDArray[np.datetime64]:
    """Days of a column, NaT where it is empty or no day."""
    read = {text: _day(text) for text in dict.fromkeys(texts.tolist())}
    days = np.array([read[text] for text in texts.tolist()], dtype="datetime64[D]")
    wanted = "wanted a day, YYYY-MM-DD or YYYYMMDD"
    strike(np.isnat(days) & (texts != ""), lambda i: f"{name} is {brief(texts[i])}; {wanted}")
    strike(days > np.datetime64(today), lambda i: f"{name} is {days[i]}, after today; wanted a day that has been")
    strike(days < np.datetime64(_SURVEYED), lambda i: f"{name} is {days[i]}, before {_SURVEYED}")
    return days


def _day(text: str) -> date | None:
    """A day as people and programs write it; None for what is none.

    >>> _day("20190301"), _day("2019/3/1"), _day("2019-03-01T00:00:00"), _day("2019-02-30")
    (datetime.date(2019, 3, 1), datetime.date(2019, 3, 1), datetime.date(2019, 3, 1), None)
    """
    match = _DAY.fullmatch(text)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


# -- places ---------------------------------------------------------------------------------------------------------
def _shapes_judged(table: PartsTable, place: Place, strike: Strike) -> Column:
    geometry, lost = table.geometry, table.lost
    strike(lost != "", lambda i: str(lost[i]))
    nothing = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    strike(nothing & (lost == ""), lambda _: "it has no shape; wanted a point, a line or an area")
    strike(
        ~nothing & (shapely.get_type_id(geometry) == shapely.GeometryType.GEOMETRYCOLLECTION),
        lambda _: "its shape is a collection of several kinds; wanted a point, a line or an area",
    )
    invalid = ~nothing & (shapely.get_dimensions(geometry) == 2) & ~shapely.is_valid(geometry)
    reasons = dict(zip(np.flatnonzero(invalid).tolist(), shapely.is_valid_reason(geometry[invalid]), strict=True))
    strike(invalid, lambda i: f"its area is not valid ({reasons[i]}); mend it in the program that drew it")
    point = ~nothing & (shapely.get_dimensions(geometry) == 1) & (shapely.length(geometry) == 0)
    strike(point, lambda _: "its line has no length; wanted a line of two points or more, or a point")
    far = ~nothing & _far(geometry, place)
    x, y = _middles(geometry)
    if far.any() and far.sum() * 2 <= (~nothing).sum():
        strike(far, lambda i: f"it lies far from {place.name}, at {x[i]:.1f}, {y[i]:.1f} in {place.crs}")
    return geometry


def _middles(geometry: Column) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    box = shapely.bounds(geometry)
    return (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2


def _far(geometry: Column, place: Place) -> NDArray[np.bool_]:
    """Outside the place's extent, grown by its own size on every side."""
    lon, lat = from_working(*_middles(geometry), working=place.crs, crs="EPSG:4326")
    west, south, east, north = place.extent
    wide, high = east - west, north - south
    inside = (lon >= west - wide) & (lon <= east + wide) & (lat >= south - high) & (lat <= north + high)
    return np.asarray(~inside, dtype=bool)


def _require_near(file: PartsFile, tables: Sequence[PartsTable], place: Place) -> None:
    """Raise FileFault where most parts of a table are elsewhere: then its CRS is wrong, and not its rows."""
    for table in tables:
        there = table.geometry[~(shapely.is_missing(table.geometry) | shapely.is_empty(table.geometry))]
        far = _far(there, place)
        if far.sum() * 2 > len(there):
            x, y = (float(axis[far][0]) for axis in _middles(there))
            raise FileFault(
                f"{file.name} {table.name}".strip() + f": {far.sum()} of {len(there)} parts lie far from {place.name} "
                f"(the first at {x:.1f}, {y:.1f} in {place.crs}); wanted places around {list(place.extent)} "
                "(degrees WGS 84). Check --crs, and that east and north are not exchanged."
            )


# -- batches --------------------------------------------------------------------------------------------------------
_ARRAYS: Final = (*COLUMNS, "geometry", "layer", "row")


def _joined(batches: Sequence[PartBatch]) -> PartBatch:
    """The tables' rows after one another; a column counts as given where every table has it."""
    given = frozenset.intersection(*(batch.given for batch in batches))
    return PartBatch(
        **{name: np.concatenate([getattr(batch, name) for batch in batches]) for name in _ARRAYS},
        given=given,
        unit_names={role: np.concatenate([batch.unit_names[role] for batch in batches]) for role in UNIT_ROLES},
    )


def _repeated(batch: PartBatch) -> tuple[NDArray[np.bool_], list[RowFault]]:
    """Rows whose identifier an earlier row of the file has."""
    codes, _ = pd.factorize(batch.code)
    first = pd.Series(np.arange(len(codes))).groupby(codes).transform("first").to_numpy(dtype=np.int64)
    again = first != np.arange(len(codes))
    return again, [
        batch.fault(
            i, f"identifier {batch.code[i]!r} is that of {_where(batch, int(first[i]))} already; wanted one each"
        )
        for i in np.flatnonzero(again).tolist()
    ]


def _where(batch: PartBatch, i: int) -> str:
    return f"{batch.layer[i] + ' ' if batch.layer[i] else ''}row {batch.row[i]}"


def _missing(batch: PartBatch) -> tuple[str, ...]:
    """What the file has no column for, as a note: it is not guessed."""
    absent = [name for name in COLUMNS if name not in batch.given and name not in ("type", "change_date")]
    return (f"The file has no {', '.join(absent)}: new parts are stored without.",) if absent and len(batch) else ()
