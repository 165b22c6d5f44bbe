"""Part `pipeline`: a CSV of reports until every row is a decided, stored case, beside pandas and a bare COPY."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg2
import pyarrow as pa
import pyarrow.csv
import shapely
from grounds import World
from measuring import GRIDWARD, HERE, ROOT, Row, run, verdict
from numpy.typing import NDArray
from posting import psycopg_dsn
from sqlalchemy import create_engine

from etl.sample.trouble import DAYS, FIRST_DAY

__all__ = ["dask_rows", "pipeline_rows", "write_reports"]

SAMPLE: Final = ROOT / "data/boundaries/zhonglou/2025-01"
STEPS: Final = ("parse", "locate", "decide", "store")
CATEGORIES: Final = ("0101", "0102", "0201", "0404", "0408", "0409", "0410")
SOURCES: Final = ("patrol", "public", "hotline", "video", "transfer")
COLUMNS: Final = {
    "id": "id", "time": "time", "x": "lon", "y": "lat", "accuracy": "accuracy_m", "source": "source",
    "category": "category", "state": "state", "closed": "closed", "description": "description",
}  # fmt: skip
BARE: Final = """CREATE TABLE bare (id text, "time" timestamp, lon float8, lat float8, accuracy_m float8, source text,
category text, state text, closed timestamp, description text)"""
PEER_MOST: Final = 1_000_000  #: rows beyond which pandas is not asked: minutes and many GB
BLOCK: Final = 1_000_000
ROUNDS: Final = 3  #: of ours and of pandas, one after the other
DASK_GOAL: Final = 1.7
Floats = NDArray[np.float64]
Measured = tuple[Any, Mapping[str, Any]]  #: what ran, and what it said


def pipeline_rows(world: World, *, rows: Sequence[int]) -> list[Row]:
    """All rows of this part."""
    out = []
    with tempfile.TemporaryDirectory(prefix="gridward-bench-") as folder:
        for n in rows:
            path = Path(folder) / "reports.csv"
            write_reports(path, n)
            out += _one_size(world, path, n)
            path.unlink()
    return out


def dask_rows(world: World, *, points: int) -> list[Row]:
    """Many points decided by this process, by Dask's one and two workers, and by two of which one is killed."""
    with tempfile.TemporaryDirectory(prefix="gridward-bench-", dir=world.settings.home) as folder:
        said = run((sys.executable, str(HERE / "dask_run.py"), "--points", str(points), "--out", folder)).said
    told = json.loads(said)
    names = {
        "local": "`reports assign`, this process",
        "dask_1": "`--engine dask`, one worker of one thread",
        "dask_2": "`--engine dask`, two workers",
        "dask_2_one_killed": "`--engine dask`, two workers, one killed with -9",
    }
    out = []
    for name, what in names.items():
        one = told[name]
        same = "the same answers" if one["hash"] == told["local"]["hash"] else "OTHER answers"
        ratio = f"{told['dask_1']['seconds'] / one['seconds']:.2f} × one worker"
        goal = verdict(told["speed_up_1_to_2"] >= DASK_GOAL, f"≥ {DASK_GOAL} ×") if name == "dask_2" else ""
        note = f"submit to last partition; {same}"
        out.append(Row(f"{what}, {points:,} points", f"{one['seconds']:.1f} s", ratio, goal, note))
    return out


