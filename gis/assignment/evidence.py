"""Decisions as columns: who answers for each matter, how sure that is, and everything it was decided on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gis import __version__
from gis.assignment.locator import AREA, GAP, OUTSIDE, Located
from gis.assignment.matters import Matters
from gis.assignment.responsibility import Grounds, Rulings, rule_many
from gis.assignment.survey import Alternatives, Survey, at_index, sides_of, survey
from gis.assignment.world import Thresholds, World

__all__ = ["ENGINE", "Candidates", "Decisions", "decide"]

#: what made the decision, kept with it: a replay by another engine must say so
ENGINE: Final = f"gridward {__version__}"
_FEW: Final = 64  #: words that are numbered faster without pandas

Objects = NDArray[np.object_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Whose each matter might be, sparse and sorted by point, the largest share first: the area's code (or outside,
    gap), the share of the error area, and who would lead there. Points without rows have only their own area."""

    point: Ints
    area: Objects
    share: Floats
    unit: Objects


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """n decisions on one release as columns; `area_id` has one row per level (0 = none).

    outcome: located, border_desk, outside, gap; state the same but for `located`, which is `dispatched` (ours) or
    `forwarded`; desk_reason: why a person decides (border, confidence, no_unit), '' where none does.
    """

    release_id: int | None
    matters: Matters
    found: Survey
    area_id: NDArray[np.int64]
    confidence: Floats
    thresholds: Thresholds
    rulings: Rulings
    rule_id: Ints
    precedent_id: Ints
    part_ids: Ints  #: register ids of the parts that `found.part` names by position
    known_ids: tuple[int, ...]  #: the newest rows of the registers: Register.marks, and the newest part
    candidates: Candidates
    runner_up_area: Objects
    runner_up_unit: Objects
    outcome: Objects
    state: Objects
    desk_reason: Objects

    @property
    def located(self) -> Located:
        return self.found.located


def decide(world: World, matters: Matters) -> Decisions:
    """Decide n matters in a world: who leads, how sure that is, and which must wait at the border desk.

    The confidence is the summed share of the error area in which the same unit would lead. Below the threshold a person
    decides; so does one for a spot exactly on a border of territories whose unit is settled by that tie alone.
    """
    found = survey(world, matters)
    rulings = rule_many(world.register, matters, found.grounds)
    answer = found.located.levels[world.depth]
    status = answer.status
    lead = _lead(rulings, status)
    candidates, confidence = _weighed(world, matters, found, lead)
    divided = _divided(world, matters, candidates, lead, answer.on_border & (confidence < 1.0 - 1e-6))
    reason = _desk_reasons(world, status == AREA, rulings, confidence, divided)
    outcome = np.where(reason != "", "border_desk", np.where(status == AREA, "located", status)).astype(object)
    step = np.where(rulings.scope, "dispatched", "forwarded").astype(object)
    levels = zip(world.locator.areas.levels, found.located.levels, strict=True)
    ids = [at_index(level.ids, answer.index, 0) for level, answer in levels]
    next_area, next_unit = _runners_up(candidates, found.grounds, lead, rulings.runner_up)
    return Decisions(
        release_id=world.locator.areas.release_id,
        matters=matters,
        found=found,
        area_id=np.array(ids),
        confidence=confidence,
        thresholds=world.thresholds,
        rulings=rulings,
        rule_id=world.register.indexed.rule_id[rulings.rule],
        precedent_id=world.register.indexed.precedent_id[rulings.precedent],
        part_ids=world.parts.id,
        known_ids=(*world.register.marks, world.newest_part),
        candidates=candidates,
        runner_up_area=next_area,
        runner_up_unit=next_unit,
        outcome=outcome,
        state=np.where(outcome == "located", step, outcome),
        desk_reason=reason,
    )


def _lead(rulings: Rulings, status: Objects) -> Objects:
    """One word for what happens to a matter: the unit that leads, the one it is forwarded to, or outside, gap."""
    forwarded = np.where(rulings.forward_to != "", rulings.forward_to, np.where(status == AREA, "", status))
    return np.where(rulings.unit != "", rulings.unit, forwarded)


