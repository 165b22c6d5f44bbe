"""A small map drawn as SVG: no library, no tiles, readable on paper."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely

__all__ = ["Sketch"]

_WIDTH: Final = 640.0  #: pixels
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  #: what XML cannot hold
_LINE: Final = 17.0  #: pixels from line to line of a text
_WIDE: Final = 0x2E80  #: from this character on a letter is as wide as it is high
#: kind -> (fill, stroke, stroke width, what the legend calls it); another kind is drawn as a place
_STYLE: Final = {
    "territory": ("#faf6ec", "#a8483f", 2.0, "属地 territory"),
    "answer": ("#f6e5c8", "#a8483f", 2.0, "所在属地 its territory"),
    "overlap": ("#eec7b4", "#a8483f", 2.0, "重叠 overlap"),
    "road": ("#d9dbdf", "#9aa0a8", 1.0, "道路 road"),
    "river": ("#cfe2f0", "#7fa6c4", 1.0, "河道 river"),
    "precedent": ("#d9cdf2", "#6a4fa3", 1.5, "先例 precedent"),
    "error": ("#2f6db5", "#2f6db5", 1.2, "精度半径 accuracy"),
    "moved": ("none", "#444444", 1.5, "移动 moved"),
    "before": ("#ffffff", "#2f6db5", 2.0, "原位置 first spot"),
    "part": ("#e0a800", "#5c4500", 1.2, "部件 part"),
    "spot": ("#174a8c", "#ffffff", 1.5, "位置 spot"),
    "place": ("#e2ecdc", "#8fac80", 1.0, "场所 place"),
}
_FAINT: Final = frozenset({"error", "precedent", "overlap"})  #: what lies below shows through
#: drawn broad and faint where only their middle is known, so that a border in it is seen
_BROAD: Final = frozenset({"road", "river"})
_ROUND: Final = frozenset({"spot", "before"})

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Label:
    lines: tuple[str, ...]
    x: float  #: pixels, the middle of the text
    y: float

    @property
    def box(self) -> Box:
        half, height = max(map(_long, self.lines)) / 2 + 3, _LINE * len(self.lines)
        return self.x - half, self.y - height / 2, self.x + half, self.y + height / 2

    def moved(self, dx: float, dy: float) -> _Label:
        return _Label(self.lines, self.x + dx, self.y + dy)


class Sketch:
    """Shapes within a box (west, south, east, north) of a projected CRS in metres, north up, with a legend below.

    >>> sketch = Sketch((0.0, 0.0, 100.0, 100.0))
    >>> sketch.add("territory", shapely.box(0, 0, 50, 100), "<东>")
    >>> "&lt;东&gt;" in sketch.svg()
    True
    """

    def __init__(self, box: Box) -> None:
        self.box = box
        self._scale = _WIDTH / (box[2] - box[0])
        self._height = (box[3] - box[1]) * self._scale
        self._drawn: list[str] = []
        self._kinds: dict[str, None] = {}
        self._labels: list[_Label] = []
        self._marks: list[Box] = []

    def add(self, kind: str, geometry: Any, label: str = "", *, at: tuple[float, float] | None = None) -> None:
        """Draw a geometry over what is there; its label, of one or more lines, stands in its middle or at `at`."""
        if geometry.is_empty:
            return
        known = kind if kind in _STYLE else "place"
        self._kinds[known] = None
        draw = self._mark if geometry.geom_type == "Point" else self._shape
        self._drawn.append(draw(known, geometry))
        if label and kind != "error":
            seen = shapely.clip_by_rect(geometry, *self.box)
            spot = (geometry if seen.is_empty else seen).representative_point()
            self.write(label, at or (spot.x, spot.y))

    def write(self, label: str, at: tuple[float, float]) -> None:
        """Write a label about a spot; it is left out where there is no free place near by."""
        x, y = self._place(np.array([at]))[0].tolist()
        self._labels.append(_Label(tuple(_CONTROL.sub(" ", label).split("\n")), x, y))

    def _mark(self, kind: str, point: Any) -> str:
        x, y = self._place(np.array([[point.x, point.y]]))[0].tolist()
        self._marks.append((x - 8, y - 8, x + 8, y + 8))
        return _sign(kind, x, y)

    def _shape(self, kind: str, geometry: Any) -> str:
        path = " ".join(self._path(part) for part in shapely.get_parts(geometry))
        return f'<path fill-rule="evenodd" d="{path}" {_look(kind, lines="Line" in geometry.geom_type)}/>'

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

    def svg(self, note: str = "") -> str:
        """The drawing, with a scale bar, an arrow to the north and a legend; the note stands below it."""
        legend, rows = self._legend()
        if note:
            y, rows = self._height + 22.0 + 24.0 * rows, rows + 1
            legend += f'<text x="12" y="{y:.1f}" font-weight="bold">{html.escape(note)}</text>'
        height = self._height + rows * 24.0 + 12.0
        body = "".join([*self._drawn, *(_text(label) for label in self._placed()), self._bar(), self._north()])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:.0f}" width="{_WIDTH:g}" '
            f'height="{height:.0f}" role="img" font-family="sans-serif" font-size="13" fill="#222">'
            f'<rect width="{_WIDTH:g}" height="{height:.0f}" fill="#fff"/>'
            f'<svg width="{_WIDTH:g}" height="{self._height:.0f}" stroke-linejoin="round">{body}</svg>'
            f'<rect x=".5" y=".5" width="{_WIDTH - 1:g}" height="{self._height - 1:.0f}" fill="none" stroke="#888"/>'
            f"{legend}</svg>\n"
        )

    def _placed(self) -> Iterator[_Label]:
        """The labels where nothing is in their way, moved up or down, or to a side, as little as does it."""
        taken = [*self._marks, (0.0, self._height - 44, 190.0, self._height), (_WIDTH - 44, 0.0, _WIDTH, 70.0)]
        steps = sorted(
            ((dx, dy) for dx in (-90, -60, -30, 0, 30, 60, 90) for dy in range(-96, 97, 12)),
            key=lambda step: (abs(step[0]) + abs(step[1]), step),
        )
        for label in self._labels:
            for dx, dy in steps:
                box = label.moved(dx, dy).box
                within = box[0] >= 4 and box[1] >= 4 and box[2] <= _WIDTH - 4 and box[3] <= self._height - 4
                if within and not any(_meet(box, other) for other in taken):
                    taken.append(box)
                    yield label.moved(dx, dy)
                    break

    def _bar(self) -> str:
        most = 170.0 / self._scale
        power = 10.0 ** np.floor(np.log10(most))
        metres = float(power * max(step for step in (1, 2, 5) if step * power <= most))
        y = self._height - 16
        return (
            f'<path d="M16 {y - 5:.1f} v5 h{metres * self._scale:.1f} v-5" fill="none" stroke="#222" stroke-width="2"/>'
            + _text(_Label((f"{metres:g} m",), 16 + metres * self._scale / 2, y - 12))
        )

    def _north(self) -> str:
        x = _WIDTH - 24
        return f'<path d="M{x - 8:g} 42 L{x:g} 14 L{x + 8:g} 42 L{x:g} 36 Z" fill="#222"/>' + _text(
            _Label(("N",), x, 54.0)
        )

    def _legend(self) -> tuple[str, int]:
        """The legend of what was drawn, and its number of rows."""
        out, x, row = [], 12.0, 0
        for kind in self._kinds:
            words = _STYLE[kind][3]
            wide = 28.0 + _long(words) + 14.0
            if x + wide > _WIDTH and x > 12.0:
                x, row = 12.0, row + 1
            y = self._height + 18.0 + 24.0 * row
            out.append(f'{_sample(kind, x, y)}<text x="{x + 28:.1f}" y="{y + 4.5:.1f}">{words}</text>')
            x += wide
        return "".join(out), row + 1


def _sample(kind: str, x: float, y: float) -> str:
    if kind in _ROUND or kind == "part":
        return _sign(kind, x + 11, y)
    if kind == "moved":
        return f'<path d="M{x:.1f} {y:.1f} h22" {_look(kind, lines=True)}/>'
    if kind == "error":
        return f'<circle cx="{x + 11:.1f}" cy="{y:.1f}" r="8" {_look(kind, lines=False)}/>'
    return f'<path d="M{x:.1f} {y - 7:.1f} h22 v14 h-22 Z" {_look(kind, lines=False)}/>'


def _sign(kind: str, x: float, y: float) -> str:
    if kind in _ROUND:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" {_look(kind, lines=False)}/>'
    return f'<path d="M{x:.1f} {y - 7:.1f} l7 7 l-7 7 l-7 -7 Z" {_look(kind, lines=False)}/>'


def _look(kind: str, *, lines: bool) -> str:
    fill, stroke, width, _ = _STYLE[kind]
    faint = ' fill-opacity="0.18"' if kind == "error" else ' fill-opacity="0.6"' if kind in _FAINT else ""
    dashed = ' stroke-dasharray="6 4"' if kind in ("moved", "precedent") else ""
    if lines and kind in _BROAD:
        return f'fill="none" stroke="{stroke}" stroke-width="7" stroke-opacity="0.5"'
    return f'fill="{"none" if lines else fill}"{faint} stroke="{stroke}" stroke-width="{width}"{dashed}'


def _text(label: _Label) -> str:
    """The lines, first as a white halo, then in ink: not every viewer knows how to paint the stroke first."""
    top = label.y - _LINE * len(label.lines) / 2 + 13.0
    spans = "".join(
        f'<tspan x="{label.x:.1f}" y="{top + _LINE * i:.1f}">{html.escape(line)}</tspan>'
        for i, line in enumerate(label.lines)
    )
    halo = 'stroke="#fff" stroke-width="4" stroke-linejoin="round" stroke-opacity="0.85"'
    return f'<text text-anchor="middle" {halo}>{spans}</text><text text-anchor="middle">{spans}</text>'


def _long(text: str) -> float:
    """About how many pixels a text of 13 pixels is long."""
    return sum(13.0 if ord(letter) >= _WIDE else 7.0 for letter in text)


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