def _one_size(world: World, path: Path, n: int) -> list[Row]:
    copied = _copy(world, path)
    rounds = [_round(world, path, n) for _ in range(ROUNDS if n <= PEER_MOST else 1)]
    rounds.sort(key=lambda pair: pair[1][0].seconds / pair[0][0].seconds if pair[1] else 0.0)
    (ours, told), beside = rounds[len(rounds) // 2]
    split = ", ".join(f"{step} {told['seconds'].get(step, 0.0):.1f}" for step in STEPS)
    counts = ", ".join(f"{told[word]:,} {word.replace('_', ' ')}" for word in ("located", "border_desk", "outside"))
    size = f"{path.stat().st_size / 1e6:,.0f} MB"
    out = [
        Row(
            f"`gridward reports load`, {n:,} rows ({size})",
            f"{ours.seconds:.1f} s, {n / ours.seconds / 1000:,.0f} thousand rows/s",
            f"{ours.seconds / copied:.1f} × the COPY",
            note=f"{split}; peak {ours.megabytes:,.0f} MB; {counts}, {told['rejected']:,} rejected; {_count(rounds)}",
        ),
        Row(f"bare COPY into a table without index, {n:,} rows", f"{copied:.1f} s", note="one run"),
    ]
    if beside:
        peer, steps = beside
        all_of_them = ", ".join(f"{theirs[0].seconds / mine[0].seconds:.2f}" for mine, theirs in rounds if theirs)
        words = ", ".join(f"{name} {seconds:.1f}" for name, seconds in steps["seconds"].items())
        inner = sum(steps["seconds"].values())
        out.append(
            Row(
                f"read_csv, points, to_crs, sjoin, to_postgis, {n:,} rows",
                f"{peer.seconds:.1f} s",
                f"{peer.seconds / ours.seconds:.2f} × ours",
                verdict(peer.seconds > ours.seconds, "ours faster"),
                f"{words}: {inner:.1f} s without start and imports; peak {peer.megabytes:,.0f} MB; one level, nothing "
                f"decided; the middle of {len(rounds)} rounds: {all_of_them}",
            )
        )
    return out


def _round(world: World, path: Path, n: int) -> tuple[Measured, Measured | None]:
    """Ours and, where there are not too many rows, pandas right after it."""
    return _ours(world, path), _pandas(world, path) if n <= PEER_MOST else None


def _count(rounds: Sequence[object]) -> str:
    return "one run" if len(rounds) == 1 else f"one of {len(rounds)} runs"


def _ours(world: World, path: Path, *, command: str = "load") -> Measured:
    """The command in a fresh copy of the database, start and imports included."""
    named = [word for option, column in COLUMNS.items() for word in (f"--{option}", column)]
    with world.copy("bench_pipeline") as settings:
        words = (*GRIDWARD, "reports", command, str(path), *named, "--crs", "EPSG:4326", "--json")
        ran = run(words, environment=world.environment(settings))
    return ran, json.loads(ran.said)


def _pandas(world: World, path: Path) -> Measured:
    with world.copy("bench_pandas"):
        address = world.owner("bench_pandas")
        ran = run((sys.executable, str(HERE / "pipeline.py"), str(path), address))
    return ran, json.loads(ran.said)


def _copy(world: World, path: Path) -> float:
    with (
        world.copy("bench_copy"),
        closing(psycopg2.connect(psycopg_dsn(world.owner("bench_copy")))) as connection,
        connection.cursor() as cursor,
        path.open("rb") as file,
    ):
        cursor.execute(BARE)
        connection.commit()
        began = time.perf_counter()
        cursor.copy_expert("COPY bare FROM STDIN CSV HEADER", file)
        connection.commit()
        return time.perf_counter() - began


def write_reports(path: Path, n: int, *, seed: int = 12) -> None:
    """A CSV with the sample's columns: a year of reports all over the district, a few of them beyond it."""
    chance = np.random.default_rng(seed)
    streets = gpd.read_file(SAMPLE / "JD.shp").to_crs("EPSG:4326")
    outline = shapely.union_all(streets.geometry.to_numpy())
    with path.open("wb") as file:
        for start in range(0, n, BLOCK):
            block = _block(chance, outline, start, min(BLOCK, n - start))
            options = pa.csv.WriteOptions(include_header=start == 0, quoting_style="needed")
            pa.csv.write_csv(block, file, options)


def _spots(chance: np.random.Generator, outline: shapely.Geometry, n: int) -> tuple[Floats, Floats]:
    """`n` points in degrees; a few lie outside."""
    west, south, east, north = outline.bounds
    shapely.prepare(outline)
    lon, lat = np.empty(0), np.empty(0)
    while len(lon) < n:
        x, y = chance.uniform(west, east, n), chance.uniform(south, north, n)
        kept = shapely.contains_xy(outline, x, y) | (chance.random(n) < 0.01)
        lon, lat = np.concatenate([lon, x[kept]]), np.concatenate([lat, y[kept]])
    return lon[:n], lat[:n]


def _block(chance: np.random.Generator, outline: shapely.Geometry, start: int, n: int) -> pa.Table:
    lon, lat = _spots(chance, outline, n)
    moment = np.datetime64(f"{FIRST_DAY}T00:00:00") + chance.integers(0, (DAYS - 4) * 86_400, n).astype("m8[s]")
    closed = chance.random(n) < 0.9
    ends = moment + chance.integers(3_600, 200_000, n).astype("m8[s]")
    words = np.array([f"SYNTHETIC 报告 {k}" for k in range(1000)])
    return pa.table(
        {
            "id": np.char.add("B", np.char.zfill(np.arange(start, start + n).astype(str), 8)),
            "time": _times(moment),
            "lon": np.round(lon, 7),
            "lat": np.round(lat, 7),
            "accuracy_m": np.round(chance.uniform(3.0, 45.0, n), 1),
            "source": chance.choice(SOURCES, n),
            "category": chance.choice(CATEGORIES, n),
            "state": np.where(closed, "closed", "open"),
            "closed": pa.array(_times(ends), mask=~closed),
            "description": chance.choice(words, n),
        }
    )


def _times(moments: NDArray[np.datetime64]) -> NDArray[np.str_]:
    return np.char.replace(np.datetime_as_string(moments, unit="s"), "T", " ")


def peer() -> None:
    """What people do with geopandas, timed step by step in this process. Arguments: CSV, database address."""
    path, address = sys.argv[1:]
    engine = create_engine(address)
    cells = gpd.read_file(SAMPLE / "WG.shp")
    seconds: dict[str, float] = {}
    began = time.perf_counter()

    def done(step: str) -> None:
        nonlocal began
        seconds[step], began = time.perf_counter() - began, time.perf_counter()

    frame = pd.read_csv(path, dtype={"category": str})
    done("read_csv")
    points = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["lon"], frame["lat"]), crs="EPSG:4326")
    done("points")
    points = points.to_crs(cells.crs)
    done("to_crs")
    joined = points.sjoin(cells, how="left", predicate="intersects")
    done("sjoin")
    joined.to_postgis("peer", engine, chunksize=50_000)
    done("to_postgis")
    sys.stdout.write(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    peer()
