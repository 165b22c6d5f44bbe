"""Points known in a local system and in the working CRS, and the plane similarity that fits them best.

A file in a system nobody has the parameters of can be moved by points that a surveyor measured in both. The residual of
every point is printed: a point that does not fit is a mistake at that point or a system that is no plane similarity.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gis.errors import FileFault

__all__ = ["ControlPoints", "Fit", "LIMIT", "fit", "read_control_points"]

Floats = NDArray[np.float64]

LIMIT: Final = 0.5  #: metres a point may miss; more is a gross error or another kind of system
_COLUMNS: Final = ("id", "x", "y", "e", "n")
_SIZE: Final = 1_000_000  #: bytes of a file of points


@dataclass(frozen=True, slots=True)
class ControlPoints:
    """Points as columns of one length: x, y in local metres (east, north), e, n in the working CRS (metres)."""

    ids: tuple[str, ...]
    x: Floats
    y: Floats
    e: Floats
    n: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def without(self, left_out: Sequence[int]) -> ControlPoints:
        """The points but those at some positions."""
        keep = np.setdiff1d(np.arange(len(self)), np.asarray(left_out, dtype=int))
        ids = tuple(self.ids[i] for i in keep)
        return ControlPoints(ids, self.x[keep], self.y[keep], self.e[keep], self.n[keep])


@dataclass(frozen=True, slots=True)
class Fit:
    """A plane similarity E = e0 + a(x - x0) - b(y - y0), N = n0 + b(x - x0) + a(y - y0), and how well it holds.

    Residuals are what the points' own e and n have beyond the fitted ones, in metres.
    """

    points: ControlPoints
    a: float
    b: float
    local_centre: tuple[float, float]
    working_centre: tuple[float, float]

    def apply(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Move local coordinates (metres) to the working CRS (metres).

        >>> x, y = np.array([0.0, 9.0, 9.0, 0.0]), np.array([0.0, 0.0, 9.0, 9.0])
        >>> square = ControlPoints(("a", "b", "c", "d"), x, y, x + 5, y + 7)
        >>> e, n = fit(square).apply([1.0], [2.0])
        >>> round(float(e[0]), 6), round(float(n[0]), 6)
        (6.0, 9.0)
        """
        dx = np.asarray(x, dtype=float) - self.local_centre[0]
        dy = np.asarray(y, dtype=float) - self.local_centre[1]
        east, north = self.working_centre
        return east + self.a * dx - self.b * dy, north + self.b * dx + self.a * dy

    @property
    def residuals(self) -> tuple[Floats, Floats]:
        """East and north residual of each point, in metres."""
        e, n = self.apply(self.points.x, self.points.y)
        return self.points.e - e, self.points.n - n

    @property
    def misses(self) -> Floats:
        """Length of each point's residual, in metres."""
        return np.asarray(np.hypot(*self.residuals), dtype=float)

    @property
    def rms(self) -> float:
        """Root mean square of the misses, in metres."""
        return float(np.sqrt(np.mean(self.misses**2)))

    @property
    def largest(self) -> float:
        """The largest miss, in metres."""
        return float(self.misses.max())

    @property
    def rotation(self) -> float:
        """Arc seconds, positive anticlockwise."""
        return math.degrees(math.atan2(self.b, self.a)) * 3600.0

    @property
    def scale_ppm(self) -> float:
        """Parts per million by which lengths grow."""
        return (math.hypot(self.a, self.b) - 1.0) * 1e6

    def report(self) -> list[str]:
        """The fit and every point's residual, one line each, the worst point first."""
        east, north = self.residuals
        order = np.argsort(-self.misses, kind="stable")
        head = (
            f"{len(self.points)} control points fit with rms {self.rms:.3f} m, largest {self.largest:.3f} m at "
            f"{self.points.ids[order[0]]}; rotation {self.rotation:.2f} arc seconds, scale {self.scale_ppm:+.2f} ppm."
        )
        return [head] + [
            f"{self.points.ids[i]}: {self.misses[i]:.3f} m (east {east[i]:+.3f}, north {north[i]:+.3f})" for i in order
        ]


def read_control_points(path: Path) -> ControlPoints:
    """Read a CSV with columns id, x, y (local metres), e, n (working CRS, metres), UTF-8 or GBK.

    Raises FileFault with every faulty row; row 1 is the first below the header.
    """
    rows = list(csv.reader(io.StringIO(_text(path), newline=""), strict=False))
    header = [name.strip().lower() for name in rows[0]] if rows else []
    absent = [name for name in _COLUMNS if header.count(name) != 1]
    if absent:
        raise FileFault(
            f"{path.name} has the columns {', '.join(header) or 'none'}; wanted each of id, x, y (local), e, n "
            f"(working CRS) once, of which {', '.join(absent)} is missing or repeated."
        )
    at = [header.index(name) for name in _COLUMNS]
    faults: list[str] = []
    table: dict[str, list[float]] = {}
    for number, row in enumerate(rows[1:], start=1):
        if any(cell.strip() for cell in row):
            _take(number, [row[i].strip() if i < len(row) else "" for i in at], table, faults)
    if not faults and len(table) < 4:
        faults.append(f"it holds {len(table)} points; wanted at least 4, spread over the area")
    if faults:
        raise FileFault(f"{path.name} has {len(faults)} fault(s): {'; '.join(faults)}.")
    x, y, e, n = np.array(list(table.values()), dtype=float).T
    return ControlPoints(tuple(table), x, y, e, n)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise FileFault(
            f"The control points {path} cannot be read ({fault.strerror}); give an existing CSV with --control-points."
        ) from None
    if len(content) > _SIZE:
        raise FileFault(f"{path.name} has {len(content)} bytes; wanted a list of points of at most {_SIZE}.")
    for encoding in ("utf-8-sig", "gb18030"):  # GBK's superset; UTF-8 first, as GBK text is hardly ever valid UTF-8
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileFault(f"{path.name} is neither UTF-8 nor GBK; save it as CSV in UTF-8.")


