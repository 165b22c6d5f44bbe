"""A delivery folder, read and checked: what `boundaries check` reports and `boundaries stage` stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from etl.manifest import FEATURE_LAYERS, read_manifest
from etl.read import RawLayer, read_layer
from etl.validate import Finding, check_layers
from gis.areas import DeliveredLayer, Delivery, Feature
from gis.errors import DeliveryFault
from gis.place import Place

__all__ = ["Checked", "check_delivery"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A delivery with everything found about it."""

    delivery: Delivery
    findings: tuple[Finding, ...]

    def blocking(self, accepted: Mapping[str, str]) -> list[Finding]:
        """Errors, and warnings of kinds that nobody accepted with a reason."""
        return [
            f for f in self.findings if f.severity == "error" or (f.severity == "warning" and f.kind not in accepted)
        ]

    def require_clean(self, accepted: Mapping[str, str]) -> Delivery:
        """The delivery, with the accepted findings kept in it; raises DeliveryFault with every blocking one."""
        blocking = self.blocking(accepted)
        if blocking:
            lines = "\n".join(f"  {f.severity} {f.kind} ({f.level}): {f.text}" for f in blocking)
            raise DeliveryFault(
                f"The delivery has {len(blocking)} finding(s) that block it:\n{lines}\n"
                "Errors must be corrected by who made the files; a warning can be taken with --accept FINDING:REASON."
            )
        d = self.delivery
        return Delivery(d.facts, d.valid_from, d.layers, d.features, d.hash, tuple(sorted(accepted.items())))


def check_delivery(
    folder: Path, place: Place, *, valid_from: date | None, on_step: Callable[[str], None] = lambda _: None
) -> Checked:
    """Read every layer of a delivery folder and check it; never writes. Raises FileFault for what cannot be read."""
    on_step("manifest")
    manifest = read_manifest(folder, place)
    raw: list[RawLayer] = []
    for entry in manifest.layers:
        on_step(entry.file.name)
        raw.append(read_layer(entry, place.crs))
    by_level = {layer.entry.level: layer for layer in raw}
    no_children = {code for layer in raw for code in layer.entry.no_children}
    layers: list[DeliveredLayer] = []
    findings: list[Finding] = []
    for level in reversed(place.level_names):  # finest first: a parent must know whether it has children
        if level in by_level:
            layer, rejected = _layer(by_level[level], place, no_children, layers)
            layers.insert(0, layer)
            findings += rejected
    on_step("topology")
    findings += check_layers(layers, place)
    features = [f for layer in raw if layer.entry.level in FEATURE_LAYERS for f in _features(layer)]
    day = valid_from or manifest.valid_from
    if day is None:
        raise DeliveryFault(
            "The delivery does not say from which day it is valid; give --valid-from YYYY-MM-DD or release.valid_from."
        )
    return Checked(Delivery(manifest.facts, day, tuple(layers), tuple(features), manifest.hash), tuple(findings))


def _layer(
    raw: RawLayer, place: Place, no_children: set[str], finer: Sequence[DeliveredLayer]
) -> tuple[DeliveredLayer, list[Finding]]:
    level = raw.entry.level
    multi, findings = _multipolygons(raw)
    good = np.array([g is not None for g in multi], dtype=bool)
    codes, parents = raw.text("code")[good], raw.text("parent")[good]
    finest = level == place.level_names[-1]
    with_children = set(finer[0].parents) if finer and finer[0].level == _below(place, level) else set()
    childless = [_childless(place, level, code, no_children) for code in codes]
    has_children = np.array(
        [not finest and (code in with_children or not free) for code, free in zip(codes, childless, strict=True)]
    )
    layer = DeliveredLayer(
        level=level,
        scope=raw.entry.scope,
        codes=codes,
        names=raw.text("name")[good],
        names_en=raw.text("name_en")[good],
        parents=parents,
        residents=raw.number("residents")[good],
        has_children=has_children,
        geometry=multi[good],
    )
    return layer, findings


def _below(place: Place, level: str) -> str | None:
    names = place.level_names
    at = names.index(level) + 1
    return names[at] if at < len(names) else None


def _childless(place: Place, level: str, code: str, no_children: set[str]) -> bool:
    """True for an area that is declared to have no children, or lies below one (its code begins with the other's)."""
    return any(code == other or (place.level(level).prefix and code.startswith(other)) for other in no_children)


def _multipolygons(raw: RawLayer) -> tuple[NDArray[np.object_], list[Finding]]:
    """Polygons and multipolygons as multipolygons; rows without a polygon are findings by number and become None."""
    out = np.full(len(raw), None, dtype=object)
    findings: list[Finding] = []
    for i, geometry in enumerate(raw.geometry):
        kind = None if geometry is None or geometry.is_empty else geometry.geom_type
        if kind not in ("Polygon", "MultiPolygon") or not np.isfinite(shapely.get_coordinates(geometry)).all():
            text = f"row {i + 1} of {raw.entry.file.name} holds {kind or 'no geometry'}; wanted a finite polygon."
            findings.append(Finding("geometry", "error", raw.entry.level, str(raw.text("code")[i]), text))
            continue
        out[i] = shapely.multipolygons([geometry]) if kind == "Polygon" else geometry
    return out, findings


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
