"""Reading by program: where a point lies, cases, counts, places, releases, and what maps draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from flask import Blueprint, Response, jsonify

from gis.cases import AreaCounts, CaseFilter
from gis.errors import RightsRefused
from gis.periods import AsOf
from gis.rights import PUBLIC
from gis.services import boundaries, maps, views
from gis.services import cases as cases_service
from gis.services.locating import locate as locate_point
from gis.services.recounts import recount
from webmap.access import current_place, current_platform, current_rights, require_cases
from webmap.api.operation import Operation, operation
from webmap.api.shapes import case_json, counts_json, density_json, event_json, places_json, why_json
from webmap.clock import this_day
from webmap.headers import unchanged, validated
from webmap.params import FILTERS, case_filter

__all__ = ["api"]

api = Blueprint("reading", __name__, url_prefix="/api/v1")

Values = dict[str, Any]
_GEOJSON: Final = "application/geo+json"


@api.get("/locate")
@operation(
    Operation(
        query=("x", "y", "crs", "at", "as_known", "accuracy"),
        required=("x", "y"),
        answers={200: "Location"},
    )
)
def locate(values: Values) -> Response:
    """Where a point lies at every level, and whose it is."""
    found = locate_point(
        current_platform(),
        values["x"],
        values["y"],
        crs=values["crs"],
        at=AsOf(values["at"] or this_day(), values["as_known"]),
        accuracy=values["accuracy"],
    )
    return jsonify(found)


@api.get("/releases")
@operation(Operation(answers={200: "Releases"}))
def releases(_values: Values) -> Response:
    """Boundary releases, oldest first."""
    return jsonify(releases=boundaries.releases(current_platform()))


@api.get("/releases/<int:release>")
@operation(Operation(answers={200: "ReleasePage"}, faults=(400, 404, 503)))
def release(_values: Values, release: int) -> Response:
    """One release with what happened to it."""
    return jsonify(boundaries.history(current_platform(), release))


@api.get("/releases/<int:release>/diff")
@operation(Operation(answers={200: "ReleaseDiff"}, faults=(400, 404, 503)))
def release_diff(_values: Values, release: int) -> Response:
    """What a release changes against the one below it, by level."""
    return jsonify(boundaries.diff(current_platform(), release))


@api.get("/releases/<int:release>/impact")
@operation(Operation(answers={200: "ReleaseImpact"}, faults=(400, 403, 404, 503)))
def release_impact(_values: Values, release: int) -> Response:
    """What waking a release would change, from unit to unit."""
    require_cases()
    return jsonify(boundaries.impact(current_platform(), release).as_json())


@api.get("/cases")
@operation(
    Operation(
        query=(*FILTERS, "area", "bbox", "limit", "after"),
        answers={200: "Cases"},
        faults=(400, 403, 404, 503),
    )
)
def cases(values: Values) -> Response:
    """The newest cases of a filter, newest first."""
    require_cases()
    where = case_filter(values, current_place())
    limit = values["limit"]
    rows = cases_service.cases(
        current_platform(), where, limit=limit + 1, after=values["after"], rights=current_rights(), today=this_day()
    )
    shown = rows[:limit]
    return jsonify(
        cases=[case_json(row) for row in shown],
        next=shown[-1].no if len(rows) > limit else None,
    )


@api.get("/cases/<no>")
@operation(Operation(answers={200: "CasePage"}, faults=(400, 403, 404, 503)))
def case(_values: Values, no: str) -> Response:
    """One case with its history."""
    require_cases()
    found = cases_service.case(current_platform(), no, rights=current_rights())
    return jsonify(
        **case_json(found.row),
        accuracy_m=found.accuracy,
        closed_on=found.closed_on.isoformat() if found.closed_on else None,
        deadline=found.deadline.isoformat() if found.deadline else None,
        events=[event_json(event) for event in found.events],
        nearby=[row.no for row in found.nearby],
        why=why_json(found.why) if found.why else None,
    )


@api.get("/cases/<no>/why")
@operation(Operation(answers={200: "Why"}, faults=(400, 403, 404, 503)))
def why(_values: Values, no: str) -> Response:
    """Why a case is whose it is, decided again."""
    require_cases()
    return jsonify(why_json(cases_service.why(current_platform(), no, rights=current_rights())))


@api.get("/counts")
@operation(
    Operation(
        query=("level", *FILTERS),
        required=("level",),
        answers={200: "Counts"},
    )
)
def counts(values: Values) -> Response:
    """Cases per area of a level, beside the span before and what is usual."""
    where = case_filter(values, current_place())
    found = _counted(where, values["level"])
    # The areas' own sums leave out what was not on the map before; the coarsest level is the cheapest to ask for all.
    earlier = where.period and _counted(replace(where, period=where.period.before()), current_place().level_names[0])
    return jsonify(counts_json(found, earlier.total if earlier else 0, current_rights()))


@api.get("/recounts")
@operation(
    Operation(
        query=("level", "on", *FILTERS),
        required=("level",),
        answers={200: "Recount"},
        faults=(400, 403, 404, 503),
    )
)
def recounts(values: Values) -> Response:
    """Cases per area as each was decided, or all on one release's lines."""
    require_cases()
    where = case_filter(values, current_place())
    found = recount(
        current_platform(), where, level=values["level"], on=values["on"], rights=current_rights(), today=this_day()
    )
    areas = [{"code": code, "name": found.names[code], "n": n} for code, n in sorted(found.areas.items())]
    return jsonify(level=found.level, on=found.on, total=found.total, not_on_map=found.not_on_map, areas=areas)


