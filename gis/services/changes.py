"""How a delivery differs from what is in force: put on the stored vertices, compared, and what of it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gis.analysis.alignment import IDENTICAL, SAME, align
from gis.analysis.changes import KINDS, Change, ChangeSet, Side, Transfers, compare
from gis.areas import AreaSet, DeliveredLayer, LevelAreas

__all__ = ["LevelPlan", "as_json", "plan_level", "side_of", "side_of_level"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LevelPlan:
    """What becomes of one delivered level.

    `layer` has the geometry that will be stored: the stored one where the delivery shows the same ground. `new` are
    positions in it that become new rows, `kept` ids of stored rows that it shares; of these `carried` were not
    in the delivery (a partial one). `restored` counts vertices put back on stored ones.
    """

    layer: DeliveredLayer
    changes: ChangeSet
    new: Ints
    kept: tuple[int, ...]
    carried: tuple[int, ...]
    restored: int  #: vertices put back on stored ones

    @property
    def renamed_parents(self) -> Mapping[str, str]:
        """Old code -> new code of areas that are the same under another code."""
        c = self.changes
        pairs = zip(c.old.codes[c.pairs_old], c.new.codes[c.pairs_new], strict=True)
        return {str(a): str(b) for a, b in pairs if a != b}


def side_of(rows: Sequence[Any]) -> Side:
    """Stored rows (code, name, parent, wkb) as one side of a comparison."""

    def column(name: str) -> NDArray[np.object_]:
        return np.array([getattr(row, name) for row in rows], dtype=object)

    geometry = np.asarray(shapely.from_wkb([bytes(row.wkb) for row in rows]), dtype=object)
    return Side(column("code"), column("name"), column("parent"), geometry)


def side_of_level(areas: AreaSet, level: LevelAreas) -> Side:
    """A level of a stored release as one side of a comparison."""
    at = areas.levels.index(level)
    above = np.append(areas.levels[at - 1].codes, "") if at else np.array([""], dtype=object)
    parents = above[np.where(level.parent_index >= 0, level.parent_index, -1)]
    return Side(level.codes, level.names, parents, level.geometry)


def plan_level(
    layer: DeliveredLayer, base: Sequence[Any], paths: Mapping[str, str], parents: Mapping[str, str], tolerance: float
) -> LevelPlan:
    """Compare a delivered level with the stored rows; `tolerance` in metres (the line accuracy).

    A partial layer is compared with the areas whose ground it touches; all others carry over.
    """
    touched, carried = _touched(layer, base)
    old = side_of(touched)
    aligned = align(old.geometry, layer.geometry, tolerance) if touched else None
    geometry = layer.geometry if aligned is None else aligned.geometry
    new = Side(layer.codes, layer.names, layer.parents, geometry)
    changes = compare(old, new, tolerance=tolerance, parents=parents) if touched else _first(old, new)
    stored = _keeping(changes)
    geometry = geometry.copy()
    geometry[list(stored)] = [old.geometry[i] for i in stored.values()]
    chosen = replace(layer, geometry=geometry)
    shared = {j: touched[i].id for j, i in stored.items() if _same_words(chosen, j, touched[i], paths)}
    fresh = np.array([j for j in range(len(layer)) if j not in shared], dtype=np.int64)
    kept = (*shared.values(), *(row.id for row in carried))
    restored = 0 if aligned is None else aligned.moved_vertices
    return LevelPlan(chosen, changes, fresh, kept, tuple(row.id for row in carried), restored)


def _first(old: Side, new: Side) -> ChangeSet:
    """Nothing to compare with: everything is new."""
    none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=object)
    return ChangeSet(old, new, none, none, nothing, Transfers(none, none, np.zeros(0)), ())


def _touched(layer: DeliveredLayer, base: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The stored rows that a layer is compared with, and those that carry over beside it."""
    if layer.scope == "full":
        return list(base), []
    geometry = np.asarray(shapely.from_wkb([bytes(row.wkb) for row in base]), dtype=object)
    hit: set[int] = set()
    if len(base) and len(layer):
        asked, found = shapely.STRtree(geometry).query(layer.geometry, predicate="intersects")
        shared = shapely.area(shapely.intersection(layer.geometry[asked], geometry[found]))
        smaller = np.minimum(shapely.area(layer.geometry[asked]), shapely.area(geometry[found]))
        hit = set(found[shared >= 0.05 * smaller].tolist())
    codes = set(layer.codes)
    hit |= {i for i, row in enumerate(base) if row.code in codes}
    return [base[i] for i in sorted(hit)], [row for i, row in enumerate(base) if i not in hit]


def _keeping(changes: ChangeSet) -> dict[int, int]:
    """Position in the delivery -> position in the stored rows, for areas that keep their stored geometry.

    An area that shows the same ground with other vertices keeps it only where no changed area touches it, itself or by
    way of others like it: else the changed neighbour's line would part from the stored one by the last bits.
    """
    kept_class = np.isin(changes.outline, [IDENTICAL, SAME])
    old, new = changes.pairs_old[kept_class], changes.pairs_new[kept_class]
    a, b = changes.old.geometry[old], changes.new.geometry[new]
    soft = ~shapely.equals_exact(shapely.normalize(a), shapely.normalize(b))
    drawn_anew = np.setdiff1d(np.arange(len(changes.new)), new)
    dropped: set[int] = set()
    if soft.any() and len(drawn_anew):
        nodes = np.concatenate([new[soft], drawn_anew])
        geometry = changes.new.geometry[nodes]
        i, j = shapely.STRtree(geometry).query(geometry, predicate="intersects")
        graph = coo_array((np.ones(len(i), dtype=np.int8), (i, j)), shape=(len(nodes), len(nodes)))
        _, group = connected_components(graph, directed=False)
        infected = np.isin(group, group[soft.sum() :])
        dropped = set(nodes[infected].tolist())
    return {int(j): int(i) for i, j in zip(old, new, strict=True) if int(j) not in dropped}


def _same_words(layer: DeliveredLayer, j: int, row: Any, paths: Mapping[str, str]) -> bool:
    words = (layer.codes[j], layer.names[j], layer.names_en[j], layer.parents[j], paths[layer.codes[j]])
    residents = None if np.isnan(layer.residents[j]) else int(layer.residents[j])
    return (
        words == (row.code, row.name, row.name_en, row.parent, row.path)
        and bool(layer.has_children[j]) == row.has_children
        and residents == row.residents
    )


def as_json(changes: ChangeSet) -> dict[str, Any]:
    """A level's changes as they are stored and shown: counts of every kind, each change, lineage of what changed."""
    if not len(changes.old):  # a first release adds everything, which need not be told one by one
        counts = {**dict.fromkeys(KINDS, 0), "added": len(changes.new)}
        return {"counts": counts, "changes": [], "lineage": []}
    told = [_change(change) for change in changes.changes]
    named = {code for change in changes.changes for code in change.old}
    lineage = [[a, b, round(share, 6)] for a, b, share in changes.lineage() if a in named or a != b]
    return {"counts": changes.counts(), "changes": told, "lineage": lineage}


def _change(change: Change) -> dict[str, Any]:
    return {
        "kinds": list(change.kinds),
        "old": list(change.old),
        "new": list(change.new),
        "gained_m2": round(change.gained_m2, 3),
        "lost_m2": round(change.lost_m2, 3),
        "deviation_m": None if change.deviation_m is None else round(change.deviation_m, 4),
        "flows": [{"from": f.code_old, "to": f.code_new, "m2": round(f.m2, 3)} for f in change.flows],
    }
