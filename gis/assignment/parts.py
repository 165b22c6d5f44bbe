"""Which part (部件) a report means: those near its spot, of the kind that its category names, weighed by distance.

Report and part are each off by an isotropic Gaussian error, so their distance d is Rayleigh of σ² = σ_report² +
σ_part². A part is a candidate where d <= 3.035 σ, which 99 % of the true parts are (1 − exp(−3.035²/2) = 0.99); its
weight is the density exp(−d²/2σ²) / 2πσ², its share the weight among all candidates of the report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from gis.parts import ACCURACY_M

__all__ = ["CERTAIN", "SEARCH_SIGMAS", "Asked", "PartMatch", "PartsIndex", "match", "no_match"]

SEARCH_SIGMAS: Final = 3.035  #: Rayleigh: P(d < 3.035 σ) = 0.99
CERTAIN: Final = 0.9  #: a share from which a part, or a unit, is taken without asking
_ALWAYS: Final = (np.datetime64("0001-01-01", "D"), np.datetime64("9999-12-31", "D"))
_ROUNDING: Final = 1e-9

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Days = NDArray[np.datetime64]
Objects = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class PartsIndex:
    """Versions of parts as columns of one length; immutable, safe to share between threads and to pickle.

    x, y: a spot of the part in metres of the working CRS; valid_from, valid_to: datetime64[D], [from, to), NaT = open;
    accuracy_class: A, B, C or '', which is taken for C. What the class promises is taken for one σ on each axis.
    """

    id: Ints
    code: Objects
    type: Objects
    owner_unit: Objects
    maintenance_unit: Objects
    supervising_unit: Objects
    accuracy_class: Objects
    state: Objects
    valid_from: Days
    valid_to: Days
    x: Floats
    y: Floats
    _trees: dict[tuple[str, ...], list[tuple[float, Ints, cKDTree]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __len__(self) -> int:
        return len(self.id)

    @cached_property
    def accuracy(self) -> Floats:
        """σ of each part's position on each axis, in metres."""
        classes, of = np.unique(self.accuracy_class.astype(str), return_inverse=True)
        return np.array([ACCURACY_M.get(word, ACCURACY_M["C"]) for word in classes.tolist()], dtype=float)[of]

    @cached_property
    def _there(self) -> Flags:
        return np.asarray((self.state != "removed") & np.isfinite(self.x) & np.isfinite(self.y), dtype=bool)

    def in_force(self, part: Ints, day: Days) -> Flags:
        """True where the version `part` holds on `day`."""
        since, until = self.valid_from[part], self.valid_to[part]
        return (np.isnat(since) | (since <= day)) & (np.isnat(until) | (day < until))

    @cached_property
    def units(self) -> tuple[tuple[Objects, Ints], ...]:
        """For owner, maintenance and supervising unit: their names, and which of them each part has."""
        columns = (self.owner_unit, self.maintenance_unit, self.supervising_unit)
        pairs = (np.unique(column.astype(str), return_inverse=True) for column in columns)
        return tuple((names.astype(object), of) for names, of in pairs)

    def find(self, code: Objects, day: Days) -> Ints:
        """The version of each identifier that holds on its day, -1 where there is none or the part is removed."""
        order, codes, first_days = self._by_code
        if not len(order):
            return np.full(len(code), -1, dtype=np.int64)
        rank = np.searchsorted(codes, code.astype(str))
        keys = _key(rank, day)
        part = order[np.searchsorted(first_days, keys, side="right") - 1]
        known = (self.code[part] == code) & self._there[part] & self.in_force(part, day)
        return np.where(known, part, -1)

    @cached_property
    def _by_code(self) -> tuple[Ints, Any, Ints]:
        """Versions in order of code and first day, the codes that there are, and the key of each version in order."""
        codes, rank = np.unique(self.code.astype(str), return_inverse=True)
        keys = _key(rank, np.where(np.isnat(self.valid_from), _ALWAYS[0], self.valid_from))
        order = np.argsort(keys, kind="stable")
        return order, codes, keys[order]

    def trees(self, prefixes: tuple[str, ...]) -> list[tuple[float, Ints, cKDTree]]:
        """For each accuracy (σ, m): the parts whose type begins with a prefix, and a tree over their spots."""
        # Two threads that miss the same entry at worst make it twice.
        if prefixes not in self._trees:
            types, of = np.unique(self.type.astype(str), return_inverse=True)
            named = np.array([word.startswith(prefixes) for word in types.tolist()], dtype=bool)[of] & self._there
            self._trees[prefixes] = [
                (sigma, rows, cKDTree(np.column_stack([self.x[rows], self.y[rows]])))
                for sigma in np.unique(self.accuracy[named]).tolist()
                for rows in [np.flatnonzero(named & (self.accuracy == sigma))]
            ]
        return self._trees[prefixes]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """n reports as columns: x, y and sigma (on each axis) in metres; `types` holds tuples of prefixes of part types, ()
    where the category is not about parts; day: datetime64[D]; picked: the identifier that the reporter chose or ''."""

    x: Floats
    y: Floats
    sigma: Floats
    types: Objects
    day: Days
    picked: Objects

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True, eq=False)
class PartMatch:
    """Candidates as rows (point, candidate, share), by point and falling share; the other columns have n rows.

    `part` and `candidate` are indices into the index, part -1 where it is not clear or there is none. A unit stands
    where candidates of enough share agree on it, else ''. `unclear`: candidates, but neither part nor maintainer is
    certain. `unknown_pick`: no part of the picked identifier was there that day, so the spot decided.
    """

    point: Ints
    candidate: Ints
    share: Floats
    part: Ints
    owner: Objects
    maintainer: Objects
    supervisor: Objects
    unclear: Flags
    unknown_pick: Flags


