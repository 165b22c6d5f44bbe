"""How long the texts may be that persons and files give, and how a text is said back that may be of any length.

Much longer ones are a file in the wrong column or an attack, and every page, list and message that shows them suffers.
"""

from __future__ import annotations

from typing import Final

from gis.errors import BadOption

__all__ = ["CODE", "DESCRIPTION", "FACT", "ID", "NAME", "PART", "REASON", "brief", "require_short", "too_long"]

CODE: Final = 64  #: of a unit, an area, a category, a rule
ID: Final = 200  #: a source's own id of a report
PART: Final = 40  #: identifier of a part
NAME: Final = 200  #: of a person, a unit, a part, a place
FACT: Final = 500  #: what a delivery says of itself: its title, document, source
REASON: Final = 2000  #: why somebody did something, and what shows it
DESCRIPTION: Final = 4000  #: the words of a report
_SHOWN: Final = 80


def too_long(n: int, longest: int) -> str:
    """What is wrong with a text of n characters.

    >>> too_long(5000, REASON)
    'has 5,000 characters; wanted at most 2,000'
    """
    return f"has {n:,} characters; wanted at most {longest:,}"


def require_short(name: str, text: str, longest: int) -> None:
    """BadOption for a text over the limit, or one that holds bytes which are no text."""
    if len(text) > longest:
        raise BadOption(f"{name} {too_long(len(text), longest)}. Shorten it; a document can hold the rest.")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise BadOption(f"{name} holds bytes that are no UTF-8: {brief(text)}; wanted text in UTF-8.")


def brief(text: str) -> str:
    """A text as it is said back: quoted, and short.

    >>> brief("0101"), brief("x" * 5000)[-20:]
    ("'0101'", "' (5,000 characters)")
    """
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN] + '…'!r} ({len(text):,} characters)"
