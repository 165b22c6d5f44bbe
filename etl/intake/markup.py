"""The outermost element of an XML file, and whether it declares entities: found by the parser, not by words.

A document type can only stand before the outermost element, so the parser is stopped there: nothing is ever expanded.
"""

from __future__ import annotations

import codecs
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.parsers import expat

__all__ = ["Root", "copy", "is_xml", "root_of"]

_BLOCK: Final = 64 * 1024
_PROLOG: Final = 4 * 1024**2  #: an outermost element that comes later is none
_DECLARED: Final = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.\-]{1,40})["']""")
#: what the readers' own parser does not know; such files are written again as UTF-8
_WIDE: Final = {"gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030", "cp936": "gb18030", "big5": "big5"}


@dataclass(slots=True)
class Root:
    """The outermost element: its name, the namespaces declared by then, or what is wrong ('' for nothing)."""

    name: str = ""
    spaces: list[str] = field(default_factory=list)
    fault: str = ""


class _Stop(Exception):
    """The outermost element was reached, or what may not stand before it."""


def is_xml(head: bytes) -> bool:
    """True when the first character that is no space is '<', in UTF-8 (or any other code page) or UTF-16."""
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        head = head.removeprefix(mark)
    return head.lstrip(b" \t\r\n\0")[:1] == b"<"


def root_of(path: Path) -> Root:
    """Parse up to the outermost element."""
    root = Root()

    def element(name: str, _: object) -> None:
        root.name = name.rpartition(" ")[2]
        raise _Stop

    def doctype(*_: object) -> None:
        root.fault = "declares a document type (XML entities), which no map needs; it is refused."
        raise _Stop

    with path.open("rb") as file:
        wide = _wide(file.read(_BLOCK))
    parser = expat.ParserCreate("utf-8" if wide else None, " ")
    parser.StartElementHandler = element
    parser.StartDoctypeDeclHandler = doctype
    parser.StartNamespaceDeclHandler = lambda _, uri: root.spaces.append(uri or "")
    try:
        _feed(parser, path, wide)
        root.fault = "is XML without an element at its beginning; ask for the file again."
    except _Stop:
        pass
    except (expat.ExpatError, ValueError, LookupError) as fault:
        root.fault = f"is damaged XML or in an unknown encoding ({fault}); ask for the file again, in UTF-8."
    return root


def _feed(parser: expat.XMLParserType, path: Path, wide: str | None) -> None:
    decoder = codecs.getincrementaldecoder(wide or "latin-1")("replace")
    with path.open("rb") as file:
        while file.tell() < _PROLOG and (block := file.read(_BLOCK)):
            parser.Parse(decoder.decode(block).encode() if wide else block, False)


def _wide(head: bytes) -> str | None:
    """The codec of a declared encoding that must be translated first."""
    declared = _DECLARED.match(head.removeprefix(b"\xef\xbb\xbf"))
    return _WIDE.get(declared.group(1).decode().casefold()) if declared else None


def copy(path: Path, target: Path) -> None:
    """Copy an XML file; one in a Chinese code page is written as UTF-8, which is what its readers know."""
    with path.open("rb") as source, target.open("wb") as sink:
        head = source.read(_BLOCK)
        wide = _wide(head)
        source.seek(0)
        if wide is None:
            shutil.copyfileobj(source, sink)
            return
        decoder = codecs.getincrementaldecoder(wide)("replace")
        first = decoder.decode(source.read(_BLOCK))
        sink.write(re.sub(r"encoding\s*=\s*[\"'][^\"']*[\"']", 'encoding="UTF-8"', first, count=1).encode())
        while block := source.read(_BLOCK):
            sink.write(decoder.decode(block).encode())
