"""`gridward reports load|assign|export`: a CSV in, every decided case out."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from etl.cli_assign import assign
from etl.reports import Columns, Reading, Rejected, ReportFile, reject_limit, taken
from gis.acts import Act
from gis.cli import platform_of
from gis.errors import BadOption, FileFault
from gis.periods import local_day
from gis.rights import ALL
from gis.services import cases as case_service
from gis.services import casework
from gis.services.platform import Platform

__all__ = ["NAMESPACE", "load_file", "reports"]

#: the ids of reports that came by file
NAMESPACE = "reports"


class Split:
    """Where the seconds went, by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._step = ""
        self._since = time.monotonic()

    def begin(self, step: str) -> None:
        now = time.monotonic()
        if self._step:
            self.seconds[self._step] = self.seconds.get(self._step, 0.0) + now - self._since
        self._step, self._since = step, now

    def end(self) -> dict[str, float]:
        self.begin("")
        return {step: round(value, 3) for step, value in self.seconds.items()}


@click.group()
def reports() -> None:
    """Reports of problems: loaded, located, assigned; exported with their evidence."""


reports.add_command(assign)


@reports.command()
@click.argument("file")
@click.option("--x", required=True, help="Column of the east coordinate or longitude.")
@click.option("--y", required=True, help="Column of the north coordinate or latitude.")
@click.option("--crs", required=True, help="CRS of x and y: EPSG:n, GCJ-02 or BD-09.")
@click.option("--id", "id_", default="", help="Column of the source's own id (default: the row's words).")
@click.option("--time", "time_", default="", help="Column of the time received (default: now).")
@click.option("--category", default="", help="Column of the category code.")
@click.option("--accuracy", default="", help="Column of the accuracy: radius in metres.")
@click.option(
    "--accuracy-level", default=0.68, show_default=True, help="Share of the error that the accuracy's radius holds."
)
@click.option("--part", default="", help="Column of the identifier of the part that the reporter picked.")
@click.option("--state", default="", help="Column of the state: open or closed.")
@click.option("--closed", default="", help="Column of the time closed.")
@click.option("--source", default="", help="Column of the source (default: all from the public).")
@click.option("--description", default="", help="Column of the description.")
@click.option("--encoding", default="utf-8-sig", help="Encoding of the file (default UTF-8).")
@click.option(
    "--max-rejects", default="1%", show_default=True, help="Share or number of bad rows above which nothing is stored."
)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def load(ctx: click.Context, /, file: str, crs: str, max_rejects: str, as_json: bool, **said: Any) -> None:
    """Load a CSV of reports: each is located at every level, assigned by rule, and stored with its evidence.

    Loading the same file or ids again stores nothing new.
    """
    encoding, level = said.pop("encoding"), said.pop("accuracy_level")
    if not 0.0 < level < 1.0:
        raise BadOption(f"--accuracy-level is {level}; wanted a share between 0 and 1, such as 0.68 or 0.95.")
    named = {name.removesuffix("_"): value for name, value in said.items()}
    reject_limit(max_rejects, 1)
    answer = load_file(
        platform_of(ctx),
        ReportFile(Path(file), Columns(**named), crs, encoding, level),
        max_rejects=max_rejects,
        quiet=as_json,
    )
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else _told(answer))
    if answer["rejected"]:
        ctx.exit(1)


def load_file(p: Platform, file: ReportFile, *, max_rejects: str = "1%", quiet: bool = False) -> dict[str, Any]:
    """Parse, decide and store a CSV; the counts and seconds as `reports load --json` prints them.

    Σ located, outside, gap, border_desk, known, rejected = rows.
    """
    split, shown = Split(), not quiet and sys.stderr.isatty()

    def step(name: str) -> None:
        split.begin(name)
        if shown:
            click.echo(f"\r  {name:<10}", err=True, nl=False)

    now = datetime.now(UTC)
    categories = (
        casework.known_categories(p, local_day(now, p.place.timezone)) if file.columns.category else frozenset[str]()
    )
    reading = Reading(file, place=p.place, categories=categories, now=now, on_step=step)
    outcome = casework.load_many(
        p,
        reading.batches(),
        namespace=NAMESPACE,
        act=Act("reports load", now),
        on_step=step,
        accept=lambda found: _require_few(file.path, reading.rows, _rejected(reading, found), max_rejects),
    )
    seconds = split.end()
    if shown:
        click.echo("\r" + " " * 14 + "\r", err=True, nl=False)
    rejected = _rejected(reading, outcome)
    return {
        "rows": reading.rows,
        "new": outcome.new,
        **outcome.stored,
        "known": outcome.known + outcome.repeated + reading.repeated,
        "known_differing": outcome.differing,
        "rejected": len(rejected),
        "rejects": [{"row": r.row, "reason": r.reason} for r in rejected],
        "seconds": seconds,
    }


