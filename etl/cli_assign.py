"""`gridward reports assign`: a file of any size decided, or the stored cases decided anew; nothing is stored."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import click

from gis.cli import platform_of
from gis.cli_terminal import say, say_json
from gis.errors import BadOption
from gis.services.platform import Platform

__all__ = ["assign"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options that say how: engine, scheduler, workers, rows in a partition."""

    engine: str
    scheduler: str | None
    workers: int
    partition: int
    quiet: bool


@click.command()
@click.argument("file", required=False)
@click.option("-o", "--output", help="File (.parquet) or folder of part files to write; without it: counts alone.")
@click.option("--x", default="", help="Column of the east coordinate or longitude.")
@click.option("--y", default="", help="Column of the north coordinate or latitude.")
@click.option("--crs", default="", help="CRS of x and y: EPSG:n, GCJ-02 or BD-09.")
@click.option("--id", "id_", default="", help="Column of the source's own id (default: the row's number).")
@click.option("--time", "time_", default="", help="Column of the time received (default: now).")
@click.option("--category", default="", help="Column of the category code.")
@click.option(
    "--accuracy", default="", help="Column of the accuracy: metres, a radius that holds the place's accuracy_level."
)
@click.option("--source", default="", help="Column of the source (default: all from the public).")
@click.option("--part", default="", help="Column of the identifier of the part that is meant.")
@click.option("--encoding", default="utf-8-sig", help="Encoding of a CSV (default UTF-8).")
@click.option("--all", "every", is_flag=True, help="Decide every stored case anew, instead of a file.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The stored cases received since this day alone.")
@click.option("--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True)
@click.option("--scheduler", metavar="URL", help="Address of a Dask scheduler, as tcp://10.0.0.5:8786.")
@click.option("--workers", type=click.IntRange(1, 512), default=2, show_default=True, help="Dask's processes here.")
@click.option(
    "--partition",
    type=click.IntRange(1, 10_000_000),
    default=250_000,
    show_default=True,
    help="Rows decided, and written, at once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.pass_context
def assign(
    ctx: click.Context,
    /,
    file: str | None,
    output: str | None,
    encoding: str,
    every: bool,
    since: datetime | None,
    engine: str,
    scheduler: str | None,
    workers: int,
    partition: int,
    as_json: bool,
    crs: str,
    **names: str,
) -> None:
    """Decide the points of a CSV, a Parquet file or a folder of Parquet files, or stored cases; stores nothing.

    The same command again goes on where it was stopped.
    """
    from etl.points import PointsFile

    columns = {name.removesuffix("_"): column for name, column in names.items()}
    _require_one_input(file, every or since is not None, columns, crs)
    asked = _Asked("dask" if scheduler else engine, scheduler, workers, partition, as_json or not sys.stderr.isatty())
    if scheduler and output is None:
        raise BadOption("--scheduler needs -o, a place in a folder that every worker sees under the same path.")
    given = PointsFile(Path(file), columns, crs, encoding) if file else None
    day = since.date() if since else date(1, 1, 1)
    told = _run(platform_of(ctx), given, output, asked, day)
    if as_json:
        say_json(told)
    else:
        say(*_told(told, output))
    if told["rejected"]:
        ctx.exit(1)


def _require_one_input(file: str | None, stored: bool, columns: dict[str, str], crs: str) -> None:
    if (file is None) != stored:
        raise BadOption("Wanted either a FILE to decide, or --all or --since DATE for the cases that are stored.")
    named = [f"--{name}" for name, column in {**columns, "crs": crs}.items() if column]
    if stored and named:
        raise BadOption(f"{', '.join(named)}: stored cases have no such options; leave them away, or give a FILE.")
    absent = [f"--{name}" for name, word in (("x", columns["x"]), ("y", columns["y"]), ("crs", crs)) if not word]
    if file and absent:
        raise BadOption(f"A FILE needs {', '.join(absent)}: which columns hold the position, and in which CRS.")


def _run(p: Platform, given: Any, output: str | None, asked: _Asked, since: date) -> dict[str, Any]:
    from etl import assigning
    from etl.points import delimiter_of
    from gis.crs import parse_crs
    from gis.services.bulk import assigner

    if given:
        parse_crs(given.crs)
    decide = _engine(asked)
    with _room(output) as folder:
        file = given or assigning.write_standing(p, folder, since, asked.partition)
        found = assigner(p)
        run = assigning.begin(found, file, folder, size=asked.partition, at=datetime.now(UTC), stored=given is None)
        left = sum(part.rows for part in run.todo)
        with _bar(left, quiet=asked.quiet) as bar:
            for done in decide(run.order, found, run.todo) if run.todo else ():
                run.add(done)
                bar.update(done["rows"])
        told = assigning.totals(run.manifest["partitions"])
        assigning.clear(folder)
        if output and Path(output).suffix.lower() == ".parquet":
            assigning.joined(folder, run.manifest, Path(output))
            shutil.rmtree(folder)
    told["delimiter"] = delimiter_of(given) if given else ""
    return {**told, "partitions": len(run.manifest["partitions"]), "taken_over": run.taken_over}


def _engine(asked: _Asked) -> Any:
    from etl.assigning import local

    if asked.engine == "local":
        return local
    from etl.backfill import dask_engine

    return dask_engine(workers=asked.workers, scheduler=asked.scheduler)


@contextmanager
def _room(output: str | None) -> Iterator[Path]:
    """The folder that takes the answers: the one that is named, one beside the file that is named, or for a while."""
    if output is None:
        with tempfile.TemporaryDirectory(prefix="gridward-assign-") as room:
            yield Path(room)
        return
    path = Path(output)
    if not path.absolute().parent.is_dir():
        raise BadOption(f"-o is {output!r}, but its folder does not exist; make it first.")
    if path.suffix.lower() == ".parquet":
        if path.is_dir():
            raise BadOption(f"-o is {output!r}, which is a folder; give a file, or a folder without that ending.")
        yield path.with_name(f".{path.name}.parts")
    elif path.exists() and not path.is_dir():
        raise BadOption(f"-o is {output!r}, which is a file; wanted a folder, or a file name ending in .parquet.")
    else:
        yield path


@contextmanager
def _bar(n: int, *, quiet: bool) -> Iterator[Any]:
    with click.progressbar(length=max(n, 1), label="  assign", file=StringIO() if quiet else sys.stderr) as bar:
        yield bar


def _told(told: dict[str, Any], output: str | None) -> list[str]:
    counts = ", ".join(f"{outcome} {n}" for outcome, n in told["outcomes"].items())
    lines = [f"{told['rows']} rows: {counts}." if told["rows"] else "0 rows."]
    lines += [f"  rejected for their {reason}: {n}" for reason, n in told["rejected"].items()]
    if told["delimiter"] not in ("", ","):
        lines.append(f"  read with {told['delimiter']!r} between the columns, by its header")
    if told["parts_not_taken"]:
        lines.append(
            f"  {told['parts_not_taken']} rows name a part that decided nothing: none of that identifier was there on "
            "their day, or their category is not about parts; their position decided."
        )
    if told["moves"]:
        lines.append(f"  {sum(move['count'] for move in told['moves'])} would have another unit:")
    lines += [f"  {m['before'] or '–':<12}-> {m['after'] or '–':<12}{m['count']:>9}" for m in told["moves"]]
    if told["taken_over"]:
        lines.append(f"  {told['taken_over']} of {told['partitions']} partitions were there already.")
    return [*lines, f"  written to {output}"] if output else lines
