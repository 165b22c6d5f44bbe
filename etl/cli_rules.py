"""`gridward rules load|lint|backtest`: the rule lab."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from etl.cli_registers import print_template, say_merged, template_option, wanted_file
from etl.registers import read_register, rules_of
from gis.cli import platform_of
from gis.cli_terminal import progress, say, say_json
from gis.errors import BadOption
from gis.periods import local_day, parse_day
from gis.rules import Rule
from gis.services import registers as service

if TYPE_CHECKING:
    from gis.services.rulelab import Faults, Tested

__all__ = ["rules"]

#: findings that need no mending: that a special rule goes before a general one is how rules are meant
_NOTES: Final = ("shadowed", "unchecked")


@click.group()
def rules() -> None:
    """Rules of line responsibility: which unit leads for which category where."""


@rules.command("load")
@click.argument("file", required=False)
@template_option
@click.pass_context
def load_rules(ctx: click.Context, file: str | None, template: bool) -> None:
    """Load rules from a CSV; order decides, the lowest first."""
    if template:
        print_template("rules")
        return
    say_merged("rules", service.load(platform_of(ctx), "rules", read_register(wanted_file(file), "rules")))


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

    Exit 1 when something was found; that one rule gives way to another on a part is only noted.
    """
    from gis.services.rulelab import find_faults

    p = platform_of(ctx)
    found = find_faults(p, _rules_of(file), day=_day_of(ctx, at))
    if as_json:
        listed = [asdict(f) | {"note": f.kind in _NOTES} for f in found.findings]
        holes = [{"category": category, "area": area} for category, area in found.holes]
        say_json({"findings": listed, "holes": holes})
    else:
        _tell(found, lang or p.place.languages[0])
    if found.holes or any(finding.kind not in _NOTES for finding in found.findings):
        ctx.exit(1)


def _tell(found: Faults, language: str) -> None:
    for finding in found.findings:
        say(f"{finding.kind:<14}{finding.text_zh if language == 'zh' else finding.text_en}")
    by_area: dict[str, list[str]] = {}
    for category, area in found.holes:
        by_area.setdefault(area, []).append(category)
    for area, words in sorted(by_area.items()):
        shown = ", ".join(words[:6]) + (" …" if len(words) > 6 else "")
        say(f"{'hole':<14}{area}: nobody acts for {len(words)} categories ({shown})")
    notes = sum(finding.kind in _NOTES for finding in found.findings)
    say(f"{len(found.findings) - notes} finding(s), {notes} note(s), {len(found.holes)} hole(s).")


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
    since = local_day(datetime.now(UTC), p.place.timezone) - timedelta(days=30 * months)
    counter = _Counter(quiet=as_json or not sys.stderr.isatty())
    tested = service(p, since=since, rules=_rules_of(file), release_id=release, progress=counter.add)
    counter.end()
    if as_json:
        say_json(_as_json(tested))
    else:
        _tell_tested(tested, since)


class _Counter:
    """How many reports were decided so far, on a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self.n, self.quiet = 0, quiet

    def add(self, n: int) -> None:
        self.n += n
        if not self.quiet:
            progress(f"  {self.n} reports")

    def end(self) -> None:
        if not self.quiet:
            progress()


def _as_json(tested: Tested) -> dict[str, Any]:
    result = tested.result
    return {
        "looked_at": result.looked_at,
        "changed": result.changed,
        "moves": [asdict(m) | {"cases": [tested.numbers[n] for n in m.cases]} for m in result.moves],
        "loads": [asdict(u) | {"difference": u.difference, "percent": u.percent} for u in result.loads],
    }


def _tell_tested(tested: Tested, since: date) -> None:
    result = tested.result
    say(f"{result.changed} of {result.looked_at} reports since {since} would change hands.")
    for move in result.moves:
        words = ", ".join(f"{category} {n}" for category, n in move.categories[:4])
        numbers = ", ".join(tested.numbers[n] for n in move.cases[:3])
        say(f"  {move.before or '–':<12}-> {move.after or '–':<12}{move.count:>7}   {words}   ({numbers})")
    if result.changed:
        say(f"{'unit':<12}{'before':>10}{'after':>9}  change")
    for load in result.loads:
        if load.difference:
            share = f"{load.percent:+.1f} %" if load.percent is not None else "new"
            say(f"{load.unit or '–':<12}{load.before:>10}{load.after:>9}  {load.difference:+d} ({share})")
