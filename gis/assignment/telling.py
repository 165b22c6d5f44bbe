"""The evidence of one decision as a paragraph that ends a quarrel, in Chinese and in English. Texts are not escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["tell"]

Evidence = Mapping[str, Any]

_WORDS_ZH: Final = {"outside": "区外", "gap": "数据空隙"}
_WORDS_EN: Final = {"outside": "outside every area", "gap": "a gap of the boundary data"}


def tell(evidence: Evidence, *, language: str) -> str:
    """One paragraph: where the spot lies, how sure that is, what is around, who leads by what, who would be next."""
    return _tell_zh(evidence) if language == "zh" else _tell_en(evidence)


def _tell_zh(e: Evidence) -> str:
    path = " › ".join(f"{a['name']}（{a['code']}）" if a["name"] else a["code"] for a in e["areas"])
    release = f"依据边界版本 {e['release']}《{e['release_title']}》" if e["release"] else "当日没有生效的边界版本"
    parts = [f"该点{f'位于{path}' if path else '不在任何区域内'}，{release}。", _border_zh(e)]
    if named := [p["name"] for p in e["places"] if p["name"]]:
        parts.append(f"周边场所：{'、'.join(named)}。")
    parts.append(_parts_zh(e))
    parts.append(_ruling_zh(e))
    if e["assisting"]:
        parts.append(f"协办单位：{'、'.join(u['name'] for u in e['assisting'])}。")
    if e["runner_up_unit"]:
        parts.append(f"次选单位：{e['runner_up_unit_name']}。")
    if e["runner_up_area"]:
        parts.append(f"边界另一侧：{e['runner_up_area_name']}（{e['runner_up_area']}）。")
    return "".join(parts)


def _border_zh(e: Evidence) -> str:
    if e["border_distance_m"] is None:
        return ""
    told = (
        f"距最近的属地边界 {e['border_distance_m']:.1f} 米，"
        f"定位精度 {e['accuracy_m']:g} 米（{e['accuracy_level']:.0%}），"
        f"误差范围的 {e['confidence']:.1%} "
        + (
            "得出裁定前的结果。"
            if e["settled_by"] == "person"
            else f"得出{'同一责任单位' if _answered(e) else '这一结果'}。"
        )
    )
    if len(e["candidates"]) > 1:
        told += f"误差范围分布：{'；'.join(_candidate(c, 'name', _WORDS_ZH) for c in e['candidates'][:4])}。"
    return told + ("该点正好落在边界线上，按编码路径最小者取定区域。" if e["on_border"] else "")


def _parts_zh(e: Evidence) -> str:
    if e["part"]:
        keeper = f"，养护单位{e['part']['maintainer_name']}" if e["part"]["maintainer"] else ""
        how = "上报人指认的部件" if e["part_picked"] == e["part"]["code"] else "匹配的部件"
        return f"{how}：{e['part']['name']}（{e['part']['code']}）{keeper}。"
    if len(e["parts"]) > 1:
        listed = "；".join(f"{p['name']}（{p['code']}）{p['share']:.0%}" for p in e["parts"][:3])
        return f"可能的部件不止一个：{listed}。"
    return ""


def _ruling_zh(e: Evidence) -> str:
    lead = e["unit_name"] or e["forward_to_name"] or "无责任单位"
    if e["settled_by"] == "person":
        return f"经人工裁定，由{lead}负责，理由：{e['reason']}。"
    if e["outcome"] == "border_desk":
        proposed = f"暂拟{lead}，" if e["unit"] or e["forward_to"] else ""
        why = {
            "border": "该点在属地边界线上，边界线本身不能决定责任",
            "confidence": f"同一责任单位的份额低于 {e['threshold']:.0%}" if e["threshold"] else "距边界小于定位精度",
            "no_unit": "该区域没有登记责任单位",
            "returned": "案件已被第二次退回",
        }.get(e["desk_reason"], "距边界小于定位精度")
        return f"{why}，{proposed}转边界席人工裁定。"
    if e["outcome"] == "outside":
        return "该点不在本区范围内，无责任单位。"
    if e["outcome"] == "gap":
        return "该点落在边界数据的空隙中，须人工定位。"
    return _settled_zh(e)


def _settled_zh(e: Evidence) -> str:
    if e["forward_to"]:
        return f"不在本系统职责范围内，转交{e['forward_to_name']}。"
    category = f"类别“{e['category_name']}”"
    if e["precedent"]:
        return f"按先例 {e['precedent']}（{e['precedent_reason']}），{category}由{e['unit_name']}负责。"
    if e["rule"]:
        rule = f"按规则 {e['rule']}（{e['rule_reason']}）"
        return f"{rule}，{category}由{e['unit_name']}主责；属地为{e['territory_unit_name'] or '–'}。"
    return f"{category}没有条线规则，按属地原则由{e['unit_name']}负责。"


def _tell_en(e: Evidence) -> str:
    path = " › ".join(f"{n} ({a['code']})" if (n := a["name_en"] or a["name"]) else a["code"] for a in e["areas"])
    release = (
        f"by boundary release {e['release']} “{e['release_title']}”"
        if e["release"]
        else "for no release was in force that day"
    )
    parts = [f"The spot lies in {path or 'no area'}, {release}.", _border_en(e)]
    if named := [p["name_en"] or p["name"] for p in e["places"] if p["name"]]:
        parts.append(f"Around it: {', '.join(named)}.")
    parts += [_parts_en(e), _ruling_en(e)]
    if e["assisting"]:
        parts.append(f"Assisting: {', '.join(u['name_en'] for u in e['assisting'])}.")
    if e["runner_up_unit"]:
        parts.append(f"Next in line: {e['runner_up_unit_name_en']}.")
    if e["runner_up_area"]:
        parts.append(f"Across the border: {e['runner_up_area_name_en']} ({e['runner_up_area']}).")
    return " ".join(part for part in parts if part)


def _answered(e: Evidence) -> bool:
    return bool(e["unit"] or e["forward_to"])


def _border_en(e: Evidence) -> str:
    if e["border_distance_m"] is None:
        return ""
    told = (
        f"The nearest territory border is {e['border_distance_m']:.1f} m away; the position is good to "
        f"{e['accuracy_m']:g} m ({e['accuracy_level']:.0%}); {e['confidence']:.1%} of the error area "
        + (
            "gave the answer before the ruling."
            if e["settled_by"] == "person"
            else f"gives this {'unit' if _answered(e) else 'answer'}."
        )
    )
    if len(e["candidates"]) > 1:
        listed = "; ".join(_candidate(c, "name_en", _WORDS_EN) for c in e["candidates"][:4])
        told += f" The error area lies in: {listed}."
    return told + (" It lies exactly on a border; the lowest path of codes names the area." if e["on_border"] else "")


def _parts_en(e: Evidence) -> str:
    if e["part"]:
        keeper = f", kept by {e['part']['maintainer_name_en']}" if e["part"]["maintainer"] else ""
        how = "The reporter picked part" if e["part_picked"] == e["part"]["code"] else "It is taken for part"
        return f"{how} {e['part']['name']} ({e['part']['code']}){keeper}."
    if len(e["parts"]) > 1:
        listed = "; ".join(f"{p['name']} ({p['code']}) {p['share']:.0%}" for p in e["parts"][:3])
        return f"More than one part may be meant: {listed}."
    return ""


def _ruling_en(e: Evidence) -> str:
    lead = e["unit_name_en"] or e["forward_to_name_en"] or "no unit"
    if e["settled_by"] == "person":
        return f"A person ruled that {lead} answers, because: {e['reason']}."
    if e["outcome"] == "border_desk":
        proposed = f"{lead} is proposed, but " if e["unit"] or e["forward_to"] else ""
        why = {
            "border": "It is on a territory's border, and the tie settles no unit",
            "confidence": f"Less than {e['threshold']:.0%} of the error area gives one unit"
            if e["threshold"]
            else "The border is nearer than the accuracy",
            "no_unit": "No unit is registered for this area",
            "returned": "It was returned for the second time",
        }.get(e["desk_reason"], "The border is nearer than the accuracy")
        return f"{why}: {proposed}a person at the border desk decides."
    if e["outcome"] == "outside":
        return "It is outside every area, so no unit answers."
    if e["outcome"] == "gap":
        return "It falls into a gap of the boundary data; a person has to place it."
    return _settled_en(e)


def _settled_en(e: Evidence) -> str:
    if e["forward_to"]:
        return f"It is outside the scope of this system and forwarded to {e['forward_to_name_en']}."
    category = f"category “{e['category_name_en']}”"
    if e["precedent"]:
        return f"Precedent {e['precedent']} ({e['precedent_reason']}) gives {category} to {e['unit_name_en']}."
    if e["rule"]:
        rule = f"Rule {e['rule']} ({e['rule_reason_en']}) gives {category} to {e['unit_name_en']}"
        return f"{rule}; the territory is {e['territory_unit_name_en'] or 'nobody'}'s."
    return f"No rule covers {category}, so the territory answers: {e['unit_name_en']}."


def _candidate(c: Mapping[str, Any], name: str, words: Mapping[str, str]) -> str:
    area = words.get(c["area"]) or c[name] or c["area"]
    unit = c[f"unit_{name}"]
    return f"{area} {c['share']:.1%}" + (f"→{unit}" if unit and unit not in words else "")
