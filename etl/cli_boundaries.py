"""`gridward boundaries`: deliveries checked, staged, approved, woken, withdrawn."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from etl.delivery import Checked, check_delivery
from gis.cli import platform_of, settings_of
from gis.errors import BadOption
from gis.periods import parse_day
from gis.services import boundaries as service

__all__ = ["boundaries"]

_by = click.option("--by", default="command line", show_default=True, help="Who acts; kept with the release.")
_accept = click.option(
    "--accept", multiple=True, metavar="FINDING:REASON", help="Take warnings of this kind, with a reason."
)


@click.group()
def boundaries() -> None:
    """Boundary releases: check, stage, approve, activate, withdraw, list."""


def _accepted(pairs: tuple[str, ...]) -> dict[str, str]:
    out: dict[str, str] = {}
    for pair in pairs:
        kind, colon, reason = pair.partition(":")
        if not colon or not kind.strip() or not reason.strip():
            raise BadOption(
                f"--accept is {pair!r}; wanted FINDING:REASON, for example prefix:'codes follow next year'."
            )
        out[kind.strip()] = reason.strip()
    return out


def _check(ctx: click.Context, path: str, valid_from: str | None, *, quiet: bool) -> Checked:
    folder = Path(path)
    if not folder.is_dir():
        raise BadOption(f"PATH is {path!r}, which is no folder; give a delivery folder with its manifest.toml.")
    day = parse_day(valid_from, name="--valid-from") if valid_from else None

    def say(step: str) -> None:
        if not quiet:
            click.echo(f"  reading {step}", err=True)

    return check_delivery(folder, settings_of(ctx).place, valid_from=day, on_step=say)


@boundaries.command()
@click.argument("path")
@_accept
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def check(ctx: click.Context, path: str, accept: tuple[str, ...], as_json: bool) -> None:
    """Check a delivery folder and print every finding; never writes. Exit 1 when something blocks it."""
    accepted = _accepted(accept)
    checked = _check(ctx, path, None, quiet=as_json)
    blocking = checked.blocking(accepted)
    if as_json:
        rows = [
            {name: getattr(f, name) for name in ("kind", "severity", "level", "code", "text")} for f in checked.findings
        ]
        for row, f in zip(rows, checked.findings, strict=True):
            row |= {"x": f.x if f.x == f.x else None, "y": f.y if f.y == f.y else None}
        click.echo(json.dumps({"ok": not blocking, "findings": rows}, ensure_ascii=False))
    else:
        for layer in checked.delivery.layers:
            click.echo(f"{layer.level}: {len(layer)} areas")
        click.echo(f"map features: {len(checked.delivery.features)}")
        for f in checked.findings:
            where = f" at {f.x:.1f}, {f.y:.1f}" if f.x == f.x else ""
            click.echo(f"{f.severity.upper()} {f.kind} ({f.level}): {f.text}{where}")
        click.echo(f"{len(checked.findings)} finding(s), {len(blocking)} of them block the delivery.")
    if blocking:
        ctx.exit(1)


@boundaries.command()
@click.argument("path")
@click.option("--valid-from", metavar="DATE", help="First day it is in force (default: what the manifest says).")
@_accept
@_by
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def stage(
    ctx: click.Context, path: str, valid_from: str | None, accept: tuple[str, ...], by: str, as_json: bool
) -> None:
    """Store a checked delivery asleep and say how it differs from what is in force."""
    accepted = _accepted(accept)
    delivery = _check(ctx, path, valid_from, quiet=as_json).require_clean(accepted)
    staged = service.stage(platform_of(ctx), delivery, by=by, now=datetime.now(UTC))
    if as_json:
        diff = [
            {name: getattr(d, name) for name in ("level", "same", "changed", "added", "removed")} for d in staged.diff
        ]
        click.echo(json.dumps({"release": staged.release_id, "new": staged.new, "diff": diff}))
        return
    if not staged.new:
        click.echo(f"This delivery is release {staged.release_id} already.")
        return
    click.echo(f"Release {staged.release_id} is staged, valid from {delivery.valid_from}.")
    for d in staged.diff:
        click.echo(f"  {d.level}: {d.same} same, {d.changed} changed, {d.added} added, {d.removed} removed")
    click.echo(f"Next: gridward boundaries approve {staged.release_id}")


@boundaries.command()
@click.argument("release", type=int)
@_by
@click.pass_context
def approve(ctx: click.Context, release: int, by: str) -> None:
    """Vouch for a staged release."""
    service.approve(platform_of(ctx), release, by=by, now=datetime.now(UTC))
    click.echo(f"Release {release} is approved. Next: gridward boundaries activate {release}")


@boundaries.command()
@click.argument("release", type=int)
@_by
@click.pass_context
def activate(ctx: click.Context, release: int, by: str) -> None:
    """Wake an approved release: from its first day on every answer is given by it."""
    service.activate(platform_of(ctx), release, by=by, now=datetime.now(UTC))
    click.echo(f"Release {release} is active.")


@boundaries.command()
@click.argument("release", type=int)
@click.option("--reason", required=True, help="Why; kept with the release.")
@_by
@click.pass_context
def withdraw(ctx: click.Context, release: int, reason: str, by: str) -> None:
    """Send a release back to sleep: every answer is again the one before it woke."""
    if not reason.strip():
        raise BadOption("--reason is empty; say why the release is withdrawn.")
    service.withdraw(platform_of(ctx), release, by=by, reason=reason, now=datetime.now(UTC))
    click.echo(f"Release {release} is withdrawn.")


@boundaries.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Every release with its state, oldest first."""
    found = service.releases(platform_of(ctx))
    if as_json:
        click.echo(json.dumps({"releases": found}, ensure_ascii=False))
        return
    if not found:
        click.echo("No release yet. Stage one: gridward boundaries stage PATH --valid-from DATE")
    for row in found:
        click.echo(
            f"{row['id']:>4}  {row['status']:<10} from {row['valid_from']}  {', '.join(row['levels'])}  {row['title']}"
        )
