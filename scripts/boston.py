"""A real year through our locator: Boston's requests of 2015 beside the unit each was recorded with.

`make boston SET=FOLDER` reads from the folder points_2015.csv.gz (the city's requests, with the police district, ward
and precinct they were recorded with), the three layers as GeoJSON, and answers.csv.gz (an exact join made without us:
id, layer, recorded, computed, nhits, d_rec_m, d_edge_m, verdict). Nothing of it is kept: the page holds counts only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gis.analysis.pileups import pileups
from gis.areas import AreaSet, LevelAreas
from gis.assignment.locator import GAP, OUTSIDE, Locator
from gis.crs import to_working
from gis.place import read_place

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs/boston.md"
MARKS: Final = ("<!-- table -->", "<!-- end -->")
BANDS: Final = (1.0, 5.0, 15.0, 50.0, np.inf)  #: metres
CROWD: Final = 21  #: requests on one spot from which on it is a pile-up
NEIGHBOURS: Final = 8
EDGE_M: Final = 1e-3  #: nearer to a border the two ways of projecting may fall on different sides
UNJUDGED: Final = ("no_recorded_unit", "placeholder_coordinates")

Objects = NDArray[np.object_]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Layer:
    """A layer's file, the field of its code, and how codes of the file and of the records become one word."""

    name: str
    file: str
    field: str
    code: Callable[[str], str]


def precinct(text: str) -> str:
    """Four digits and perhaps a letter: the records say 509.0 for 0509.

    >>> precinct("509.0"), precinct("0502A")
    ('0509', '0502A')
    """
    digits = text.removesuffix(".0")
    return digits.zfill(4) if digits.isdigit() else digits.zfill(5)


LAYERS: Final = (
    Layer("police_district", "police_districts_2019_WGS84.geojson", "DISTRICT", lambda t: t.replace("-", "")),
    Layer("ward", "wards_WGS84.geojson", "WARD", lambda t: str(int(t.removeprefix("Ward")))),
    Layer("precinct", "precincts_WGS84_fixed.geojson", "WARD_PRECINCT", precinct),
)


@dataclass(frozen=True)
class Requests:
    """The requests as columns of one length, in metres of the working CRS."""

    table: pd.DataFrame
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    crowded: Bools  #: on a pile-up
    crowds: Sequence[int]  #: how many requests each pile-up has, largest first


@dataclass(frozen=True)
class Found:
    """What is told of one layer."""

    layer: Layer
    areas: int
    rows: int
    differ: int  #: from the exact join, off the borders, where one area covers
    on_edge: int  #: rows within EDGE_M of a border, or on it
    overlap: tuple[int, int]  #: rows that several areas cover, of them with another answer than the exact join's
    hall: int  #: rows left out because they stand on City Hall, where requests without a place were put
    judged: int
    agree: int
    exact_agree: int  #: of the judged by the exact join
    bands: Mapping[str, Sequence[int]]  #: per reason the rows that disagree, by metres from the recorded unit
    nowhere: Mapping[str, int]  #: rows that disagree because no unit of ours covers them
    unknown: int  #: rows recorded with a unit that the layer does not have
    rounding: int  #: rows that disagree less far from the recorded unit than their coordinates are rounded


def read_requests(folder: Path, crs: str) -> Requests:
    """The year's requests, projected, with the crowded spots marked."""
    columns = ["CASE_ENQUIRY_ID", *(layer.name for layer in LAYERS), "LATITUDE", "LONGITUDE"]
    table = pd.read_csv(folder / "points_2015.csv.gz", dtype=str, usecols=columns).set_index("CASE_ENQUIRY_ID")
    lon, lat = (table[name].astype(float).to_numpy() for name in ("LONGITUDE", "LATITUDE"))
    x, y = to_working(lon, lat, crs="EPSG:4326", working=crs)
    east, north, n = pileups(lon, lat, CROWD)
    spots = set(zip(east.tolist(), north.tolist(), strict=True))
    crowded = np.array([spot in spots for spot in zip(lon.tolist(), lat.tolist(), strict=True)])
    return Requests(table, x, y, crowded, n.tolist())


