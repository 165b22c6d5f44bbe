"""The manifest of a delivery: what a folder of layers says about itself, or what a person says of a single file."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from gis.areas import ReleaseFacts
from gis.crs import parse_crs
from gis.errors import BadOption, FileFault, UnknownCrs
from gis.limits import FACT, too_long
from gis.place import Place

__all__ = ["FEATURE_LAYERS", "Asked", "LayerEntry", "Manifest", "manifest_of_file", "read_manifest"]

#: layers that are no nested level: drawn on maps, used for names, or flat divisions of the same ground
FEATURE_LAYERS: Final = (
    "road",
    "river",
    "land_use",
    "market",
    "compound",
    "building_site",
    "urban_village",
    "landmark",
    "responsibility_grid",
    "assessment_grid",
    "neighbour",
)
_FIELDS: Final = ("code", "name", "name_en", "parent", "residents", "class", "kind", "width_m")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person says of a delivery beside its manifest: the options of `boundaries check` and `stage`."""

    level: str | None = None
    layer: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    crs: str | None = None
    encoding: str | None = None
    scope: str = "full"
    swap_axes: bool = False
    repair: bool = False
    snap_m: float | None = None
    control_points: str | None = None
    valid_from: date | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  #: title, document, source, line_accuracy_m


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One layer of a delivery: which file; its CRS, encoding and fields where they are said, '' is left to evidence."""

    level: str
    file: str
    scope: str
    crs: str
    encoding: str
    fields: Mapping[str, str]
    no_children: tuple[str, ...] = ()
    layer: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A delivery's manifest, every file found and every checksum right."""

    facts: ReleaseFacts | None  #: None: a single file of which nobody has said what it is
    valid_from: date | None
    layers: tuple[LayerEntry, ...]
    hash: str  #: over the checksums of all files and the manifest itself
    missing: tuple[str, ...] = ()  #: facts that staging needs and nobody gave


def read_manifest(files: Mapping[str, Path], place: Place) -> Manifest:
    """Read `manifest.toml` among a delivery's files (by name); raises FileFault with every fault found."""
    content = files["manifest.toml"].read_bytes()
    try:
        raw = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise FileFault(f"manifest.toml cannot be read as TOML in UTF-8: {fault}.") from None
    faults: list[str] = []
    facts, valid_from = _facts(raw.get("release"), faults)
    entries = raw.get("layer")
    if not isinstance(entries, list) or not entries:
        faults.append("there is no [[layer]]; wanted at least one.")
        entries = []
    digest = hashlib.sha256(content)
    layers = [_layer(files, entry, place, faults, digest) for entry in entries]
    names = [layer.level for layer in layers if layer]
    for level in sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"level {level!r} is delivered twice; wanted one layer per level.")
    if faults or facts is None:
        raise FileFault(f"manifest.toml has {len(faults)} fault(s): " + " ".join(faults))
    return Manifest(facts, valid_from, tuple(layer for layer in layers if layer), digest.hexdigest())


def manifest_of_file(name: str, files: Mapping[str, Path], place: Place, asked: Asked) -> Manifest:
    """The manifest of a single layer, from what a person says of it. Raises BadOption without a level."""
    known = (*place.level_names, *FEATURE_LAYERS)
    if asked.level not in known:
        raise BadOption(
            f"--level is {asked.level!r}; a file without a manifest needs one of {', '.join(known)}: --level L."
        )
    entry = LayerEntry(
        asked.level, name, asked.scope, asked.crs or "", asked.encoding or "", asked.fields, (), asked.layer
    )
    digest = hashlib.sha256(repr((entry, asked.swap_axes, asked.repair, asked.snap_m)).encode())
    for inner, path in sorted(files.items()):
        digest.update(f"{inner} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    faults: list[str] = []
    said = {"title": Path(name).stem, **asked.facts}
    facts, _ = _facts(said, faults)
    return Manifest(None if faults else facts, asked.valid_from, (entry,), digest.hexdigest(), tuple(faults))


def _facts(release: Any, faults: list[str]) -> tuple[ReleaseFacts | None, date | None]:
    if not isinstance(release, dict):
        faults.append("[release] is missing.")
        return None, None
    words: dict[str, str] = {}
    for name in ("title", "document", "source", "licence"):
        value = release.get(name, "unknown" if name == "licence" else None)
        if not isinstance(value, str) or not value.strip():
            faults.append(f"release.{name} is {value!r}; wanted a text.")
        elif len(value) > FACT:
            faults.append(f"release.{name} {too_long(len(value), FACT)}.")
        words[name] = str(value)
    accuracy = release.get("line_accuracy_m")
    if not isinstance(accuracy, int | float) or isinstance(accuracy, bool) or not 0 < accuracy < 1000:
        faults.append(f"release.line_accuracy_m is {accuracy!r}; wanted metres above 0.")
        accuracy = 1.0
    valid_from = release.get("valid_from")
    if valid_from is not None and (not isinstance(valid_from, date) or hasattr(valid_from, "hour")):
        faults.append(f"release.valid_from is {valid_from!r}; wanted a day such as 2026-07-01.")
        valid_from = None
    return ReleaseFacts(
        synthetic=release.get("synthetic") is True, line_accuracy_m=float(accuracy), **words
    ), valid_from


def _layer(files: Mapping[str, Path], entry: Any, place: Place, faults: list[str], digest: Any) -> LayerEntry | None:
    level = entry.get("level") if isinstance(entry, dict) else None
    known = (*place.level_names, *FEATURE_LAYERS)
    if level not in known:
        faults.append(f"a layer's level is {level!r}; wanted one of {', '.join(known)}.")
        return None
    name = entry.get("file")
    if not isinstance(name, str) or (name not in files and not any(f.startswith(f"{name}/") for f in files)):
        faults.append(f"{level}: file {name!r} is not in the folder.")
        return None
    _check_sums(files, entry.get("sha256", {}), level, faults, digest)
    scope = entry.get("scope", "full")
    if scope not in ("full", "partial"):
        faults.append(f"{level}: scope is {scope!r}; wanted full or partial.")
    fields = entry.get("fields", {})
    if not isinstance(fields, dict) or sorted(set(fields) - set(_FIELDS)):
        faults.append(f"{level}: fields is {fields!r}; wanted any of {', '.join(_FIELDS)}.")
        fields = {}
    return LayerEntry(
        level=level,
        file=name,
        scope=scope,
        crs=_crs(entry.get("crs"), level, faults),
        encoding=str(entry.get("encoding", "")),
        fields={str(k): str(v) for k, v in fields.items()},
        no_children=tuple(map(str, entry.get("no_children", ()))),
        layer=str(entry["layer"]) if "layer" in entry else None,
    )


def _crs(text: Any, level: str, faults: list[str]) -> str:
    if text is None:
        return ""
    try:
        return parse_crs(text if isinstance(text, str) else None)
    except UnknownCrs as fault:
        faults.append(f"{level}: {fault}")
        return ""


def _check_sums(files: Mapping[str, Path], sums: Any, level: str, faults: list[str], digest: Any) -> None:
    if not isinstance(sums, dict) or not sums:
        faults.append(f"{level}: sha256 is missing; wanted the checksum of each of its files.")
        return
    for name, wanted in sorted(sums.items()):
        path = files.get(name)
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path else None
        if found != wanted:
            what = "is missing" if found is None else "has another checksum than its manifest says"
            faults.append(f"{level}: {name} {what}; ask for the delivery again.")
        digest.update(f"{name} {found}\n".encode())
