"""A small town, drawn in characters: each letter is a cell of 100 m by 100 m, equal letters are one community.

    a a b b c c      a b d   street 1, 东街 320404001
    a a b b c c      c e     street 2, 西街 320404002
    d d b . c c      z       北镇 320404116: communities, no cells, outside the scope
    d d e e z z      .       nobody's: a gap in the coverage

The lower left corner is E 493 000, N 3 517 000 in EPSG:4549, so the gap's middle is E 493 350, N 3 517 150.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import shapely

from gis.areas import AreaSet, DeliveredLayer, Delivery, Feature, LevelAreas, ReleaseFacts, paths_of

DRAWING = """
aabbcc
aabbcc
ddb.cc
ddeezz
"""
STREETS: Mapping[str, str] = {
    "a": "320404001",
    "b": "320404001",
    "d": "320404001",
    "c": "320404002",
    "e": "320404002",
    "z": "320404116",
}
NAMES = {"320404001": "东街", "320404002": "西街", "320404116": "北镇"}
EAST, NORTH, SIDE = 493000.0, 3517000.0, 100.0
FIRST_DAY = date(2025, 1, 1)


def square(column: int, row: int, rows: int) -> shapely.Polygon:
    x, y = EAST + column * SIDE, NORTH + (rows - 1 - row) * SIDE
    return shapely.box(x, y, x + SIDE, y + SIDE)


def at(column: float, row: float, rows: int = 4) -> tuple[float, float]:
    """Working coordinates of a spot of the drawing; at(0.5, 0.5) is the middle of the upper left cell."""
    return EAST + column * SIDE, NORTH + (rows - row) * SIDE


def layers(drawing: str = DRAWING, streets: Mapping[str, str] = STREETS) -> tuple[DeliveredLayer, ...]:
    """Street, community and cell layers of a drawing."""
    lines = drawing.split()
    cells: dict[str, list[shapely.Polygon]] = {}
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            if letter != ".":
                cells.setdefault(letter, []).append(square(column, row, len(lines)))
    letters = sorted(cells)
    community = {letter: streets[letter] + f"{ord(letter) - 96:03d}" for letter in letters}
    town = {letter for letter in letters if streets[letter] == "320404116"}
    cell_rows = [
        (community[k] + f"{i + 1:03d}", "", community[k], ground)
        for k in letters
        if k not in town
        for i, ground in enumerate(cells[k])
    ]
    community_rows = [(community[k], f"{k}社区", streets[k], shapely.coverage_union_all(cells[k])) for k in letters]
    street_rows = []
    for code in sorted({streets[k] for k in letters}):
        ground = shapely.coverage_union_all([g for *_, street, g in community_rows if street == code])
        street_rows.append((code, NAMES.get(code, code), "320404", ground))
    childless = {community[k] for k in town}
    return (
        _layer("street", street_rows, {code for code, *_ in street_rows}),
        _layer("community", community_rows, set(community.values()) - childless),
        _layer("cell", cell_rows, set()),
    )


def _layer(level: str, rows: list[tuple[str, str, str, shapely.Geometry]], with_children: set[str]) -> DeliveredLayer:
    codes = np.array([row[0] for row in rows], dtype=object)
    return DeliveredLayer(
        level=level,
        scope="full",
        codes=codes,
        names=np.array([row[1] for row in rows], dtype=object),
        names_en=np.array([""] * len(rows), dtype=object),
        parents=np.array([row[2] for row in rows], dtype=object),
        residents=np.full(len(rows), np.nan),
        has_children=np.array([code in with_children for code in codes]),
        geometry=np.array(
            [shapely.multipolygons([g] if g.geom_type == "Polygon" else shapely.get_parts(g)) for *_, g in rows],
            dtype=object,
        ),
    )


FACTS = ReleaseFacts("小镇 SYNTHETIC", "镇测〔2025〕1号", "drawn by hand", "CC0-1.0", True, 0.5)
FEATURES = (
    Feature("road", "R1", "长江路", "Changjiang Road", "主干路", 24.0, shapely.LineString([at(0, 2), at(6, 2)])),
    Feature("landmark", "L1", "钟楼小学", "Zhonglou School", "学校", None, shapely.Point(at(0.5, 0.5))),
    Feature("river", "V1", "小河", "Little River", "河流", None, shapely.box(*at(4, 4), *at(6, 3.9))),
)


def delivery(
    drawing: str = DRAWING,
    *,
    valid_from: date = FIRST_DAY,
    streets: Mapping[str, str] = STREETS,
    features: tuple[Feature, ...] = FEATURES,
) -> Delivery:
    digest = hashlib.sha256(f"{drawing}{valid_from}{sorted(streets.items())}".encode()).hexdigest()
    return Delivery(FACTS, valid_from, layers(drawing, streets), features, digest)


def area_set(drawing: str = DRAWING) -> AreaSet:
    """The drawing as a locator takes it, without a database; ids are positions from 1 over all levels."""
    delivered = layers(drawing)
    paths = paths_of([(list(layer.codes), list(layer.parents)) for layer in delivered])
    out, above, start = [], {}, 1
    for layer, path in zip(delivered, paths, strict=True):
        order = np.argsort(np.array(path, dtype=object))
        codes = layer.codes[order]
        out.append(
            LevelAreas(
                level=layer.level,
                ids=np.arange(start, start + len(codes)),
                codes=codes,
                names=layer.names[order],
                names_en=layer.names_en[order],
                paths=np.array(path, dtype=object)[order],
                parent_index=np.array([above.get(p, -1) for p in layer.parents[order]], dtype=np.int64),
                has_children=layer.has_children[order],
                area_m2=shapely.area(layer.geometry[order]),
                geometry=layer.geometry[order],
            )
        )
        above = {code: i for i, code in enumerate(codes)}
        start += len(codes)
    return AreaSet(release_id=1, levels=tuple(out))


def _register(text: str) -> pd.DataFrame:
    lines = [line.strip().split(",") for line in text.strip().splitlines()]
    frame = pd.DataFrame(lines[1:], columns=lines[0])
    frame["valid_to"] = frame["valid_to"].where(frame["valid_to"] != "", None)
    return frame


UNITS = _register("""
    code,name,name_en,kind,contact,valid_from,valid_to
    S1,东街街道,East Street,street,,2000-01-01,
    S2,西街街道,West Street,street,,2000-01-01,
    D1,农林局,Agriculture Bureau,department,,2000-01-01,
    X1,北镇,North Town,external,,2000-01-01,
