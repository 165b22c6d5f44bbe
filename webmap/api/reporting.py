"""A report by program: parsed here, decided by the core, answered with the case and its evidence."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Blueprint, Response, jsonify, request, url_for
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from gis.crs import parse_crs
from gis.errors import UnknownCategory, UnknownCrs
from gis.reports import Report
from gis.rights import ALL
from gis.services import cases as cases_service
from gis.services.casework import known_categories
from gis.services.casework import report as store_report
from webmap.access import current_place, current_platform, device
from webmap.api.operation import Operation, operation
from webmap.clock import this_day, this_moment
from webmap.errors import BodyFault

__all__ = ["FIELDS", "api"]

api = Blueprint("reporting", __name__, url_prefix="/api/v1")

MAX_DESCRIPTION: Final = 2000
MAX_CLIENT_ID: Final = 100
MAX_CODE: Final = 40
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


@api.post("/reports")
@operation(
    Operation(
        answers={200: "Reported", 201: "Reported"},
        faults=(400, 409, 413, 415, 422, 503),
        body="Report",
    )
)
def report(_values: dict[str, Any]) -> Response:
    """Report a problem: it becomes a case, located and assigned at once."""
    body = _body()
    said = _report(body)
    client = (device(), body["client_id"]) if body.get("client_id") else None
    try:
        stored = store_report(current_platform(), said, client=client, now=said.received_at)
    except UnknownCategory:
        raise BodyFault([_fault("category", body)]) from None
    evidence, state = stored.evidence, stored.state
    if not stored.created:
        # All rights, for one read: a case found again through client_id is the sender's own.
        found = cases_service.case(current_platform(), stored.no, rights=ALL)
        evidence, state = found.why.evidence if found.why else {}, found.row.state
    answer = jsonify(
        case=stored.no,
        unit={"code": evidence["unit"], "name": evidence["unit_name"]} if evidence.get("unit") else None,
        state=state,
        deadline=None,
        evidence=dict(evidence),
    )
    answer.status_code = 201 if stored.created else 200
    answer.headers["Location"] = url_for("reading.case", no=stored.no)
    return answer


def _body() -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(f"The body is {request.mimetype or 'of no named type'}; send application/json.")
    try:
        body = json.loads(request.get_data(), parse_constant=_NoNumber)
    except (ValueError, RecursionError):
        raise BadRequest("The body is no JSON; wanted one object with x, y, crs and category.") from None
    if not isinstance(body, dict):
        raise BadRequest(f"The body is a JSON {type(body).__name__}; wanted one object with x, y, crs and category.")
    return body


class _NoNumber(str):
    """NaN or Infinity, which Python's reader would take for numbers; kept as its word to be named as a fault."""


def _report(body: Mapping[str, Any]) -> Report:
    """The report a body describes; BodyFault with every fault of it."""
    faults = [
        {"field": name, "found": _brief(value), "wanted": "only " + ", ".join(FIELDS)}
        for name, value in body.items()
        if name not in FIELDS
    ]
    for name, (check, _, required) in FIELDS.items():
        value = body.get(name)
        if (required or value is not None) and (value is None or not check(value)):
            faults.append(_fault(name, body))
    if faults:
        # Who stores a report knows its category; here it is asked for only to be named with the other faults.
        if _text(MAX_CODE)(body.get("category")) and not _category(body["category"]):
            faults.append(_fault("category", body))
        raise BodyFault(faults)
    accuracy = body.get("accuracy")
    return Report(
        x=float(body["x"]),
        y=float(body["y"]),
        crs=parse_crs(body["crs"]),
        category=body["category"],
        source=body.get("source") or "public",
        received_at=this_moment(),
        accuracy=None if accuracy is None else float(accuracy),
        description=body.get("description") or "",
        part=body.get("part") or "",
    )


def _fault(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"field": name, "found": _brief(body.get(name)), "wanted": FIELDS[name][1]}


def _brief(value: Any) -> Any:
    """A value fit to be said back: short, and JSON."""
    if value is None or isinstance(value, bool | int | float):
        return "a very large number" if value is not None and abs(value) >= 1e18 else value
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=True))[:200]


def _number(low: float, high: float) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return math.isfinite(value) and low <= value <= high if isinstance(value, float) else low <= value <= high

    return check


def _text(longest: int) -> Callable[[Any], bool]:
    """Text a database can hold: no NUL, no half of a surrogate pair."""

    def check(value: Any) -> bool:
        if not isinstance(value, str) or isinstance(value, _NoNumber) or len(value) > longest:
            return False
        return not _UNSTORABLE.search(value)

    return check


def _crs(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(parse_crs(value))
    except UnknownCrs:
        return False


def _category(value: str) -> bool:
    return value in known_categories(current_platform(), this_day())


def _source(value: Any) -> bool:
    return isinstance(value, str) and value in current_place().sources


#: field -> (its check, what is wanted, required)
FIELDS: Final[Mapping[str, tuple[Callable[[Any], bool], str, bool]]] = {
    "x": (_number(-1e9, 1e9), "a finite number: east, or longitude, in crs", True),
    "y": (_number(-1e9, 1e9), "a finite number: north, or latitude, in crs", True),
    "crs": (_crs, "EPSG:n (for example EPSG:4326), GCJ-02 or BD-09", True),
    "category": (_text(MAX_CODE), "the code of a category in force today", True),
    "description": (_text(MAX_DESCRIPTION), f"text of at most {MAX_DESCRIPTION} characters", False),
    "accuracy": (
        _number(0.001, 100_000),
        "metres above 0 and at most 100000, the radius holding 68 % of the error",
        False,
    ),
    "client_id": (_text(MAX_CLIENT_ID), f"text of at most {MAX_CLIENT_ID} characters, new for every report", False),
    "source": (_source, "one of the place's sources", False),
    "part": (_text(40), "the identifier of the part that is meant, at most 40 characters", False),
}
