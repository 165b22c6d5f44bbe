"""A real kind of delivery, made up small: feet without a CRS, an overlap, a gap, a polygon that touches itself.

The walk of docs/torture.md with Boston's own place file: refused, answered, mended, accepted, woken, looked up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from gis.crs import from_working, to_working
from gis.services.schema import migrate
from gis.settings import Settings
from gis.store.cluster import Cluster

Run = Callable[..., subprocess.CompletedProcess[str]]
PLACE = ROOT / "data/boundaries/boston/place.toml"
CORNER = (770_000.0, 2_950_000.0)  # feet of EPSG:2249, in the middle of the city
FIELDS = ("--level", "precinct", "--field-code", "WARD_PRECINCT", "--field-name", "WARD_PRECINCT")
FACTS = ("--document", "made up", "--source", "a test", "--line-accuracy", "0.5")
ACCEPTED = ("--accept", "gap:as it was published", "--accept", "overlap:as it was published")

#       0201 │ 0202    0202 has a hole whose ring touches itself: two triangles at one corner
#       ──▔──┼─────    0201 leaves a slit of 8 feet above 0101
#       0101 │ 0102    0102 reaches 10 feet into 0101
RINGS = {
    "0101": [(0, 0), (2000, 0), (2000, 2000), (0, 2000)],
    "0102": [(1990, 0), (4000, 0), (4000, 2000), (2000, 2000), (1990, 1900)],
    "0201": [(0, 2000), (500, 2000), (500, 2008), (1500, 2008), (1500, 2000), (2000, 2000), (2000, 4000), (0, 4000)],
    "0202": [(2000, 2000), (4000, 2000), (4000, 4000), (2000, 4000)],
}  # fmt: skip
HOLE = [(2500, 2500), (2600, 2500), (2600, 2600), (2700, 2600), (2700, 2700), (2600, 2600), (2500, 2600)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The command on a database of Boston's own."""
    home = tmp_path_factory.mktemp("boston")
    settings = Settings(home, PLACE)
    cluster = Cluster.of(settings)
    cluster.up()

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from gis.cli import main; main()", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=os.environ | {"GRIDWARD_HOME": str(home), "GRIDWARD_CONFIG": str(PLACE), "GRIDWARD_DATABASE_URL": ""},
        )

    try:
        migrate(settings)
        yield call
    finally:
        cluster.down()
        cluster.remove()


def feet(ring: list[tuple[int, int]]) -> list[list[float]]:
    return [[CORNER[0] + x, CORNER[1] + y] for x, y in (*ring, ring[0])]


@pytest.fixture
def precincts(tmp_path: Path) -> Path:
    """The GeoJSON: its numbers are feet, and it says nothing of them."""
    path = tmp_path / "precincts.geojson"
    features = [
        {
            "type": "Feature",
            "properties": {"OBJECTID": n, "WARD_PRECINCT": code, "PRECINCT": code[2:]},
            "geometry": {
                "type": "Polygon",
                "coordinates": [feet(ring), *([feet(HOLE)] if code == "0202" else [])],
            },
        }
        for n, (code, ring) in enumerate(RINGS.items(), 1)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def located(run: Run, x: float, y: float) -> tuple[str, str | None]:
    """(status, code) of a point given in feet from the corner, asked for in degrees."""
    e, n = to_working([CORNER[0] + x], [CORNER[1] + y], crs="EPSG:2249", working="EPSG:26986")
    lon, lat = from_working(e, n, working="EPSG:26986", crs="EPSG:4326")
    done = run("locate", str(lon[0]), str(lat[0]), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)["levels"]["precinct"]
    return answer["status"], answer["code"]


def kinds(done: subprocess.CompletedProcess[str]) -> set[tuple[str, str]]:
    return {(f["kind"], f["severity"]) for f in json.loads(done.stdout)["findings"]}


def stored(run: Run) -> list[str]:
    return [row["status"] for row in json.loads(run("boundaries", "list", "--json").stdout)["releases"]]


def test_feet_without_a_crs_are_refused_with_what_would_fit(run: Run, precincts: Path) -> None:
    done = run("boundaries", "check", str(precincts), *FIELDS)
    assert done.returncode == 1
    assert "--crs" in done.stdout
    assert "EPSG:2249" in done.stdout
    staged = run("boundaries", "stage", str(precincts), *FIELDS, *FACTS, *ACCEPTED, "--valid-from", "2025-01-01")
    assert staged.returncode == 1
    assert "Traceback" not in staged.stderr
    assert stored(run) == []


def test_a_delivery_with_faults_is_answered_mended_accepted_woken_and_asked(run: Run, precincts: Path) -> None:
    told = (str(precincts), *FIELDS, *FACTS, "--crs", "EPSG:2249")
    found = run("boundaries", "check", *told, "--json")
    assert found.returncode == 1, found.stderr
    assert ("invalid", "error") in kinds(found)

    found = run("boundaries", "check", *told, "--repair", "--json")
    assert found.returncode == 1, found.stderr
    assert {("repaired", "note"), ("overlap", "warning"), ("gap", "warning")} <= kinds(found)
    assert "error" not in {severity for _, severity in kinds(found)}

    told = (*told, "--repair", "--valid-from", "2025-01-01", "--by", "ann", "--json")
    refused = run("boundaries", "stage", *told)
    assert refused.returncode == 1
    assert stored(run) == []
    staged = run("boundaries", "stage", *told, *ACCEPTED)
    assert staged.returncode == 0, staged.stderr
    release = str(json.loads(staged.stdout)["release"])

    assert run("boundaries", "approve", release, "--by", "ann").returncode == 1
    assert run("boundaries", "approve", release, "--by", "ben").returncode == 0
    assert run("boundaries", "activate", release, "--by", "ann", "--no-dump").returncode == 0
    assert stored(run) == ["active"]

    assert located(run, 1000, 1000) == ("area", "0101")
    assert located(run, 3000, 1000) == ("area", "0102")
    assert located(run, 1995, 1000) == ("area", "0101"), "both claim it: the lower code has it, always"
    assert located(run, 1000, 2004)[1] is None, "nobody claims the slit"
    assert located(run, 2200, 2200) == ("area", "0202")
    assert located(run, 2680, 2620)[1] is None, "nobody claims the hole"
    assert located(run, -9000, 0)[1] is None
