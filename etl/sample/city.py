"""The synthetic district: streets on both banks of a river, divided into communities and unit cells.

Names and codes are real, every line on the ground is invented. The same seed gives the same city on any machine: only
+, -, ×, ÷ and √ touch the coordinates, and they are rounded to centimetres before lines are noded.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from etl.sample.shapes import Cut, cover, crooked, divide

__all__ = ["CENTRE", "City", "Road", "build_city", "divisions", "TOWN"]

#: E, N in EPSG:4549 of the middle of the seven streets; 119.93 E 31.78 N lies beside it
CENTRE: Final = np.array([493400.0, 3517400.0])
TOWN: Final = "320404116"  #: 邹区镇: communities without cells, outside the seed's scope
_OUTLINE: Final = (
    (-12.0, -2.6), (-11.2, 1.8), (-9.6, 3.4), (-7.0, 4.3), (-4.6, 3.7), (-2.2, 4.5), (0.8, 4.2), (2.6, 3.6), (4.0, 3.0),
    (4.3, 0.8), (3.9, -1.2), (4.2, -3.0), (2.2, -4.4), (-0.4, -4.1), (-2.6, -4.6), (-4.6, -4.0), (-7.2, -4.5),
    (-9.8, -3.9),
)  # fmt: skip
_RIVER: Final = (
    (-13.0, 0.3), (-10.0, -0.4), (-8.0, 0.5), (-6.0, 0.1), (-4.5, 0.9), (-3.0, 0.4), (-1.5, 0.95), (0.0, 0.55),
    (1.4, 1.0), (2.6, 0.5), (3.6, 0.9), (5.2, 0.5),
)  # fmt: skip
#: street code -> (km east, km north, south of the river) of its middle, and its cells' usual size in m²
_SEEDS: Final[Mapping[str, tuple[tuple[float, float, bool], ...]]] = {
    "320404007": ((-3.0, 2.2, False),),
    "320404003": ((0.1, 2.5, False),),
    "320404006": ((2.9, 2.0, False),),
    "320404004": ((-2.8, -2.0, True),),
    "320404001": ((0.0, -0.9, True),),
    "320404005": ((3.1, -0.3, True),),
    "320404002": ((1.8, -3.0, True),),
    TOWN: ((-6.7, 2.2, False), (-6.7, -2.0, True)),
}
_CELL_M2: Final[Mapping[str, float]] = {
    "320404007": 11200.0, "320404003": 10400.0, "320404006": 8600.0, "320404004": 11200.0, "320404001": 9700.0,
    "320404005": 8300.0, "320404002": 9900.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Road:
    """A road's centre line; `rank` 0 is an arterial, 3 a lane."""

    line: Any
    rank: int


@dataclass(frozen=True, slots=True)
class City:
    """Cells as parallel arrays, communities and streets by code, all geometry in EPSG:4549 on a centimetre grid."""

    cell_codes: list[str]
    cells: NDArray[np.object_]
    communities: dict[str, Any]
    streets: dict[str, Any]
    names: Mapping[str, str]
    names_en: Mapping[str, str]
    roads: tuple[Road, ...]
    river: Any
    middles: NDArray[np.float64] = field(repr=False)

    def community_of(self) -> NDArray[np.object_]:
        return np.array([code[:12] for code in self.cell_codes], dtype=object)


def divisions(reference: Path) -> list[dict[str, str]]:
    """Real codes and names of the district's streets and communities (statistics bureau's divisions of 2022)."""
    return list(csv.DictReader((reference / "divisions.csv").read_text(encoding="utf-8").splitlines()))


def _km(points: Any) -> NDArray[np.float64]:
    return np.asarray(CENTRE + np.array(points, dtype=float) * 1000.0)


def build_city(rows: list[dict[str, str]], rng: np.random.Generator) -> City:
    """Build the city of release one from the rows of `divisions`; takes some seconds."""
    ring = _km([*_OUTLINE, _OUTLINE[0]])
    outline = shapely.polygons(crooked(ring, rng, step=120.0, bend=0.07))
    river_line = shapely.linestrings(crooked(_km(_RIVER), rng, step=90.0, bend=0.07))
    streets, borders = _streets(outline, river_line, rng)
    leaves: list[Any] = []
    leaf_codes: list[str] = []
    roads = [Road(line, 0) for line in borders]
    for code in sorted(streets):
        communities = [row["code"] for row in rows if row["parent"] == code]
        pieces, cuts = _communities(streets[code], len(communities), rng)
        roads += [Road(cut.line, 1) for cut in cuts]
        for community, piece in zip(sorted(communities), sorted(pieces, key=_reading), strict=True):
            blocks, lanes = _cells(piece, code, rng)
            leaves += blocks
            leaf_codes += [community] * len(blocks)
            roads += [Road(lane.line, 2 if lane.depth == 0 else 3) for lane in lanes if lane.depth <= 2]
    exact = cover(leaves)
    return _numbered(exact, leaf_codes, rows, tuple(roads), _river(river_line, outline))


