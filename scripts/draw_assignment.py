"""The drawn examples of docs/assignment.md: made-up ground, decided by the real code, drawn, and told in words.

`python scripts/draw_assignment.py` writes the drawings and puts what the code tells below each in the document.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gis.analysis.sketch import Sketch  # noqa: E402 - the folder above is on the path only now
from gis.areas import AreaSet, Feature, LevelAreas  # noqa: E402
from gis.assignment.evidence import Decisions, decide  # noqa: E402
from gis.assignment.locator import Locator  # noqa: E402
from gis.assignment.matters import Matters  # noqa: E402
from gis.assignment.parts import PartsIndex  # noqa: E402
from gis.assignment.places import Places  # noqa: E402
from gis.assignment.register import Register  # noqa: E402
from gis.assignment.telling import tell  # noqa: E402
from gis.assignment.world import Thresholds, World  # noqa: E402
from gis.rules import Precedent, Rule  # noqa: E402
from gis.units import Territory, Unit  # noqa: E402

__all__ = ["CASES", "DOCUMENT", "IMAGES", "Case", "drawn", "retold"]

DOCUMENT: Final = ROOT / "docs/assignment.md"
IMAGES: Final = ROOT / "docs/images/assignment"
FRAME: Final = (0.0, 0.0, 240.0, 150.0)
LINE_ACCURACY_M: Final = 0.5
THEN, DAY = date(2020, 1, 1), date(2026, 3, 2)

UNITS: Final = tuple(
    Unit(code, name, name_en, kind, "", THEN)
    for code, name, name_en, kind in [
        ("S1", "西街道办", "West Street Office", "street"),
        ("S2", "东街道办", "East Street Office", "street"),
        ("S3", "南街道办", "South Street Office", "street"),
        ("D1", "执法大队", "Enforcement Brigade", "department"),
        ("M1", "路灯所", "Lamp Office", "department"),
        ("M2", "园林中心", "Park Office", "department"),
    ]
)
CATEGORIES: Final = {
    "0101": ("暴露垃圾", "exposed rubbish"),
    "0404": ("非法小广告", "illegal posters"),
    "0410": ("路灯不亮", "street lamp out"),
}
NAMES: Final = {"01": ("西街道", "West Street"), "02": ("东街道", "East Street"), "03": ("南街道", "South Street")}
RULES: Final = (
    Rule("R0410-Y", 90, "0410", "", "@maintainer", "路灯由其养护单位修复", "a lamp is its maintainer's", THEN, id=1),
    Rule("R0404", 110, "0404", "", "D1", "小广告由执法大队查处", "illegal posters are the brigade's", THEN, id=2),
    Rule("R01-DL1", 210, "01", "", "S1", "界河路为界路，西街道主责、东街道协助",
         "Jiehe Road is a border: West leads, East assists", THEN, id=3, place="road:DL1", assisting=("S2",)),
)  # fmt: skip

Areas = dict[str, Any]
_WEST: Final = [(-300.0, -300.0), (96.0, -300.0), (144.0, 500.0), (-300.0, 500.0)]
_EAST: Final = [(96.0, -300.0), (540.0, -300.0), (540.0, 500.0), (144.0, 500.0)]
TWO: Final[Areas] = {"01": shapely.Polygon(_WEST), "02": shapely.Polygon(_EAST)}
CORNER: Final[Areas] = {
    "01": shapely.Polygon([(-300, 80), (120, 74), (144, 500), (-300, 500)]),
    "02": shapely.Polygon([(120, 74), (540, 100), (540, 500), (144, 500)]),
    "03": shapely.Polygon([(-300, 80), (-300, -300), (540, -300), (540, 100), (120, 74)]),
}
_HOLE: Final = [(88.0, 40.0), (176.0, 46.0), (168.0, 116.0), (84.0, 110.0)]
HOLED: Final[Areas] = {"01": shapely.Polygon(TWO["01"].union(TWO["02"]).exterior, [_HOLE])}
OVERLAPPING: Final[Areas] = {
    "01": shapely.Polygon([(-300, -300), (132, -300), (150, 500), (-300, 500)]),
    "02": shapely.Polygon([(90, -300), (540, -300), (540, 500), (110, 500)]),
}
ROAD: Final = Feature("road", "DL1", "界河路", "Jiehe Road", "", 24.0, shapely.LineString([(96, -300), (144, 500)]))
LAMPS: Final = [(44.0, 60.0), (74.0, 70.0)]


@dataclass(frozen=True, slots=True)
class Case:
    """A spot on some ground; `at` says where labels stand, `first` where the pin was before it was moved."""

    name: str
    spot: tuple[float, float]
    accuracy: float = 20.0
    category: str = "0101"
    areas: Areas = field(default_factory=lambda: TWO)
    features: tuple[Feature, ...] = ()
    maintainers: tuple[str, ...] = ()
    precedents: tuple[Precedent, ...] = ()
    at: dict[str, tuple[float, float]] = field(default_factory=dict)
    first: tuple[float, float] | None = None


def _held() -> Precedent:
    ground = shapely.Polygon([(88, 34), (158, 40), (164, 112), (82, 104)])
    return Precedent(7, "01", "S2", (), "沿街商铺门前由东街道办清扫，2026年2月现场裁定", "", ground, date(2026, 2, 9))


CASES: Final = (
    Case("inside", (38.0, 66.0)),
    Case("straight", (110.0, 70.0)),
    Case("corner", (124.0, 82.0), areas=CORNER, at={"01": (50, 125), "02": (195, 128), "03": (120, 22)}),
    Case("tie", (120.0, 100.0)),
    Case("one-unit", (120.0, 100.0), category="0404"),
    Case("road", (120.0, 100.0), features=(ROAD,)),
    Case("precedent", (112.0, 74.0), precedents=(_held(),)),
    Case("outside", (121.0, 74.0), areas={"01": shapely.box(-300, -300, 120, 500)}, at={"outside": (190, 110)}),
    Case("gap", (130.0, 80.0), accuracy=10.0, areas=HOLED, at={"01": (42, 125), "gap": (130, 58)}),
    Case("overlap", (124.0, 76.0), areas=OVERLAPPING, accuracy=5.0),
    Case("one-maintainer", (56.0, 67.0), accuracy=15.0, category="0410", maintainers=("M1", "M1")),
    Case("two-maintainers", (56.0, 67.0), accuracy=15.0, category="0410", maintainers=("M1", "M2")),
    Case("moved", (158.0, 84.0), accuracy=10.0, first=(112.0, 66.0)),
)


def decided(case: Case, spot: tuple[float, float]) -> Decisions:
    """The engine's decision for the case with its pin at `spot`."""
    codes = np.array(sorted(case.areas), dtype=object)
    geometry = np.array([case.areas[code] for code in codes], dtype=object)
    names, names_en = (np.array([NAMES[code][i] for code in codes], dtype=object) for i in (0, 1))
    none, n = np.full(len(codes), -1), len(codes)
    level = LevelAreas(
        "street", np.arange(1, n + 1), codes, names, names_en, codes, none, np.zeros(n, bool), shapely.area(geometry),
        geometry,
    )  # fmt: skip
    register = Register(
        units=UNITS,
        territories=tuple(Territory(code, f"S{int(code)}", THEN) for code in NAMES),
        rules=RULES,
        precedents=case.precedents,
        categories={code: frozenset({"seed"}) for code in CATEGORIES},
        part_types={"0410": ("01037",)},
    )
    world = World(
        locator=Locator(AreaSet(1, (level,))), places=Places(case.features), parts=_lamps(case.maintainers),
        register=register, depth=0, share_depth=0, line_accuracy=LINE_ACCURACY_M, thresholds=Thresholds(),
    )  # fmt: skip
    return decide(world, _matter(case, spot))


