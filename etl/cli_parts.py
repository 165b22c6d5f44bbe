"""`gridward parts`: the register of parts, loaded from survey files and written out with a release's codes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from etl.part_tables import PartsFile
from etl.parts import COLUMNS, read_parts
from etl.sheets import write_csv
from gis.cli import platform_of
from gis.cli_terminal import say, say_json
from gis.errors import BadOption
from gis.parts import SCHEMES
from gis.periods import local_day
from gis.services import parts as service
from gis.services.platform import Platform

__all__ = ["load_file", "parts"]


@click.group()
def parts() -> None:
    """Parts: manhole covers, lamps, trees, bins with owner and maintenance unit."""


@parts.command("load")
@click.argument("file", required=False)
@click.option("--x", default="lon", show_default=True, help="CSV: column of the east coordinate or longitude.")
@click.option("--y", default="lat", show_default=True, help="CSV: column of the north coordinate or latitude.")
@click.option("--crs", help="EPSG:n, GCJ-02 or BD-09 (default: what the file declares; a CSV: EPSG:4326).")
@click.option("--encoding", help="Encoding of the texts (default: a shapefile's is found out; a CSV: UTF-8).")
@click.option("--field", multiple=True, metavar="NAME=COLUMN", help="Which column of FILE is which of ours.")
@click.option("--layer", multiple=True, help="Read this layer of FILE alone (default: every one with identifiers).")
@click.option("--scheme", type=click.Choice(tuple(SCHEMES)), help="Standard of the identifiers (default: as they are).")
@click.option("--accept-moves", is_flag=True, help="Positions were corrected: a part may move further than 100 m.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts and every fault as JSON.")
@click.option("--template", is_flag=True, help="Print the header that a CSV needs, and stop.")
@click.pass_context
def load_parts(
    ctx: click.Context,
    /,
    file: str | None,
    field: tuple[str, ...],
    layer: tuple[str, ...],
    accept_moves: bool,
    as_json: bool,
    template: bool,
    **told: Any,
) -> None:
    """Load parts from a CSV or a spatial file: all of its rows, or none and every fault by row.

    A part that changed since, with a later change date, gets a new version; the same file again is 0 new.
    """
    if template:
        say(",".join((*COLUMNS, told["x"], told["y"])))
        return
    if file is None:
        raise BadOption("FILE is missing; give a CSV or a spatial file, or --template to see a CSV's columns.")
    wanted = PartsFile(file, fields=_fields(field), layers=layer, **told)
    loaded = load_file(platform_of(ctx), wanted, accept_moves=accept_moves)
    if as_json:
        say_json(_as_json(loaded))
    else:
        for note in loaded.notes:
            say(f"  {note}", err=True)
        loaded.require_clean(wanted.name)
        say(f"parts: {loaded.added} added, {loaded.changed} with a new version, {loaded.same} as stored.")
    if loaded.faults:
        ctx.exit(1)


def load_file(p: Platform, file: PartsFile, *, accept_moves: bool = False) -> service.Loaded:
    """Read a file of parts and merge it into what is stored."""
    today = local_day(datetime.now(UTC), p.place.timezone)
    read = read_parts(file, p.place, today=today)
    return service.load(p, read.batch, rows=read.rows, faults=read.faults, notes=read.notes, accept_moves=accept_moves)


def _fields(pairs: tuple[str, ...]) -> dict[str, str]:
    out: dict[str, str] = {}
    for pair in pairs:
        name, sign, column = pair.partition("=")
        if not sign or not name.strip() or not column.strip():
            raise BadOption(f"--field is {pair!r}; wanted NAME=COLUMN, for example code=BJBM.")
        out[name.strip()] = column.strip()
    return out


def _as_json(loaded: service.Loaded) -> dict[str, Any]:
    return {
        "rows": loaded.rows,
        "added": loaded.added,
        "changed": loaded.changed,
        "same": loaded.same,
        "notes": list(loaded.notes),
        "faults": [{"layer": f.layer, "row": f.row, "reason": f.text} for f in loaded.faults],
    }


@parts.command("export")
@click.option("-o", "--output", required=True, help="File to write, by its ending: .csv or .gpkg.")
@click.option("--release", type=int, help="Release whose codes are written (default: the one in force today).")
@click.option("--changed-since", type=int, help="Only parts whose finest code was another one in this release.")
@click.pass_context
def export_parts(ctx: click.Context, output: str, release: int | None, changed_since: int | None) -> None:
    """Write every part in force with the codes of the areas it lies in, for the survey office."""
    path = Path(output)
    writer = {".csv": _write_csv, ".gpkg": _write_gpkg}.get(path.suffix.lower())
    if writer is None:
        raise BadOption(f"-o is {output!r}; wanted a file name ending in .csv or .gpkg.")
    if not path.absolute().parent.is_dir():
        raise BadOption(f"-o is {output!r}, but its folder does not exist; make it first.")
    p = platform_of(ctx)
    today = local_day(datetime.now(UTC), p.place.timezone)
    found = service.export(p, release=release, since=changed_since, today=today)
    unfinished = path.with_name(f".{path.stem}.part{path.suffix}")  # a broken export never bears the wanted name
    try:
        writer(found, p, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    changed = f" whose codes differ from those of release {changed_since}" if changed_since is not None else ""
    say(f"{len(found.frame)} parts{changed} written to {path}, with the codes of release {found.release}")


def _write_csv(found: service.Exported, _: Platform, path: Path) -> None:
    columns = [found.frame[name].tolist() for name in found.frame.columns]
    write_csv(path, found.frame.columns.tolist(), zip(*columns, strict=True))


def _write_gpkg(found: service.Exported, p: Platform, path: Path) -> None:
    import geopandas

    frame = geopandas.GeoDataFrame(found.frame, geometry=found.geometry, crs=p.place.crs)
    frame.to_file(path, driver="GPKG", layer="parts", engine="pyogrio")