def _streets(outline: Any, river: Any, rng: np.random.Generator) -> tuple[dict[str, list[Any]], list[Any]]:
    """Each street's polygons (one per bank it lies on) and the lines between streets of one bank."""
    parts = shapely.get_parts(
        shapely.polygonize(shapely.get_parts(shapely.union_all([outline.boundary, river])).tolist())
    )
    banks = sorted((b for b in parts if b.area > 1e6), key=lambda b: -b.centroid.y)
    out: dict[str, list[Any]] = {}
    borders: list[Any] = []
    for bank, south in ((banks[0], False), (banks[1], True)):
        seeds = [(code, _km(at[:2])) for code, spots in sorted(_SEEDS.items()) for at in spots if at[2] is south]
        edges = shapely.voronoi_polygons(
            shapely.multipoints([s for _, s in seeds]), extend_to=bank.buffer(3000), only_edges=True
        )
        merged = shapely.get_parts(shapely.line_merge(shapely.union_all(shapely.get_parts(edges))))
        lines = [shapely.linestrings(crooked(shapely.get_coordinates(e), rng, step=90.0, bend=0.06)) for e in merged]
        noded = shapely.union_all([bank.boundary, *lines])
        faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded).tolist()))
        for face in faces:
            inside = face.representative_point()
            if bank.contains(inside):
                spot = np.array([inside.x, inside.y])
                code = min(seeds, key=lambda seed: float(((seed[1] - spot) ** 2).sum()))[0]
                out.setdefault(code, []).append(face)
        borders += [
            part for line in lines for part in shapely.get_parts(shapely.intersection(line, bank)) if part.length > 50
        ]
    return {code: _whole(faces) for code, faces in out.items()}, borders


def _whole(faces: list[Any]) -> list[Any]:
    """Faces of one street that touch, as one polygon; the banks of a river stay apart for the cutting."""
    big = [f for f in faces if f.area > 200_000]
    for small in (f for f in faces if f.area <= 200_000):
        nearest = min(
            range(len(big)), key=lambda i: -shapely.length(shapely.intersection(big[i].boundary, small.boundary))
        )
        big[nearest] = shapely.union_all([big[nearest], small])
    return big


def _communities(polygons: list[Any], number: int, rng: np.random.Generator) -> tuple[list[Any], list[Cut]]:
    """`number` communities over the polygons of a street, of uneven size."""
    total = sum(p.area for p in polygons)
    counts = [max(1, round(number * p.area / total)) for p in polygons]
    counts[0] += number - sum(counts)
    pieces: list[Any] = []
    cuts: list[Cut] = []
    for polygon, count in zip(polygons, counts, strict=True):
        some, lines = divide(polygon, rng.uniform(0.6, 1.5, count).tolist(), rng)
        pieces += some
        cuts += lines
    return pieces, cuts


def _reading(piece: Any) -> tuple[int, float]:
    """Order of reading a map: rows of 800 m from the north, in each from the west."""
    return (-int(piece.centroid.y // 800), piece.centroid.x)


def _cells(piece: Any, street: str, rng: np.random.Generator) -> tuple[list[Any], list[Cut]]:
    if street == TOWN:
        return [piece], []
    number = max(2, round(piece.area / (_CELL_M2[street] * float(rng.uniform(0.92, 1.08)))))
    return divide(piece, rng.uniform(0.85, 1.15, number).tolist(), rng)


def _river(line: Any, outline: Any) -> Any:
    bed = shapely.buffer(line, 28.0, quad_segs=2)
    return shapely.set_precision(shapely.intersection(bed, outline), 0.01)


def _numbered(
    exact: list[Any], leaf_codes: list[str], rows: list[dict[str, str]], roads: tuple[Road, ...], river: Any
) -> City:
    """Give cells their serial numbers, north to south and west to east inside each community (CJ/T 213)."""
    members: dict[str, list[int]] = {}
    for i, code in enumerate(leaf_codes):
        members.setdefault(code, []).append(i)
    cell_codes: list[str] = []
    cells: list[Any] = []
    communities: dict[str, Any] = {}
    for code in sorted(members):
        ground = [exact[i] for i in members[code]]
        communities[code] = shapely.coverage_union_all(ground)
        if code[:9] == TOWN:
            continue
        ground.sort(key=lambda g: (-int(g.centroid.y // 120), g.centroid.x))
        cells += ground
        cell_codes += [f"{code}{n:03d}" for n in range(1, len(ground) + 1)]
    streets = {
        street: shapely.coverage_union_all([g for code, g in communities.items() if code[:9] == street])
        for street in sorted({code[:9] for code in communities})
    }
    grid = np.array(cells, dtype=object)
    points = shapely.point_on_surface(grid)
    return City(
        cell_codes=cell_codes,
        cells=grid,
        communities=communities,
        streets=streets,
        names={row["code"]: row["name"] for row in rows},
        names_en={row["code"]: row["name_en"] for row in rows if row["name_en"]},
        roads=roads,
        river=river,
        middles=np.column_stack([shapely.get_x(points), shapely.get_y(points)]),
    )
