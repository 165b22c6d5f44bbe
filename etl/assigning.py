"""A run of bulk assignment: partitions decided by an engine, each answer written once and listed in a manifest.

An answer is written under a temporary name and renamed, so that a file which bears its name is whole. The same run
again takes over the files whose sha256 is that of the manifest and does the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.points import Partition, PointsFile, read_said, read_table, survey_of, words_of
from etl.reports import require_near
from gis import __version__
from gis.errors import Conflict, FileFault, SystemFault
from gis.services.bulk import REJECTED, Assigner, Points, standing, stored_points
from gis.services.platform import Platform

__all__ = [
    "MANIFEST",
    "Done",
    "Engine",
    "Order",
    "Run",
    "begin",
    "clear",
    "joined",
    "local",
    "totals",
    "work",
    "write_standing",
]

MANIFEST: Final = "manifest.json"
_STORED: Final = ".stored"
Done = dict[str, Any]  #: what the manifest says of a partition


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker needs beside an assigner and a partition: where answers go, how the input is read, the moment that
    counts as now. `stored`: the input are stored cases."""

    folder: str
    file: PointsFile
    header: tuple[str, ...]
    at: datetime
    stored: bool = False
    version: str = __version__


#: decides partitions and gives back what the manifest says of each, in any order
Engine = Callable[[Order, Assigner, Sequence[Partition]], Iterator[Done]]


@dataclass(slots=True)
class Run:
    """A run as its manifest has it; `todo` are the partitions that are not done."""

    order: Order
    manifest: dict[str, Any]
    todo: list[Partition]
    taken_over: int

    def add(self, done: Done) -> None:
        """Note a finished partition, on disk too."""
        rest = [row for row in self.manifest["partitions"] if row["number"] != done["number"]]
        self.manifest["partitions"] = sorted([*rest, done], key=lambda row: int(row["number"]))
        _write(Path(self.order.folder) / MANIFEST, json.dumps(self.manifest, ensure_ascii=False, indent=1).encode())


def begin(assigner: Assigner, file: PointsFile, folder: Path, *, size: int, at: datetime, stored: bool = False) -> Run:
    """Cut the input, and see what of it is done already in the folder; `at` is that of the first run there.

    Raises Conflict where the folder holds the answers of another run, FileFault for an input that cannot be used.
    """
    source = survey_of(file, size)
    if not source.rows:
        raise FileFault(f"{file.path.name} has no rows; there is nothing to decide.")
    settings = {
        "input": source.digest,
        "columns": {ours: theirs for ours, theirs in file.columns.items() if theirs},
        "crs": file.crs,
        "encoding": file.encoding,
        "partition": size,
        "boundaries and registers": assigner.token(),
        "version": __version__,
    }
    before = _manifest_in(folder, settings)
    moment = datetime.fromisoformat(before["at"]) if before else at
    order = Order(str(folder.absolute()), file, source.header, moment, stored)
    if not stored:
        said = read_said(file, source.header, source.partitions[0], assigner.place)
        require_near((said.x, said.y), file.crs, assigner.place)
    fresh = {"at": at.isoformat(), "settings": settings, "releases": assigner.release_ids, "rows": source.rows}
    rows = before["partitions"] if before else []
    whole = [row for row in rows if _sha256_of(folder / row["part"]) == row["sha256"]]
    finished = {row["number"] for row in whole}
    todo = [part for part in source.partitions if part.number not in finished]
    manifest = (before or fresh) | {"partitions": whole}
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
    return Run(order, manifest, todo, len(whole))


