"""Bulk assignment measured: this process, one Dask worker, two, and two of which one is killed; the same answers each.

    python tests/benchmarks/dask_run.py --points 20000000 --out FOLDER [--smoke]

A city of 10,000 cells as an assigner without a database, uniform points in Parquet. Wall time is from the submission
to the last partition, the start of the workers and of their imports included. Prints one JSON text.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from city import cells_of, city, dissolved

from etl.assigning import Engine, Run, begin, local
from etl.backfill import dask_engine
from etl.points import PointsFile
from gis.areas import AreaSet, LevelAreas, paths_of
from gis.assignment.parts import PartsIndex
from gis.assignment.register import Register
from gis.place import read_place
from gis.rules import Rule
from gis.services.bulk import Assigner, Ground
from gis.units import Territory, Unit

ROOT: Final = Path(__file__).resolve().parents[2]
THEN: Final = date(2000, 1, 1)
NOW: Final = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
CATEGORIES: Final = [f"{major:02d}{minor:02d}" for major in range(1, 11) for minor in range(1, 6)]
COLUMNS: Final = {"x": "x", "y": "y", "time": "time", "category": "category", "accuracy": "accuracy"}
GROUP: Final = 1_000_000


def areas_of(cells: int) -> AreaSet:
    """The areas of a synthetic city."""
    codes, polygons = cells_of(city(cells))
    layers, above = [], {"320404": -1}
    drawn = [dissolved(codes, polygons, digits) for digits in (9, 12, 15)]
    parents = [[code[: 6 if len(code) == 9 else len(code) - 3] for code in mine] for mine, _ in drawn]
    paths = paths_of([(list(mine), up) for (mine, _), up in zip(drawn, parents, strict=True)])
    start = 1
    for name, (mine, ground), up, path in zip(("street", "community", "cell"), drawn, parents, paths, strict=True):
        order = np.argsort(np.array(path, dtype=object))
        words = np.asarray(mine, dtype=object)[order]
        index = np.array([above[up[i]] for i in order], dtype=np.int64)
        has = np.full(len(words), name != "cell")
        ids = np.arange(start, start + len(words))
        full = np.array(path, dtype=object)[order]
        layers.append(
            LevelAreas(name, ids, words, words, words, full, index, has, shapely.area(ground[order]), ground[order])
        )
        above = {code: i for i, code in enumerate(words.tolist())}
        start += len(words)
    return AreaSet(1, tuple(layers))


def assigner_of(areas: AreaSet) -> Assigner:
    """The city with a unit for each street, and rules for some categories."""
    streets = areas.levels[0].codes.tolist()
    none = AreaSet(
        None,
        tuple(LevelAreas(v.level, *(getattr(v, n)[:0] for n in LevelAreas.__slots__[1:])) for v in areas.levels),
    )
    words, days = np.array([], dtype=object), np.array([], dtype="datetime64[D]")
    numbers = np.array([], dtype=float)
    units = [Unit(f"S{code}", code, "", "street", "", THEN) for code in streets]
    bureaus = [Unit(f"D{n}", f"D{n}", "", "department", "", THEN) for n in range(1, 6)]
    rules = [Rule(f"R{n}", n, f"{n:02d}", "", f"D{n}", "r", "r", THEN, id=n) for n in range(1, 6)]
    return Assigner(
        place=read_place(ROOT / "data/boundaries/zhonglou/place.toml"),
        grounds=(Ground(None, none, (), 0.0), Ground(date(2025, 1, 1), areas, (), 0.5)),
        register=Register(
            (*units, *bureaus), tuple(Territory(code, f"S{code}", THEN) for code in streets), tuple(rules)
        ),
        parts=PartsIndex(np.array([], dtype=np.int64), *[words] * 7, days, days, numbers, numbers),
        categories=tuple((code, THEN, None) for code in CATEGORIES),
    )


def write_points(path: Path, n: int, areas: AreaSet) -> None:
    """Uniform points over the city's box, in row groups of a million."""
    west, south, east, north = shapely.total_bounds(areas.levels[0].geometry)
    chance = np.random.default_rng(320404)
    words = pa.array(CATEGORIES)
    begin_s, end_s = (np.datetime64(day, "s").astype(np.int64) for day in ("2025-06-01", "2026-10-01"))
    writer = None
    for first in range(0, n, GROUP):
        size = min(GROUP, n - first)
        moments = chance.integers(begin_s, end_s, size).astype("datetime64[s]").astype("datetime64[us]")
        table = pa.table(
            {
                "x": chance.uniform(west, east, size),
                "y": chance.uniform(south, north, size),
                "time": pa.array(moments, type=pa.timestamp("us", tz="UTC")),
                "category": pa.DictionaryArray.from_arrays(chance.integers(0, len(words), size, np.int32), words),
                "accuracy": chance.choice([3.0, 5.0, 10.0, 20.0], size),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=GROUP)
    if writer:
        writer.close()


def killing(engine: Engine) -> Engine:
    """The engine, one of whose workers is killed with SIGKILL after the second partition."""

    def run(order: Any, assigner: Assigner, parts: Any) -> Iterator[Any]:
        for n, done in enumerate(engine(order, assigner, parts)):
            if n == 1:
                os.kill(worker_pids()[0], signal.SIGKILL)
            yield done

    return run


def worker_pids() -> list[int]:
    """The processes that this one started and that were spawned to work, the youngest first."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 1) for line in listed.splitlines()]
    return sorted((int(pid) for pid, args in rows if "spawn_main" in args), reverse=True)


def measured(make: Callable[[], Engine], a: Assigner, file: PointsFile, folder: Path, size: int) -> dict[str, Any]:
    """One run in an empty folder: seconds, points a second, and one hash of all answers in their order."""
    shutil.rmtree(folder, ignore_errors=True)
    run: Run = begin(a, file, folder, size=size, at=NOW)
    began = time.perf_counter()
    at_first = 0.0
    for done in make()(run.order, a, run.todo):
        at_first = at_first or time.perf_counter() - began
        run.add(done)
        last = time.perf_counter() - began
    rows = run.manifest["partitions"]
    digest = hashlib.sha256("".join(row["sha256"] for row in rows).encode()).hexdigest()
    n = sum(row["rows"] for row in rows)
    shutil.rmtree(folder, ignore_errors=True)
    return {
        "seconds": round(last, 2),
        "first_partition_s": round(at_first, 2),
        "points_per_s": round(n / last),
        "partitions": len(rows),
        "rows": n,
        "hash": digest[:16],
    }


def main() -> None:
    """Read the arguments, make the input, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20_000_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--partition", type=int, default=250_000)
    parser.add_argument("--smoke", action="store_true", help="At most 2 million points.")
    asked = parser.parse_args()
    n = min(asked.points, 2_000_000) if asked.smoke else asked.points
    asked.out.mkdir(parents=True, exist_ok=True)
    areas = areas_of(asked.cells)
    path = asked.out / f"points-{n}.parquet"
    if not path.exists():
        write_points(path, n, areas)
    a, file = assigner_of(areas), PointsFile(path, COLUMNS, "EPSG:4549")
    ways: dict[str, Callable[[], Engine]] = {
        "local": lambda: local,
        "dask_1": lambda: dask_engine(workers=1),
        "dask_2": lambda: dask_engine(workers=2),
        "dask_2_one_killed": lambda: killing(dask_engine(workers=2)),
    }
    told: dict[str, Any] = {"points": n, "cells": asked.cells, "bytes": path.stat().st_size}
    for name, make in ways.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        told[name] = measured(make, a, file, asked.out / name, asked.partition)
    told["speed_up_1_to_2"] = round(told["dask_1"]["seconds"] / told["dask_2"]["seconds"], 2)
    told["same_answers"] = len({told[name]["hash"] for name in ways}) == 1
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