def _weighed(world: World, matters: Matters, found: Survey, lead: Objects) -> tuple[Candidates, Floats]:
    """The alternatives with who would lead in each, and the share in which it is the unit that leads."""
    also = found.alternatives
    at = also.point
    confidence = np.ones(len(matters))
    if not len(at):
        return Candidates(at, also.area, also.share, also.area), confidence
    grounds = found.grounds
    own = also.territory == grounds.territory[at]
    there = Grounds(
        territory=also.territory,
        finest=np.where(own & (world.share_depth == world.depth), grounds.finest[at], _as_finest(also)),
        places=grounds.places[at],
        owner=also.owner,
        maintainer=also.maintainer,
        supervisor=also.supervisor,
        precedent=grounds.precedent[at],
    )
    status = np.where(_nowhere(also.area), also.area, AREA)
    unit = _lead(rule_many(world.register, matters.taken(at), there), status)
    confidence[at] = 0.0
    np.add.at(confidence, at, np.where(unit == lead[at], also.share, 0.0))
    return _merged(at, also.area, unit, also.share), np.clip(confidence, 0.0, 1.0)


def _as_finest(also: Alternatives) -> Objects:
    return np.where(also.territory == "", "", also.area)


def _merged(point: Ints, area: Objects, unit: Objects, share: Floats) -> Candidates:
    """Alternatives of one area and unit as one, the largest share first."""
    key, first, group = _groups(point, area, unit)
    summed = np.bincount(group, weights=share, minlength=len(key)).astype(np.float64)
    points, areas, units = point[first], area[first], unit[first]
    order = np.lexsort((key, -summed.round(12), points))
    return Candidates(points[order], areas[order], summed[order], units[order])


def _groups(point: Ints, area: Objects, unit: Objects) -> tuple[Ints, Ints, Ints]:
    """The distinct (point, area, unit): their keys, where each stands first, and which of them each row is."""
    areas, names = _numbered(area), _numbered(unit)
    key = (point * len(areas[1]) + areas[0]) * len(names[1]) + names[0]
    return np.unique(key, return_index=True, return_inverse=True)


def _divided(world: World, matters: Matters, candidates: Candidates, lead: Objects, on_border: Flags) -> Flags:
    """Which of the spots on a border have another lead on one of the sides that meet there; an area further off is
    no side: its share is in the confidence."""
    out = np.zeros(len(matters), dtype=bool)
    if on_border.any():
        which = np.flatnonzero(on_border)
        sides = set(zip(*(column.tolist() for column in sides_of(world, matters, which)), strict=True))
        at = candidates.point
        for i in np.flatnonzero(on_border[at] & (candidates.unit != lead[at])).tolist():
            out[at[i]] |= (int(at[i]), candidates.area[i]) in sides
    return out


def _numbered(column: Objects) -> tuple[Ints, Any]:
    """For each word its number among the distinct ones in order, and these."""
    if len(column) <= _FEW:
        said = column.tolist()
        at = {word: i for i, word in enumerate(sorted(set(said)))}
        return np.array([at[word] for word in said], dtype=np.int64), tuple(at)
    import pandas as pd

    return pd.factorize(column, sort=True)


def _nowhere(word: Objects) -> NDArray[np.bool_]:
    return np.asarray((word == OUTSIDE) | (word == GAP), dtype=bool)


def _desk_reasons(world: World, inside: Flags, rulings: Rulings, confidence: Floats, divided: Flags) -> Objects:
    """Why a person has to decide; '' where none has to."""
    ruled = rulings.settled_by == "precedent"
    roads = world.register.indexed.road[rulings.rule]
    # A tie makes the locator total and settles nothing: unless the unit would be the same on every side, a rule for
    # the road that is the border, a precedent, or a person has to say.
    tie = divided & ~ruled & ~roads
    unsure = (confidence < world.thresholds.confidence) & ~ruled
    # An area that no unit has as its territory is a hole in the register: a person decides there too.
    ownerless = inside & (rulings.unit == "") & (rulings.forward_to == "")
    doubted = np.where(tie, "border", np.where(unsure, "confidence", ""))
    return np.where(ownerless, "no_unit", doubted).astype(object)


def _runners_up(candidates: Candidates, grounds: Grounds, lead: Objects, by_rule: Objects) -> tuple[Objects, Objects]:
    """The likeliest other area, and who would lead if it is not the lead: there, else by the next rule."""
    n = len(lead)
    area, unit = np.full(n, "", dtype=object), by_rule.copy()
    if len(candidates.point):
        other = np.flatnonzero(candidates.unit != lead[candidates.point])[::-1]  # reversed: the largest is written last
        unit[candidates.point[other]] = candidates.unit[other]
        beyond = np.flatnonzero(~_prefixed(grounds.finest[candidates.point], candidates.area))[::-1]
        area[candidates.point[beyond]] = candidates.area[beyond]
        area[_nowhere(area)] = ""
    unit[_nowhere(unit)] = ""
    return area, unit


def _prefixed(codes: Objects, prefixes: Objects) -> NDArray[np.bool_]:
    return np.array([c.startswith(p) for c, p in zip(codes, prefixes, strict=True)], dtype=bool)
