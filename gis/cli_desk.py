"""`gridward cases|border|precedents`: what persons decide about cases, by command."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from gis.acts import Act
from gis.cli import platform_of
from gis.cli_terminal import say, say_json
from gis.errors import BadOption
from gis.periods import local_day
from gis.rulings import RETURN_REASONS

__all__ = ["border", "cases", "precedents"]

_by = click.option("--by", default="command line", show_default=True, help="Who acts; kept with the case.")
_reason = click.option("--reason", required=True, help="Why, in words that end the quarrel; kept with the case.")
_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
_months = click.option(
    "--months", type=click.IntRange(1, 120), default=3, show_default=True, help="How far to look back."
)


def _act(by: str, reason: str = "") -> Act:
    return Act(by, datetime.now(UTC), reason)


def _since(ctx: click.Context, months: int) -> Any:
    return local_day(datetime.now(UTC), platform_of(ctx).place.timezone) - timedelta(days=30 * months)


@click.group()
def cases() -> None:
    """Cases: re-assigned, moved, given back; every act keeps its reason."""


@cases.command()
@click.argument("case")
@click.option("--unit", required=True, help="Code of the unit that is to act.")
@_reason
@click.option("--evidence", default="", help="What shows it: a document, a drawing.")
@_by
@click.pass_context
def assign(ctx: click.Context, case: str, unit: str, reason: str, evidence: str, by: str) -> None:
    """Give a case to a unit, whatever was decided before; also the border desk's ruling."""
    from gis.services.desk import rule

    seq = rule(platform_of(ctx), case, unit, _act(by, reason), evidence=evidence)
    say(f"{case}: {unit} (decision {seq}). `gridward precedents make {case}` lets it decide later cases.")


@cases.command(context_settings={"ignore_unknown_options": True})
@click.argument("case")
@click.argument("x", type=float)
@click.argument("y", type=float)
@click.option("--crs", default="EPSG:4326", show_default=True, help="CRS of X and Y: EPSG:n, GCJ-02 or BD-09.")
@click.option("--accuracy", type=float, metavar="M", help="How good the new spot is (default: as before).")
@_reason
@click.option("--commit", is_flag=True, help="Do it; without it only what would change is said.")
@_by
@_json
@click.pass_context
def move(
    ctx: click.Context,
    case: str,
    x: float,
    y: float,
    crs: str,
    accuracy: float | None,
    reason: str,
    commit: bool,
    by: str,
    as_json: bool,
) -> None:
    """Move the pin of a case and decide it anew there; the spot that was reported stays with the case."""
    from gis.services.desk import move as service

    told = service(platform_of(ctx), case, (x, y, crs), _act(by, reason), accuracy=accuracy, commit=commit)
    if as_json:
        say_json(asdict(told))
        return
    what = "moved" if commit else "would move"
    units = f"{told.unit_before or 'no unit'} -> {told.unit_after or 'no unit'}"
    done = "" if commit else " --commit does it."
    say(f"{case}: {what} {told.metres} m; {units}, {told.state_before} -> {told.state_after}.{done}")


@cases.command("return")
@click.argument("case")
@click.option("--reason", "code", required=True, type=click.Choice(list(RETURN_REASONS)), help="Why it is given back.")
@click.option("--evidence", required=True, help="What shows it: a document, a photo's name, what was seen.")
@click.option("--proposed", default="", metavar="UNIT", help="Who should act instead.")
@_by
@click.pass_context
def give_back(ctx: click.Context, case: str, code: str, evidence: str, proposed: str, by: str) -> None:
    """Give a case back: the first time to the dispatcher, the second time to the border desk."""
    from gis.services.desk import give_back as service

    state = service(platform_of(ctx), case, code, evidence, _act(by), proposed=proposed)
    say(f"{case}: {'waits at the border desk now' if state == 'border_desk' else 'given back to the dispatcher'}.")


@cases.command()
@_months
@_json
@click.pass_context
def returns(ctx: click.Context, months: int, as_json: bool) -> None:
    """Who gave cases back and who got them next, by pair of units and reason."""
    from gis.services.desk import pairs

    found = pairs(platform_of(ctx), since=_since(ctx, months))
    if as_json:
        say_json([asdict(pair) for pair in found])
        return
    for pair in found:
        why = ", ".join(f"{code} {n}" for code, n in sorted(pair.reasons.items()))
        say(f"{pair.returned_by:<8}-> {pair.went_to or '(nobody yet)':<14}{pair.n:>6}   {why}")
    if not found:
        say(f"No case was given back since {_since(ctx, months)}.")


@click.group()
def border() -> None:
    """The border desk: cases whose unit a person decides."""


