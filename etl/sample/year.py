"""A year of reports as they would have come in, with the truth they were drawn from beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from etl.sample.ground import Ground, read_ground, spots_in
from etl.sample.supplies import write_parts, write_tracks
from etl.sample.texts import category_weights, describe, minor_names
from etl.sample.trouble import DAYS, FIRST_DAY, Truth, day_weights, hour_weights, make_truth
from gis.crs import from_working, wgs84_to_gcj02

__all__ = ["REPORTS", "write_year"]

REPORTS: Final = 60_000  #: reports of the year at scale 1
_SOURCES: Final = ("patrol", "public", "hotline", "video", "transfer")
#: 68 % radius by source: least and most metres
_RADIUS: Final = {
    "patrol": (3.0, 9.0),
    "public": (8.0, 45.0),
    "hotline": (20.0, 90.0),
    "video": (2.0, 6.0),
    "transfer": (5.0, 25.0),
}
_COLUMNS: Final = ["id", "time", "lon", "lat", "accuracy_m", "source", "category", "state", "closed", "description"]
_WORKING: Final = "EPSG:4549"
Ints = NDArray[np.int64]


def write_year(
    folder: Path, data: Path, *, scale: int = 1, seed: int = 2026, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Write reports.csv, reports-gcj02.csv, parts.csv, tracks.csv and truth/ for the sample whose deliveries and
    reference tables lie below `data`; the same bytes for a seed and scale."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "truth").mkdir(exist_ok=True)
    rng = np.random.Generator(np.random.PCG64(seed))
    ground = read_ground(data / "boundaries/zhonglou/2025-01")
    names = minor_names(data / "reference")
    truth = make_truth(ground, rng)
    progress("tracks")
    minutes = write_tracks(folder / "tracks.csv", ground, truth.effort, rng, scale=scale)
    progress("parts")
    write_parts(folder / "parts.csv", ground, rng, scale=scale)
    progress("reports")
    _write_truth(folder / "truth", ground, truth, minutes)
    table, hidden = _reports(ground, truth, names, REPORTS * scale, rng)
    public = (table["source"] == "public").to_numpy()
    gcj = public & (rng.uniform(0, 1, len(table)) < 0.05 * len(table) / public.sum())  # those who used a map app
    lon, lat = wgs84_to_gcj02(table.loc[gcj, "lon"], table.loc[gcj, "lat"])
    table.loc[gcj, "lon"], table.loc[gcj, "lat"] = lon, lat
    for name, rows in (("reports.csv", ~gcj), ("reports-gcj02.csv", gcj)):
        part = table.loc[rows, _COLUMNS].copy()
        for axis in ("lon", "lat"):
            part[axis] = [f"{v:.7f}" for v in part[axis]]
        part.to_csv(folder / name, index=False, lineterminator="\n")
    hidden.to_csv(folder / "truth" / "reports.csv", index=False, lineterminator="\n", float_format="%.7f")


def _write_truth(folder: Path, ground: Ground, truth: Truth, minutes: NDArray[np.float64]) -> None:
    cells = pd.DataFrame(
        {
            "cell": ground.codes,
            "intensity": np.round(truth.intensity, 4),
            "effort_minutes": np.round(minutes, 1),
            "detection": np.round(_detection(truth.effort), 4),
        }
    )
    cells.to_csv(folder / "cells.csv", index=False, lineterminator="\n")
    spots = [
        {
            "id": i + 1,
            "kind": s.kind,
            "x": round(float(ground.middles[s.cells, 0].mean()), 1),
            "y": round(float(ground.middles[s.cells, 1].mean()), 1),
            "factor": s.factor,
            "from": str(np.datetime64(FIRST_DAY) + np.timedelta64(s.start, "D")),
            "to": str(np.datetime64(FIRST_DAY) + np.timedelta64(s.stop, "D")),
            "cells": " ".join(ground.codes[s.cells]),
        }
        for i, s in enumerate(truth.hot_spots)
        if len(s.cells)
    ]
    pd.DataFrame(spots).to_csv(folder / "hotspots.csv", index=False, lineterminator="\n")
    dark = [{"id": i + 1, "cells": " ".join(ground.codes[c])} for i, c in enumerate(truth.unwatched)]
    pd.DataFrame(dark).to_csv(folder / "unwatched.csv", index=False, lineterminator="\n")


def _detection(effort: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chance that a patrol finds a problem: grows with effort, never certain; without effort none."""
    return np.asarray(effort / (effort + 0.9))


