"""Release two: the kinds of change a district really sees, made to release one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from etl.sample.city import TOWN, City

__all__ = ["CHANGES", "Changed", "change"]

_XINZHA_OLD: Final = "320404007"
_XINZHA_NEW: Final = "320404010"
#: the named changes of release two; tests and documents look here
CHANGES: Final = {
    "recoded": (_XINZHA_OLD, _XINZHA_NEW),
    "split": ("320404004001", "320404004009"),
    "merged": ("320404002006", "320404002017"),
    "moved_line": ("320404004", "320404001"),
    "renamed": ("320404005009", "文亨社区"),
}


@dataclass(frozen=True, slots=True)
class Changed:
    """Release two as codes and geometries of cells, with the names of communities and streets."""

    cell_codes: list[str]
    cells: NDArray[np.object_]
    communities: dict[str, Any]
    streets: dict[str, Any]
    names: dict[str, str]
    names_en: dict[str, str]
    moved: int = 0
    resurveyed: tuple[str, ...] = field(default_factory=tuple)


def change(city: City, rng: np.random.Generator) -> Changed:
    """Apply every change. Cells that are not concerned keep every bit of their coordinates."""
    codes = list(city.cell_codes)
    names = dict(city.names)
    _split(city, codes)
    names["320404004009"] = "新墅社区"
    _merge(city, codes)
    del names["320404002017"]
    moved = _move_line(city, codes)
    cells, resurveyed = _resurvey(city, codes, rng)
    codes = [_recode(code) for code in codes]
    names = {_recode(code): name for code, name in names.items()}
    names["320404005009"] = CHANGES["renamed"][1]
    members: dict[str, list[int]] = {}
    for i, code in enumerate(codes):
        members.setdefault(code[:12], []).append(i)
    communities = {code: shapely.coverage_union_all(cells[rows]) for code, rows in sorted(members.items())}
    communities |= {code: ground for code, ground in city.communities.items() if code.startswith(TOWN)}
    streets = {
        street: shapely.coverage_union_all([g for code, g in communities.items() if code[:9] == street])
        for street in sorted({code[:9] for code in communities})
    }
    return Changed(
        cell_codes=codes,
        cells=cells,
        communities=dict(sorted(communities.items())),
        streets=streets,
        names=names,
        names_en={_recode(code): name for code, name in city.names_en.items()},
        moved=moved,
        resurveyed=tuple(codes[i] for i in resurveyed),
    )


def _recode(code: str) -> str:
    return _XINZHA_NEW + code[9:] if code.startswith(_XINZHA_OLD) else code


def _rows(codes: list[str], community: str) -> list[int]:
    return [i for i, code in enumerate(codes) if code[:12] == community]


def _fresh(city: City, codes: list[str], community: str, number: int) -> list[str]:
    """Serial numbers never used in the community, neither before nor now: old codes are not given again."""
    used = [int(code[12:]) for code in (*city.cell_codes, *codes) if code[:12] == community]
    first = max(used, default=0) + 1
    return [f"{community}{n:03d}" for n in range(first, first + number)]


def _split(city: City, codes: list[str]) -> None:
    """The eastern half of a large community becomes a community of its own."""
    old, new = CHANGES["split"]
    rows = _rows(codes, old)
    order = sorted(rows, key=lambda i: (city.middles[i, 0], city.middles[i, 1]))
    east = _connected(city, order[len(order) // 2 :])
    for i, code in zip(sorted(east), _fresh(city, codes, new, len(east)), strict=True):
        codes[i] = code


def _connected(city: City, rows: list[int]) -> list[int]:
    """The rows that hang together with the last one: a community is one piece of ground."""
    tree = shapely.STRtree(city.cells[rows])
    reached, open_rows = {len(rows) - 1}, [len(rows) - 1]
    while open_rows:
        at = open_rows.pop()
        for near in tree.query(city.cells[rows[at]], predicate="touches").tolist():
            if (
                near not in reached
                and shapely.length(shapely.intersection(city.cells[rows[at]], city.cells[rows[near]])) > 0
            ):
                reached.add(near)
                open_rows.append(near)
    return [rows[i] for i in reached]


def _merge(city: City, codes: list[str]) -> None:
    """The second community joins the first; its cells get new serial numbers there."""
    first, second = CHANGES["merged"]
    rows = _rows(codes, second)
    for i, code in zip(rows, _fresh(city, codes, first, len(rows)), strict=True):
        codes[i] = code


def _move_line(city: City, codes: list[str]) -> int:
    """Cells of one street within 300 m of the line to the other pass over, to the community they touch longest."""
    giver, taker = CHANGES["moved_line"]
    line = shapely.intersection(shapely.boundary(city.streets[giver]), shapely.boundary(city.streets[taker]))
    # Only the middle third of the line moves, so that every piece of ground stays in one piece.
    ends = shapely.bounds(line)
    middle = shapely.box(
        ends[0] - 400.0, ends[1] + (ends[3] - ends[1]) / 3.0, ends[2] + 400.0, ends[3] - (ends[3] - ends[1]) / 3.0
    )
    strip = shapely.intersection(line, middle)
    points = np.asarray(shapely.points(city.middles), dtype=object)
    near = shapely.dwithin(points, strip, 300.0)
    rows = [i for i, code in enumerate(codes) if code[:9] == giver and near[i]]
    takers = {code: ground for code, ground in city.communities.items() if code[:9] == taker}
    to = {i: min(sorted(takers), key=lambda code: shapely.distance(takers[code], points[i])) for i in rows}
    for community in sorted(set(to.values())):
        some = [i for i in rows if to[i] == community]
        for i, code in zip(some, _fresh(city, codes, community, len(some)), strict=True):
            codes[i] = code
    return len(rows)


def _resurvey(city: City, codes: list[str], rng: np.random.Generator) -> tuple[NDArray[np.object_], list[int]]:
    """Some vertices, each wholly inside one community, move by decimetres: the same for every cell that has them."""
    coordinates, cell = shapely.get_coordinates(city.cells, return_index=True)
    keys = [tuple(row) for row in coordinates.tolist()]
    users: dict[tuple[float, ...], set[int]] = {}
    for key, i in zip(keys, cell.tolist(), strict=True):
        users.setdefault(key, set()).add(i)
    inner = sorted(
        key
        for key, cells in users.items()
        if len(cells) == 3 and len({codes[i][:12] for i in cells}) == 1 and codes[min(cells)].startswith("320404003")
    )
    chosen = [inner[i] for i in rng.permutation(len(inner))[:22].tolist()]
    shift = {key: np.round(np.array(key) + rng.choice([-0.4, -0.3, -0.2, 0.2, 0.3, 0.4], 2), 2) for key in chosen}
    moved = np.array([shift.get(key, key) for key in keys], dtype=float)
    touched = sorted({i for key in chosen for i in users[key]})
    out = city.cells.copy()
    changed = shapely.set_coordinates(city.cells.copy(), moved)
    out[touched] = changed[touched]
    return out, touched
