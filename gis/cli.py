"""The command `gridward`: finds its command groups by entry points and turns every error into one clear message.

Exit 0 done, 1 findings, refusal, or fault of data or system, 2 wrong options; never another.
"""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from io import StringIO
from typing import TYPE_CHECKING, cast

import click

from gis import __version__
from gis.cli_terminal import say_text
from gis.errors import GridwardError
from gis.settings import Settings, load_settings

if TYPE_CHECKING:
    from gis.services.platform import Platform

__all__ = ["main", "platform_of", "settings_of"]

_GROUP = "gridward.commands"


@dataclass
class Session:
    """What one call of the command shares; read and opened at first use, so that --help never fails."""

    config: str | None

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.config)

    @cached_property
    def platform(self) -> Platform:
        from gis.services.platform import open_platform

        return open_platform(self.settings)


def settings_of(ctx: click.Context) -> Settings:
    """The settings of this call."""
    return cast(Session, ctx.obj).settings


def platform_of(ctx: click.Context) -> Platform:
    """The platform of this call, opened at first use."""
    return cast(Session, ctx.obj).platform


class _Commands(click.Group):
    """Commands come from the entry points of gridward.commands; only the one that is called is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks with it
        return sorted({point.name for point in entry_points(group=_GROUP)})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        for point in entry_points(group=_GROUP, name=name):
            return cast(click.Command, point.load())
        return None


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--config", metavar="FILE", help="The place file (default: GRIDWARD_CONFIG, else the sample's).")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.version_option(__version__, prog_name="gridward")
@click.pass_context
def gridward(ctx: click.Context, config: str | None, debug: bool) -> None:  # noqa: ARG001 - read from argv by main
    """Gridward: who is responsible for this spot, what is wrong where, is the city watched evenly."""
    ctx.obj = Session(config)


def main() -> None:
    """Run the command and exit with 0, 1 or 2."""
    sys.exit(_run())


def _run() -> int:  # noqa: PLR0911 - one return for each kind of end
    try:
        result = gridward.main(standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as fault:
        usage = StringIO()
        fault.show(file=usage)
        say_text(usage.getvalue().rstrip("\n"), err=True)
        return 2
    except BrokenPipeError:
        # Who read our output has gone: nothing is left to say, and flushing at exit must not say it either.
        sys.stdout = None
        return 1
    except (click.Abort, KeyboardInterrupt):
        return _said("stopped.", 1)
    except GridwardError as fault:
        return _said(str(fault), fault.exit_code)
    except Exception as fault:  # the last resort - an exit code outside 0, 1, 2 breaks the contract
        if "--debug" in sys.argv:
            traceback.print_exc()
        return _said(
            f"an unexpected fault stopped the command: {type(fault).__name__}: {fault}. "
            "Run it again as `gridward --debug …` and report what it prints.",
            1,
        )


def _said(text: str, exit_code: int) -> int:
    say_text(f"gridward: {text}", err=True)
    return exit_code
