"""Which language a page speaks: ?lang=, then the cookie, then the browser, then the place's first language."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Flask, Response, g, request
from flask_babel import Babel

from webmap.access import current_place

__all__ = ["COOKIE", "in_language", "install", "language", "pick"]

COOKIE = "lang"
_HTML = {"zh": "zh-Hans", "en": "en"}


def install(app: Flask) -> None:
    """Set the catalogue, the time zone and the language of every request."""
    Babel(
        app,
        default_translation_directories="translations",
        locale_selector=language,
        timezone_selector=lambda: current_place().timezone,
    )
    app.after_request(_remember)
    app.jinja_env.globals.update(
        language=language, html_language=lambda: _HTML[language()], in_language=in_language, pick=pick
    )


def language() -> str:
    """`zh` or `en`, one of the place's languages; outside a request the place's first.

    An unknown ?lang= falls through to the next source: a wrong link should still be readable.
    """
    if not request:
        return current_place().languages[0]
    if "language" not in g:
        g.language = _chosen()
    return str(g.language)


def _chosen() -> str:
    spoken = current_place().languages
    for wanted in (request.args.get("lang", ""), request.cookies.get(COOKIE, "")):
        if wanted in spoken:
            return wanted
    return request.accept_languages.best_match(list(spoken)) or spoken[0]


def in_language(wanted: str) -> str:
    """The address of the present page in another language."""
    kept = {name: text for name, text in request.args.items() if name != "lang"}
    return f"{request.path}?{urlencode({**kept, 'lang': wanted})}"


def pick(zh: str, en: str) -> str:
    """The one of two texts in the language of the page; the other where that one is empty."""
    return (zh or en) if language() == "zh" else (en or zh)


def _remember(response: Response) -> Response:
    wanted = request.args.get("lang", "")
    if wanted in current_place().languages and response.mimetype == "text/html":
        response.set_cookie(COOKIE, wanted, max_age=365 * 86400, samesite="Lax", httponly=True)
    return response
