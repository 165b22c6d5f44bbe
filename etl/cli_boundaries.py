"""`gridward boundaries`: deliveries checked, staged, compared, approved, woken, withdrawn, exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gis.cli import platform_of, settings_of
from gis.cli_terminal import say, say_json
from gis.errors import BadOption, DatabaseDown, DatabaseMissing
from gis.limits import REASON, brief, require_short
from gis.periods import local_day, parse_day

if TYPE_CHECKING:
    from etl.delivery import Checked
    from etl.manifest import Asked
    from etl.read import Around

__all__ = ["boundaries"]

Command = Callable[..., None]

_by = click.option("--by", default="command line", show_default=True, help="Who acts; kept with the release.")
_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
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


def _accepted(pairs: tuple[str, ...]) -> dict[str, str]:
    found = _pairs(pairs, ":", "--accept", "FINDING:REASON, for example prefix:'codes follow next year'")
    for kind, reason in found.items():
        require_short(f"The reason of --accept {brief(kind)}", reason, REASON)
    return found


def _pairs(texts: tuple[str, ...], mark: str, option: str, wanted: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for text in texts:
        key, found, value = text.partition(mark)
        if not found or not key.strip() or not value.strip():
            raise BadOption(f"{option} is {text!r}; wanted {wanted}.")
        out[key.strip()] = value.strip()
    return out


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
@_json
@click.pass_context
def check(ctx: click.Context, /, path: str, output: str | None, **options: Any) -> None:
    """Check a delivery or one file and print every finding; never writes. Exit 1 when something blocks it."""
    from etl import report

    accepted = _accepted(options["accept"])
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
@_by
@_json
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

    accepted = _accepted(options["accept"])
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
@_by
@_json
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
    return [(level, pair) for text in same for level, pair in _pairs((text,), ":", "--same", "LEVEL:OLD=NEW").items()]


def _one_pair(text: str) -> tuple[str, str]:
    return next(iter(_pairs((text,), "=", "--same", "LEVEL:OLD=NEW").items()))


@boundaries.command()
@click.argument("release", type=int)
@click.option("--successor", multiple=True, metavar="OLD=NEW", help="Which area takes the place of one that ends.")
@_json
@click.pass_context
def impact(ctx: click.Context, release: int, successor: tuple[str, ...], as_json: bool) -> None:
    """What waking a release would change: from unit to unit for open cases and parts, rules that name ending areas."""
    from etl import report
    from gis.services import boundaries as service

    chosen = _pairs(successor, "=", "--successor", "OLD=NEW")
    found = service.impact(platform_of(ctx), release, successors=chosen)
    if as_json:
        say_json(found.as_json())
        return
    report.show_impact(found.as_json())


@boundaries.command()
@click.argument("release", type=int)
@_by
@click.pass_context
def renew(ctx: click.Context, release: int, by: str) -> None:
    """Compare a lapsed release anew with what is in force by now; it becomes a new release."""
    from gis.services import boundaries as service

    staged = service.renew(platform_of(ctx), release, by=by, now=datetime.now(UTC))
    say(f"Release {release} is withdrawn; its delivery is release {staged.release_id} now.")


@boundaries.command()
@click.argument("release", type=int)
@_by
@click.pass_context
def approve(ctx: click.Context, release: int, by: str) -> None:
    """Vouch for a staged release; who staged it cannot."""
    from gis.services import boundaries as service

    service.approve(platform_of(ctx), release, by=by, now=datetime.now(UTC))
    if by == service.UNNAMED:
        say("Nobody was named: give --by NAME, so that it is known who vouched.", err=True)
    say(f"Release {release} is approved. Next: gridward boundaries activate {release}")


@boundaries.command()
@click.argument("release", type=int)
@click.option("--successor", multiple=True, metavar="OLD=NEW", help="Which area takes the place of one that ends.")
@click.option(
    "--open-cases",
    type=click.Choice(["default", "keep", "move", "ask"]),
    default="default",
    show_default=True,
    help="What becomes of open cases with another unit; default: those not yet sent out move, the others keep theirs.",
)
@click.option("--no-dump", is_flag=True, help="Do not write a dump of the database first.")
@_by
@click.pass_context
def activate(
    ctx: click.Context, release: int, successor: tuple[str, ...], open_cases: str, no_dump: bool, by: str
) -> None:
    """Wake an approved release: from its first day on every answer is given by it."""
    from gis.services import boundaries as service

    chosen = _pairs(successor, "=", "--successor", "OLD=NEW")
    now = datetime.now(UTC)
    if not no_dump:
        _dump(ctx, release, now)
    counts = service.activate(platform_of(ctx), release, by=by, now=now, policy=open_cases, successors=chosen)
    say(f"Release {release} is active.")
    if counts:
        say(f"Open cases: {counts['moved']} moved, {counts['kept']} kept with a notice, {counts['asked']} to ask.")
    else:
        say("Its first day is still to come; open cases are decided on that day.")


def _dump(ctx: click.Context, release: int, now: datetime) -> None:
    """A way back beside the withdrawal: the whole database, before anything is changed."""
    from gis.services import database

    settings = settings_of(ctx)
    if settings.database_url:
        say("The database is your own: it was not dumped.", err=True)
        return
    folder = settings.var / "dumps"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"before-release-{release}-{now:%Y%m%dT%H%M%S}.dump"
    database.dump(settings, path)
    say(f"The database was dumped to {path}.")


@boundaries.command()
@click.argument("release", type=int)
@click.option("--reason", required=True, help="Why; kept with the release.")
@_by
@click.pass_context
def withdraw(ctx: click.Context, release: int, reason: str, by: str) -> None:
    """Send a release back to sleep: every answer is again the one before it woke."""
    from gis.services import boundaries as service

    if not reason.strip():
        raise BadOption("--reason is empty; say why the release is withdrawn.")
    left = service.withdraw(platform_of(ctx), release, by=by, reason=reason, now=datetime.now(UTC))
    say(f"Release {release} is withdrawn.")
    if left:
        say(f"{len(left)} case(s) were decided on it or have moved on since; look at them: {', '.join(left[:20])}")


@boundaries.command()
@click.pass_context
def due(ctx: click.Context) -> None:
    """Decide open cases anew for active releases whose first day has come; a running web server does it by itself."""
    from gis.services import boundaries as service

    done = service.wake_due(platform_of(ctx), now=datetime.now(UTC))
    say(f"Releases: {', '.join(map(str, done))}." if done else "Nothing is due.")


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
@_json
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
