"""Parts: a file of them merged into what is stored, and the codes of a release written beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from gis.assignment.locator import Locator
from gis.errors import DataFault, NotFound
from gis.parts import SCHEMES, UNIT_ROLES, Decided, PartBatch, RowFault, decide_versions
from gis.rights import ALL
from gis.services.platform import Platform
from gis.store import areas as area_store
from gis.store import parts as store
from gis.store import registers as register_store
from gis.store.engine import Connection

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Exported", "Loaded", "export", "is_stored", "load"]

_SHOWN = 50  #: faults that a message lists one by one


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a file's rows: Σ added, changed, same = rows; with a fault nothing is stored and all three are 0.

    `changed` rows are new versions of parts that were stored; their old versions ended.
    """

    rows: int
    added: int
    changed: int
    same: int
    notes: tuple[str, ...]
    faults: tuple[RowFault, ...]

    def require_clean(self, name: str) -> Loaded:
        """Itself; raises DataFault with every fault by row, where there is one."""
        if self.faults:
            shown = "\n".join(f"  {fault}" for fault in self.faults[:_SHOWN])
            more = f"\n  … and {len(self.faults) - _SHOWN} more; --json lists all" * (len(self.faults) > _SHOWN)
            raise DataFault(f"{name} has {len(self.faults)} fault(s), nothing of it was stored:\n{shown}{more}")
        return self


@dataclass(frozen=True, slots=True)
class Exported:
    """Parts with the codes of a release: a frame of texts and numbers, and their geometries in the working CRS."""

    release: int
    frame: pd.DataFrame
    geometry: Any


def load(
    p: Platform,
    batch: PartBatch,
    *,
    rows: int,
    faults: Sequence[RowFault] = (),
    notes: Sequence[str] = (),
    accept_moves: bool = False,
) -> Loaded:
    """Merge a file of parts into what is stored, or store nothing and say every fault.

    `batch` holds the rows that stand by themselves, `faults` is what is wrong with the others of the `rows`; `notes`
    go on with what is noted here.
    """
    with p.store.begin(ALL) as connection:
        store.lock(connection)
        batch, unit_faults = _with_units(batch, register_store.units(connection))
        types = {c.code for c in register_store.categories(connection) if c.kind == "part"}
        class_faults, unchecked = _class_faults(batch, types)
        refused = {(fault.layer, fault.row) for fault in (*unit_faults, *class_faults)}
        good = [key not in refused for key in zip(batch.layer.tolist(), batch.row.tolist(), strict=True)]
        batch = batch.taken(np.array(good, dtype=bool))
        stored = store.versions_of(connection, batch.code.tolist())
        decided = decide_versions(batch, stored, accept_moves=accept_moves)
        found = sorted((*faults, *unit_faults, *class_faults, *decided.faults), key=lambda f: (f.layer, f.row))
        said = (*notes, *unchecked)
        if found:
            return Loaded(rows, 0, 0, 0, said, tuple(found))
        frame = _frame(decided)
        if len(frame):
            store.add_versions(connection, frame)
        return Loaded(rows, int(decided.new.sum()), int(decided.changed.sum()), decided.same, said, ())


def _with_units(batch: PartBatch, units: Sequence[Any]) -> tuple[PartBatch, list[RowFault]]:
    """The batch with registered codes for its units: a file may give a unit by its code or by its name."""
    codes = {unit.code for unit in units} | {""}
    by_name: dict[str, set[str]] = {}
    for unit in units:
        by_name.setdefault(unit.name, set()).add(unit.code)
    one = {name: next(iter(found)) for name, found in by_name.items() if len(found) == 1}
    faults: list[RowFault] = []
    columns: dict[str, Any] = {}
    for role, word in UNIT_ROLES.items():
        given = list(zip(getattr(batch, role).tolist(), batch.unit_names[role].tolist(), strict=True))
        known = {pair: _unit_of(pair, codes, one) for pair in dict.fromkeys(given)}
        columns[role] = np.array([known[pair] or "" for pair in given], dtype=object)
        faults += [
            batch.fault(
                i,
                f"{role} ({word}) is {' '.join(t for t in pair if t)!r}, which is no registered unit; "
                "register it with `gridward units load` first",
            )
            for i, pair in enumerate(given)
            if known[pair] is None
        ]
    return replace(batch, **columns), faults


