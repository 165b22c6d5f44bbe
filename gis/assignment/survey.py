"""What lies around n spots: areas, borders, places, parts, precedents; and what else each spot might be.

A position is a cloud and not a point. Where the cloud reaches over a border of territories, or where several parts may
be meant, the matter has alternatives: areas and parts' units with their shares of the error area, summing to one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.assignment.clouds import area_shares
from gis.assignment.locator import AREA, GAP, Located
from gis.assignment.matters import Matters
from gis.assignment.parts import Asked, PartMatch, match, no_match
from gis.assignment.responsibility import Grounds
from gis.assignment.uncertainty import REACH, Shares, sigma_of
from gis.assignment.world import World

__all__ = ["Alternatives", "Survey", "at_index", "codes_of", "sides_of", "survey"]

_MEET_M: Final = 0.01  #: areas so near a spot on a border meet at it
_ROLES: Final = ("owner", "maintainer", "supervisor")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objects = NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """What spots might be, sparse and sorted by point; a point that can be one thing only has no rows.

    `area`: the code of the area at the level of the shares, or the words outside and gap; `territory`: the code of its
    territory ('' none); the part's units; `share`: of the error area, the shares of a point sum to one.
    """

    point: Ints
    area: Objects
    territory: Objects
    owner: Objects
    maintainer: Objects
    supervisor: Objects
    share: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Where n points lie, metres to the nearest border of the unit level, σ in metres, what is around, what else."""

    located: Located
    border_distance: Floats
    sigma: Floats
    grounds: Grounds
    part: PartMatch
    alternatives: Alternatives


def survey(world: World, matters: Matters) -> Survey:
    """Look at n matters in a world; decides nothing."""
    located = world.locator.locate_many(matters.x, matters.y)
    sigma = sigma_of(matters.accuracy, matters.level, world.line_accuracy)
    distance = world.locator.border_distance(world.unit_level, matters.x, matters.y)
    part = _part(world, matters)
    grounds = _grounds(world, matters, located, _likeliest(world, part))
    shares = _shares(world, matters, located, sigma, distance)
    alternatives = _crossed(_of_areas(world, shares, grounds), _of_parts(world, part, grounds), grounds, located, world)
    return Survey(located, distance, sigma, grounds, part, alternatives)


def _part(world: World, matters: Matters) -> PartMatch:
    if not world.register.speak_of_parts(matters):
        return no_match(len(matters))
    types = world.register.part_types_of(matters)
    own = sigma_of(matters.accuracy, matters.level)  # a part's distance has nothing to do with the lines' accuracy
    asked = Asked(matters.x, matters.y, own, types, matters.day, matters.part)
    return match(world.parts, asked, certain=world.thresholds.part)


def _likeliest(world: World, part: PartMatch) -> PartMatch:
    """With the units of the likeliest part where none is certain: they are proposed, and weighed like any other."""
    if not part.unclear.any():
        return part
    first = np.flatnonzero(np.diff(part.point, prepend=-1))
    first = first[part.unclear[part.point[first]]]
    point, which = part.point[first], part.candidate[first]
    units = []
    for role, column in zip(_ROLES, ("owner_unit", "maintenance_unit", "supervising_unit"), strict=True):
        units.append(getattr(part, role).copy())
        units[-1][point] = getattr(world.parts, column)[which]
    return replace(part, owner=units[0], maintainer=units[1], supervisor=units[2])


def codes_of(codes: Objects, index: NDArray[np.integer[Any]]) -> Objects:
    """The codes at these positions, '' for negative ones."""
    return at_index(codes, index, "")


def at_index(values: NDArray[Any], index: NDArray[np.integer[Any]], missing: Any) -> NDArray[Any]:
    """The values at these positions, `missing` for negative ones."""
    known = index >= 0
    if known.all():
        found: NDArray[Any] = values[index]
        return found
    out = np.full(len(index), missing, dtype=values.dtype)
    out[known] = values[index[known]]
    return out


def _grounds(world: World, matters: Matters, located: Located, part: PartMatch) -> Grounds:
    levels = world.locator.areas.levels
    finest = np.full(len(matters), "", dtype=object)
    for level, answer in zip(levels, located.levels, strict=True):
        known = answer.index >= 0
        finest[known] = level.codes[answer.index[known]]
    point, feature = world.places.around(matters.x, matters.y)
    return Grounds(
        territory=codes_of(levels[world.depth].codes, located.levels[world.depth].index),
        finest=finest,
        places=_words(world.places.words, point, feature, len(matters)),
        owner=part.owner,
        maintainer=part.maintainer,
        supervisor=part.supervisor,
        precedent=_precedents(world, matters),
    )


def _words(words: Objects, point: Ints, feature: Ints, n: int) -> Objects:
    """The words of the features around each point as a tuple; points with the same features share it."""
    out = np.empty(n, dtype=object)
    out.fill(())
    if n == 1:
        out[0] = tuple(words[feature].tolist())
        return out
    count = np.bincount(point, minlength=n)
    first = np.cumsum(count) - count
    for k in np.unique(count[count > 0]).tolist():
        at = np.flatnonzero(count == k)
        sets, which = _distinct(feature[first[at, None] + np.arange(k)], len(words))
        table = np.empty(len(sets), dtype=object)
        table[:] = [tuple(words[row].tolist()) for row in sets]
        out[at] = table[which]
    return out


def _distinct(rows: Ints, base: int) -> tuple[Ints, Ints]:
    """The distinct ones of rows of numbers below `base`, and which of them each row is."""
    k = rows.shape[1]
    if base**k >= 2**63:
        sets, which = np.unique(rows, axis=0, return_inverse=True)
        return sets, which.ravel()
    import pandas as pd

    # One number says a row, and numbers are told apart in a tenth of the time.
    which, _ = pd.factorize(rows @ base ** np.arange(k, dtype=np.int64))
    first = np.empty(which.max() + 1, dtype=np.int64)
    first[which[::-1]] = np.arange(len(which))[::-1]
    return rows[first], which


