"""What our maps are made of: each class is one piece, drawn by the class of the same name in static/js/gridward.js."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from branca.element import MacroElement
from folium.plugins import HeatMap
from folium.template import Template

from webmap.maps.local import Piece

__all__ = ["Areas", "BaseMap", "CasePoint", "Grid", "Heat", "Legend", "Scale", "Start", "Symbols"]


class BaseMap(Piece):
    """The city's own land use, water, roads and names; `layers` is a list of [layer, lowest zoom it is drawn at]."""

    def __init__(self, *, url: str, layers: list[tuple[str, int]]) -> None:
        super().__init__(url=url, layers=layers)


class Areas(Piece):
    """Areas of one level coloured by rate per km²: the choropleth, and what a click or a pointer finds."""

    def __init__(self, *, url: str, zoom_steps: tuple[int, ...], whole_levels: tuple[str, ...]) -> None:
        super().__init__(url=url, zoomSteps=zoom_steps, wholeLevels=whole_levels)


class Symbols(Piece):
    """Raw counts as circles whose areas are proportional to them."""

    def __init__(self, *, largest: int) -> None:
        super().__init__(largest=largest)


class Grid(Piece):
    """Counts in squares of the working CRS."""

    def __init__(self, *, url: str) -> None:
        super().__init__(url=url)


class Heat(Piece):
    """Leaflet.heat over the same squares, so that its sum is theirs."""

    default_js = HeatMap.default_js

    def __init__(self, *, radius: int, blur: int) -> None:
        super().__init__(radius=radius, blur=blur)


class Legend(Piece):
    """Classes, their units, circles and what is not on the map."""

    def __init__(self, *, position: str) -> None:
        super().__init__(position=position)


class Scale(Piece):
    """A bar of metres."""

    def __init__(self, *, position: str) -> None:
        super().__init__(position=position)


class CasePoint(Piece):
    """One case: its point, the radius of its accuracy, and the outlines of the areas that hold it."""

    def __init__(self, *, lat: float, lon: float, accuracy: float | None, url: str, levels: list[str]) -> None:
        super().__init__(lat=lat, lon=lon, accuracy=accuracy, url=url, levels=levels)


class Start(MacroElement):
    """Begin, once every piece is on the map; `pieces` goes by the names the script knows them by."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        gridward.start({{ this._parent.get_name() }}, {
            {%- for name, piece in this.pieces.items() %}{{ name }}: {{ piece.get_name() }},{% endfor -%}
        });
        {% endmacro %}
        """
    )

    def __init__(self, pieces: Mapping[str, Any]) -> None:
        super().__init__()
        self._name, self.pieces = "Start", pieces
