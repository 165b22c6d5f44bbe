"""CSV files for spreadsheets: nothing in them is run, and a broken one is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.sheets import csv_path, write_csv
from gis.errors import BadOption


def test_rows_are_written_as_they_come_and_no_text_is_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert write_csv(path, ["unit", "n"], iter([("=1+1", -3), ("@x", None), ("西街", 2.5)])) == 3
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert path.read_text("utf-8-sig").splitlines() == ["unit,n", "'=1+1,-3", "'@x,", "西街,2.5"]


def test_a_broken_file_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")

    def rows() -> Iterator[tuple[str]]:
        yield ("a",)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_csv(path, ["x"], rows())
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]
    assert path.read_text() == "old"


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"wanted a file name ending in \.csv"):
        csv_path(str(tmp_path / "out.xlsx"))
    with pytest.raises(BadOption, match="its folder does not exist"):
        csv_path(str(tmp_path / "none" / "out.csv"))
