"""The parts of a shapefile: which are there, what their headers say, and what the files' sizes say of that."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

__all__ = ["PARTS", "gathered"]

PARTS: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_MAGIC: Final = b"\x00\x00\x27\x0a"
_ROWS: Final = 1_000_000  #: rows whose dates are looked at
_NAME: Final = 10  #: bytes of a field's name


def gathered(inner: str, parts: dict[str, Path], target: Path) -> tuple[dict[str, Any] | None, str, list[str]]:
    """(source, '', notes), or (None, why not, []) for parts that make no layer; '' for parts of nothing."""
    if ".shp" not in parts:
        alone = f"{inner} has no .shp beside it: a table of attributes alone is no boundary layer."
        return None, alone if ".dbf" in parts else "", []
    head = _head(parts[".shp"], 100)
    if head[:4] != _MAGIC or len(head) < 100:
        return None, f"{inner} begins with {head[:12]!r}, which is no shapefile; wanted a .shp written by a GIS.", []
    if ".dbf" not in parts:
        return None, f"{inner} has no .dbf beside it, so there are no codes and no names; ask for all parts.", []
    if len(_head(parts[".dbf"], 32)) < 32:
        return None, f"{inner}: its .dbf is empty or cut off, so there are no codes and no names; ask for it again.", []
    target.mkdir(parents=True)
    for suffix, part in parts.items():
        shutil.copyfile(part, target / f"layer{suffix}")
    notes = [f"{inner}: {text}" for text in _name_apart(target / "layer.dbf")]
    if (target / "layer.shx").is_file() and _head(target / "layer.shx", 4) != _MAGIC:
        (target / "layer.shx").unlink()  # the reader rebuilds a missing index, and trusts a wrong one
    facts = _facts(target, head)
    path = str(target / "layer.shp")
    return {"name": inner, "driver": "ESRI Shapefile", "path": path, "shape": facts}, "", notes


def _head(path: Path, n: int) -> bytes:
    with path.open("rb") as file:
        return file.read(n)


def _facts(target: Path, head: bytes) -> dict[str, Any]:
    table = _head(target / "layer.dbf", 32)
    index = target / "layer.shx"
    code_page = target / "layer.cpg"
    projection = target / "layer.prj"
    return {
        "type": struct.unpack("<i", head[32:36])[0],
        "declared_bytes": struct.unpack(">i", head[24:28])[0] * 2,
        "bytes": (target / "layer.shp").stat().st_size,
        "records": _count_records(target / "layer.shp"),
        "index_records": (index.stat().st_size - 100) // 8 if index.is_file() else None,
        "table_rows": struct.unpack("<I", table[4:8])[0],
        "ldid": table[29],
        "cpg": _head(code_page, 4096).decode("latin-1") if code_page.is_file() else None,
        "prj": _head(projection, 20_000).decode("utf-8", "replace") if projection.is_file() else None,
        "dates": _bad_dates(target / "layer.dbf"),
    }


def _count_records(path: Path) -> int | None:
    """How many records the .shp itself holds, walked from header to header; None when the chain breaks."""
    size = path.stat().st_size
    n, at = 0, 100
    with path.open("rb") as file:
        while at + 12 <= size:
            file.seek(at)
            _, words = struct.unpack(">ii", file.read(8))
            if words < 2 or at + 8 + words * 2 > size:
                return None
            n, at = n + 1, at + 8 + words * 2
    return n


def _fields(path: Path) -> Iterator[tuple[int, bytes]]:
    """The field descriptions of a .dbf and where they stand: 32 bytes each, up to a carriage return."""
    with path.open("rb") as file:
        end = struct.unpack("<H", file.read(32)[8:10])[0]
        for at in range(32, end - 31, 32):
            entry = file.read(32)
            if len(entry) < 32 or entry[0] == 0x0D:
                return
            yield at, entry


def _name_apart(path: Path) -> list[str]:
    """Number fields of one name (often long ones, cut to ten bytes) in our copy: the reader wants them distinct."""
    said: list[str] = []
    seen: set[bytes] = set()
    for at, entry in list(_fields(path)):
        name = new = entry[:11].split(b"\0")[0]
        n = 1
        while new.upper() in seen:
            n += 1
            new = name[: _NAME - len(f"_{n}")] + f"_{n}".encode()
        seen.add(new.upper())
        if new != name:
            with path.open("r+b") as file:
                file.seek(at)
                file.write(new.ljust(11, b"\0"))
            said.append(f"two fields are called {_shown(name)}; the later one is read as {_shown(new)}.")
    return said


def _shown(name: bytes) -> str:
    """A field's name for a person; in what encoding it is, is not known yet."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return name.decode(encoding)
        except UnicodeDecodeError:
            continue
    return repr(name)[2:-1]


def _bad_dates(path: Path) -> list[list[Any]]:
    """Rows whose date fields hold no day of the calendar: [row, field, text], at most 100."""
    rows, start, width = struct.unpack("<IHH", _head(path, 32)[4:12])
    fields, at = [], 1
    for _, entry in _fields(path):
        if entry[11:12] == b"D":
            fields.append((entry[:11].split(b"\0")[0].decode("latin-1"), at))
        at += entry[16]
    found: list[list[Any]] = []
    with path.open("rb") as file:
        file.seek(start)
        for row in range(min(rows, _ROWS) if fields else 0):
            record = file.read(width)
            if len(record) < width or len(found) >= 100:
                break
            texts = ((name, record[offset : offset + 8].decode("latin-1").strip(" \0")) for name, offset in fields)
            found += [[row + 1, name, text] for name, text in texts if text and not _is_day(text)]
    return found


def _is_day(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return True