def _manifest_in(folder: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest of an earlier run of the same settings, None where there was none."""
    remedy = "Give another folder with -o, or remove this one first."
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        known = found["settings"]
    except FileNotFoundError:
        if any(folder.glob("part-*.parquet")):
            raise Conflict(f"{folder} holds part files of something else, without a {MANIFEST}. {remedy}") from None
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise Conflict(f"{folder / MANIFEST} is not the manifest of a run that can be continued. {remedy}") from None
    other = [name for name in settings if known.get(name) != settings[name]]
    if other:
        raise Conflict(f"{folder} holds the answers of another run: different {', '.join(other)}. {remedy}")
    return dict(found)


def local(order: Order, assigner: Assigner, parts: Sequence[Partition]) -> Iterator[Done]:
    """The engine that is this process."""
    for part in parts:
        yield work(order, assigner, part)


def work(order: Order, assigner: Assigner, part: Partition) -> Done:
    """Decide a partition and write its answer; what the manifest says of it."""
    began = time.perf_counter()
    points = _stored(part) if order.stored else _said(order, assigner, part)
    table = pa.table(assigner.assign(points))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    name = f"part-{part.number:05d}.parquet"
    _write(Path(order.folder) / name, data)
    where = asdict(part) | {"path": Path(part.path).name}
    found = _pairs(table, "outcome", "reason")
    outcomes = Counter[str]()
    for (outcome, _), n in found.items():
        outcomes[outcome] += n
    reasons = {reason: n for (outcome, reason), n in found.items() if outcome == REJECTED}
    picks = points.matters.part if not order.stored else np.array([], dtype=object)
    moved = {pair: n for pair, n in _pairs(table, "unit_before", "unit").items() if pair[0] != pair[1]}
    return {
        "part": name,
        **where,
        "sha256": hashlib.sha256(data).hexdigest(),
        "seconds": round(time.perf_counter() - began, 3),
        "outcomes": dict(sorted(outcomes.items())),
        "rejected": dict(sorted(reasons.items())),
        "parts_not_taken": _not_taken(picks, table) if picks.any() else 0,
        "changed": [[was, now, n] for (was, now), n in sorted(moved.items())],
    }


def _not_taken(picks: Any, table: Any) -> int:
    """How many decided rows name a part that did not decide: it was not there that day, or it is not asked for."""
    taken = table.column("part").to_numpy(zero_copy_only=False)
    decided = table.column("outcome").to_numpy(zero_copy_only=False) != REJECTED
    return int(((picks != "") & (picks != taken) & decided).sum())


def _pairs(table: Any, one: str, two: str) -> dict[tuple[str, str], int]:
    """How often each pair of words stands in two columns; none where a column is not there."""
    if one not in table.column_names or not len(table):
        return {}
    words = [table.column(name).combine_chunks() for name in (one, two)]
    first, second = (column.indices.to_numpy(zero_copy_only=False).astype(np.int64) for column in words)
    known, alike = (column.dictionary.to_pylist() for column in words)
    counts = np.bincount(first * len(alike) + second)
    return {(known[k // len(alike)], alike[k % len(alike)]): int(counts[k]) for k in np.flatnonzero(counts).tolist()}


def _said(order: Order, assigner: Assigner, part: Partition) -> Points:
    return assigner.judge(read_said(order.file, order.header, part, assigner.place), at=order.at)


def _stored(part: Partition) -> Points:
    table = read_table(part, None)
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    return stored_points(columns, words_of(table.column("before")), columns["id"])


def write_standing(p: Platform, folder: Path, since: date, size: int) -> PointsFile:
    """Write the stored cases received since a day to a folder within `folder`, as input of a run."""
    room = folder / _STORED
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    for n, columns in enumerate(standing(p, since, size)):
        pq.write_table(pa.table(columns), room / f"stored-{n:05d}.parquet")
    if not any(room.iterdir()):
        room.rmdir()
        raise FileFault(f"No case was received since {since}; nothing is there to be decided anew.")
    return PointsFile(room, {}, p.place.crs)


def joined(folder: Path, manifest: dict[str, Any], output: Path) -> None:
    """The answers of a finished run as one file."""
    draft = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    names = [row["part"] for row in manifest["partitions"]]
    try:
        with pq.ParquetWriter(draft, pq.read_schema(folder / names[0]), compression="zstd") as writer:
            for name in names:
                writer.write_table(pq.read_table(folder / name))
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Remove what a finished run, or a killed one before it, left beside the answers."""
    shutil.rmtree(folder / _STORED, ignore_errors=True)
    for pattern in (".part-*.tmp", f".{MANIFEST}.*.tmp", ".assigner-*.tmp"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def totals(partitions: Iterable[Done]) -> dict[str, Any]:
    """The counts of partitions together."""
    rows, parts, outcomes, rejected, moved = 0, 0, Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for done in partitions:
        rows += done["rows"]
        parts += done["parts_not_taken"]
        outcomes.update(done["outcomes"])
        rejected.update(done["rejected"])
        moved.update({(was, now): n for was, now, n in done["changed"]})
    if outcomes.total() != rows:
        raise SystemFault(
            f"{rows} rows went in and {outcomes.total()} came out. "
            "This is a fault of Gridward: report it with the file."
        )
    moves = [{"before": was, "after": now, "count": n} for (was, now), n in moved.most_common()]
    return {
        "rows": rows,
        "outcomes": dict(outcomes),
        "rejected": dict(rejected),
        "parts_not_taken": parts,
        "moves": moves,
    }


def _write(path: Path, data: bytes) -> None:
    """A file that is whole or not there; several processes may write the same one."""
    draft = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}.tmp")
    draft.write_bytes(data)
    draft.replace(path)


def _sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
