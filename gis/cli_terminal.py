"""What a command says: the one place from which words reach a terminal.

Texts that persons wrote (reasons, ids, cells of a file) may hold characters that move, colour or reorder what a
terminal shows. Here they become visible; what is stored, and what goes to files, stays as it was written.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import click

__all__ = ["progress", "say", "say_json", "say_text", "visible"]

#: controls; marks of direction; signs without width but for the two that join letters; breaks of line; halves of pairs
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BACK: Final = "\r" + " " * 60 + "\r"


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with every control and mark of direction in a form that shows, those in `keep` as they are.

    >>> visible("漏水\x1b[2J \u202eagain")
    '漏水\\x1b[2J \\u202eagain'
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else _name(found[0]), text)


def _name(sign: str) -> str:
    code = ord(sign)
    return _NAMED.get(sign) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


def say(*lines: str, err: bool = False) -> None:
    """Print lines; a break within one of them is none."""
    click.echo("\n".join(map(visible, lines)), err=err)


def say_text(text: str, *, err: bool = False) -> None:
    """Print a text of our own wording that may have several lines."""
    click.echo(visible(text, keep="\n"), err=err)


def say_json(value: Any) -> None:
    """Print a value as JSON on one line: the same value for every reader, and nothing that a terminal obeys."""
    click.echo(_UNSEEN.sub(_escaped, json.dumps(value, ensure_ascii=False, default=str)))


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if found[0] != "\x7f" else "\\u007f"


def progress(text: str = "") -> None:
    """Put a line in place of the one before on the terminal; '' clears it."""
    click.echo(f"{_BACK}{visible(text)}", err=True, nl=False)
