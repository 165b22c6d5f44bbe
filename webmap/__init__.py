"""The front door: the planner's map, case pages and the JSON API. `create_app` makes it; importing opens nothing."""

from __future__ import annotations

from flask import Flask

from gis.services.platform import Platform, open_platform
from gis.settings import Settings
from webmap import access, errors, formats, headers, languages
from webmap.api import openapi, reading, reporting
from webmap.pages import cases, health, planner
from webmap.secret import secret_of

__all__ = ["MAX_BODY", "create_app"]

#: bytes of a request body: a report is a few hundred, and nothing else is sent here
MAX_BODY = 64 * 1024


def create_app(settings: Settings, *, open_to_all: bool, platform: Platform | None = None) -> Flask:
    """The web application of one place.

    `open_to_all` says that everybody who reaches it is a planner: right on this machine's own loopback address, and
    nowhere else while there are no accounts. `platform` is given by tests; otherwise one is made, which connects to
    the database at its first use, so call this after a fork.
    """
    app = Flask("webmap")
    app.config.update(
        SECRET_KEY=secret_of(settings),
        MAX_CONTENT_LENGTH=MAX_BODY,
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.json.ensure_ascii, app.json.sort_keys = False, False
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    access.install(app, platform or open_platform(settings), open_to_all=open_to_all)
    for part in (languages, formats, errors, headers):
        part.install(app)
    for blueprint in (planner.pages, cases.pages, health.pages, reading.api, reporting.api, openapi.api):
        app.register_blueprint(blueprint)
    return app
