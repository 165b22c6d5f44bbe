"""`gridward reports load|export`: a file of reports in, every decided case out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final

import click

from etl.cli_assign import assign
from etl.reports import LISTED, Columns, Rejected, ReportFile, Reports, reject_limit
from etl.sheets import write_csv
from gis.acts import Act
from gis.cli import platform_of
from gis.cli_terminal import progress, say, say_json
from gis.errors import BadOption, FileFault
from gis.periods import local_day
from gis.reports import ReportBatch
from gis.rights import ALL
from gis.services import cases as case_service
from gis.services import casework
from gis.services.crs_evidence import better_crs
from gis.services.platform import Platform

__all__ = ["NAMESPACE", "load_file", "reports"]

#: the ids of reports that came by file
NAMESPACE = "reports"
#: rows held against another CRS
_SAMPLE: Final = 5_000


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
@click.option("--x", default="", help="Column of the east coordinate or longitude (GeoParquet: the geometry).")
@click.option("--y", default="", help="Column of the north coordinate or latitude (GeoParquet: the geometry).")
@click.option("--crs", default="", help="CRS of x and y: EPSG:n, GCJ-02 or BD-09 (GeoParquet: the file's).")
@click.option("--id", "id_", default="", help="Column of the source's own id (default: the row's words).")
@click.option("--time", "time_", default="", help="Column of the time received (default: now).")
@click.option("--category", default="", help="Column of the category code.")
@click.option("--accuracy", default="", help="Column of the accuracy: metres, a radius around the true place.")
@click.option("--accuracy-level", type=float, help="Share of the error that an accuracy holds (default: the place's).")
@click.option("--state", default="", help="Column of the state: open or closed.")
@click.option("--closed", default="", help="Column of the time closed.")
@click.option("--source", default="", help="Column of the source (default: all from the public).")
@click.option("--description", default="", help="Column of the description.")
@click.option("--part", default="", help="Column of the identifier of the part that the reporter picked.")
@click.option("--encoding", default="utf-8-sig", help="Encoding of a CSV (default UTF-8).")
@click.option(
    "--max-rejects", default="1%", show_default=True, help="Share or number of bad rows above which nothing is stored."
)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def load(
    ctx: click.Context,
    /,
    file: str,
    crs: str,
    accuracy_level: float | None,
    encoding: str,
    max_rejects: str,
    as_json: bool,
    **names: str,
) -> None:
    """Load a CSV, Parquet or GeoParquet of reports: each is located at every level, assigned by rule, and stored with
    its evidence.

    Loading the same file or ids again stores nothing new. --x and --y, where given, go before a file's geometry.
    """
    named = {name.removesuffix("_"): value for name, value in names.items()}
    reject_limit(max_rejects, 1)
    answer = load_file(
        platform_of(ctx),
        ReportFile(Path(file), Columns(**named), crs, encoding, accuracy_level),
        max_rejects=max_rejects,
        quiet=as_json,
    )
    if as_json:
        say_json(answer)
    else:
        say(*_told(answer))
    if answer["rejected"]:
        ctx.exit(1)


def load_file(p: Platform, file: ReportFile, *, max_rejects: str = "1%", quiet: bool = False) -> dict[str, Any]:
    """Read, decide and store a file of reports; the counts and seconds as `reports load --json` prints them.

    Σ located, outside, gap, border_desk, known, rejected = rows.
    """
    split, shown = Split(), not quiet and sys.stderr.isatty()
    now = datetime.now(UTC)

    def step(name: str) -> None:
        split.begin(name)
        if shown:
            progress(f"  {loaded.rows:,} rows, {loaded.share:.0%}  {name:<10}")

    day = local_day(now, p.place.timezone)
    loaded = Reports(file, place=p.place, now=now)
    if file.columns.category:
        loaded.categories = casework.known_categories(p, day)
    batches = loaded.batches(step)
    first = next(batches, None)
    hint = _crs_hint(p, first, day) if first is not None else None
    outcome = casework.load_many(
        p,
        batches if first is None else chain([first], batches),
        namespace=NAMESPACE,
        act=Act("reports load", now),
        on_step=step,
        accept=lambda found: _require_few(file.path, loaded, found, max_rejects),
    )
    if shown:
        progress()
    return _answer(loaded, outcome, hint) | {"seconds": split.end()}


def _crs_hint(p: Platform, batch: ReportBatch, day: date) -> str | None:
    """What the first rows say against the CRS they were read in."""
    some = slice(None, None, -(-len(batch) // _SAMPLE))
    found = better_crs(p, batch.x[some], batch.y[some], crs=batch.crs, day=day)
    if found is None:
        return None
    return f"Many of the first rows lie outside every area as {batch.crs} and far fewer as {found}; check --crs."


def _answer(loaded: Reports, outcome: casework.LoadOutcome, hint: str | None) -> dict[str, Any]:
    return {
        "rows": loaded.rows,
        "delimiter": loaded.delimiter,
        "new": outcome.new,
        **outcome.stored,
        "known": outcome.known + outcome.repeated + loaded.repeated,
        "known_differing": outcome.differing,
        "known_moved": outcome.moved,
        "known_moved_most_m": round(outcome.moved_most[0], 1),
        "known_moved_crs": outcome.moved_crs,
        "rejected": loaded.bad + len(outcome.clashes),
        "rejects": [{"row": r.row, "reason": r.reason} for r in _rejects(loaded, outcome)],
        "unknown_parts": outcome.unknown_parts,
        "unknown_part_rows": [{"row": row, "part": part} for row, part in outcome.unknown_part_rows],
        "far": loaded.far,
        "piles": loaded.piles.found(loaded.rows),
        "crs_hint": hint,
    }


def _rejects(loaded: Reports, outcome: casework.LoadOutcome) -> list[Rejected]:
    """Rejected rows in the order of the file, the first LISTED of them."""
    clashes = (Rejected(c.row, f"id {c.key!r} is row {c.first}'s already, with other content") for c in outcome.clashes)
    return sorted([*loaded.rejected, *clashes], key=lambda rejected: rejected.row)[:LISTED]


def _require_few(path: Path, loaded: Reports, outcome: casework.LoadOutcome, max_rejects: str) -> None:
    bad = loaded.bad + len(outcome.clashes)
    if bad > reject_limit(max_rejects, loaded.rows):
        shown = "\n".join(f"  row {r.row}: {r.reason}" for r in _rejects(loaded, outcome)[:20])
        more = f"\n  … and {bad - 20} more" if bad > 20 else ""
        raise FileFault(
            f"{bad} of {loaded.rows} rows of {path.name} are bad, more than --max-rejects "
            f"{max_rejects} allows; nothing was stored. Correct them, or allow more with --max-rejects:\n{shown}{more}"
        )


def _told(a: dict[str, Any]) -> list[str]:
    lines = [f"{a['rows']} rows: {a['new']} new, {a['known']} stored already, {a['rejected']} rejected."]
    lines.append(
        f"  located {a['located']}, border desk {a['border_desk']}, outside {a['outside']}, in a gap {a['gap']}"
    )
    if a["delimiter"] not in ("", ","):
        lines.append(f"  read with {a['delimiter']!r} between the columns, by its header")
    if a["known_differing"]:
        lines.append(f"  {a['known_differing']} of those stored already say something else now; what was stored stays.")
    if a["known_moved"]:
        lines += [
            f"  {a['known_moved']} of them lie elsewhere now, up to {a['known_moved_most_m']:,.1f} m away; that "
            f"one was stored as {a['known_moved_crs']}.",
            "  Their stored positions stay: check --crs, --x and --y; `gridward cases move` moves a pin that is wrong.",
        ]
    lines += [f"  row {r['row']}: {r['reason']}" for r in a["rejects"][:50]]
    if a["rejected"] > 50:
        lines.append(f"  … and {a['rejected'] - 50} more; --json lists {LISTED:,}")
    if a["unknown_parts"]:
        named = ", ".join(f"row {one['row']} {one['part']}" for one in a["unknown_part_rows"][:5])
        lines.append(f"  {a['unknown_parts']} rows name a part that was not there on their day: {named}.")
        lines.append("  Their position decided; `gridward parts load` registers parts.")
    if a["far"]:
        lines.append(f"  {a['far']} of the rows taken lie far from the place; they are stored as outside.")
    lines += [f"  {pile['n']} rows lie at exactly x={pile['x']}, y={pile['y']}" for pile in a["piles"]]
    lines += [f"  {a['crs_hint']}"] if a["crs_hint"] else []
    total = sum(a["seconds"].values())
    split = ", ".join(f"{step} {seconds:.2f}" for step, seconds in a["seconds"].items())
    lines.append(f"  {total:.2f} s ({split})")
    return lines


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
    say(f"{n} cases written to {path}")


def _rows(p: Platform) -> Iterator[tuple[Any, ...]]:
    return case_service.export(p, rights=ALL)


def _write_csv(p: Platform, path: Path) -> int:
    return write_csv(path, case_service.export_columns(p), _rows(p))


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
