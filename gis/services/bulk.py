"""Many points decided without storing a case: an `Assigner` carries all that it takes, to where no database is.

One point is one row of the answer, in the order asked. What cannot be judged (no position, an unknown category) is
answered `rejected`, with empty columns and the reason: nothing is left out and nothing guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gis.areas import AreaSet, Feature
from gis.assignment.compiled import use_threads
from gis.assignment.evidence import Decisions, decide
from gis.assignment.locator import AREA, GAP, OUTSIDE, Locator
from gis.assignment.matters import Matters
from gis.assignment.parts import PartsIndex
from gis.assignment.places import Places
from gis.assignment.register import Register
from gis.assignment.world import Thresholds, World, depth_of_rules
from gis.crs import to_working
from gis.place import Place
from gis.rights import ALL
from gis.services.casework import case_no
from gis.services.deciding import local_times
from gis.services.digests import content_digest
from gis.services.platform import Platform
from gis.services.worlds import features_of, parts_of
from gis.store import areas as area_store
from gis.store import cases as case_store
from gis.store import parts as part_store
from gis.store import registers as register_store

__all__ = [
    "REASONS",
    "REJECTED",
    "Assigner",
    "Ground",
    "Points",
    "Said",
    "Words",
    "assigner",
    "standing",
    "stored_points",
    "use_threads",
]

REJECTED: Final = "rejected"  #: the outcome of a row that cannot be decided
#: why a row is rejected, and after these why a person has to decide
REASONS: Final = ("", "position", "source", "category", "accuracy", "time", "id", "border", "confidence", "no_unit")
_POSITION, _SOURCE, _CATEGORY, _ACCURACY, _TIME, _ID = range(1, 7)
_EARLIEST: Final = np.datetime64("2000-01-01", "us")
_FARTHEST_M: Final = 100_000.0  #: the largest accuracy radius that is believed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Objects = NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A column of words as its distinct values and, for each row, the number of its value."""

    values: tuple[str, ...]
    number: NDArray[np.integer[Any]]

    @classmethod
    def alike(cls, word: str, n: int) -> Words:
        """The same word n times."""
        return cls((word,), np.zeros(n, dtype=np.int32))

    def spread(self) -> Objects:
        """The word of each row."""
        words: Objects = np.array([*self.values, ""], dtype=object)[self.number]
        return words

    def among(self, known: frozenset[str]) -> Flags:
        """True where the word is a known one."""
        flags: Flags = np.array([*(word in known for word in self.values), False])[self.number]
        return flags


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """n points as a file gives them; None for a column that the file has not.

    x, y: in `crs`, NaN = not readable; received: datetime64[us] UTC, NaT = not readable; accuracy: metres, NaN = not
    given, 0 = not readable; `first`: the number of the first row, from 1, which is the id where there is none.
    """

    x: Floats
    y: Floats
    crs: str
    first: int = 1
    id: Objects | None = None
    received: NDArray[np.datetime64] | None = None
    category: Words | None = None
    accuracy: Floats | None = None
    source: Words | None = None
    part: Words | None = None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """n judged points: what is to be decided, the id of each, and the position in REASONS of why a row is rejected (0:
    it is not). `before`: the unit that each had, where the points are stored cases."""

    matters: Matters
    id: Objects | Ints
    reason: NDArray[np.int8]
    before: Words | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The map of one release and the first day it holds; the first of all has no day, no release and no areas."""

    since: date | None
    areas: AreaSet
    features: tuple[Feature, ...]
    line_accuracy: float


@dataclass(frozen=True, eq=False)
class Assigner:
    """All that decisions are made of, in plain values; to be pickled and used by another process or machine.

    `grounds` are in the order of their days. `categories` are the rows (code, first day, end) of the register.
    """

    place: Place
    grounds: tuple[Ground, ...]
    register: Register
    parts: PartsIndex
    categories: tuple[tuple[str, date, date | None], ...]
    newest_part: int = 0
    _worlds: dict[int, World] = field(default_factory=dict, init=False, repr=False)

    def token(self) -> str:
        """The sha256 of the content: the same for the same boundaries and registers, in whichever process."""
        values = (self.place, self.grounds, self.register, self.parts, self.categories, self.newest_part)
        return content_digest(values)

    def __getstate__(self) -> dict[str, Any]:
        # An index that was used holds its trees, a world its locator: they are made again where they are wanted.
        return self.__dict__ | {"parts": replace(self.parts), "_worlds": {}}

    @property
    def release_ids(self) -> list[int]:
        """The releases that answers may be given on."""
        return [ground.areas.release_id for ground in self.grounds if ground.areas.release_id is not None]

    def judge(self, said: Said, *, at: datetime) -> Points:
        """Bring points to the working CRS and judge each row; `at` is when they count as received where the file does
        not say, and bounds what can have happened. Raises UnknownCrs."""
        n, place = len(said), self.place
        x, y = to_working(said.x, said.y, crs=said.crs, working=place.crs)
        source = said.source or Words.alike("public", n)
        accuracy, bad_accuracy = self._accuracy(said, source)
        received, bad_time = _received(said, at)
        flaws = [
            (_POSITION, ~(np.isfinite(x) & np.isfinite(y))),
            (_SOURCE, ~source.among(frozenset(place.sources))),
            (_CATEGORY, ~said.category.among(self._known_on(at)) if said.category else np.zeros(n, bool)),
            (_ACCURACY, bad_accuracy),
            (_TIME, bad_time),
            (_ID, np.zeros(n, bool) if said.id is None else np.asarray(said.id == "", dtype=bool)),
        ]
        reason = np.select([flaw for _, flaw in flaws], [code for code, _ in flaws], 0).astype(np.int8)
        day, minute = local_times(np.where(bad_time, _EARLIEST, received), place.timezone)
        matters = Matters(
            x=x,
            y=y,
            accuracy=accuracy,
            level=np.full(n, place.accuracy_level),
            category=(said.category or Words.alike("", n)).spread(),
            source=source.spread(),
            day=day,
            minute=minute,
            part=(said.part or Words.alike("", n)).spread(),
        )
        return Points(matters, np.arange(said.first, said.first + n) if said.id is None else said.id, reason)

    def _accuracy(self, said: Said, source: Words) -> tuple[Floats, Flags]:
        """Metres; where a row gives none its source's default, never 0."""
        of = [*(self.place.default_accuracy.get(word, np.nan) for word in source.values), np.nan]
        default = np.array(of, dtype=float)[source.number]
        if said.accuracy is None:
            return default, np.zeros(len(said), bool)
        given = ~np.isnan(said.accuracy)
        bad = given & ~((said.accuracy > 0) & (said.accuracy <= _FARTHEST_M))
        return np.where(given, said.accuracy, default), bad

    def _known_on(self, at: datetime) -> frozenset[str]:
        day = at.astimezone(self.place.zone).date()
        return frozenset(code for code, since, until in self.categories if since <= day and (not until or day < until))

    def assign(self, points: Points) -> dict[str, pa.Array]:
        """Decide each point on the release of its day; the columns of the answer by name, each row in its place."""
        good = np.flatnonzero(points.reason == 0)
        pieces, rows = [self._rejected(points.reason)], [np.flatnonzero(points.reason)]
        starts = np.array([ground.since for ground in self.grounds[1:]], dtype="datetime64[D]")
        slot = np.searchsorted(starts, points.matters.day[good], side="right")
        for which in np.unique(slot).tolist():
            mine = good[slot == which]
            whole = len(mine) == len(points.reason)
            matters = points.matters if whole else points.matters.taken(mine)
            pieces.append(self._columns(decide(self._world(which), matters)))
            rows.append(mine)
        decided = _in_order(pieces, rows)
        lost = ~(np.isfinite(points.matters.x) & np.isfinite(points.matters.y))
        spot = {name: pa.array(getattr(points.matters, name), mask=lost) for name in ("x", "y")}
        answer = {name: decided.column(name).combine_chunks() for name in decided.column_names}
        columns = {"id": pa.array(points.id)} | spot | answer
        return columns if points.before is None else columns | _compared(points.before, answer["unit"])

    def _world(self, which: int) -> World:
        if which not in self._worlds:
            ground, place = self.grounds[which], self.place
            locator = Locator(ground.areas)
            depth = place.level_names.index(place.unit_level)
            self._worlds[which] = World(
                locator=locator,
                places=Places(ground.features),
                parts=self.parts,
                register=self.register,
                depth=depth,
                share_depth=depth_of_rules(locator, self.register, depth),
                line_accuracy=ground.line_accuracy,
                thresholds=Thresholds(place.desk_threshold, place.part_certain),
                newest_part=self.newest_part,
            )
        return self._worlds[which]

    def _columns(self, d: Decisions) -> pa.Table:
        n, levels, part = len(d.matters), d.located.levels, d.found.part.part
        areas = {level.level: level.codes for level in self._world_levels(d.release_id)}
        meant, at = np.unique(part, return_inverse=True)
        rules = np.array([rule.code for rule in self.register.rules], dtype=object)
        distance = d.found.border_distance
        depth = self.place.level_names.index(self.place.unit_level)
        return pa.table(
            {
                **{answer.level: _coded(answer.index, areas[answer.level]) for answer in reversed(levels)},
                "status": _coded(levels[depth].code, np.array([AREA, OUTSIDE, GAP], dtype=object)),
                "on_border": pa.array(np.logical_or.reduce([answer.on_border for answer in levels])),
                "border_distance_m": pa.array(distance, mask=~np.isfinite(distance)),
                "unit": _words(d.rulings.unit),
                "forward_to": _words(d.rulings.forward_to),
                "rule": _coded(d.rulings.rule, rules),
                "precedent": pa.array(d.precedent_id, mask=d.precedent_id == 0),
                "part": _coded(at, np.append(self.parts.code, "")[meant]),
                "confidence": pa.array(d.confidence),
                "runner_up_unit": _words(d.runner_up_unit),
                "outcome": _words(d.outcome),
                "reason": _words(d.desk_reason),
                "release": pa.array(np.full(n, d.release_id or 0), mask=np.full(n, d.release_id is None)),
            }
        )

    def _world_levels(self, release_id: int | None) -> Any:
        return next(ground.areas.levels for ground in self.grounds if ground.areas.release_id == release_id)

    def _rejected(self, reason: NDArray[np.int8]) -> pa.Table:
        """The rows that are not decided: empty but for their outcome and the reason."""
        codes = reason[reason > 0]
        numbers: dict[str, Any] = {"on_border": pa.bool_(), "border_distance_m": pa.float64()}
        numbers |= {"precedent": pa.int64(), "confidence": pa.float64(), "release": pa.int64()}
        words = (*reversed(self.place.level_names), "status", "on_border", "border_distance_m", "unit", "forward_to")
        names = (*words, "rule", "precedent", "part", "confidence", "runner_up_unit")
        known = {
            "outcome": Words.alike(REJECTED, len(codes)),
            "reason": Words(REASONS, codes.astype(np.int32)),
        }
        columns = {name: pa.nulls(len(codes), numbers.get(name, _WORD)) for name in names}
        columns |= {name: pa.DictionaryArray.from_arrays(w.number, pa.array(w.values)) for name, w in known.items()}
        return pa.table(columns | {"release": pa.nulls(len(codes), pa.int64())})