def _rejected(reading: Reading, outcome: casework.LoadOutcome) -> list[Rejected]:
    """Every row that is not stored: for what it says, or for an id that a row of an earlier chunk has."""
    clashes = [Rejected(clash.row, taken(clash.key, clash.first)) for clash in outcome.clashes]
    return sorted((*reading.rejected, *clashes), key=lambda r: r.row)


def _require_few(path: Path, rows: int, rejected: Sequence[Rejected], max_rejects: str) -> None:
    if len(rejected) > reject_limit(max_rejects, rows):
        shown = "\n".join(f"  row {r.row}: {r.reason}" for r in rejected[:20])
        more = f"\n  … and {len(rejected) - 20} more" if len(rejected) > 20 else ""
        raise FileFault(
            f"{len(rejected)} of {rows} rows of {path.name} are bad, more than --max-rejects "
            f"{max_rejects} allows; nothing was stored. Correct them, or allow more with --max-rejects:\n{shown}{more}"
        )


def _told(a: dict[str, Any]) -> str:
    lines = [f"{a['rows']} rows: {a['new']} new, {a['known']} stored already, {a['rejected']} rejected."]
    lines.append(
        f"  located {a['located']}, border desk {a['border_desk']}, outside {a['outside']}, in a gap {a['gap']}"
    )
    if a["known_differing"]:
        lines.append(f"  {a['known_differing']} of those stored already say something else now; the first words stay.")
    lines += [f"  row {r['row']}: {r['reason']}" for r in a["rejects"][:50]]
    if len(a["rejects"]) > 50:
        lines.append(f"  … and {len(a['rejects']) - 50} more; --json lists all")
    total = sum(a["seconds"].values())
    split = ", ".join(f"{step} {seconds:.2f}" for step, seconds in a["seconds"].items())
    lines.append(f"  {total:.2f} s ({split})")
    return "\n".join(lines)


@reports.command()
@click.option("-o", "--output", required=True, help="File to write, by its ending: .csv, .parquet or .gpkg.")
@click.pass_context
def export(ctx: click.Context, output: str) -> None:
    """Write every case with the evidence it was decided on."""
    path = Path(output)
    writers = {".csv": _write_csv, ".parquet": _write_parquet, ".gpkg": _write_gpkg}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise BadOption(f"-o is {output!r}; wanted a file name ending in .csv, .parquet or .gpkg.")
    if not path.absolute().parent.is_dir():
        raise BadOption(f"-o is {output!r}, but its folder does not exist; make it first.")
    p = platform_of(ctx)
    part = path.with_name(f".{path.stem}.part{path.suffix}")  # a broken export never bears the wanted name
    try:
        n = writer(p, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{n} cases written to {path}")


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it."""
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _rows(p: Platform) -> Iterator[tuple[Any, ...]]:
    return case_service.export(p, rights=ALL)


def _write_csv(p: Platform, path: Path) -> int:
    n = 0
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # the mark makes spreadsheets read UTF-8
        writer = csv.writer(file)
        writer.writerow(case_service.export_columns(p))
        for row in _rows(p):
            writer.writerow([_safe(value) for value in row])
            n += 1
    return n


def _frame(p: Platform) -> Any:
    import pandas as pd

    return pd.DataFrame(list(_rows(p)), columns=case_service.export_columns(p))


def _write_parquet(p: Platform, path: Path) -> int:
    frame = _frame(p)
    frame.to_parquet(path, index=False)
    return len(frame)


def _write_gpkg(p: Platform, path: Path) -> int:
    import geopandas

    frame = _frame(p)
    points = geopandas.points_from_xy(frame["x"], frame["y"], crs=p.place.crs)
    geopandas.GeoDataFrame(frame, geometry=points).to_file(path, driver="GPKG", layer="cases", engine="pyogrio")
    return len(frame)
