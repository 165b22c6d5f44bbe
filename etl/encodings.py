"""Which encoding the texts of a shapefile are in: decided on evidence, asked for when the evidence is not enough.

A `.cpg` and the language byte of the `.dbf` (LDID) are witnesses, not judges: both are often wrong in deliveries made
on Chinese Windows. What decides is whether the bytes decode, whether what comes out are characters that people use, and
whether it is what the areas are called already.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Verdict", "canonical", "decode", "judge"]

_SAMPLE: Final = 4_000  #: distinct texts looked at
_FEW: Final = 10  #: at most one in so many short texts may be cut in a character
_CLEARLY: Final = 0.25  #: how much more plausible a reading must be than what is declared, or than the next best

#: what .cpg files say -> Python's codec
_NAMES: Final = {
    **dict.fromkeys(("UTF8", "65001", "CP65001"), "utf-8"),
    **dict.fromkeys(("GBK", "936", "CP936", "GB2312", "EUCCN", "ANSI936", "MS936", "WINDOWS936", "OEM936"), "gbk"),
    "GB18030": "gb18030",
    "54936": "gb18030",
    **dict.fromkeys(("BIG5", "950", "CP950", "ANSI950", "OEM950", "BIG5HKSCS"), "big5"),
    **dict.fromkeys(("ISO88591", "88591", "LATIN1", "819"), "latin-1"),
    "ISO885915": "iso8859-15",
    **dict.fromkeys(("SJIS", "SHIFTJIS", "932", "CP932"), "cp932"),
    **dict.fromkeys(("EUCKR", "949", "CP949"), "cp949"),
}
#: Python's codecs that keep ASCII as it is; others decode no text (hex, rot13) or none that a .dbf can hold (UTF-16)
_OF_TEXT: Final = re.compile("utf-8|gb|big5|cp|iso8859|koi8|mac|shift|euc|johab|ascii|tis|kz|ptcp")
#: language byte of the .dbf -> Python's codec; 0x57 (ANSI) and 0 say nothing
_LANGUAGE_BYTE: Final = {
    0x4D: "gbk",
    0x7A: "gbk",
    0x4F: "big5",
    0x78: "big5",
    0x13: "cp932",
    0x7B: "cp932",
    0x4E: "cp949",
    0x79: "cp949",
    0x01: "cp437",
    0x02: "cp850",
    0x03: "cp1252",
    0x58: "cp1252",
    0x59: "cp1252",
    0x26: "cp866",
    0x65: "cp866",
    0xC8: "cp1250",
    0xC9: "cp1251",
    0xCB: "cp1253",
    0xCA: "cp1254",
    0x7C: "cp874",
}
_TRIED: Final = ("utf-8", "gbk", "gb18030", "big5")
_PAGES: Final = ("cp1252", "cp1250", "cp1251")
#: what names of areas end with or hold, in either script; a wrong reading almost never makes these
_TELLING: Final = re.compile(
    "街道|社区|社區|居委|村委|网格|網格|新村|小区|花园|[市区县镇乡村路省州區縣鎮鄉里]$|[国语國語]"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`codec` None: undecidable, `text` asks; `warning` True: what was declared is overruled; '' says nothing."""

    codec: str | None
    text: str
    warning: bool = False


def canonical(name: str | None) -> str | None:
    """Python's codec for what a .cpg or a person calls it; None for what is no encoding.

    >>> canonical("ANSI 936"), canonical("windows-1251"), canonical("<!DOCTYPE html>")
    ('gbk', 'cp1251', None)
    """
    word = re.sub(r"[^A-Z0-9]", "", (name or "").strip().upper())
    if not word or len(word) > 20:
        return None
    if word in _NAMES:
        return _NAMES[word]
    page = re.fullmatch(r"(?:ANSI|CP|OEM|MS|WINDOWS)?(12[5]\d|437|8[56]\d|874)", word)
    part = re.fullmatch(r"(?:ISO)?8859(\d\d?)", word)
    try:
        codec = codecs.lookup(f"cp{page.group(1)}" if page else f"iso8859-{part.group(1)}" if part else word).name
    except LookupError:
        return None
    return codec if _OF_TEXT.match(codec) else None