def read_layer(path: Path, layer: Layer, crs: str) -> LevelAreas:
    """A layer as one level of areas, sorted by code."""
    frame = gpd.read_file(path).to_crs(crs)
    codes = np.array([layer.code(str(value)) for value in frame[layer.field]], dtype=object)
    order = np.argsort(codes)
    codes, geometry = codes[order], shapely.make_valid(frame.geometry.to_numpy()[order])
    n = len(codes)
    return LevelAreas(
        layer.name, np.arange(n), codes, codes, codes, codes, np.full(n, -1), np.zeros(n, dtype=bool),
        shapely.area(geometry), geometry,
    )  # fmt: skip


def study(layer: Layer, level: LevelAreas, requests: Requests, answers: pd.DataFrame) -> Found:
    """Our answers beside the exact join's and beside the records."""
    exact = answers[answers.layer == layer.name].set_index("id").loc[requests.table.index]
    locator = Locator(AreaSet(1, (level,)))
    answer = locator.locate_many(requests.x, requests.y).levels[0]
    ours = np.append(level.codes, "")[answer.index]
    differs = ours != exact.computed.fillna("").to_numpy(dtype=object)
    on_edge = answer.on_border | ~(exact.d_edge_m.to_numpy() > EDGE_M)
    several = exact.nhits.to_numpy() > 1
    recorded = np.array([layer.code(t) if isinstance(t, str) else "" for t in requests.table[layer.name]], dtype=object)
    judged = ~exact.verdict.isin(UNJUDGED).to_numpy()
    wrong = judged & (ours != recorded)
    metres = recorded_distance(level, recorded, requests, wrong)
    reasons = reasons_of(ours, recorded, requests, judged, wrong)
    placed = wrong & (answer.index >= 0) & np.isfinite(metres)
    return Found(
        layer=layer,
        areas=len(level),
        rows=len(ours),
        differ=int((differs & ~on_edge & ~several).sum()),
        on_edge=int(on_edge.sum()),
        overlap=(int(several.sum()), int((differs & several).sum())),
        hall=int((exact.verdict == "placeholder_coordinates").sum()),
        judged=int(judged.sum()),
        agree=int((judged & (ours == recorded)).sum()),
        exact_agree=int((exact.verdict == "agree").sum()),
        bands={name: banded(metres[placed & which]) for name, which in reasons.items()},
        nowhere={word: int((wrong & (answer.status == word)).sum()) for word in (OUTSIDE, GAP)},
        unknown=int((wrong & (answer.index >= 0) & ~np.isfinite(metres)).sum()),
        rounding=int((placed & (metres <= half_diagonal(requests))).sum()),
    )


def recorded_distance(level: LevelAreas, recorded: Objects, requests: Requests, which: Bools) -> NDArray[np.float64]:
    """Metres from each row's point to the unit it was recorded with; inf where the layer has no such unit."""
    at = {code: i for i, code in enumerate(level.codes)}
    metres = np.full(len(recorded), np.inf)
    rows = np.flatnonzero(which & np.isin(recorded, level.codes))
    units = level.geometry[[at[code] for code in recorded[rows]]]
    metres[rows] = shapely.distance(units, shapely.points(requests.x[rows], requests.y[rows]))
    return metres


def reasons_of(
    ours: Objects, recorded: Objects, requests: Requests, judged: Bools, wrong: Bools
) -> Mapping[str, Bools]:
    """Which of three things speaks in each row that disagrees; the first that applies.

    Where at least half of the nearest other spots of the same unit of ours were recorded as this row was, the ground
    belonged to the other unit when the records were made: the lines are of another year, or lie elsewhere.
    """
    alike = np.zeros(len(ours), dtype=bool)
    for unit in np.unique(ours[wrong]):
        rows = np.flatnonzero(judged & (ours == unit))
        spots, first = np.unique(np.column_stack([requests.x[rows], requests.y[rows]]), axis=0, return_index=True)
        said = recorded[rows[first]]
        asked = rows[wrong[rows]]
        k = min(NEIGHBOURS + 1, len(spots))
        _, near = cKDTree(spots).query(np.column_stack([requests.x[asked], requests.y[asked]]), k=k)
        # the nearest spot is the row's own
        near = near.reshape(len(asked), k)[:, 1:]
        alike[asked] = 2 * (said[near] == recorded[asked, None]).sum(axis=1) >= max(1, k - 1)
    rest = ~requests.crowded
    return {"on a pile-up": requests.crowded, "neighbours too": rest & alike, "alone": rest & ~alike}


