"""A small map drawn as SVG: no library, no tiles, readable on paper."""

from __future__ import annotations

import html
import re
from typing import Any, Final

import numpy as np
import shapely

__all__ = ["Sketch"]

_SIDE: Final = 640  #: pixels
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  #: what XML cannot hold
#: kind -> (fill, stroke, stroke width); another kind is drawn as a place
_STYLE: Final = {
    "territory": ("#fff8ec", "#b3261e", 2.5),
    "road": ("none", "#8a8f98", 4.0),
    "river": ("#cfe5f5", "#6aa0c8", 1.0),
    "precedent": ("#e9e0fa", "#6a3fb5", 1.5),
    "error": ("#1f6feb22", "#1f6feb", 1.0),
    "spot": ("#1f6feb", "#ffffff", 1.5),
    "place": ("#e6efe2", "#8fb07f", 1.0),
}


class Sketch:
    """Shapes within a box (west, south, east, north) of a projected CRS in metres, north up.

    >>> sketch = Sketch((0.0, 0.0, 100.0, 100.0))
    >>> sketch.add("territory", shapely.box(0, 0, 50, 100), "<东>")
    >>> "&lt;东&gt;" in sketch.svg()
    True
    """

    def __init__(self, box: tuple[float, float, float, float]) -> None:
        self.box = box
        self._scale = _SIDE / (box[2] - box[0])
        self._drawn: list[str] = []
        self._labels: list[str] = []

    def add(self, kind: str, geometry: Any, label: str = "") -> None:
        """Draw a geometry over what is there; its label stands in its middle."""
        if geometry.is_empty:
            return
        fill, stroke, width = _STYLE.get(kind, _STYLE["place"])
        if geometry.geom_type == "Point":
            x, y = self._place(np.array([[geometry.x, geometry.y]]))[0]
            self._drawn.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{fill}" stroke="{stroke}" stroke-width="{width}"/>'
            )
            return
        lines = geometry.geom_type in ("LineString", "MultiLineString")
        path = " ".join(self._path(part) for part in shapely.get_parts(geometry))
        self._drawn.append(
            f'<path d="{path}" fill="{"none" if lines else fill}" fill-rule="evenodd" stroke="{stroke}" '
            f'stroke-width="{width}"/>'
        )
        if label and kind != "error":
            spot = geometry.representative_point()
            x, y = self._place(np.array([[spot.x, spot.y]]))[0]
            self._labels.append(f'<text x="{x:.1f}" y="{y:.1f}">{html.escape(_CONTROL.sub(" ", label))}</text>')

    def _place(self, xy: Any) -> Any:
        west, _, _, north = self.box
        return np.column_stack([(xy[:, 0] - west) * self._scale, (north - xy[:, 1]) * self._scale])

    def _path(self, part: Any) -> str:
        rings = [part.exterior, *part.interiors] if part.geom_type == "Polygon" else [part]
        closed = " Z" if part.geom_type == "Polygon" else ""
        texts = []
        for ring in rings:
            if ring.geom_type not in ("LinearRing", "LineString"):
                continue
            points = " L".join(f"{x:.1f} {y:.1f}" for x, y in self._place(shapely.get_coordinates(ring)))
            texts.append(f"M{points}{closed}")
        return " ".join(texts)

    def svg(self) -> str:
        """The drawing, with a scale bar of 100 m and an arrow to the north."""
        metres = 100.0 * self._scale
        bar = (
            f'<path d="M20 {_SIDE - 20} h{metres:.1f}" stroke="#222" stroke-width="3"/>'
            f'<text x="{20 + metres / 2:.1f}" y="{_SIDE - 26}">100 m</text>'
            f'<path d="M{_SIDE - 30} 50 l10 -30 l10 30 z" fill="#222"/><text x="{_SIDE - 20}" y="66">N</text>'
        )
        body = "".join([*self._drawn, *self._labels, bar])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIDE} {_SIDE}" width="{_SIDE}" height="{_SIDE}" '
            'role="img" font-family="sans-serif" font-size="13" text-anchor="middle" '
            f'paint-order="stroke" stroke-linejoin="round"><rect width="{_SIDE}" height="{_SIDE}" fill="#fff"/>'
            f"{body}</svg>"
        )
