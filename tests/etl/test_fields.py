"""Code, name and parent are found by what the columns hold, and asked for where they leave it open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.fields import Found, Known, find_fields, texts_of
from gis.place import Level

STREET = Level("street", "街道", "Street", r"\d{9}", None, 0, 1.0, 1e9)
COMMUNITY = Level("community", "社区", "Community", r"\d{12}", "street", 9, 1.0, 1e9)
CELL = Level("cell", "网格", "Cell", r"\d{12}", "community", 0, 1.0, 1e9)
WARD = Level("ward", "选区", "Ward", r"\d{1,2}", None, 0, 1.0, 1e9)
CODES = ["320404001", "320404002", "320404003", "320404005", "320404006"]
NAMES = ["五星街道", "永红街道", "北港街道", "西林街道", "南大街街道"]
BELOW = [f"{code}{n:03}" for code in CODES for n in (1, 2, 3)]
BELOW_NAMES = [f"{name[:-2]}第{n}社区" for name in NAMES for n in "一二三"]
NOTHING = Known({})


def found(
    columns: Mapping[str, Sequence[Any]],
    level: Level = STREET,
    parent: Level | None = None,
    given: Mapping[str, str] | None = None,
    known: Known = NOTHING,
) -> Found:
    texts = {name: texts_of(np.array(list(values), dtype=object)) for name, values in columns.items()}
    return find_fields(texts, level, parent, given or {}, known)


# -- texts ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (320404001.0, "320404001"),
        (320404001, "320404001"),
        (np.float64(7.0), "7"),
        (np.int64(7), "7"),
        (1.5, "1.5"),
        (-0.0, "0"),
        (None, ""),
        (float("nan"), ""),
        (float("inf"), ""),
        (" 五星\u3000\0", "五星"),
        ("0012", "0012"),
        ("", ""),
        ("320404001.0", "320404001.0"),
    ],
)
def test_a_value_is_a_trimmed_text(value: Any, text: str) -> None:
    assert texts_of(np.array([value], dtype=object)).tolist() == [text]


def test_a_column_of_numbers_is_a_column_of_texts() -> None:
    assert texts_of(np.array([1.0, np.nan, 3.0])).tolist() == ["1", "", "3"]


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(), st.text(), st.binary(max_size=4))))
def test_any_column_becomes_texts(values: list[Any]) -> None:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    assert all(isinstance(text, str) for text in texts_of(column))


# -- code and name ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("code", "name"),
    [("DM", "MC"), ("CODE", "NAME"), ("街道代码", "街道名称"), ("XZQDM", "XZQMC"), ("a", "b"), ("field_2", "field_1")],
)
def test_code_and_name_are_found_by_what_they_hold(code: str, name: str) -> None:
    answer = found({"OBJECTID": [1, 2, 3, 4, 5], code: CODES, name: NAMES, "备注": [None] * 5, "面积": [1.5] * 5})
    assert answer.fields == {"code": code, "name": name}
    assert answer.asks == ()
    assert any(f"the code is taken from the field {code}: 320404001" in note for note in answer.notes)


def test_codes_stored_as_numbers_are_codes() -> None:
    answer = found({"DM": [float(code) for code in CODES], "MC": NAMES})
    assert answer.fields == {"code": "DM", "name": "MC"}


def test_a_column_of_codes_with_faults_is_the_code_still() -> None:
    """Blanks, a code twice and one of eight digits are for the checks to report, row by row."""
    answer = found({"DM": [*CODES, "", CODES[0], "32040400"], "MC": [*NAMES, "无", "又", "短"], "ID": range(8)})
    assert answer.fields["code"] == "DM"


def test_names_in_two_languages_are_told_by_their_field() -> None:
    english = ["Wuxing", "Yonghong", "Beigang", "Xilin", "Nandajie"]
    assert found({"DM": CODES, "MC": NAMES, "PINYIN": english}).fields["name"] == "MC"


def test_known_names_decide_between_columns_of_words() -> None:
    managers = ["王一", "李二", "张三", "赵四", "钱五"]
    known = Known(dict(zip(CODES, NAMES, strict=True)))
    answer = found({"DM": CODES, "F1": managers, "F2": NAMES}, known=known)
    assert answer.fields == {"code": "DM", "name": "F2"}


def test_two_columns_of_words_are_asked_about_with_samples() -> None:
    answer = found({"DM": CODES, "F1": ["王一", "李二", "张三", "赵四", "钱五"], "F2": NAMES})
    assert "name" not in answer.fields
    assert "several fields could hold names" in answer.asks[0]
    assert "五星街道" in answer.asks[0]
    assert "王一" in answer.asks[0]
    assert answer.asks[0].endswith("give --field-name.")


def test_no_code_at_all_is_asked_about_with_the_fields() -> None:
    answer = found({"MC": NAMES, "X": ["1.5"] * 5})
    assert "code" not in answer.fields
    assert r"no field holds codes of a street (\d{9})" in answer.asks[0]
    assert "MC: 五星街道、永红街道、北港街道" in answer.asks[0]


def test_no_field_at_all_is_said() -> None:
    assert "The fields are none" in found({}).asks[0]


def test_two_columns_of_codes_of_one_pattern_are_asked_about() -> None:
    other = [str(int(code) + 100) for code in CODES]
    answer = found({"A": CODES, "B": other, "MC": NAMES})
    assert "code" not in answer.fields
    assert "several fields could hold codes" in answer.asks[0]


def test_codes_in_force_decide_between_columns_of_one_pattern() -> None:
    other = [str(int(code) + 100) for code in CODES]
    known = Known(dict(zip(CODES, NAMES, strict=True)))
    assert found({"A": CODES, "B": other, "MC": NAMES}, known=known).fields["code"] == "A"
    assert found({"B": other, "A": CODES, "MC": NAMES}, known=known).fields["code"] == "A"


def test_a_copy_of_the_code_is_no_question() -> None:
    assert found({"DM": CODES, "DM_2": CODES, "MC": NAMES}).fields["code"] == "DM"


# -- parent -----------------------------------------------------------------------------------------------------------
def test_own_code_and_parents_code_are_told_apart_though_both_are_codes() -> None:
    parents = [code[:9] for code in BELOW]
    answer = found({"SJDM": parents, "DM": BELOW, "MC": BELOW_NAMES}, COMMUNITY, STREET)
    assert answer.fields == {"code": "DM", "parent": "SJDM", "name": "MC"}
    assert answer.asks == ()


def test_own_code_and_parents_code_of_one_pattern_are_told_by_repetition() -> None:
    """Cells whose codes look like their community's: the parent's stands many times, the own once."""
    own = [f"9{n:011}" for n in range(30)]
    parents = [BELOW[n // 3] for n in range(30)]
    answer = found({"SSSQ": parents, "WGDM": own, "WGMC": [f"网格{n}" for n in range(30)]}, CELL, COMMUNITY)
    assert answer.fields == {"code": "WGDM", "parent": "SSSQ", "name": "WGMC"}


def test_a_parent_that_is_the_codes_beginning_needs_no_field() -> None:
    answer = found({"DM": BELOW, "MC": BELOW_NAMES}, COMMUNITY, STREET)
    assert "parent" not in answer.fields
    assert answer.asks == ()


def test_a_parent_that_nothing_gives_is_asked_for() -> None:
    own = [f"9{n:011}" for n in range(15)]
    answer = found({"DM": own, "MC": BELOW_NAMES}, CELL, COMMUNITY)
    assert "no field holds codes of the community above" in answer.asks[0]
    assert "give --field-parent" in answer.asks[0]


def test_a_parent_column_that_contradicts_the_codes_is_not_taken() -> None:
    wrong = ["320404009"] * len(BELOW)
    assert "parent" not in found({"DM": BELOW, "SJDM": wrong, "MC": BELOW_NAMES}, COMMUNITY, STREET).fields


# -- other schemes ----------------------------------------------------------------------------------------------------
def wards(n: int = 22) -> list[str]:
    return [str(i) for i in range(1, n + 1)]


def test_a_counter_beside_short_codes_is_asked_about_or_told_by_codes_in_force() -> None:
    shuffled = wards()[7:] + wards()[:7]
    columns = {"OBJECTID": range(1, 23), "WARD": shuffled, "Label": [f"Ward {i}" for i in shuffled]}
    answer = found(columns, WARD)
    assert answer.fields.get("code") in (None, "WARD")
    known = Known({i: f"Ward {i}" for i in wards()})
    assert found(columns, WARD, known=known).fields == {"code": "WARD", "name": "Label"}


@pytest.mark.parametrize("counter", ["OBJECTID", "FID", "OID_", "gid", "id"])
def test_a_counter_is_never_silently_the_code(counter: str) -> None:
    answer = found({counter: range(1, 23), "district": wards()[::-1], "Label": [f"Ward {i}" for i in wards()]}, WARD)
    assert answer.fields.get("code") != counter


def test_a_counter_alone_is_asked_about() -> None:
    answer = found({"OBJECTID": range(1, 23), "Label": [f"Ward {i}" for i in wards()]}, WARD)
    assert "code" not in answer.fields
    assert "OBJECTID" in answer.asks[0]


# -- given ------------------------------------------------------------------------------------------------------------
def test_what_is_given_is_not_looked_for() -> None:
    answer = found({"A": CODES, "B": [str(int(c) + 100) for c in CODES], "MC": NAMES}, given={"code": "B"})
    assert answer.fields == {"code": "B", "name": "MC"}
    assert not any("code" in note for note in answer.notes)


def test_a_bad_pattern_value_never_raises() -> None:
    assert found({"x": ["", "", ""], "y": [None, None, None]}).asks
