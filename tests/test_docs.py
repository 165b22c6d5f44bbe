"""The documents are held against the code: what they should name is named, what they name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gis import __version__, errors
from gis.assignment.workflow import TRANSITIONS
from gis.cli import gridward
from gis.place import Place
from gis.settings import ENVIRONMENT

ROOT = Path(__file__).resolve().parent.parent
DOCS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "data").rglob("*.md")),
]
SETTINGS = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
FORMATS = (ROOT / "docs/formats.md").read_text(encoding="utf-8")


def commands(
    command: click.Command, path: tuple[str, ...] = ("gridward",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from commands(found, (*path, name))
    else:
        yield path, command


COMMANDS = list(commands(gridward))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_has_help_and_is_documented_with_each_option(
    path: tuple[str, ...], command: click.Command
) -> None:
    assert command.help
    line = next((row for row in SETTINGS.splitlines() if re.match(rf"\| `{' '.join(path)}[` ]", row)), "")
    assert line, f"{' '.join(path)} is not in docs/settings.md"
    for option in command.params:
        if isinstance(option, click.Option):
            assert all(f"`{name}`" in line for name in option.opts), (path, option.opts)


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_every_environment_variable_is_documented(name: str) -> None:
    assert f"| `{name}` |" in SETTINGS


def test_every_field_of_the_place_file_is_documented() -> None:
    words = {"levels": "[[level]]", "default_accuracy": "[default_accuracy_m]"}
    for name in Place.__slots__:
        assert f"`{words.get(name, name)}`" in SETTINGS, name


def test_every_error_has_its_line() -> None:
    for name in errors.__all__:
        assert f"`{name}`" in FORMATS, name


def test_every_state_and_step_is_in_the_table() -> None:
    for state, after in TRANSITIONS.items():
        row = next(line for line in FORMATS.splitlines() if line.startswith(f"| `{state}` |"))
        assert set(re.findall(r"`(\w+)`", row)) == {state, *after}


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_readmes_commands_exist() -> None:
    readme, makefile = (ROOT / "README.md").read_text(encoding="utf-8"), (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make (\w+)", readme, flags=re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    known = {path[1] for path, _ in COMMANDS}
    for name in set(re.findall(r"gridward (\w+)", readme)):
        assert name in known, name


def test_the_changelog_names_this_version() -> None:
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"version = {__version__}" in (ROOT / "setup.cfg").read_text(encoding="utf-8")


def test_every_name_of_the_glossary_is_in_the_code() -> None:
    source = "\n".join(
        p.read_text(encoding="utf-8") for package in ("gis", "etl", "webmap") for p in (ROOT / package).rglob("*.py")
    )
    rows = re.findall(
        r"^\| .+ \| .+ \| `(\w+)` \|$", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(rows) > 10
    for name in rows:
        assert re.search(rf"\b{name}\b", source), name


def test_every_decision_states_context_decision_and_consequence() -> None:
    for path in (ROOT / "docs/decisions").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert all(f"**{word}.**" in text for word in ("Context", "Decision", "Consequence")), path.name
