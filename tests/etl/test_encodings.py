"""In which encoding texts are is decided on evidence, and asked for where the evidence is not enough."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.encodings import canonical, decode, judge

STREETS = [
    "五星街道",
    "永红街道",
    "西林街道",
    "南大街街道",
    "荷花池街道",
    "北港街道",
    "新闸街道",
    "邹区镇",
    "凌家社区居委会",
]
TAIPEI = ["中正區", "大同區", "松山區", "大安區", "萬華區", "信義區", "士林區", "北投區", "內湖區", "文山區"]
WINDOWS = ["gbk", "gb18030", "big5", "utf-8"]
#: characters that names of streets and communities are made of
USUAL = "东西南北中新老大小上下前后安平福康乐和丰华兴荣庆永宁河湖江桥塘村园花庄家湾港山林泉石城门楼街路里"


def latin(texts: list[str], codec: str) -> list[str]:
    """The texts as the reader hands them over: byte by character."""
    return [t.encode(codec).decode("latin-1") for t in texts]


def names() -> st.SearchStrategy[list[str]]:
    word = st.text(USUAL, min_size=2, max_size=5)
    end = st.sampled_from(["街道", "社区", "村委会", "社区居委会", "镇"])
    return st.lists(st.builds(str.__add__, word, end), min_size=3, max_size=30)


# -- names for encodings ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("word", "codec"),
    [
        ("GBK", "gbk"),
        ("gbk\r\n", "gbk"),
        ("936", "gbk"),
        ("ANSI 936", "gbk"),
        ("CP936", "gbk"),
        ("GB2312", "gbk"),
        ("GB18030", "gb18030"),
        ("UTF-8", "utf-8"),
        ("\ufeffUTF-8", "utf-8"),
        ("ï»¿UTF-8", "utf-8"),  # the mark of UTF-8, read byte by character
        ("65001", "utf-8"),
        ("BIG5", "big5"),
        ("950", "big5"),
        ("ANSI 1250", "cp1250"),
        ("Windows-1251\n", "cp1251"),
        ("ISO-8859-1", "latin-1"),
        ("88591", "latin-1"),
        ("8859-1", "latin-1"),
        ("ISO 8859-2", "iso8859-2"),
        ("88592", "iso8859-2"),
        ("", None),
        (None, None),
        ("<!DOCTYPE html><html><head><title>404</title></head></html>", None),
        ("none", None),
        ("hex", None),  # Python has codecs that decode no text
        ("rot13", None),
        ("base64", None),
        ("idna", None),
        ("unicode_escape", None),
        ("\0\0\0", None),
    ],
)
def test_what_is_said_of_an_encoding_is_understood(word: str | None, codec: str | None) -> None:
    assert canonical(word) == codec


@given(st.text(max_size=30))
def test_any_word_has_an_encoding_or_none(word: str) -> None:
    codec = canonical(word)
    assert codec is None or isinstance(b"abc".decode(codec), str)


# -- decoding ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("codec", WINDOWS)
def test_half_a_character_at_the_end_is_dropped_and_said(codec: str) -> None:
    text = "中正區" if codec == "big5" else "五星街道"
    for cut in range(1, len(text[-1].encode(codec))):
        raw = text.encode(codec)[:-cut].decode("latin-1")
        assert decode(raw, codec) == (text[:-1], True)


def test_an_error_in_the_middle_is_no_cut_end() -> None:
    text, cut = decode("五星".encode("gbk").decode("latin-1") + "\xff" + "abcdef", "gbk")
    assert not cut
    assert text.startswith("五星")
    assert text.endswith("abcdef")


@pytest.mark.parametrize("raw", ["\xff", "\xff\xfe", "a\xff", "\xe4\xb8"])
@pytest.mark.parametrize("codec", [*WINDOWS, "ascii", "cp1252", "latin-1", "cp932"])
def test_short_nonsense_is_decoded_to_something(raw: str, codec: str) -> None:
    assert isinstance(decode(raw, codec)[0], str)


@given(st.binary(max_size=60), st.sampled_from([*WINDOWS, "cp1250", "cp1251", "cp1252", "latin-1", "cp932", "cp949"]))
def test_random_bytes_never_raise(raw: bytes, codec: str) -> None:
    text, cut = decode(raw.decode("latin-1"), codec)
    assert isinstance(text, str)
    assert isinstance(cut, bool)


# -- nothing declared -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("texts", "written", "read"),
    [
        (STREETS, "gbk", "gbk"),
        (STREETS, "utf-8", "utf-8"),
        ([*STREETS, "䶮塘村", "𠮷塘社区"], "gb18030", "gb18030"),
        (TAIPEI, "big5", "big5"),
        (TAIPEI, "utf-8", "utf-8"),
        (["简体国语"], "gbk", "gbk"),
        (["繁體國語"], "big5", "big5"),
        (["黑龙江省"], "gbk", "gbk"),
    ],
)
def test_chinese_names_are_read_without_a_declaration(texts: list[str], written: str, read: str) -> None:
    verdict = judge(latin(texts, written), told=None, cpg=None, ldid=0)
    assert verdict.codec == read
    assert not verdict.warning
    assert f"read as {read.upper()}" in verdict.text


@settings(max_examples=60, deadline=None)
@given(names(), st.sampled_from(["gbk", "utf-8", "gb18030"]))
def test_names_are_read_right_or_asked_for(texts: list[str], codec: str) -> None:
    verdict = judge(latin(texts, codec), told=None, cpg=None, ldid=0)
    assert verdict.codec is not None, verdict.text
    assert [decode(t, verdict.codec)[0] for t in latin(texts, codec)] == texts


@settings(max_examples=60, deadline=None)
@given(names(), st.sampled_from(["gbk", "utf-8"]), st.sampled_from(["ISO-8859-1", "UTF-8", "GBK", "BIG5", "ANSI 1252"]))
def test_no_declaration_makes_chinese_names_into_something_else_unsaid(texts: list[str], codec: str, cpg: str) -> None:
    """A declaration, true or lying, ends in the right reading or in a question, never in silent nonsense."""
    verdict = judge(latin(texts, codec), told=None, cpg=cpg, ldid=0)
    if verdict.codec is not None:
        assert [decode(t, verdict.codec)[0] for t in latin(texts, codec)] == texts
        assert verdict.warning or canonical(cpg) in ("gbk", "utf-8")
    else:
        assert "give --encoding" in verdict.text


def test_liantong_is_not_taken_for_utf_8() -> None:
    """The two characters whose GBK bytes are valid UTF-8 by its bit patterns (Notepad fell for them)."""
    raw = latin(["联通"], "gbk")
    alone = judge(raw, told=None, cpg=None, ldid=0)
    assert alone.codec != "utf-8"
    assert judge([*raw, *latin(STREETS, "gbk")], told=None, cpg=None, ldid=0).codec == "gbk"
    assert judge(raw, told=None, cpg="GBK", ldid=0).codec == "gbk"
    assert judge(raw, told=None, cpg=None, ldid=0, known=frozenset({"联通"})).codec == "gbk"


@pytest.mark.parametrize(
    "texts", [["é"], ["Zürich", "Genève"], ["Łódź"], ["Привет", "Москва"]], ids=["one", "west", "middle", "east"]
)
@pytest.mark.parametrize("codec", ["cp1252", "cp1250", "cp1251"])
def test_pages_of_europe_are_asked_for_when_nothing_declares_them(texts: list[str], codec: str) -> None:
    try:
        raw = latin(texts, codec)
    except UnicodeEncodeError:
        return  # a page that has not these letters
    verdict = judge(raw, told=None, cpg=None, ldid=0)
    assert verdict.codec is None
    assert "Nothing declares the encoding" in verdict.text
    assert "give --encoding" in verdict.text


def test_a_question_shows_the_readings() -> None:
    verdict = judge(latin(["Zürich", "Genève"], "cp1252"), told=None, cpg=None, ldid=0)
    assert "Zürich" in verdict.text


def test_known_names_decide() -> None:
    raw = latin(["Zürich", "Genève"], "utf-8")
    assert judge(raw, told=None, cpg=None, ldid=0, known=frozenset({"Zürich", "Genève"})).codec == "utf-8"


def test_plain_letters_need_no_evidence() -> None:
    assert judge(["Back Bay", "1"], told=None, cpg=None, ldid=0).codec == "utf-8"
    assert judge([], told=None, cpg="GBK", ldid=0).codec == "gbk"
    assert judge(["a"], told=None, cpg="<html>", ldid=0).text == ""


# -- declared ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ldid", [0x4D, 0x7A])
def test_a_language_byte_of_china_is_believed_when_it_is_true(ldid: int) -> None:
    verdict = judge(latin(STREETS, "gbk"), told=None, cpg=None, ldid=ldid)
    assert (verdict.codec, verdict.text) == ("gbk", "")


@pytest.mark.parametrize(
    ("texts", "codec", "ldid", "read"),
    [
        (TAIPEI, "big5", 0x4F, "big5"),
        (["Москва", "Пушкин"], "cp1251", 0xC9, "cp1251"),
        (["Zürich", "Genève"], "cp1252", 0x03, "cp1252"),
        (STREETS, "gbk", 0x57, "gbk"),
        (STREETS, "utf-8", 0x57, "utf-8"),
        (STREETS, "gbk", 0x00, "gbk"),
    ],
)
def test_language_bytes(texts: list[str], codec: str, ldid: int, read: str) -> None:
    verdict = judge(latin(texts, codec), told=None, cpg=None, ldid=ldid)
    assert verdict.codec == read
    assert not verdict.warning


@pytest.mark.parametrize(
    ("texts", "codec", "cpg", "read"),
    [
        (["Łódź", "Gdańsk"], "cp1250", "ANSI 1250", "cp1250"),
        (["Москва", "Пушкин"], "cp1251", "Windows-1251\n", "cp1251"),
        (["Москва", "Пушкин"], "utf-8", "UTF-8", "utf-8"),
        (["Zürich", "Genève"], "latin-1", "ISO-8859-1", "latin-1"),
        (["Zürich", "Genève"], "latin-1", "88591", "latin-1"),
        (["Zürich"], "utf-8", "65001", "utf-8"),
        (STREETS, "gbk", "936", "gbk"),
        (STREETS, "utf-8", "UTF-8", "utf-8"),
        ([*STREETS, "𠮷塘社区"], "gb18030", "GBK", "gb18030"),
    ],
)
def test_a_true_cpg_is_believed_without_a_word(texts: list[str], codec: str, cpg: str, read: str) -> None:
    verdict = judge(latin(texts, codec), told=None, cpg=cpg, ldid=0)
    assert (verdict.codec, verdict.text) == (read, "")


@pytest.mark.parametrize(
    ("texts", "codec", "cpg", "ldid"),
    [
        (STREETS, "gbk", "UTF-8", 0),
        (STREETS, "utf-8", "GBK", 0),
        (STREETS, "gbk", "ISO-8859-1", 0),
        (STREETS, "utf-8", "ISO-8859-1", 0),
        (STREETS, "utf-8", None, 0x4D),
        (STREETS, "gbk", None, 0x03),
        (STREETS, "gbk", "ANSI 1251", 0),
    ],
)
def test_a_lying_declaration_is_overruled_with_a_warning(
    texts: list[str], codec: str, cpg: str | None, ldid: int
) -> None:
    verdict = judge(latin(texts, codec), told=None, cpg=cpg, ldid=ldid)
    assert verdict.codec == codec
    assert verdict.warning
    assert " is wrong, the texts are " in verdict.text


def test_a_web_page_in_place_of_a_cpg_is_ignored_and_said() -> None:
    verdict = judge(latin(STREETS, "gbk"), told=None, cpg="<!DOCTYPE html><html>not found</html>", ldid=0)
    assert verdict.codec == "gbk"
    assert verdict.warning
    assert "is no encoding and is ignored" in verdict.text
    behind = judge(latin(TAIPEI, "big5"), told=None, cpg="<html>", ldid=0x4F)
    assert behind.codec == "big5"


# -- told -------------------------------------------------------------------------------------------------------------
def test_what_a_person_says_goes_first_and_must_fit() -> None:
    assert judge(latin(STREETS, "gbk"), told="GBK", cpg="UTF-8", ldid=0).codec == "gbk"
    wrong = judge(latin(STREETS, "gbk"), told="UTF-8", cpg=None, ldid=0)
    assert wrong.codec is None
    assert "are no UTF-8" in wrong.text
    assert "五星街道" in wrong.text or "街道" in wrong.text
    none = judge(latin(STREETS, "gbk"), told="klingon", cpg=None, ldid=0)
    assert none.codec is None
    assert "'klingon', which is none" in none.text


# -- cut --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("codec", ["gbk", "utf-8"])
def test_values_and_field_names_cut_in_a_character_do_not_mislead(codec: str) -> None:
    cut = "凌家社区居委会（含凌家村村委会）".encode(codec)[:21]
    field = "A所属街道名称".encode(codec)[:10]
    raw = [*latin(STREETS, codec), cut.decode("latin-1"), field.decode("latin-1")]
    verdict = judge(raw, told=None, cpg=None, ldid=0)
    assert verdict.codec == codec
    assert judge(raw, told=codec, cpg=None, ldid=0).codec == codec
    assert judge(raw, told=None, cpg=codec, ldid=0).codec == codec


def test_a_short_field_name_cut_in_a_character_does_not_mislead() -> None:
    raw = [*latin(STREETS, "gbk"), "街道代码码".encode("gbk")[:7].decode("latin-1")]
    assert judge(raw, told=None, cpg="GBK", ldid=0).codec == "gbk"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(max_size=30), max_size=8),
    st.sampled_from([None, "GBK", "UTF-8", "nonsense", "ISO-8859-1"]),
    st.sampled_from([None, "GBK", "UTF-8", "936", "<html>", "", "ASCII", "UTF-16"]),
    st.integers(0, 255),
)
def test_random_bytes_are_judged_without_an_error(
    raw: list[bytes], told: str | None, cpg: str | None, ldid: int
) -> None:
    verdict = judge([r.decode("latin-1") for r in raw], told=told, cpg=cpg, ldid=ldid)
    assert verdict.codec is not None or "encoding" in verdict.text
