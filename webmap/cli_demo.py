"""`gridward demo`: from nothing to a living city on the map."""

from __future__ import annotations

import click

from gis.cli import settings_of
from gis.cli_terminal import say
from gis.errors import GridwardError
from gis.services import database
from gis.services.schema import migrate

__all__ = ["demo"]


@click.command()
@click.option("--no-serve", is_flag=True, help="Set everything up and stop before the web server.")
@click.option(
    "--scale", type=click.IntRange(1, 1000), default=1, show_default=True, help="Multiplies reports, tracks, parts."
)
@click.pass_context
def demo(ctx: click.Context, no_serve: bool, scale: int) -> None:
    """Own PostGIS up, sample district, a year of reports, web on http://127.0.0.1:8000 (PORT= chooses the port).

    Everything that is there already is left alone, so a second call starts in seconds.
    """
    from webmap.server import listen, serve

    settings = settings_of(ctx)
    # A taken port is said before minutes of loading, not after.
    bound = None if no_serve else listen("127.0.0.1", settings.port)
    say("Database …")
    say("  started" if database.up(settings) else "  runs already")
    applied = migrate(settings)
    if applied:
        say(f"  tables brought to {', '.join(applied)}")
    say("Sample district (SYNTHETIC geometry) …")
    _load_sample(ctx, scale)
    if bound is None:
        say("Ready. Serve it with: gridward web run")
        return
    say(
        "",
        f"The city is on the map: http://127.0.0.1:{settings.port}  (Ctrl-C stops the web server,",
        "the database keeps running until `gridward db down`)",
        "",
    )
    serve(settings, bound, workers=2, open_to_all=True)


def _load_sample(ctx: click.Context, scale: int) -> None:
    """Call `gridward sample load`: the files' door is another package, which this one only knows by its command."""
    group = ctx.find_root().command
    sample = group.get_command(ctx, "sample") if isinstance(group, click.Group) else None
    load = sample.get_command(ctx, "load") if isinstance(sample, click.Group) else None
    if load is None:
        raise GridwardError("The command `gridward sample load` is not installed; install Gridward again: make demo.")
    ctx.invoke(load, scale=scale)
