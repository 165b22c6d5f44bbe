"""The planner's morning map."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any, Final

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask_babel import gettext

from gis.periods import Period
from gis.rights import PUBLIC
from gis.services import views
from webmap.access import DEVICE_COOKIE, current_place, current_platform, current_rights, sign_device
from webmap.clock import this_day
from webmap.languages import language, pick
from webmap.maps.assets import modules
from webmap.maps.compose import planner_map
from webmap.pages.texts import script_texts
from webmap.params import FILTERS, read

__all__ = ["pages"]

pages = Blueprint("planner", __name__)

_VIEW: Final = (*FILTERS, "level", "show", "lat", "lon", "z", "sel", "lang")
_FIRST_DAYS: Final = 7


@pages.get("/")
def planner() -> Response:
    """The map with its filters, ranked places and table; the address holds the whole view."""
    place, whose, today = current_place(), current_rights(), this_day()
    values = read(request.args, _VIEW, place)
    overview = views.overview(current_platform(), rights=whose, today=today)
    choices = views.choices(current_platform(), rights=whose, today=today)
    view = _view(values, overview.last_day, place.level_names)
    api = url_for("reading.releases").rsplit("/", 1)[0]
    name = pick(overview.name_zh, overview.name_en)
    parts = planner_map(
        label=gettext("Map of %(place)s", place=name),
        bounds=overview.bounds,
        api=api,
        levels=place.level_names,
        squares=whose != PUBLIC,
    )
    page = {
        "language": language(),
        "api": api,
        "cases": url_for("cases.worklist"),
        "canSeeCases": whose != PUBLIC,
        "view": view,
        "bounds": overview.bounds,
        "lastDay": overview.last_day.isoformat() if overview.last_day else None,
        "levels": [asdict(choice) for choice in choices.levels],
        "states": [asdict(choice) for choice in choices.states],
        "texts": script_texts(),
    }
    html = render_template(
        "map/planner.html",
        map=parts,
        page=page,
        name=name,
        overview=overview,
        choices=choices,
        view=view,
        in_force_since=date.fromisoformat(overview.release["valid_from"]) if overview.release else None,
        modules=modules(),
        newest_is_yesterday=overview.last_day == today - timedelta(days=1),
        public=whose == PUBLIC,
    )
    response = make_response(html)
    if DEVICE_COOKIE not in request.cookies:
        value = sign_device(secrets.token_urlsafe(12))
        response.set_cookie(DEVICE_COOKIE, value, max_age=365 * 86400, samesite="Lax", httponly=True)
    return response


def _view(values: dict[str, Any], last_day: date | None, levels: tuple[str, ...]) -> dict[str, Any]:
    """What the page opens with: the address's wishes, else a week up to the newest day, by community."""
    if values["from"] is None and last_day is not None:
        week = Period.last(_FIRST_DAYS, until=last_day)
        values["from"], values["to"] = week.start, week.end
    values["level"] = values["level"] or levels[min(1, len(levels) - 1)]
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in values.items()
        if name != "lang"
    }
