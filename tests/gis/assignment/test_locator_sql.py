"""PostGIS as the locator's judge: the same areas for thousands of points, most of them within ulps of a border."""

from __future__ import annotations

import numpy as np
import shapely
from sqlalchemy import text

from gis.assignment.locator import Locator
from gis.rights import ALL
from gis.services.platform import Platform
from gis.store.areas import locate_points


def test_postgis_and_both_ways_of_the_locator_name_the_same_areas(platform: Platform) -> None:
    with platform.store.begin(ALL) as c:
        release = c.execute(text("SELECT max(id) FROM release")).scalar_one()
        locator = Locator(platform.locator_of(c, release).areas)
        levels = locator.areas.levels
        rng = np.random.default_rng(6)
        corners = np.concatenate([shapely.get_coordinates(level.geometry) for level in levels])
        k = rng.integers(0, len(corners) - 1, 4_000)
        near = corners[k] + rng.random((4_000, 1)) * (corners[k + 1] - corners[k])
        for _ in range(3):
            near = np.where(rng.random(near.shape) < 0.5, np.nextafter(near, rng.choice([-np.inf, np.inf])), near)
        spread = rng.uniform(corners.min(axis=0) - 50.0, corners.max(axis=0) + 50.0, (1_000, 2))
        x, y = np.concatenate([near, spread, corners[:200], [[np.nan, 0.0]]]).T
        found = locate_points(c, release, [level.level for level in levels], x, y)
    for _ in range(2):
        located = locator.locate_many(x, y)
        for level, answer, ids in zip(levels, located.levels, found.T, strict=True):
            assert np.append(level.ids, -1)[answer.index].tolist() == ids.tolist()
        locator.build()
