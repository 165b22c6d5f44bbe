"""The shapes of answers, as OpenAPI 3.0 writes them. Tests hold every real answer against these."""

from __future__ import annotations

from typing import Any

__all__ = ["schemas"]

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
YES_NO: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": "string", "format": "date"}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "nullable": True}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _map(of: Schema) -> Schema:
    return {"type": "object", "additionalProperties": of}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(*optional: str, **properties: Schema) -> Schema:
    """An object that holds these properties and no others; all but `optional` are always there."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _nullable_ref(name: str) -> Schema:
    return {"nullable": True, "allOf": [_ref(name)]}


def schemas() -> Schema:
    """Every schema by its name."""
    return {**_common(), **_of_location(), **_of_cases(), **_of_maps()}


def _common() -> Schema:
    return {
        "Named": _object("name_en", code=TEXT, name=TEXT, name_en=TEXT),
        "Problem": _object(
            "errors",
            title=TEXT,
            status=WHOLE,
            detail=TEXT,
            errors=_list(_object(field=TEXT, found={"nullable": True}, wanted=TEXT)),
        ),
    }


def _of_location() -> Schema:
    level = _object(
        status={"type": "string", "enum": ["area", "outside", "gap"]},
        code=_or_null(TEXT),
        name=_or_null(TEXT),
        on_border=YES_NO,
        border_distance_m=_or_null(NUMBER),
        candidates=_list(_object(code=_or_null(TEXT), p=NUMBER)),
    )
    return {
        "Location": _object(
            x=NUMBER,
            y=NUMBER,
            crs=TEXT,
            at=DAY,
            release=_or_null(WHOLE),
            levels=_map(level),
            unit=_nullable_ref("Named"),
            scope=YES_NO,
            forward_to=_nullable_ref("Named"),
            confidence=_or_null(NUMBER),
        ),
        "Release": _object(**_release_row()),
        "Releases": _object(releases=_list(_ref("Release"))),
        "Recount": _object(
            level=TEXT,
            on=TEXT,
            total=WHOLE,
            not_on_map=WHOLE,
            areas=_list(_object(code=TEXT, name=TEXT, n=WHOLE)),
        ),
        **_of_releases(),
    }


def _release_row() -> Schema:
    return {
        "id": WHOLE,
        "levels": _list(TEXT),
        "status": TEXT,
        "valid_from": DAY,
        "hash": TEXT,
        "title": TEXT,
        "document": TEXT,
        "synthetic": YES_NO,
    }


def _of_releases() -> Schema:
    step = _object(step=TEXT, at=MOMENT, by=TEXT, reason=TEXT, accepted=_map(TEXT))
    effect = _object(step=TEXT, at=MOMENT, by=TEXT, policy=TEXT, counts=_map(WHOLE))
    flow = {"from": _or_null(TEXT), "to": _or_null(TEXT), "m2": NUMBER}
    change = _object(
        kinds=_list(TEXT),
        old=_list(TEXT),
        new=_list(TEXT),
        gained_m2=NUMBER,
        lost_m2=NUMBER,
        deviation_m=_or_null(NUMBER),
        flows=_list(_object(**flow)),
    )
    level = _object(counts=_map(WHOLE), changes=_list(change), lineage=_list(_list({})))
    moves = _list(_object(**{"from": TEXT, "to": TEXT, "n": WHOLE}))
    vacancy = _object(code=TEXT, name=TEXT, unit=TEXT, ended=_or_null(DAY), **{"from": DAY})
    return {
        "ReleasePage": _object(
            **_release_row(),
            source=TEXT,
            base=_or_null(WHOLE),
            line_accuracy_m=NUMBER,
            accepted=_list(_list(TEXT)),
            steps=_list(step),
            effects=_list(effect),
        ),
        "ReleaseDiff": _object(
            release=WHOLE, base=_or_null(WHOLE), lapsed=YES_NO, levels=_map(level), corrections=_list(_list(TEXT))
        ),
        "ReleaseImpact": _object(
            release=WHOLE,
            base=_or_null(WHOLE),
            looked_at=WHOLE,
            open_cases=moves,
            parts=moves,
            ending=_list(_object(code=TEXT, successor=_or_null(TEXT))),
            precedents=_list(WHOLE),
            states=_list(_object(state=TEXT, n=WHOLE)),
            first_cases=_list(TEXT),
            no_unit=_object(new=_list(vacancy), old=WHOLE),
        ),
    }


def _case_properties() -> Schema:
    return {
        "case": TEXT,
        "received_at": MOMENT,
        "category": TEXT,
        "category_name": TEXT,
        "category_name_en": TEXT,
        "source": TEXT,
        "state": TEXT,
        "unit": _nullable_ref("Named"),
        "street": TEXT,
        "community": TEXT,
        "cell": TEXT,
        "lon": NUMBER,
        "lat": NUMBER,
        "description": TEXT,
    }


def _of_cases() -> Schema:
    why = _object(
        case=TEXT,
        decided_at=MOMENT,
        text=_object(zh=TEXT, en=TEXT),
        evidence=_map({}),
        replay_agrees=YES_NO,
    )
    return {
        "Case": _object(**_case_properties()),
        "Cases": _object(cases=_list(_ref("Case")), next=_or_null(TEXT)),
        "Event": _object(seq=WHOLE, at=MOMENT, kind=TEXT, by=TEXT, note=TEXT, hash=TEXT),
        "Why": why,
        "CasePage": _object(
            **_case_properties(),
            accuracy_m=_or_null(NUMBER),
            closed_on=_or_null(DAY),
            deadline=_or_null(MOMENT),
            events=_list(_ref("Event")),
            nearby=_list(TEXT),
            why=_nullable_ref("Why"),
        ),
        "Report": _object(
            "description",
            "accuracy",
            "client_id",
            "source",
            "part",
            x=NUMBER,
            y=NUMBER,
            crs={**TEXT, "example": "EPSG:4326"},
            category=TEXT,
            description=_or_null({**TEXT, "maxLength": 2000}),
            accuracy=_or_null({**NUMBER, "minimum": 0, "exclusiveMinimum": True, "maximum": 100000}),
            client_id=_or_null({**TEXT, "maxLength": 100}),
            source=_or_null(TEXT),
            part=_or_null({**TEXT, "maxLength": 40}),
        ),
        "Reported": _object(
            case=TEXT, unit=_nullable_ref("Named"), state=TEXT, deadline=_or_null(MOMENT), evidence=_map({})
        ),
    }


def _of_maps() -> Schema:
    area = _object(code=TEXT, name=TEXT, n=_or_null(WHOLE), before=_or_null(WHOLE), usual=_or_null(NUMBER), km2=NUMBER)
    place = _object(
        name=TEXT,
        name_en=TEXT,
        kind=TEXT,
        community=_ref("Named"),
        street=_ref("Named"),
        unit=_nullable_ref("Named"),
        cells=_list(TEXT),
        n=WHOLE,
        before=_or_null(WHOLE),
        usual=_or_null(NUMBER),
        lon=NUMBER,
        lat=NUMBER,
    )
    return {
        "Counts": _object(
            level=TEXT,
            total=WHOLE,
            on_map=WHOLE,
            not_on_map=_object(outside=WHOLE, gap=WHOLE, no_position=WHOLE),
            before=WHOLE,
            withheld=WHOLE,
            breaks=_list(NUMBER),
            areas=_list(area),
        ),
        "Places": _object(places=_list(place)),
        "Density": _object(
            total=WHOLE,
            truncated=YES_NO,
            crs=TEXT,
            size_m=NUMBER,
            breaks=_list(NUMBER),
            cells=_list(_object(x=NUMBER, y=NUMBER, n=WHOLE)),
        ),
        "FeatureCollection": {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["FeatureCollection"]},
                "features": _list({"type": "object"}),
            },
            "required": ["type", "features"],
        },
    }