def banded(metres: NDArray[np.float64]) -> list[int]:
    """How many lie in each band."""
    return np.bincount(np.searchsorted(BANDS, metres, side="right"), minlength=len(BANDS)).tolist()


def half_diagonal(requests: Requests) -> float:
    """Metres that a coordinate rounded to four decimals of a degree may be off, both axes together."""
    north = 0.00005 * 111_100.0
    return float(np.hypot(north, north * np.cos(np.radians(requests.table["LATITUDE"].astype(float).mean()))))


def page_table(found: Sequence[Found], requests: Requests) -> str:
    """The page's figures as Markdown."""
    heads = [f.layer.name.replace("_", " ") for f in found]

    def row(name: str, told: Callable[[Found], Any]) -> str:
        return f"| {name} | " + " | ".join(str(told(f)) for f in found) + " |"

    def share(n: int, f: Found) -> str:
        return f"{n:,} ({100.0 * n / f.judged:.2f} %)"

    def split(f: Found, band: int) -> str:
        counts = [bands[band] for bands in f.bands.values()]
        return f"{share(sum(counts), f)}: {' / '.join(f'{n:,}' for n in counts)}"

    edges = ["under 1 m", "1 to 5 m", "5 to 15 m", "15 to 50 m", "farther"]
    lines = [
        "| | " + " | ".join(heads) + " |",
        "|---" * (len(found) + 1) + "|",
        row("areas", lambda f: f"{f.areas:,}"),
        row("requests located", lambda f: f"{f.rows:,}"),
        row("on a border or within 1 mm of it", lambda f: f"{f.on_edge:,}"),
        row(
            "covered by several areas (other choice than the exact join's)", lambda f: "{:,} ({:,})".format(*f.overlap)
        ),
        row("**other unit than the exact join's, off the borders**", lambda f: f"**{f.differ:,}**"),
        row("left out: recorded, but placed on City Hall", lambda f: f"{f.hall:,}"),
        row("judged: the rest with a recorded unit", lambda f: f"{f.judged:,}"),
        row("**agree with the recorded unit**", lambda f: f"**{100.0 * f.agree / f.judged:.2f} %**"),
        row("the exact join's agreement", lambda f: f"{100.0 * f.exact_agree / f.judged:.2f} %"),
        row("disagree", lambda f: share(f.judged - f.agree, f)),
        row("· no unit covers the point: outside", lambda f: share(f.nowhere[OUTSIDE], f)),
        row("· no unit covers the point: in a gap", lambda f: share(f.nowhere[GAP], f)),
        row("· recorded with a unit that the layer does not have", lambda f: share(f.unknown, f)),
    ]
    for i, words in enumerate(edges):
        lines.append(row(f"· {words} from the recorded unit", lambda f, i=i: split(f, i)))
    lines.append(row("within what the rounding of coordinates may be off", lambda f: share(f.rounding, f)))
    crowds = requests.crowds
    largest = ", ".join(f"{n:,}" for n in crowds[:5])
    reasons = " / ".join(found[0].bands)
    return "\n".join([
        *lines, "",
        f"After a colon: {reasons}. {len(requests.x):,} requests. "
        f"{len(crowds):,} spots are shared by more than {CROWD - 1} requests each, "
        f"{sum(crowds):,} requests in all; the largest have {largest}. "
        f"Coordinates of four decimals may be {half_diagonal(requests):.1f} m off.",
    ])  # fmt: skip


def main() -> None:
    """Read the folder, print the table, write the page; exit 1 when an answer differs from the exact join's."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--write", action="store_true", help="put the table into docs/boston.md")
    given = asked.parse_args()
    crs = read_place(ROOT / "data/boundaries/boston/place.toml").crs
    requests = read_requests(given.folder, crs)
    answers = pd.read_csv(given.folder / "answers.csv.gz", dtype={"id": str, "recorded": str, "computed": str})
    found = [study(layer, read_layer(given.folder / layer.file, layer, crs), requests, answers) for layer in LAYERS]
    text = page_table(found, requests)
    sys.stdout.write(text + "\n")
    if given.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.split(MARKS[1])[1]}", encoding="utf-8")
    sys.exit(any(f.differ for f in found))


if __name__ == "__main__":
    main()