@border.command("list")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many to show.")
@click.option("--after", metavar="CASE", help="Those after this case.")
@_json
@click.pass_context
def desk(ctx: click.Context, limit: int, after: str | None, as_json: bool) -> None:
    """The cases that wait, the oldest first, with both sides and what was ruled near by."""
    from gis.services.desk import desk as service

    found = service(platform_of(ctx), limit=limit, after=after)
    if as_json:
        say_json(asdict(found))
        return
    say(f"{found.total} case(s) wait at the border desk.")
    for case in found.cases:
        sides = "; ".join(f"{c['area']} {c['share']:.0%} -> {c['unit'] or '?'}" for c in case.candidates) or "–"
        metres = "–" if case.border_distance is None else f"{case.border_distance:.1f} m"
        say(f"{case.case}  {case.received_at:%Y-%m-%d %H:%M}  {case.reason:<10} {metres:>9}  {sides}")
        for past in case.rulings:
            say(f"    {past.distance:.0f} m away {past.case}: {past.from_unit} -> {past.unit}, {past.reason}")


@border.command()
@click.option("--threshold", type=float, multiple=True, help="Confidence below which a person decides (repeatable).")
@_months
@_json
@click.pass_context
def preview(ctx: click.Context, threshold: tuple[float, ...], months: int, as_json: bool) -> None:
    """How many cases a day the desk would get under a threshold; `desk_threshold` of the place file sets it."""
    from gis.services.desk import preview as service

    p = platform_of(ctx)
    asked = threshold or (0.7, 0.8, p.place.desk_threshold, 0.95, 0.99)
    found = [service(p, value, since=_since(ctx, months)) for value in sorted(set(asked))]
    if as_json:
        say_json([asdict(one) | {"per_day": one.per_day} for one in found])
        return
    for one in found:
        mark = "  <- the setting" if one.threshold == p.place.desk_threshold else ""
        say(f"{one.threshold:.2f}  {one.waiting:>8} of {one.looked_at} reports, {one.per_day:.1f} a day{mark}")


@border.command()
@_months
@_json
@click.pass_context
def balance(ctx: click.Context, months: int, as_json: bool) -> None:
    """Each territory's cases exactly on its borders, by what settled them."""
    from gis.services.desk import balance as service

    found = [asdict(row) for row in service(platform_of(ctx), since=_since(ctx, months))]
    if as_json:
        say_json(found)
        return
    names = ("area", "tie", "road", "joint", "precedent", "person", "desk")
    say("".join(f"{name:>12}" for name in names))
    for row in found:
        say("".join(f"{row[name]:>12}" for name in names))


@border.command()
@click.argument("case")
@click.option("-o", "--output", required=True, help="Folder or .zip to write.")
@click.pass_context
def packet(ctx: click.Context, case: str, output: str) -> None:
    """Write the map packet of a case: a drawn map, what is on it as GeoJSON, the reasons and past rulings in words."""
    from gis.services.packets import write_packet

    files = write_packet(platform_of(ctx), case, output)
    say(f"{len(files)} files written to {output}: {', '.join(files)}")


@click.group()
def precedents() -> None:
    """Precedents: rulings that decide later cases on their ground."""


@precedents.command()
@click.argument("case")
@click.option("--around", type=float, metavar="M", help="Metres around the spot; with --road beyond its edge.")
@click.option("--road", default="", metavar="CODE", help="On this road of the map.")
@click.option("--polygon", default="", metavar="'X Y, X Y, …'", help="Within this polygon.")
@click.option("--crs", default="EPSG:4326", show_default=True, help="CRS of the polygon.")
@click.option("--category", metavar="CODE", help="For categories that begin so (default: the case's own; '' for all).")
@click.option("--evidence", default="", help="What shows it: a document, a drawing.")
@_reason
@_by
@click.pass_context
def make(
    ctx: click.Context,
    case: str,
    around: float | None,
    road: str,
    polygon: str,
    crs: str,
    category: str | None,
    evidence: str,
    reason: str,
    by: str,
) -> None:
    """Let the ruling on a case decide later cases on a ground, from today on."""
    from gis.services.precedents import Ground
    from gis.services.precedents import make as service

    ground = Ground(around, road, _corners(polygon), crs)
    made = service(platform_of(ctx), case, ground, _act(by, reason), category=category, evidence=evidence)
    say(f"Precedent {made.id}: category {made.category or 'any'} on {made.ground.area:,.0f} m² -> {made.unit}.")


def _corners(text: str) -> list[tuple[float, float]]:
    corners = []
    for word in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            x, y = (float(number) for number in word.split())
        except ValueError:
            raise BadOption(
                f"--polygon has the corner {word!r}; wanted two numbers, x and y, as '119.95 31.78'."
            ) from None
        corners.append((x, y))
    return corners


@precedents.command("end")
@click.argument("number", type=int)
@_reason
@_by
@click.pass_context
def end(ctx: click.Context, number: int, reason: str, by: str) -> None:
    """Let a precedent end today; what it decided stays decided."""
    from gis.services.precedents import end as service

    service(platform_of(ctx), number, _act(by, reason))
    say(f"Precedent {number} holds no more.")


@precedents.command("list")
@_json
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """Every precedent, the oldest first."""
    from gis.services.precedents import listed

    found = listed(platform_of(ctx))
    if as_json:
        say_json([asdict(q) | {"ground": q.ground.wkt} for q in found])
        return
    for q in found:
        until = f" to {q.valid_to}" if q.valid_to else ""
        say(f"{q.id:>5}  {q.category or 'any':<6} -> {q.unit:<6} from {q.valid_from}{until}  {q.reason}")
    if not found:
        say("There are no precedents.")
