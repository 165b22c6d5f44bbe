"""The map packet of a case: what goes with it to the border desk, readable without this system."""

from __future__ import annotations

import html
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely

from gis.analysis.sketch import Sketch
from gis.crs import from_working
from gis.errors import BadOption
from gis.rights import ALL
from gis.rulings import RETURN_REASONS
from gis.services.cases import case as case_page
from gis.services.desk import NEAR_M, past_rulings, returns_of
from gis.services.platform import Platform
from gis.services.worlds import features_of

__all__ = ["packet", "write_packet"]

_HALF_M: Final = 200.0  #: half the side of the map


def write_packet(p: Platform, no: str, output: str) -> list[str]:
    """Write the packet into a folder or, by its ending, a .zip; returns the names of its files."""
    path = Path(output)
    zipped = path.suffix.lower() == ".zip"
    with _usable(output):
        if path.is_dir() if zipped else path.exists() and not path.is_dir():
            raise BadOption(
                f"-o is {output!r}, which is a {'folder' if zipped else 'file'} already; give another name."
            )
        if not path.absolute().parent.is_dir():
            raise BadOption(f"-o is {output!r}, but the folder it is to lie in does not exist; make it first.")
    files = packet(p, no)
    with _usable(output):
        _write(path, files, zipped=zipped)
    return list(files)


@contextmanager
def _usable(output: str) -> Iterator[None]:
    """What the system says against a path, as a BadOption."""
    if not output:
        raise BadOption("-o is empty; give a folder or a .zip to write.")
    try:
        yield
    except OSError as fault:
        raise BadOption(f"-o is {output!r}, which cannot be written: {fault.strerror}; give another name.") from None


def _write(path: Path, files: Mapping[str, str], *, zipped: bool) -> None:
    if zipped:
        part = path.with_name(f".{path.name}.part")
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, text in files.items():
                    archive.writestr(name, text)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    else:
        path.mkdir(exist_ok=True)
        for name, text in files.items():
            (path / name).write_text(text, encoding="utf-8")


def packet(p: Platform, no: str) -> dict[str, str]:
    """Name -> text: packet.html (facts, reasons and map on one page), map.svg, areas.geojson."""
    page = case_page(p, no, rights=ALL)
    evidence = page.why.evidence if page.why else {}
    shapes = _shapes(p, evidence)
    drawing = _drawn(shapes, evidence)
    return {
        "packet.html": _page(p, page, drawing),
        "map.svg": drawing,
        "areas.geojson": json.dumps(_geojson(p, shapes), ensure_ascii=False),
    }


def _shapes(p: Platform, evidence: Any) -> list[dict[str, Any]]:
    """What lies around the spot: territories, roads and other places, precedents, the error, the spot; working CRS."""
    x, y = evidence["x"], evidence["y"]
    frame = shapely.box(x - _HALF_M, y - _HALF_M, x + _HALF_M, y + _HALF_M)
    out: list[dict[str, Any]] = []
    with p.store.begin(ALL) as connection:
        locator = p.locator_of(connection, evidence["release"])
        level = next(v for v in locator.areas.levels if v.level == p.place.unit_level)
        features = features_of(p, connection, evidence["release"])
        held = p.register(connection).precedents
    for i in np.flatnonzero(shapely.intersects(level.geometry, frame)).tolist():
        out.append(_shape("territory", level.codes[i], level.names[i], level.geometry[i] & frame))
    for f in features:
        if f.name and f.geometry.geom_type != "Point" and f.geometry.intersects(frame):
            out.append(_shape(f.layer, f"{f.layer}:{f.code}", f.name, f.geometry & frame))
    for q in held:
        if q.ground.intersects(frame):
            out.append(_shape("precedent", str(q.id), q.reason, q.ground & frame))
    spot = shapely.Point(x, y)
    out.append(_shape("error", "", f"{evidence['accuracy_m']:g} m", spot.buffer(evidence["accuracy_m"]) & frame))
    out.append(_shape("spot", "", "", spot))
    return out


def _shape(kind: str, code: str, name: str, geometry: Any) -> dict[str, Any]:
    return {"kind": kind, "code": code, "name": name, "geometry": geometry}


