"""Decisions as columns: what each case was decided on, and the same told in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gis import __version__
from gis.assignment.locator import AREA, Located, Locator
from gis.assignment.responsibility import Register, Rulings, confidence_of, decide_many, needs_desk

__all__ = ["ENGINE", "Decisions", "Survey", "decide", "survey", "tell"]

#: what made the decision, kept with it: a replay by another engine must say so
ENGINE: Final = f"gridward {__version__}"

Objects = NDArray[np.object_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decisions:
    """n decisions on one release as columns; `area_id` has one row per level (0 = none), `located` the words for it.

    outcome and state agree but for `located`, which is `dispatched` (ours) or `forwarded`: located, border_desk,
    outside, gap.
    """

    release_id: int | None
    located: Located
    area_id: NDArray[np.int64]
    border_distance: Floats
    confidence: Floats
    rulings: Rulings
    rule_id: NDArray[np.int64]
    runner_up_area: Objects
    outcome: Objects
    state: Objects


@dataclass(frozen=True, slots=True)
class Survey:
    """Where n points lie and how far, in metres, the nearest border of the unit level is; `near` is the index of the
    nearest other territory for points closer to the border than their accuracy, else -1."""

    located: Located
    border_distance: Floats
    near: NDArray[np.int64]
    unit_level: str


def survey(locator: Locator, x: Floats, y: Floats, accuracy: Floats, *, unit_level: str) -> Survey:
    """Locate n points at x, y (metres, working CRS) whose accuracy radii (m) hold 68 % of their error."""
    located = locator.locate_many(x, y)
    distance = locator.border_distance(unit_level, x, y)
    within = np.where(needs_desk(distance, accuracy), distance * 1.0001 + 1.0, 0.0)
    near = locator.neighbours(unit_level, x, y, within, located.of(unit_level).index)
    return Survey(located, distance, np.where(within > 0.0, near, -1), unit_level)


def decide(
    locator: Locator,
    register: Register,
    found: Survey,
    *,
    accuracy: Floats,
    category: Objects,
    day: NDArray[np.datetime64],
) -> Decisions:
    """Decide n surveyed reports: who leads, who would be next, and which must wait at the border desk."""
    answer = found.located.of(found.unit_level)
    areas = next(level for level in locator.areas.levels if level.level == found.unit_level)
    rulings = decide_many(
        register,
        category=category,
        territory_code=_codes(areas.codes, answer.index),
        finest_code=_finest(locator, found.located),
        day=day,
    )
    inside = answer.status == AREA
    # An area that no unit has as its territory is a hole in the register: a person decides there too.
    ownerless = inside & (rulings.unit == "") & (rulings.forward_to == "")
    desk = needs_desk(found.border_distance, accuracy) | ownerless
    outcome = np.where(desk, "border_desk", np.where(inside, "located", answer.status)).astype(object)
    step = np.where(rulings.scope, "dispatched", "forwarded").astype(object)
    ids = [_ids(lv.ids, a.index) for lv, a in zip(locator.areas.levels, found.located.levels, strict=True)]
    return Decisions(
        release_id=locator.areas.release_id,
        located=found.located,
        area_id=np.stack(ids),
        border_distance=found.border_distance,
        confidence=confidence_of(found.border_distance, accuracy),
        rulings=rulings,
        rule_id=np.array([rule.id for rule in register.rules] + [0], dtype=np.int64)[rulings.rule],
        runner_up_area=_codes(areas.codes, found.near),
        outcome=outcome,
        state=np.where(outcome == "located", step, outcome),
    )


def _codes(codes: Objects, index: NDArray[np.int64]) -> Objects:
    return np.append(codes, "")[np.where(index >= 0, index, len(codes))]


def _ids(ids: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.append(ids, 0)[np.where(index >= 0, index, len(ids))]


def _finest(locator: Locator, located: Located) -> Objects:
    """The code of the finest area that each point lies in, '' for none."""
    out = np.full(len(located.levels[0].index), "", dtype=object)
    for level, answer in zip(locator.areas.levels, located.levels, strict=True):
        found = _codes(level.codes, answer.index)
        out = np.where(found != "", found, out)
    return out


def tell(evidence: Mapping[str, Any], *, language: str) -> str:
    """The evidence of one decision as a readable paragraph; texts in it are not escaped."""
    return _tell_zh(evidence) if language == "zh" else _tell_en(evidence)


def _tell_zh(e: Mapping[str, Any]) -> str:
    path = " › ".join(f"{a['name']}（{a['code']}）" if a["name"] else a["code"] for a in e["areas"])
    parts = [f"该点{f'位于{path}' if path else '不在任何区域内'}，{_release_zh(e)}。"]
    if e["border_distance_m"] is not None:
        parts.append(
            f"距最近的属地边界 {e['border_distance_m']:.1f} 米，定位精度 {e['accuracy_m']:g} 米（68 %），"
            f"误差圆约 {e['confidence']:.1%} 在边界这一侧。"
        )
    if e["on_border"]:
        parts.append("该点正好落在边界线上，按编码路径最小者取定。")
    parts.append(_ruling_zh(e))
    if e["runner_up_unit"]:
        parts.append(f"次选单位：{e['runner_up_unit_name']}。")
    if e["runner_up_area"]:
        parts.append(f"边界另一侧：{e['runner_up_area_name']}（{e['runner_up_area']}）。")
    return "".join(parts)


def _release_zh(e: Mapping[str, Any]) -> str:
    return f"依据边界版本 {e['release']}《{e['release_title']}》" if e["release"] else "当日没有生效的边界版本"


def _release_en(e: Mapping[str, Any]) -> str:
    return (
        f"by boundary release {e['release']} “{e['release_title']}”"
        if e["release"]
        else "for no release was in force that day"
    )


def _ruling_zh(e: Mapping[str, Any]) -> str:
    if e["outcome"] == "border_desk":
        lead = f"暂拟{e['unit_name']}，" if e["unit"] else ""
        return f"距边界小于定位精度，{lead}转边界席人工裁定。"
    if e["outcome"] in ("outside", "gap"):
        return (
            "该点不在本区范围内，无责任单位。"
            if e["outcome"] == "outside"
            else "该点落在边界数据的空隙中，须人工定位。"
        )
    if e["forward_to"]:
        return f"不在本系统职责范围内，转交{e['forward_to_name']}。"
    if e["rule"]:
        rule = f"按规则 {e['rule']}（{e['rule_reason']}）"
        return f"{rule}，类别“{e['category_name']}”由{e['unit_name']}主责；属地为{e['territory_unit_name']}。"
    return f"类别“{e['category_name']}”没有条线规则，按属地原则由{e['unit_name']}负责。"


def _tell_en(e: Mapping[str, Any]) -> str:
    path = " › ".join(f"{n} ({a['code']})" if (n := a["name_en"] or a["name"]) else a["code"] for a in e["areas"])
    parts = [f"The point lies in {path or 'no area'}, {_release_en(e)}."]
    if e["border_distance_m"] is not None:
        parts.append(
            f"The nearest territory border is {e['border_distance_m']:.1f} m away; the position is good to "
            f"{e['accuracy_m']:g} m (68 %), so about {e['confidence']:.1%} of the error area is on this side."
        )
    if e["on_border"]:
        parts.append("It lies exactly on a border; the lowest path of codes decided.")
    parts.append(_ruling_en(e))
    if e["runner_up_unit"]:
        parts.append(f"Next in line: {e['runner_up_unit_name_en']}.")
    if e["runner_up_area"]:
        parts.append(f"Across the border: {e['runner_up_area_name_en']} ({e['runner_up_area']}).")
    return " ".join(parts)


def _ruling_en(e: Mapping[str, Any]) -> str:
    if e["outcome"] == "border_desk":
        lead = f"{e['unit_name_en']} is proposed, but " if e["unit"] else ""
        return f"The border is nearer than the accuracy: {lead}a person at the border desk decides."
    if e["outcome"] == "outside":
        return "It is outside every area, so no unit answers."
    if e["outcome"] == "gap":
        return "It falls into a gap of the boundary data; a person has to place it."
    if e["forward_to"]:
        return f"It is outside the scope of this system and forwarded to {e['forward_to_name_en']}."
    if e["rule"]:
        rule = f"Rule {e['rule']} ({e['rule_reason_en']})"
        lead = f"{rule} gives category “{e['category_name_en']}” to {e['unit_name_en']}"
        return f"{lead}; the territory is {e['territory_unit_name_en']}'s."
    return f"No rule covers category “{e['category_name_en']}”, so the territory answers: {e['unit_name_en']}."