def decode(text: str, codec: str) -> tuple[str, bool]:
    """Decode a text that was read byte by character; True when its end was half a character, which is dropped.

    >>> decode("五星街道".encode("gbk")[:-1].decode("latin-1"), "gbk")
    ('五星街', True)
    """
    raw = text.encode("latin-1")
    try:
        return raw.decode(codec), False
    except UnicodeDecodeError as fault:
        if fault.end == len(raw) or fault.start >= len(raw) - 3:
            return raw[: fault.start].decode(codec, "replace"), True
        return raw.decode(codec, "replace"), False


def judge(
    texts: Iterable[str], *, told: str | None, cpg: str | None, ldid: int, known: frozenset[str] = frozenset()
) -> Verdict:
    """The encoding of texts that were read as Latin-1.

    `told` is what a person said (an option, a manifest); `known` are the names in force here. Told goes first and must
    decode; then what the file declares, unless another reading is clearly more plausible; then the most plausible one.
    """
    raw = sorted({t.encode("latin-1") for t in texts if not t.isascii()}, key=len, reverse=True)[:_SAMPLE]
    if told is not None:
        return _told(raw, told)
    declared, says = _declared(cpg, ldid)
    if not raw:
        return Verdict(declared or "utf-8", "")
    scores = {codec: _plausible(raw, codec, known) for codec in dict.fromkeys((*_TRIED, *_PAGES, *_list(declared)))}
    if declared is not None:
        return _against(raw, declared, says, scores)
    junk = f"{says} is no encoding and is ignored. " if says else ""
    return _undeclared(raw, scores, junk)


def _list(codec: str | None) -> tuple[str, ...]:
    return () if codec is None else (codec,)


def _told(raw: Sequence[bytes], told: str) -> Verdict:
    codec = canonical(told)
    if codec is None:
        return Verdict(None, f"the encoding is said to be {told!r}, which is none; wanted for example GBK or UTF-8.")
    wrong = [] if _all_decode(raw, codec) else [r for r in raw if not _decodes(r, codec)]
    if wrong:
        return Verdict(
            None,
            f"{len(wrong)} of {len(raw)} texts are no {_word(codec)}, for example {wrong[0]!r}, "
            f"which would be {_samples(raw, _best(raw))}; give the right --encoding.",
        )
    return Verdict(codec, "")


def _declared(cpg: str | None, ldid: int) -> tuple[str | None, str]:
    """The codec that the file declares and the words for it; (None, words) when it says something that is none."""
    if cpg is not None and cpg.strip():
        return canonical(cpg), f"the .cpg ({cpg.strip()[:30]!r})"
    codec = _LANGUAGE_BYTE.get(ldid)
    return codec, f"the language byte of the .dbf (0x{ldid:02X})" if codec else ""


def _against(raw: Sequence[bytes], declared: str, says: str, scores: dict[str, float]) -> Verdict:
    if declared == "gbk" and scores["gbk"] < 0 <= scores["gb18030"]:
        # GB18030 holds every GBK text and the rare characters beside: the declaration was only too narrow.
        declared = "gb18030"
    best = max((c for c in _TRIED if c not in (declared, "gb18030")), key=lambda c: scores[c])
    if scores[declared] >= 0 and scores[best] < scores[declared] + _CLEARLY:
        return Verdict(declared, "")
    if scores[best] >= 0.5:
        return Verdict(
            best,
            f"{says} is wrong, the texts are {_word(best)}: {_samples(raw, best)} and not {_samples(raw, declared)}.",
            warning=True,
        )
    return Verdict(
        None,
        f"{says} is wrong, and nothing else fits clearly: {_alternatives(raw, scores)}; give --encoding.",
    )


def _undeclared(raw: Sequence[bytes], scores: dict[str, float], junk: str) -> Verdict:
    ranked = sorted((c for c in scores if scores[c] >= 0), key=lambda c: -scores[c])
    pages = [c for c in ranked if c in _PAGES]
    ranked = [c for c in ranked if c not in pages[1:] and not (c == "gb18030" and "gbk" in ranked)]
    best = ranked[0] if ranked else None
    second = scores[ranked[1]] if len(ranked) > 1 else -1.0
    if best in _TRIED and scores[best] >= 0.5 and scores[best] >= second + _CLEARLY:
        return Verdict(best, f"{junk}The texts are read as {_word(best)}: {_samples(raw, best)}.", warning=bool(junk))
    return Verdict(None, f"{junk}Nothing declares the encoding: {_alternatives(raw, scores)}; give --encoding.")


