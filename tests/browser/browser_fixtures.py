"""A real browser on a real server with the sample district: its 7,000 cells and some thousand reports."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from playwright.sync_api import Browser, sync_playwright
from visits import Visit, visit_in
from werkzeug.serving import WSGIRequestHandler, make_server

from etl.delivery import check_delivery
from etl.registers import read_register
from gis.areas import DeliveredLayer
from gis.crs import from_working
from gis.reports import ReportBatch
from gis.services import boundaries, casework, registers
from gis.services.platform import Platform, open_platform
from gis.services.schema import migrate
from gis.settings import load_settings
from gis.store.cluster import Cluster
from webmap import create_app

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NOW = datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=\"document.title='taken'\"> 井盖破损"
REPORTS = 4000


@pytest.fixture(scope="session")
def district() -> Iterator[Platform]:
    """The committed sample district with made-up reports of the last sixty days, in a cluster of its own."""
    home = Path(tempfile.mkdtemp(prefix="gridward-browser-"))
    home.chmod(0o755)
    place = ROOT / "data/boundaries/zhonglou/place.toml"
    settings = replace(load_settings(environ={"GRIDWARD_HOME": str(home)}), config=place, secret="of the tests")
    cluster = Cluster.of(settings)
    cluster.up()
    try:
        migrate(settings)
        platform = open_platform(settings)
        fill(platform)
        yield platform
        platform.close()
    finally:
        cluster.down()
        cluster.remove()
        shutil.rmtree(home, ignore_errors=True)


def fill(platform: Platform) -> None:
    """Boundaries, registers and reports."""
    delivery = check_delivery(ROOT / "data/boundaries/zhonglou/2025-01", platform.place).require_clean({})
    staged = boundaries.stage(platform, delivery, by="test", now=NOW)
    boundaries.approve(platform, staged.release_id, by="approver", now=NOW)
    boundaries.activate(platform, staged.release_id, by="test", now=NOW)
    folder = ROOT / "data/reference"
    units, territories = (read_register(folder / f"{name}.csv", name) for name in ("units", "territories"))
    registers.load_units(platform, units, territories)
    for name in ("categories", "rules"):
        registers.load(platform, name, read_register(folder / f"{name}.csv", name))
    casework.load(
        platform, reports(delivery.layers[-1]), namespace="browser", by="test", now=NOW, on_step=lambda _: None
    )


def reports(cells: DeliveredLayer) -> ReportBatch:
    """Reports in the middles of cells, some cells far more often than others; one in a hundred far outside."""
    rng = np.random.default_rng(7)
    middles = shapely.point_on_surface(cells.geometry)
    chosen = (len(cells) * rng.random(REPORTS) ** 4).astype(int)
    x, y = shapely.get_x(middles)[chosen], shapely.get_y(middles)[chosen]
    x[::100] += 60_000
    lon, lat = from_working(x, y, working="EPSG:4549", crs="EPSG:4326")
    days = np.sort(rng.integers(0, 60, REPORTS))
    received = np.datetime64("2026-10-31T06:00:00", "us") - days.astype("timedelta64[D]")
    keys = np.array([f"B{i}" for i in range(REPORTS)], dtype=object)
    return ReportBatch(
        row=np.arange(1, REPORTS + 1),
        key=keys,
        digest=np.array([hashlib.sha256(key.encode()).hexdigest() for key in keys], dtype=object),
        x=lon,
        y=lat,
        crs="EPSG:4326",
        working_x=x,
        working_y=y,
        accuracy=np.full(REPORTS, 1.0),
        level=np.full(REPORTS, 0.68),
        received=received,
        closed=np.full(REPORTS, np.datetime64("NaT", "us")),
        category=rng.choice(np.array(["0101", "0401", "0501"], dtype=object), REPORTS),
        source=rng.choice(np.array(["patrol", "public"], dtype=object), REPORTS),
        description=np.full(REPORTS, HOSTILE, dtype=object),
        part=np.full(REPORTS, "", dtype=object),
    )


class Quiet(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def address(district: Platform) -> Iterator[str]:
    """Where the application answers."""
    app = create_app(district.settings, open_to_all=True, platform=district)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def desktop(browser: Browser, address: str) -> Iterator[Visit]:
    """A planner's screen, in Chinese."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    visit = visit_in(context, address)
    yield visit
    assert visit.foreign == [], "no page may ask another host for anything"
    assert visit.complaints == [], "no page may complain in the console"
    context.close()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Visit]:
    """A phone held upright."""
    size = {"width": 390, "height": 844}
    context = browser.new_context(viewport=size, device_scale_factor=2, has_touch=True, is_mobile=True, locale="en-GB")
    visit = visit_in(context, address)
    yield visit
    assert visit.foreign == []
    assert visit.complaints == []
    context.close()
