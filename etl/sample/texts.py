"""Words of the sample reports: which categories arise where, and how people describe them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["category_weights", "describe", "minor_names"]

#: what stands on the ground -> major category -> share
_MAJORS: Final[Mapping[str, Mapping[str, float]]] = {
    "居住": {"01": 30, "04": 30, "07": 16, "06": 8, "09": 7, "12": 2, "02": 3, "08": 4},
    "商业": {"04": 46, "01": 22, "02": 12, "09": 10, "08": 5, "06": 3, "12": 2},
    "工业": {"04": 26, "09": 24, "01": 24, "10": 14, "08": 12},
    "绿地": {"06": 62, "01": 24, "04": 12, "12": 2},
    "农田": {"01": 40, "11": 34, "09": 20, "06": 6},
    "水域": {"05": 78, "01": 14, "06": 8},
    "river": {"05": 74, "06": 16, "01": 10},
    "market": {"03": 56, "04": 22, "01": 14, "12": 5, "02": 3},
    "compound": {"07": 68, "01": 16, "06": 8, "12": 3, "09": 5},
    "building_site": {"10": 72, "09": 12, "04": 12, "01": 4},
    "urban_village": {"11": 66, "01": 20, "12": 5, "02": 5, "08": 4},
}
_WHERE: Final = (
    "路口",
    "公交站旁",
    "小区门口",
    "学校门前",
    "桥下",
    "人行道上",
    "店铺门前",
    "河边",
    "停车场旁",
    "路灯杆下",
    "绿化带内",
    "垃圾房旁",
)
_HOW: Final = (
    "已经两天了",
    "影响通行",
    "请尽快处理",
    "多次出现",
    "早上发现",
    "味道很大",
    "雨后更严重",
    "夜间看不清",
    "孩子路过有危险",
    "昨天也报过",
    "",
)
#: what people really type, and what attackers do: each must come out as the same harmless text
_ODD: Final = (
    "Broken again, third time this month!",
    "垃圾堆放🙁 看图",
    "店主说“不归我管”,城管也没来",
    "路面“坑”很深, about 30 cm",
    "<img src=x onerror=alert(1)>",
    "<script>alert('gridward')</script>",
    '=HYPERLINK("http://example.invalid","点我")',
    "'; DROP TABLE cases; --",
)


def minor_names(reference: Path) -> Mapping[str, str]:
    """Minor category code -> name."""
    text = (reference / "categories.csv").read_text(encoding="utf-8")
    return {row["code"]: row["name_zh"] for row in csv.DictReader(text.splitlines()) if row["parent"]}


def category_weights(ground: str, names: Mapping[str, str]) -> tuple[list[str], NDArray[np.float64]]:
    """Minor codes and their shares on a kind of ground; early minors of a major are the frequent ones."""
    codes: list[str] = []
    weights: list[float] = []
    for major, share in _MAJORS[ground].items():
        minors = [code for code in names if code.startswith(major)]
        ranks = np.array([1.0 / (i + 1.5) for i in range(len(minors))])
        codes += minors
        weights += (share * ranks / ranks.sum()).tolist()
    total = np.array(weights)
    return codes, total / total.sum()


def describe(category: NDArray[np.object_], names: Mapping[str, str], rng: np.random.Generator) -> list[str]:
    """A short description for each category code."""
    n = len(category)
    where, how = rng.integers(0, len(_WHERE), n).tolist(), rng.integers(0, len(_HOW), n).tolist()
    odd = rng.integers(0, 1200, n).tolist()
    out = []
    for code, a, b, o in zip(category.tolist(), where, how, odd, strict=True):
        if o < len(_ODD):
            out.append(_ODD[o])
        else:
            out.append(_WHERE[a] + names[code] + ("，" + _HOW[b] if _HOW[b] else ""))
    return out
