"""The rule lab: what is wrong with a set of rules, and what it would have done, before it takes effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any, Final

import numpy as np

from gis.assignment.backtest import Backtest, compare
from gis.assignment.cover import Known as LintWords
from gis.assignment.evidence import Decisions, decide
from gis.assignment.lint import Finding, holes, lint
from gis.assignment.register import Register
from gis.errors import NotFound
from gis.rights import ALL
from gis.rules import Rule
from gis.services.casework import case_no
from gis.services.impact import proposed_successors
from gis.services.platform import Platform
from gis.services.whys import matters_of
from gis.services.worlds import features_of, world_of
from gis.store import areas as area_store
from gis.store import cases as case_store
from gis.store import releases as release_store
from gis.store.engine import Connection

__all__ = ["Faults", "Tested", "backtest", "find_faults"]

_CHUNK: Final = 50_000
_SAMPLES: Final = 5
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a set of rules, and the (category, area) for which nobody would act."""

    findings: Sequence[Finding]
    holes: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Tested:
    """A back-test with the numbers of its sample cases."""

    result: Backtest
    numbers: Mapping[int, str]


def find_faults(p: Platform, rules: Sequence[Rule] | None, *, day: date) -> Faults:
    """What is wrong with rules from a day on (None: with those stored): unreachable, shadowed, contradictory, unknown
    words; and the holes."""
    with p.store.begin(ALL) as connection:
        register = p.register(connection)
        release_id = area_store.release_on(connection, day)
        levels = p.locator_of(connection, release_id).areas.levels
        features = features_of(p, connection, release_id)
    tried = register if rules is None else replace(register, rules=tuple(rules))
    depth = p.place.level_names.index(p.place.unit_level)
    areas = {code: "" for code in levels[depth].codes.tolist()}
    for above, level in pairwise(levels[depth:]):
        parents = np.append(above.codes, "")[level.parent_index]
        areas |= dict(zip(level.codes.tolist(), parents.tolist(), strict=True))
    known = LintWords(areas, frozenset(f"{f.layer}:{f.code}" for f in features), frozenset(p.place.sources))
    return Faults(lint(tried, known, day_from=day), holes(tried, known, day=day))


def backtest(
    p: Platform,
    *,
    since: date,
    rules: Sequence[Rule] | None = None,
    release_id: int | None = None,
    progress: Progress = lambda _: None,
) -> Tested:
    """Decide the reports received since a day twice: in the world as it is, and with other rules, a staged release, or
    both. Stores nothing; reads in pieces, so that memory stays flat."""
    pieces: list[tuple[Any, ...]] = []
    numbers: dict[int, str] = {}
    with p.store.begin(ALL) as connection:
        if release_id is not None and release_id not in {row.id for row in area_store.releases(connection)}:
            raise NotFound(f"There is no release {release_id}; `gridward boundaries list` shows those there are.")
        register = p.register(connection)
        other = _other(connection, register, rules, release_id)
        for rows in _chunks(connection, since):
            for release, part in _by_release(rows):
                matters = matters_of(part)
                was = decide(world_of(p, connection, release, matters, register=register), matters)
                then = release if release_id is None else release_id
                now = decide(world_of(p, connection, then, matters, register=other), matters)
                ids = np.array([row.id for row in part], dtype=np.int64)
                before, after = _standing(was), _standing(now)
                numbers |= {part[i].id: case_no(p, part[i].received_on, part[i].id) for i in _shown(before, after, ids)}
                pieces.append((before, after, ids, matters.category))
            progress(len(rows))
    words = np.array([], dtype=object)
    empty = (words, words, np.array([], dtype=np.int64), words)
    before, after, ids, category = (
        tuple(np.concatenate(column) for column in zip(*pieces, strict=True)) if pieces else empty
    )
    return Tested(compare(before, after, case_id=ids, category=category, samples=_SAMPLES), numbers)


def _other(
    connection: Connection, register: Register, rules: Sequence[Rule] | None, release_id: int | None
) -> Register:
    """The register to try: with other rules, which name areas that ended as the stored ones do; and as it would be if a
    staged release had always been in force, the areas that it ends replaced by their successors."""
    if rules is not None:
        ended = [(row.ending, row.successor, row.valid_from) for row in release_store.successors(connection)]
        register = replace(register, rules=replace(register, territories=(), rules=tuple(rules)).succeeded(ended).rules)
    if release_id is not None:
        always = [(a, b, date.min) for a, b in proposed_successors(connection, release_id, register).items()]
        register = register.succeeded(always)
    return register


def _shown(before: Any, after: Any, ids: Any) -> list[int]:
    """The lowest cases of each pair of units that changed hands: those that may be shown as samples."""
    seen: dict[tuple[str, str], int] = {}
    out: list[int] = []
    moved = np.flatnonzero(before != after)
    for i in moved[np.argsort(ids[moved])].tolist():
        pair = (before[i], after[i])
        seen[pair] = seen.get(pair, 0) + 1
        if seen[pair] <= _SAMPLES:
            out.append(i)
    return out


def _chunks(connection: Connection, since: date) -> Iterator[Sequence[Any]]:
    rows = case_store.matters_since(connection, since)
    while found := rows.fetchmany(_CHUNK):
        yield found


def _by_release(rows: Sequence[Any]) -> list[tuple[int | None, list[Any]]]:
    groups: dict[int | None, list[Any]] = {}
    for row in rows:
        groups.setdefault(row.release_id, []).append(row)
    return sorted(groups.items(), key=lambda item: item[0] or 0)


def _standing(d: Decisions) -> Any:
    """One word for each decision: the unit that leads or gets it, or border_desk, outside, gap."""
    units = np.where(d.rulings.unit != "", d.rulings.unit, d.rulings.forward_to)
    return np.where(d.outcome == "located", units, d.outcome).astype(object)
