"""What is measured on: the synthetic city as areas, points in it, and the sample district in force in a database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from city import cells_of, city, dissolved
from measuring import ROOT
from numpy.typing import NDArray

from etl.delivery import check_delivery
from etl.registers import read_register
from gis.areas import AreaSet, LevelAreas
from gis.services import boundaries, registers
from gis.services.platform import Platform, open_platform
from gis.services.schema import migrate
from gis.settings import Settings
from gis.store.cluster import DATABASE, Cluster

__all__ = ["World", "area_set", "awkward_points", "mixed_points", "uniform_points", "world"]

LEVELS: Final = (("street", 9), ("community", 12), ("cell", 15))
Floats = NDArray[np.float64]
Points = tuple[Floats, Floats]


def area_set(n: int) -> AreaSet:
    """The synthetic city of `n` cells in its three levels."""
    codes, polygons = cells_of(city(n))
    levels: list[LevelAreas] = []
    for name, digits in LEVELS:
        mine, ground = dissolved(codes, polygons, digits)
        order = np.argsort(mine.astype(str))
        mine, ground = mine[order], ground[order]
        above = levels[-1].codes.astype(str) if levels else None
        parent = np.full(len(mine), -1) if above is None else np.searchsorted(above, [c[: digits - 3] for c in mine])
        size, children = shapely.area(ground), np.full(len(mine), digits < 15)
        ids = np.arange(len(mine)) + 1
        levels.append(LevelAreas(name, ids, mine, mine, mine, mine, parent, children, size, ground))
    return AreaSet(1, tuple(levels))


def uniform_points(areas: AreaSet, n: int, *, seed: int = 7) -> Points:
    """Points all over the areas' box; a few fall outside its wavy rim."""
    chance = np.random.default_rng(seed)
    west, south, east, north = shapely.total_bounds(areas.levels[0].geometry)
    return chance.uniform(west, east, n), chance.uniform(south, north, n)


def awkward_points(areas: AreaSet, n: int, *, seed: int = 8) -> Points:
    """Points on the finest level's vertices, on its edges as exactly as doubles can, and a few ulps beside them."""
    chance = np.random.default_rng(seed)
    rings = shapely.get_rings(shapely.get_parts(areas.levels[-1].geometry))
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    first = chance.choice(np.flatnonzero(ring[1:] == ring[:-1]), n)
    share = np.where(chance.random(n) < 0.4, 0.0, chance.random(n))[:, None]
    spots = corners[first] + share * (corners[first + 1] - corners[first])
    steps = chance.integers(-3, 4, spots.shape)
    spots += np.where(chance.random(n) < 0.5, 0, 1)[:, None] * steps * np.spacing(spots)
    return spots[:, 0].copy(), spots[:, 1].copy()


def mixed_points(areas: AreaSet, n: int) -> Points:
    """Four uniform points for each awkward one, mixed."""
    awkward = awkward_points(areas, n // 5)
    uniform = uniform_points(areas, n - n // 5)
    order = np.random.default_rng(9).permutation(n)
    return np.concatenate([uniform[0], awkward[0]])[order], np.concatenate([uniform[1], awkward[1]])[order]


@dataclass(frozen=True)
class World:
    """A private cluster whose database `gridward` holds the sample district, both releases and registers, no cases."""

    settings: Settings
    cluster: Cluster

    @contextmanager
    def copy(self, name: str) -> Iterator[Settings]:
        """Settings of a fresh copy of the database, which is dropped in the end."""
        self.cluster.drop_database(name)
        self.cluster.create_database(name, template=DATABASE)
        try:
            yield replace(self.settings, database_url=self.cluster.url("gridward_app", database=name))
        finally:
            self.cluster.drop_database(name)

    def environment(self, settings: Settings) -> dict[str, str]:
        """What a command needs to work on these settings."""
        return {
            "GRIDWARD_HOME": str(settings.home),
            "GRIDWARD_CONFIG": str(settings.config),
            "GRIDWARD_DATABASE_URL": settings.database_url or "",
        }

    def owner(self, name: str) -> str:
        """The address at which the owner of a database logs in."""
        return self.cluster.url("gridward_owner", database=name)


@contextmanager
def world() -> Iterator[World]:
    """Make the cluster and the sample district; everything is gone in the end."""
    home = Path(tempfile.mkdtemp(prefix="gridward-bench-"))
    home.chmod(0o755)
    (home / "data").symlink_to(ROOT / "data")
    settings = Settings(home, home / "data/boundaries/zhonglou/place.toml")
    cluster = Cluster.of(settings)
    try:
        cluster.up()
        migrate(settings)
        platform = open_platform(settings)
        _fill(platform)
        platform.close()
        yield World(settings, cluster)
    finally:
        cluster.down()
        cluster.remove()
        shutil.rmtree(home, ignore_errors=True)


def _fill(p: Platform) -> None:
    """Boundaries in force and registers loaded, as `gridward sample load` does."""
    for manifest in sorted((p.settings.data / "boundaries/zhonglou").glob("*/manifest.toml")):
        delivery: Any = check_delivery(manifest.parent, p.place).require_clean({})
        staged = boundaries.stage(p, delivery, by="one", now=datetime.now(UTC))
        boundaries.approve(p, staged.release_id, by="two", now=datetime.now(UTC))
        boundaries.activate(p, staged.release_id, by="two", now=datetime.now(UTC))
    folder = p.settings.data / "reference"
    registers.load_units(
        p, read_register(folder / "units.csv", "units"), read_register(folder / "territories.csv", "territories")
    )
    for name in ("categories", "rules"):
        registers.load(p, name, read_register(folder / f"{name}.csv", name))