def _unit_of(pair: tuple[str, str], codes: set[str], names: Mapping[str, str]) -> str | None:
    """The registered code of a unit given as (code, name); None when neither is registered."""
    code, name = pair
    if code and code in codes:
        return code
    if code in names:
        return names[code]
    return names.get(name) if name else (None if code else "")


def _class_faults(batch: PartBatch, types: set[str]) -> tuple[list[RowFault], tuple[str, ...]]:
    """Classes that the register does not know, where it knows any of their scheme; and a note where it does not."""
    lengths = {2 + scheme.minor: scheme for scheme in SCHEMES.values()}
    loaded = {len(code) for code in types} & set(lengths)
    unknown = {word for word in set(batch.type.tolist()) if len(word) in loaded and word not in types}
    faults = [
        batch.fault(i, f"class {word!r} is in no register of part categories; wanted one that `categories load` stored")
        for i, word in enumerate(batch.type.tolist())
        if word in unknown
    ]
    unheld = {len(word) for word in set(batch.type.tolist())} - loaded
    notes = tuple(
        f"No part categories of {lengths[n].standard} are registered: whether the classes exist was not checked."
        for n in sorted(unheld & set(lengths))
    )
    return faults, notes


def _frame(decided: Decided) -> pd.DataFrame:
    import pandas as pd

    rows = np.flatnonzero(decided.new | decided.changed)
    batch = decided.batch
    columns: dict[str, Any] = {name: _texts(getattr(batch, name)[rows]) for name in store.COLUMNS}
    ends = pd.array(decided.ends[rows], dtype="Int64")
    ends[decided.ends[rows] < 0] = pd.NA
    return pd.DataFrame(
        {
            **columns,
            "valid_from": _texts(batch.valid_from[rows]),
            "ends": ends,
            "wkb": shapely.to_wkb(batch.geometry[rows], hex=True),
        }
    )


def _texts(column: Any) -> Any:
    """Texts as they are, days as ISO texts, None for no day."""
    if column.dtype == object:
        return column
    return np.where(np.isnat(column), None, np.datetime_as_string(column).astype(object))


def is_stored(p: Platform, code: str) -> bool:
    """True when a part of this identifier is stored."""
    with p.store.begin(ALL) as connection:
        return store.is_stored(connection, code)


def export(p: Platform, *, release: int | None, since: int | None, today: date) -> Exported:
    """Every part in force today with its codes in a release (None: the one in force today), by its representative spot.

    With `since` only the parts whose code at the finest level is another one in that release; it stands beside the new.
    """
    import pandas as pd

    with p.store.begin(ALL) as connection:
        number = area_store.release_on(connection, today) if release is None else release
        known = {row.id for row in area_store.releases(connection)}
        for asked in (number, since):
            if asked is not None and asked not in known:
                raise NotFound(f"There is no release {asked}; `gridward boundaries list` shows them.")
        if number is None:
            raise NotFound("No boundary release is in force today; activate one, or name one with --release.")
        columns, geometry, spots = store.parts_on(connection, today)
        now = _codes(p, connection, number, spots)
        before = _codes(p, connection, since, spots) if since is not None else None
    finest = p.place.level_names[-1]
    table = {name: _texts(column) for name, column in columns.items()}
    table |= {"x": spots[:, 0], "y": spots[:, 1], "crs": p.place.crs, "release": number, **now}
    keep = np.ones(len(spots), dtype=bool)
    if before is not None:
        table |= {f"{finest}_before": before[finest], "release_before": since}
        keep = now[finest] != before[finest]
    frame = pd.DataFrame(table, index=range(len(spots)))
    return Exported(number, frame[keep].reset_index(drop=True), geometry[keep])


def _codes(p: Platform, connection: Connection, release: int, spots: Any) -> dict[str, Any]:
    """Level -> the code of the area in which each spot lies; '' where there is none."""
    locator: Locator = p.locator_of(connection, release)
    located = locator.locate_many(spots[:, 0], spots[:, 1])
    out: dict[str, Any] = {}
    for areas, answer in zip(locator.areas.levels, located.levels, strict=True):
        out[areas.level] = np.array([areas.codes[i] if i >= 0 else "" for i in answer.index.tolist()], dtype=object)
    return out
