"""Which of our own files stands for each address that Folium names; anything else stops the page from being made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gis.errors import SystemFault

__all__ = ["VENDORED", "local_file", "modules", "refuse_foreign"]

#: address that Folium 0.20 asks for -> file below static/ (versions and licences: static/vendor/README.md)
VENDORED: Final[Mapping[str, str]] = {
    "https://cdn.jsdelivr.net/npm/leaflet@1.9.3/dist/leaflet.js": "vendor/leaflet/leaflet.js",
    "https://cdn.jsdelivr.net/npm/leaflet@1.9.3/dist/leaflet.css": "vendor/leaflet/leaflet.css",
    "https://cdn.jsdelivr.net/gh/python-visualization/folium@main/folium/templates/leaflet_heat.min.js": (
        "vendor/leaflet.heat/leaflet_heat.min.js"
    ),
}

_FOREIGN: Final = re.compile(r"""(?:src|href)\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)""", re.IGNORECASE)


def local_file(url: str) -> str:
    """The file below static/ that stands for a link.

    >>> local_file("https://cdn.jsdelivr.net/npm/leaflet@1.9.3/dist/leaflet.js")
    'vendor/leaflet/leaflet.js'
    >>> local_file("https://example.org/plugin.js")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    gis.errors.SystemFault: The map asks for 'https://example.org/plugin.js', which is not on this disk; ...
    """
    try:
        return VENDORED[url]
    except KeyError:
        raise SystemFault(
            f"The map asks for {url!r}, which is not on this disk; vendor it and add it to webmap/maps/assets.py."
        ) from None


def modules() -> tuple[str, ...]:
    """Our own script modules below static/, named in the head so that a browser fetches them all at once."""
    static = Path(__file__).parent.parent / "static"
    return tuple(sorted(path.relative_to(static).as_posix() for path in static.glob("js/*.js")))


def refuse_foreign(html: str) -> str:
    """The text unchanged; SystemFault when it would make a browser ask another host for something."""
    found = _FOREIGN.search(html)
    if found:
        raise SystemFault(f"The map holds a link to {found.group(1)!r}; no page may ask any host but its own.")
    return html
