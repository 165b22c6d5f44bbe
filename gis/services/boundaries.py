"""Boundary releases: staged asleep, compared, approved, woken in one step, and put back to sleep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gis.acts import Act
from gis.analysis.changes import compare
from gis.errors import RightsRefused, StepRefused
from gis.periods import local_day
from gis.rights import ALL
from gis.services.casework import place_again
from gis.services.changes import as_json, side_of_level
from gis.services.impact import Impact, apply, measure, require_policy
from gis.services.listing import Changed
from gis.services.platform import Platform
from gis.services.staging import Staged, renew, stage
from gis.services.steps import UNNAMED, Answers, release_row, require_step, take_step
from gis.services.vacant import NO_UNIT, require_units
from gis.services.withdrawals import Withdrawal, foresee, withdraw
from gis.store import areas as store
from gis.store import releases as records
from gis.store.engine import Connection

__all__ = [
    "UNNAMED",
    "Answers",
    "Changed",
    "Staged",
    "Withdrawal",
    "activate",
    "approve",
    "correct",
    "diff",
    "foresee",
    "history",
    "impact",
    "releases",
    "renew",
    "stage",
    "wake_due",
    "withdraw",
]


def diff(p: Platform, release_id: int) -> dict[str, Any]:
    """What a release changes against the one below it, by level, with the steward's corrections.

    `lapsed` says that another release is in force below it by now; `renew` compares anew.
    """
    with p.store.begin(ALL) as connection:
        row = release_row(connection, release_id)
        told = records.diffs(connection, release_id)
        lapsed = row.step in ("staged", "approved") and store.release_on(connection, row.valid_from) != row.base_id
        return {
            "release": release_id,
            "base": row.base_id,
            "lapsed": lapsed,
            "levels": told[-1].changes if told else {},
            "corrections": told[-1].corrections if told else [],
        }


def correct(
    p: Platform, release_id: int, same: Sequence[tuple[str, str, str]], *, by: str, reason: str, now: datetime
) -> dict[str, Any]:
    """Declare (level, old code, new code) to be the same area, whatever the ground says, and compare anew."""
    with p.store.begin(ALL) as connection:
        store.lock_boundaries(connection, alone=True)
        row = release_row(connection, release_id)
        if row.step != "staged":
            raise StepRefused(
                f"Release {release_id} is {row.step}; its lineage can be corrected only while it is staged."
            )
        told = records.diffs(connection, release_id)
        corrections = [*map(tuple, told[-1].corrections if told else []), *same]
        changes = _compared(p, connection, row, corrections)
        records.add_diff(connection, release_id, changes, Act(by, now, reason), corrections=corrections)
    return diff(p, release_id)


def _compared(p: Platform, connection: Connection, row: Any, corrections: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The stored areas of a release against those of the release below it."""
    old, new = (p.locator_of(connection, i).areas for i in (row.base_id, row.id))
    out: dict[str, Any] = {}
    parents: Mapping[str, str] = {}
    for before, after in zip(old.levels, new.levels, strict=True):
        if after.level not in row.levels:
            continue
        pairs = [(a, b) for level, a, b in corrections if level == after.level]
        sides = side_of_level(old, before), side_of_level(new, after)
        found = compare(*sides, tolerance=row.line_accuracy_m, parents=parents, corrections=pairs)
        matched = zip(found.old.codes[found.pairs_old], found.new.codes[found.pairs_new], strict=True)
        parents = {str(a): str(b) for a, b in matched if a != b}
        out[after.level] = as_json(found)
    return out


def impact(
    p: Platform, release_id: int, *, successors: Mapping[str, str] | None = None, everything: bool = False
) -> Impact:
    """What waking a release would change for open cases, parts, territories and rules; changes nothing.

    `everything` decides every open case anew instead of those the release can touch: slow, the judge of the other.
    """
    with p.store.begin(ALL) as connection:
        release_row(connection, release_id)
        return measure(p, connection, release_id, chosen=successors or {}, everything=everything)


def approve(p: Platform, release_id: int, *, by: str, now: datetime, answers: Answers | None = None) -> None:
    """A person other than the stager vouches for a staged release: for this content, on this base, with this impact.

    Refused where areas would be without a unit, unless that is taken with a reason (`answers.accepted`).
    """
    with p.store.begin(ALL) as connection:
        store.lock_boundaries(connection, alone=True)
        row = release_row(connection, release_id)
        require_step(row, "approved")
        stager = next(step.by for step in records.steps(connection, release_id) if step.step == "staged")
        if by == stager and by != UNNAMED:
            raise RightsRefused(
                f"{by} staged release {release_id} and cannot approve it; another person must: --by NAME."
            )
        _require_its_base(connection, row)
        seen = measure(p, connection, release_id, chosen={})
        taken = require_units(seen.vacant, answers or Answers(), f"Release {release_id}")
        told = {"hash": row.hash, "base": row.base_id, "impact": seen.digest(), "seen": seen.as_json()}
        told["accepted"] = taken
        bound = json.dumps(told, ensure_ascii=False)
        take_step(connection, release_id, "approved", Act(by, now), bound=bound)


