"""`gridward locate` and `gridward why`: one point, one case."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from gis.cli import platform_of
from gis.cli_terminal import say, say_json
from gis.periods import AsOf, local_day, parse_day
from gis.rights import ALL

__all__ = ["locate", "why"]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("x", type=float)
@click.argument("y", type=float)
@click.option("--crs", default="EPSG:4326", show_default=True, help="CRS of X and Y: EPSG:n, GCJ-02 or BD-09.")
@click.option("--at", metavar="DATE", help="As of this day (default: today).")
@click.option("--as-known", metavar="DATE", help="As it was known at the end of this day (default: now).")
@click.option("--accuracy", type=float, metavar="M", help="Radius in metres that holds 68 % of the position's error.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def locate(
    ctx: click.Context,
    x: float,
    y: float,
    crs: str,
    at: str | None,
    as_known: str | None,
    accuracy: float | None,
    as_json: bool,
) -> None:
    """Where a point lies at every level, and whose territory it is. X is east or longitude, Y north or latitude."""
    from gis.services.locating import hint
    from gis.services.locating import locate as service

    p = platform_of(ctx)
    day = parse_day(at, name="--at") if at else local_day(datetime.now(UTC), p.place.timezone)
    known = parse_day(as_known, name="--as-known") if as_known else None
    answer = service(p, x, y, crs=crs, at=AsOf(day, known), accuracy=accuracy)
    if as_json:
        say_json(answer)
        return
    if far := hint(p, x, y, crs=crs):
        say(far, err=True)
    for name, level in answer["levels"].items():
        what = " ".join(filter(None, (level["name"], level["code"]))) or level["status"]
        border = f", {level['border_distance_m']:.1f} m to the border" if level["border_distance_m"] is not None else ""
        say(f"{name:<12}{what}{border}{', on the border' if level['on_border'] else ''}")
    unit, forward = answer["unit"], answer["forward_to"]
    if unit:
        say(f"{'unit':<12}{unit['name']} ({unit['code']})")
    elif forward:
        say(f"{'unit':<12}none; not ours, forward to {forward['name']} ({forward['code']})")
    else:
        say(f"{'unit':<12}none")
    if answer["confidence"] is not None:
        say(f"{'confidence':<12}{answer['confidence']:.1%} of the error area gives the same unit")


@click.command()
@click.argument("case")
@click.option("--json", "as_json", is_flag=True)
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of the paragraph (default: the place's first).")
@click.pass_context
def why(ctx: click.Context, case: str, as_json: bool, lang: str | None) -> None:
    """Why a case is whose it is, from the evidence stored with the decision, replayed."""
    from gis.services.cases import why as service

    p = platform_of(ctx)
    found = service(p, case, rights=ALL)
    if as_json:
        answer = {
            "case": found.case,
            "decided_at": found.decided_at.isoformat(),
            "text": {"zh": found.text_zh, "en": found.text_en},
            "evidence": dict(found.evidence),
            "replay_agrees": found.replay_agrees,
        }
        say_json(answer)
    else:
        say(found.text_zh if (lang or p.place.languages[0]) == "zh" else found.text_en)
        say(
            "Replay of the stored inputs: "
            + ("the same answer." if found.replay_agrees else "ANOTHER answer; look into it.")
        )
    ctx.exit(0 if found.replay_agrees else 1)
