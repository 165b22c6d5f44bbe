"""`make bench`: ratios of one run on the same data, against peers. No time is asserted.

Part `boundaries` is here: a release beside bare loads by ogr2ogr and geopandas. The other parts are in assignment.py.
ARGS=--write also puts the tables into docs/benchmarks.md and docs/performance.md; ARGS='--sizes 10000 --runs 3'
measures less, ARGS='--only locate,exact' some parts, ARGS=--smoke everything small, ARGS=--full more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import assignment
import geopandas as gpd
from city import city, redrawn, write_delivery
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from gis.services.schema import migrate
from gis.settings import Settings
from gis.store.cluster import Cluster

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
PAGE: Final = ROOT / "docs/benchmarks.md"
MARKS: Final = ("<!-- table -->", "<!-- end -->")
STEPS: Final = ("read", "check", "stage", "approve", "activate", "total")
SMALL: Final = 1_000
BOUNDARIES: Final = "boundaries"
GOAL_OGR: Final = 20.0
GOAL_GROWTH: Final = 12.0


@dataclass(frozen=True, slots=True)
class Size:
    """What was measured for one number of cells; each step is the median of its runs, a peer the best of its."""

    n: int
    runs: int
    steps: tuple[Mapping[str, float], ...]  #: one for each release
    children: float  #: start and imports of the sandbox's children
    megabytes: tuple[float, float]  #: peak of the parent, of a child
    ogr2ogr: float | None
    geopandas: float
    diff: Mapping[str, int]


class Bench:
    """A home with a private cluster, and the deliveries of each size."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="gridward-bench-"))
        self.home.chmod(0o755)
        place = (ROOT / "data/boundaries/zhonglou/place.toml").read_text(encoding="utf-8")
        line = next(line for line in place.splitlines() if line.startswith("extent"))
        (self.home / "place.toml").write_text(
            place.replace(line, "extent = [119.8, 31.6, 120.4, 32.4]"), encoding="utf-8"
        )
        self.settings = Settings(self.home, self.home / "place.toml")
        self.cluster = Cluster.of(self.settings)

    def __enter__(self) -> Bench:
        self.cluster.up()
        migrate(self.settings)
        write_delivery(self.home / "small", city(SMALL), valid_from=date(2025, 1, 1))
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.down()
        self.cluster.remove()
        shutil.rmtree(self.home, ignore_errors=True)

    def size(self, n: int, runs: int) -> Size:
        """Everything about one number of cells."""
        first, folder = city(n), self.home / str(n)
        write_delivery(folder / "one", first, valid_from=date(2025, 1, 1))
        write_delivery(folder / "two", redrawn(first), valid_from=date(2026, 1, 1))
        told = [self._ours(folder) for _ in range(runs)]
        cells = folder / "one/WG.shp"
        ogr = [self._ogr2ogr(cells) for _ in range(runs)] if shutil.which("ogr2ogr") else []
        frames = [self._geopandas(cells) for _ in range(runs)]
        releases = range(len(told[0]["releases"]))
        medians = [
            {s: statistics.median(t["releases"][r]["seconds"][s] for t in told) for s in STEPS} for r in releases
        ]
        peak = [max(t[who] for t in told) / 1024 for who in ("parent_kb", "child_kb")]
        counts = {k: v for k, v in told[0]["releases"][1]["diff"]["cell"].items() if v}
        children = statistics.median(t["children_start"] for t in told)
        shutil.rmtree(folder)
        return Size(
            n, runs, tuple(medians), children, (peak[0], peak[1]), min(ogr) if ogr else None, min(frames), counts
        )

    def _ours(self, folder: Path) -> Mapping[str, Any]:
        """One run in a process and a database of its own."""
        name = "bench_ours"
        self.cluster.drop_database(name)
        self.cluster.create_database(name, template="gridward")
        told = subprocess.run(
            [
                sys.executable, str(HERE / "ours.py"), self.cluster.url("gridward_app", database=name),
                str(self.settings.config), str(self.home / "small"), str(folder / "one"), str(folder / "two"),
            ],
            stdout=subprocess.PIPE, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.cluster.drop_database(name)
        answer: Mapping[str, Any] = json.loads(told.stdout)
        return answer

    def _peers(self) -> str:
        self.cluster.drop_database("bench_peers")
        self.cluster.create_database("bench_peers", template="gridward")
        return "bench_peers"

    def _ogr2ogr(self, cells: Path) -> float:
        """The cell layer alone into the same server, with its spatial index, start of the program included."""
        address = f"PG:host={self.cluster.socket} port=5432 dbname={self._peers()} user=gridward_owner"
        command = ["ogr2ogr", "-f", "PostgreSQL", address, str(cells), "-nln", "peer", "-nlt", "PROMOTE_TO_MULTI"]
        began = time.perf_counter()
        subprocess.run(command, check=True)
        return time.perf_counter() - began

    def _geopandas(self, cells: Path) -> float:
        engine = create_engine(self.cluster.url("gridward_owner", database=self._peers()), poolclass=NullPool)
        began = time.perf_counter()
        gpd.read_file(cells).to_postgis("peer", engine)
        took = time.perf_counter() - began
        engine.dispose()
        return took


def ratio(value: float, peer: float | None) -> str:
    return "missing" if peer is None else f"{value / peer:.1f} ×"


def table(sizes: Sequence[Size]) -> str:
    """The whole page's figures, as Markdown that can also be read in a terminal."""
    names = [f"{s.n:,} cells, release {r}" for s in sizes for r in (1, 2)]
    columns = [(s, s.steps[r]) for s in sizes for r in (0, 1)]
    rows = [[step, *(f"{steps[step]:.2f} s" for _, steps in columns)] for step in STEPS]
    bare = [steps["total"] - s.children for s, steps in columns]
    rows += [
        ["children's start and imports, within read", *(f"{s.children:.2f} s" for s, _ in columns)],
        ["total without them", *(f"{b:.2f} s" for b in bare)],
        ["ogr2ogr, cell layer alone", *("missing" if s.ogr2ogr is None else f"{s.ogr2ogr:.2f} s" for s, _ in columns)],
        ["geopandas read_file + to_postgis, the same", *(f"{s.geopandas:.2f} s" for s, _ in columns)],
        ["**total to ogr2ogr**", *(ratio(steps["total"], s.ogr2ogr) for s, steps in columns)],
        ["without the children's start", *(ratio(b, s.ogr2ogr) for b, (s, _) in zip(bare, columns, strict=True))],
        ["total to geopandas", *(ratio(steps["total"], s.geopandas) for s, steps in columns)],
        ["peak memory, parent and child", *(f"{s.megabytes[0]:,.0f} + {s.megabytes[1]:,.0f} MB" for s, _ in columns)],
    ]
    lines = ["| step | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", *verdicts(sizes), "", facts(sizes)])


