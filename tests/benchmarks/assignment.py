"""The parts of `make bench` about assignment: which there are, how large, and their tables for docs/performance.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from exactness import exact_rows
from grounds import World, world
from measuring import ROOT, Row, machine, table
from pipeline import dask_rows, pipeline_rows
from posting import http_rows
from rates import locate_rows

__all__ = ["PAGE", "PARTS", "Sizes", "measure"]

PAGE: Final[Path] = ROOT / "docs/performance.md"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    cells: int = 10_000
    points: Sequence[int] = (1_000_000, 10_000_000)
    builds: Sequence[int] = (10_000, 100_000)
    exact: int = 1_000_000
    in_sql: int = 100_000
    rows: Sequence[int] = (1_000_000, 3_000_000)
    requests: int = 500
    runs: int = 7
    dask: int = 20_000_000

    @classmethod
    def of(cls, given: argparse.Namespace) -> Sizes:
        """From the options of `make bench`."""
        sizes = cls()
        if given.smoke:
            sizes = cls(1_000, (20_000,), (1_000,), 20_000, 2_000, (2_000,), 40, 2, 200_000)
        if given.full:
            sizes = replace(sizes, rows=(*sizes.rows, 10_000_000))
        return replace(sizes, points=given.points or sizes.points, rows=given.rows or sizes.rows)


PARTS: Final[Mapping[str, tuple[str, Callable[[World, Sizes], list[Row]]]]] = {
    "locate": ("Locating", lambda w, s: locate_rows(w, s.cells, s.points, s.builds, runs=s.runs)),
    "exact": ("Exactness", lambda w, s: exact_rows(w, cells=s.cells, points=s.exact, in_sql=s.in_sql)),
    "pipeline": ("From a file to decided cases", lambda w, s: pipeline_rows(w, rows=s.rows)),
    "http": ("One report over HTTP", lambda w, s: http_rows(w, requests=s.requests)),
    "dask": ("Bulk assignment on a Dask cluster", lambda w, s: dask_rows(w, points=s.dask)),
}


def measure(parts: Sequence[str], sizes: Sizes) -> str:
    """The tables of these parts, then the machine; each table is printed as soon as it is there."""
    out = []
    with world() as made:
        status = made.cluster.status()
        for name in parts:
            title, rows = PARTS[name]
            sys.stderr.write(f"{title} …\n")
            told = table(rows(made, sizes))
            sys.stderr.write(told + "\n")
            out.append(f"### {title}\n\n{told}\n")
    return "\n".join([*out, machine(f"PostgreSQL {status.server.split()[0]}, PostGIS {status.postgis}")])
