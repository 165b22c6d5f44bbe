"""`gridward web`: the web server by command."""

from __future__ import annotations

import click

from gis.cli import settings_of
from gis.cli_terminal import say

__all__ = ["web"]


@click.group()
def web() -> None:
    """The map, the case pages and the API over HTTP."""


@web.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; PORT= or 8000 by default.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Number of processes.")
@click.pass_context
def run(context: click.Context, host: str, port: int | None, workers: int) -> None:
    """Serve until stopped. On a loopback address everybody is a planner; on any other, the public."""
    from webmap.server import is_loopback, listen, serve

    settings = settings_of(context)
    bound = listen(host, port or settings.port)
    open_to_all = is_loopback(host)
    shown = f"[{host}]" if ":" in host else host
    say(f"Gridward serves http://{shown}:{bound.getsockname()[1]} - stop it with Ctrl-C.")
    if open_to_all:
        say("Everybody on this machine sees everything: there are no accounts yet.")
    else:
        say(f"{host} can be reached by others: single cases are closed, counts below 3 are withheld.")
    serve(settings, bound, workers=workers, open_to_all=open_to_all)
