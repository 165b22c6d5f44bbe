"""Parts along the roads, and the tracks of a year of patrols."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from etl.sample.ground import Ground
from etl.sample.trouble import DAYS, FIRST_DAY
from gis.crs import from_working

__all__ = ["PARTS", "TRACKS", "write_parts", "write_tracks"]

PARTS: Final = 30_000
TRACKS: Final = 5_000
_POINTS: Final = 60  #: per track, one every `_SECONDS`
_SECONDS: Final = 30
_BLOCKS: Final = 8  #: around which a patrol walks
_STEP_M: Final = 33.0  #: a walker's way in 30 s
#: GB/T 47678.5 type (major 2 + minor 3), name, owner, maintainer, share, metres from the road's middle
_TYPES: Final = (
    ("01001", "供水井盖", "D01", "D01", 9, 4.0), ("01002", "污水井盖", "D01", "D01", 12, 4.0),
    ("01003", "雨水井盖", "D01", "D01", 12, 5.0), ("01004", "雨水箅子", "D01", "D01", 13, 7.0),
    ("01007", "通信井盖", "D02", "D02", 6, 6.0), ("01037", "路灯", "D01", "D01", 16, 8.0),
    ("02010", "交通标志牌及标线", "D08", "D08", 5, 8.0), ("02017", "交通护栏", "D08", "D08", 3, 6.0),
    ("03001", "公共厕所", "D11", "D11", 1, 14.0), ("03005", "垃圾箱", "D11", "D11", 9, 9.0),
    ("04002", "行道树", "D01", "D01", 13, 8.0), ("04008", "绿地护栏", "D01", "D01", 1, 9.0),
)  # fmt: skip


def write_parts(path: Path, ground: Ground, rng: np.random.Generator, *, scale: int) -> None:
    """Write `PARTS` × scale parts; one in a hundred has no maintenance unit on record."""
    n = PARTS * scale
    share = np.array([row[4] for row in _TYPES], dtype=float)
    kind = rng.choice(len(_TYPES), n, p=share / share.sum())
    length = shapely.length(ground.roads)
    road = rng.choice(len(ground.roads), n, p=length / length.sum())
    lines = np.array([max(shapely.get_parts(g), key=lambda p: p.length) for g in ground.roads], dtype=object)
    along = rng.uniform(0, 1, n) * shapely.length(lines[road])
    at, ahead = (shapely.line_interpolate_point(lines[road], along + d) for d in (0.0, 0.5))
    spot = np.column_stack([shapely.get_x(at), shapely.get_y(at)])
    way = np.column_stack([shapely.get_x(ahead), shapely.get_y(ahead)]) - spot
    norm = np.sqrt((way**2).sum(axis=1))
    way = way / np.where(norm > 0, norm, 1.0)[:, None]
    aside = np.array([row[5] for row in _TYPES])[kind] * rng.choice([-1.0, 1.0], n)
    spot = np.round(spot + np.column_stack([-way[:, 1], way[:, 0]]) * aside[:, None], 2)
    lon, lat = from_working(spot[:, 0], spot[:, 1], working="EPSG:4549", crs="EPSG:4326")
    codes = np.array([row[0] for row in _TYPES], dtype=object)[kind]
    serial = pd.Series(codes).groupby(codes).cumcount().to_numpy() + 1
    maintainer = np.array([row[3] for row in _TYPES], dtype=object)[kind]
    maintainer[rng.uniform(0, 1, n) < 0.01] = ""
    surveyed = (np.datetime64("2019-03-01") + rng.integers(0, 2000, n).astype("timedelta64[D]")).astype(str)
    table = pd.DataFrame(
        {
            "code": [f"320404{c}{s:06d}" for c, s in zip(codes, serial, strict=True)],
            "type": codes,
            "name": np.array([row[1] for row in _TYPES], dtype=object)[kind],
            "lon": [f"{v:.7f}" for v in lon],
            "lat": [f"{v:.7f}" for v in lat],
            "accuracy_class": rng.choice(["A", "B"], n, p=[0.9, 0.1]),
            "owner_unit": np.array([row[2] for row in _TYPES], dtype=object)[kind],
            "maintenance_unit": maintainer,
            "supervising_unit": np.array([row[2] for row in _TYPES], dtype=object)[kind],
            "state": rng.choice(["intact", "damaged", "missing", "abandoned"], n, p=[0.955, 0.03, 0.01, 0.005]),
            "initial_date": surveyed,
            "data_source": "实测",
        }
    )
    table.to_csv(path, index=False, lineterminator="\n")


def write_tracks(
    path: Path, ground: Ground, effort: NDArray[np.float64], rng: np.random.Generator, *, scale: int
) -> NDArray[np.float64]:
    """Write the year's patrol tracks; returns the minutes spent in each cell.

    A patrol walks around blocks of one community; blocks with more planned effort are begun with more often.
    """
    watched = np.flatnonzero(effort > 0)
    community, first, count = np.unique(
        np.array([code[:12] for code in ground.codes[watched]]), return_index=True, return_counts=True
    )
    of = np.repeat(np.arange(len(community)), count)
    weight = effort[watched] / effort[watched].sum()
    rings = shapely.get_exterior_ring(ground.cells)
    length = shapely.length(rings)
    minutes = np.zeros(len(ground))
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("track,patroller,shift,time,lon,lat,accuracy_m\n")
        for number in range(0, TRACKS * scale, 1000):  # in pieces: at scale 20 the year has six million points
            start = rng.choice(len(watched), min(1000, TRACKS * scale - number), p=weight)
            k = of[start]
            steps = (start - first[k])[:, None] + np.arange(_BLOCKS)
            legs = watched[first[k][:, None] + steps % count[k][:, None]]
            cell, x, y = _walks(legs, rings, length)
            np.add.at(minutes, cell, _SECONDS / 60.0)
            _tracks(number, k, (x, y), rng).to_csv(file, index=False, header=False, lineterminator="\n")
    return minutes


def _walks(
    legs: NDArray[np.int64], rings: NDArray[np.object_], length: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """For tracks × blocks: the cell and position of each of `_POINTS` points along the blocks' outlines."""
    ends = np.cumsum(length[legs], axis=1)
    way = np.arange(_POINTS) * _STEP_M % ends[:, -1:]
    leg = (way[:, :, None] >= ends[:, None, :]).sum(axis=2)
    rows = np.arange(len(legs))[:, None]
    cell = legs[rows, leg]
    on = shapely.line_interpolate_point(rings[cell], way - (ends[rows, leg] - length[cell]))
    return cell.ravel(), shapely.get_x(on).ravel(), shapely.get_y(on).ravel()


