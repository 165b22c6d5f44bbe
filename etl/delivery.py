"""A delivery, opened in the sandbox, read and checked: what `boundaries check` reports and `stage` stores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from etl.findings import Finding, shortened
from etl.manifest import FEATURE_LAYERS, Asked, LayerEntry, Manifest, manifest_of_file, read_manifest
from etl.read import Around, RawLayer, folder_of, read_layer, source_named
from etl.sandbox import Workroom
from etl.validate import Wanted, check_layers
from gis.areas import DeliveredLayer, Delivery, Feature
from gis.errors import BadOption, DeliveryFault, FileFault
from gis.place import Place

__all__ = ["Checked", "check_delivery"]

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Checked:
    """A delivery with everything found about it."""

    manifest: Manifest
    layers: tuple[DeliveredLayer, ...]
    features: tuple[Feature, ...]
    findings: tuple[Finding, ...]
    raw: tuple[RawLayer, ...]

    def blocking(self, accepted: Mapping[str, str]) -> list[Finding]:
        """Errors, and warnings of kinds that nobody accepted with a reason."""
        return [
            f for f in self.findings if f.severity == "error" or (f.severity == "warning" and f.kind not in accepted)
        ]

    def require_clean(self, accepted: Mapping[str, str], *, valid_from: date | None = None) -> Delivery:
        """The delivery, with the accepted findings kept in it; raises DeliveryFault with everything that blocks it."""
        blocking = self.blocking(accepted)
        if blocking:
            lines = "\n".join(f"  {f.severity} {f.kind} ({f.level}): {f.text}" for f in blocking)
            raise DeliveryFault(
                f"The delivery has {len(blocking)} finding(s) that block it:\n{lines}\n"
                "Errors must be corrected by who made the files; a warning can be taken with --accept FINDING:REASON."
            )
        facts, day = self.manifest.facts, valid_from or self.manifest.valid_from
        if facts is None:
            raise DeliveryFault(
                "The delivery does not say what it is: "
                + " ".join(self.manifest.missing)
                + " Give --document, --source and --line-accuracy, or a manifest.toml."
            )
        if day is None:
            raise DeliveryFault(
                "The delivery does not say from which day it is valid; "
                "give --valid-from YYYY-MM-DD or release.valid_from."
            )
        return Delivery(
            facts,
            day,
            self.layers,
            self.features,
            self.manifest.hash,
            accepted=tuple(sorted(accepted.items())),
            findings=json.dumps([_kept(f) for f in self.findings], ensure_ascii=False),
            fields=json.dumps({r.entry.level: dict(r.fields) for r in self.raw}, ensure_ascii=False),
        )


def _kept(f: Finding) -> dict[str, Any]:
    where = {"x": f.x, "y": f.y} if f.x == f.x else {}
    return {"kind": f.kind, "severity": f.severity, "level": f.level, "code": f.code, "text": f.text, **where}


def check_delivery(
    path: Path,
    place: Place,
    *,
    asked: Asked | None = None,
    around: Around | None = None,
    on_step: Step = lambda _: None,
) -> Checked:
    """Open a delivery (folder, zip or file) in the sandbox and check it; never writes outside the work folder.

    Raises FileFault for what cannot be read at all, BadOption for what must be said first.
    """
    asked, around = asked or Asked(), around or Around()
    with Workroom() as room:
        on_step("unpack")
        room.take(str(path))
        found = room.unpack()
        if found["refused_all"]:
            raise FileFault(found["refused_all"])
        manifest, pairs = _entries(room, found, place, asked, path.name)
        raw = _read(room, pairs, place, asked, around, on_step)
    notes = [Finding("unopened", "note", "", "", text) for text in found["notes"]]
    on_step("topology")
    layers, features, findings = _assembled(raw, place, manifest, asked, around)
    return Checked(manifest, layers, features, (*notes, *findings), tuple(raw))


Pair = tuple[LayerEntry, Mapping[str, Any]]


def _entries(
    room: Workroom, found: Mapping[str, Any], place: Place, asked: Asked, name: str
) -> tuple[Manifest, list[Pair]]:
    """The manifest and, for each of its layers, the source that holds it."""
    files = {inner: room.folder / path for inner, path in found["files"].items()}
    if found["manifest"] is not None:
        at = next(inner for inner, path in files.items() if path == room.folder / found["manifest"])
        folder = folder_of(at)
        own = {inner[len(folder) :]: path for inner, path in files.items() if inner.startswith(folder)}
        manifest = read_manifest(own, place)
        chosen = [(entry, source_named(entry.file, found["sources"], folder)) for entry in manifest.layers]
        absent = [entry.file for entry, source in chosen if source is None]
        if absent:
            raise FileFault(f"{', '.join(absent)}: {' '.join(found['refused']) or 'no layer that can be opened.'}")
        return manifest, [(entry, source) for entry, source in chosen if source is not None]
    source = _only_source(found, asked, name)
    manifest = manifest_of_file(source["name"], files, place, asked)
    return manifest, [(manifest.layers[0], source)]


def _only_source(found: Mapping[str, Any], asked: Asked, name: str) -> Mapping[str, Any]:
    sources = found["sources"]
    wanted = (asked.layer or name).casefold()
    named = [s for s in sources if s["name"].casefold() == wanted] or [
        s for s in sources if asked.layer and Path(s["name"]).stem.casefold() == wanted
    ]
    if len(sources) > 1 and len(named) == 1:
        return dict(named[0])
    if len(sources) > 1:
        raise BadOption(
            f"{name} holds {len(sources)} layers: {', '.join(s['name'] for s in sources)}; "
            "choose one with --layer NAME, or deliver them with a manifest.toml as one release."
        )
    if not sources:
        raise FileFault(
            " ".join(found["refused"])
            or f"{name} holds no manifest.toml and no layer that can be opened; a delivery is a folder with a manifest "
            "(docs/formats.md shows it) or one layer: shapefile, File Geodatabase, GeoPackage, GeoJSON, KML, GML or "
            "FlatGeobuf."
        )
    return dict(sources[0])


def _read(
    room: Workroom, pairs: Sequence[Pair], place: Place, asked: Asked, around: Around, on_step: Step
) -> list[RawLayer]:
    """Read the layers, one child for each driver. Every file that cannot be read is named, not only the first."""
    raw: dict[int, RawLayer] = {}
    faults: list[str] = []
    for driver in sorted({str(source["driver"]) for _, source in pairs}):
        mine = [(n, entry, source) for n, (entry, source) in enumerate(pairs) if source["driver"] == driver]
        on_step(", ".join(entry.file for _, entry, _ in mine))
        wanted = [
            {"n": n, "driver": driver, "path": s["path"], "layer": _layer_name(e, s), "encoding": e.encoding or None}
            for n, e, s in mine
        ]
        for (n, entry, source), read in zip(mine, room.read(driver, wanted)["sources"], strict=True):
            try:
                raw[n] = read_layer(entry, source, _one_layer(entry, read), place, asked, around)
            except FileFault as fault:
                faults.append(str(fault))
    if faults:
        raise FileFault(" ".join(faults))
    return [raw[n] for n in sorted(raw)]


def _layer_name(entry: LayerEntry, source: Mapping[str, Any]) -> str | None:
    """The layer within a source; a shapefile has only one, whose name the work folder gave it."""
    return None if source["driver"] in ("ESRI Shapefile", "GeoJSON", "FlatGeobuf") else entry.layer


def _one_layer(entry: LayerEntry, read: Mapping[str, Any]) -> Mapping[str, Any]:
    if read["fault"]:
        raise FileFault(f"{entry.file} cannot be read: {read['fault'].rstrip('.')}. It is damaged or cut off.")
    listed = ", ".join(f"{name} ({kind or 'no geometry'})" for name, kind in read["listed"]) or "none"
    polygons = [r for r in read["layers"] if "olygon" in r["geometry_type"] or r["geometry_type"] == "Unknown"]
    layers = read["layers"] if len(read["layers"]) == 1 or entry.level in FEATURE_LAYERS else polygons or read["layers"]
    if not layers:
        raise FileFault(f"{entry.file} has no layer {entry.layer!r}; it has {listed}. Name one with --layer.")
    if len(layers) > 1:
        raise BadOption(f"{entry.file} holds several layers: {listed}. Choose one with --layer NAME.")
    if not layers[0]["rows"]:
        raise FileFault(f"{entry.file} has 0 records; nothing is stored.")
    return dict(layers[0])


def _assembled(
    raw: Sequence[RawLayer], place: Place, manifest: Manifest, asked: Asked, around: Around
) -> tuple[tuple[DeliveredLayer, ...], tuple[Feature, ...], list[Finding]]:
    by_level = {layer.entry.level: layer for layer in raw}
    no_children = {code for layer in raw for code in layer.entry.no_children}
    findings = [f for layer in raw for f in layer.findings]
    layers: list[DeliveredLayer] = []
    for level in reversed(place.level_names):  # finest first: a parent must know whether it has children
        if level in by_level and by_level[level].crs and "code" in by_level[level].fields:
            layers.insert(0, _layer(by_level[level], place, no_children, layers))
    accuracy = manifest.facts.line_accuracy_m if manifest.facts else float(asked.facts.get("line_accuracy_m", 0.5))
    wanted = Wanted(accuracy, asked.repair, asked.snap_m, around.known)
    checked, said = check_layers(layers, place, wanted)
    features = [f for layer in raw if layer.entry.level in FEATURE_LAYERS for f in _features(layer)]
    return tuple(checked), tuple(features), [*findings, *said, *shortened(_feature_codes(features))]


def _layer(raw: RawLayer, place: Place, no_children: set[str], finer: Sequence[DeliveredLayer]) -> DeliveredLayer:
    level = place.level(raw.entry.level)
    good = np.array([g is not None for g in raw.geometry], dtype=bool)
    codes, parents = raw.text("code")[good], raw.text("parent")[good]
    if "parent" not in raw.fields and level.prefix:
        parents = np.array([code[: level.prefix] for code in codes], dtype=object)
    finest = level.name == place.level_names[-1]
    with_children = set(finer[0].parents) if finer and finer[0].level == _below(place, level.name) else set()
    childless = [_childless(level.prefix, code, no_children) for code in codes]
    has_children = np.array(
        [not finest and (code in with_children or not free) for code, free in zip(codes, childless, strict=True)]
    )
    return DeliveredLayer(
        level=level.name,
        scope=raw.entry.scope,
        codes=codes,
        names=raw.text("name")[good],
        names_en=raw.text("name_en")[good],
        parents=parents,
        residents=raw.number("residents")[good],
        has_children=has_children,
        geometry=raw.geometry[good],
        rows=np.flatnonzero(good) + 1,
    )


def _feature_codes(features: Sequence[Feature]) -> Iterator[Finding]:
    """Map features need a code of their own within their layer: by it their history is told."""
    seen: set[tuple[str, str]] = set()
    for f in features:
        point = shapely.point_on_surface(f.geometry)
        where = {"x": float(shapely.get_x(point)), "y": float(shapely.get_y(point))}
        if not f.code:
            yield Finding("code", "error", f.layer, "", f"{f.name or 'a feature'} has no code; wanted one.", **where)
        elif (f.layer, f.code) in seen:
            text = f"code {f.code} is in the layer {f.layer} twice; wanted one feature per code."
            yield Finding("duplicate-code", "error", f.layer, f.code, text, **where)
        seen.add((f.layer, f.code))


def _below(place: Place, level: str) -> str | None:
    names = place.level_names
    at = names.index(level) + 1
    return names[at] if at < len(names) else None


def _childless(prefix: int, code: str, no_children: set[str]) -> bool:
    """True for an area that is declared to have no children, or lies below one (its code begins with the other's)."""
    return any(code == other or (prefix and code.startswith(other)) for other in no_children)


def _features(raw: RawLayer) -> list[Feature]:
    codes, names, names_en = raw.text("code"), raw.text("name"), raw.text("name_en")
    kinds = raw.text("class") if "class" in raw.fields else raw.text("kind")
    width = raw.number("width_m")
    return [
        Feature(
            layer=raw.entry.level,
            code=codes[i],
            name=names[i],
            name_en=names_en[i],
            kind=kinds[i],
            width_m=None if np.isnan(width[i]) else float(width[i]),
            geometry=geometry,
        )
        for i, geometry in enumerate(raw.geometry)
        if geometry is not None and not geometry.is_empty
    ]