def _take(number: int, cells: list[str], table: dict[str, list[float]], faults: list[str]) -> None:
    name, *texts = cells
    values = [_number(text) for text in texts]
    wrong = [
        f"row {number}: {column} is {text!r}; wanted metres"
        for column, text, value in zip(_COLUMNS[1:], texts, values, strict=True)
        if not math.isfinite(value)
    ]
    if not name:
        wrong.append(f"row {number}: id is empty; wanted the point's name")
    elif name in table:
        wrong.append(f"row {number}: id {name!r} is there twice; wanted each point once")
    faults += wrong
    table.setdefault(name, values)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if abs(value) < 1e9 else math.nan


def fit(points: ControlPoints) -> Fit:
    """The least-squares plane similarity through control points.

    Raises FileFault for fewer than 4 points, for points on one line or in one place, and for a point that misses by
    more than `LIMIT` metres; the message names the worst points and what the fit would be without them.

    >>> x, y = np.array([0.0, 9.0, 9.0, 0.0]), np.array([0.0, 0.0, 9.0, 9.0])
    >>> square = ControlPoints(("a", "b", "c", "d"), x, y, x + 5, y + 7)
    >>> round(fit(square).rms, 6), round(fit(square).scale_ppm, 3) + 0.0
    (0.0, 0.0)
    """
    if len(points) < 4:
        raise FileFault(f"There are {len(points)} control points; wanted at least 4, spread over the area.")
    _require_spread(points)
    found = _solve(points)
    if not found.largest <= LIMIT:
        raise FileFault(_gross(found))
    return found


def _require_spread(points: ControlPoints) -> None:
    for what, x, y in (("local", points.x, points.y), ("working", points.e, points.n)):
        spread = np.linalg.svd(np.column_stack([x - x.mean(), y - y.mean()]), compute_uv=False)
        if spread[0] < 1.0:
            raise FileFault(f"The control points lie in one place in {what} coordinates; wanted points over the area.")
        if spread[1] < 0.01 * spread[0]:
            raise FileFault(
                f"The control points lie on one line in {what} coordinates (they are {spread[1]:.2f} m wide and "
                f"{spread[0]:.0f} m long); wanted points on all sides of the area."
            )


def _solve(points: ControlPoints) -> Fit:
    """Closed form about the centroids, where the normal equations are diagonal and seven-digit numbers cancel first.

    S. Umeyama, Least-squares estimation of transformation parameters between two point patterns, IEEE PAMI 13(4), 1991;
    in the plane and without reflection it is a, b = sum(x e + y n), sum(x n - y e), both over sum(x^2 + y^2).
    """
    local = float(points.x.mean()), float(points.y.mean())
    working = float(points.e.mean()), float(points.n.mean())
    x, y, e, n = points.x - local[0], points.y - local[1], points.e - working[0], points.n - working[1]
    size = float(np.sum(x * x + y * y))
    return Fit(points, float(np.sum(x * e + y * n)) / size, float(np.sum(x * n - y * e)) / size, local, working)


def _gross(found: Fit) -> str:
    """What a refused fit says: the points whose removal helps most, and what that would give."""
    points = found.points
    left_out, rest = _worst_first(found)
    names = ", ".join(points.ids[i] for i in left_out)
    worst = int(np.argmax(found.misses))
    head = (
        f"The {len(points)} control points do not fit: rms {found.rms:.3f} m, largest {found.largest:.3f} m at "
        f"{points.ids[worst]}; wanted at most {LIMIT} m at every point. "
    )
    if rest.largest <= LIMIT:
        return head + (
            f"Without {names} the other {len(rest.points)} fit with rms {rest.rms:.3f} m, largest "
            f"{rest.largest:.3f} m: measure {names} again, or leave the row(s) out of the file."
        )
    swapped = ControlPoints(points.ids, points.y, points.x, points.e, points.n)
    if _solve(swapped).largest <= LIMIT:
        return (
            head + "With x and y exchanged they fit: x is the local east here, y the local north; correct the header."
        )
    return head + (
        f"Without {names} the largest is still {rest.largest:.3f} m: check that x, y are local metres (east, north) "
        "and e, n coordinates of the working CRS, or ask the survey office for its parameters (--crs local:NAME)."
    )


def _worst_first(found: Fit) -> tuple[list[int], Fit]:
    """Leave out one point after the other, each time the one without which the rest fits best, while over 4 remain.

    The largest residual need not be the mistaken point: one gross error pulls the whole fit towards itself.
    """
    out: list[int] = []
    rest = found
    while rest.largest > LIMIT and len(found.points) - len(out) > 4 and len(out) < 3:
        trials = [(_solve(found.points.without([*out, i])), i) for i in range(len(found.points)) if i not in out]
        rest, chosen = min(trials, key=lambda trial: trial[0].rms)
        out.append(chosen)
    if not out:  # with four points every three fit something, so the residuals say no more than which is largest
        out = [int(np.argmax(found.misses))]
        rest = _solve(found.points.without(out))
    return out, rest
