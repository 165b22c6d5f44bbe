"""Areas: polygons with a period, nested in levels; and sets of them that a locator is built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["AreaSet", "Delivery", "DeliveredLayer", "Feature", "LevelAreas", "ReleaseFacts", "paths_of"]


@dataclass(frozen=True, slots=True)
class LevelAreas:
    """The areas of one level as columns of one length, sorted by path in byte order.

    `parent_index` points into the level above (-1: no parent there). `has_children` is False for an area which the
    delivery declares to have none at the next level. Geometries are polygons or multipolygons in the working CRS.
    """

    level: str
    ids: NDArray[np.int64]
    codes: NDArray[np.object_]
    names: NDArray[np.object_]
    names_en: NDArray[np.object_]
    paths: NDArray[np.object_]
    parent_index: NDArray[np.int64]
    has_children: NDArray[np.bool_]
    area_m2: NDArray[np.float64]
    geometry: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, slots=True)
class AreaSet:
    """The areas of one release: one `LevelAreas` per level, coarsest first; `release_id` None: no release, no areas."""

    release_id: int | None
    levels: tuple[LevelAreas, ...]


@dataclass(frozen=True, slots=True)
class DeliveredLayer:
    """One level of a delivery, cleaned: columns of one length, geometries in the working CRS."""

    level: str
    scope: str  #: full, or partial: areas absent from a partial layer carry over
    codes: NDArray[np.object_]
    names: NDArray[np.object_]
    names_en: NDArray[np.object_]
    parents: NDArray[np.object_]
    residents: NDArray[np.float64]  #: NaN = not given
    has_children: NDArray[np.bool_]
    geometry: NDArray[np.object_]
    #: as delivered where `geometry` was repaired, snapped or dissolved from the level below; None where it was not
    delivered: NDArray[np.object_] | None = None
    rows: NDArray[np.int64] | None = None  #: number of each area's row in its file, from 1

    def __len__(self) -> int:
        return len(self.codes)

    def row(self, i: int) -> int:
        """The row of the file that an area came from, counted from 1."""
        return i + 1 if self.rows is None else int(self.rows[i])


@dataclass(frozen=True, slots=True)
class Feature:
    """A named thing on the map that is no nested area: a road, a market, a landmark; geometry in the working CRS."""

    layer: str
    code: str
    name: str
    name_en: str
    kind: str
    width_m: float | None
    geometry: Any


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a delivery says about itself."""

    title: str
    document: str
    source: str
    licence: str
    synthetic: bool
    line_accuracy_m: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """A checked delivery, ready to be staged."""

    facts: ReleaseFacts
    valid_from: date
    layers: tuple[DeliveredLayer, ...]
    features: tuple[Feature, ...]
    hash: str
    accepted: tuple[tuple[str, str], ...] = ()  #: (finding, reason)
    findings: str = "[]"  #: everything found, as JSON, kept with the release
    fields: str = "{}"  #: which field of its files said what, by level, as JSON: remembered for the source


def paths_of(layers: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[list[str]]:
    """The path of codes of each area, coarsest level first; `layers` holds (codes, parents) of each level.

    >>> paths_of([(["320404001"], ["320404"]), (["320404001001"], ["320404001"])])
    [['320404001'], ['320404001/320404001001']]
    """
    known: dict[str, str] = {}
    out: list[list[str]] = []
    for codes, parents in layers:
        paths = [
            f"{known[parent]}/{code}" if parent in known else code for code, parent in zip(codes, parents, strict=True)
        ]
        known = dict(zip(codes, paths, strict=True))
        out.append(paths)
    return out
