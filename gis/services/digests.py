"""A digest of plain values by what they say: the same in every process, which neither pickle nor hash() promises."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import shapely

__all__ = ["content_digest"]


def content_digest(value: Any) -> str:
    """The sha256 of nested dataclasses, mappings, sets, sequences, arrays, geometries and scalars.

    >>> content_digest({"a": frozenset("xyz"), "b": (1, None)}) == content_digest({"b": (1, None), "a": set("zyx")})
    True
    >>> content_digest(("ab", "c")) == content_digest(("a", "bc"))
    False
    """
    digest = hashlib.sha256()
    for piece in _pieces(value):
        digest.update(b"%d:" % len(piece))
        digest.update(piece)
    return digest.hexdigest()


def _pieces(value: Any) -> Iterator[bytes]:
    if isinstance(value, np.ndarray):
        yield from _array(value)
    elif isinstance(value, shapely.Geometry):
        yield shapely.to_wkb(value)
    elif is_dataclass(value):
        for field in fields(value):
            if field.init:
                yield field.name.encode()
                yield from _pieces(getattr(value, field.name))
    else:
        yield from _plain(value)


def _plain(value: Any) -> Iterator[bytes]:
    if isinstance(value, Mapping):
        value = [(key, value[key]) for key in sorted(value)]
    elif isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, list | tuple):
        yield b"[%d" % len(value)
        for one in value:
            yield from _pieces(one)
    else:
        yield repr(value).encode()


def _array(values: Any) -> Iterator[bytes]:
    yield f"{values.dtype}{values.shape}".encode()
    if values.dtype != object:
        yield np.ascontiguousarray(values).tobytes()
    elif len(values) and isinstance(values[0], shapely.Geometry):
        yield from shapely.to_wkb(values).tolist()
    else:
        yield "\x1f".join(map(repr, values.tolist())).encode()