def _matter(case: Case, spot: tuple[float, float]) -> Matters:
    def one(value: Any, kind: Any = object) -> Any:
        return np.array([value], dtype=kind)

    return Matters(
        x=one(spot[0], float), y=one(spot[1], float), accuracy=one(case.accuracy, float), level=one(0.68, float),
        category=one(case.category), source=one("public"), day=one(DAY, "datetime64[D]"), minute=one(540, np.int64),
        part=one(""),
    )  # fmt: skip


def _lamps(maintainers: tuple[str, ...]) -> PartsIndex:
    n = len(maintainers)
    words = {name: np.array(values, dtype=object) for name, values in {
        "code": [f"L{i + 1}" for i in range(n)], "type": ["01037"] * n, "owner_unit": [""] * n,
        "maintenance_unit": list(maintainers), "supervising_unit": [""] * n, "accuracy_class": ["A"] * n,
        "state": ["intact"] * n,
    }.items()}  # fmt: skip
    days = np.full(n, "NaT", dtype="datetime64[D]")
    x, y = np.array(LAMPS[:n], dtype=float).reshape(-1, 2).T
    return PartsIndex(id=np.arange(1, n + 1), **words, valid_from=days, valid_to=days, x=x, y=y)


def evidence(d: Decisions, case: Case) -> dict[str, Any]:
    """What `tell` asks for, with names beside codes."""
    rule = next((r for r in RULES if r.id == d.rule_id[0]), None)
    precedent = next((p for p in case.precedents if p.id == d.precedent_id[0]), None)
    answer, found = d.located.levels[0], d.found
    code = sorted(case.areas)[answer.index[0]] if answer.index[0] >= 0 else ""
    also = d.candidates
    parts = [
        {"code": f"L{i + 1}", "name": "路灯", "share": share, "maintainer": case.maintainers[i],
         **_named("maintainer", case.maintainers[i])}
        for i, share in zip(found.part.candidate.tolist(), found.part.share.tolist(), strict=True)
    ]  # fmt: skip
    return {
        "areas": [{"code": code, "name": NAMES[code][0], "name_en": NAMES[code][1]}] if code else [],
        "release": 1, "release_title": "示例 Example",
        "border_distance_m": float(found.border_distance[0]), "accuracy_m": case.accuracy, "accuracy_level": 0.68,
        "confidence": float(d.confidence[0]), "threshold": d.thresholds.confidence,
        "on_border": bool(answer.on_border[0]),
        "candidates": [
            {"area": area, **dict(zip(("name", "name_en"), NAMES.get(area, ("", "")), strict=True)), "share": share,
             "unit": unit, **_named("unit", unit)}
            for area, share, unit in zip(also.area, also.share.tolist(), also.unit, strict=True)
        ],
        "places": [{"word": f"road:{f.code}", "name": f.name, "name_en": f.name_en} for f in case.features],
        "part": parts[0] if parts and found.part.part[0] >= 0 else None, "parts": parts, "part_picked": "",
        "unit": d.rulings.unit[0], **_named("unit", d.rulings.unit[0]),
        "territory_unit": d.rulings.territory[0], **_named("territory_unit", d.rulings.territory[0]),
        "forward_to": "", **_named("forward_to", ""),
        "runner_up_unit": d.runner_up_unit[0], **_named("runner_up_unit", d.runner_up_unit[0]),
        "runner_up_area": d.runner_up_area[0],
        **dict(zip(("runner_up_area_name", "runner_up_area_name_en"), NAMES.get(d.runner_up_area[0], ("", "")),
                   strict=True)),
        "assisting": [{"name": _named("u", u)["u_name"], "name_en": _named("u", u)["u_name_en"]}
                      for u in d.rulings.assisting[0]],
        "rule": rule.code if rule else None, "rule_reason": rule.reason if rule else "",
        "rule_reason_en": rule.reason_en if rule else "",
        "precedent": precedent.id if precedent else None, "precedent_reason": precedent.reason if precedent else "",
        "category_name": CATEGORIES[case.category][0], "category_name_en": CATEGORIES[case.category][1],
        "settled_by": d.rulings.settled_by[0], "desk_reason": d.desk_reason[0], "outcome": d.outcome[0], "reason": "",
    }  # fmt: skip


