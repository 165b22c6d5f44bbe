"""The sample's year: a share of the error area says how often the truth lies there, and every decision replays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from conftest import PLACE_FILE, ROOT

from etl.cli_sample import sample as commands
from etl.sample.ground import read_ground
from etl.sample.year import _RADIUS, _along
from gis.assignment.clouds import area_shares
from gis.assignment.locator import Locator
from gis.assignment.uncertainty import calibration, sigma_of
from gis.crs import to_working
from gis.rights import ALL
from gis.services import registers
from gis.services.platform import Platform
from gis.services.replays import replay_all
from gis.services.schema import migrate
from gis.settings import Settings
from gis.store.cluster import Cluster
from gis.store.engine import Store

FIRST = date(2025, 1, 1)
LATER = date(2026, 6, 1)
#: a tenth with fewer cases is judged more leniently: of 1000 hits at 0.5 the standard error is 0.016, half the bound
ENOUGH = 1000
ALLOWED = 0.03


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform with all that `gridward sample load` loads, in a cluster of its own."""
    settings = Settings(tmp_path_factory.mktemp("sample"), PLACE_FILE)
    settings.home.chmod(0o755)
    (settings.home / "data").symlink_to(ROOT / "data")
    cluster = Cluster.of(settings)
    cluster.up()
    try:
        migrate(settings)
        p = Platform(settings, Store.at(cluster.url("gridward_app")))
        told = CliRunner().invoke(
            commands, ["load"], obj=SimpleNamespace(settings=settings, platform=p), catch_exceptions=False
        )
        assert told.exit_code == 0, told.output
        yield p
        p.close()
    finally:
        cluster.down()
        cluster.remove()


def locator(p: Platform) -> Locator:
    with p.store.begin(ALL) as connection:
        return p.locator(connection, LATER)


def tenths(p: Platform, said: np.ndarray, true: np.ndarray, radius: np.ndarray) -> pd.DataFrame:
    """Each area of the unit level within a report's reach, outside too: its share, and whether the truth lies there."""
    at, level = locator(p), p.place.unit_level
    depth = p.place.level_names.index(level)
    shares = area_shares(at, level, said[:, 0], said[:, 1], sigma_of(radius, np.full(len(radius), 0.68)))
    inside = at.locate_many(true[:, 0], true[:, 1]).levels[depth].index
    table = calibration(shares.share, np.maximum(inside, -1)[shares.point] == shares.area)
    return pd.DataFrame({name: getattr(table, name) for name in table.__slots__})


def test_of_the_years_reports_a_share_comes_true_as_often_as_it_says(year: Platform) -> None:
    """The truth is the position before the error; shares are of the said position. Most of the year is far from every
    border and says 1; of some 60 000 reports about 3 700 reach one, and a tenth between has 100 to 300. There chance
    alone is 0.03 to 0.05, and one report in 80 was drawn within 8 m of a border, while a share takes every spot to be
    as likely as its neighbour. So these tenths are held to four standard errors, and to the bound by the test below."""
    folder = year.settings.var / "sample" / "scale-1"
    both = pd.read_csv(folder / "reports.csv").merge(pd.read_csv(folder / "truth/reports.csv"), on="id")
    said, true = (
        np.column_stack(to_working(both[f"lon_{s}"], both[f"lat_{s}"], crs="EPSG:4326", working=year.place.crs))
        for s in "xy"
    )
    distance = locator(year).border_distance(year.place.unit_level, said[:, 0], said[:, 1])
    radius = both["accuracy_m"].to_numpy(dtype=float)
    near = distance <= 4.0 * radius
    table = tenths(year, said[near], true[near], radius[near])
    judged = table[table["n"] >= ENOUGH]
    assert len(judged) >= 2, table
    assert (judged["difference"].abs() <= ALLOWED).all(), table.to_string()
    assert (table["difference"].abs() <= np.maximum(ALLOWED, 4.0 * np.sqrt(0.25 / table["n"]))).all(), table.to_string()


def test_near_borders_every_tenth_comes_true_as_often_as_it_says(year: Platform) -> None:
    """200 000 reports of the sample's sources and error, true positions even over a band wider than any error."""
    rng = np.random.default_rng(2026)
    ground = read_ground(year.settings.data / "boundaries/zhonglou/2025-01")
    n = 200_000
    low, high = np.array([_RADIUS[s] for s in ("patrol", "public", "hotline", "video", "transfer")]).T
    source = rng.integers(0, len(low), n)
    radius = np.round(low[source] + (high - low)[source] * rng.uniform(0, 1, n) ** 2, 1)
    true = _along(ground.borders, n, rng, 150.0)
    said = true + rng.normal(0.0, 1.0, (n, 2)) * (radius / 1.515)[:, None]
    table = tenths(year, said, true, radius)
    assert (table["n"] >= ENOUGH).all(), table
    assert (table["difference"].abs() <= ALLOWED).all(), table.to_string()


def test_every_decision_of_the_year_replays_after_more_became_known(year: Platform) -> None:
    n, differing = replay_all(year, since=FIRST)
    assert n >= 59_000
    assert differing == []
    rule = {"code": "ALL", "ord": 1, "category": "", "area": "", "unit": "D03", "reason": "x", "reason_en": "x"}
    registers.load(year, "rules", pd.DataFrame([rule | {"valid_from": "2020-01-01", "valid_to": None}]))
    assert replay_all(year, since=FIRST) == (n, [])
