"""`gridward db`: the database under var/, or the state of your own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from gis.cli import settings_of
from gis.cli_terminal import say, say_json
from gis.errors import BadOption
from gis.services import database

__all__ = ["db"]


@click.group()
def db() -> None:
    """The database: up, down, status, migrate, psql, dump, restore."""


@db.command()
@click.pass_context
def up(ctx: click.Context) -> None:
    """Start the private PostGIS, making it first where there is none."""
    settings = settings_of(ctx)
    if settings.database_url:
        say("GRIDWARD_DATABASE_URL is set: that database is run by its owner, nothing is started here.")
        return
    started = database.up(settings)
    say("The database is up." if started else "The database was up already.")


@db.command()
@click.pass_context
def down(ctx: click.Context) -> None:
    """Stop the private PostGIS; its data stay."""
    stopped = database.down(settings_of(ctx))
    say("The database is stopped." if stopped else "The database was not running.")


@db.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Whether the database runs, which versions, where. Exit 1 when it does not run."""
    found = database.status(settings_of(ctx))
    if as_json:
        say_json(asdict(found))
    elif not found.private:
        say("The database is your own, by GRIDWARD_DATABASE_URL.")
    elif found.running:
        say(f"running: PostgreSQL {found.server}, PostGIS {found.postgis}, {found.size_bytes / 1e6:.0f} MB")
        say(f"data:    {found.data}", f"socket:  {found.socket}")
    else:
        say(f"not running; data: {found.data}", "Start it with: gridward db up")
    if not found.running:
        ctx.exit(1)


@db.command()
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Bring the database's tables to this version."""
    from gis.services.schema import migrate as service

    applied = service(settings_of(ctx))
    say(f"Applied: {', '.join(applied)}." if applied else "The database is of this version already.")


@db.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """A psql prompt on the private database, as its superuser; ARGUMENTS go to psql."""
    ctx.exit(1 if database.psql(settings_of(ctx), arguments) else 0)


@db.command()
@click.argument("file")
@click.pass_context
def dump(ctx: click.Context, file: str) -> None:
    """Write the whole database to FILE."""
    path = Path(file).absolute()
    if not path.parent.is_dir():
        raise BadOption(f"FILE is {file!r}, but its folder does not exist; make it first.")
    database.dump(settings_of(ctx), path)
    say(f"{path.stat().st_size / 1e6:.1f} MB written to {path}")


@db.command()
@click.argument("file")
@click.option("--replace", is_flag=True, help="Put the dump in the place of a database that holds data.")
@click.pass_context
def restore(ctx: click.Context, file: str, replace: bool) -> None:
    """Read FILE, written by `db dump`, into the database."""
    database.restore(settings_of(ctx), Path(file).absolute(), replace=replace)
    say("Restored. Restart web servers that run: they keep boundaries of the database before.")
