"""What a command prints shows: nothing that a person wrote moves, colours or reorders a terminal."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from deskwork import TIE, act, reported

from gis.cli_cases import locate
from gis.cli_desk import border
from gis.cli_terminal import progress, say, say_json, say_text, visible
from gis.services import desk
from gis.services.platform import Platform

HOSTILE = "看\x1b[2J\x07这里\u202egnp\u2066\x9b31m\nzweite"
SHOWN = r"看\x1b[2J\x07这里\u202egnp\u2066\x9b31m\nzweite"


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("\ud800\u200b\ufeff\U000e0041\x7f") == r"\ud800\u200b\ufeff\U000e0041\x7f"


@pytest.mark.parametrize(
    "text", ["暴露垃圾，第 3 号；“龘㙍𠀀”", "Ñandú 50 % – 3 m²", "👨\u200d👩\u200d👧 می\u200cخواهم"]
)
def test_ordinary_words_of_any_script_stay_as_they_are(text: str) -> None:
    assert visible(text) == text


def test_lines_of_ours_stay_lines_and_a_break_within_one_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    say("one", "t\nwo")
    say_text("a\nb\x1b", err=True)
    progress("half\r")
    out, err = capsys.readouterr()
    assert out == "one\nt\\nwo\n"
    assert err.startswith("a\nb\\x1b\n\r")
    assert err.endswith("\rhalf\\r")


def test_json_is_the_same_value_and_holds_nothing_to_obey(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"reason": HOSTILE + "\x7f", "ok": "雨水"})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"reason": HOSTILE + "\x7f", "ok": "雨水"}
    assert visible(printed.rstrip("\n")) == printed.rstrip("\n")
    assert "雨水" in printed


def test_a_ruling_near_by_is_listed_with_its_reason_made_visible(platform: Platform) -> None:
    ruled = reported(platform, TIE)
    desk.rule(platform, ruled, "S2", act(HOSTILE))
    reported(platform, TIE)
    obj = SimpleNamespace(platform=platform, settings=platform.settings)
    told = CliRunner().invoke(border, ["list"], obj=obj)
    assert told.exit_code == 0, told.output
    assert SHOWN in told.output
    assert "\x1b" not in told.output
    found = json.loads(CliRunner().invoke(border, ["list", "--json"], obj=obj).output)
    assert found["cases"][0]["rulings"][0]["reason"] == HOSTILE


def test_locate_answers_outside_and_hints_at_another_crs(platform: Platform) -> None:
    obj = SimpleNamespace(platform=platform, settings=platform.settings)
    told = CliRunner().invoke(locate, ["119.93", "31.78", "--crs", "EPSG:4549"], obj=obj)
    assert told.exit_code == 0
    assert "outside" in told.stdout
    assert "would fit as EPSG:4326" in told.stderr
    assert CliRunner().invoke(locate, ["120.45", "31.6"], obj=obj).stderr == ""
