"""`gridward boundaries impact|renew|approve|activate|withdraw|due`: the steps of a release."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import click

from gis.cli import platform_of, settings_of
from gis.cli_terminal import say, say_json
from gis.errors import BadOption
from gis.limits import REASON, brief, require_short

__all__ = ["STEPS", "accepted_of", "by_option", "json_option", "pairs_of"]

by_option = click.option("--by", default="command line", show_default=True, help="Who acts; kept with the release.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
_successor = click.option(
    "--successor", multiple=True, metavar="OLD=NEW", help="Which area takes the place of one that ends."
)
_accept = click.option(
    "--accept", multiple=True, metavar="no-unit:REASON", help="Take it that areas have no unit then, with a reason."
)


def pairs_of(texts: tuple[str, ...], mark: str, option: str, wanted: str) -> dict[str, str]:
    """Texts such as KEY=VALUE as a mapping; BadOption for one that is none."""
    out: dict[str, str] = {}
    for text in texts:
        key, found, value = text.partition(mark)
        if not found or not key.strip() or not value.strip():
            raise BadOption(f"{option} is {text!r}; wanted {wanted}.")
        out[key.strip()] = value.strip()
    return out


def accepted_of(pairs: tuple[str, ...], example: str = "prefix:'codes follow next year'") -> dict[str, str]:
    """What --accept takes: finding -> reason."""
    found = pairs_of(pairs, ":", "--accept", f"FINDING:REASON, for example {example}")
    for kind, reason in found.items():
        require_short(f"The reason of --accept {brief(kind)}", reason, REASON)
    return found


def _taken(pairs: tuple[str, ...]) -> dict[str, str]:
    return accepted_of(pairs, "no-unit:'the lake is nobody's'")


@click.command()
@click.argument("release", type=int)
@_successor
@click.option("-o", "--output", metavar="FILE", help="Also write every case that changes, as CSV.")
@json_option
@click.pass_context
def impact(ctx: click.Context, release: int, successor: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """What waking a release would change, from unit to unit; for one that is awake, what withdrawing it would."""
    from etl import report, sheets
    from gis.services import boundaries as service

    chosen = pairs_of(successor, "=", "--successor", "OLD=NEW")
    path = sheets.csv_path(output) if output else None
    p = platform_of(ctx)
    if service.history(p, release)["status"] in ("active", "withdrawn"):
        back = service.foresee(p, release)
        answer, cases, show = back.as_json(), [*back.restored, *back.left], report.show_withdrawal
    else:
        found = service.impact(p, release, successors=chosen)
        answer, cases, show = found.as_json(), list(found.cases), report.show_impact
    if as_json:
        say_json(answer)
    else:
        show(answer)
    if path:
        n = sheets.write_csv(path, service.Changed._fields, cases)
        say(f"{n} case(s) written to {path}", err=as_json)


@click.command()
@click.argument("release", type=int)
@by_option
@click.pass_context
def renew(ctx: click.Context, release: int, by: str) -> None:
    """Compare a lapsed release anew with what is in force by now; it becomes a new release."""
    from gis.services import boundaries as service

    staged = service.renew(platform_of(ctx), release, by=by, now=datetime.now(UTC))
    say(f"Release {release} is withdrawn; its delivery is release {staged.release_id} now.")


@click.command()
@click.argument("release", type=int)
@_accept
@by_option
@click.pass_context
def approve(ctx: click.Context, release: int, accept: tuple[str, ...], by: str) -> None:
    """Vouch for a staged release; who staged it cannot."""
    from gis.services import boundaries as service

    answers = service.Answers(accepted=_taken(accept))
    service.approve(platform_of(ctx), release, by=by, now=datetime.now(UTC), answers=answers)
    if by == service.UNNAMED:
        say("Nobody was named: give --by NAME, so that it is known who vouched.", err=True)
    say(f"Release {release} is approved. Next: gridward boundaries activate {release}")


@click.command()
@click.argument("release", type=int)
@_successor
@click.option(
    "--open-cases",
    type=click.Choice(["default", "keep", "move", "ask"]),
    default="default",
    show_default=True,
    help="What becomes of open cases with another unit; default: those not yet sent out move, the others keep theirs.",
)
@_accept
@click.option("--no-dump", is_flag=True, help="Do not write a dump of the database first.")
@by_option
@click.pass_context
def activate(
    ctx: click.Context,
    release: int,
    successor: tuple[str, ...],
    open_cases: str,
    accept: tuple[str, ...],
    no_dump: bool,
    by: str,
) -> None:
    """Wake an approved release: from its first day on every answer is given by it."""
    from gis.services import boundaries as service

    chosen = pairs_of(successor, "=", "--successor", "OLD=NEW")
    answers = service.Answers(successors=chosen, accepted=_taken(accept))
    now = datetime.now(UTC)
    if not no_dump:
        _dump(ctx, release, now)
    counts = service.activate(platform_of(ctx), release, by=by, now=now, policy=open_cases, answers=answers)
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


@click.command()
@click.argument("release", type=int)
@click.option("--reason", required=True, help="Why; kept with the release.")
@click.option("--reopen-territories", is_flag=True, help="Let the territories go on that ended when it woke or later.")
@_accept
@by_option
@click.pass_context
def withdraw(
    ctx: click.Context, release: int, reason: str, reopen_territories: bool, accept: tuple[str, ...], by: str
) -> None:
    """Send a release back to sleep: every answer is again the one before it woke. `impact` says before what changes."""
    from etl import report
    from gis.services import boundaries as service

    if not reason.strip():
        raise BadOption("--reason is empty; say why the release is withdrawn.")
    answers = service.Answers(accepted=_taken(accept), reopen=reopen_territories)
    p = platform_of(ctx)
    found = service.withdraw(p, release, by=by, reason=reason, now=datetime.now(UTC), answers=answers)
    say(f"Release {release} is withdrawn.")
    if found.left:
        found = replace(found, left=service.foresee(p, release).left)
    if found.awake:
        report.show_withdrawal(found.as_json())


@click.command()
@click.pass_context
def due(ctx: click.Context) -> None:
    """Decide open cases anew for active releases whose first day has come; a running web server does it by itself."""
    from gis.services import boundaries as service

    done = service.wake_due(platform_of(ctx), now=datetime.now(UTC))
    say(f"Releases: {', '.join(map(str, done))}." if done else "Nothing is due.")


STEPS: Final = (impact, renew, approve, activate, withdraw, due)
