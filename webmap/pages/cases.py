"""The worklist, and the page of one case."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext

from gis.services import cases as cases_service
from gis.services import views
from webmap.access import current_place, current_platform, current_rights, require_cases
from webmap.clock import this_day
from webmap.languages import language, pick
from webmap.maps.compose import case_map
from webmap.params import FILTERS, case_filter, read

__all__ = ["pages"]

pages = Blueprint("cases", __name__)

_PAGE: Final = 50


@pages.get("/cases")
def worklist() -> str:
    """The newest cases of a filter, fifty a page."""
    require_cases()
    place, whose, today = current_place(), current_rights(), this_day()
    values = read(request.args, (*FILTERS, "area", "after", "lang"), place)
    where = case_filter(values, place)
    found = cases_service.cases(
        current_platform(), where, limit=_PAGE + 1, after=values["after"], rights=whose, today=today
    )
    choices = views.choices(current_platform(), rights=whose, today=today)
    rows = found[:_PAGE]
    kept = {name: text for name, text in request.args.items() if text and name not in ("after", "lang")}
    return render_template(
        "cases/worklist.html",
        name=pick(place.name, place.name_en),
        rows=rows,
        choices=choices,
        words=_words(choices),
        values=values,
        last_day=values["to"] - timedelta(days=1) if values["to"] else None,
        next_page=url_for(".worklist", **kept, after=rows[-1].no) if len(found) > _PAGE else None,
        first_page=url_for(".worklist", **kept) if values["after"] else None,
    )


@pages.get("/cases/<no>")
def case(no: str) -> str:
    """One case: facts, map, why it is whose it is, what happened to it."""
    require_cases()
    place, whose, today = current_place(), current_rights(), this_day()
    read(request.args, ("lang",), place)
    found = cases_service.case(current_platform(), no, rights=whose)
    choices = views.choices(current_platform(), rights=whose, today=today)
    parts = case_map(
        label=gettext("Map of case %(no)s", no=found.row.no),
        lat=found.row.lat,
        lon=found.row.lon,
        accuracy=found.accuracy,
        api=url_for("reading.releases").rsplit("/", 1)[0],
        levels=place.level_names,
    )
    return render_template(
        "cases/case.html",
        name=pick(place.name, place.name_en),
        case=found,
        map=parts,
        synthetic=place.synthetic,
        words=_words(choices),
        levels={choice.code: pick(choice.zh, choice.en) for choice in choices.levels},
        page={"language": language(), "texts": {}},
    )


def _words(choices: views.Choices) -> dict[str, Any]:
    """Words of states, sources and other events by code."""
    told = {choice.code: (choice.zh, choice.en) for choice in (*choices.states, *choices.sources)}
    return {code: pick(*pair) for code, pair in (views.EVENTS | told).items()}