def _named(key: str, code: str) -> dict[str, str]:
    name, name_en = next(((u.name, u.name_en) for u in UNITS if u.code == code), (code, code))
    return {f"{key}_name": name, f"{key}_name_en": name_en}


def drawn(case: Case) -> str:
    """The drawing of a case as SVG."""
    d = decided(case, case.spot)
    sketch = Sketch(FRAME)
    named = {area["code"] for area in evidence(d, case)["areas"]}
    for code, ground in sorted(case.areas.items(), key=lambda item: item[0] in named):
        sketch.add("answer" if code in named else "territory", ground)
    if case.areas is OVERLAPPING:
        sketch.add("overlap", case.areas["01"] & case.areas["02"])
    for feature in case.features:
        sketch.add(
            "road", feature.geometry.buffer(feature.width_m / 2), f"{feature.name} {feature.name_en}", at=(127, 40)
        )
        sketch.add("territory", shapely.LineString(feature.geometry))
    for precedent in case.precedents:
        sketch.add("precedent", precedent.ground, f"先例 precedent {precedent.id} → {precedent.unit}", at=(122, 48))
    _pins(sketch, case, d)
    _labelled(sketch, case, d)
    return sketch.svg(_note(d))


def _pins(sketch: Sketch, case: Case, d: Decisions) -> None:
    spot = shapely.Point(case.spot)
    if case.first:
        before = shapely.Point(case.first)
        sketch.add("error", before.buffer(case.accuracy))
        sketch.add("moved", shapely.LineString([case.first, case.spot]))
        sketch.add(
            "before", before, f"{decided(case, case.first).confidence[0]:.1%}", at=(case.first[0], case.first[1] - 16)
        )
    sketch.add("error", spot.buffer(case.accuracy))
    share = dict(zip(d.found.part.candidate.tolist(), d.found.part.share.tolist(), strict=True))
    for i, unit in enumerate(case.maintainers):
        where = LAMPS[i]
        label = f"L{i + 1} · {unit}\n{share.get(i, 0.0):.0%}"
        sketch.add("part", shapely.Point(where), label, at=(where[0] - 12 + 24 * i, where[1] - 12))
    sketch.add("spot", spot)


