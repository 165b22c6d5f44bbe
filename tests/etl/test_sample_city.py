"""The sample district: the same bytes on every run, an exact coverage, the changes it promises."""

from __future__ import annotations

import csv
import filecmp
from pathlib import Path

import pandas as pd
import pytest
import shapely
from conftest import PLACE_FILE, ROOT

from etl.delivery import check_delivery
from etl.sample import write_boundaries, write_year
from etl.sample.changes import CHANGES
from gis.areas import DeliveredLayer, Delivery
from gis.crs import gcj02_to_wgs84, to_working
from gis.place import read_place
from gis.rules import FROM_PART

DATA = ROOT / "data"
PLACE = read_place(PLACE_FILE)


@pytest.fixture(scope="module")
def releases() -> dict[str, Delivery]:
    folders = sorted((DATA / "boundaries/zhonglou").glob("*/manifest.toml"))
    checked = {path.parent.name: check_delivery(path.parent, PLACE) for path in folders}
    for name, found in checked.items():
        assert found.findings == (), name
    return {name: found.require_clean({}) for name, found in checked.items()}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("year")
    write_year(folder, DATA)
    return folder


def layer(releases: dict[str, Delivery], name: str, level: str) -> DeliveredLayer:
    return next(found for found in releases[name].layers if found.level == level)


def test_generating_anew_gives_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    write_boundaries(tmp_path, DATA / "reference")
    for release in ("2025-01", "2026-07"):
        names = sorted(path.name for path in (tmp_path / release).iterdir())
        assert names == sorted(path.name for path in (DATA / "boundaries/zhonglou" / release).iterdir())
        _, differ, errors = filecmp.cmpfiles(
            tmp_path / release, DATA / "boundaries/zhonglou" / release, names, shallow=False
        )
        assert (differ, errors) == ([], [])


@pytest.mark.parametrize("name", ["2025-01", "2026-07"])
def test_cells_are_an_exact_coverage_of_seven_streets(releases: dict[str, Delivery], name: str) -> None:
    cells, streets = layer(releases, name, "cell"), layer(releases, name, "street")
    area = shapely.area(cells.geometry)
    assert shapely.coverage_is_valid(cells.geometry)
    assert 6800 <= len(cells) <= 7300
    assert 60e6 < area.sum() < 80e6
    assert 9000 < area.mean() < 11000
    assert len(streets) == 8
    seven = [g for g, code in zip(streets.geometry, streets.codes, strict=True) if code != "320404116"]
    assert abs(shapely.area(shapely.union_all(seven)) - area.sum()) < 0.01


def test_no_cell_is_a_box(releases: dict[str, Delivery]) -> None:
    cells = layer(releases, "2025-01", "cell").geometry
    boxes = shapely.area(cells) / shapely.area(shapely.minimum_rotated_rectangle(cells))
    assert (boxes > 0.99).mean() == 0
    assert shapely.get_num_coordinates(cells).mean() > 10


def test_names_and_codes_are_the_real_ones(releases: dict[str, Delivery]) -> None:
    rows = {
        row["code"]: row["name"]
        for row in csv.DictReader((DATA / "reference/divisions.csv").read_text(encoding="utf-8").splitlines())
    }
    for level in ("street", "community"):
        found = layer(releases, "2025-01", level)
        assert all(rows[code] == name for code, name in zip(found.codes, found.names, strict=True))


def test_release_two_holds_each_kind_of_change(releases: dict[str, Delivery]) -> None:
    old, new = (layer(releases, name, "community") for name in ("2025-01", "2026-07"))
    before, after = dict(zip(old.codes, old.names, strict=True)), dict(zip(new.codes, new.names, strict=True))
    assert {"320404007"} == {c[:9] for c in before if c.startswith("3204040") and c[:9] not in {d[:9] for d in after}}
    assert sum(code.startswith(CHANGES["recoded"][1]) for code in after) == sum(
        code.startswith(CHANGES["recoded"][0]) for code in before
    )
    assert CHANGES["split"][1] in after
    assert CHANGES["split"][1] not in before
    assert CHANGES["merged"][1] in before
    assert CHANGES["merged"][1] not in after
    assert before["320404005009"] != after["320404005009"] == CHANGES["renamed"][1]


def test_the_moved_line_moves_by_about_300_metres(releases: dict[str, Delivery]) -> None:
    giver, taker = CHANGES["moved_line"]
    old, new = (layer(releases, name, "street") for name in ("2025-01", "2026-07"))
    before = old.geometry[list(old.codes).index(giver)]
    after = new.geometry[list(new.codes).index(giver)]
    lost = shapely.difference(before, after)
    assert shapely.area(lost) > 100_000
    taken = new.geometry[list(new.codes).index(taker)]
    assert shapely.area(shapely.difference(lost, taken)) < 0.01
    depth = shapely.hausdorff_distance(shapely.intersection(shapely.boundary(before), lost), lost)
    assert 200 < depth < 500


