"""The truth behind the sample year: where and when trouble arises, planted spots included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from etl.sample.ground import Ground

__all__ = ["DAYS", "FIRST_DAY", "HotSpot", "Truth", "day_weights", "hour_weights", "make_truth"]

FIRST_DAY: Final = date(2025, 11, 1)
DAYS: Final = 365
_MONTHS: Final = np.array([0.86, 0.82, 0.93, 0.98, 1.02, 1.12, 1.22, 1.20, 1.08, 1.02, 0.95, 0.90])  # January first
_WEEK: Final = np.array([1.12, 1.06, 1.04, 1.03, 1.08, 0.86, 0.81])  # Monday first
_HOURS: Final = np.array(
    [
        0.2,
        0.1,
        0.1,
        0.1,
        0.2,
        0.5,
        1.6,
        3.8,
        5.6,
        5.2,
        4.6,
        3.4,
        2.6,
        3.0,
        4.4,
        4.8,
        4.2,
        3.6,
        2.8,
        2.4,
        1.8,
        1.1,
        0.6,
        0.3,
    ]
)
_BY_USE: Final = np.array([1.0, 2.3, 0.7, 0.6, 0.25, 0.35])
_BY_PLACE: Final = {"": 1.0, "market": 3.0, "compound": 1.5, "building_site": 1.9, "urban_village": 2.2}


@dataclass(frozen=True, slots=True)
class HotSpot:
    """Planted trouble: these cells have `factor` times their usual trouble on the days [start, stop) of the year."""

    kind: str  #: steady, time_limited, growing, fading, chronic
    cells: NDArray[np.int64]
    factor: float
    start: int
    stop: int

    def weight(self, day: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share of the full strength on each day of the year."""
        inside = (day >= self.start) & (day < self.stop)
        ramp = (day - self.start) / max(1, self.stop - self.start)
        strength = {"growing": ramp, "fading": 1.0 - ramp}.get(self.kind, np.ones(len(day)))
        return np.where(inside, strength, 0.0)


@dataclass(frozen=True, slots=True)
class Truth:
    """Usual trouble per cell (relative), patrol effort (relative), and what was planted."""

    intensity: NDArray[np.float64]
    effort: NDArray[np.float64]
    hot_spots: tuple[HotSpot, ...]
    unwatched: tuple[NDArray[np.int64], ...]


def day_weights() -> NDArray[np.float64]:
    """Relative number of reports of each day of the year: season and weekday."""
    days = np.datetime64(FIRST_DAY) + np.arange(DAYS).astype("timedelta64[D]")
    month = days.astype("datetime64[M]").astype(int) % 12
    weekday = (days.astype("datetime64[D]").astype(int) + 3) % 7
    return np.asarray(_MONTHS[month] * _WEEK[weekday])


def hour_weights() -> NDArray[np.float64]:
    """Relative number of reports of each hour of the day."""
    return np.asarray(_HOURS / _HOURS.sum())


def make_truth(ground: Ground, rng: np.random.Generator) -> Truth:
    """Plant the year's trouble; the same for a seed, whatever the scale."""
    intensity = (
        _BY_USE[ground.land_use] * np.array([_BY_PLACE[p] for p in ground.place]) * rng.uniform(0.6, 1.5, len(ground))
    )
    effort = rng.uniform(0.5, 1.5, len(ground)) * np.array([1.0, 1.3, 0.8, 0.9, 0.4, 0.6])[ground.land_use]
    unwatched = tuple(_around(ground, i, 9) for i in _apart(ground, rng, 6, 900.0))
    for cells in unwatched:
        intensity[cells] *= 3.5
        effort[cells] = 0.0
    taken = np.concatenate(unwatched)
    free = np.setdiff1d(np.arange(len(ground)), taken)
    spots: list[HotSpot] = []
    centres = [i for i in _apart(ground, rng, 60, 700.0) if i in set(free.tolist())]
    plan = (
        [("steady", 1, f) for f in (3.0, 4.0, 6.0) * 2]
        + [("steady", 7, f) for f in (2.0, 3.0, 4.0, 6.0) * 2]
        + [("steady", 25, f) for f in (2.0, 3.0, 4.0) * 2]
        + [("time_limited", 7, f) for f in (3.0, 5.0) * 2]
        + [("growing", 7, 4.0), ("growing", 25, 3.0), ("fading", 7, 4.0), ("fading", 25, 3.0)]
        + [("chronic", 1, 12.0)] * 8
    )
    for centre, (kind, size, factor) in zip(centres, plan, strict=False):
        start, stop = (int(s := rng.integers(60, 260)), int(s) + 45) if kind == "time_limited" else (0, DAYS)
        spots.append(HotSpot(kind, np.setdiff1d(_around(ground, centre, size), taken), factor, start, stop))
    return Truth(intensity, effort, tuple(spots), unwatched)


def _around(ground: Ground, centre: int, number: int) -> NDArray[np.int64]:
    """The `number` cells nearest to one of them."""
    away = ((ground.middles - ground.middles[centre]) ** 2).sum(axis=1)
    return np.sort(np.argsort(away, kind="stable")[:number])


def _apart(ground: Ground, rng: np.random.Generator, number: int, metres: float) -> list[int]:
    """Cells at random, each at least `metres` from the others."""
    out: list[int] = []
    for i in rng.permutation(len(ground)).tolist():
        if all(((ground.middles[i] - ground.middles[j]) ** 2).sum() > metres**2 for j in out):
            out.append(i)
        if len(out) == number:
            break
    return out