def _counted(where: CaseFilter, level: str) -> AreaCounts:
    return views.area_counts(current_platform(), where, level=level, rights=current_rights(), today=this_day())


@api.get("/places")
@operation(
    Operation(
        query=(*FILTERS, "limit"),
        answers={200: "Places"},
    )
)
def places(values: Values) -> Response:
    """The places with most cases, in words: cells of one community that share their nearest landmark or road."""
    found = views.ranked_places(
        current_platform(),
        case_filter(values, current_place()),
        limit=values["limit"],
        rights=current_rights(),
        today=this_day(),
    )
    return jsonify(places=places_json(found, current_rights()))


@api.get("/density")
@operation(
    Operation(
        query=(*FILTERS, "area", "bbox", "zoom", "crs"),
        answers={200: "Density"},
        faults=(400, 403, 503),
    )
)
def density(values: Values) -> Response:
    """Counts in squares of the working CRS; the sum of n is total unless truncated."""
    if current_rights() == PUBLIC:
        raise RightsRefused(
            "Squares of a few metres could point at one person and are not told to the public; "
            "ask /api/v1/counts for counts by area."
        )
    found = views.density(
        current_platform(),
        case_filter(values, current_place()),
        zoom=values["zoom"],
        crs=values["crs"],
        rights=current_rights(),
        today=this_day(),
    )
    return jsonify(density_json(found))


@api.get("/areas")
@operation(
    Operation(
        query=("level", "zoom", "bbox"),
        required=("level",),
        answers={200: "FeatureCollection"},
        faults=(304, 400, 503),
        media=_GEOJSON,
    )
)
def areas(values: Values) -> Response:
    """Outlines of a level as one simplified coverage, GeoJSON in degrees WGS 84."""

    def draw() -> bytes:
        return maps.area_shapes(
            current_platform(),
            level=values["level"],
            zoom=values["zoom"],
            bbox=values["bbox"],
            today=this_day(),
        )

    return _drawn(draw)


@api.get("/basemap/<layer>")
@operation(
    Operation(
        query=("zoom", "bbox"),
        answers={200: "FeatureCollection"},
        faults=(304, 400, 503),
        media=_GEOJSON,
    )
)
def basemap(values: Values, layer: str) -> Response:
    """One layer of the city's own base map, GeoJSON in degrees WGS 84."""

    def draw() -> bytes:
        return maps.basemap(current_platform(), layer=layer, zoom=values["zoom"], bbox=values["bbox"], today=this_day())

    return _drawn(draw)


def _drawn(draw: Callable[[], bytes]) -> Response:
    """GeoJSON with a validator: while the areas stay the same, who has it is told 304, and nothing is drawn."""
    version = views.overview(current_platform(), rights=current_rights(), today=this_day()).version
    return unchanged(version) or validated(Response(draw(), mimetype=_GEOJSON), version)
