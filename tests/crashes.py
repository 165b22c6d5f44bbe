"""Commands killed at any moment: what is left must be the world before or the world after, and a retry completes.

One laboratory is one home with a private cluster. For each command there is a database as it stands before it; every
moment begins with a copy of that, so moments do not depend on each other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import town
from conftest import PLACE_FILE, load_town
from worlds import World, faults, positions, world_of

from gis.services.platform import Platform
from gis.services.schema import migrate
from gis.settings import Settings
from gis.store.cluster import Cluster
from gis.store.engine import Store
from gis.store.processes import postmaster_of

__all__ = ["COMMANDS", "VICTIMS", "Laboratory", "Moment", "Outcome", "drawn_moments", "laboratory"]

COMMANDS: Final = ("check", "stage", "approve", "activate", "withdraw")
VICTIMS: Final = ("command", "database")
#: b gives a cell to c, d two to a, e gains the gap
CHANGED: Final = "aabccc\naabbcc\nddbecc\naaeezz"
SECOND_DAY: Final = date(2025, 6, 1)
_REPORTS: Final = 300
_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Which command is killed, how (the command or the database under it), and at which part of its usual duration."""

    command: str
    victim: str
    part: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a moment came to: the world it left ('old', 'new', 'old = new' for a check), and what was wrong with it."""

    moment: Moment
    seconds: float
    left: str
    rooms: int  #: work folders that the killed command left, before the retry
    wrong: tuple[str, ...] = ()


@dataclass(slots=True)
class Laboratory:
    """A home to break things in."""

    home: Path
    delivery: Path
    cluster: Cluster
    settings: Settings
    usual: dict[str, float] = field(default_factory=dict)
    before: dict[str, World] = field(default_factory=dict)
    after: dict[str, World] = field(default_factory=dict)
    release: str = ""

    @property
    def rooms(self) -> Path:
        """The folder of temporary files of every command here."""
        return self.home / "tmp"

    def arguments(self, command: str) -> list[str]:
        last = {
            "check": [str(self.delivery)],
            "stage": [str(self.delivery), "--by", "steward"],
            "approve": [self.release, "--by", "approver"],
            "activate": [self.release, "--open-cases", "move"],
            "withdraw": [self.release, "--reason", "a mistake"],
        }[command]
        return ["boundaries", command, *last]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command as a person would, in a process group of its own."""
        log = (self.home / "said.txt").open("wb")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GRIDWARD_")}
        own = {"GRIDWARD_HOME": str(self.home), "GRIDWARD_CONFIG": str(PLACE_FILE), "TMPDIR": str(self.rooms)}
        with log:
            return subprocess.Popen(
                [sys.executable, "-c", "from gis.cli import main; main()", *arguments],
                stdout=log, stderr=log, env=environment | own, start_new_session=True,
            )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end; its exit code and everything it said."""
        code = self.start(*arguments).wait(timeout=_PATIENCE)
        return code, self.said()

    def said(self) -> str:
        return (self.home / "said.txt").read_text(encoding="utf-8", errors="replace")

    def must(self, *arguments: str) -> None:
        code, said = self.run(*arguments)
        if code:
            raise RuntimeError(f"gridward {' '.join(arguments)} gave {code}: {said}")

    # -- databases ----------------------------------------------------------------------------------------------
    def keep(self, command: str) -> None:
        """Keep the database as it stands before a command."""
        self.cluster.create_database(f"before_{command}", template="gridward")

    def put_back(self, command: str) -> None:
        """Put the database as it stands before a command in the place of the present one."""
        self.cluster.drop_database("gridward")
        self.cluster.create_database("gridward", template=f"before_{command}")
        # A copied sequence believes that its next numbers are in the log already: without this, a crash soon after
        # the copy gives numbers out a second time. Nothing but these copies is concerned.
        self.cluster._sql("CHECKPOINT", database="postgres")
        shutil.rmtree(self.home / "var/dumps", ignore_errors=True)

    def prepare(self) -> None:
        """Make the world before each command, and learn what comes after it and how long it usually takes."""
        for command in COMMANDS:
            self.keep(command)
            self.before[command] = world_of(self.settings)
            began = time.perf_counter()
            self.must(*self.arguments(command))
            self.usual[command] = time.perf_counter() - began
            self.after[command] = world_of(self.settings)
            self.release = "2"

    # -- one moment ---------------------------------------------------------------------------------------------
    def kill(self, moment: Moment) -> Outcome:
        """Start the command, kill at the moment, start again what must be, look, try again, look again."""
        self.put_back(moment.command)
        seconds = moment.part * self.usual[moment.command]
        running = self.start(*self.arguments(moment.command))
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=seconds)
        wrong = self._strike(moment, running)
        rooms = len(list(self.rooms.glob("gridward-work-*")))
        wrong += self._started_again()
        found = world_of(self.settings)
        left = self._named(moment.command, found)
        wrong += [f"left {found.status} {found.members}, neither old nor new"] * (not left)
        wrong += [f"after the kill: {fault}" for fault in faults(self.settings)]
        wrong += self._tried_again(moment.command)
        return Outcome(moment, seconds, left or "NEITHER", rooms, tuple(wrong))

    def _strike(self, moment: Moment, running: subprocess.Popen[bytes]) -> list[str]:
        if moment.victim == "command":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            return []
        _kill_tree(postmaster_of(self.cluster.data / "data"))
        try:
            code = running.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return [f"the command did not end in {_PATIENCE:.0f} s after its database was killed"]
        said = self.said()
        wrong = [f"a traceback: {said[-300:]}"] * ("Traceback" in said)
        return wrong + [f"exit code {code}: {said[-300:]}"] * (code not in (0, 1))

    def _started_again(self) -> list[str]:
        code, said = self.run("db", "up")
        orphans = _until_none(self._orphans)
        open_ = _until_none(self._sessions)
        return (
            [f"`db up` gave {code}: {said[-300:]}"] * bool(code)
            + [f"processes outlived the command: {', '.join(orphans)}"] * bool(orphans)
            + [f"sessions outlived the command: {', '.join(open_)}"] * bool(open_)
        )

    def _named(self, command: str, found: World) -> str:
        names = (("old", self.before), ("new", self.after))
        return " = ".join(name for name, worlds in names if worlds[command] == found)

    def _tried_again(self, command: str) -> list[str]:
        code, said = self.run(*self.arguments(command))
        found = world_of(self.settings)
        done = found == self.after[command]
        wrong = [f"the retry gave {code} and {found.status} {found.members}: {said[-300:]}"] * (not done)
        # who was killed after the commit is told on the retry that the step was taken already
        taken = code == 1 and "it can become" in said
        wrong += [f"the retry gave {code}: {said[-300:]}"] * (code != 0 and not taken)
        wrong += [f"left for ever: {', '.join(self._litter())}"] * bool(self._litter())
        return wrong + [f"after the retry: {fault}" for fault in faults(self.settings)]

    def _litter(self) -> list[str]:
        """What a killed command left that nobody is at work on: work folders, half dumps."""
        return sorted(path.name for path in (*self.rooms.iterdir(), *(self.home / "var").rglob("*.part")))

    def _orphans(self) -> list[str]:
        """Processes that work in a room of ours or for a command of ours."""
        found = []
        for pid in _pids():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                where = str(Path(f"/proc/{pid}/cwd").readlink())
                ours = where.startswith(str(self.rooms)) or ("pg_dump" in words and str(self.cluster.socket) in words)
                if ours or str(self.delivery) in words:
                    found.append(f"{pid} {words[:80]}")
        return found

    def _sessions(self) -> list[str]:
        query = (
            "SELECT state || ': ' || left(query, 60) FROM pg_stat_activity "
            "WHERE datname = 'gridward' AND usename = 'gridward_app'"
        )
        return [line for line in self.cluster._sql(query, database="postgres").splitlines() if line]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _kill_tree(root: int | None) -> None:
    """Kill a process and everything below it, the root first, so that it cannot answer to its children's end."""
    if root is None:
        return
    parents: dict[int, int] = {}
    for pid in _pids():
        with contextlib.suppress(OSError):
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    doomed = [root]
    for pid in doomed:
        doomed += [child for child, parent in parents.items() if parent == pid]
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _until_none(look: Callable[[], list[str]], *, seconds: float = 15.0) -> list[str]:
    """What is still found after waiting a while for it to go away by itself."""
    end = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def drawn_moments(n: int, *, seed: int, start: float = 0.0) -> Iterator[Moment]:
    """`n` moments: every pair of command and victim by turns in a random order, the part of the duration uniform.

    `start` leaves out the first part of each command, in which it only imports.
    """
    chance = np.random.default_rng(seed)
    pairs = [(command, victim) for command in COMMANDS for victim in VICTIMS]
    for k in range(n):
        if k % len(pairs) == 0:
            order = chance.permutation(len(pairs))
        command, victim = pairs[order[k % len(pairs)]]
        yield Moment(command, victim, float(chance.uniform(start, 1.0)))


