"""A file of reports loaded: what its rows say of parts and places is told, and no row is lost for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import town

from etl.cli_reports import _told, load_file
from etl.report_files import Columns, ReportFile
from gis.crs import from_working
from gis.services import registers
from gis.services.platform import Platform

COLUMNS = Columns("x", "y", id="id", time="time", category="category", part="part")


def write(path: Path, n: int = 8, crs: str = "EPSG:4326", **columns: object) -> ReportFile:
    """n reports along the middle of the western street."""
    east, north = zip(*(town.at(0.3 + 0.1 * i, 0.5) for i in range(n)), strict=True)
    x, y = from_working(east, north, working="EPSG:4549", crs=crs)
    said = {"id": range(n), "x": x, "y": y, "time": "2026-10-20 08:00", "category": "0101", "part": ""} | columns
    pd.DataFrame(said).to_csv(path, index=False)
    return ReportFile(path, COLUMNS, crs)


def test_the_same_file_in_another_crs_says_how_far_its_known_rows_lie_elsewhere(
    platform: Platform, tmp_path: Path
) -> None:
    file = write(tmp_path / "r.csv")
    first = load_file(platform, file, quiet=True)
    assert (first["new"], first["known_moved"], first["known_moved_crs"]) == (8, 0, "")
    again = load_file(platform, file, quiet=True)
    assert (again["known"], again["known_differing"], again["known_moved"]) == (8, 0, 0)
    shifted = load_file(platform, replace(file, crs="GCJ-02"), quiet=True)
    assert (shifted["new"], shifted["known"], shifted["known_differing"], shifted["known_moved"]) == (0, 8, 8, 8)
    assert 400 < shifted["known_moved_most_m"] < 700
    assert shifted["known_moved_crs"] == "EPSG:4326"
    told = "\n".join(_told(shifted))
    assert "8 of them lie elsewhere now, up to " in told
    assert "stored as EPSG:4326" in told
    assert "`gridward cases move`" in told
    same = load_file(platform, replace(file, crs="EPSG:4490"), quiet=True)  # another word for the same degrees
    assert (same["known_differing"], same["known_moved"]) == (0, 0)


def test_a_known_row_with_another_position_is_told_beside_other_words(platform: Platform, tmp_path: Path) -> None:
    load_file(platform, write(tmp_path / "r.csv"), quiet=True)
    other = write(tmp_path / "r.csv", category=["0501", *["0101"] * 7])
    frame = pd.read_csv(other.path, dtype=str)
    frame.loc[3, "y"] = str(float(frame.loc[3, "y"]) + 0.001)
    frame.to_csv(other.path, index=False)
    told = load_file(platform, other, quiet=True)
    assert (told["known"], told["known_differing"], told["known_moved"]) == (8, 2, 1)
    assert told["known_moved_most_m"] == pytest.approx(110.9, abs=0.5)


def test_a_part_that_nobody_registered_is_named_and_its_report_kept(platform: Platform, tmp_path: Path) -> None:
    about = town.CATEGORIES.iloc[:1].assign(code="0401", parent="04", kind="part", part_types=[("01001",)])
    registers.load(platform, "categories", about)
    part = ["", "32040401001009999", *[""] * 5, "\x1bX"]
    told = load_file(platform, write(tmp_path / "r.csv", category="0401", part=part), quiet=True)
    assert (told["new"], told["rejected"], told["unknown_parts"]) == (8, 0, 2)
    assert told["unknown_part_rows"] == [{"row": 2, "part": "32040401001009999"}, {"row": 8, "part": "\x1bX"}]
    assert "2 rows name a part that was not there on their day: row 2 32040401001009999, row 8" in "\n".join(
        _told(told)
    )
