"""The documents are held against the code: what they should name is named, what they name exists."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from etl import manifest, registers
from gis import __version__, errors
from gis.analysis.changes import KINDS
from gis.assignment.workflow import TRANSITIONS
from gis.cli import gridward
from gis.place import Level, Place
from gis.services.cases import export_columns
from gis.services.platform import open_platform
from gis.services.steps import STEPS
from gis.settings import ENVIRONMENT, Settings
from webmap import create_app
from webmap.api.reporting import FIELDS
from webmap.api.schemas import schemas
from webmap.errors import status_of

ROOT = Path(__file__).resolve().parent.parent
DOCS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "data").rglob("*.md")),
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCS}
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


def told() -> Iterator[tuple[str, str]]:
    """Every call of the command that a document shows: in a block or between backticks."""
    for name, text in TEXTS.items():
        spoken = re.sub(r"^#.*|\s#.*", "", "\n".join(re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)), flags=re.M)
        for code in [
            *spoken.splitlines(),
            *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)),
        ]:
            for call in code.split("&&"):
                if re.match(r"(\.venv/bin/)?gridward \S", call.strip()):
                    yield name, call.strip()


@pytest.mark.parametrize(("document", "call"), sorted(set(told())))
def test_every_call_that_a_document_shows_can_be_made(document: str, call: str) -> None:
    words = [word.strip("[]…") for word in shlex.split(call)[1:]]
    command: click.Command = gridward
    known = {"-h", "--help"} | {name for option in command.params for name in option.opts}
    for word in words:
        if word.startswith("-"):
            assert word in known, f"{document}: {call}: {command.name} has no {word}"
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is not None:  # else the value of an option before it
                command = found
                known = known | {name for option in command.params for name in option.opts}
    assert command is not gridward or words[0].startswith("-"), f"{document}: {call}: no such command"


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_every_environment_variable_is_documented(name: str) -> None:
    assert f"| `{name}` |" in SETTINGS


@pytest.mark.parametrize("document", TEXTS)
def test_no_document_names_a_variable_that_is_not_read(document: str) -> None:
    assert set(re.findall(r"GRIDWARD_\w+", TEXTS[document])) <= set(ENVIRONMENT)


def test_every_field_of_the_place_file_is_documented() -> None:
    words = {"levels": "[[level]]", "default_accuracy": "[default_accuracy_m]"}
    for name in Place.__slots__:
        assert f"`{words.get(name, name)}`" in SETTINGS, name
    words = {"label_zh": "zh", "label_en": "en", "code_pattern": "code", "area_min": "area_m2", "area_max": "area_m2"}
    rows = SETTINGS.partition("| field of a `[[level]]` |")[2]
    for name in (name for name in Level.__slots__ if name != "parent"):
        assert f"`{words.get(name, name)}`" in rows, name


def test_every_error_has_its_line_with_its_status_and_exit_code() -> None:
    rows = re.findall(r"^\| (`\w+Error`.*|`\w+`.*) \| (\d{3}) \| ([12]) \|$", FORMATS, flags=re.MULTILINE)
    found = {name: (int(http), int(leave)) for names, http, leave in rows for name in re.findall(r"`(\w+)`", names)}
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert found[name] == (status_of(kind("")), kind.exit_code), name


def test_every_state_and_step_is_in_the_table() -> None:
    for state, after in TRANSITIONS.items():
        table = FORMATS.partition("States of a case")[2]
        row = next(line for line in table.splitlines() if line.startswith(f"| `{state}` |"))
        assert set(re.findall(r"`(\w+)`", row)) == {state, *after}


def test_every_step_of_a_release_is_in_the_table() -> None:
    for step, after in STEPS.items():
        row = next(line for line in FORMATS.splitlines() if line.startswith(f"| `{step}` |"))
        assert set(re.findall(r"`(\w+)`", row)) == {step, *after}


def test_every_kind_of_finding_is_in_the_table() -> None:
    names = ("validate", "nesting", "delivery", "read", "geography")
    source = "".join((ROOT / f"etl/{name}.py").read_text(encoding="utf-8") for name in names)
    kinds = set(re.findall(r'(?:Finding|say)\(\s*"([a-z][a-z-]+)", ', source)) - {"error", "warning", "note"}
    assert len(kinds) > 20
    for kind in kinds:
        assert re.search(rf"^\| `{kind}` \| (error|warning|note)", FORMATS, flags=re.MULTILINE), kind


def test_every_kind_of_change_is_in_the_table() -> None:
    table = FORMATS.partition("| kind of change |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) == set(KINDS)


def test_the_manifest_that_is_shown_names_every_layer_and_field() -> None:
    shown = re.search(r"```toml\n(.*?)```", FORMATS, flags=re.DOTALL)
    assert shown
    assert set(tomllib.loads(shown.group(1))["layer"][0]) == {
        "level", "file", "layer", "scope", "crs", "encoding", "fields", "no_children", "sha256",
    }  # fmt: skip
    for name in (*manifest.FEATURE_LAYERS, *manifest._FIELDS):
        assert re.search(rf"\b{name}\b", shown.group(1)), name


def test_the_columns_of_every_file_are_named(settings_only: Settings) -> None:
    for register, columns in registers.COLUMNS.items():
        assert re.search(rf"^\| {register}.*\| `{','.join(columns)}[`,]", FORMATS, flags=re.MULTILINE), register
    for register, optional in registers.OPTIONAL.items():
        assert re.search(rf"^\| {register}.*, and `{','.join(optional)}`", FORMATS, flags=re.MULTILINE), register
        assert all(re.search(rf"^\| (\w+, )?{name}[, ].*\|", FORMATS, flags=re.MULTILINE) for name in optional)
    listed = " ".join(FORMATS.partition("## Export")[2].partition("##")[0].split())
    assert ", ".join(export_columns(open_platform(settings_only))) in listed


def test_the_json_that_is_shown_has_the_shape_that_is_answered() -> None:
    load, locate = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", FORMATS, flags=re.DOTALL))
    stored = sum(load[word] for word in ("located", "outside", "gap", "border_desk"))
    assert load["new"] == stored
    assert load["rows"] == stored + load["known"] + load["rejected"] == stored + load["known"] + len(load["rejects"])
    shape = schemas()["Location"]["properties"]
    assert set(locate) == set(shape)
    for level in locate["levels"].values():
        assert set(level) == set(shape["levels"]["additionalProperties"]["properties"])


def test_every_field_of_a_report_by_http_is_named() -> None:
    table = FORMATS.partition("## A report over HTTP")[2]
    for name in FIELDS:
        assert re.search(rf"^\|.*`{name}`", table, flags=re.MULTILINE), name


@pytest.fixture(scope="module")
def settings_only(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the sample, with which nothing is opened."""
    place = ROOT / "data/boundaries/zhonglou/place.toml"
    return Settings(home=tmp_path_factory.mktemp("home"), config=place, secret="only for this test")


def test_every_address_that_a_document_names_is_served(settings_only: Settings) -> None:
    served = {
        re.sub(r"<\w+:", "<", rule.rule) for rule in create_app(settings_only, open_to_all=True).url_map.iter_rules()
    }
    for name, text in TEXTS.items():
        for address in re.findall(r"`(?:GET |POST )?(/[^`\s?]*)", text):
            known = address in served or any(rule.startswith(address) for rule in served if address.endswith("/"))
            assert known or address == "/var/lib/gridward", f"{name}: {address}"


def test_every_file_that_a_document_names_is_there() -> None:
    for name, text in TEXTS.items():
        for path in re.findall(r"`((?:gis|etl|webmap|tests|docs|data|scripts)/[\w./-]*)`", text):
            assert (ROOT / path).exists(), f"{name}: {path}"


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert targets
    for name in targets.group(1).split():
        assert re.search(rf"^{name}: ## \w", makefile, flags=re.MULTILINE), name


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
