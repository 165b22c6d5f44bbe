"""The total rule of location in fractions: slow, simple, and right for any doubles."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import shapely

from gis.assignment.locator import AREA, GAP, OUTSIDE, Locator

Answer = list[tuple[str, int, bool]]


def side(geometry: shapely.Geometry, x: float, y: float) -> int:
    """1 inside, 0 on the border, -1 outside, in fractions, edge by edge."""
    px, py = Fraction(x), Fraction(y)
    inside = False
    for polygon in shapely.get_parts(geometry):
        for ring in shapely.get_rings(polygon):
            corners = [(Fraction(a), Fraction(b)) for a, b in shapely.get_coordinates(ring).tolist()]
            for (ax, ay), (bx, by) in pairwise(corners):
                if ay == by == py and min(ax, bx) <= px <= max(ax, bx):
                    return 0
                if min(ay, by) <= py <= max(ay, by) and ay != by:
                    at = ax + (bx - ax) * (py - ay) / (by - ay)
                    if at == px:
                        return 0
                    inside ^= (ay > py) != (by > py) and at > px
    return 1 if inside else -1


def exactly(locator: Locator, x: float, y: float) -> Answer:
    """The total rule (decision 4) in fractions."""
    levels = locator.areas.levels
    index = [-1] * len(levels)
    for depth in range(len(levels) - 1, -1, -1):
        covering = [i for i, g in enumerate(levels[depth].geometry) if near(g, x, y) and side(g, x, y) >= 0]
        if covering:
            i = covering[0]
            for up in range(depth, -1, -1):
                index[up] = i
                i = int(levels[up].parent_index[i]) if i >= 0 else -1
            break
    out: Answer = []
    for depth, i in enumerate(index):
        if i >= 0:
            out.append((AREA, i, side(levels[depth].geometry[i], x, y) == 0))
        elif depth == 0:
            gap = locator.holes is not None and side(locator.holes, x, y) >= 0
            out.append((GAP if gap else OUTSIDE, -1, False))
        elif out[-1][0] == AREA:
            out.append((GAP if levels[depth - 1].has_children[out[-1][1]] else OUTSIDE, -1, False))
        else:
            out.append((out[-1][0], -1, False))
    return out


def near(geometry: shapely.Geometry, x: float, y: float) -> bool:
    west, south, east, north = geometry.bounds
    return west <= x <= east and south <= y <= north
