"""What every measurement needs: honest medians, programs with their time and memory, rows and verdicts."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

__all__ = ["GRIDWARD", "HERE", "ROOT", "THREADS", "Ran", "Row", "Took", "machine", "run", "table", "timed", "verdict"]

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
THREADS: Final = 2
GRIDWARD: Final = (sys.executable, "-c", "from gis.cli import main; main()")
PACKAGES: Final = (
    *("numpy", "numba", "shapely", "pandas", "geopandas", "pyogrio", "pyarrow", "sqlalchemy", "psycopg2-binary"),
    *("flask", "gunicorn", "dask", "sedonadb", "duckdb", "duckdb-extension-spatial"),
)
#: A small process between: a program started by a large one would be charged with the memory of its parent.
_LAUNCH: Final = """
import resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.call(sys.argv[2:])
took = time.perf_counter() - began
with open(sys.argv[1], "w") as told:
    told.write(f"{took} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
sys.exit(code)
"""
#: seconds after which no further run of one thing is begun
PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Took:
    """The median of some warm runs."""

    seconds: float
    runs: int

    def rate(self, n: int) -> float:
        """Millions a second."""
        return n / self.seconds / 1e6


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the page."""

    what: str
    figure: str
    ratio: str = ""
    goal: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that ended well."""

    said: str
    seconds: float
    megabytes: float  #: peak of its resident memory, or of its largest child's


def timed(work: Callable[[], Any], *, runs: int = 7, patience: float = PATIENCE) -> Took:
    """The median of warm runs: one that does not count, then up to `runs`, fewer when they take over `patience` s."""
    work()
    took: list[float] = []
    while len(took) < runs and (len(took) < 2 or sum(took) < patience):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return Took(statistics.median(took), len(took))


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Ran:
    """Run a program to its end; RuntimeError with its last words when it fails."""
    env = os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {})
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        ended = subprocess.run(
            [sys.executable, "-S", "-c", _LAUNCH, str(told), *command],
            capture_output=True, check=False, env=env, cwd=cwd,
        )  # fmt: skip
        if ended.returncode:
            raise RuntimeError(f"{' '.join(command)}: {ended.returncode}\n{ended.stderr.decode()[-2000:]}")
        seconds, kilobytes = told.read_text().split()
    return Ran(ended.stdout.decode(), float(seconds), int(kilobytes) / 1024)


def verdict(met: bool, goal: str) -> str:
    """A goal and whether it was met."""
    return f"{goal}: {'met' if met else '**not met**'}"


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | figure | ratio | goal | note |", "|---|---|---|---|---|"]
    return "\n".join(lines + [f"| {r.what} | {r.figure} | {r.ratio} | {r.goal} | {r.note} |" for r in rows])


def machine(extra: str) -> str:
    """Machine, versions and date: what a figure is worth."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "CPU"
    )
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {cpu}, {os.cpu_count()} cores, {memory:.0f} GB, "
        f"{platform.system()} {platform.release()} {platform.machine()}, "
        f"Python {platform.python_version()}, {packages}; {extra}. "
        f"Load of the machine at the end: {os.getloadavg()[0]:.1f}."
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