def verdicts(sizes: Sequence[Size]) -> list[str]:
    """The two goals, each with what was found."""
    out = []
    first = sizes[0]
    for r in (0, 1):
        found = ratio(first.steps[r]["total"], first.ogr2ogr)
        out.append(f"* {first.n:,} cells, release {r + 1}, to ogr2ogr: {found} (goal: at most {GOAL_OGR:.0f} ×).")
    if len(sizes) > 1:
        last = sizes[-1]
        for r in (0, 1):
            growth = ratio(last.steps[r]["total"], first.steps[r]["total"])
            goal = f"goal: at most {GOAL_GROWTH:.0f} ×"
            out.append(f"* {last.n:,} against {first.n:,} cells, release {r + 1}: {growth} ({goal}).")
    return out


def facts(sizes: Sequence[Size]) -> str:
    """The machine and the versions, without a date: what a figure is worth."""
    gdal = "no ogr2ogr"
    if shutil.which("ogr2ogr"):
        told = subprocess.run(["ogr2ogr", "--version"], capture_output=True, text=True, check=True)
        gdal = told.stdout.partition(",")[0]
    packages = ", ".join(f"{name} {version(name)}" for name in ("shapely", "geopandas", "pyogrio", "numpy"))
    runs = ", ".join(f"{s.n:,} cells: {s.runs} run(s)" for s in sizes)
    counts = ", ".join(f"{v} {k}" for k, v in sizes[0].diff.items())
    return (
        f"Measured on {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {packages}; {gdal} as the peer. "
        f"{runs}; ours are medians, peers their best. "
        f"Release 2 of {sizes[0].n:,} cells: {counts}."
    )


def write(page: Path, text: str) -> None:
    """Put a table between the page's marks."""
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


def boundaries(given: argparse.Namespace) -> str:
    """Measure the part of this module."""
    chosen = [SMALL] if given.smoke else given.sizes
    with Bench() as bench:
        status = bench.cluster.status()
        sizes = [bench.size(n, 1 if k or given.smoke else given.runs) for k, n in enumerate(chosen)]
    return f"{table(sizes)} PostgreSQL {status.server.split()[0]}, PostGIS {status.postgis}."


def parts(text: str) -> list[str]:
    """The names of --only; argparse tells of a wrong one."""
    names = text.split(",")
    if not set(names) <= {BOUNDARIES, *assignment.PARTS}:
        raise argparse.ArgumentTypeError(f"{text!r}; wanted some of {BOUNDARIES}, {', '.join(assignment.PARTS)}")
    return names


def main() -> None:
    """Measure, print, and write where asked."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument(
        "--write", action="store_true", help="put the tables into docs/; a part not measured is left out"
    )
    asked.add_argument("--only", type=parts, help="parts, with commas between: boundaries, locate, exact, pipeline, …")
    asked.add_argument("--smoke", action="store_true", help="small sizes: does everything still run?")
    asked.add_argument("--full", action="store_true", help="10 million rows through the pipeline as well")
    asked.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], help="cells of a boundary release")
    asked.add_argument("--runs", type=int, default=3, help="runs of the first size; the others get one")
    asked.add_argument("--points", type=int, nargs="+", help="points to locate (default 1 and 10 million)")
    asked.add_argument("--rows", type=int, nargs="+", help="rows of the pipeline (default 1 and 3 million)")
    given = asked.parse_args()
    chosen = given.only or [BOUNDARIES, *assignment.PARTS]
    if BOUNDARIES in chosen:
        text = boundaries(given)
        sys.stdout.write(text + "\n")
        if given.write:
            write(PAGE, text)
    rest = [name for name in assignment.PARTS if name in chosen]
    if rest:
        text = assignment.measure(rest, assignment.Sizes.of(given))
        sys.stdout.write(text + "\n")
        if given.write:
            write(assignment.PAGE, text)


if __name__ == "__main__":
    main()
