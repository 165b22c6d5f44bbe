"""Texts have an end: at every door what is over its limit is refused, named, and said back in short."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import town
from deskwork import TIE, act, reported

from etl.manifest import Asked, manifest_of_file
from etl.registers import read_register
from etl.reports import Columns, ReportFile, Reports
from etl.validate import check_layers
from gis.acts import Act
from gis.errors import BadOption, FileFault
from gis.limits import DESCRIPTION, ID, PART, REASON
from gis.place import read_place
from gis.services import desk
from gis.services.platform import Platform

ROOT = Path(__file__).resolve().parents[2]
PLACE = read_place(ROOT / "data/boundaries/zhonglou/place.toml")
NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
RULE = {"code": "R1", "order": "1", "category": "", "area": "", "unit": "S1", "reason_zh": "由", "reason_en": "by"}


def test_a_reason_and_a_name_have_an_end() -> None:
    assert Act("王敏", NOW, "由" * REASON).reason
    with pytest.raises(BadOption, match=r"reason has 1,000,000 characters; wanted at most 2,000\. Shorten it"):
        Act("王敏", NOW, "由" * 1_000_000)
    with pytest.raises(BadOption, match="by has 201 characters; wanted at most 200"):
        Act("王" * 201, NOW)


def test_bytes_that_are_no_text_are_no_reason() -> None:
    with pytest.raises(BadOption, match=r"reason holds bytes that are no UTF-8: 'a\\udcff'"):
        Act("王敏", NOW, b"a\xff".decode("utf-8", "surrogateescape"))


def test_what_shows_a_ruling_or_a_return_has_an_end(platform: Platform) -> None:
    no = reported(platform, TIE)
    with pytest.raises(BadOption, match="evidence has 2,001 characters"):
        desk.rule(platform, no, "S2", act(), evidence="x" * 2001)
    with pytest.raises(BadOption, match="evidence has 2,001 characters"):
        desk.give_back(platform, no, "not_here", "x" * 2001, act())
    with pytest.raises(BadOption, match=r"unit 'xxx.*…' \(9,000 characters\) is no registered unit"):
        desk.rule(platform, no, "x" * 9000, act())


def test_rows_of_a_file_of_reports_over_a_limit_are_rejected_by_name(tmp_path: Path) -> None:
    rows = [
        ("a" * ID, "字" * DESCRIPTION, "p" * PART, "public"),
        ("b" * (ID + 1), "", "", "public"),
        ("c", "字" * (DESCRIPTION + 1), "", "public"),
        ("d", "", "p" * (PART + 1), "public"),
        ("e", "", "", "rumour" * 10_000),
    ]
    frame = pd.DataFrame(rows, columns=["id", "said", "part", "source"]).assign(x=119.93, y=31.78)
    frame.to_csv(tmp_path / "r.csv", index=False)
    columns = Columns("x", "y", id="id", description="said", part="part", source="source")
    found = Reports(ReportFile(tmp_path / "r.csv", columns, "EPSG:4326"), place=PLACE, now=NOW)
    assert [row for batch in found.batches() for row in batch.row.tolist()] == [1]
    reasons = {r.row: r.reason for r in found.rejected}
    assert reasons[2] == "id has 201 characters; wanted at most 200"
    assert reasons[3] == "description has 4,001 characters; wanted at most 4,000"
    assert reasons[4] == "part has 41 characters; wanted at most 40"
    assert len(reasons[5]) < 200
    assert "(60,000 characters)" in reasons[5]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": "R" * 65}, "row 1: code has 65 characters; wanted at most 64"),
        ({"reason_zh": "由" * 2001}, "row 1: reason_zh has 2,001 characters; wanted at most 2,000"),
        ({"assisting": "S" * 65}, "row 1: assisting has 65 characters"),
        ({"assisting": "S1 " * 1000}, "row 1: assisting has 2,999 characters"),
        ({"order": "1" * 100_000}, r"row 1: order is '1+…' \(100,000 characters\); wanted a whole number"),
    ],
)
def test_cells_of_a_register_have_an_end(tmp_path: Path, change: dict[str, str], said: str) -> None:
    pd.DataFrame([RULE | change]).to_csv(tmp_path / "rules.csv", index=False)
    with pytest.raises(FileFault, match=said) as fault:
        read_register(tmp_path / "rules.csv", "rules")
    assert len(str(fault.value)) < 1000


def test_what_a_delivery_says_of_itself_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").write_bytes(b"")
    facts = {"title": "t" * 501, "document": "d", "source": "s", "line_accuracy_m": 1.0}
    asked = replace(Asked(level="street"), facts=facts)
    found = manifest_of_file("a.gpkg", {"a.gpkg": tmp_path / "a.gpkg"}, PLACE, asked)
    assert found.missing == ("release.title has 501 characters; wanted at most 500.",)


def test_a_code_or_a_name_of_an_area_has_an_end() -> None:
    [street, *_] = town.layers()
    long = replace(street, names=np.array(["名" * 201, *street.names[1:]], dtype=object))
    _, findings = check_layers([long], PLACE)
    said = [f.text for f in findings if f.kind == "name"]
    assert said == ["row 1: the name has 201 characters; wanted at most 200."]