def reports_csv(path: Path, n: int, *, seed: int = 7, first: int = 0) -> Path:
    """A file of reports over the town, received from April to September 2025; their ids begin at `first`."""
    x = positions(n, seed=seed)
    category = ("0101", "0501")
    lines = [
        f"{first + i},{a},{b},2025-{4 + i % 6:02d}-{1 + i % 28:02d} 08:00,{category[i % 3 == 0]}"
        for i, (a, b) in enumerate(x)
    ]
    path.write_text("id,lon,lat,time,category\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


LOAD_OPTIONS: Final[Sequence[str]] = (
    "--x", "lon", "--y", "lat", "--crs", "EPSG:4549", "--id", "id", "--time", "time", "--category", "category",
)  # fmt: skip


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """A laboratory with the town, its registers, open cases and a delivery that changes much; gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="gridward-crash-"))
    home.chmod(0o755)
    settings = Settings(home, PLACE_FILE)
    cluster = Cluster.of(settings)
    try:
        cluster.up()
        migrate(settings)
        settings = replace(settings, database_url=cluster.url("gridward_app"))
        platform = Platform(settings, Store.at(settings.database_url or ""))
        load_town(platform)
        platform.close()
        delivery = town.write_delivery(home / "delivery", CHANGED, valid_from=SECOND_DAY)
        found = Laboratory(home, delivery, cluster, settings)
        found.rooms.mkdir(mode=0o755)
        found.must("reports", "load", str(reports_csv(home / "reports.csv", _REPORTS)), *LOAD_OPTIONS)
        found.prepare()
        yield found
    finally:
        cluster.down()
        cluster.remove()
        shutil.rmtree(home, ignore_errors=True)