def _precedents(world: World, matters: Matters) -> Ints:
    """The newest precedent around each spot that is in force and meets the category, -1 for none."""
    out = np.full(len(matters), -1, dtype=np.int64)
    for i, precedent in enumerate(world.register.precedents):  # oldest first: a newer one overwrites
        west, south, east, north = precedent.ground.bounds
        near = (matters.x >= west) & (matters.x <= east) & (matters.y >= south) & (matters.y <= north)
        near &= matters.day >= np.datetime64(precedent.valid_from, "D")
        if precedent.valid_to is not None:
            near &= matters.day < np.datetime64(precedent.valid_to, "D")
        rows = np.flatnonzero(near)
        rows = rows[[word.startswith(precedent.category) for word in matters.category[rows]]] if len(rows) else rows
        if len(rows):
            shapely.prepare(precedent.ground)
            out[rows[shapely.intersects_xy(precedent.ground, matters.x[rows], matters.y[rows])]] = i
    return out


def _shares(world: World, matters: Matters, located: Located, sigma: Floats, distance: Floats) -> Shares:
    """Shares of the error area at the level of the shares, for the points whose cloud reaches over a border."""
    level = world.locator.areas.levels[world.share_depth].level
    if world.share_depth != world.depth:
        distance = world.locator.border_distance(level, matters.x, matters.y)
    rows = np.flatnonzero(distance <= REACH * sigma)
    if not len(rows):
        return Shares(rows, rows, np.empty(0))
    x, y, there = matters.x[rows], matters.y[rows], located.taken(rows)
    found = area_shares(world.locator, level, x, y, sigma[rows], there)
    return Shares(rows[found.point], found.area, found.share)


def sides_of(world: World, matters: Matters, which: Ints) -> tuple[Ints, Objects]:
    """What meets at the spots of the matters `which`: their points, and codes of areas or the words outside, gap."""
    x, y = matters.x[which], matters.y[which]
    level = world.locator.areas.levels[world.share_depth].level
    found = area_shares(world.locator, level, x, y, np.full(len(which), _MEET_M / REACH))
    return which[found.point], _named(world, found.area)


def _named(world: World, index: NDArray[np.integer[Any]]) -> Objects:
    """Areas of the level of the shares by code, or the words outside and gap."""
    area = codes_of(world.locator.areas.levels[world.share_depth].codes, index)
    area[index == -1], area[index == -2] = "outside", GAP
    return area


def _of_areas(world: World, shares: Shares, grounds: Grounds) -> Alternatives:
    """The shares as alternatives of the place, the part's units as they are."""
    levels = world.locator.areas.levels
    index = shares.area
    if not len(index):
        none = np.empty(0, dtype=object)
        return _alternatives(shares.point, none, none, (none,) * 3, shares.share)
    area = _named(world, index)
    for at in range(world.share_depth, world.depth, -1):
        index = np.where(index >= 0, levels[at].parent_index[np.maximum(index, 0)], -1)
    territory = codes_of(levels[world.depth].codes, index)
    units = (getattr(grounds, role)[shares.point] for role in _ROLES)
    return _alternatives(shares.point, area, territory, units, shares.share)


def _of_parts(world: World, part: PartMatch, grounds: Grounds) -> Alternatives:
    """What the spots of unclear parts might be, by the units of the parts; the place as it is."""
    unclear = part.unclear[part.point]
    point, which = part.point[unclear], part.candidate[unclear]
    units = (getattr(world.parts, name)[which] for name in ("owner_unit", "maintenance_unit", "supervising_unit"))
    return _alternatives(point, grounds.finest[point], grounds.territory[point], units, part.share[unclear])


def _crossed(a: Alternatives, b: Alternatives, grounds: Grounds, located: Located, world: World) -> Alternatives:
    """Alternatives of the place and of the part, each with each; the shares are multiplied."""
    if not len(b.point):
        return a
    n = len(grounds.territory)
    counts = np.bincount(b.point, minlength=n)
    alone = np.setdiff1d(b.point, a.point)  # unclear parts far from every border: one place
    status = located.levels[world.share_depth]
    here = codes_of(world.locator.areas.levels[world.share_depth].codes, status.index[alone])
    words = np.where(status.status[alone] == AREA, here, status.status[alone])
    point = np.concatenate([a.point, alone])
    area = np.concatenate([a.area, words])
    territory = np.concatenate([a.territory, grounds.territory[alone]])
    share = np.concatenate([a.share, np.ones(len(alone))])
    units = [np.concatenate([getattr(a, r), getattr(grounds, r)[alone]]) for r in _ROLES]
    times = np.maximum(counts[point], 1)
    left = np.repeat(np.arange(len(point)), times)
    nth = np.arange(len(left)) - np.repeat(np.cumsum(times) - times, times)
    start = np.searchsorted(b.point, point[left])
    has = counts[point[left]] > 0
    right = np.where(has, start + nth, 0)
    units = [np.where(has, getattr(b, role)[right], column[left]) for role, column in zip(_ROLES, units, strict=True)]
    order = np.argsort(point[left], kind="stable")
    weight = share[left] * np.where(has, b.share[right], 1.0)
    return _alternatives(
        point[left][order], area[left][order], territory[left][order], (u[order] for u in units), weight[order]
    )


def _alternatives(
    point: Ints, area: Objects, territory: Objects, units: Iterable[Objects], share: Floats
) -> Alternatives:
    owner, maintainer, supervisor = units
    return Alternatives(point, area, territory, owner, maintainer, supervisor, share)
