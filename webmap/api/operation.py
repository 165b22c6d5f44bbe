"""What an address of the API is: its parameters and its answers, said once beside the function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, request

from webmap.access import current_place
from webmap.params import read

__all__ = ["Operation", "operation", "operation_of"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One address for OpenAPI; its summary is the function's docstring.

    `answers` maps a status to the name of its schema in webmap/api/schemas.py.
    """

    query: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    answers: Mapping[int, str] | None = None
    faults: tuple[int, ...] = (400, 503)
    media: str = "application/json"
    body: str | None = None


def operation(said: Operation) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Give a function its read parameters as first argument; refuse every other parameter."""

    def wrap(view: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(view)
        def answer(**path: Any) -> Response:
            values = read(request.args, said.query, current_place(), required=said.required)
            return view(values, **path)

        answer.__dict__["operation"] = said
        return answer

    return wrap


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What was said about a function; None for those that are no part of the API."""
    found: Operation | None = getattr(view, "operation", None)
    return found
