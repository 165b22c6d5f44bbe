"""Compiling with numba, kept on disk where that is possible and done anew in each process where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar

import numba

__all__ = ["compiled", "threads", "use_threads"]

P = ParamSpec("P")
R = TypeVar("R")


def compiled(*, parallel: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator that compiles a function on its first call; strict arithmetic, without the interpreter's lock.

    The compiled code is cached beside the source or in the user's cache folder; where neither can be written (a server
    account without a home), it is compiled once per process. A cached function doesn't notice a change in a function
    of another module that it calls, so functions that call each other belong in one module.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        njit: Any = partial(numba.njit, nogil=True, parallel=parallel, fastmath=False, error_model="numpy")
        try:
            made: Callable[P, R] = njit(cache=True)(function)
        except RuntimeError:  # numba's "no locator available" comes already here, not when the cache is written
            made = njit(cache=False)(function)
        return made

    return decorate


@contextmanager
def threads(n: int) -> Iterator[None]:
    """`use_threads` for a while."""
    before = numba.get_num_threads()
    use_threads(n)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def use_threads(n: int) -> None:
    """Let compiled loops of this thread use n processor cores at most: 1 where several processes share a machine."""
    numba.set_num_threads(min(n, numba.get_num_threads()))
