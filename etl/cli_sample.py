"""`gridward sample`: the synthetic district, made anew and loaded as a city would load its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import click

from etl.cli_parts import load_file as load_parts_file
from etl.cli_reports import NAMESPACE, load_file
from etl.delivery import check_delivery
from etl.manifest import read_manifest
from etl.part_tables import PartsFile
from etl.registers import read_register
from etl.reports import Columns, ReportFile
from etl.sample import write_boundaries, write_year
from gis.cli import platform_of, settings_of
from gis.cli_terminal import say
from gis.errors import BadOption, Conflict
from gis.services import boundaries as boundary_service
from gis.services import casework
from gis.services import parts as parts_service
from gis.services import registers as register_service
from gis.services.platform import Platform

__all__ = ["sample"]

_COLUMNS = Columns(
    x="lon",
    y="lat",
    id="id",
    time="time",
    category="category",
    accuracy="accuracy_m",
    state="state",
    closed="closed",
    source="source",
    description="description",
)
_FILES = (("reports.csv", "EPSG:4326"), ("reports-gcj02.csv", "GCJ-02"))
_BY = "gridward sample"
_APPROVER = "gridward sample approver"  #: who staged a release cannot approve it, the sample neither


@click.group()
def sample() -> None:
    """The synthetic sample district: geometry, registers and a year of reports."""


@sample.command("boundaries")
@click.option("-o", "--output", required=True, help="Folder that takes one delivery folder per release.")
@click.pass_context
def make_boundaries(ctx: click.Context, output: str) -> None:
    """Write the sample's boundary deliveries; the same files on every run and machine."""
    write_boundaries(Path(output), settings_of(ctx).data / "reference")
    say(f"Boundary releases written to {output}.")


@sample.command("year")
@click.option("-o", "--output", required=True, help="Folder for reports, parts, tracks and the truth behind them.")
@click.option(
    "--scale", type=click.IntRange(1, 1000), default=1, show_default=True, help="Multiplies reports, tracks, parts."
)
@click.pass_context
def make_year(ctx: click.Context, output: str, scale: int) -> None:
    """Write a year of reports, parts and patrol tracks, and beside them the truth they were drawn from."""
    write_year(Path(output), settings_of(ctx).data, scale=scale)
    say(f"The year is written to {output}.")


@sample.command("load")
@click.option("--scale", type=click.IntRange(1, 1000), default=1, show_default=True)
@click.pass_context
def load(ctx: click.Context, scale: int) -> None:
    """Load the sample district into the database: what is loaded already is left alone."""
    p = platform_of(ctx)
    if p.place.code != "320404" or not p.place.synthetic:
        raise BadOption(f"The place is {p.place.name}; the sample belongs to its own place file, not to a real city's.")
    with _step("boundary releases"):
        _load_boundaries(p)
    with _step("registers"):
        _load_registers(p)
    folder = p.settings.var / "sample" / f"scale-{scale}"
    if not (folder / "complete").is_file():
        with _step("a year of reports, parts and tracks is written"):
            write_year(folder, p.settings.data, scale=scale)
            (folder / "complete").write_text("all files of this folder are whole\n", encoding="utf-8")
    with _step("parts"):
        _load_parts(p, folder)
    for name, crs in _FILES:
        if _loaded(p, folder / name):
            say(f"  {name}: loaded already")
            continue
        say(f"  {name} …")
        answer = load_file(p, ReportFile(folder / name, _COLUMNS, crs))
        split = ", ".join(f"{step} {seconds:.1f}" for step, seconds in answer["seconds"].items())
        counts = ", ".join(
            f"{word.replace('_', ' ')} {answer[word]}" for word in (*casework.OUTCOMES, "known", "rejected")
        )
        say(f"  {name}: {answer['rows']} rows in {sum(answer['seconds'].values()):.1f} s ({split}): {counts}")


@contextmanager
def _step(name: str) -> Iterator[None]:
    say(f"  {name} …")
    start = monotonic()
    yield
    say(f"  {name}: {monotonic() - start:.1f} s")


def _load_boundaries(p: Platform) -> None:
    """Both releases, from delivery folder to active, in the order of their first days."""
    folder = p.settings.data / "boundaries/zhonglou"
    awake = {row["document"] for row in boundary_service.releases(p) if row["status"] == "active"}
    for delivery_folder in sorted(path.parent for path in folder.glob("*/manifest.toml")):
        # By document, not by content: a newer checkout's sample does not disturb the one that is loaded.
        files = {path.name: path for path in delivery_folder.iterdir()}
        facts = read_manifest(files, p.place).facts
        if facts is not None and facts.document in awake:
            continue
        checked = check_delivery(delivery_folder, p.place)
        now = datetime.now(UTC)
        staged = boundary_service.stage(p, checked.require_clean({}), by=_BY, now=now)
        step = {row["id"]: row["status"] for row in boundary_service.releases(p)}[staged.release_id]
        if step == "staged":
            boundary_service.approve(p, staged.release_id, by=_APPROVER, now=now)
        boundary_service.activate(p, staged.release_id, by=_BY, now=datetime.now(UTC))


def _load_registers(p: Platform) -> None:
    folder = p.settings.data / "reference"
    register_service.load_units(
        p, read_register(folder / "units.csv", "units"), read_register(folder / "territories.csv", "territories")
    )
    for name in ("categories", "rules"):
        # As with boundaries: what an older checkout's sample said otherwise is left alone.
        with suppress(Conflict):
            register_service.load(p, name, read_register(folder / f"{name}.csv", name))


def _load_parts(p: Platform, folder: Path) -> None:
    path = folder / "parts.csv"
    # As with boundaries: parts of an older checkout's sample are left alone, though a newer one would say more of them.
    if not parts_service.is_stored(p, _last_key(path)):
        load_parts_file(p, PartsFile(str(path))).require_clean(path.name)


def _loaded(p: Platform, path: Path) -> bool:
    """True when the last report of a file is stored: a file is stored as a whole or not at all."""
    return casework.is_known(p, NAMESPACE, _last_key(path))


def _last_key(path: Path) -> str:
    """The first column of a CSV's last row."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        last = file.read().decode("utf-8", errors="replace").rstrip("\n").rpartition("\n")[2]
    return last.partition(",")[0].strip('"')
