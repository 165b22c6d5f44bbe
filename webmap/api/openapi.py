"""GET /api/openapi.json: the API described from the same words that its functions are run by."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, jsonify
from werkzeug.routing import Rule

from gis import __version__
from webmap.api.operation import Operation, operation, operation_of
from webmap.api.schemas import schemas
from webmap.params import FIELDS

__all__ = ["api", "describe"]

api = Blueprint("openapi", __name__, url_prefix="/api")

_PATH_WORDS = {
    "no": "A case number, for example ZL2601-0000123.",
    "layer": "A layer of the base map.",
    "release": "The id of a boundary release.",
}


@api.get("/openapi.json")
@operation(Operation(answers={200: "OpenApi"}, faults=(400,)))
def openapi(_values: dict[str, Any]) -> Response:
    """This description."""
    return jsonify(describe(list(current_app.url_map.iter_rules())))


def describe(rules: list[Rule]) -> dict[str, Any]:
    """The OpenAPI 3.0 document of every rule whose function is an operation."""
    paths: dict[str, Any] = {}
    for rule in sorted(rules, key=lambda rule: rule.rule):
        said = operation_of(current_app.view_functions[rule.endpoint])
        if said is not None:
            method = "post" if "POST" in (rule.methods or ()) else "get"
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            paths.setdefault(path, {})[method] = _described(rule, said)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Gridward",
            "version": __version__,
            "description": "Where a spot lies, whose it is, what is wrong where. Days are days of the place.",
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {**schemas(), "OpenApi": {"type": "object"}}},
    }


def _described(rule: Rule, said: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": rule.endpoint.rsplit(".", 1)[1],
        "summary": (current_app.view_functions[rule.endpoint].__doc__ or "").removesuffix("."),
        "parameters": [_path_parameter(name) for name in sorted(rule.arguments)]
        + [_query_parameter(name, required=name in said.required) for name in said.query],
        "responses": _responses(said),
    }
    if said.body:
        found["requestBody"] = {"required": True, "content": _content("application/json", said.body)}
        found["parameters"].append(
            {
                "name": "X-Device-Token",
                "in": "header",
                "schema": {"type": "string"},
                "description": "Names the device; the same client_id from the same device is the same report.",
            }
        )
    return found


def _path_parameter(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "integer" if name == "release" else "string"},
        "description": _PATH_WORDS[name],
    }


def _query_parameter(name: str, *, required: bool) -> dict[str, Any]:
    field = FIELDS[name]
    return {
        "name": name,
        "in": "query",
        "required": required,
        "schema": dict(field.schema),
        "description": field.about,
    }


def _responses(said: Operation) -> dict[str, Any]:
    answers = {
        str(status): {"description": HTTPStatus(status).phrase, "content": _content(said.media, name)}
        for status, name in (said.answers or {}).items()
    }
    for status in said.faults:
        answers[str(status)] = {"description": HTTPStatus(status).phrase}
        if status >= 400:
            answers[str(status)]["content"] = _content("application/problem+json", "Problem")
    return dict(sorted(answers.items()))


def _content(media: str, name: str) -> dict[str, Any]:
    return {media: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
