"""A check, a diff and an impact as a person reads them, as JSON, and as a GeoPackage that QGIS opens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import shapely
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl.delivery import Checked
from etl.findings import Finding
from gis.cli_terminal import visible
from gis.crs import wkt_of
from gis.errors import BadOption
from gis.place import Place
from gis.services.in_force import AreasOn
from gis.services.listing import SHOWN

__all__ = [
    "as_json",
    "counts",
    "show",
    "show_diff",
    "show_impact",
    "show_withdrawal",
    "write_areas",
    "write_findings",
]

_STYLE: Final = {"error": "bold red", "warning": "yellow", "note": "dim"}
#: why a case is for a person to look at
_WHAT: Final = {
    "came_in": "decided on it first",
    "ruled": "ruled by a person since",
    "acted_on": "with steps taken",
    "asked": "sent to the border desk by it",
    "closed": "closed, which stay as they are",
}
_DRIVERS: Final = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
}


def _console() -> Console:
    """As wide as the window; into a pipe or file wide enough that nothing is cut."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, width=200, soft_wrap=True)


def _shown(text: str) -> str:
    """A text of others in rich's markup: nothing in it is markup, and all of it shows."""
    return escape(visible(text))


def as_json(checked: Checked, blocking: Sequence[Finding]) -> dict[str, Any]:
    """A check as JSON: whether it may be staged, what was read, every finding with its place (null: nowhere)."""
    layers = [
        {
            "level": raw.entry.level,
            "file": raw.entry.file,
            "rows": len(raw),
            "crs": raw.crs or None,
            "encoding": raw.encoding,
            "fields": dict(raw.fields),
        }
        for raw in checked.raw
    ]
    return {"ok": not blocking, "layers": layers, "findings": [_finding(f) for f in checked.findings]}


def _finding(f: Finding) -> dict[str, Any]:
    return {
        "kind": f.kind,
        "severity": f.severity,
        "level": f.level,
        "code": f.code,
        "text": f.text,
        "x": f.x if f.x == f.x else None,
        "y": f.y if f.y == f.y else None,
        "area_m2": f.area_m2,
        "width_m": f.width_m,
    }


def show(checked: Checked, blocking: Sequence[Finding], accepted: Mapping[str, str]) -> None:
    """Print a check: what was read, then every finding, what blocks first."""
    console = _console()
    table = Table(title="Read", title_justify="left", show_edge=False)
    for name in ("level", "file", "rows", "CRS", "encoding", "fields"):
        table.add_column(name)
    for raw in checked.raw:
        fields = ", ".join(f"{meaning} = {column}" for meaning, column in raw.fields.items())
        words = (raw.entry.level, raw.entry.file, str(len(raw)), raw.crs or "?", raw.encoding.upper(), fields)
        table.add_row(*(_shown(word) for word in words))
    console.print(table)
    order = {"error": 0, "warning": 1, "note": 2}
    for f in sorted(checked.findings, key=lambda f: order[f.severity]):
        where = f" at {f.x:.1f}, {f.y:.1f}" if f.x == f.x else ""
        taken = f" (accepted: {accepted[f.kind]})" if f.severity == "warning" and f.kind in accepted else ""
        level = f" ({f.level})" if f.level else ""
        head = f"[{_STYLE[f.severity]}]{f.severity.upper()} {f.kind}[/]{level}"
        console.print(f"{head}: {_shown(f.text + where + taken)}")
    said = Counter(f.severity for f in checked.findings)
    console.print(
        f"{len(checked.findings)} finding(s): {said['error']} error(s), {said['warning']} warning(s), "
        f"{said['note']} note(s); {len(blocking)} of them block the delivery."
    )


