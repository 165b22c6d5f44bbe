"""Cutting ground into irregular blocks: bent lines, uneven shares, never a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.ops import split as split_by_line

__all__ = ["Cut", "cover", "crooked", "divide"]

Coordinates = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cut:
    """A line that divided a block; `depth` counts the cuts around it, 0 for the first."""

    line: Any
    depth: int


def crooked(points: Coordinates, rng: np.random.Generator, *, step: float, bend: float) -> Coordinates:
    """Displace midpoints of a polyline sideways until no segment is longer than `step` metres; ends stay."""
    while True:
        legs = np.diff(points, axis=0)
        length = np.sqrt((legs**2).sum(axis=1))
        long = length > step
        if not long.any():
            return np.round(points, 2)
        middle = (points[:-1] + points[1:]) / 2.0
        side = np.column_stack([-legs[:, 1], legs[:, 0]])
        middle = middle + side * rng.uniform(-bend, bend, len(legs))[:, None]
        out = [points[0]]
        for i in range(len(legs)):
            if long[i]:
                out.append(middle[i])
            out.append(points[i + 1])
        points = np.array(out)


def divide(
    block: Any, shares: Sequence[float], rng: np.random.Generator, *, depth: int = 0
) -> tuple[list[Any], list[Cut]]:
    """Cut a polygon into one piece per share, areas roughly in that ratio; returns the pieces and the cuts."""
    if len(shares) == 1:
        return [block], []
    half = len(shares) // 2
    first = sum(shares[:half]) / sum(shares)
    one, other, line = _halves(block, first, rng)
    pieces, cuts = divide(one, shares[:half], rng, depth=depth + 1)
    more, below = divide(other, shares[half:], rng, depth=depth + 1)
    return pieces + more, [Cut(line, depth), *cuts, *below]


def _halves(block: Any, share: float, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Two polygons, the first holding about `share` of the area, and the line between them."""
    along = _long_axis(block)
    for attempt in range(12):
        bend = 0.10 * (1.0 - attempt / 12.0)
        tilt = rng.uniform(-0.22, 0.22) * (1.0 - attempt / 14.0)
        u = along + tilt * np.array([-along[1], along[0]])
        u = u / np.sqrt((u**2).sum())
        at = _position(block, u, share * rng.uniform(0.92, 1.08) if attempt < 8 else share)
        line = _line(block, u, at, rng, bend)
        pieces = list(split_by_line(block, line).geoms)
        if len(pieces) == 2 and min(p.area for p in pieces) > 0.25 * min(share, 1 - share) * block.area:
            below = [float(np.dot([p.centroid.x, p.centroid.y], u)) for p in pieces]
            one, other = (pieces[0], pieces[1]) if below[0] < below[1] else (pieces[1], pieces[0])
            return one, other, shapely.intersection(line, block)
    # A block so concave that no line leaves two pieces: the smaller pieces join what they touch most.
    pieces = sorted(pieces, key=lambda p: -p.area)
    one, rest = pieces[0], shapely.union_all(pieces[1:])
    parts = sorted(shapely.get_parts(rest), key=lambda p: -p.area)
    one = shapely.union_all([one, *parts[1:]])
    return one, parts[0], shapely.intersection(line, block)


def _long_axis(block: Any) -> Coordinates:
    ring = shapely.get_coordinates(shapely.minimum_rotated_rectangle(block))
    sides = np.diff(ring[:3], axis=0)
    length = np.sqrt((sides**2).sum(axis=1))
    longest = int(np.argmax(length))
    return np.asarray(sides[longest] / length[longest])


def _position(block: Any, u: Coordinates, share: float) -> float:
    """Where along u the half plane below holds `share` of the area, by bisection."""
    reach = shapely.get_coordinates(block) @ u
    low, high = float(reach.min()), float(reach.max())
    v = np.array([-u[1], u[0]])
    side = shapely.get_coordinates(block) @ v
    left, right = float(side.min()) - 1.0, float(side.max()) + 1.0
    bottom = low - 1.0
    for _ in range(9):
        middle = (low + high) / 2.0
        corners = [bottom * u + left * v, middle * u + left * v, middle * u + right * v, bottom * u + right * v]
        if float(shapely.area(shapely.intersection(block, shapely.polygons(corners)))) < share * block.area:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _line(block: Any, u: Coordinates, at: float, rng: np.random.Generator, bend: float) -> Any:
    """A bent line across the block, perpendicular to u at distance `at`, reaching beyond it on both sides."""
    v = np.array([-u[1], u[0]])
    side = shapely.get_coordinates(block) @ v
    low, high = float(side.min()), float(side.max())
    width = high - low
    steps = np.linspace(low - 0.2 * width - 5.0, high + 0.2 * width + 5.0, 6)
    offset = rng.uniform(-bend, bend, 6) * min(width, 400.0)
    offset[[0, -1]] *= 0.3
    points = (at + offset)[:, None] * u + steps[:, None] * v
    return shapely.linestrings(crooked(points, rng, step=70.0, bend=0.05))


def cover(blocks: Sequence[Any]) -> list[Any]:
    """The same blocks as an exact coverage: every line noded with every other on a grid of 1 cm, so that neighbours
    share each vertex, also where a third line meets their border."""
    leaves = np.array(list(blocks), dtype=object)
    noded = shapely.union_all(shapely.boundary(leaves), grid_size=0.01)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded).tolist()))
    inside = shapely.point_on_surface(faces)
    at, leaf = shapely.STRtree(leaves).query(inside, predicate="intersects")
    owner = np.full(len(faces), -1, dtype=np.int64)
    owner[at[::-1]] = leaf[::-1]
    out: list[Any] = []
    for i in range(len(leaves)):
        mine = faces[owner == i]
        out.append(mine[0] if len(mine) == 1 else shapely.coverage_union_all(mine))
    return out