#: column here, column stored, kind
_STORED: Final[tuple[tuple[str, str, Any], ...]] = (
    ("x", "x", float),
    ("y", "y", float),
    ("accuracy", "accuracy_m", float),
    ("level", "accuracy_level", float),
    ("category", "category", object),
    ("source", "source", object),
    ("day", "on_day", "datetime64[D]"),
    ("minute", "minute", np.int64),
    ("part", "part_picked", object),
    ("before", "unit", object),
)
_WORD: Final = pa.dictionary(pa.int32(), pa.string())


def _received(said: Said, at: datetime) -> tuple[NDArray[np.datetime64], Flags]:
    """When each came in, and which cannot have come in then."""
    limit = np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")
    if said.received is None:
        return np.full(len(said), limit), np.zeros(len(said), bool)
    return said.received, np.isnat(said.received) | (said.received > limit) | (said.received < _EARLIEST)


def _coded(index: NDArray[np.integer[Any]], words: Objects) -> pa.Array:
    """Words by position, '' for a negative one."""
    at = np.where(index >= 0, index, len(words)).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(at), pa.array([*words.tolist(), ""], type=pa.string()))


def _words(column: Objects) -> pa.Array:
    import pandas as pd

    number, values = pd.factorize(column)
    return pa.DictionaryArray.from_arrays(pa.array(number.astype(np.int32)), pa.array(values, type=pa.string()))


