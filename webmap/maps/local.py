"""A Folium map without the network: Leaflet from our disk, and nothing of what Folium adds by habit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import folium
from branca.element import CssLink, Figure, JavascriptLink, MacroElement
from folium.elements import JSCSSMixin
from folium.template import Template

from webmap.maps.assets import local_file, refuse_foreign

__all__ = ["LocalMap", "Parts", "Piece"]


@dataclass(frozen=True, slots=True)
class Parts:
    """A rendered map: files below static/ for the head, markup for the body, a script (it needs the page's nonce)."""

    scripts: tuple[str, ...]
    styles: tuple[str, ...]
    html: str
    script: str


class LocalMap(folium.Map):
    """`folium.Map` with Leaflet alone: no jQuery, Bootstrap or icon fonts, which no piece of ours needs.

    Folium's own template also forbids a phone's reader to zoom the page and sets global styles; ours does neither.
    `name` is the map's id and, in the script, its variable.
    """

    _template = Template(
        """
        {% macro html(this, kwargs) %}
        <div class="folium-map" id={{ this.get_name()|tojson }} role="application"
             aria-label="{{ this.label|e }}" aria-describedby="map-note"></div>
        {% endmacro %}
        {% macro script(this, kwargs) %}
        const {{ this.get_name() }} = L.map({{ this.get_name()|tojson }}, {
            center: {{ this.location|tojson }}, crs: L.CRS.{{ this.crs }}, ...{{ this.options|tojavascript }}
        });
        {% endmacro %}
        """
    )
    default_js: ClassVar = [link for link in folium.Map.default_js if link[0] == "leaflet"]
    default_css: ClassVar = [link for link in folium.Map.default_css if link[0] == "leaflet_css"]

    def __init__(self, name: str, *, label: str, center: tuple[float, float], zoom: int, **options: Any) -> None:
        super().__init__(
            location=center,
            zoom_start=zoom,
            tiles=None,
            prefer_canvas=True,
            attribution_control=False,
            **options,
        )
        self._name, self._id, self.label = name, "map", label

    def parts(self) -> Parts:
        """The map's pieces for a page template. The only way out: every link is mapped here or refused."""
        figure = self.get_root()
        figure.render()
        links = list(figure.header._children.values())
        return Parts(
            scripts=tuple(local_file(link.url) for link in links if isinstance(link, JavascriptLink)),
            styles=tuple(local_file(link.url) for link in links if isinstance(link, CssLink)),
            html=refuse_foreign(_text(figure, "html")),
            script=refuse_foreign(_text(figure, "script")),
        )


def _text(figure: Figure, part: str) -> str:
    return "\n".join(child.render() for child in getattr(figure, part)._children.values())


class Piece(JSCSSMixin, MacroElement):
    """One thing on a map: a class of static/js/gridward.js made with `options` and added to the map by this name.

    Options travel as JSON with `<`, `>`, `&` and quotes escaped, so that no text can end the script.
    """

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        const {{ this.get_name() }} = new gridward.{{ this._name }}({{ this.options|tojson }});
        {{ this.get_name() }}.addTo({{ this._parent.get_name() }});
        {% endmacro %}
        """
    )

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._name = type(self).__name__
        self._id = "layer"
        self.options = options
