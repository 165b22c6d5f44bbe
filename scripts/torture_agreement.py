"""How many of a year's requests the boundaries in force answer as the city recorded them."""

from __future__ import annotations

import csv
import gzip
from typing import TYPE_CHECKING

from gis.crs import to_working
from gis.rights import ALL
from gis.services.platform import open_platform
from gis.settings import load_settings

if TYPE_CHECKING:
    from torture_person import Person

__all__ = ["agreement"]


def agreement(p: Person, release: int) -> tuple[int, int]:
    """(requests with a position and a recorded precinct, those that the stored precincts answer alike).

    Located as a report is: where two precincts claim a place, the lower code has it.
    """
    p.need(p.requests is not None, "no requests")
    folder = p.requests or p.work
    with gzip.open(folder / "answers.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["layer"] == "precinct"]
    judged = {
        r["id"]: r["recorded"] for r in rows if r["verdict"] not in ("no_recorded_unit", "placeholder_coordinates")
    }
    with gzip.open(folder / "points_2015.csv.gz", "rt", encoding="utf-8", newline="") as file:
        where = {r["CASE_ENQUIRY_ID"]: (r["LONGITUDE"], r["LATITUDE"]) for r in csv.DictReader(file)}
    ids = [i for i in judged if i in where]
    lon, lat = ([float(where[i][k]) for i in ids] for k in (0, 1))
    x, y = to_working(lon, lat, crs="EPSG:4326", working="EPSG:26986")
    platform = open_platform(load_settings(environ=p.environment))
    with platform.store.begin(ALL) as connection:
        located = platform.locator_of(connection, release).locate_many(x, y).levels[-1]
        codes = platform.locator_of(connection, release).areas.levels[-1].codes
    platform.close()
    alike = sum(n >= 0 and codes[n] == judged[i] for i, n in zip(ids, located.index.tolist(), strict=True))
    return len(ids), int(alike)
