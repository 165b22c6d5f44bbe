"""A person at the command line with one odd file: checks it, answers what is asked, stages it, looks what is stored."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import shapely

__all__ = ["Areas", "Case", "Person", "PlaceFile", "Ran", "Unlike"]

#: asked for in this order, one at a time, and only where the command's own words name the option
_ANSWERS: Final = (
    "--level", "--layer", "--encoding", "--swap-axes", "--crs", "--field-code", "--field-name", "--field-parent",
    "--repair", "--snap",
)  # fmt: skip
_FACTS: Final = ("--document", "torture", "--source", "torture", "--line-accuracy", "0.5")
_DAY: Final = "2020-01-01"


class Unlike(Exception):
    """What happened is not what the manifest expects."""


@dataclass(frozen=True)
class PlaceFile:
    """A place as small as a case needs; `truth` each: a single level is never dissolved from another."""

    name: str
    crs: str
    extent: tuple[float, float, float, float]
    levels: tuple[tuple[str, str], ...]  #: (name, pattern of the codes), coarsest first
    coverage: bool = True
    timezone: str = "UTC"

    def text(self) -> str:
        lines = [f'name = "{self.name}"', 'code = "T"', f'crs = "{self.crs}"', f'timezone = "{self.timezone}"']
        lines += [f"extent = {list(self.extent)}", 'truth = "each"', "[default_accuracy_m]", "public = 20"]
        for name, pattern in self.levels:
            lines += [
                "[[level]]",
                f'name = "{name}"',
                f"code = '{pattern}'",
                f"coverage = {str(self.coverage).lower()}",
            ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Ran:
    """One command that has ended."""

    code: int
    out: str
    err: str
    seconds: float
    peak_mb: float
    options: tuple[str, ...] = ()

    @property
    def answer(self) -> dict[str, Any]:
        found = json.loads(self.out) if self.out.startswith("{") else {}
        return dict(found)

    @property
    def findings(self) -> list[dict[str, Any]]:
        return list(self.answer.get("findings", ()))

    def found(self, kind: str) -> list[dict[str, Any]]:
        return [f for f in self.findings if f["kind"] == kind]

    @property
    def message(self) -> str:
        """What the command says on its way out, without the steps it names while it reads."""
        lines = [line for line in self.err.splitlines() if not line.startswith("  reading ")]
        return " ".join(lines).removeprefix("gridward: ")

    @property
    def text(self) -> str:
        """Everything a person reads as trouble: the message, errors, warnings."""
        return " ".join([self.message, *(f["text"] for f in self.findings if f["severity"] != "note")])


@dataclass(frozen=True)
class Areas:
    """What an export of a level holds, in the order of the codes."""

    codes: list[str]
    names: list[str]
    geometry: Any

    @property
    def by_code(self) -> dict[str, str]:
        return dict(zip(self.codes, self.names, strict=True))


@dataclass(frozen=True)
class Case:
    """One row of the manifest with the code that judges it."""

    id: str
    place: PlaceFile | None  #: None: the place file of the sample district
    in_force: bool  #: whether the sample's release is in force in its database
    judge: Callable[[Person], str]


@dataclass
class Person:
    """Runs the command for one case, with a place file, a database and a temporary folder of its own."""

    folder: Path  #: of the case's files
    work: Path  #: all that is written lies below
    environment: Mapping[str, str]
    requests: Path | None = None
    woken: int = 0  #: releases in its database; each import adds one
    last: Ran | None = None
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> Ran:
        """One command as its own process, with the peak of its memory (its children's too)."""
        started = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-c", "from gis.cli import main; main()", *arguments, *options],
                stdout=out, stderr=err, env=dict(self.environment), cwd=self.work,
            )  # fmt: skip
            watch = threading.Timer(150, process.kill)
            watch.start()
            _, status, usage = os.wait4(process.pid, 0)
            watch.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode("utf-8", "replace"))
        took = time.monotonic() - started
        ran = Ran(process.returncode, texts[0], texts[1], took, _megabytes(usage), options)
        call = " ".join([*arguments, *options])
        self.said.append(
            f"$ gridward {call}\n  exit {ran.code}, {ran.seconds:.1f} s, {ran.peak_mb:.0f} MB\n  {ran.message}"
        )
        self.need(ran.code in (0, 1, 2), f"`{call}` ended with {ran.code} after {took:.0f} s")
        self.need("Traceback" not in ran.err, f"`{call}` showed a traceback")
        return ran

    # -- the steps ------------------------------------------------------------------------------------------------
    def walk(self, path: Path | str = "", **answers: str | bool) -> Ran:
        """Check without help; then, each time the command asks for something the person knows, again with it."""
        known = {f"--{name.replace('_', '-')}": value for name, value in answers.items()}
        options: tuple[str, ...] = ()
        self.asked = []
        while True:
            self.last = self.run("boundaries", "check", str(self.folder / path), "--json", options=options)
            wanted = next((o for o in _ANSWERS if o in known and o not in options and asks(self.last.text, o)), None)
            if wanted is None:
                self._no_word_without_place()
                return self.last
            self.asked.append(wanted)
            value = known[wanted]
            options += (wanted,) if value is True else (wanted, str(value))

    def again(self, path: Path | str = "", **answers: str | bool | float) -> Ran:
        """A check with everything said at once."""
        options: list[str] = []
        for name, value in answers.items():
            options += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        self.last = self.run("boundaries", "check", str(self.folder / path), "--json", options=tuple(options))
        return self.last

    def stage(self, path: Path | str = "", *, scope: str = "full", valid_from: str = _DAY) -> Ran:
        """Stage as last checked, taking every warning; what it says is judged by who calls.

        Part of a layer is held against what is in force otherwise than all of it: it is checked as that first.
        """
        self.need(self.last is not None, "nothing was checked")
        last = self.last or Ran(2, "", "", 0, 0)
        if scope != "full":
            options = (*last.options, "--scope", scope)
            last = replace(
                self.run("boundaries", "check", str(self.folder / path), "--json", options=options),
                options=last.options,
            )
        kinds = sorted({f["kind"] for f in last.findings if f["severity"] == "warning"})
        taken = [word for kind in kinds for word in ("--accept", f"{kind}:taken as it is")]
        return self.run(
            "boundaries", "stage", str(self.folder / path), "--valid-from", valid_from, "--scope", scope, "--by", "a",
            "--json", *_FACTS, *taken,
            options=last.options,
        )  # fmt: skip

    def imports(
        self, n: int, path: Path | str = "", *, level: str = "area", scope: str = "full", valid_from: str = _DAY
    ) -> Areas:
        """Stage, approve, wake and export; n areas must be there."""
        staged = self.stage(path, scope=scope, valid_from=valid_from)
        self.need(staged.code == 0, f"stage was refused: {staged.message[:300]}")
        number = str(staged.answer["release"])
        for step in (("approve", number, "--by", "b"), ("activate", number, "--by", "a", "--no-dump")):
            done = self.run("boundaries", *step)
            self.need(done.code == 0, f"{step[0]} was refused: {done.message[:300]}")
        self.woken += 1
        areas = self.export(level)
        self.need(len(areas.codes) == n, f"{len(areas.codes)} areas are stored, not {n}")
        return areas

    def export(self, level: str) -> Areas:
        """What is in force at a level, as `boundaries export` writes it."""
        target = self.work / "out" / "areas.gpkg"
        done = self.run("boundaries", "export", "--level", level, "-o", str(target))
        self.need(done.code == 0, f"export was refused: {done.message[:200]}")
        meta, _, wkb, columns = pyogrio.raw.read(target)
        found = dict(zip(meta["fields"].tolist(), columns, strict=True))
        order = np.argsort(found["code"].astype(str))
        return Areas(found["code"][order].tolist(), found["name"][order].tolist(), shapely.from_wkb(wkb[order]))

    def releases(self) -> list[dict[str, Any]]:
        listed = self.run("boundaries", "list", "--json")
        self.need(listed.code == 0, f"list was refused: {listed.message[:200]}")
        return list(listed.answer["releases"])

    def refused(self, *words: str, path: Path | str = "") -> str:
        """The last check blocks in these words; staging the same, every warning taken, stores nothing."""
        self.need(self.last is not None and self.last.code != 0, "the check passed")
        said = self.last.text if self.last else ""
        for word in words:
            self.need(re.search(word, said, re.IGNORECASE) is not None, f"nothing says {word!r}: {said[:300]}")
        staged = self.stage(path)
        self.need(staged.code != 0, "it could be staged")
        self.need(len(self.releases()) == self.woken, "something was stored")
        return f"refused: {said}"

    # -- judging --------------------------------------------------------------------------------------------------
    def need(self, truth: object, otherwise: str) -> None:
        """What must hold; with what happened instead."""
        if not truth:
            raise Unlike(otherwise)

    def needs_asked(self, *options: str) -> None:
        self.need(
            all(option in self.asked for option in options),
            f"asked for {', '.join(self.asked) or 'nothing'}, wanted {', '.join(options)}: "
            + (self.last.text[:300] if self.last else ""),
        )

    def rows_of(self, kind: str) -> list[int]:
        """The row numbers that findings of a kind name."""
        texts = [f["text"] for f in (self.last.found(kind) if self.last else [])]
        return [int(m.group(1)) for text in texts if (m := re.search(r"\brow (\d+)", text))]

    def encoding(self) -> str:
        layers = self.last.answer.get("layers", []) if self.last else []
        return str(layers[0]["encoding"]).casefold() if layers else ""

    def _no_word_without_place(self) -> None:
        """No finding has half a place or a place that is no number of metres."""
        for f in self.last.findings if self.last else []:
            self.need((f["x"] is None) == (f["y"] is None), f"half a place: {f}")


