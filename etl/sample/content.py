"""What stands on the ground: land use, named roads, places and landmarks. Every name here is made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from etl.sample.city import CENTRE, TOWN, City

__all__ = ["LAND_USES", "Content", "Thing", "furnish"]

#: land use of a cell, in the order of `Content.land_use`
LAND_USES: Final = ("居住", "商业", "工业", "绿地", "农田", "水域")
_OLD_TOWN: Final = CENTRE + np.array([2900.0, 500.0])
_FIRST: Final = "清安和泰永福宁康庆丰文明景云凤龙竹松梅兰桃柳荷枫锦玉翠晨星月河湖江海石金银春秋东西南北"
_SECOND: Final = "宁和泰庆丰文景云凤龙山川河湖林园塘桥港湾阳光明德仁义信华荣昌盛平安康乐祥瑞"
_PINYIN: Final = dict(
    zip(
        "清安和泰永福宁康庆丰文明景云凤龙竹松梅兰桃柳荷枫锦玉翠晨星月河湖江海石金银春秋东西南北山川林园塘桥港湾阳光德仁义信华荣昌盛平乐祥瑞",
        [
            "Qing",
            "An",
            "He",
            "Tai",
            "Yong",
            "Fu",
            "Ning",
            "Kang",
            "Qing",
            "Feng",
            "Wen",
            "Ming",
            "Jing",
            "Yun",
            "Feng",
            "Long",
            "Zhu",
            "Song",
            "Mei",
            "Lan",
            "Tao",
            "Liu",
            "He",
            "Feng",
            "Jin",
            "Yu",
            "Cui",
            "Chen",
            "Xing",
            "Yue",
            "He",
            "Hu",
            "Jiang",
            "Hai",
            "Shi",
            "Jin",
            "Yin",
            "Chun",
            "Qiu",
            "Dong",
            "Xi",
            "Nan",
            "Bei",
            "Shan",
            "Chuan",
            "Lin",
            "Yuan",
            "Tang",
            "Qiao",
            "Gang",
            "Wan",
            "Yang",
            "Guang",
            "De",
            "Ren",
            "Yi",
            "Xin",
            "Hua",
            "Rong",
            "Chang",
            "Sheng",
            "Ping",
            "Le",
            "Xiang",
            "Rui",
        ],
        strict=True,
    )
)
_ROAD_KINDS: Final = (
    ("大道", "Avenue", "快速路", 46.0),
    ("路", "Road", "主干路", 36.0),
    ("路", "Road", "次干路", 24.0),
    ("街", "Street", "支路", 14.0),
    ("巷", "Lane", "支路", 8.0),
)
_LANDMARKS: Final = (
    ("小学", "Primary School", "学校", 34), ("中学", "Middle School", "学校", 18), ("医院", "Hospital", "医院", 12),
    ("公园", "Park", "公园", 20), ("汽车站", "Bus Station", "车站", 8), ("广场", "Plaza", "商业", 22),
    ("图书馆", "Library", "文化", 8), ("体育馆", "Stadium", "文化", 6), ("派出所", "Police Station", "政府", 14),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thing:
    """A named thing: a road, a market, a landmark; `kind` is its class."""

    code: str
    name: str
    name_en: str
    kind: str
    geometry: Any
    width_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Content:
    """Everything but the areas themselves. `land_use` indexes LAND_USES for each cell; residents by community code."""

    land_use: NDArray[np.int64]
    residents: dict[str, int]
    land: list[Thing]
    roads: list[Thing]
    rivers: list[Thing]
    markets: list[Thing]
    compounds: list[Thing]
    building_sites: list[Thing]
    urban_villages: list[Thing]
    landmarks: list[Thing]


class _Names:
    """Hands out names that have not been used, with their pinyin."""

    def __init__(self, rng: np.random.Generator) -> None:
        pairs = [(a, b) for a in _FIRST for b in _SECOND if a != b]
        self._pairs = [pairs[i] for i in rng.permutation(len(pairs)).tolist()]
        self._next = 0

    def take(self) -> tuple[str, str]:
        first, second = self._pairs[self._next % len(self._pairs)]
        self._next += 1
        return first + second, _PINYIN[first] + _PINYIN[second].lower()


def furnish(city: City, rng: np.random.Generator) -> Content:
    """Furnish the city."""
    names = _Names(rng)
    use = _land_use(city, rng)
    roads = _roads(city, names)
    return Content(
        land_use=use,
        residents=_residents(city, use, rng),
        land=_land(city, use),
        roads=roads,
        rivers=[Thing("HD001", "清荷河", "Qinghe River", "河流", city.river)],
        markets=_places(city, use, rng, names, kind=("SC", "菜市场", "Market", (0, 1), 24)),
        compounds=_places(city, use, rng, names, kind=("XQ", "花园", "Garden", (0,), 320)),
        building_sites=_places(city, use, rng, names, kind=("GD", "工地", "Building Site", (0, 1, 2), 60)),
        urban_villages=_places(city, use, rng, names, kind=("CZC", "村", "Village", (4, 2), 36)),
        landmarks=_landmarks(city, rng, names),
    )


def _noise(at: NDArray[np.float64], rng: np.random.Generator, size: float) -> NDArray[np.float64]:
    """Smooth value noise in [0, 1]: random values on a grid of `size` metres, blended between its points."""
    grid = rng.uniform(0.0, 1.0, (64, 64))
    place = (at - (CENTRE - 10_000.0)) / size
    cell = np.floor(place).astype(np.int64) % 63
    part = place - np.floor(place)
    part = part * part * (3.0 - 2.0 * part)
    x, y = cell[:, 0], cell[:, 1]
    low = grid[x, y] * (1 - part[:, 0]) + grid[x + 1, y] * part[:, 0]
    high = grid[x, y + 1] * (1 - part[:, 0]) + grid[x + 1, y + 1] * part[:, 0]
    return np.asarray(low * (1 - part[:, 1]) + high * part[:, 1])


def _land_use(city: City, rng: np.random.Generator) -> NDArray[np.int64]:
    at = city.middles
    centre = np.sqrt(((at - _OLD_TOWN) ** 2).sum(axis=1)) / 1000.0
    green, work, shops = _noise(at, rng, 700.0), _noise(at, rng, 1300.0), _noise(at, rng, 450.0)
    wet = shapely.area(shapely.intersection(city.cells, city.river)) > 0.45 * shapely.area(city.cells)
    use = np.zeros(len(at), dtype=np.int64)
    use[shops > 0.74 - 0.22 / (1.0 + centre)] = 1
    use[(work > 0.62) & (centre > 3.2)] = 2
    use[green > 0.80] = 3
    use[(work < 0.30) & (centre > 5.2)] = 4
    use[wet] = 5
    return use


def _residents(city: City, use: NDArray[np.int64], rng: np.random.Generator) -> dict[str, int]:
    per_hectare = np.array([210.0, 90.0, 12.0, 4.0, 8.0, 0.0])[use]
    hectares = shapely.area(city.cells) / 10_000.0
    of, index = np.unique(city.community_of().astype(str), return_inverse=True)
    people = np.bincount(index, weights=per_hectare * hectares)
    out = {str(code): int(n * rng.uniform(0.85, 1.15)) for code, n in zip(of, people, strict=True)}
    for code, ground in sorted(city.communities.items()):
        if code.startswith(TOWN):
            out[code] = int(ground.area / 10_000.0 * rng.uniform(8.0, 16.0))
    return out


def _land(city: City, use: NDArray[np.int64]) -> list[Thing]:
    groups: dict[tuple[str, int], list[int]] = {}
    for i, code in enumerate(city.cell_codes):
        groups.setdefault((code[:12], int(use[i])), []).append(i)
    out = [
        Thing("", "", "", LAND_USES[key[1]], shapely.coverage_union_all(city.cells[members]))
        for key, members in sorted(groups.items())
    ]
    out += [
        Thing("", "", "", "农田", ground) for code, ground in sorted(city.communities.items()) if code.startswith(TOWN)
    ]
    return [Thing(f"YD{i + 1:04d}", "", "", t.kind, t.geometry) for i, t in enumerate(out)]


def _roads(city: City, names: _Names) -> list[Thing]:
    out: list[Thing] = []
    order = sorted(range(len(city.roads)), key=lambda i: (city.roads[i].rank, -city.roads[i].line.length))
    arterials = 0
    for i in order:
        road = city.roads[i]
        lines = [part for part in shapely.get_parts(road.line) if part.geom_type == "LineString" and part.length > 40.0]
        if not lines:
            continue
        rank = road.rank + 1
        if road.rank == 0:
            rank = 0 if arterials < 2 else 1
            arterials += 1
        suffix, word, kind, width = _ROAD_KINDS[rank]
        zh, en = names.take()
        line = shapely.multilinestrings(lines) if len(lines) > 1 else lines[0]
        line = shapely.set_precision(line, 0.01)
        out.append(Thing(f"DL{len(out) + 1:04d}", zh + suffix, f"{en} {word}", kind, line, width))
    return out


def _places(
    city: City,
    use: NDArray[np.int64],
    rng: np.random.Generator,
    names: _Names,
    *,
    kind: tuple[str, str, str, Sequence[int], int],
) -> list[Thing]:
    """`number` cells of the wanted land uses, drawn without repeats and drawn in from their borders by some metres."""
    code, suffix, word, uses, number = kind
    fit = np.flatnonzero(np.isin(use, list(uses)))
    chosen = np.sort(rng.permutation(fit)[: min(number, len(fit))])
    out: list[Thing] = []
    for i in chosen.tolist():
        ground = shapely.buffer(city.cells[i], -float(round(rng.uniform(6.0, 12.0), 1)), join_style="mitre")
        parts = sorted(shapely.get_parts(shapely.set_precision(ground, 0.01)), key=lambda g: -g.area)
        if parts and parts[0].area > 1500.0:
            zh, en = names.take()
            out.append(Thing(f"{code}{len(out) + 1:04d}", zh + suffix, f"{en} {word}", suffix, parts[0]))
    return out


def _landmarks(city: City, rng: np.random.Generator, names: _Names) -> list[Thing]:
    total = sum(row[3] for row in _LANDMARKS)
    chosen = rng.permutation(len(city.cells))[:total].tolist()
    out: list[Thing] = []
    for suffix, word, kind, number in _LANDMARKS:
        for _ in range(number):
            zh, en = names.take()
            x, y = np.round(city.middles[chosen.pop()], 2).tolist()
            out.append(Thing(f"DB{len(out) + 1:04d}", zh + suffix, f"{en} {word}", kind, shapely.Point(x, y)))
    return out