def _labelled(sketch: Sketch, case: Case, d: Decisions) -> None:
    """Each area with its share of the error area, and who would lead there."""
    shares: dict[str, list[tuple[float, str]]] = {}
    for area, share, unit in zip(d.candidates.area, d.candidates.share.tolist(), d.candidates.unit, strict=True):
        shares.setdefault(area, []).append((share, unit))
    if not shares:
        index = int(d.located.levels[0].index[0])
        own = sorted(case.areas)[index] if index >= 0 else str(d.outcome[0])
        shares[own] = [(1.0, str(d.rulings.unit[0]))]
    words = {code: f"{name} {name_en}（{code}）" for code, (name, name_en) in NAMES.items()}
    words |= {"outside": "区外 outside", "gap": "空隙 gap"}
    places = {"01": (46.0, 122.0), "02": (186.0, 122.0)} | case.at
    for code in sorted(set(case.areas) | set(shares)):
        rows = shares.get(code, [(0.0, "")])
        lead = f" → {rows[0][1]}" if len(rows) == 1 and rows[0][1].startswith(("S", "D", "M")) else ""
        label = f"{words[code]}\n{sum(share for share, _ in rows):.1%}{lead}"
        sketch.write(label, places[code])


def _note(d: Decisions) -> str:
    outcome = {"border_desk": "转边界席 border desk", "located": "派遣 dispatched to", "outside": "区外 outside",
               "gap": "空隙 gap"}[d.outcome[0]]  # fmt: skip
    unit = f" {d.rulings.unit[0]}" if d.outcome[0] == "located" else ""
    return f"置信度 confidence {d.confidence[0]:.1%} · {outcome}{unit}"


def retold(text: str) -> str:
    """The document with what the code tells of each case below its drawing."""
    for case in CASES:
        said = evidence(decided(case, case.spot), case)
        words = f"> {tell(said, language='zh')}\n>\n> {tell(said, language='en')}\n"
        pattern = rf"(!\[[^\]]*\]\(images/assignment/{case.name}\.svg\)\n\n)(?:>.*\n)*"
        text = re.sub(pattern, lambda found, words=words: found.group(1) + words, text)
    return text


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        (IMAGES / f"{case.name}.svg").write_text(drawn(case), encoding="utf-8")
    DOCUMENT.write_text(retold(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{len(CASES)} drawings in {IMAGES.relative_to(ROOT)}; {DOCUMENT.relative_to(ROOT)} tells them.")


if __name__ == "__main__":
    main()
