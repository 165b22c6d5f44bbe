"""The rule lab: what is wrong with a set of rules, and what it would have done, before it takes effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

import numpy as np

from gis.assignment.backtest import Backtest, compare
from gis.assignment.evidence import Decisions, decide
from gis.assignment.lint import Finding, LintWorld, lint
from gis.assignment.matters import Matters
from gis.errors import NotFound
from gis.rights import ALL
from gis.rules import Rule
from gis.services.casework import case_no
from gis.services.platform import Platform
from gis.services.worlds import features_of, world_of
from gis.store import areas as area_store
from gis.store import cases as case_store
from gis.store import registers as register_store
from gis.store.engine import Connection

__all__ = ["Backtest", "Finding", "backtest", "find_faults"]

_CHUNK: Final = 50_000
Progress = Callable[[int], None]


def find_faults(p: Platform, rules: Sequence[Rule] | None, *, day: date) -> list[Finding]:
    """What is wrong with rules from a day on (None: with those stored): unreachable, shadowed, contradictory, unknown
    words, and categories × areas for which nobody acts."""
    with p.store.begin(ALL) as connection:
        register = p.register(connection)
        release_id = area_store.release_on(connection, day)
        locator = p.locator_of(connection, release_id)
        features = features_of(p, connection, release_id)
        depth = p.place.level_names.index(p.place.unit_level)
        return lint(
            register.rules if rules is None else tuple(rules),
            LintWorld(
                units=register.units,
                territories=register.territories,
                categories=register_store.categories(connection),
                territory_codes=tuple(locator.areas.levels[depth].codes.tolist()),
                area_codes=tuple(code for level in locator.areas.levels for code in level.codes.tolist()),
                places=tuple(sorted({f"{f.layer}:{f.code}" for f in features})),
                sources=p.place.sources,
                day=day,
            ),
        )


def backtest(
    p: Platform,
    *,
    since: date,
    rules: Sequence[Rule] | None = None,
    release_id: int | None = None,
    progress: Progress = lambda _: None,
) -> Backtest:
    """Decide the reports received since a day twice: in the world as it is, and with other rules, a staged release, or
    both. Stores nothing; reads in pieces, so that memory stays flat."""
    pieces: list[tuple[Any, Any, Any, Any]] = []
    with p.store.begin(ALL) as connection:
        if release_id is not None and release_id not in {row.id for row in area_store.releases(connection)}:
            raise NotFound(f"There is no release {release_id}; `gridward boundaries list` shows those there are.")
        register = p.register(connection)
        other = register if rules is None else replace(register, rules=tuple(rules))
        for rows in _chunks(connection, since):
            for release, part in _by_release(rows):
                matters = _matters(part)
                was = decide(world_of(p, connection, release, matters, register=register), matters)
                then = release if release_id is None else release_id
                now = decide(world_of(p, connection, then, matters, register=other), matters)
                no = np.array([case_no(p, row.received_on, row.id) for row in part], dtype=object)
                pieces.append((no, matters.category, _standing(was), _standing(now)))
            progress(len(rows))
    if not pieces:
        return compare(*(np.array([], dtype=object) for _ in range(4)))
    return compare(*(np.concatenate(column) for column in zip(*pieces, strict=True)))


def _chunks(connection: Connection, since: date) -> Iterator[Sequence[Any]]:
    rows = case_store.matters_since(connection, since)
    while found := rows.fetchmany(_CHUNK):
        yield found


def _by_release(rows: Sequence[Any]) -> list[tuple[int | None, list[Any]]]:
    groups: dict[int | None, list[Any]] = {}
    for row in rows:
        groups.setdefault(row.release_id, []).append(row)
    return sorted(groups.items(), key=lambda item: item[0] or 0)


def _matters(rows: Sequence[Any]) -> Matters:
    def column(name: str, kind: Any = object) -> Any:
        return np.array([getattr(row, name) for row in rows], dtype=kind)

    return Matters(
        x=column("x", float),
        y=column("y", float),
        accuracy=column("accuracy_m", float),
        level=column("accuracy_level", float),
        category=column("category"),
        source=column("source"),
        day=column("on_day", "datetime64[D]"),
        minute=column("minute", np.int64),
        part=column("part_picked"),
    )


def _standing(d: Decisions) -> Any:
    """One word for each decision: the unit that leads or gets it, or border_desk, outside, gap."""
    units = np.where(d.rulings.unit != "", d.rulings.unit, d.rulings.forward_to)
    return np.where(d.outcome == "located", units, d.outcome).astype(object)
