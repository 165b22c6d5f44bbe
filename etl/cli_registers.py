"""`gridward units|categories load FILE`: the registers; parts and rules have files of their own."""

from __future__ import annotations

from pathlib import Path

import click

from etl.cli_parts import parts
from etl.registers import COLUMNS, OPTIONAL, read_register
from gis.cli import platform_of
from gis.cli_terminal import say
from gis.errors import BadOption
from gis.services import registers as service

__all__ = ["categories", "parts", "units"]

template_option = click.option("--template", is_flag=True, help="Print the header that FILE needs, and stop.")


def wanted_file(file: str | None) -> Path:
    """The file that a command was given; BadOption when it was given none."""
    if file is None:
        raise BadOption("FILE is missing; give a CSV file, or --template to see its columns.")
    return Path(file)


def say_merged(register: str, merged: service.Merged) -> None:
    """Say what a merge did."""
    say(f"{register}: {merged.added} added, {merged.ended} with a new last day, {merged.same} as stored.")


def print_template(register: str) -> None:
    """Print the header of a register's CSV, the columns that may be absent last."""
    say(",".join((*COLUMNS[register], "valid_from", "valid_to", *OPTIONAL.get(register, ()))))


@click.group()
def units() -> None:
    """Units: streets, departments, and those a case is forwarded to."""


@units.command("load")
@click.argument("file", required=False)
@click.option("--territories", type=str, help="CSV of the areas that are each unit's territory.")
@template_option
@click.pass_context
def load_units(ctx: click.Context, file: str | None, territories: str | None, template: bool) -> None:
    """Load units from a CSV; stored versions never change, new ones are added."""
    if template:
        print_template("units")
        return
    frame = read_register(wanted_file(file), "units")
    areas = read_register(Path(territories), "territories") if territories else None
    merged, owned = service.load_units(platform_of(ctx), frame, areas)
    say_merged("units", merged)
    if owned:
        say_merged("territories", owned)


@click.group()
def categories() -> None:
    """Categories of problems, in code schemes."""


@categories.command("load")
@click.argument("file", required=False)
@template_option
@click.pass_context
def load_categories(ctx: click.Context, file: str | None, template: bool) -> None:
    """Load categories from a CSV."""
    if template:
        print_template("categories")
        return
    say_merged(
        "categories", service.load(platform_of(ctx), "categories", read_register(wanted_file(file), "categories"))
    )
