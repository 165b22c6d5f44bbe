"""Unpacking a zip that nobody trusts: judged as a whole first, then every entry under a name of our own."""

from __future__ import annotations

import errno
import lzma
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["Refused", "decoded_name", "is_litter", "safe_name", "unzip"]

_ENTRIES: Final = 5_000
_RATIO: Final = 1_000  #: unpacked to packed; deflate reaches about 1,032 on zeros alone
_SMALL: Final = 50 * 1024**2  #: below this an empty layer may be packed as tightly as it likes
_STORED, _DEFLATED, _BZIP2, _LZMA = 0, 8, 12, 14


class Refused(Exception):
    """The delivery as a whole cannot be used; the text says why."""


def unzip(archive: Path, name: str, target: Path, limit: int) -> Iterator[tuple[Path, str]]:
    """Every file of the archive: where it was put, and what its maker called it. At most `limit` bytes are written."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [(entry, _entry_name(entry)) for entry in opened.infolist()]
            _judge(entries, name, limit)
            for n, (entry, inner) in enumerate(entries):
                if entry.is_dir() or is_litter(inner):
                    continue
                # A name of our own: what the archive calls it never becomes a path. The ending is kept, to tell parts.
                path = target / str(n) / safe_name(inner.rpartition("/")[2])
                path.parent.mkdir(parents=True)
                with opened.open(entry) as source, path.open("wb") as sink:
                    copied = _copy_bounded(source, sink, limit, name)
                limit -= copied
                if copied != entry.file_size:
                    raise Refused(f"{name} is a damaged zip ({inner!r} has not the size it says); ask for it again.")
                yield path, inner
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Refused(f"{name} is a damaged zip; ask for it again.") from None
    except (zipfile.BadZipFile, EOFError, ValueError, zlib.error, lzma.LZMAError, struct.error) as fault:
        raise Refused(f"{name} is a damaged zip ({fault}); ask for it again.") from None
    except (RuntimeError, NotImplementedError) as fault:
        raise Refused(
            f"{name} cannot be unpacked ({fault}); zip it again the ordinary way, without a password."
        ) from None


def _judge(entries: list[tuple[zipfile.ZipInfo, str]], name: str, limit: int) -> None:
    if len(entries) > _ENTRIES:
        raise Refused(f"{name} holds {len(entries):,} entries; at most {_ENTRIES:,} are taken.")
    faults = [f"{inner!r} {why}" for entry, inner in entries for why in _entry_faults(entry, inner)]
    seen: dict[str, int] = {}
    for inner in (inner.casefold() for entry, inner in entries if not entry.is_dir()):
        seen[inner] = seen.get(inner, 0) + 1
    faults += [f"{inner!r} is in it {n} times (letter case not counted)" for inner, n in seen.items() if n > 1]
    size = sum(entry.file_size for entry, _ in entries)
    packed = max(sum(entry.compress_size for entry, _ in entries), 1)
    if size > limit:
        faults.append(f"it unpacks to {size // 1024**2:,} MB, at most {limit // 1024**2:,} are taken")
    elif size > _SMALL and size > _RATIO * packed:
        faults.append(f"it unpacks to {size // packed:,} times its size, which no map does")
    if faults:
        raise Refused(f"{name} is refused, nothing of it was unpacked: " + "; ".join(faults[:10]) + ".")


def _entry_faults(entry: zipfile.ZipInfo, inner: str) -> Iterator[str]:
    parts = inner.split("/")
    if ".." in parts or parts[0] == "" or ":" in parts[0]:
        yield "leads out of the folder"
    if stat.S_ISLNK(entry.external_attr >> 16):
        yield "is a link"
    if entry.flag_bits & 0x1:
        yield "is protected by a password"
    if entry.compress_type not in (_STORED, _DEFLATED, _BZIP2, _LZMA):
        yield f"is packed by method {entry.compress_type}; wanted an ordinary zip"


def _entry_name(entry: zipfile.ZipInfo) -> str:
    """The name as its maker saw it: without the UTF-8 flag Windows writes GBK here, which zipfile shows as CP437."""
    name = entry.orig_filename or entry.filename
    if not entry.flag_bits & 0x800:
        try:
            name = decoded_name(name.encode("cp437"))
        except UnicodeEncodeError:
            name = entry.filename
    return _clean(name.partition("\0")[0].replace("\\", "/"))


def decoded_name(raw: bytes) -> str:
    """A file's name from its bytes: UTF-8, or else what Chinese Windows writes.

    >>> decoded_name("街道.shp".encode("gbk")), decoded_name("街道.shp".encode())
    ('街道.shp', '街道.shp')
    """
    for encoding in ("utf-8", "gb18030"):
        try:
            return _clean(raw.decode(encoding))
        except UnicodeDecodeError:
            continue
    return _clean(raw.decode("latin-1"))


def _clean(name: str) -> str:
    """Composed as typed (a Mac sends é as two characters), and nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() else "�" for c in unicodedata.normalize("NFC", name))


def _copy_bounded(source: Any, sink: Any, left: int, name: str) -> int:
    """Copy an entry; its header may lie about its size, the bytes do not."""
    copied = 0
    while block := source.read(1 << 20):
        copied += len(block)
        if copied > left:
            raise Refused(f"{name} unpacks to more than it says and than is taken; it is refused.")
        sink.write(block)
    return copied


def is_litter(inner: str) -> bool:
    """True for what a Mac or Windows leaves behind beside the files."""
    parts = inner.split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] in (".DS_Store", "Thumbs.db", "")


def safe_name(name: str) -> str:
    """A plain name with the same ending, of characters that no reader takes for anything else."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return kept[-80:].lstrip(".") or "file"
