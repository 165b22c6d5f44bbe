"""Any city works by configuration alone: another CRS, other levels, another language first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import shapely

from etl.delivery import check_delivery
from etl.reports import Columns, ReportFile, Reports
from gis.acts import Act
from gis.areas import Delivery
from gis.cases import CaseFilter
from gis.crs import from_working
from gis.errors import SettingsFault
from gis.rights import ALL
from gis.services import boundaries, cases, casework, locating, maps, views
from gis.services.platform import Platform, open_platform
from gis.services.schema import migrate
from gis.settings import Settings
from gis.store.cluster import Cluster
from webmap import create_app

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 2)
PLACE = """
name = "Riverton"
code = "RV"
crs = "EPSG:32633"
timezone = "Europe/Berlin"
languages = ["en", "zh"]
extent = [14.9, 51.9, 15.2, 52.1]
unit_level = "ward"
[default_accuracy_m]
public = 10
[[level]]
name = "ward"
code = 'W\\d+'
[[level]]
name = "precinct"
code = 'P\\d+'
"""


@pytest.fixture(scope="module")
def riverton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    home = tmp_path_factory.mktemp("riverton")
    (home / "place.toml").write_text(PLACE, encoding="utf-8")
    settings = Settings(home, home / "place.toml")
    cluster = Cluster.of(settings)
    cluster.up()
    try:
        assert migrate(settings)
        assert migrate(settings) == []
        platform = open_platform(settings)
        wake(platform, home / "delivery")
        yield platform
        platform.close()
    finally:
        cluster.down()
        cluster.remove()


def wake(platform: Platform, folder: Path) -> None:
    """Two wards of two precincts each, 1 km squares, delivered as UTF-8 shapefiles."""
    squares = shapely.box(
        [500000, 501000, 500000, 501000],
        [5761000, 5761000, 5760000, 5760000],
        [501000, 502000, 501000, 502000],
        [5762000, 5762000, 5761000, 5761000],
    )
    wards = [shapely.union_all(squares[[0, 2]]), shapely.union_all(squares[[1, 3]])]
    layers = (
        ("ward", ["W1", "W2"], ["", ""], wards),
        ("precinct", ["P1", "P2", "P3", "P4"], ["W1", "W2", "W1", "W2"], list(squares)),
    )
    delivery = check_delivery(write(folder, layers), platform.place).require_clean({})
    assert isinstance(delivery, Delivery)
    release = boundaries.stage(platform, delivery, by="t", now=NOW).release_id
    boundaries.approve(platform, release, by="approver", now=NOW)
    boundaries.activate(platform, release, by="t", now=NOW)


def write(folder: Path, layers: tuple[tuple[str, list[str], list[str], list[shapely.Geometry]], ...]) -> Path:
    import hashlib

    import numpy as np
    import pyogrio

    folder.mkdir()
    lines = [
        "[release]",
        'title = "t"',
        'document = "1"',
        'source = "s"',
        "valid_from = 2025-01-01",
        "line_accuracy_m = 1",
    ]
    for level, codes, parents, geometry in layers:
        fields = [
            np.array(codes, dtype=object),
            np.array([f"Área {c}" for c in codes], dtype=object),
            np.array(parents, dtype=object),
        ]
        pyogrio.raw.write(
            folder / f"{level}.shp",
            geometry=shapely.to_wkb(geometry),
            field_data=fields,
            fields=["C", "N", "P"],
            geometry_type="Polygon",
            crs="EPSG:32633",
            driver="ESRI Shapefile",
            encoding="UTF-8",
        )
        sums = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob(f"{level}.*")}
        lines += [
            "[[layer]]",
            f'level = "{level}"',
            f'file = "{level}.shp"',
            'crs = "EPSG:32633"',
            'encoding = "UTF-8"',
        ]
        lines += [
            'fields = { code = "C", name = "N", parent = "P" }',
            "[layer.sha256]",
            *(f'"{n}" = "{s}"' for n, s in sums.items()),
        ]
    (folder / "manifest.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_city_of_two_levels_locates_loads_counts_and_shows(riverton: Platform, tmp_path: Path) -> None:
    lon, lat = from_working(
        [500500.0, 501500.0, 500999.0], [5761500.0, 5760500.0, 5761500.0], working="EPSG:32633", crs="EPSG:4326"
    )
    answer = locating.locate(riverton, float(lon[0]), float(lat[0]), crs="EPSG:4326", at=TODAY, accuracy=5.0)
    assert [(name, level["code"], level["name"]) for name, level in answer["levels"].items()] == [
        ("ward", "W1", "Área W1"),
        ("precinct", "P1", "Área P1"),
    ]
    path = tmp_path / "r.csv"
    path.write_text("lon,lat,acc\n" + "".join(f"{x},{y},10\n" for x, y in zip(lon, lat, strict=True)))
    file = ReportFile(path, Columns("lon", "lat", accuracy="acc"), "EPSG:4326")
    batches = Reports(file, place=riverton.place, now=NOW).batches()
    outcome = casework.load_many(riverton, batches, namespace="r", act=Act("t", NOW))
    # no unit has these wards as its territory yet: a person at the desk decides, nothing is lost
    assert outcome.stored == {"located": 0, "outside": 0, "gap": 0, "border_desk": 3}
    assert cases.export_columns(riverton)[7:9] == ["precinct", "ward"]
    assert len(list(cases.export(riverton, rights=ALL))) == 3
    counts = views.area_counts(riverton, CaseFilter(), level="precinct", rights=ALL, today=TODAY)
    assert sorted((a.code, a.n) for a in counts.areas) == [("P1", 2), ("P2", 0), ("P3", 0), ("P4", 1)]
    assert views.ranked_places(riverton, CaseFilter(), limit=5, rights=ALL, today=TODAY)[0].n == 2
    assert maps.area_shapes(riverton, level="ward", zoom=12, bbox=None, today=TODAY).count(b'"Feature"') == 2
    no = cases.cases(riverton, CaseFilter(), limit=1, after=None, rights=ALL, today=TODAY)[0].no
    assert "None" not in cases.why(riverton, no, rights=ALL).text_en


def test_its_pages_open_in_its_first_language(riverton: Platform) -> None:
    client = create_app(riverton.settings, open_to_all=True, platform=riverton).test_client()
    for address in (
        "/",
        "/cases",
        "/api/v1/counts?level=ward",
        "/api/v1/areas?level=precinct&zoom=12",
        "/api/v1/places",
        "/api/v1/density?zoom=12",
    ):
        response = client.get(address)
        assert response.status_code == 200, (address, response.get_data(as_text=True)[:300])
    assert '<html lang="en"' in client.get("/").get_data(as_text=True)


def test_one_database_is_one_place(riverton: Platform) -> None:
    other = riverton.settings.home / "other.toml"
    other.write_text(PLACE.replace('code = "RV"', 'code = "XX"', 1), encoding="utf-8")
    stranger = open_platform(Settings(riverton.settings.home, other))
    with pytest.raises(SettingsFault, match="two places are two databases"):
        stranger.ping()
    stranger.close()
