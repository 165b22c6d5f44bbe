"""The manifest of a delivery: what a folder of shapefiles says about itself."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from gis.areas import ReleaseFacts
from gis.crs import parse_crs
from gis.errors import FileFault, UnknownCrs
from gis.place import Place

__all__ = ["FEATURE_LAYERS", "LayerEntry", "Manifest", "read_manifest"]

#: layers that are no nested level: drawn on maps and used for names
FEATURE_LAYERS: Final = (
    "road",
    "river",
    "land_use",
    "market",
    "compound",
    "building_site",
    "urban_village",
    "landmark",
)
_FIELDS: Final = ("code", "name", "name_en", "parent", "residents", "class", "kind", "width_m")


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One layer of a delivery: which file, and which of its fields say what."""

    level: str
    file: Path
    scope: str
    crs: str
    encoding: str
    fields: Mapping[str, str]
    no_children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A delivery's manifest, every file found and every checksum right."""

    facts: ReleaseFacts
    valid_from: date | None
    layers: tuple[LayerEntry, ...]
    hash: str  #: over the checksums of all files and the manifest itself


def read_manifest(folder: Path, place: Place) -> Manifest:
    """Read `manifest.toml` of a delivery folder; raises FileFault with every fault found."""
    path = folder / "manifest.toml"
    try:
        content = path.read_bytes()
        raw = tomllib.loads(content.decode("utf-8"))
    except FileNotFoundError:
        raise FileFault(
            f"{folder} holds no manifest.toml; a delivery is a folder with one (docs/formats.md shows it)."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise FileFault(f"{path} cannot be read as TOML in UTF-8: {fault}.") from None
    faults: list[str] = []
    facts, valid_from = _facts(raw.get("release"), faults)
    entries = raw.get("layer")
    if not isinstance(entries, list) or not entries:
        faults.append("there is no [[layer]]; wanted at least one.")
        entries = []
    digest = hashlib.sha256(content)
    layers = [_layer(folder, entry, place, faults, digest) for entry in entries]
    names = [layer.level for layer in layers if layer]
    for level in sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"level {level!r} is delivered twice; wanted one layer per level.")
    if faults or facts is None:
        raise FileFault(f"{path} has {len(faults)} fault(s): " + " ".join(faults))
    return Manifest(facts, valid_from, tuple(layer for layer in layers if layer), digest.hexdigest())


def _facts(release: Any, faults: list[str]) -> tuple[ReleaseFacts | None, date | None]:
    if not isinstance(release, dict):
        faults.append("[release] is missing.")
        return None, None
    words: dict[str, str] = {}
    for name in ("title", "document", "source", "licence"):
        value = release.get(name, "unknown" if name == "licence" else None)
        if not isinstance(value, str) or not value.strip():
            faults.append(f"release.{name} is {value!r}; wanted a text.")
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


def _layer(folder: Path, entry: Any, place: Place, faults: list[str], digest: Any) -> LayerEntry | None:
    level = entry.get("level") if isinstance(entry, dict) else None
    known = (*place.level_names, *FEATURE_LAYERS)
    if level not in known:
        faults.append(f"a layer's level is {level!r}; wanted one of {', '.join(known)}.")
        return None
    path = _inside(folder, entry.get("file"))
    if path is None or not path.is_file():
        faults.append(f"{level}: file {entry.get('file')!r} is not in the folder.")
        return None
    _check_sums(folder, entry.get("sha256", {}), level, faults, digest)
    scope = entry.get("scope", "full")
    if scope not in ("full", "partial"):
        faults.append(f"{level}: scope is {scope!r}; wanted full or partial.")
    fields = entry.get("fields", {})
    wrong = sorted(set(fields) - set(_FIELDS))
    if wrong or "code" not in fields:
        faults.append(f"{level}: fields is {fields!r}; wanted code and any of {', '.join(_FIELDS[1:])}.")
    return LayerEntry(
        level=level,
        file=path,
        scope=scope,
        crs=_crs(entry.get("crs"), level, faults),
        encoding=str(entry.get("encoding", "")),
        fields=fields,
        no_children=tuple(map(str, entry.get("no_children", ()))),
    )


def _crs(text: Any, level: str, faults: list[str]) -> str:
    try:
        return parse_crs(text if isinstance(text, str) else None)
    except UnknownCrs as fault:
        faults.append(f"{level}: {fault}")
        return ""


def _inside(folder: Path, name: Any) -> Path | None:
    """The path of a file of the folder; None for names that lead out of it."""
    if not isinstance(name, str) or not name or "/" in name or "\\" in name or name.startswith("."):
        return None
    return folder / name


def _check_sums(folder: Path, sums: Any, level: str, faults: list[str], digest: Any) -> None:
    if not isinstance(sums, dict) or not sums:
        faults.append(f"{level}: sha256 is missing; wanted the checksum of each of its files.")
        return
    for name, wanted in sorted(sums.items()):
        path = _inside(folder, name)
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else None
        if found != wanted:
            what = "is missing" if found is None else "has another checksum than its manifest says"
            faults.append(f"{level}: {name} {what}; ask for the delivery again.")
        digest.update(f"{name} {found}\n".encode())