def match(index: PartsIndex, asked: Asked, *, certain: float = CERTAIN) -> PartMatch:
    """Match n reports with parts; a share of `certain` (above one half) settles a part or a unit, a pick always does.

    >>> lamps = PartsIndex(np.array([7, 8]), np.array(["L7", "L8"], dtype=object),
    ...     np.array(["01037"] * 2, dtype=object),
    ...     *[np.array(["D1", "D1"], dtype=object)] * 3, np.array(["A", "A"], dtype=object),
    ...     np.array(["intact"] * 2, dtype=object), *[np.array(["NaT"] * 2, dtype="datetime64[D]")] * 2,
    ...     np.array([0.0, 20.0]), np.array([0.0, 0.0]))
    >>> types = np.empty(3, dtype=object)
    >>> types[:] = [("01037",), ("01037",), ()]
    >>> found = match(lamps, Asked(np.array([1.0, 10.0, 1.0]), np.zeros(3), np.full(3, 5.0), types,
    ...     np.array(["2026-01-01"] * 3, dtype="datetime64[D]"), np.array([""] * 3, dtype=object)))
    >>> found.part.tolist(), found.maintainer.tolist(), found.unclear.tolist()
    ([0, -1, -1], ['D1', 'D1', ''], [False, False, False])
    """
    if not any(asked.types):
        return no_match(len(asked))
    import pandas as pd

    group, kinds = pd.factorize(asked.types)
    about = np.array([len(kind) > 0 for kind in kinds], dtype=bool)[group]
    wants = np.flatnonzero(about & (asked.picked != ""))
    picked = index.find(asked.picked[wants], asked.day[wants])
    taken = np.zeros(len(asked), dtype=bool)
    taken[wants[picked >= 0]] = True
    unknown = np.zeros(len(asked), dtype=bool)
    unknown[wants[picked < 0]] = True
    found = [(wants[picked >= 0], picked[picked >= 0], np.ones(int(taken.sum())))]
    open_points = about & ~taken & np.isfinite(asked.x) & np.isfinite(asked.y)
    for number, kind in enumerate(kinds):
        found += _near(index, asked, kind, np.flatnonzero(open_points & (group == number)))
    point, candidate, weight = (np.concatenate(column) for column in zip(*found, strict=True))
    share = weight / np.bincount(point, weights=weight, minlength=len(asked))[point]
    order = np.lexsort((candidate, -share, point))
    point, candidate, share = point[order], candidate[order], share[order]
    first = np.unique(point, return_index=True)[1]
    part = np.full(len(asked), -1, dtype=np.int64)
    clear = first[share[first] >= certain - _ROUNDING]
    part[point[clear]] = candidate[clear]
    rows = np.concatenate(([0], np.cumsum(np.bincount(point, minlength=len(asked)))))
    owner, maintainer, supervisor = (_agreed(names, of[candidate], share, rows, certain) for names, of in index.units)
    unclear = (np.diff(rows) > 0) & (part < 0) & (maintainer == "")
    return PartMatch(point, candidate, share, part, owner, maintainer, supervisor, unclear, unknown)


def no_match(n: int) -> PartMatch:
    """No report is about parts."""
    rows, no, words = np.empty(0, dtype=np.int64), np.zeros(n, dtype=bool), np.full(n, "", dtype=object)
    return PartMatch(rows, rows, np.empty(0), np.full(n, -1, dtype=np.int64), words, words, words, no, no)


def _near(index: PartsIndex, asked: Asked, kind: tuple[str, ...], which: Ints) -> list[tuple[Ints, Ints, Floats]]:
    """Candidates of the reports `which` as (point, part, weight), accuracy by accuracy."""
    out = []
    spots = np.column_stack([asked.x[which], asked.y[which]])
    for sigma, parts, tree in index.trees(kind) if kind and len(which) else ():
        variance = asked.sigma[which] ** 2 + sigma**2
        lists = tree.query_ball_point(spots, SEARCH_SIGMAS * np.sqrt(variance), return_sorted=False)
        count = np.fromiter(map(len, lists), np.int64, len(which))
        at = np.repeat(np.arange(len(which)), count)
        part = parts[np.fromiter(chain.from_iterable(lists), np.int64, len(at))]
        there = index.in_force(part, asked.day[which[at]])
        at, part = at[there], part[there]
        squared = (spots[at, 0] - index.x[part]) ** 2 + (spots[at, 1] - index.y[part]) ** 2
        out.append((which[at], part, np.exp(-squared / (2.0 * variance[at])) / variance[at]))
    return out


def _agreed(names: Objects, unit: Ints, share: Floats, rows: Ints, certain: float) -> Objects:
    """For each point the unit that candidates of a share of `certain` agree on, '' for none; `rows` delimits points."""
    sums = csr_array((share, unit, rows), shape=(len(rows) - 1, max(len(names), 1)), copy=True)
    # In place, hence the copy.
    sums.sum_duplicates()
    sums = sums.tocoo()
    enough = sums.data >= certain - _ROUNDING
    out = np.full(len(rows) - 1, "", dtype=object)
    out[sums.row[enough]] = names[sums.col[enough]]
    return out


def _key(rank: Any, day: Days) -> Ints:
    """Integers in the order of rank, then day."""
    return np.asarray(rank, dtype=np.int64) * (1 << 24) + (day.astype("datetime64[D]") - _ALWAYS[0]).astype(np.int64)
