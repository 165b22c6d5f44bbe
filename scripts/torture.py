"""Every odd file of a folder through the real command, as a person would: `make torture SET=FOLDER`.

The folder holds `manifest.csv` (id, path, what, expect, ...) and the files. What a case must come to stands in code, in
torture_real.py, torture_containers.py and torture_crafted.py; a case of the manifest without code is NOT, and so is
code without a case.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torture_containers  # noqa: F401 - adds its cases to those of torture_real
from torture_crafted import CASES as CRAFTED
from torture_person import Case, Person, Unlike, listing
from torture_real import CASES as REAL

from gis.services.schema import migrate
from gis.settings import Settings
from gis.store.cluster import Cluster

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data/boundaries/zhonglou"
IN_FORCE, EMPTY = "torture_in_force", "gridward"
MARK = "<!-- cases -->"


@dataclass(frozen=True)
class Verdict:
    """What became of a case."""

    id: str
    happened: str
    expect: str
    ok: bool
    seconds: float


@dataclass(frozen=True)
class Job:
    """One case with all that its process needs."""

    row: dict[str, str]
    folder: Path
    home: Path
    requests: Path | None


def environment(home: Path, config: Path, database: str, tmp: Path) -> dict[str, str]:
    cluster = Cluster.of(Settings(home, config))
    return os.environ | {
        "GRIDWARD_HOME": str(home),
        "GRIDWARD_CONFIG": str(config),
        "GRIDWARD_DATABASE_URL": cluster.url("gridward_app", database=database),
        "GRIDWARD_OWNER_URL": cluster.url("gridward_owner", database=database),
        "TMPDIR": str(tmp),
    }


def judge(job: Job) -> Verdict:
    """Run one case in a database of its own."""
    started = time.monotonic()
    case = next((c for c in (*REAL, *CRAFTED) if c.id == job.row["id"].partition("_")[0]), None)
    if case is None:
        return Verdict(job.row["id"], "no code judges this case", job.row["expect"], False, 0)
    # deep enough that ../../../.. still ends where a listing looks
    work = job.home / "cases" / case.id
    tmp = work / "a/b/c/d/tmp"
    for folder in (tmp, work / "out"):
        folder.mkdir(parents=True)
    config = SAMPLE / "place.toml"
    if case.place is not None:
        config = work / "place.toml"
        config.write_text(case.place.text(), encoding="utf-8")
    cluster, name = Cluster.of(Settings(job.home, config)), f"torture_{case.id.casefold()}"
    cluster.create_database(name, template=IN_FORCE if case.in_force else EMPTY)
    person = Person(
        job.folder / job.row["path"], work, environment(job.home, config, name, tmp), job.requests, int(case.in_force)
    )
    try:
        happened, ok = judged(case, person)
    finally:
        cluster.drop_database(name)
        (work / "out" / "said.txt").write_text("\n".join(person.said), encoding="utf-8")
    return Verdict(job.row["id"], happened, job.row["expect"], ok, time.monotonic() - started)


def judged(case: Case, person: Person) -> tuple[str, bool]:
    before = listing(person.folder, person.work)
    try:
        happened = case.judge(person)
    except Unlike as unlike:
        return str(unlike), False
    after = listing(person.folder, person.work)
    changed = sorted({n for n, _ in before.items() ^ after.items()})
    return (f"files changed: {', '.join(changed)}", False) if changed else (happened, True)


def prepare(home: Path) -> Cluster:
    """A private server with an empty, migrated database, and one where the sample's first release is in force."""
    settings = Settings(home, SAMPLE / "place.toml")
    cluster = Cluster.of(settings)
    cluster.up()
    migrate(settings)
    cluster.create_database(IN_FORCE, template=EMPTY)
    (home / "prepare/out").mkdir(parents=True)
    work = home / "prepare"
    person = Person(SAMPLE, work, environment(home, settings.config, IN_FORCE, work))
    staged = person.run("boundaries", "stage", str(SAMPLE / "2025-01"), "--by", "a", "--json")
    if staged.code:
        raise SystemExit(f"The sample cannot be staged: {staged.message}")
    number = str(staged.answer["release"])
    for step in (("approve", number, "--by", "b"), ("activate", number, "--by", "a", "--no-dump")):
        done = person.run("boundaries", *step)
        if done.code:
            raise SystemExit(f"The sample cannot be woken: {done.message}")
    return cluster


def run(rows: Sequence[dict[str, str]], folder: Path, requests: Path | None, keep: Path | None) -> list[Verdict]:
    home = Path(tempfile.mkdtemp(prefix="gridward-torture-"))
    home.chmod(0o755)
    (home / "data").symlink_to(ROOT / "data")
    cluster = prepare(home)
    try:
        jobs = [Job(row, folder, home, requests) for row in rows]
        with ProcessPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
            found = []
            for verdict in pool.map(judge, jobs):
                found.append(verdict)
                print(f"{'OK ' if verdict.ok else 'NOT'} {verdict.seconds:5.1f} s  {verdict.id}", flush=True)
        return found
    finally:
        if keep is not None:
            for text in (home / "cases").glob("*/out/said.txt"):
                shutil.copy(text, keep / f"{text.parent.parent.name}.txt")
        cluster.down()
        cluster.remove()
        shutil.rmtree(home, ignore_errors=True)


def table(found: Sequence[Verdict]) -> str:
    lines = ["| case | what happened | expect | |", "|---|---|---|---|"]
    for v in found:
        lines.append(f"| {_cell(v.id)} | {_cell(v.happened)} | {_cell(v.expect)} | {'OK' if v.ok else 'NOT'} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    short = " ".join(text.replace("|", "/").replace("<", "‹").split())
    return short if len(short) <= 220 else f"{short[:219]}…"


def write(found: Sequence[Verdict], path: Path) -> None:
    """Put the table between the two marks of the document; all else in it is written by hand."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARK)
    _, _, after = rest.partition(MARK)
    said = f"{sum(v.ok for v in found)} of {len(found)} cases are as expected."
    path.write_text(f"{before}{MARK}\n{said}\n\n{table(found)}\n{MARK}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run every odd file of a folder through the command.")
    parser.add_argument("folder", type=Path, help="folder of odd files with a manifest.csv")
    parser.add_argument("--write", action="store_true", help="also write the table into docs/torture.md")
    parser.add_argument("--only", nargs="*", default=[], metavar="ID", help="only these cases, as R01 C14")
    parser.add_argument("--requests", type=Path, help="folder with points_2015.csv.gz and answers.csv.gz, for R65")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what every command said, one file per case")
    options = parser.parse_args()
    manifest = options.folder / "manifest.csv"
    if not manifest.is_file():
        print(f"{manifest} does not exist; give the folder of odd files: make torture SET=FOLDER", file=sys.stderr)
        return 2
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if not options.only or r["id"].partition("_")[0] in options.only]
    beside = options.folder.resolve().parent / "boston"
    requests = options.requests or (beside if beside.is_dir() else None)
    started = time.monotonic()
    found = run(rows, options.folder.resolve(), requests, options.keep)
    ids = {row["id"].partition("_")[0] for row in rows}
    if not options.only:
        found += [Verdict(c.id, "not in the manifest", "", False, 0) for c in (*REAL, *CRAFTED) if c.id not in ids]
    print(table(found))
    wrong = [v for v in found if not v.ok]
    print(f"{len(found) - len(wrong)} of {len(found)} cases as expected, {time.monotonic() - started:.0f} s.")
    if options.write:
        write(found, ROOT / "docs/torture.md")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
