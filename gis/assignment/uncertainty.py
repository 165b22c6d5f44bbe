"""How much of a report's error area lies in each area, and whether the engine's confidence holds.

The position error of a report is an isotropic Gaussian of σ metres per axis. An area's share of the error area is the
mass of that Gaussian over the area; it says where the point may lie, not who ought to answer for it.

With the point as origin, lengths in σ and polar coordinates (r, φ), the triangle from the origin over a directed edge
holds, by integrating r exp(-r²/2) / 2π outwards to the edge's line at h / cos φ (φ from the line's foot),

    ∫ (1 - exp(-h² / (2 cos² φ))) dφ / 2π  =  (φ₂ - φ₁) / 2π - (T(h, tan φ₂) - T(h, tan φ₁))

where T(h, a) = ∫₀ᵃ exp(-h² (1 + x²) / 2) / (1 + x²) dx / 2π is Owen's function, even in h and odd in a. Here h is the
line's signed distance, positive with the origin on its left, t the position along the edge's direction from the foot,
and tan φ = t / h: to the right of an edge the angle runs clockwise and the triangle counts negative, as it must. Summed
over a polygon's edges, interior on the left (shells counter-clockwise, holes clockwise), the angles make a whole turn
about a point inside and none about a point outside:

    share  =  [point inside]  -  Σ over edges (T(h, t₂ / h) - T(h, t₁ / h))

An edge whose line runs through the point without touching it (h = 0) contributes nothing. On an edge the sum jumps by
a half or a corner's angle, and so does [point inside]; such points are moved by a millionth of σ and located again.

D. B. Owen (1956), Tables for computing bivariate normal probabilities, Ann. Math. Stat. 27, 1075-1090;
A. R. Didonato and R. K. Hageman (1982), A method for computing the integral of the bivariate normal distribution over
an arbitrary polygon, SIAM J. Sci. Stat. Comput. 3, 434-446.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import owens_t

from gis.errors import BadOption

__all__ = [
    "GAP",
    "OUTSIDE",
    "REACH",
    "SMALLEST",
    "Calibration",
    "Edges",
    "Shares",
    "calibration",
    "confidence",
    "shares",
    "sigma_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objects = NDArray[np.object_]

#: the area index of whatever lies in no area of the level
OUTSIDE: Final = -1
#: the area index of the level's gaps, where a caller passes their edges too
GAP: Final = -2
#: a smaller share is left out
SMALLEST: Final = 1e-6
#: σ beyond which edges may be left out. Taking away edges that lie wholly further than k σ redraws areas only outside
#: that circle, where exp(-k²/2) of the mass is; here 8e-7. Where one area loses another gains, so at most about
#: 2e-6 is told wrongly in all, and what is missing to one because of it is never told as a share of OUTSIDE.
REACH: Final = 5.3

_NUDGE: Final = 1e-6  # σ; moves shares by less than 1e-6, and at real magnitudes is far above a coordinate's last digit
_OVERLAP: Final = -1e-3  # an area can hold no less than nothing: the point lies in it and in another
_COMPASS: Final = 0.1 + np.arange(16) * (math.tau / 16)  # turned, so that none runs along a square's edges


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Directed edges near points, one row per point and edge, interior on the left; metres of the working CRS.

    `point` and `area` are indices; an edge between two areas stands here twice, once in each direction. For every point
    at least the edges that come nearer than REACH σ are wanted; further ones do no harm.
    """

    point: Ints
    area: Ints
    ax: Floats
    ay: Floats
    bx: Floats
    by: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Shares of the error area, one row per point and area (OUTSIDE, GAP or an index), sorted by both.

    Every point has at least one row, and its shares sum to 1.
    """

    point: Ints
    area: Ints
    share: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Confidence against what came true, one row per step of confidence [lower, upper), the last one closed.

    `confidence` is the mean of the step's n cases, `hits` the share of them that came true, `difference` hits less
    confidence: negative where the engine claims too much. All three are NaN for a step without cases.
    """

    lower: Floats
    upper: Floats
    n: Ints
    confidence: Floats
    hits: Floats
    difference: Floats


def sigma_of(accuracy: ArrayLike, level: ArrayLike, line_accuracy: ArrayLike = 0.0) -> Floats:
    """σ per axis (m) of an error of which the share `level` lies within `accuracy` metres: r = σ √(-2 ln(1 - level)).

    The σ of the boundary line itself, `line_accuracy` in metres, is added in squares. Scalars or arrays of one length;
    raises BadOption for an accuracy not above 0, a level not between 0 and 1, or a line accuracy below 0.

    >>> sigma_of([1.50959, 2.44775, 10.0], [0.68, 0.95, 0.68], [0.0, 0.0, 5.0]).round(4).tolist()
    [1.0, 1.0, 8.2995]
    """
    radius, share, line = (np.asarray(values, dtype=np.float64) for values in (accuracy, level, line_accuracy))
    _check("accuracy", radius, (radius > 0.0) & (radius < np.inf), "metres above 0; leave out reports without any")
    _check("level", share, (share > 0.0) & (share < 1.0), "a share between 0 and 1; write 68 % as 0.68")
    _check("line_accuracy", line, (line >= 0.0) & (line < np.inf), "metres, 0 or more; 0 where it is not known")
    return np.asarray(np.hypot(radius / np.sqrt(-2.0 * np.log1p(-share)), line), dtype=np.float64)


