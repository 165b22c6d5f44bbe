"""From an error to an answer: one table of HTTP statuses, problem+json for machines, a page for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, render_template, request
from flask_babel import gettext
from werkzeug.exceptions import HTTPException

from gis.cli_terminal import visible
from gis.errors import (
    Conflict,
    DataFault,
    GridwardError,
    NotFound,
    RightsRefused,
    SettingsFault,
    SystemFault,
    TooLarge,
    UsageFault,
)

__all__ = ["API_PREFIX", "STATUS", "BodyFault", "QueryFault", "install", "problem", "status_of"]

API_PREFIX: Final = "/api/"
_FOR_MONITORS: Final = ("/healthz", "/readyz", "/metrics")

#: class of error -> HTTP status; the nearest ancestor of an error's class decides
STATUS: Final[Mapping[type[GridwardError], int]] = {
    UsageFault: 400,
    SettingsFault: 503,  # this installation's fault and not the caller's
    NotFound: 404,
    Conflict: 409,
    RightsRefused: 403,
    TooLarge: 413,
    DataFault: 422,
    SystemFault: 503,
    GridwardError: 500,
}

Fault = dict[str, Any]


class _Faults(GridwardError):
    """Several faults of one request, told together: `faults` holds {field, found, wanted} of each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        named = [fault | {"field": _sendable(fault["field"])} for fault in faults]
        self.faults = tuple(fault | {"found": _sendable(fault["found"])} for fault in named)
        super().__init__(" ".join(_sentence(fault) for fault in named))


def _sendable(found: Any) -> Any:
    """What was sent as JSON can carry it to any reader: halves of surrogate pairs by their numbers."""
    return found.encode("utf-8", "backslashreplace").decode() if isinstance(found, str) else found


def _sentence(fault: Fault) -> str:
    found = "missing" if fault["found"] is None else repr(fault["found"])
    return f"{fault['field']} is {found}; wanted {fault['wanted']}."


class QueryFault(_Faults, UsageFault):
    """Parameters in the address have values they cannot have, or names that mean nothing here."""


class BodyFault(_Faults, DataFault):
    """Fields of a JSON body have values they cannot have, or names that mean nothing here."""


def install(app: Flask) -> None:
    """Answer our own errors, those of HTTP, and anything unforeseen (whose text stays in the log)."""
    app.register_error_handler(GridwardError, _ours)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _unforeseen(app))


def status_of(fault: GridwardError) -> int:
    """The HTTP status of an error.

    >>> status_of(NotFound("gone")), status_of(GridwardError("?"))
    (404, 500)
    """
    return next(STATUS[kind] for kind in type(fault).__mro__ if kind in STATUS)


def problem(status: int, detail: str, *, errors: Sequence[Fault] = ()) -> Response:
    """An answer as RFC 9457 writes it; `errors` names every fault of the request at once."""
    body: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if errors:
        body["errors"] = list(errors)
    text = json.dumps(body, ensure_ascii=False)
    return Response(text + "\n", status=status, mimetype="application/problem+json")


def _ours(fault: GridwardError) -> tuple[str, int] | Response:
    return _answer(status_of(fault), str(fault), errors=getattr(fault, "faults", ()))


def _of_http(fault: HTTPException) -> Any:
    status = fault.code or 500
    if status < 400:
        return fault
    answer = _answer(status, fault.description or "")
    response = answer if isinstance(answer, Response) else Response(answer[0], status=status)
    for name, value in fault.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _unforeseen(app: Flask) -> Any:
    def handle(fault: Exception) -> tuple[str, int] | Response:
        app.logger.error("%s %s failed", request.method, visible(request.path), exc_info=fault)
        return _answer(500, "Something went wrong here that nobody foresaw; the server's log holds the details.")

    return handle


def _answer(status: int, detail: str, *, errors: Sequence[Fault] = ()) -> tuple[str, int] | Response:
    if request.path.startswith(API_PREFIX) or request.path in _FOR_MONITORS:
        return problem(status, detail, errors=errors)
    return render_template("errors/error.html", status=status, title=_title(status), detail=detail), status


def _title(status: int) -> str:
    titles = {
        400: gettext("This address cannot be understood"),
        403: gettext("This is not for everybody"),
        404: gettext("There is nothing here"),
        405: gettext("This cannot be done here"),
        409: gettext("This contradicts what is stored"),
        413: gettext("This is too large"),
        503: gettext("The database does not answer"),
    }
    return titles.get(status, gettext("Something went wrong"))
