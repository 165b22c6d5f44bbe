"""Maps without the network: every link is a file of ours, every text is harmless."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import folium
import pytest
from branca.colormap import linear

import webmap
from gis.errors import SystemFault
from webmap.maps.assets import VENDORED, modules, refuse_foreign
from webmap.maps.compose import planner_map
from webmap.maps.local import LocalMap, Piece

STATIC = Path(webmap.__file__).parent / "static"
BOUNDS = (119.9, 31.7, 120.0, 31.8)
LEVELS = ("street", "community", "cell")


def blank() -> LocalMap:
    return LocalMap("planner", label="map", center=(31.7, 119.9), zoom=12)


def test_the_planners_map_asks_for_leaflet_and_heat_alone() -> None:
    parts = planner_map(label="map", bounds=BOUNDS, api="/api/v1", levels=LEVELS, squares=True)
    assert parts.scripts == ("vendor/leaflet/leaflet.js", "vendor/leaflet.heat/leaflet_heat.min.js")
    assert parts.styles == ("vendor/leaflet/leaflet.css",)


def test_every_vendored_file_is_there_and_is_what_the_list_says() -> None:
    listed = dict(re.findall(r"^\| `([^`]+)` \| ([0-9a-f]{64}) \|$", (STATIC / "vendor/README.md").read_text(), re.M))
    found = {
        path.relative_to(STATIC / "vendor").as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (STATIC / "vendor").rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert listed == found
    assert all((STATIC / file).is_file() for file in VENDORED.values())


def test_our_own_files_name_no_other_host() -> None:
    for path in [*STATIC.glob("js/*"), *STATIC.glob("css/*")]:
        assert re.findall(r"https?://|//[a-z0-9.-]+\.[a-z]{2,}/", path.read_text(encoding="utf-8")) == [], path.name


def test_every_module_is_named_in_the_head() -> None:
    imported = {name for file in modules() for name in re.findall(r'from "\./([\w.]+)"', (STATIC / file).read_text())}
    assert {f"js/{name}" for name in imported} <= set(modules())


@pytest.mark.parametrize(
    "addition", [folium.plugins.Draw(), linear.viridis, folium.plugins.MarkerCluster()], ids=lambda a: type(a).__name__
)
def test_a_plugin_that_is_not_vendored_stops_the_page(addition: object) -> None:
    map_ = blank()
    map_.add_child(addition)
    with pytest.raises(SystemFault, match="not on this disk"):
        map_.parts()


def test_tiles_of_another_host_stop_the_page() -> None:
    with pytest.raises(SystemFault, match=r"tile\.example\.org"):
        refuse_foreign('<img src="//tile.example.org/1/2/3.png">')


def test_a_hostile_name_stays_text_in_the_map() -> None:
    evil = '</script><script>alert(1)</script>" onload="x'
    map_ = LocalMap("planner", label=evil, center=(31.7, 119.9), zoom=12)
    map_.add_child(Piece(name=evil))
    parts = map_.parts()
    assert "<script" not in parts.script + parts.html
    assert "</script" not in parts.script
    assert 'onload="x' not in parts.html


def test_the_public_map_has_no_squares() -> None:
    parts = planner_map(label="map", bounds=BOUNDS, api="/api/v1", levels=LEVELS, squares=False)
    assert "gridward.Grid" not in parts.script
    assert "leaflet_heat" not in "".join(parts.scripts)