def _drawn(shapes: list[dict[str, Any]], evidence: Any) -> str:
    x, y = evidence["x"], evidence["y"]
    sketch = Sketch((x - _HALF_M, y - _HALF_M, x + _HALF_M, y + _HALF_M))
    for shape in shapes:
        if shape["kind"] in ("error", "spot"):
            continue
        sketch.add(shape["kind"], shape["geometry"], shape["name"] or shape["code"])
    # The borders once more, for what lies on the ground must not hide what the quarrel is about.
    for shape in shapes:
        if shape["kind"] == "territory":
            sketch.add("territory", shapely.boundary(shape["geometry"]))
        elif shape["kind"] in ("error", "spot"):
            sketch.add(shape["kind"], shape["geometry"])
    return sketch.svg()


def _geojson(p: Platform, shapes: list[dict[str, Any]]) -> dict[str, Any]:
    def outward(xy: Any) -> Any:
        lon, lat = from_working(xy[:, 0], xy[:, 1], working=p.place.crs, crs="EPSG:4326")
        return np.column_stack([lon, lat])

    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {name: shape[name] for name in ("kind", "code", "name")},
                "geometry": json.loads(shapely.to_geojson(shapely.transform(shape["geometry"], outward))),
            }
            for shape in shapes
        ],
    }


def _page(p: Platform, page: Any, drawing: str) -> str:
    """One page that prints on one sheet; every text that a person wrote is escaped."""
    row = page.row
    facts = [
        ("案件 Case", row.no),
        ("类别 Category", f"{row.category_zh} / {row.category_en} ({row.category})"),
        ("上报内容 What was said", row.description or "–"),
        ("时间 Received", f"{row.received_at:%Y-%m-%d %H:%M}"),
        ("位置 Position", f"{row.lon:.6f}, {row.lat:.6f} (WGS 84)"),
    ]
    listed = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts)
    why = page.why
    reasons = f"<p>{html.escape(why.text_zh)}</p><p>{html.escape(why.text_en)}</p>" if why else ""
    return _SHEET.format(
        title=html.escape(row.no),
        facts=listed,
        reasons=reasons,
        returns=_list(_returns(p, row.no)),
        rulings=_list(_rulings(p, row.no)),
        near=f"{NEAR_M:g}",
        map=drawing,
    )


def _returns(p: Platform, no: str) -> list[str]:
    return [
        f"{r.nth}. {r.at.astimezone(p.place.zone):%Y-%m-%d %H:%M} {r.unit} ({r.by}): "
        f"{RETURN_REASONS[r.reason_code].zh} / {RETURN_REASONS[r.reason_code].en}; {r.evidence}"
        + (f" → {r.proposed}" if r.proposed else "")
        for r in returns_of(p, no)
    ]


def _rulings(p: Platform, no: str) -> list[str]:
    return [
        f"{r.distance:.0f} m · {r.at:%Y-%m-%d} · {r.case}: {r.from_unit or '–'} → {r.unit} ({r.by}): {r.reason}"
        for r in past_rulings(p, no)
    ]


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>" if lines else "<p>–</p>"


_SHEET: Final = """<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 14px/1.5 system-ui, "Noto Sans CJK SC", "WenQuanYi Zen Hei", sans-serif; }}
body {{ max-width: 52em; margin: 1em auto; padding: 0 1em; }}
dl {{ display: grid; grid-template-columns: 14em 1fr; gap: .2em 1em; }} dt {{ color: #555; }} dd {{ margin: 0; }}
svg {{ max-width: 100%; height: auto; border: 1px solid #999; }} h2 {{ font-size: 16px; margin: 1.2em 0 .3em; }}
@media print {{ body {{ margin: 0; font-size: 12px; }} }}
</style></head><body>
<h1>{title}</h1><dl>{facts}</dl>
<h2>为什么 Why</h2>{reasons}
<h2>退回记录 Returns</h2>{returns}
<h2>附近裁定（{near} 米内） Rulings near by</h2>{rulings}
<h2>地图 Map</h2>{map}
</body></html>
"""