def _tracks(
    number: int,
    community: NDArray[np.int64],
    at: tuple[NDArray[np.float64], NDArray[np.float64]],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Tracks from `number` on as rows of the file, with the error of a phone's position."""
    n = len(community)
    lon, lat = from_working(
        at[0] + rng.normal(0, 2.0, n * _POINTS),
        at[1] + rng.normal(0, 2.0, n * _POINTS),
        working="EPSG:4549",
        crs="EPSG:4326",
    )
    shift = rng.integers(0, 3, n)
    second = np.array([7, 13, 18])[shift] * 3600 + rng.integers(0, 9000, n) + rng.integers(0, DAYS, n) * 86_400
    moments = (second[:, None] + np.arange(_POINTS) * _SECONDS).ravel().astype("timedelta64[s]")
    times = np.char.replace(np.datetime_as_string(np.datetime64(FIRST_DAY, "s") + moments, unit="s"), "T", " ")
    return pd.DataFrame(
        {
            "track": np.repeat([f"T{number + i + 1:06d}" for i in range(n)], _POINTS),
            "patroller": np.repeat([f"P{k % 60 + 1:03d}" for k in community.tolist()], _POINTS),
            "shift": np.repeat(np.array(["morning", "afternoon", "evening"])[shift], _POINTS),
            "time": times,
            "lon": np.round(lon, 6),
            "lat": np.round(lat, 6),
            "accuracy_m": np.round(rng.uniform(3, 8, n * _POINTS), 1),
        }
    )
