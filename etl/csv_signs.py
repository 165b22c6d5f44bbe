"""What the head of a CSV tells: the sign between its columns, and that it is UTF-16 when nobody said so."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from typing import Final

__all__ = ["HEAD", "SIGNS", "columns_of", "sign_of", "utf16_fault"]

#: what stands between columns, the usual one first; it is taken wherever it will do
SIGNS: Final = (",", ";", "\t", "|")
HEAD: Final = 1024**2  #: bytes that hold a header


def sign_of(head: str, wanted: Collection[str]) -> str:
    r"""The sign between the columns of a CSV that begins so: the first that gives every wanted column.

    Where none does it is the one that gives most columns, if a comma gives a single one.

    >>> sign_of("id;lon;lat\n1;119,9;31,7\n", ["lon", "lat"]), sign_of("a;b,lon\n", ["lon"]), sign_of("a\tb\n", ["x"])
    (';', ',', '\t')
    """
    columns = {sign: _columns(head, sign) for sign in SIGNS}
    for sign in SIGNS:
        if set(wanted) <= set(columns[sign]) and (wanted or len(columns[sign]) > 1):
            return sign
    return max(SIGNS, key=lambda sign: len(columns[sign])) if len(columns[","]) <= 1 else ","


def _columns(head: str, sign: str) -> list[str]:
    try:
        return columns_of(head, sign)[0]
    except csv.Error:  # no header by this sign; whoever reads with it says what is wrong
        return []


def columns_of(head: str, sign: str) -> tuple[list[str], int]:
    """The cells of the first record that says something, and the number of records to there; raises csv.Error."""
    for above, cells in enumerate(csv.reader(io.StringIO(head, newline=""), delimiter=sign), 1):
        if any(cell.strip() for cell in cells):
            return cells, above
    return [], 0


def utf16_fault(head: bytes) -> str:
    r"""What shows that bytes are UTF-16, and how Python calls it; '' where nothing does.

    >>> utf16_fault("id,名".encode("utf-16-le"))
    'UTF-16 (every other byte of its beginning is NUL): --encoding utf-16-le'
    """
    some = head[:400]
    if some[:2] in (b"\xff\xfe", b"\xfe\xff") and 0 in some:  # a comma, a line's end: half of each is NUL
        return f"UTF-16 (it begins with the mark {head[:2].hex(' ').upper()}): --encoding utf-16"
    even, odd = some[::2].count(0), some[1::2].count(0)
    if max(even, odd) * 10 <= len(some) or min(even, odd) * 5 > max(even, odd):
        return ""
    return f"UTF-16 (every other byte of its beginning is NUL): --encoding utf-16-{'le' if odd > even else 'be'}"