def activate(
    p: Platform,
    release_id: int,
    *,
    by: str,
    now: datetime,
    policy: str = "default",
    answers: Answers | None = None,
) -> dict[str, int]:
    """Wake an approved release: from its valid_from on, every answer is given by it.

    One transaction: successors, the step, the areas' periods, and, once its first day has come, the open cases by
    `policy` (default, keep, move, ask). Refused while a territory or rule names an area that ends without a successor,
    when the impact is of another kind than the one approved, and where areas would be without a unit of which nobody
    took that. Returns how many cases moved, kept, wait.
    """
    require_policy(policy)
    answers = answers or Answers()
    with p.store.begin(ALL) as connection:
        store.lock_boundaries(connection, alone=True)
        row = release_row(connection, release_id)
        require_step(row, "active")
        _require_its_place(connection, row)
        found = measure(p, connection, release_id, chosen=answers.successors)
        _require_successors(found, answers.successors)
        bound = _require_approved(connection, row, None if answers.successors else found)
        seen = _taken_at_approval(bound)
        taken = require_units(found.vacant, answers, f"Release {release_id}", seen=seen)
        records.add_successors(connection, release_id, found.proposed, Act(by, now))
        bound = {"policy": policy, "accepted": taken}
        take_step(connection, release_id, "active", Act(by, now), bound=json.dumps(bound, ensure_ascii=False))
        store.rewake(connection)
        today = local_day(now, p.place.timezone)
        place_again(p, connection, today)
        if row.valid_from > today:
            return {}
        return apply(connection, found, Act(by, now), policy=policy)


def wake_due(p: Platform, *, now: datetime, by: str = "gridward") -> list[int]:
    """Do to open cases what releases do whose first day has come since they were activated; returns these releases.

    With the policy and the successors that were chosen when each was activated.
    """
    today = local_day(now, p.place.timezone)
    done: list[int] = []
    with p.store.begin(ALL) as connection:
        if not records.due(connection, today):
            return done
        store.lock_boundaries(connection, alone=True)
        for release_id in records.due(connection, today):
            policy = records.steps(connection, release_id)[-1].bound.get("policy", "default")
            found = measure(p, connection, release_id, chosen=records.chosen(connection, release_id))
            place_again(p, connection, today)
            apply(connection, found, Act(by, now), policy=policy)
            done.append(release_id)
    return done


def _taken_at_approval(bound: Mapping[str, Any]) -> set[str]:
    """The areas without a unit that the approval took."""
    taken = NO_UNIT in bound.get("accepted", {})
    return {row["code"] for row in bound["seen"]["no_unit"]["new"]} if taken else set()


def _require_approved(connection: Connection, row: Any, found: Impact | None) -> Mapping[str, Any]:
    """An approval is for what was seen: another base or content, or other ending areas, need another look. Returns what
    it is bound to.

    None for `found`: successors were chosen at activation, under the name of who activates.
    """
    bound: Mapping[str, Any] = records.steps(connection, row.id)[-1].bound
    if bound and (bound["hash"], bound["base"]) != (row.hash, row.base_id):
        raise StepRefused(f"Release {row.id} is not what was approved; stage its delivery again.")
    if bound and found is not None and bound["impact"] != found.digest():
        raise StepRefused(
            f"The impact of release {row.id} is not the one that was approved: territories or rules name other ending "
            f"areas by now. See `gridward boundaries impact {row.id}` and approve it again."
        )
    return bound


def _require_successors(found: Impact, chosen: Mapping[str, str]) -> None:
    missing = [code for code in found.ending if code not in found.proposed]
    unknown = sorted(set(chosen) - set(found.ending))
    if missing or unknown:
        lines = [f"{code} ends while a territory or rule names it: --successor {code}=CODE" for code in missing]
        lines += [f"{code} does not end, or nothing names it" for code in unknown]
        raise StepRefused(f"Release {found.release_id} cannot be activated: " + "; ".join(lines) + ".")


def _require_its_base(connection: Connection, row: Any) -> None:
    """Refuse beside others than those it was compared with: it would bring stale areas back."""
    base_id = store.release_on(connection, row.valid_from)
    if base_id != row.base_id:
        was = f"release {row.base_id}" if row.base_id else "no release"
        now = f"release {base_id}" if base_id else "none"
        raise StepRefused(
            f"Release {row.id} was compared with {was}, but on its first day {row.valid_from} {now} is in force; "
            f"compare it anew (`gridward boundaries renew {row.id}`) or stage its delivery again."
        )


def _require_its_place(connection: Connection, found: Any) -> None:
    _require_its_base(connection, found)
    later = [r for r in store.releases(connection) if r.step == "active" and r.valid_from > found.valid_from]
    if later:
        raise StepRefused(
            f"Release {found.id} begins on {found.valid_from}, but release {later[0].id} is in force from "
            f"{later[0].valid_from} and was compared without it; withdraw {later[0].id}, activate {found.id}, and "
            f"stage {later[0].id}'s delivery again."
        )


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


def history(p: Platform, release_id: int) -> dict[str, Any]:
    """One release: what it says of itself, its steps, and what they did to open cases."""
    listed = {row["id"]: row for row in releases(p)}
    with p.store.begin(ALL) as connection:
        row = release_row(connection, release_id)
        steps = records.steps(connection, release_id)
        effects = records.effects(connection, release_id)
    return {
        **listed[release_id],
        "source": row.source,
        "base": row.base_id,
        "line_accuracy_m": row.line_accuracy_m,
        "accepted": [list(pair) for pair in row.accepted],
        "steps": [
            {
                "step": s.step,
                "at": s.at.isoformat(),
                "by": s.by,
                "reason": s.reason,
                "accepted": s.bound.get("accepted", {}),
            }
            for s in steps
        ],
        "effects": [
            {"step": e.step, "at": e.at.isoformat(), "by": e.by, "policy": e.policy, "counts": e.counts}
            for e in effects
        ],
    }
