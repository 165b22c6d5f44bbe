"""Part `locate`: millions of points a second beside the peers, and what a locator costs to build."""

from __future__ import annotations

import json
import pickle
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
from grounds import World, area_set, uniform_points
from measuring import GRIDWARD, HERE, THREADS, Row, Took, run, timed, verdict
from numpy.typing import NDArray
from peers import PEERS, lowest

from gis.areas import AreaSet
from gis.assignment.locator import Locator
from gis.assignment.raster import Raster

__all__ = ["locate_rows"]

BUILD_GOALS: Final = {10_000: 1.0, 100_000: 10.0}  #: seconds by number of cells
COMMAND_GOAL: Final = 1.5
Floats = NDArray[np.float64]


def locate_rows(world: World, cells: int, points: Sequence[int], builds: Sequence[int], *, runs: int) -> list[Row]:
    """All rows of this part."""
    areas = area_set(cells)
    numba.set_num_threads(min(THREADS, numba.config.NUMBA_NUM_THREADS))
    rates, rows = [], []
    for n in points:
        x, y = uniform_points(areas, n)
        took = _ours(areas, x, y, runs)
        rates.append(took.rate(n))
        rows.append(_rate_row(f"ours, three levels and borders, {n:,} points", took, n))
        gather = _gather(areas, x, y, runs)
        share = f"{100 * took.rate(n) / gather.rate(n):.0f} % of it"
        rows.append(
            _rate_row(f"bare gather of one raster, {n:,} points", gather, n, ratio=share, note="memory's limit")
        )
    with world.copy("bench_peers"):
        for n, rate in zip(points, rates, strict=True):
            rows += _peer_rows(areas, n, rate, (world.owner("bench_peers"), runs))
    return [*rows, *(_build_row(n) for n in builds), _command_row(world, runs)]


def _ours(areas: AreaSet, x: Floats, y: Floats, runs: int) -> Took:
    locator = Locator(areas)

    def answer() -> list[Any]:
        located = locator.locate_many(x, y)
        return [(level.index, level.on_border) for level in located.levels]

    return timed(answer, runs=runs)


def _rate_row(what: str, took: Took, n: int, *, ratio: str = "", note: str = "") -> Row:
    told = f"{took.rate(n):.2f} million/s"
    return Row(what, told, ratio, note=", ".join(filter(None, (f"median of {took.runs}", note))))


def _peer_rows(areas: AreaSet, n: int, rate: float, how: tuple[str, int]) -> list[Row]:
    """Every peer on the same points, or on the first of them where all would take minutes."""
    address, runs = how
    x, y = uniform_points(areas, n)
    rows = []
    for kind in PEERS:
        asked = min(n, kind.timed_points)
        try:
            peer = kind(areas.levels[-1].geometry, x[:asked], y[:asked], address)
        except ModuleNotFoundError as missing:
            rows.append(Row(f"{kind.name}, {n:,} points", "missing", note=f"{missing.name} is not installed"))
            continue
        took = timed(peer.join, runs=runs)
        cell = Locator(areas).locate_many(x[:asked], y[:asked]).levels[-1]
        other = (lowest(peer.pairs(), asked) != cell.index) & ~cell.on_border
        peer.close()
        times = rate / took.rate(asked)
        part = f", {asked:,} of the points" if asked < n else ""
        rows.append(
            Row(
                f"{kind.name}, {n:,} points",
                f"{took.rate(asked):.2f} million/s",
                f"{times:.1f} ×",
                verdict(times >= kind.goal, f"≥ {kind.goal:.0f} ×"),
                f"median of {took.runs}{part}; {int(other.sum()):,} points in another cell than ours",
            )
        )
    return rows


@numba.njit(parallel=True)  # type: ignore[misc]
def _gathered(squares: Any, place: Any, out: Any) -> None:
    for i in numba.prange(len(place)):
        out[i] = squares[place[i]]


def _gather(areas: AreaSet, x: Floats, y: Floats, runs: int) -> Took:
    """Reading the square of each point from the locator's own raster, its place known: nobody can be faster than that.

    A coarser raster fits into the cache, and gives a limit that no locator of these areas has.
    """
    raster = Raster.of(areas.levels, np.empty(0, dtype=object))
    if raster is None:
        raise RuntimeError("the areas of the bench have no raster")
    west, south, side, columns, *_ = raster.grid
    column, row = (((v - low) / side).astype(np.int64) for v, low in ((x, west), (y, south)))
    place = (row * int(columns) + column).astype(np.int32)
    squares, out = raster.squares.ravel(), np.empty(len(x), dtype=np.int32)
    return timed(lambda: _gathered(squares, place, out), runs=runs)


def _build_row(n: int) -> Row:
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        Path(file.name).write_bytes(pickle.dumps(area_set(n)))
        command = (sys.executable, str(HERE / "building.py"), file.name, "1000000")
        run(command)
        told = json.loads(run(command).said)
    goal = BUILD_GOALS.get(n)
    return Row(
        f"locator of {n:,} cells built, its raster included",
        f"{told['seconds']:.2f} s",
        goal=verdict(told["seconds"] <= goal, f"≤ {goal:.0f} s") if goal else "",
        note=f"fresh process; first answer after {told['first']:.2f} s; + {told['build_mb']:,.0f} MB; "
        f"peak {told['peak_mb']:,.0f} MB with 1,000,000 points",
    )


def _command_row(world: World, runs: int) -> Row:
    command = (*GRIDWARD, "locate", "119.93", "31.78", "--accuracy", "10", "--json")
    environment = world.environment(world.settings)
    took = timed(lambda: run(command, environment=environment), runs=runs)
    return Row(
        "`gridward locate`, wall time",
        f"{took.seconds:.2f} s",
        goal=verdict(took.seconds <= COMMAND_GOAL, f"≤ {COMMAND_GOAL} s"),
        note=f"median of {took.runs}; the sample district",
    )