def _reports(
    ground: Ground, truth: Truth, names: Mapping[str, str], number: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`number` reports in order of time, and their truth in the same order."""
    repeated = int(number * 0.035)
    elsewhere = int(number * 0.007)
    in_town = int(number * 0.03)
    at_border = int(number * 0.012)
    inside = number - repeated - elsewhere - in_town - at_border
    cell, day, spot, by_patrol = _found(ground, truth, inside, rng)
    where = np.concatenate(
        [
            spots_in(ground.cells, cell, rng),
            spots_in(ground.town, rng.integers(0, len(ground.town), in_town), rng),
            _along(ground.borders, at_border, rng, 8.0),
            _outside(ground, elsewhere, rng),
        ]
    )
    more = number - repeated - inside
    middles = np.asarray(shapely.points(ground.middles), dtype=object)
    nearest = shapely.STRtree(middles).nearest(shapely.points(where[inside:]))
    cell = np.concatenate([cell, nearest])
    day = np.concatenate([day, rng.choice(DAYS, more, p=day_weights() / day_weights().sum())])
    spot = np.concatenate([spot, np.zeros(more, dtype=np.int64)])
    by_patrol = np.concatenate([by_patrol, np.zeros(more, dtype=bool)])
    first = rng.integers(0, inside, repeated)
    where = np.concatenate([where, where[first] + rng.uniform(-3.0, 3.0, (repeated, 2))])
    day = np.concatenate([day, np.minimum(day[first] + rng.integers(0, 3, repeated), DAYS - 1)])
    cell, spot = np.concatenate([cell, cell[first]]), np.concatenate([spot, spot[first]])
    by_patrol = np.concatenate([by_patrol, np.zeros(repeated, dtype=bool)])
    original = np.concatenate([np.full(number - repeated, -1), first])
    category = _categories(ground, names, cell, rng)
    category[number - repeated :] = category[first]
    table, hidden = _table(where, day, (spot, by_patrol, original), category, rng)
    table["description"] = describe(table["category"].to_numpy(dtype=object), names, rng)
    return table, hidden


def _found(
    ground: Ground, truth: Truth, number: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
    """Problems that somebody reported: cell, day, hot spot (0 = none), found by a patrol.

    Trouble arises by intensity and planted spots; a patrol finds it by its effort, the public calls now and then. What
    neither sees is never reported: that is how unwatched ground looks clean.
    """
    days = day_weights()
    sources = [(np.arange(len(ground)), truth.intensity, days)]
    for s in truth.hot_spots:
        extra = truth.intensity[s.cells] * (s.factor - 1.0)
        sources.append((s.cells, extra, days * s.weight(np.arange(DAYS))))
    mass = np.array([weight.sum() * by_day.sum() for _, weight, by_day in sources])
    drawn = int(number * 2.2)
    counts = np.floor(drawn * mass / mass.sum()).astype(np.int64)
    cells, when, spots = [], [], []
    for i, (members, weight, by_day) in enumerate(sources):
        if counts[i] and by_day.sum() > 0:
            cells.append(rng.choice(members, counts[i], p=weight / weight.sum()))
            when.append(rng.choice(DAYS, counts[i], p=by_day / by_day.sum()))
            spots.append(np.full(counts[i], i, dtype=np.int64))
    cell, day, spot = np.concatenate(cells), np.concatenate(when), np.concatenate(spots)
    by_patrol = rng.uniform(0, 1, len(cell)) < _detection(truth.effort)[cell]
    # Nobody calls from ground that nobody passes: the public, too, hardly sees the unwatched places.
    called = rng.uniform(0, 1, len(cell)) < np.where(truth.effort[cell] > 0, 0.28, 0.03)
    seen = np.flatnonzero(by_patrol | called)
    kept = np.sort(rng.permutation(seen)[:number])
    if len(kept) < number:
        kept = np.concatenate([kept, rng.choice(seen, number - len(kept))])
    return cell[kept], day[kept], spot[kept], by_patrol[kept]


def _along(lines: Any, number: int, rng: np.random.Generator, metres: float) -> NDArray[np.float64]:
    """Points within `metres` of the lines."""
    parts = np.array([p for p in shapely.get_parts(lines) if p.length > 1.0], dtype=object)
    length = shapely.length(parts)
    which = rng.choice(len(parts), number, p=length / length.sum())
    on = shapely.line_interpolate_point(parts[which], rng.uniform(0, 1, number) * length[which])
    return np.column_stack([shapely.get_x(on), shapely.get_y(on)]) + rng.uniform(-metres, metres, (number, 2))


def _outside(ground: Ground, number: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points of neighbouring districts, up to 2 km from ours."""
    ring = shapely.difference(shapely.buffer(ground.outline, 2000.0), shapely.buffer(ground.outline, 40.0))
    return spots_in(np.array([ring], dtype=object), np.zeros(number, dtype=np.int64), rng)


def _categories(ground: Ground, names: Mapping[str, str], cell: Ints, rng: np.random.Generator) -> NDArray[np.object_]:
    """A minor category for each report, by what stands on its ground."""
    out = np.full(len(cell), "", dtype=object)
    context = np.where(
        ground.place[cell] != "",
        ground.place[cell],
        np.array(["居住", "商业", "工业", "绿地", "农田", "水域"])[ground.land_use[cell]],
    )
    context = np.where(ground.near_river[cell] & (rng.uniform(0, 1, len(cell)) < 0.5), "river", context)
    for word in sorted(set(context.astype(str).tolist())):
        rows = np.flatnonzero(context == word)
        codes, weights = category_weights(word, names)
        out[rows] = rng.choice(codes, len(rows), p=weights)
    return out


def _table(
    where: NDArray[np.float64],
    day: Ints,
    origin: tuple[Ints, NDArray[np.bool_], Ints],
    category: NDArray[np.object_],
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reports and their truth in order of time; `origin`: hot spot, found by a patrol, index of the original or -1."""
    spot, by_patrol, original = origin
    n = len(where)
    second = rng.choice(24, n, p=hour_weights()) * 3600 + rng.integers(0, 3600, n)
    moment = np.datetime64(FIRST_DAY, "s") + day.astype("timedelta64[D]") + second.astype("timedelta64[s]")
    source = np.where(by_patrol, "patrol", rng.choice(_SOURCES[1:], n, p=[0.56, 0.28, 0.10, 0.06])).astype(object)
    low, high = (np.array([_RADIUS[s][k] for s in source]) for k in (0, 1))
    radius = np.round(low + (high - low) * rng.uniform(0, 1, n) ** 2, 1)
    said = where + rng.normal(0.0, 1.0, (n, 2)) * (radius / 1.515)[:, None]
    lon, lat = from_working(said[:, 0], said[:, 1], working=_WORKING, crs="EPSG:4326")
    true_lon, true_lat = from_working(where[:, 0], where[:, 1], working=_WORKING, crs="EPSG:4326")
    order = np.argsort(moment, kind="stable")
    serial = np.empty(n, dtype=np.int64)
    serial[order] = np.arange(1, n + 1)
    ids = np.array(
        [f"R{str(m)[:10].replace('-', '')}-{k:06d}" for m, k in zip(moment, serial, strict=True)], dtype=object
    )
    closed, state = _closing(moment, rng)
    table = pd.DataFrame(
        {
            "id": ids,
            "time": [str(m).replace("T", " ") for m in moment],
            "lon": np.round(lon, 7),
            "lat": np.round(lat, 7),
            "accuracy_m": radius,
            "source": source,
            "category": category,
            "state": state,
            "closed": closed,
        }
    )
    hidden = pd.DataFrame(
        {
            "id": ids,
            "lon": true_lon,
            "lat": true_lat,
            "hotspot": spot,
            "duplicate_of": np.where(original >= 0, ids[np.maximum(original, 0)], ""),
        }
    )
    return table.iloc[order].reset_index(drop=True), hidden.iloc[order].reset_index(drop=True)


def _closing(moment: NDArray[np.datetime64], rng: np.random.Generator) -> tuple[list[str], NDArray[np.object_]]:
    """When each was closed: hours to days later; what would end after the year, and a few more, are still open."""
    n = len(moment)
    hours = 1.0 + 90.0 * rng.uniform(0, 1, n) ** 3 + 200.0 * (rng.uniform(0, 1, n) < 0.03)
    ends = moment + (hours * 3600).astype(np.int64).astype("timedelta64[s]")
    still_open = (ends >= np.datetime64(FIRST_DAY, "s") + np.timedelta64(DAYS, "D")) | (rng.uniform(0, 1, n) < 0.022)
    words = [("" if o else str(e).replace("T", " ")) for o, e in zip(still_open, ends, strict=True)]
    return words, np.where(still_open, "open", "closed").astype(object)
