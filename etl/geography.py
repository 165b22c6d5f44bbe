"""Where a layer lies: its CRS told, declared or asked for, held against the place's extent, then the working CRS."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from etl.control_points import fit, read_control_points
from etl.findings import Finding
from etl.manifest import Asked, LayerEntry
from etl.plausibility import judge
from gis.crs import local_to_working, parse_crs, read_local_systems, same_crs, to_working
from gis.errors import BadOption, FileFault, UnknownCrs
from gis.place import Place

__all__ = ["Where", "placed"]

Column = NDArray[np.object_]
Shift = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
#: what a GeoPackage writes for "nobody knows" (srs_id 0 and -1)
_UNDEFINED: Final = re.compile(r"(?i)undefined (geographic|cartesian)|unknown engineering")
_VERTICES: Final = 20_000  #: looked at to judge whether a CRS is plausible


@dataclass(frozen=True, slots=True)
class Where:
    """What a layer's position is held against: the place, what a person said, its level's polygons in force (working
    CRS, None without a release), and the file of the survey office's local systems."""

    place: Place
    asked: Asked
    in_force: Column | None = None
    local_systems: Path | None = None


def placed(
    geometry: Column, read: Mapping[str, Any], entry: LayerEntry, where: Where
) -> tuple[Column, str, list[Finding]]:
    """The geometries in the working CRS, the word of the CRS they came in ('' where nobody can say), what was found.

    A file already in the working CRS keeps every bit of its coordinates.
    """

    def say(severity: Any, text: str) -> Finding:
        return Finding("crs", severity, entry.level, "", f"{entry.file}: {text}")

    place, asked = where.place, where.asked
    if asked.swap_axes:
        geometry = _changed(geometry, lambda x, y: (y, x))
    if asked.control_points:
        fitted = fit(read_control_points(Path(asked.control_points)))
        return _changed(geometry, fitted.apply), "control points", [say("note", line) for line in fitted.report()]
    if asked.crs and asked.crs.startswith("local:"):
        return _local(geometry, asked.crs, where)
    word, findings = _declared(read, entry, asked, say)
    x, y = _sample(geometry)
    if not len(x):
        return geometry, word or place.crs, findings
    verdict = judge(x, y, declared=word, place=place, reference=where.in_force)
    if word is None or not verdict.fits:
        return geometry, "", [*findings, say("error", verdict.text)]
    findings += [say("note", verdict.text)] if verdict.text else []
    return _in_working(geometry, word, place.crs), word, findings


def _in_working(geometry: Column, word: str, working: str) -> Column:
    if word == working:
        return geometry
    return _changed(geometry, lambda x, y: to_working(x, y, crs=word, working=working))


def _local(geometry: Column, word: str, where: Where) -> tuple[Column, str, list[Finding]]:
    """By a named parameter set of the survey office, which only a protected file holds."""
    if where.local_systems is None or not where.local_systems.is_file():
        raise BadOption(
            f"--crs is {word!r}, but there is no file of local systems; docs/settings.md says where it lies."
        )
    systems = read_local_systems(where.local_systems)
    name = word.partition(":")[2]
    if name not in systems:
        raise BadOption(f"--crs is {word!r}; the file of local systems knows {', '.join(sorted(systems)) or 'none'}.")
    chosen, working = systems[name], where.place.crs
    return _changed(geometry, lambda x, y: local_to_working(x, y, chosen, working)), word, []


def _declared(
    read: Mapping[str, Any], entry: LayerEntry, asked: Asked, say: Callable[[Any, str], Finding]
) -> tuple[str | None, list[Finding]]:
    """The CRS that is told (an option, the manifest) or that the file declares; None: nobody says."""
    told, inside = entry.crs or None, read["crs"]
    if told is not None:
        word = parse_crs(told)
        if inside is None or _agree(inside, word):
            return word, []
        if asked.crs is None:
            raise FileFault(
                f"{entry.file} says its CRS is {str(inside)[:80]!r}, the manifest says {word}; "
                "ask the survey office which is right."
            )
        if str(inside) == "EPSG:4326" and read["file"].endswith(".arrow") and not read["latin"]:
            return word, [say("note", f"read in {word} as told; the format itself would mean WGS 84.")]
        return word, [say("note", f"read in {word} as told, though it says {str(inside)[:80]!r}.")]
    if inside is None or _UNDEFINED.search(str(inside)[:200]):
        return None, []
    try:
        return parse_crs(str(inside)), []
    except UnknownCrs as fault:
        return None, [say("note", f"what it says of its CRS is not usable: {fault}")]


def _agree(inside: str, word: str) -> bool:
    return inside == word or (word.startswith("EPSG:") and same_crs(inside, word))


def _sample(geometry: Column) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Some of the vertices, spread evenly over the layer; non-finite ones left out."""
    coordinates = shapely.get_coordinates(geometry)
    step = max(1, len(coordinates) // _VERTICES)
    taken = coordinates[::step]
    taken = taken[np.isfinite(taken).all(axis=1)]
    return taken[:, 0], taken[:, 1]


def _changed(geometry: Column, shift: Shift) -> Column:
    coordinates = shapely.get_coordinates(geometry)
    x, y = shift(coordinates[:, 0], coordinates[:, 1])
    return np.asarray(shapely.set_coordinates(geometry.copy(), np.column_stack([x, y])), dtype=object)