def test_some_cells_are_resurveyed_by_decimetres_and_most_keep_every_bit(releases: dict[str, Delivery]) -> None:
    old, new = (layer(releases, name, "cell") for name in ("2025-01", "2026-07"))
    before = dict(zip(old.codes, shapely.to_wkb(old.geometry), strict=True))
    after = dict(zip(new.codes, shapely.to_wkb(new.geometry), strict=True))
    shared = sorted(set(before) & set(after))
    moved = [code for code in shared if before[code] != after[code]]
    assert 40 <= len(moved) <= 90
    by = shapely.hausdorff_distance(
        shapely.from_wkb([before[c] for c in moved]), shapely.from_wkb([after[c] for c in moved])
    )
    assert by.max() < 1.0
    assert len(shared) > 5000


def test_the_point_of_the_readme_lies_well_inside_a_street(releases: dict[str, Delivery]) -> None:
    east, north = to_working([119.93], [31.78], crs="EPSG:4326", working="EPSG:4549")
    streets = layer(releases, "2025-01", "street")
    point = shapely.Point(east[0], north[0])
    inside = [code for code, g in zip(streets.codes, streets.geometry, strict=True) if g.contains(point)]
    assert inside == ["320404001"]


def test_one_layer_comes_without_its_cpg_and_all_names_are_gbk(releases: dict[str, Delivery]) -> None:
    folder = DATA / "boundaries/zhonglou/2025-01"
    without = [path.stem for path in folder.glob("*.shp") if not path.with_suffix(".cpg").exists()]
    assert without == ["WG"]
    assert "五星街道".encode("gbk") in (folder / "JD.dbf").read_bytes()
    assert {path.read_text().strip() for path in folder.glob("*.cpg")} == {"GBK"}


def test_the_year_has_its_numbers(year: Path) -> None:
    reports = pd.concat([pd.read_csv(year / name, dtype=str) for name in ("reports.csv", "reports-gcj02.csv")])
    assert len(reports) == 60_000
    assert reports["id"].is_unique
    assert (reports["state"] == "closed").mean() >= 0.95
    assert 2500 < len(pd.read_csv(year / "reports-gcj02.csv")) < 3500
    assert len(pd.read_csv(year / "parts.csv")) == 30_000
    truth = pd.read_csv(year / "truth/reports.csv", dtype=str)
    assert set(truth["id"]) == set(reports["id"])
    assert 1500 < truth["duplicate_of"].notna().sum() < 3000
    kinds = set(pd.read_csv(year / "truth/hotspots.csv")["kind"])
    assert kinds == {"steady", "time_limited", "growing", "fading", "chronic"}
    assert len(pd.read_csv(year / "truth/unwatched.csv")) == 6


def test_reported_positions_miss_the_true_ones_by_their_accuracy(year: Path) -> None:
    reports = pd.read_csv(year / "reports-gcj02.csv").set_index("id")
    truth = pd.read_csv(year / "truth/reports.csv").set_index("id").loc[reports.index]
    lon, lat = gcj02_to_wgs84(reports["lon"], reports["lat"])
    said = to_working(lon, lat, crs="EPSG:4326", working="EPSG:4549")
    true = to_working(truth["lon"], truth["lat"], crs="EPSG:4326", working="EPSG:4549")
    away = ((said[0] - true[0]) ** 2 + (said[1] - true[1]) ** 2) ** 0.5
    assert 0.64 < (away <= reports["accuracy_m"].to_numpy()).mean() < 0.72


def test_unwatched_ground_looks_clean(year: Path) -> None:
    cells = pd.read_csv(year / "truth/cells.csv", dtype={"cell": str}).set_index("cell")
    dark = " ".join(pd.read_csv(year / "truth/unwatched.csv")["cells"]).split()
    assert (cells.loc[dark, "effort_minutes"] == 0).all()
    assert cells.loc[dark, "intensity"].mean() > 2 * cells["intensity"].mean()


def test_the_same_year_again_is_the_same_bytes(year: Path, tmp_path: Path) -> None:
    write_year(tmp_path, DATA)
    for name in (
        "reports.csv",
        "reports-gcj02.csv",
        "parts.csv",
        "tracks.csv",
        "truth/cells.csv",
        "truth/hotspots.csv",
        "truth/reports.csv",
    ):
        assert filecmp.cmp(year / name, tmp_path / name, shallow=False), name


def test_registers_refer_to_each_other_consistently() -> None:
    tables = {
        name: pd.read_csv(DATA / f"reference/{name}.csv", dtype=str, keep_default_na=False)
        for name in ("units", "territories", "categories", "rules")
    }
    units, codes = set(tables["units"]["code"]), set(tables["categories"]["code"])
    assert set(tables["territories"]["unit"]) <= units
    assert set(tables["rules"]["unit"]) <= units | set(FROM_PART)
    assert {word for words in tables["rules"]["assisting"] for word in words.split()} <= units
    assert set(tables["rules"]["category"]) <= codes
    majors = tables["categories"][tables["categories"]["parent"] == ""]
    assert (len(majors), len(codes) - len(majors)) == (12, 73)
    assert {code[:2] for code in tables["rules"]["category"]} == set(majors["code"])
    assert (tables["units"]["kind"].value_counts().to_dict()) == {"department": 13, "street": 7, "external": 1}