def _decodes(raw: bytes, codec: str, shortest: int = 9) -> bool:
    """True when the bytes decode, a half character at the cut end of a text of some length not counted."""
    try:
        raw.decode(codec)
    except UnicodeDecodeError as fault:
        return fault.start >= len(raw) - 3 and fault.start > 0 and len(raw) >= shortest
    return True


def _all_decode(raw: Sequence[bytes], codec: str) -> bool:
    """True when all do. Short texts may be cut too, but few of them: a word of the West ends in é by itself."""
    wrong = [r for r in raw if not _decodes(r, codec)]
    return len(wrong) * _FEW <= len(raw) and all(_decodes(r, codec, shortest=2) for r in wrong)


def _plausible(raw: Sequence[bytes], codec: str, known: frozenset[str]) -> float:
    """How plausible a reading is: -1 when it does not decode, else the share of its foreign characters that people use
    in such texts; above 1 when it gives names that are in force here."""
    if not _all_decode(raw, codec):
        return -1.0
    words = [decode(r.decode("latin-1"), codec)[0] for r in raw]
    letters = [c for word in words for c in word if not c.isascii()]
    if not letters:
        return -1.0
    common = sum(_is_common(c, codec) for c in letters) / len(letters)
    if codec in _PAGES:
        common *= _reads_like_a_page(words)
    foreign = [word.strip() for word in words if not word.isascii()]
    common += 0.5 * sum(bool(_TELLING.search(word)) for word in foreign) / len(foreign)
    if codec == "utf-8" and len(letters) >= 4:
        common += 0.5  # four characters of three bytes each are UTF-8 by accident once in many thousand texts
    if known:
        stems = {word.strip() for word in words}
        common += min(1.0, 4.0 * len(stems & known) / max(len(stems), 1))
    return common


def _is_common(c: str, codec: str) -> bool:
    """A character of everyday Chinese (level 1 of GB 2312 or Big5), full-width punctuation, or a letter of a page."""
    if c in "（）、，。：；·—“”《》〔〕○":
        return True
    if "\u4e00" <= c <= "\u9fff":
        return _level_1(c, "gb2312", 0xB0, 0xD7) or (codec == "big5" and _level_1(c, "big5", 0xA4, 0xC6))
    if codec == "utf-8":
        return c.isalpha() and not ("\u4e00" <= c <= "\u9fff")
    return codec not in ("gbk", "gb18030", "big5") and c.isalpha()


def _level_1(c: str, codec: str, low: int, high: int) -> bool:
    try:
        return low <= c.encode(codec)[0] <= high
    except UnicodeEncodeError:
        return False


def _reads_like_a_page(words: Sequence[str]) -> float:
    """Latin words have few letters beyond ASCII, Cyrillic ones nothing else: a run of accented letters is neither."""
    runs = [run for word in words for run in re.findall(r"[\u0080-\u024f]{3,}", word)]
    long = sum(map(len, runs))
    total = sum(1 for word in words for c in word if not c.isascii()) or 1
    return 1.0 - 0.9 * long / total


def _best(raw: Sequence[bytes]) -> str:
    return max((*_TRIED, "cp1252"), key=lambda c: _plausible(raw, c, frozenset()))


def _alternatives(raw: Sequence[bytes], scores: dict[str, float]) -> str:
    shown = [c for c in (*_TRIED, *_PAGES) if scores.get(c, -1) >= 0 and not (c == "gb18030" and scores["gbk"] >= 0)]
    return "; ".join(f"as {_word(c)} they read {_samples(raw, c)}" for c in shown[:4]) or "no known encoding fits"


def _samples(raw: Sequence[bytes], codec: str) -> str:
    shown = [decode(r.decode("latin-1"), codec)[0][:20] for r in raw[:3]]
    return "、".join("".join(c if c.isprintable() else "�" for c in word) for word in shown)


def _word(codec: str) -> str:
    return {"latin-1": "ISO-8859-1"}.get(codec, codec.upper().replace("CP12", "Windows-12"))
