"""For monitors: is the process up, does the database answer, how much is stored."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from gis.errors import RightsRefused
from gis.rights import ALL
from gis.services import views
from webmap.access import current_platform, current_rights, is_local

__all__ = ["pages"]

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def healthz() -> Response:
    """The process answers; the database is not asked."""
    return jsonify(status="ok")


@pages.get("/readyz")
def readyz() -> Response:
    """The database answers and holds this place; 503 otherwise."""
    current_platform().ping()
    return jsonify(status="ok")


@pages.get("/metrics")
def metrics() -> Response:
    """Gauges in Prometheus' text format, for this machine and for planners."""
    if current_rights() != ALL and not is_local(request.remote_addr):
        raise RightsRefused("Metrics are told to this machine alone; ask over the loopback address.")
    found = views.metrics(current_platform(), rights=current_rights())
    lines = [f"# TYPE {name} gauge\n{name} {value:g}\n" for name, value in sorted(found.items())]
    return Response("".join(lines), content_type="text/plain; version=0.0.4; charset=utf-8")
