"""Every text has its Chinese one, and nothing is translated that nobody says."""

# ruff: noqa: F401, F811 - fixtures are imported by their names: a second conftest would clash with the first
from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask import Flask
from web_fixtures import app

import webmap
from webmap.pages.texts import script_texts

HOME = Path(webmap.__file__).parent
CATALOGUE = HOME / "translations/zh/LC_MESSAGES/messages.po"


def said() -> set[str]:
    """Every text of the sources, plural ones by their singular."""
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    keywords = {"gettext": None, "_": None, "lazy_gettext": None, "ngettext": (1, 2)}
    found = extract_from_dir(HOME, methods, keywords=keywords)
    return {text if isinstance(text, str) else text[0] for _, _, text, _, _ in found}


def test_every_text_has_its_chinese_one() -> None:
    with CATALOGUE.open("rb") as file:
        catalogue = {m.id if isinstance(m.id, str) else m.id[0]: m for m in read_po(file, locale="zh") if m.id}
    assert set(catalogue) == said()
    untold = [text for text, message in catalogue.items() if not message.string or not all(message.string)]
    assert untold == []
    assert not any(message.fuzzy for message in catalogue.values())


def test_chinese_texts_keep_the_gaps_to_be_filled() -> None:
    with CATALOGUE.open("rb") as file:
        messages = [m for m in read_po(file, locale="zh") if m.id]
    gap = re.compile(r"%\(\w+\)\w|\{\w+\}")
    for message in messages:
        text = message.id if isinstance(message.id, str) else message.id[1]
        told = message.string if isinstance(message.string, str) else message.string[0]
        assert set(gap.findall(told)) == set(gap.findall(text)), text


def test_the_compiled_catalogue_is_of_the_written_one() -> None:
    with CATALOGUE.open("rb") as po, CATALOGUE.with_suffix(".mo").open("rb") as mo:
        written, compiled = read_po(po, locale="zh"), read_mo(mo)
        assert {_pair(m) for m in compiled if m.id} == {_pair(m) for m in written if m.id}


def _pair(message: Message) -> tuple[str, ...]:
    """The text, by its singular, and what it is told as."""
    singular = message.id if isinstance(message.id, str) else message.id[0]
    return (singular, message.string) if isinstance(message.string, str) else (singular, *message.string)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_scripts_use_every_text_they_are_given_and_no_other(app: Flask, language: str) -> None:
    with app.test_request_context(f"/?lang={language}"):
        given = set(script_texts())
    code = "\n".join(path.read_text(encoding="utf-8") for path in HOME.glob("static/js/*.js"))
    asked = set()
    for call in re.findall(r"\bsay\(([^;]*?)[,)]", code):
        asked |= set(re.findall(r'"(\w+)"', call))
    assert asked == given