def _in_order(pieces: list[pa.Table], rows: list[Ints]) -> pa.Table:
    """Pieces of a table as one, each row where it belongs."""
    filled = [(piece, at) for piece, at in zip(pieces, rows, strict=True) if len(at)] or [(pieces[0], rows[0])]
    if len(filled) == 1:
        return filled[0][0]
    joined = pa.concat_tables([piece for piece, _ in filled]).unify_dictionaries().combine_chunks()
    return joined.take(np.argsort(np.concatenate([at for _, at in filled]), kind="stable"))


def _compared(before: Words, unit: pa.Array) -> dict[str, pa.Array]:
    """The unit that each stored case had, and whether another one would lead it now."""
    had = before.spread()
    now = Words(tuple(unit.dictionary.to_pylist()), unit.indices.to_numpy(zero_copy_only=False)).spread()
    return {"unit_before": _words(had), "changed": pa.array(np.asarray(had != now, dtype=bool))}


def assigner(p: Platform) -> Assigner:
    """The boundaries in force, the registers and the parts as they are now, read in one transaction."""
    with p.store.begin(ALL) as connection:
        area_store.lock_boundaries(connection, alone=False)
        starts = sorted({row.valid_from for row in area_store.releases(connection) if row.step == "active"})
        register, newest = p.register(connection), part_store.version(connection)
        grounds = []
        for since in (None, *starts):
            release = None if since is None else area_store.release_on(connection, since)
            areas = p.locator_of(connection, release).areas
            accuracy = area_store.line_accuracy(connection, release)
            grounds.append(Ground(since, areas, tuple(features_of(p, connection, release)), accuracy))
        parts = parts_of(connection, newest if any(register.part_types.values()) else 0)
        rows = tuple((c.code, c.valid_from, c.valid_to) for c in register_store.categories(connection))
        return Assigner(p.place, tuple(grounds), register, parts, rows, newest)


def stored_points(columns: Mapping[str, Any], before: Words, numbers: Any) -> Points:
    """Stored cases, in the columns and under the case `numbers` that `standing` gives, as points to decide anew."""
    matters = Matters(**{name: columns[name] for name in Matters.__slots__})
    return Points(matters, numbers, np.zeros(len(matters), dtype=np.int8), before)


def standing(p: Platform, since: date, size: int) -> Iterator[dict[str, Any]]:
    """The stored cases received since a day, `size` at a time, as columns: `id`, the columns of Matters, and `before`,
    the unit that each has."""
    with p.store.begin(ALL) as connection:
        found = case_store.matters_standing(connection, since)
        while rows := found.fetchmany(size):
            columns = {ours: np.array([getattr(row, theirs) for row in rows], kind) for ours, theirs, kind in _STORED}
            yield {"id": [case_no(p, row.received_on, row.id) for row in rows], **columns}
