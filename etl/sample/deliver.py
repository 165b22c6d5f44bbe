"""Writing the releases as a Chinese survey office delivers them: GBK shapefiles and a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import shapely

from etl.sample.changes import Changed, change
from etl.sample.city import TOWN, City, build_city, divisions
from etl.sample.content import Content, Thing, furnish

__all__ = ["RELEASES", "SEED", "write_boundaries"]

SEED: Final = 320404
#: folder -> (document, title, first day)
RELEASES: Final = {
    "2025-01": ("钟勘测〔2025〕1号(SYNTHETIC)", "钟楼区单元网格普查成果 2025 (SYNTHETIC)", "2025-01-01"),
    "2026-07": ("钟勘测〔2026〕7号(SYNTHETIC)", "钟楼区单元网格更新成果 2026 (SYNTHETIC)", "2026-07-01"),
}
_CRS: Final = "EPSG:4549"


def write_boundaries(folder: Path, reference: Path, *, seed: int = SEED) -> None:
    """Write both releases below `folder` with the names of `reference`/divisions.csv; a seed gives the same bytes."""
    rng = np.random.Generator(np.random.PCG64(seed))
    city = build_city(divisions(reference), rng)
    content = furnish(city, rng)
    changed = change(city, rng)
    first = Changed(
        list(city.cell_codes), city.cells, city.communities, city.streets, dict(city.names), dict(city.names_en)
    )
    _write_release(folder / "2025-01", "2025-01", first, city, content, extra=True)
    _write_release(folder / "2026-07", "2026-07", changed, city, content, extra=False)


def _write_release(folder: Path, name: str, areas: Changed, city: City, content: Content, *, extra: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    layers = [_streets(folder, areas), _communities(folder, areas, content), _cells(folder, areas, city, name)]
    if extra:
        layers += _features(folder, content)
    (folder / "manifest.toml").write_text(_manifest(folder, name, layers), encoding="utf-8", newline="\n")


def _streets(folder: Path, areas: Changed) -> dict[str, Any]:
    codes = sorted(areas.streets)
    fields: dict[str, list[Any]] = {
        "DM": codes,
        "MC": [areas.names[c] for c in codes],
        "YWM": [areas.names_en.get(c, "") for c in codes],
        "SJDM": ["320404"] * len(codes),
        "MJ": [round(float(shapely.area(areas.streets[c])), 2) for c in codes],
    }
    _write(folder / "JD.shp", [areas.streets[c] for c in codes], fields)
    layer = _layer("street", "JD", {"code": "DM", "name": "MC", "name_en": "YWM", "parent": "SJDM"})
    return layer | {"no_children": [TOWN]}


def _communities(folder: Path, areas: Changed, content: Content) -> dict[str, Any]:
    codes = sorted(areas.communities)
    fields: dict[str, list[Any]] = {
        "DM": codes,
        "MC": [areas.names[c] for c in codes],
        "SJDM": [c[:9] for c in codes],
        "MJ": [round(float(shapely.area(areas.communities[c])), 2) for c in codes],
        "RK": [content.residents.get(c.replace("320404010", "320404007"), 3000) for c in codes],
        "BZ": [""] * len(codes),
    }
    _write(folder / "SQ.shp", [areas.communities[c] for c in codes], fields)
    return _layer("community", "SQ", {"code": "DM", "name": "MC", "parent": "SJDM", "residents": "RK"})


def _cells(folder: Path, areas: Changed, city: City, name: str) -> dict[str, Any]:
    order = sorted(range(len(areas.cell_codes)), key=lambda i: areas.cell_codes[i])
    codes = [areas.cell_codes[i] for i in order]
    known = set(city.cell_codes)
    day = RELEASES[name][2].replace("-", "")
    fields: dict[str, list[Any]] = {
        "DM": codes,
        "SJDM": [c[:12] for c in codes],
        "MJ": [round(float(shapely.area(areas.cells[i])), 2) for i in order],
        "CSSJ": ["20250101" if c in known else day for c in codes],
    }
    _write(folder / "WG.shp", [areas.cells[i] for i in order], fields)
    # As it happens in practice: one layer comes without its .cpg.
    (folder / "WG.cpg").unlink()
    return _layer("cell", "WG", {"code": "DM", "parent": "SJDM"})


def _features(folder: Path, content: Content) -> list[dict[str, Any]]:
    listed: Sequence[tuple[str, str, list[Thing], str]] = (
        ("road", "DL", content.roads, "LX"),
        ("river", "HD", content.rivers, "LX"),
        ("land_use", "YD", content.land, "LX"),
        ("market", "SC", content.markets, "LX"),
        ("compound", "XQ", content.compounds, "LX"),
        ("building_site", "GD", content.building_sites, "LX"),
        ("urban_village", "CZC", content.urban_villages, "LX"),
        ("landmark", "DB", content.landmarks, "LX"),
    )
    out: list[dict[str, Any]] = []
    for level, file, things, kind in listed:
        fields: dict[str, list[Any]] = {
            "DM": [t.code for t in things],
            "MC": [t.name for t in things],
            "YWM": [t.name_en for t in things],
            kind: [t.kind for t in things],
        }
        names = {"code": "DM", "name": "MC", "name_en": "YWM", "class": kind}
        if level == "road":
            fields["KD"] = [t.width_m for t in things]
            names["width_m"] = "KD"
        _write(folder / f"{file}.shp", [t.geometry for t in things], fields)
        out.append(_layer(level, file, names))
    return out


def _layer(level: str, file: str, fields: Mapping[str, str]) -> dict[str, Any]:
    return {"level": level, "file": f"{file}.shp", "fields": fields}


def _write(path: Path, geometry: Sequence[Any], fields: Mapping[str, Sequence[Any]]) -> None:
    shapes = np.array(list(geometry), dtype=object)
    kinds = set(shapely.get_type_id(shapes).tolist())
    if kinds <= {1, 5}:
        kind = "LineString"
    elif kinds == {0}:
        kind = "Point"
    else:
        kind = "Polygon"
    columns = [np.array(list(v), dtype=object if isinstance(v[0], str) else None) for v in fields.values()]
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(shapes),
        field_data=columns,
        fields=list(fields),
        geometry_type=kind,
        crs=_CRS,
        driver="ESRI Shapefile",
        encoding="GBK",
        # Without it GDAL writes today's date into the header and no two runs are alike.
        layer_options={"DBF_DATE_LAST_UPDATE": "2025-01-01"},
    )


def _manifest(folder: Path, name: str, layers: Sequence[Mapping[str, Any]]) -> str:
    document, title, first_day = RELEASES[name]
    lines = [
        "[release]",
        f'title = "{title}"',
        f'document = "{document}"',
        'source = "SYNTHETIC: made by `gridward sample boundaries`; names and codes are real, every line is invented"',
        'licence = "CC0-1.0"',
        "synthetic = true",
        f"valid_from = {first_day}",
        "line_accuracy_m = 0.5",
    ]
    for layer in layers:
        stem = Path(layer["file"]).stem
        sums = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob(f"{stem}.*"))}
        lines += ["", "[[layer]]", f'level = "{layer["level"]}"', f'file = "{layer["file"]}"', 'scope = "full"']
        lines += [f'crs = "{_CRS}"', 'encoding = "GBK"']
        lines.append("fields = { " + ", ".join(f'{k} = "{v}"' for k, v in layer["fields"].items()) + " }")
        if "no_children" in layer:
            lines.append("no_children = [" + ", ".join(f'"{c}"' for c in layer["no_children"]) + "]")
        lines.append("[layer.sha256]")
        lines += [f'"{n}" = "{s}"' for n, s in sums.items()]
    return "\n".join(lines) + "\n"