def shares(
    edges: Edges, x: Floats, y: Floats, inside: Ints, sigma: Floats, locate: Callable[[Floats, Floats], Ints]
) -> Shares:
    """The exact share of the error area of n points (x, y, σ in metres) in each area of one level.

    `inside` is the area in which each point itself lies, as `locate(x, y)` would say it: an index, OUTSIDE or GAP. Gaps
    count as areas where their edges are among `edges`; otherwise they belong to OUTSIDE, in `inside` too. OUTSIDE gets
    what is missing to 1. Where overlapping areas hold more than 1 together, all are scaled down to it; an overlap of
    which no edge is near is not seen, and the point's own area has it. Shares below SMALLEST are left out. `locate` is
    asked only for points that touch an edge. Raises BadOption for a σ not above 0.

    >>> squares = [(0, 0.0), (1, 10.0)]  # two squares side by side, seen from the middle of their common edge
    >>> ring = [(area, west + a, b, west + c, d) for area, west in squares
    ...     for a, b, c, d in [(0, 0, 10, 0), (10, 0, 10, 10), (10, 10, 0, 10), (0, 10, 0, 0)]]
    >>> area, *ends = (np.array(column) for column in zip(*ring))
    >>> found = shares(Edges(np.zeros(8, dtype=int), area, *ends), np.array([10.0]), np.array([5.0]), np.array([0]),
    ...     np.array([5.0]), lambda x, y: np.where(x > 10.0, 1, 0))
    >>> found.area.tolist(), found.share.round(4).tolist()
    ([-1, 0, 1], [0.3484, 0.3258, 0.3258])
    """
    _check("sigma", sigma, (sigma > 0.0) & (sigma < np.inf), "metres above 0; sigma_of gives them")
    seen = _seen(edges, x, y, sigma)
    touching, step = _touching(edges, (x, y), sigma, seen)
    if len(touching):
        x, y, inside = _cleared(edges, (x, y, inside), sigma, (touching, step), locate)
        seen = _seen(edges, x, y, sigma)
    n = len(x)
    own = np.flatnonzero(inside != OUTSIDE)
    point = np.concatenate((edges.point, np.arange(n), own))
    area = np.concatenate((edges.area, np.full(n, OUTSIDE), inside[own]))
    mass = np.concatenate((-_swept(*seen), np.zeros(n), np.ones(len(own))))
    width = int(area.max(initial=OUTSIDE)) - GAP + 1
    keys, row = np.unique(point * width + (area - GAP), return_inverse=True)
    point, area = keys // width, keys % width + GAP
    share = np.bincount(row, weights=mass, minlength=len(keys))
    share = np.clip(share + (share < _OVERLAP), 0.0, 1.0)
    # Every point has one row OUTSIDE, in the order of the points.
    share[area == OUTSIDE] = np.maximum(1.0 - np.bincount(point, weights=share, minlength=n), 0.0)
    keep = share >= SMALLEST
    point, area, share = point[keep], area[keep], share[keep]
    return Shares(point, area, share / np.bincount(point, weights=share, minlength=n)[point])


def confidence(found: Shares, unit_of_candidate: Objects, lead: Objects) -> Floats:
    """For each of n points the share of its error area that lies in areas of the unit `lead` (n codes).

    `unit_of_candidate` is the unit of each row of the shares, '' for nobody's. What lies outside is nobody's, so that a
    point led by '' is told how sure that is.

    >>> found = Shares(np.array([0, 0, 0, 1]), np.array([-1, 3, 4, 3]), np.array([0.1, 0.3, 0.6, 1.0]))
    >>> units = np.array(["", "S1", "S1", "S1"], dtype=object)
    >>> confidence(found, units, np.array(["S1", "S2"], dtype=object)).tolist()
    [0.8999999999999999, 0.0]
    """
    ours = np.asarray(unit_of_candidate == lead[found.point], dtype=bool)
    held = np.bincount(found.point[ours], weights=found.share[ours], minlength=len(lead))
    return np.minimum(held, 1.0)


