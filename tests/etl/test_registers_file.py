"""CSV files of registers: what each column may hold, and every fault by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.registers import COLUMNS, OPTIONAL, read_register
from gis.errors import FileFault

RULES = ",".join((*COLUMNS["rules"], "valid_from", "valid_to", *OPTIONAL["rules"]))
CATEGORIES = ",".join((*COLUMNS["categories"], *OPTIONAL["categories"]))


def write(folder: Path, *lines: str) -> Path:
    path = folder / "register.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_rule_may_say_where_when_from_whom_and_with_whom(tmp_path: Path) -> None:
    line = "R1,1,01,,@maintainer,,,,,seed, road:DL1 ,D1,D2,22:00-06:00,sat  sun,patrol,S1 S2"
    rule = read_register(write(tmp_path, RULES, line), "rules").iloc[0]
    assert {name: rule[name] for name in OPTIONAL["rules"]} == {
        "scheme": "seed",
        "place": "road:DL1",
        "owner": "D1",
        "maintainer": "D2",
        "hours": "22:00-06:00",
        "days": "sat sun",
        "source": "patrol",
        "assisting": ("S1", "S2"),
    }


def test_a_scheme_may_have_spaces_in_its_name(tmp_path: Path) -> None:
    line = "R1,1,,,D1,,,,,GB/T 47678.5-2026,,,,,,,"
    assert read_register(write(tmp_path, RULES, line), "rules")["scheme"].tolist() == ["GB/T 47678.5-2026"]


def test_what_a_file_does_not_say_is_no_column(tmp_path: Path) -> None:
    frame = read_register(write(tmp_path, ",".join((*COLUMNS["rules"], "hours")), "R1,1,01,,D1,,,22:00-06:00"), "rules")
    assert set(OPTIONAL["rules"]) & set(frame.columns) == {"hours"}


def test_a_category_may_say_which_parts_it_is_about(tmp_path: Path) -> None:
    lines = ("seed,0409,,井盖,cover,part,0,0100 01010", "seed,0410,,灯,lamp,part,0,01037", "seed,01,,x,x,event,0,")
    frame = read_register(write(tmp_path, CATEGORIES, *lines), "categories")
    assert frame["part_types"].tolist() == [("0100", "01010"), ("01037",), ()]


@pytest.mark.parametrize(
    ("column", "word", "wanted"),
    [
        ("hours", "22-6", "two local times"),
        ("hours", "25:00-06:00", "two local times"),
        ("hours", "06:00-06:00", "two local times"),
        ("hours", "08:00-10:00 12:00-14:00", "one word"),
        ("days", "Mon", "days of the week"),
        ("days", "mon,tue", "days of the week"),
        ("place", "bridge", "a layer such as market"),
        ("place", "road:", "a layer such as market"),
        ("place", ":DL1", "a layer such as market"),
        ("place", "road:DL1 road:DL2", "one word"),
    ],
)
def test_a_word_that_no_rule_can_have_is_said_with_its_row(tmp_path: Path, column: str, word: str, wanted: str) -> None:
    words = dict.fromkeys(RULES.split(","), "") | {"code": "R2", "order": "2", "unit": "D1", column: f'"{word}"'}
    path = write(tmp_path, RULES, "R1,1,,,D1,,,,,,,,,,,,", ",".join(words.values()))
    with pytest.raises(FileFault, match=f"row 2: {column} is '{word}'; wanted {wanted}"):
        read_register(path, "rules")


@pytest.mark.parametrize("word", ["1", "010", "010011", "0100x", "０１００"])
def test_a_part_type_begins_with_digits_of_its_class(tmp_path: Path, word: str) -> None:
    with pytest.raises(FileFault, match=f"row 1: part_types is '{word}'; wanted beginnings of part types"):
        read_register(write(tmp_path, CATEGORIES, f"seed,0409,,井盖,cover,part,0,{word}"), "categories")


@pytest.mark.parametrize("word", ["1.5", "1e3", "inf", "99999999999999", ""])
def test_an_order_is_a_whole_number_that_can_be_stored(tmp_path: Path, word: str) -> None:
    with pytest.raises(FileFault, match=f"row 1: order is '{word}'; wanted a whole number"):
        read_register(write(tmp_path, RULES, f"R1,{word},,,D1,,,,,,,,,,,,"), "rules")


def test_a_text_that_no_database_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="holds a NUL character"):
        read_register(write(tmp_path, RULES, "R\0,1,,,D1,,,,,,,,,,,,"), "rules")


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    lines = ("R1,one,,,D1,,,2026-01-01,2025-01-01,,,,,,,,", "R2,2,,,D1,,,,,,bridge,,,8-10,monday,,")
    with pytest.raises(FileFault) as raised:
        read_register(write(tmp_path, RULES, *lines), "rules")
    assert "has 5 fault(s)" in str(raised.value)
    for words in ("row 1: order", "row 1: valid_to", "row 2: place", "row 2: hours", "row 2: days"):
        assert words in str(raised.value)
