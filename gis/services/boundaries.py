"""Boundary releases: staged asleep, compared, approved, woken in one step, and put back to sleep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import shapely

from gis.areas import DeliveredLayer, Delivery, paths_of
from gis.errors import NotFound, StepRefused
from gis.periods import local_day
from gis.rights import ALL
from gis.services.casework import place_again
from gis.services.platform import Platform
from gis.store import areas as store
from gis.store.engine import Connection

__all__ = ["LayerDiff", "Staged", "activate", "approve", "releases", "stage", "withdraw"]

#: step wanted -> steps it may follow
STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "approved": ("staged",),
    "active": ("approved",),
    "withdrawn": ("staged", "approved", "active"),
}


@dataclass(frozen=True, slots=True)
class LayerDiff:
    """How one level of a release differs from what is in force on its first day, counted by code."""

    level: str
    same: int
    changed: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Staged:
    """The release a delivery became; `new` is False when the same delivery was staged before."""

    release_id: int
    new: bool
    diff: tuple[LayerDiff, ...]


def stage(p: Platform, delivery: Delivery, *, by: str, now: datetime) -> Staged:
    """Store a checked delivery asleep. The same delivery for the same day again is the same release."""
    with p.store.begin(ALL) as connection:
        store.lock_boundaries(connection, alone=True)
        base_id = store.release_on(connection, delivery.valid_from)
        for row in store.releases(connection):
            fresh = row.step == "active" or (row.step != "withdrawn" and row.base_id == base_id)
            if fresh and (row.hash, row.valid_from) == (delivery.hash, delivery.valid_from):
                return Staged(row.id, False, ())
        base = store.current_members(connection, delivery.valid_from)
        paths = _paths(p, delivery, base)
        plan = [_compare(layer, [row for row in base if row.level == layer.level], paths) for layer in delivery.layers]
        delivered = {layer.level for layer in delivery.layers}
        kept = [row.id for row in base if row.level not in delivered] + [i for step in plan for i in step.kept]
        accepted = json.dumps([list(pair) for pair in delivery.accepted], ensure_ascii=False)
        release_id = store.add_release(connection, delivery, base_id=base_id, accepted=accepted)
        store.add_members(
            connection,
            release_id,
            new_areas=[(layer, step.new) for layer, step in zip(delivery.layers, plan, strict=True)],
            kept=kept,
            paths=paths,
            features=delivery.features or None,
        )
        store.add_event(connection, release_id, "staged", at=now, by=by)
        return Staged(release_id, True, tuple(step.diff for step in plan))


@dataclass(frozen=True, slots=True)
class _Step:
    new: np.ndarray[Any, Any]  #: positions in the layer that are stored anew
    kept: list[int]  #: ids of stored areas that the release shares
    diff: LayerDiff


def _compare(layer: DeliveredLayer, base: Sequence[Any], paths: Mapping[str, str]) -> _Step:
    """An area is the same when every word, its path and every coordinate are: only then the stored row is shared."""
    stored = {row.code: row for row in base}
    wkb = shapely.to_wkb(layer.geometry)
    same: list[int] = []
    new: list[int] = []
    for i, code in enumerate(layer.codes):
        row = stored.get(code)
        words = (layer.names[i], layer.names_en[i], layer.parents[i], paths[code], bool(layer.has_children[i]))
        residents = None if np.isnan(layer.residents[i]) else int(layer.residents[i])
        unchanged = row is not None and (
            words == (row.name, row.name_en, row.parent, row.path, row.has_children)
            and residents == row.residents
            and wkb[i] == bytes(row.wkb)
        )
        (same if unchanged else new).append(i)
    codes = set(layer.codes)
    absent = [row for row in base if row.code not in codes]
    kept = [stored[layer.codes[i]].id for i in same]
    if layer.scope == "partial":
        kept += [row.id for row in absent]
    added = sum(1 for i in new if layer.codes[i] not in stored)
    removed = 0 if layer.scope == "partial" else len(absent)
    return _Step(
        new=np.array(new, dtype=np.int64),
        kept=kept,
        diff=LayerDiff(layer.level, len(same), len(new) - added, added, removed),
    )


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


def approve(p: Platform, release_id: int, *, by: str, now: datetime) -> None:
    """A person vouches for a staged release."""
    with p.store.begin(ALL) as connection:
        _take_step(connection, release_id, "approved", by=by, now=now)


def activate(p: Platform, release_id: int, *, by: str, now: datetime) -> None:
    """Wake an approved release: from its valid_from on, every answer is given by it.

    Cases already decided keep their evidence; where they are counted on the map follows the new areas.
    """
    with p.store.begin(ALL) as connection:
        store.lock_boundaries(connection, alone=True)
        _require_its_place(connection, release_id)
        _take_step(connection, release_id, "active", by=by, now=now)
        store.rewake(connection)
        place_again(p, connection, local_day(now, p.place.timezone))


def _require_its_place(connection: Connection, release_id: int) -> None:
    """Refuse to wake a release beside others than those it was compared with: it would bring stale areas back."""
    listed = store.releases(connection)
    found = {row.id: row for row in listed}.get(release_id)
    if found is None:
        return
    base_id = store.release_on(connection, found.valid_from)
    if base_id != found.base_id:
        was = f"release {found.base_id}" if found.base_id else "no release"
        now = f"release {base_id}" if base_id else "none"
        raise StepRefused(
            f"Release {release_id} was compared with {was}, but on its first day {found.valid_from} {now} is in force; "
            "stage its delivery again to compare it with that."
        )
    later = [row for row in listed if row.step == "active" and row.valid_from > found.valid_from]
    if later:
        raise StepRefused(
            f"Release {release_id} begins on {found.valid_from}, but release {later[0].id} is in force from "
            f"{later[0].valid_from} and was compared without it; withdraw {later[0].id}, activate {release_id}, and "
            f"stage {later[0].id}'s delivery again."
        )


def withdraw(p: Platform, release_id: int, *, by: str, reason: str, now: datetime) -> None:
    """Send a release back to sleep: every answer is again the one given before it woke."""
    with p.store.begin(ALL) as connection:
        _take_step(connection, release_id, "withdrawn", by=by, now=now, reason=reason)
        store.rewake(connection)
        place_again(p, connection, local_day(now, p.place.timezone))


def _take_step(connection: Connection, release_id: int, step: str, *, by: str, now: datetime, reason: str = "") -> Any:
    store.lock_boundaries(connection, alone=True)
    found = {row.id: row for row in store.releases(connection)}.get(release_id)
    if found is None:
        raise NotFound(f"There is no release {release_id}; `gridward boundaries list` shows those there are.")
    if found.step not in STEPS[step]:
        raise StepRefused(
            f"Release {release_id} is {found.step}; it can become {step} only from {' or '.join(STEPS[step])}."
        )
    store.add_event(connection, release_id, step, at=now, by=by, reason=reason)
    return found


def releases(p: Platform) -> list[dict[str, Any]]:
    """Every release, oldest first, as `boundaries list` and the API show it."""
    with p.store.begin(ALL) as connection:
        return [
            {
                "id": row.id,
                "levels": list(row.levels),
                "status": row.step,
                "valid_from": row.valid_from.isoformat(),
                "hash": row.hash,
                "title": row.title,
                "document": row.document,
                "synthetic": row.synthetic,
            }
            for row in store.releases(connection)
        ]
