"""What changed between two sets of areas of one level: the stored and the delivered one, geometry first, code second.

    outline of a 1:1 pair    identical, same, resurveyed, moved (see `gis.analysis.alignment`)
    words of a 1:1 pair      renamed, recoded, parent_changed
    without a partner        added, removed, split (1:n), merged (n:1), rearranged (n:m)
    any of them              code_reused: one of its new codes named other ground before

Pairs whose outlines are identical or same are found first, by their bounding boxes. All other areas are laid over
each other; who shares 5 % of the smaller area belongs together, and is 1:1 where every area has a partner with which
it shares more than half of both.

The table of transfers accounts for every square metre: the rows of an old area add up to its area, those of a new one
likewise (to 1e-4 m² per area, what a vertex more or less makes). Overlaps are measured except for the own row of an
identical or same pair, which is what the measured rows of both leave of the smaller; what then remains of an area came
from or went to nobody (-1). Where areas of one side overlap each other the balance with nobody is negative.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gis.analysis.alignment import IDENTICAL, SAME, compare_outlines, shared_m2
from gis.errors import DataFault

__all__ = ["KINDS", "NOBODY", "Change", "ChangeSet", "Flow", "Side", "Transfers", "compare"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]

#: What can be said of areas, in the order of display.
KINDS: Final = (
    *("identical", "same", "resurveyed", "moved", "renamed", "recoded", "code_reused"),
    *("parent_changed", "added", "removed", "split", "merged", "rearranged"),
)
NOBODY: Final = -1
RELATED: Final = 0.05  #: share of the smaller area from which on two areas have to do with each other
PARTNERS: Final = 0.5 + 1e-9  #: more than half of both: of a split into equal halves neither is the partner
CRUMB_M2: Final = 1e-4  #: below this a remainder is the rounding of coordinates
FLOW_M2: Final = 0.01  #: ground worth telling


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Areas of one level as columns of one length: no code twice; valid (multi)polygons in projected metres."""

    codes: Objects
    names: Objects
    parents: Objects
    geometry: Objects

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, slots=True, eq=False)
class Transfers:
    """Ground by where it was and where it is: index of the old and the new area (-1: nobody's), square metres."""

    old: Ints
    new: Ints
    m2: Floats