""")
TERRITORIES = _register("""
    unit,area_code,valid_from,valid_to
    S1,320404001,2000-01-01,
    S2,320404002,2000-01-01,
    X1,320404116,2000-01-01,
""")
CATEGORIES = _register("""
    scheme,code,parent,name,name_en,kind,sensitive,valid_from,valid_to
    seed,01,,日常保洁管理,daily cleaning,event,0,2000-01-01,
    seed,0101,01,暴露垃圾,exposed rubbish,event,0,2000-01-01,
    seed,05,,市区河道管理,urban rivers,event,0,2000-01-01,
    seed,0501,05,水域不洁,dirty water,event,0,2000-01-01,
""")
RULES = _register("""
    code,ord,category,area,unit,reason,reason_en,valid_from,valid_to
    R05,10,05,,D1,河道由农林局主管,rivers belong to the bureau,2000-01-01,
""")


def write_delivery(
    folder: Path, drawing: str = DRAWING, *, crs: str = "EPSG:4549", encoding: str = "GBK", valid_from: date = FIRST_DAY
) -> Path:
    """The drawing as a survey office delivers it: shapefiles and a manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "[release]",
        'title = "小镇 SYNTHETIC"',
        'document = "镇测〔2025〕1号"',
        'source = "drawn by hand"',
        'licence = "CC0-1.0"',
        "synthetic = true",
        f"valid_from = {valid_from}",
        "line_accuracy_m = 0.5",
    ]
    for layer, name in zip(layers(drawing), ("JD", "SQ", "WG"), strict=True):
        pyogrio.raw.write(
            folder / f"{name}.shp",
            geometry=shapely.to_wkb(layer.geometry),
            field_data=[layer.codes, layer.names, layer.parents],
            fields=["DM", "MC", "SJDM"],
            geometry_type="MultiPolygon",
            crs=crs,
            driver="ESRI Shapefile",
            encoding=encoding,
        )
        lines += [
            "[[layer]]",
            f'level = "{layer.level}"',
            f'file = "{name}.shp"',
            'scope = "full"',
            f'crs = "{crs}"',
            f'encoding = "{encoding}"',
        ]
        lines.append('fields = { code = "DM", name = "MC", parent = "SJDM" }')
        if layer.level == "street":
            lines.append('no_children = ["320404116"]')
        sums = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob(f"{name}.*"))}
        lines.append("sha256 = { " + ", ".join(f'"{n}" = "{s}"' for n, s in sums.items()) + " }")
    (folder / "manifest.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
