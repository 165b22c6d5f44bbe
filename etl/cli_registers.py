"""`gridward units|categories|rules load FILE`: the registers; `gridward parts` has a file of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from etl.cli_parts import parts
from etl.registers import COLUMNS, OPTIONAL, read_register
from gis.cli import platform_of
from gis.errors import BadOption
from gis.periods import local_day, parse_day
from gis.rules import Rule
from gis.services import registers as service

__all__ = ["categories", "parts", "rules", "units"]

_template = click.option("--template", is_flag=True, help="Print the header that FILE needs, and stop.")


def _wanted(file: str | None) -> Path:
    if file is None:
        raise BadOption("FILE is missing; give a CSV file, or --template to see its columns.")
    return Path(file)


def _say(register: str, merged: service.Merged) -> None:
    click.echo(f"{register}: {merged.added} added, {merged.ended} with a new last day, {merged.same} as stored.")


def _print_template(register: str) -> None:
    click.echo(",".join((*COLUMNS[register], "valid_from", "valid_to", *OPTIONAL.get(register, ()))))


@click.group()
def units() -> None:
    """Units: streets, departments, and those a case is forwarded to."""


@units.command("load")
@click.argument("file", required=False)
@click.option("--territories", type=str, help="CSV of the areas that are each unit's territory.")
@_template
@click.pass_context
def load_units(ctx: click.Context, file: str | None, territories: str | None, template: bool) -> None:
    """Load units from a CSV; stored versions never change, new ones are added."""
    if template:
        _print_template("units")
        return
    frame = read_register(_wanted(file), "units")
    areas = read_register(Path(territories), "territories") if territories else None
    merged, owned = service.load_units(platform_of(ctx), frame, areas)
    _say("units", merged)
    if owned:
        _say("territories", owned)


@click.group()
def categories() -> None:
    """Categories of problems, in code schemes."""


@categories.command("load")
@click.argument("file", required=False)
@_template
@click.pass_context
def load_categories(ctx: click.Context, file: str | None, template: bool) -> None:
    """Load categories from a CSV."""
    if template:
        _print_template("categories")
        return
    _say("categories", service.load(platform_of(ctx), "categories", read_register(_wanted(file), "categories")))


@click.group()
def rules() -> None:
    """Rules of line responsibility: which unit leads for which category where."""


@rules.command("load")
@click.argument("file", required=False)
@_template
@click.pass_context
def load_rules(ctx: click.Context, file: str | None, template: bool) -> None:
    """Load rules from a CSV; order decides, the lowest first."""
    if template:
        _print_template("rules")
        return
    _say("rules", service.load(platform_of(ctx), "rules", read_register(_wanted(file), "rules")))


def _day_of(ctx: click.Context, at: str | None) -> date:
    return parse_day(at, name="--at") if at else local_day(datetime.now(UTC), platform_of(ctx).place.timezone)


def _rules_of(file: str | None) -> tuple[Rule, ...] | None:
    """The rules of a CSV, as they would be stored; None without a file."""
    return None if file is None else rules_of(read_register(Path(file), "rules"))


@rules.command("lint")
@click.option("--rules", "file", metavar="FILE", help="Judge this CSV in place of the rules stored.")
@click.option("--at", metavar="DATE", help="From this day on (default: today).")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of the findings (default: the place's first).")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_context
def lint(ctx: click.Context, file: str | None, at: str | None, lang: str | None, as_json: bool) -> None:
    """Rules that never decide, contradict or shadow one another, unknown words, and holes where nobody acts.

    Exit 1 when something was found.
    """
    from gis.services.rulelab import find_faults

    p = platform_of(ctx)
    found = find_faults(p, _rules_of(file), day=_day_of(ctx, at))
    if as_json:
        listed = [asdict(finding) for finding in found.findings]
        holes = [{"category": category, "area": area} for category, area in found.holes]
        click.echo(json.dumps({"findings": listed, "holes": holes}, ensure_ascii=False))
    else:
        for finding in found.findings:
            told = finding.text_zh if (lang or p.place.languages[0]) == "zh" else finding.text_en
            click.echo(f"{finding.kind:<14}{told}")
        by_area: dict[str, list[str]] = {}
        for category, area in found.holes:
            by_area.setdefault(area, []).append(category)
        for area, words in sorted(by_area.items()):
            click.echo(f"{'hole':<14}{area}: nobody acts for {len(words)} categories ({', '.join(words[:6])}{' …' if len(words) > 6 else ''})")
        click.echo(f"{len(found.findings)} finding(s), {len(found.holes)} hole(s).")
    if found.findings or found.holes:
        ctx.exit(1)


@rules.command("backtest")
@click.option("--rules", "file", metavar="FILE", help="CSV of the rules to try (default: those stored).")
@click.option("--release", type=int, help="Try this staged release too.")
@click.option("--months", type=click.IntRange(1, 120), default=3, show_default=True, help="How far to look back.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_context
def backtest(ctx: click.Context, file: str | None, release: int | None, months: int, as_json: bool) -> None:
    """What other rules or a staged release would have done with the reports of the last months; stores nothing."""
    from gis.services.rulelab import backtest as service

    if file is None and release is None:
        raise BadOption("Nothing to try; give other rules with --rules FILE, or a staged release with --release N.")
    p = platform_of(ctx)
    tried = _rules_of(file)
    shown = not as_json and sys.stderr.isatty()
    done = 0

    def progress(n: int) -> None:
        nonlocal done
        done += n
        if shown:
            click.echo(f"\r  {done} reports", err=True, nl=False)

    since = local_day(datetime.now(UTC), p.place.timezone) - timedelta(days=30 * months)
    tested = service(p, since=since, rules=tried, release_id=release, progress=progress)
    if shown:
        click.echo("\r" + " " * 20 + "\r", err=True, nl=False)
    result = tested.result
    if as_json:
        moves = [asdict(m) | {"cases": [tested.numbers.get(n, str(n)) for n in m.cases]} for m in result.moves]
        loads = [asdict(load) | {"difference": load.difference, "percent": load.percent} for load in result.loads]
        told = {"looked_at": result.looked_at, "changed": result.changed, "moves": moves, "loads": loads}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(f"{result.changed} of {result.looked_at} reports since {since} would change hands.")
    for move in result.moves:
        words = ", ".join(f"{category} {n}" for category, n in move.categories[:4])
        numbers = ", ".join(tested.numbers.get(n, str(n)) for n in move.cases[:3])
        click.echo(f"  {move.before or '–':<12}-> {move.after or '–':<12}{move.count:>7}   {words}   ({numbers})")
    if result.changed:
        click.echo("unit            before    after  change")
    for load in result.loads:
        if load.difference:
            share = f"{load.percent:+.1f} %" if load.percent is not None else "new"
            click.echo(f"{load.unit or '–':<12}{load.before:>10}{load.after:>9}  {load.difference:+d} ({share})")
