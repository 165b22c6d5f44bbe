"""The judge of the API's answers: the part of OpenAPI 3.0's schema language that ours uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "number": (int, float)}


def faults(value: Any, schema: dict[str, Any], names: dict[str, Any], where: str = "$") -> Iterator[str]:
    """What is wrong with a value, each fault with its place."""
    if value is None and schema.get("nullable"):
        return
    if "$ref" in schema:
        yield from faults(value, names[schema["$ref"].rsplit("/", 1)[1]], names, where)
        return
    for part in schema.get("allOf", ()):
        yield from faults(value, part, names, where)
    if "type" in schema:
        yield from _kind_faults(value, schema, names, where)


def _kind_faults(value: Any, schema: dict[str, Any], names: dict[str, Any], where: str) -> Iterator[str]:
    kind = schema["type"]
    if not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{where} is {value!r}, no {kind}"
    elif kind == "object":
        yield from _object_faults(value, schema, names, where)
    elif kind == "array":
        for i, item in enumerate(value):
            yield from faults(item, schema["items"], names, f"{where}[{i}]")
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r}, none of {schema['enum']}"


def _object_faults(value: dict[str, Any], schema: dict[str, Any], names: dict[str, Any], where: str) -> Iterator[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}.{name} is missing"
    for name, item in value.items():
        if name in properties:
            yield from faults(item, properties[name], names, f"{where}.{name}")
        elif others is False:
            yield f"{where}.{name} is not described"
        elif isinstance(others, dict):
            yield from faults(item, others, names, f"{where}.{name}")