@dataclass(frozen=True, slots=True)
class Flow:
    """Ground that went from one area to another that is not its partner; None: from or to nobody."""

    code_old: str | None
    code_new: str | None
    m2: float


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to some areas that belong together, by their codes; gained from and lost to all others.

    `kinds` begins with what the change is sorted under. `flows` are the parts of more than 0.01 m² but for what a pair
    has in common. `deviation_m` is how far the two outlines of a 1:1 pair lie apart at most, None for anything else.
    """

    kinds: tuple[str, ...]
    old: tuple[str, ...]
    new: tuple[str, ...]
    gained_m2: float
    lost_m2: float
    flows: tuple[Flow, ...]
    deviation_m: float | None


@dataclass(frozen=True, slots=True, eq=False)
class ChangeSet:
    """The comparison of two sides: the 1:1 pairs with their outlines, the table of transfers, the changes in order."""

    old: Side
    new: Side
    pairs_old: Ints
    pairs_new: Ints
    outline: Objects
    transfers: Transfers
    changes: tuple[Change, ...]

    def counts(self) -> dict[str, int]:
        """Number of pairs by outline and of changes by every other kind; all of KINDS, in their order."""
        said = Counter(kind for change in self.changes for kind in change.kinds if kind not in KINDS[:4])
        found = said + Counter(self.outline.tolist())
        return {kind: found[kind] for kind in KINDS}

    def lineage(self) -> list[tuple[str, str, float]]:
        """(old code, new code, share of the old area's ground) of pairs and of overlaps from 5 % of the smaller."""
        old_m2, rows = shapely.area(self.old.geometry), self.transfers
        keep = _related(rows, (old_m2, shapely.area(self.new.geometry))) | _own(rows, self.pairs_old, self.pairs_new)
        edges = dict.fromkeys(zip(self.pairs_old.tolist(), self.pairs_new.tolist(), strict=True), 0.0)
        for i, j, m2 in zip(rows.old[keep].tolist(), rows.new[keep].tolist(), rows.m2[keep].tolist(), strict=True):
            edges[i, j] = m2 / float(old_m2[i])
        return sorted((self.old.codes[i], self.new.codes[j], share) for (i, j), share in edges.items())


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """1:1 pairs by index, the class of their outlines and how far these lie apart in metres."""

    old: Ints
    new: Ints
    outline: Objects
    metres: Floats


#: old and new areas that belong together without being 1:1, by index
_Group = tuple[tuple[int, ...], tuple[int, ...]]


def compare(
    old: Side,
    new: Side,
    *,
    tolerance: float,
    parents: Mapping[str, str] = MappingProxyType({}),
    corrections: Sequence[tuple[str, str]] = (),
) -> ChangeSet:
    """Compare the stored areas of a level with the delivered ones; `tolerance` in metres.

    `parents` gives the new code of a parent that was only recoded. `corrections` are (old code, new code) pairs that a
    steward declared to be the same area, whatever the ground says; raises DataFault for one that cannot be.

    >>> words = [np.array(column, dtype=object) for column in (["1", "2"], ["a", "b"], ["s", "s"])]
    >>> old = Side(*words, shapely.box([0, 10], 0, [10, 20], 10))
    >>> new = Side(words[0][::-1], *words[1:], shapely.box([0, 12], 0, [12, 20], 10))
    >>> found = compare(old, new, tolerance=0.05)
    >>> [(change.kinds, change.old, change.new) for change in found.changes][0]
    (('moved', 'recoded', 'code_reused'), ('1',), ('2',))
    >>> found.changes[0].flows, found.changes[0].deviation_m
    ((Flow(code_old='2', code_new='2', m2=20.0),), 2.0)
    """
    pinned = _pinned(old, new, corrections)
    closed = _closed_pairs(old, new, tolerance, pinned)
    areas = shapely.area(old.geometry), shapely.area(new.geometry)
    rows = _transfers(old, new, areas, closed)
    settled = dict(zip(closed.old.tolist(), closed.new.tolist(), strict=True)) | pinned
    partners, groups = _matched((old.codes, new.codes), rows, areas, settled)
    pairs = _with_outlines(settled | partners, closed, (old.geometry, new.geometry), tolerance)
    reused = _reused(old, new, pairs, groups)
    ledger = _Ledger(old.codes, new.codes, rows, ~_own(rows, pairs.old, pairs.new))
    changes = [
        ledger.change(words, (i,), (j,), metres)
        for words, i, j, metres in zip(
            _words(old, new, pairs, parents, reused),
            *(c.tolist() for c in (pairs.old, pairs.new, pairs.metres)),
            strict=True,
        )
        if words
    ]
    changes += [ledger.change(_group_words(group, reused), *group, None) for group in groups]
    changes.sort(key=lambda change: (KINDS.index(change.kinds[0]), change.old + change.new))
    return ChangeSet(old, new, pairs.old, pairs.new, pairs.outline, rows, tuple(changes))


def _pinned(old: Side, new: Side, corrections: Sequence[tuple[str, str]]) -> dict[int, int]:
    """The steward's corrections by index."""
    if not corrections:
        return {}
    old_at = {code: i for i, code in enumerate(old.codes.tolist())}
    new_at = {code: j for j, code in enumerate(new.codes.tolist())}
    found, claimed = dict[int, int](), dict[int, int]()
    for code_old, code_new in corrections:
        i, j = old_at.get(code_old), new_at.get(code_new)
        if i is None or j is None:
            side, code = ("stored", code_old) if i is None else ("delivered", code_new)
            raise DataFault(f"The correction {code_old} = {code_new} names {code}, which no {side} area is called.")
        if found.setdefault(i, j) != j or claimed.setdefault(j, i) != i:
            raise DataFault(
                f"The correction {code_old} = {code_new} contradicts another one: an area is one other area."
            )
    return found


def _closed_pairs(old: Side, new: Side, tolerance: float, pinned: Mapping[int, int]) -> _Pairs:
    """Pairs with identical or same outlines; every area once, identical before same, the same code before another."""
    i, j = _candidates(old.geometry, new.geometry, tolerance)
    wanted, taken = np.full(len(old), NOBODY), np.zeros(len(new), dtype=bool)
    wanted[list(pinned)], taken[list(pinned.values())] = list(pinned.values()), True
    free = np.where(wanted[i] < 0, ~taken[j], wanted[i] == j)
    i, j = i[free], j[free]
    outline, metres = compare_outlines(old.geometry[i], new.geometry[j], tolerance)
    order = np.lexsort((j, i, old.codes[i] != new.codes[j], outline != IDENTICAL))
    order = order[np.isin(outline[order], (IDENTICAL, SAME))]
    chosen, old_seen, new_seen = [], set[int](), set[int]()
    for row, at, other in zip(order.tolist(), i[order].tolist(), j[order].tolist(), strict=True):
        if at not in old_seen and other not in new_seen:
            chosen.append(row)
            old_seen.add(at)
            new_seen.add(other)
    rows = np.array(chosen, dtype=np.int64)
    return _Pairs(i[rows], j[rows], outline[rows], metres[rows])


def _candidates(old: Objects, new: Objects, tolerance: float) -> tuple[Ints, Ints]:
    """Pairs whose bounding boxes agree: outlines within the tolerance have boxes within the tolerance."""
    if not len(old) or not len(new):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    boxes = cKDTree(shapely.bounds(old)), cKDTree(shapely.bounds(new))
    near = boxes[0].sparse_distance_matrix(boxes[1], tolerance + 1e-8, p=np.inf, output_type="ndarray")
    return near["i"].astype(np.int64), near["j"].astype(np.int64)


def _transfers(old: Side, new: Side, areas: tuple[Floats, Floats], closed: _Pairs) -> Transfers:
    """The table of transfers as the module describes it, sorted by old and new index."""
    old_open, new_open = np.ones(len(old), dtype=bool), np.ones(len(new), dtype=bool)
    old_open[closed.old], new_open[closed.new] = False, False
    i, j = _meeting(old.geometry, new.geometry, np.flatnonzero(old_open), np.arange(len(new)))
    more = _meeting(old.geometry, new.geometry, closed.old, np.flatnonzero(new_open))
    i, j = np.concatenate((i, more[0])), np.concatenate((j, more[1]))
    m2 = shared_m2(old.geometry[i], new.geometry[j])
    real = m2 > CRUMB_M2
    i, j, m2 = i[real], j[real], m2[real]
    left = areas[0] - np.bincount(i, m2, len(old)), areas[1] - np.bincount(j, m2, len(new))
    own = np.maximum(np.minimum(left[0][closed.old], left[1][closed.new]), 0.0)
    left[0][closed.old] -= own
    left[1][closed.new] -= own
    lost, gained = np.flatnonzero(np.abs(left[0]) > CRUMB_M2), np.flatnonzero(np.abs(left[1]) > CRUMB_M2)
    from_old = np.concatenate((i, closed.old, lost, np.full(len(gained), NOBODY)))
    to_new = np.concatenate((j, closed.new, np.full(len(lost), NOBODY), gained))
    ground = np.concatenate((m2, own, left[0][lost], left[1][gained]))
    order = np.lexsort((to_new, from_old))
    return Transfers(from_old[order], to_new[order], ground[order])


def _meeting(old: Objects, new: Objects, these: Ints, those: Ints) -> tuple[Ints, Ints]:
    """Pairs of `these` old and `those` new areas whose bounding boxes share ground."""
    if not len(these) or not len(those):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    found = shapely.STRtree(new[those]).query(old[these])
    i, j = these[found[0]], those[found[1]]
    a, b = shapely.bounds(old)[i], shapely.bounds(new)[j]
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = sides.prod(axis=1) > CRUMB_M2
    return i[shared], j[shared]


def _related(rows: Transfers, areas: tuple[Floats, Floats]) -> Bools:
    """Which rows are ground between two areas and at least RELATED of the smaller."""
    both = (rows.old >= 0) & (rows.new >= 0)
    out = np.zeros(len(both), dtype=bool)
    out[both] = rows.m2[both] >= RELATED * np.minimum(areas[0][rows.old[both]], areas[1][rows.new[both]])
    return out


def _own(rows: Transfers, pairs_old: Ints, pairs_new: Ints) -> Bools:
    """Which rows are the ground that a 1:1 pair has in common."""
    return np.isin(rows.old * 2**32 + rows.new, pairs_old * 2**32 + pairs_new)


def _matched(
    codes: tuple[Objects, Objects], rows: Transfers, areas: tuple[Floats, Floats], settled: Mapping[int, int]
) -> tuple[dict[int, int], list[_Group]]:
    """The partners among the areas that are not settled, and the groups of all others.

    One old and one new area that have to do with nobody else are a pair, too, where they share half of the smaller or
    bear the same code.
    """
    count, total = len(codes[0]), len(codes[0]) + len(codes[1])
    keep = _related(rows, areas) & ~np.isin(rows.old, list(settled)) & ~np.isin(rows.new, list(settled.values()))
    i, j, m2 = rows.old[keep], rows.new[keep], rows.m2[keep]
    label = connected_components(coo_array((m2, (i, j + count)), shape=(total, total)), directed=False)[1]
    mutual = m2 >= PARTNERS * np.maximum(areas[0][i], areas[1][j])
    # Areas of one side that overlap each other can have two partners; then they have none.
    mutual &= (np.bincount(i[mutual], minlength=total)[i] == 1) & (np.bincount(j[mutual], minlength=total)[j] == 1)
    single = np.ones(total, dtype=bool)
    single[i[mutual]], single[j[mutual] + count] = False, False
    paired = mutual & ~np.isin(label[i], label[single])
    alone = np.bincount(label, minlength=1)[label[i]] == 2
    paired |= alone & ((m2 >= 0.5 * np.minimum(areas[0][i], areas[1][j])) | (codes[0][i] == codes[1][j]))
    partners = dict(zip(i[paired].tolist(), j[paired].tolist(), strict=True))
    rest = np.ones(total, dtype=bool)
    for pairs in (settled, partners):
        rest[list(pairs)], rest[np.array(list(pairs.values()), dtype=np.int64) + count] = False, False
    groups: defaultdict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for node in np.flatnonzero(rest).tolist():
        groups[label[node]][node >= count].append(node - count * (node >= count))
    return partners, [(tuple(olds), tuple(news)) for olds, news in groups.values()]


def _with_outlines(
    partner: Mapping[int, int], closed: _Pairs, geometry: tuple[Objects, Objects], tolerance: float
) -> _Pairs:
    """All pairs sorted by old index, with the outlines of those that are not closed."""
    done = set(closed.old.tolist())
    i = np.array([at for at in partner if at not in done], dtype=np.int64)
    j = np.array([partner[at] for at in i.tolist()], dtype=np.int64)
    outline, metres = compare_outlines(geometry[0][i], geometry[1][j], tolerance)
    order = np.argsort(np.concatenate((closed.old, i)))
    return _Pairs(
        np.concatenate((closed.old, i))[order],
        np.concatenate((closed.new, j))[order],
        np.concatenate((closed.outline, outline))[order],
        np.concatenate((closed.metres, metres))[order],
    )


def _reused(old: Side, new: Side, pairs: _Pairs, groups: Sequence[_Group]) -> Bools:
    """Which new areas bear the code of an old one that they have nothing to do with."""
    old_group, new_group = np.zeros(len(old), dtype=np.int64), np.zeros(len(new), dtype=np.int64)
    old_group[pairs.old] = new_group[pairs.new] = np.arange(len(pairs.old))
    for number, (olds, news) in enumerate(groups, start=len(pairs.old)):
        old_group[list(olds)], new_group[list(news)] = number, number
    group_of = dict(zip(old.codes.tolist(), old_group.tolist(), strict=True))
    known = zip(new.codes.tolist(), new_group.tolist(), strict=True)
    return np.array([group_of.get(code, group) != group for code, group in known], dtype=bool)


def _words(old: Side, new: Side, pairs: _Pairs, parents: Mapping[str, str], reused: Bools) -> list[tuple[str, ...]]:
    """What there is to say of each pair; nothing of one that is identical or same and nothing else."""
    i, j = pairs.old, pairs.new
    above = np.array([parents.get(code, code) for code in old.parents[i].tolist()], dtype=object)
    said = {
        "renamed": old.names[i] != new.names[j],
        "recoded": old.codes[i] != new.codes[j],
        "code_reused": reused[j],
        "parent_changed": above != new.parents[j],
    }
    words: list[tuple[str, ...]] = [() if word in (IDENTICAL, SAME) else (word,) for word in pairs.outline.tolist()]
    for word, true in said.items():
        for at in np.flatnonzero(true).tolist():
            words[at] += (word,)
    return words


def _group_words(group: _Group, reused: Bools) -> tuple[str, ...]:
    olds, news = (min(len(side), 2) for side in group)
    words = {(0, 1): "added", (1, 0): "removed", (1, 2): "split", (2, 1): "merged"}
    return (words.get((olds, news), "rearranged"), *(("code_reused",) if reused[list(group[1])].any() else ()))


class _Ledger:
    """The ground that changed hands, found by area."""

    def __init__(self, old: Objects, new: Objects, rows: Transfers, strange: Bools) -> None:
        self._codes = old, new
        self._from: defaultdict[int, set[tuple[int, int, float]]] = defaultdict(set)
        self._to: defaultdict[int, set[tuple[int, int, float]]] = defaultdict(set)
        columns = (column[strange].tolist() for column in (rows.old, rows.new, rows.m2))
        for row in zip(*columns, strict=True):
            self._from[row[0]].add(row)
            self._to[row[1]].add(row)

    def change(
        self, kinds: tuple[str, ...], olds: tuple[int, ...], news: tuple[int, ...], metres: float | None
    ) -> Change:
        """The change of the areas `olds` into the areas `news`, with the ground that is not a pair's own."""
        gone = set[tuple[int, int, float]]().union(*(self._from[i] for i in olds))
        come = set[tuple[int, int, float]]().union(*(self._to[j] for j in news))
        flows = [Flow(self._code(0, i), self._code(1, j), m2) for i, j, m2 in gone | come if m2 > FLOW_M2]
        return Change(
            kinds,
            tuple(sorted(self._codes[0][list(olds)].tolist())),
            tuple(sorted(self._codes[1][list(news)].tolist())),
            gained_m2=sum(m2 for i, _, m2 in sorted(come - gone)),
            lost_m2=sum(m2 for _, j, m2 in sorted(gone - come)),
            flows=tuple(sorted(flows, key=lambda flow: (flow.code_old or "", flow.code_new or ""))),
            deviation_m=metres,
        )

    def _code(self, side: int, index: int) -> str | None:
        return None if index == NOBODY else str(self._codes[side][index])
