"""Deliveries stored asleep, beside what they would change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gis.acts import Act
from gis.areas import Delivery, paths_of
from gis.errors import DeliveryFault, StepRefused
from gis.rights import ALL
from gis.services.changes import LevelPlan, as_json, plan_level
from gis.services.platform import Platform
from gis.services.steps import release_row, take_step
from gis.store import areas as store
from gis.store import releases as records
from gis.store.engine import Connection

__all__ = ["Staged", "renew", "stage"]

_MANY_REMOVED: Final = 0.02  #: share of a level's areas that a full layer may lack without being asked


@dataclass(frozen=True, slots=True)
class Staged:
    """The release a delivery became; `new` is False when the same delivery was staged before. `diff` by level."""

    release_id: int
    new: bool
    diff: Mapping[str, Any]


def stage(
    p: Platform,
    delivery: Delivery,
    *,
    by: str,
    now: datetime,
    tolerance: float | None = None,
    missing: int | None = None,
) -> Staged:
    """Store a checked delivery asleep, beside what changed. The same delivery for the same day is the same release.

    `tolerance` in metres (default: the line accuracy): lines that close are the same line. Raises DeliveryFault when a
    full layer lacks more than 2 % of the current areas, unless `missing` confirms their number.
    """
    with p.store.begin(ALL) as connection:
        store.lock_boundaries(connection, alone=True)
        base_id = store.release_on(connection, delivery.valid_from)
        for row in store.releases(connection):
            fresh = row.step == "active" or (row.step != "withdrawn" and row.base_id == base_id)
            if fresh and (row.hash, row.valid_from) == (delivery.hash, delivery.valid_from):
                return Staged(row.id, False, records.newest_diff(connection, row.id))
        base = store.current_members(connection, delivery.valid_from)
        plans = _plans(p, delivery, base, tolerance or delivery.facts.line_accuracy_m)
        _require_confirmed(plans, base, missing)
        return _stored(p, connection, delivery, base=(base_id, base), plans=plans, act=Act(by, now))


def _plans(p: Platform, delivery: Delivery, base: Sequence[Any], tolerance: float) -> list[LevelPlan]:
    paths = _paths(p, delivery, base)
    plans: list[LevelPlan] = []
    parents: Mapping[str, str] = {}
    for layer in delivery.layers:
        rows = [row for row in base if row.level == layer.level]
        plans.append(plan_level(layer, rows, paths, parents, tolerance))
        parents = plans[-1].renamed_parents
    return plans


def _require_confirmed(plans: Sequence[LevelPlan], base: Sequence[Any], missing: int | None) -> None:
    """A full layer that lacks much of what there is was more often cut off than meant."""
    gone = {plan.layer.level: plan.changes.counts()["removed"] for plan in plans if plan.layer.scope == "full"}
    for level, n in gone.items():
        there = sum(row.level == level for row in base)
        if n > _MANY_REMOVED * there and missing != sum(gone.values()):
            raise DeliveryFault(
                f"The layer of {level} says it is full and lacks {n} of {there} current areas ({n / there:.1%}); "
                f"if they are really gone, confirm their number: --missing {sum(gone.values())}. Otherwise the file "
                "was cut off, or its scope is partial."
            )


def _stored(
    p: Platform,
    connection: Connection,
    delivery: Delivery,
    *,
    base: tuple[int | None, Sequence[Any]],
    plans: Sequence[LevelPlan],
    act: Act,
) -> Staged:
    base_id, members = base
    delivered = {plan.layer.level for plan in plans}
    carried = [row.id for row in members if row.level not in delivered] + [i for plan in plans for i in plan.carried]
    accepted = json.dumps([list(pair) for pair in delivery.accepted], ensure_ascii=False)
    release_id = store.add_release(connection, delivery, base_id=base_id, accepted=accepted)
    store.add_members(
        connection,
        release_id,
        new_areas=[(plan.layer, plan.new) for plan in plans],
        kept=[i for plan in plans for i in plan.kept if i not in set(plan.carried)],
        paths=_paths(p, delivery, members),
        features=delivery.features or None,
    )
    store.add_carried(connection, release_id, carried)
    diff = {plan.layer.level: as_json(plan.changes) for plan in plans}
    records.add_diff(connection, release_id, diff, act)
    store.add_event(connection, release_id, "staged", act)
    return Staged(release_id, True, diff)


def _paths(p: Platform, delivery: Delivery, base: Sequence[Any]) -> dict[str, str]:
    """The path of every area of the release: of the delivered levels by the delivery, of the others as stored."""
    delivered = {layer.level: layer for layer in delivery.layers}
    columns: list[tuple[list[str], list[str]]] = []
    for level in p.place.level_names:
        rows = [row for row in base if row.level == level]
        layer = delivered.get(level)
        if layer is None:
            columns.append(([row.code for row in rows], [row.parent for row in rows]))
            continue
        codes, parents = list(layer.codes), list(layer.parents)
        if layer.scope == "partial":
            known = set(codes)
            codes += [row.code for row in rows if row.code not in known]
            parents += [row.parent for row in rows if row.code not in known]
        columns.append((codes, parents))
    return {
        code: path
        for (codes, _), level_paths in zip(columns, paths_of(columns), strict=True)
        for code, path in zip(codes, level_paths, strict=True)
    }


def renew(p: Platform, release_id: int, *, by: str, now: datetime) -> Staged:
    """Stage a release's own delivery again, compared with what is in force by now; the lapsed one is withdrawn."""
    with p.store.begin(ALL) as connection:
        store.lock_boundaries(connection, alone=True)
        row = release_row(connection, release_id)
        if row.step not in ("staged", "approved"):
            raise StepRefused(
                f"Release {release_id} is {row.step}; only a staged or approved one can be compared anew."
            )
        delivery = store.delivery_of(connection, row)
        take_step(connection, release_id, "withdrawn", Act(by, now, "compared anew with what is in force"))
        base_id = store.release_on(connection, row.valid_from)
        base = store.current_members(connection, row.valid_from)
        plans = _plans(p, delivery, base, row.line_accuracy_m)
        return _stored(p, connection, delivery, base=(base_id, base), plans=plans, act=Act(by, now))