def asks(text: str, option: str) -> bool:
    """Whether a text names an option.

    >>> asks("give --field-code.", "--field-code"), asks("--crs-like", "--crs")
    (True, False)
    """
    return re.search(rf"{re.escape(option)}(?![\w-])", text) is not None


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1024


def listing(case_folder: Path, work: Path) -> dict[str, str]:
    """What lies in the case's folder (with checksums), below the work folder, in every folder above, in / and in /tmp:
    of the shared ones only names that an archive of the case could write."""
    found: dict[str, str] = {}
    stems = set(_stems(case_folder))
    for path in sorted(case_folder.rglob("*")):
        found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    for path in sorted(work.rglob("*")):
        if path.relative_to(work).parts[0] != "out":
            found[str(path)] = str(path.lstat().st_size) if path.is_file() else ""
    shared = [*case_folder.parents, *work.parents, Path.cwd(), *Path.cwd().parents, Path("/tmp"), Path("/etc")]  # noqa: S108
    for folder in dict.fromkeys(shared):
        for path in folder.iterdir():
            if path.stem in stems:
                found[str(path)] = ""
    return found


def _stems(folder: Path) -> Iterable[str]:
    for path in folder.rglob("*"):
        yield path.stem
        if path.is_file() and zipfile.is_zipfile(path):
            yield from (re.split(r"[\\/]", name)[-1].rpartition(".")[0] for name in zipfile.ZipFile(path).namelist())
