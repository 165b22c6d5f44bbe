"""`gridward boundaries`: deliveries checked, staged, compared, approved, woken, withdrawn, exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli_releases import STEPS, accepted_of, by_option, json_option, pairs_of
from gis.cli import platform_of, settings_of
from gis.cli_terminal import say, say_json
from gis.errors import BadOption, DatabaseDown, DatabaseMissing
from gis.periods import local_day, parse_day

if TYPE_CHECKING:
    from etl.delivery import Checked
    from etl.manifest import Asked
    from etl.read import Around

__all__ = ["boundaries"]

Command = Callable[..., None]

_FILE_OPTIONS = (
    click.option("--level", metavar="L", help="Level or map layer of a single file without a manifest."),
    click.option("--layer", metavar="NAME", help="Layer within a file, or file within a folder, that holds several."),
    click.option("--field-code", metavar="F", help="Field that holds the code."),
    click.option("--field-name", metavar="F", help="Field that holds the name."),
    click.option("--field-parent", metavar="F", help="Field that holds the parent's code."),
    click.option(
        "--crs", metavar="C", help="CRS of the file: EPSG:n, GCJ-02, BD-09, a WKT or @FILE with one, local:NAME."
    ),
    click.option("--encoding", metavar="E", help="Encoding of the file's texts, as GBK."),
    click.option(
        "--control-points", metavar="FILE", help="CSV id,x,y,e,n: fit the survey's local system on these points."
    ),
    click.option("--repair", is_flag=True, help="Mend invalid polygons where both ways to read them agree."),
    click.option("--swap-axes", is_flag=True, help="The file gives north before east."),
    click.option("--snap", type=float, metavar="METRES", help="Close slivers and slits up to this width."),
    click.option(
        "--accept", multiple=True, metavar="FINDING:REASON", help="Take warnings of this kind, with a reason."
    ),
)
_FACT_OPTIONS = (
    click.option("--scope", type=click.Choice(["full", "partial"]), default="full", help="Whether absent areas end."),
    click.option("--title", metavar="T", help="What the delivery is (a single file: its name)."),
    click.option("--document", metavar="NO", help="Document number of a single file."),
    click.option("--source", metavar="S", help="Who made a single file."),
    click.option("--line-accuracy", type=float, metavar="M", help="How well the lines of a single file are surveyed."),
)


def _file_options(command: Command) -> Command:
    for option in reversed(_FILE_OPTIONS + _FACT_OPTIONS):
        command = option(command)
    return command


@click.group()
def boundaries() -> None:
    """Boundary releases: check, stage, compare, approve, activate, withdraw, export."""


for step in STEPS:
    boundaries.add_command(step)


def _asked(options: Mapping[str, Any]) -> Asked:
    from etl.manifest import Asked

    names = {"code": "field_code", "name": "field_name", "parent": "field_parent"}
    facts = {k: options[k] for k in ("title", "document", "source") if options[k]}
    if options["line_accuracy"] is not None:
        facts["line_accuracy_m"] = options["line_accuracy"]
    snap = options["snap"]
    if snap is not None and not 0 < snap <= 100:
        raise BadOption(f"--snap is {snap}; wanted metres above 0 and at most 100.")
    crs = options["crs"]
    if crs and crs.startswith("@"):
        crs = Path(crs[1:]).read_text(encoding="utf-8") if Path(crs[1:]).is_file() else crs
    return Asked(
        level=options["level"],
        layer=options["layer"],
        fields={meaning: options[name] for meaning, name in names.items() if options[name]},
        crs=crs,
        encoding=options["encoding"],
        scope=options["scope"],
        swap_axes=options["swap_axes"],
        repair=options["repair"],
        snap_m=snap,
        control_points=options["control_points"],
        facts=facts,
    )


def _around(ctx: click.Context, source: str | None) -> Around:
    """What is in force, to hold the files against; nothing where no database is up: a check needs none."""
    from etl.fields import Known
    from etl.read import Around
    from gis.services.in_force import in_force

    settings = settings_of(ctx)
    try:
        p = platform_of(ctx)
        found = in_force(p, local_day(datetime.now(UTC), p.place.timezone), source=source)
    except (DatabaseDown, DatabaseMissing):
        return Around(local_systems=settings.local_systems)
    known = {level: Known(names) for level, names in found.names.items()}
    return Around(known, found.shapes, found.fields, settings.local_systems)


def _check(ctx: click.Context, path: str, options: Mapping[str, Any]) -> Checked:
    from etl.delivery import check_delivery
    from etl.sandbox import local_path

    quiet = options["as_json"]

    def told(step: str) -> None:
        if not quiet:
            say(f"  reading {step}", err=True)

    asked = _asked(options)
    around = _around(ctx, options["source"])
    return check_delivery(local_path(path), settings_of(ctx).place, asked=asked, around=around, on_step=told)


@boundaries.command()
@click.argument("path")
@_file_options
@click.option("-o", "--output", metavar="FILE", help="Also write the findings as a GeoPackage for QGIS.")
@json_option
@click.pass_context
def check(ctx: click.Context, /, path: str, output: str | None, **options: Any) -> None:
    """Check a delivery or one file and print every finding; never writes. Exit 1 when something blocks it."""
    from etl import report

    accepted = accepted_of(options["accept"])
    checked = _check(ctx, path, options)
    blocking = checked.blocking(accepted)
    if output:
        report.write_findings(checked, Path(output), settings_of(ctx).place)
    if options["as_json"]:
        say_json(report.as_json(checked, blocking))
    else:
        report.show(checked, blocking, accepted)
    if blocking:
        ctx.exit(1)


@boundaries.command()
@click.argument("path")
@click.option("--valid-from", metavar="DATE", help="First day it is in force (default: what the manifest says).")
@_file_options
@click.option(
    "--tolerance", type=float, metavar="M", help="Lines this close are the same (default: the line accuracy)."
)
@click.option("--missing", type=int, metavar="N", help="Confirm that N areas of full layers are really gone.")
@by_option
@json_option
@click.pass_context
def stage(
    ctx: click.Context,
    /,
    path: str,
    valid_from: str | None,
    tolerance: float | None,
    missing: int | None,
    by: str,
    **options: Any,
) -> None:
    """Store a checked delivery asleep; say how it differs from what is in force, and what waking it would do."""
    from etl import report
    from gis.services import boundaries as service

    accepted = accepted_of(options["accept"])
    day = parse_day(valid_from, name="--valid-from") if valid_from else None
    delivery = _check(ctx, path, options).require_clean(accepted, valid_from=day)
    p = platform_of(ctx)
    staged = service.stage(p, delivery, by=by, now=datetime.now(UTC), tolerance=tolerance, missing=missing)
    effect = service.impact(p, staged.release_id).as_json()
    if options["as_json"]:
        answer = {"release": staged.release_id, "new": staged.new, "diff": report.counts(staged.diff), "impact": effect}
        say_json(answer)
        return
    if not staged.new:
        say(f"This delivery is release {staged.release_id} already.")
        return
    say(f"Release {staged.release_id} is staged, valid from {delivery.valid_from}.")
    report.show_diff({"levels": staged.diff}, short=True)
    report.show_impact(effect)
    say(f"Next: another person looks and approves: gridward boundaries approve {staged.release_id} --by NAME")


@boundaries.command()
@click.argument("release", type=int)
@click.option("--same", multiple=True, metavar="LEVEL:OLD=NEW", help="Correct the lineage: these are the same area.")
@click.option("--reason", help="Why the lineage is corrected; kept with the release.")
@by_option
@json_option
@click.pass_context
def diff(ctx: click.Context, release: int, same: tuple[str, ...], reason: str | None, by: str, as_json: bool) -> None:
    """What a release changes: areas the same, moved, renamed, re-coded, split, merged, with m² and lineage."""
    from etl import report
    from gis.services import boundaries as service

    p = platform_of(ctx)
    if same:
        if not reason or not reason.strip():
            raise BadOption("--same needs --reason: say why the lineage is corrected.")
        pairs = [(level, *_one_pair(text)) for level, text in _levels(same)]
        found = service.correct(p, release, pairs, by=by, reason=reason, now=datetime.now(UTC))
    else:
        found = service.diff(p, release)
    if as_json:
        say_json(found)
        return
    report.show_diff(found, short=False)


def _levels(same: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(level, pair) for text in same for level, pair in pairs_of((text,), ":", "--same", "LEVEL:OLD=NEW").items()]


def _one_pair(text: str) -> tuple[str, str]:
    return next(iter(pairs_of((text,), "=", "--same", "LEVEL:OLD=NEW").items()))


@boundaries.command()
@click.option("--level", required=True, metavar="L", help="Level to export.")
@click.option("--at", metavar="DATE", help="As of this day (default: today).")
@click.option("--as-known", metavar="DATE", help="As it was known at the end of this day (default: now).")
@click.option("-o", "--output", required=True, metavar="FILE", help="gpkg, geojson, shp or fgb, by its ending.")
@click.pass_context
def export(ctx: click.Context, level: str, at: str | None, as_known: str | None, output: str) -> None:
    """Write the areas of a level as of any day to a file."""
    from etl import report
    from gis.services.in_force import areas_on

    p = platform_of(ctx)
    day = parse_day(at, name="--at") if at else local_day(datetime.now(UTC), p.place.timezone)
    known: date | None = parse_day(as_known, name="--as-known") if as_known else None
    areas = areas_on(p, level, day, as_known=known)
    n = report.write_areas(areas, Path(output), p.place.crs)
    say(f"{n} areas of {level} as of {day} (release {areas.release_id}) are in {output}.")


@boundaries.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Every release with its state, oldest first."""
    from gis.services import boundaries as service

    found = service.releases(platform_of(ctx))
    if as_json:
        say_json({"releases": found})
        return
    if not found:
        say("No release yet. Stage one: gridward boundaries stage PATH --valid-from DATE")
    for row in found:
        say(f"{row['id']:>4}  {row['status']:<10} from {row['valid_from']}  {', '.join(row['levels'])}  {row['title']}")