def calibration(confidence: Floats, hit: NDArray[np.bool_], tenths: int = 10) -> Calibration:
    """Compare the confidence of n cases with whether each came true, in `tenths` equal steps of confidence.

    Raises BadOption for a confidence outside 0 to 1 or fewer than one step.

    >>> table = calibration(np.array([0.2, 0.9, 0.95, 1.0]), np.array([False, True, False, True]), tenths=2)
    >>> table.n.tolist(), table.hits.round(3).tolist(), table.difference.round(3).tolist()
    ([1, 3], [0.0, 0.667], [-0.2, -0.283])
    """
    _check("tenths", np.asarray(tenths), np.asarray(tenths >= 1), "a number of steps from 1")
    _check("confidence", confidence, (confidence >= 0.0) & (confidence <= 1.0), "shares from 0 to 1")
    bounds = np.arange(tenths + 1) / tenths
    step = np.searchsorted(bounds[1:-1], confidence, side="right")
    n = np.bincount(step, minlength=tenths)
    mean, hits = (
        np.divide(np.bincount(step, weights=values, minlength=tenths), n, out=np.full(tenths, np.nan), where=n > 0)
        for values in (confidence, np.asarray(hit, dtype=np.float64))
    )
    return Calibration(bounds[:-1], bounds[1:], n, mean, hits, hits - mean)


def _check(name: str, values: NDArray[np.generic], good: NDArray[np.bool_], wanted: str) -> None:
    if not good.all():
        bad = np.flatnonzero(~np.ravel(good))
        where = f"{name}[{bad[0]}]" if np.ndim(values) else name
        raise BadOption(f"{where} is {np.ravel(values)[bad[0]].item()!r}; wanted {wanted}.")


def _seen(edges: Edges, x: Floats, y: Floats, sigma: Floats) -> tuple[Floats, Floats, Floats]:
    """Each edge from its point, in σ: signed distance of its line (point on the left: positive), positions of its ends.

    Subtracting first is exact for positions near each other; a reversed edge gives exactly the reversed numbers. An
    edge without length is seen as lying nowhere.
    """
    px, py, scale = x[edges.point], y[edges.point], sigma[edges.point]
    ax, ay, bx, by = edges.ax - px, edges.ay - py, edges.bx - px, edges.by - py
    dx, dy = edges.bx - edges.ax, edges.by - edges.ay
    length = np.hypot(dx, dy) * scale
    real = length > 0.0
    length = np.where(real, length, 1.0)
    distance = np.where(real, (ax * by - ay * bx) / length, np.inf)
    return distance, (ax * dx + ay * dy) / length, (bx * dx + by * dy) / length


def _swept(distance: Floats, start: Floats, end: Floats) -> Floats:
    """T(h, tan φ₂) - T(h, tan φ₁) of each edge."""
    out = np.zeros(len(distance))
    rows = np.flatnonzero(distance)
    h = distance[rows]
    with np.errstate(over="ignore"):  # an endless slope is a right angle, which T knows
        out[rows] = owens_t(h, end[rows] / h) - owens_t(h, start[rows] / h)
    return out


def _metres(edges: Edges, seen: tuple[Floats, Floats, Floats], sigma: Floats) -> Floats:
    """Metres from each edge, as seen, to its point."""
    distance, start, end = seen
    beyond = np.maximum(np.maximum(start, -end), 0.0)
    return np.asarray(np.hypot(distance, beyond) * sigma[edges.point], dtype=np.float64)


def _touching(
    edges: Edges, at: tuple[Floats, Floats], sigma: Floats, seen: tuple[Floats, Floats, Floats]
) -> tuple[Ints, Floats]:
    """The points that touch an edge, and of every point the step that would lead it off."""
    step = np.maximum(_NUDGE * sigma, 8.0 * np.spacing(np.maximum(np.abs(at[0]), np.abs(at[1]))))
    close = edges.point[_metres(edges, seen, sigma) < 0.1 * step[edges.point]]
    return (np.unique(close) if len(close) else close), step


def _cleared(
    edges: Edges,
    at: tuple[Floats, Floats, Ints],
    sigma: Floats,
    touched: tuple[Ints, Floats],
    locate: Callable[[Floats, Floats], Ints],
) -> tuple[Floats, Floats, Ints]:
    """The points with those that touch an edge moved off it, in whichever direction leads furthest from all edges."""
    (x, y, inside), (touching, step) = at, touched
    steps = _metres(edges, _seen(edges, x, y, sigma), sigma) / step[edges.point]
    # One step away from a touched edge, edges that were three steps off cannot be the nearest.
    rows = np.flatnonzero(steps < 3.0)
    rows = rows[np.isin(edges.point[rows], touching)]
    ends = (values[rows] for values in (edges.ax, edges.ay, edges.bx, edges.by))
    near = Edges(np.searchsorted(touching, edges.point[rows]), edges.area[rows], *ends)
    clear = np.full((len(_COMPASS), len(touching)), np.inf)
    east = x[touching] + np.cos(_COMPASS)[:, None] * step[touching]
    north = y[touching] + np.sin(_COMPASS)[:, None] * step[touching]
    for k in range(len(_COMPASS)):
        seen = _seen(near, east[k], north[k], sigma[touching])
        np.minimum.at(clear[k], near.point, _metres(near, seen, sigma[touching]))
    best = np.argmax(clear, axis=0), np.arange(len(touching))
    x, y, inside = x.copy(), y.copy(), inside.copy()
    x[touching], y[touching] = east[best], north[best]
    inside[touching] = locate(x[touching], y[touching])
    return x, y, inside