def counts(levels: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The counts of a diff, one entry for each level, kinds that did not occur left out."""
    return [{"level": level, **{k: n for k, n in found["counts"].items() if n}} for level, found in levels.items()]


def show_diff(found: Mapping[str, Any], *, short: bool) -> None:
    """Print a diff: the counts of each level and, unless `short`, every change with its square metres."""
    console = _console()
    if found.get("lapsed"):
        console.print("[yellow]Another release is in force below it by now: compare it anew with `renew`.[/]")
    for level, what in found["levels"].items():
        said = ", ".join(f"{n} {kind}" for kind, n in what["counts"].items() if n) or "nothing"
        console.print(f"  {level}: {said}")
        for change in [] if short else what["changes"]:
            console.print(f"    {_shown(_change(change))}")


def _change(change: Mapping[str, Any]) -> str:
    old, new = ", ".join(change["old"]) or "nothing", ", ".join(change["new"]) or "nothing"
    codes = old if old == new else f"{old} → {new}"
    ground = ""
    if change["gained_m2"] or change["lost_m2"]:
        ground = f"; gained {change['gained_m2']:,.1f} m², lost {change['lost_m2']:,.1f} m²"
    flows = "; ".join(f"{f['from'] or 'nobody'} → {f['to'] or 'nobody'} {f['m2']:,.1f} m²" for f in change["flows"][:8])
    far = f"; up to {change['deviation_m']:,.2f} m" if change["deviation_m"] else ""
    return f"{', '.join(change['kinds'])}: {codes}{ground}{far}{f' ({flows})' if flows else ''}"


def show_impact(found: Mapping[str, Any]) -> None:
    """Print an impact: from unit to unit, for open cases and parts, and what names areas that end."""
    console = _console()
    cases = sum(row["n"] for row in found["open_cases"])
    console.print(f"  impact: {cases} open case(s) change their unit or state; {found['looked_at']} were looked at.")
    _show_pairs(console, "open cases", found["open_cases"])
    _show_cases(console, found["release"], found["states"], found["first_cases"], cases)
    _show_pairs(console, "parts", found["parts"])
    for row in found["ending"]:
        then = row["successor"] or "no successor: choose one with --successor"
        console.print(f"    {_shown(row['code'])} ends and is named by a territory or rule → {_shown(then)}")
    _show_vacant(console, found["no_unit"])


def show_withdrawal(found: Mapping[str, Any]) -> None:
    """Print a withdrawal: cases that get their decision back, cases for a person, areas without a unit."""
    console = _console()
    below = f"release {found['below']}" if found["below"] else "no release"
    back, left = found["restored"], found["left"]
    console.print(f"  from {found['valid_from']} on {below} is in force instead.")
    console.print(f"  restored: {back['n']} case(s) with the decision from before.")
    _show_pairs(console, "restored", back["units"])
    why = ", ".join(f"{row['n']} {_WHAT[row['what']]}" for row in left["what"])
    console.print(f"  to look at: {left['n']} case(s){f': {why}' if why else ''}.")
    _show_pairs(console, f"as {below} says", left["units"])
    _show_cases(console, found["release"], left["states"], left["first"], left["n"])
    for code in found["unmet"]:
        console.print(f"    {_shown(code)} is an area of this release only; territories and rules that name it rest.")
    if found["reopened"]:
        console.print(f"    territories that go on: {_shown(', '.join(found['reopened']))}")
    _show_vacant(console, found["no_unit"])


def _show_pairs(console: Console, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        if row["from"] != row["to"]:
            console.print(f"    {title}: {_shown(row['from'] or 'none')} → {_shown(row['to'] or 'none')}: {row['n']}")
    same = sum(row["n"] for row in rows if row["from"] == row["to"])
    if same:
        console.print(f"    {title}: {same} the same as now")


def _show_cases(
    console: Console, release: int, states: Sequence[Mapping[str, Any]], first: Sequence[str], n: int
) -> None:
    """By state, the first of them, and where all of them are."""
    if n:
        by_state = ", ".join(f"{row['n']} {row['state']}" for row in states)
        console.print(f"    by state: {by_state}")
        console.print(f"    {'the first' if n > len(first) else 'they are'}: {', '.join(first)}")
        console.print(f"    all of them: gridward boundaries impact {release} -o FILE.csv")


def _show_vacant(console: Console, found: Mapping[str, Any]) -> None:
    new = found["new"]
    if new:
        console.print(f"  [yellow]no-unit: {len(new)} area(s) would be no unit's territory:[/]")
    for row in new[:SHOWN]:
        was = f", {row['unit']}'s until {row['ended']}" if row["ended"] else ""
        console.print(f"    {_shown(row['code'])} {_shown(row['name'])} from {row['from']} on{_shown(was)}")
    if len(new) > SHOWN:
        console.print(f"    … and {len(new) - SHOWN} more; --json lists them")
    if found["old"]:
        console.print(f"    {found['old']} more have none without this step too")


def write_findings(checked: Checked, path: Path, place: Place) -> None:
    """Write the findings as a GeoPackage: their ground as polygons, their places as points."""
    if path.suffix.casefold() != ".gpkg":
        raise BadOption(f"--output is {str(path)!r}; wanted a file that ends in .gpkg.")
    path.unlink(missing_ok=True)
    placed = [f for f in checked.findings if f.x == f.x]
    ground = [f for f in placed if f.shape is not None and shapely.get_dimensions(f.shape) == 2]
    _write(path, "ground", [_multi(f.shape) for f in ground], ground, "MultiPolygon", place.crs)
    _write(path, "places", [shapely.Point(f.x, f.y) for f in placed], placed, "Point", place.crs)


def _multi(shape: Any) -> Any:
    parts = [p for g in shapely.get_parts([shape]) for p in shapely.get_parts([g]) if p.geom_type == "Polygon"]
    return shapely.multipolygons(parts)


def _write(path: Path, layer: str, shapes: Sequence[Any], found: Sequence[Finding], kind: str, crs: str) -> None:
    texts = {name: [str(getattr(f, name)) for f in found] for name in ("kind", "severity", "level", "code", "text")}
    sizes = {name: [getattr(f, name) for f in found] for name in ("area_m2", "width_m")}
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(shapes, dtype=object)),
        field_data=[np.array(v, dtype=object) for v in texts.values()]
        + [np.array([np.nan if n is None else n for n in v], dtype=float) for v in sizes.values()],
        fields=[*texts, *sizes],
        layer=layer,
        geometry_type=kind,
        crs=crs if crs.startswith("EPSG:") else wkt_of(crs),
        driver="GPKG",
        append=path.exists(),
    )


def write_areas(found: AreasOn, path: Path, crs: str) -> int:
    """Write the areas of a level on a day to a file, in the working CRS, coordinates as stored; returns how many."""
    driver = _DRIVERS.get(path.suffix.casefold())
    if driver is None:
        raise BadOption(f"--output is {str(path)!r}; wanted a file that ends in {', '.join(_DRIVERS)}.")
    a = found.areas
    columns = {
        "code": a.codes,
        "name": a.names,
        "name_en": a.names_en,
        "parent": np.array(found.parents, dtype=object),
        "release": np.array([found.release_id] * len(a), dtype=np.int64),
        "as_of": np.array([found.day.isoformat()] * len(a), dtype=object),
    }
    path.unlink(missing_ok=True)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(a.geometry),
        field_data=list(columns.values()),
        fields=list(columns),
        layer=a.level,
        geometry_type="MultiPolygon",
        crs=crs,
        driver=driver,
        encoding="UTF-8",
    )
    return len(a)
