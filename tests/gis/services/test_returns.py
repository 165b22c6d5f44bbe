"""Cases given back: to the dispatcher, then to the border desk; counted by pair; and the packet that goes with them."""

from __future__ import annotations

import json
import zipfile
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
import shapely
from deskwork import NEAR, NOW, act, chain_holds, evidence, page, reported
from sqlalchemy import Connection

from gis.errors import BadOption, StepRefused
from gis.services import desk, precedents
from gis.services.packets import packet, write_packet
from gis.services.platform import Platform

MIDDLE = (0.5, 0.5)
SINCE = date(2026, 1, 1)
HOSTILE = '</text><script>alert("1")</script>=HYPERLINK("x") ../../../etc/passwd {facts} & \x1b'


def test_a_unit_gives_a_case_back_to_the_dispatcher_then_to_the_desk(
    platform: Platform, connection: Connection
) -> None:
    no = reported(platform, MIDDLE)
    assert desk.give_back(platform, no, "not_here", "photo 1", act(), proposed="S2") == "returned"
    assert (page(platform, no).row.state, page(platform, no).row.unit) == ("returned", "")
    desk.rule(platform, no, "S2", act(at=NOW + timedelta(minutes=1)))
    assert desk.give_back(platform, no, "not_ours", "photo 2", act(at=NOW + timedelta(minutes=2))) == "border_desk"
    told = evidence(platform, no)
    assert (told["outcome"], told["desk_reason"], told["settled_by"]) == ("border_desk", "returned", "")
    waiting = desk.desk(platform).cases[0]
    assert (waiting.case, waiting.reason) == (no, "returned")
    assert [(r.nth, r.unit, r.reason_code, r.proposed) for r in desk.returns_of(platform, no)] == [
        (1, "S1", "not_here", "S2"),
        (2, "S2", "not_ours", ""),
    ]
    desk.rule(platform, no, "D1", act(at=NOW + timedelta(minutes=3)))
    found = {
        (pair.returned_by, pair.went_to): (pair.n, dict(pair.reasons)) for pair in desk.pairs(platform, since=SINCE)
    }
    assert found == {("S1", "S2"): (1, {"not_here": 1}), ("S2", "D1"): (1, {"not_ours": 1})}
    assert desk.pairs(platform, since=date(2026, 12, 1)) == []
    chain_holds(connection)


def test_a_return_that_nobody_took_up_has_no_next_unit(platform: Platform) -> None:
    desk.give_back(platform, reported(platform, MIDDLE), "duplicate", "x", act())
    assert [(pair.returned_by, pair.went_to) for pair in desk.pairs(platform, since=SINCE)] == [("S1", "")]


@pytest.mark.parametrize(
    ("code", "shown", "words"),
    [
        ("", "photo", "wanted one of not_here"),
        ("NOT_HERE", "photo", "wanted one of not_here"),
        ("not_here", " \n", "evidence is empty"),
    ],
)
def test_a_return_needs_a_known_reason_and_what_shows_it(platform: Platform, code: str, shown: str, words: str) -> None:
    no = reported(platform, MIDDLE)
    with pytest.raises(BadOption, match=words):
        desk.give_back(platform, no, code, shown, act())
    with pytest.raises(BadOption, match="is no registered unit"):
        desk.give_back(platform, no, "not_here", "photo", act(), proposed="S9")
    assert page(platform, no).row.state == "dispatched"


@pytest.mark.parametrize("spot", [(5.5, 3.5), NEAR, (9.0, 9.0), (3.5, 2.5)])
def test_only_a_unit_that_has_a_case_can_give_it_back(platform: Platform, spot: tuple[float, float]) -> None:
    with pytest.raises(StepRefused, match="from which returned cannot follow"):
        desk.give_back(platform, reported(platform, spot), "not_here", "photo", act())


def test_the_packet_holds_hostile_words_harmlessly(platform: Platform, tmp_path: Path) -> None:
    no = reported(platform, NEAR, description=HOSTILE)
    desk.rule(platform, no, "S2", act(HOSTILE, by=HOSTILE))
    precedents.make(platform, no, precedents.Ground(around=30.0), act(HOSTILE), evidence=HOSTILE)
    desk.give_back(platform, no, "not_ours", HOSTILE, act(by=HOSTILE))
    files = packet(platform, no)
    assert list(files) == ["packet.html", "map.svg", "areas.geojson"]
    for text in (files["packet.html"], files["map.svg"]):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
    drawing = ElementTree.fromstring(files["map.svg"])
    assert {node.tag.rpartition("}")[2] for node in drawing.iter()} <= {
        "svg",
        "rect",
        "path",
        "circle",
        "text",
        "tspan",
        "g",
    }
    shapes = json.loads(files["areas.geojson"])["features"]
    assert {"territory", "road", "precedent", "error", "spot"} == {f["properties"]["kind"] for f in shapes}
    for f in shapes:
        found = shapely.from_geojson(json.dumps(f["geometry"]))
        assert found.is_valid
        assert shapely.box(119, 31, 121, 33).contains(found)


def test_a_packet_is_a_folder_or_by_its_ending_a_zip(platform: Platform, tmp_path: Path) -> None:
    no = reported(platform)
    names = write_packet(platform, no, str(tmp_path / "packet"))
    assert sorted(names) == sorted(path.name for path in (tmp_path / "packet").iterdir())
    write_packet(platform, no, str(tmp_path / "packet.ZIP"))
    with zipfile.ZipFile(tmp_path / "packet.ZIP") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packet", "packet.ZIP"]
    with pytest.raises(BadOption, match="the folder it is to lie in does not exist"):
        write_packet(platform, no, str(tmp_path / "no" / "packet"))
    with pytest.raises(BadOption, match="which is a file already"):
        write_packet(platform, no, str(tmp_path / "packet" / "map.svg"))
    (tmp_path / "folder.zip").mkdir()
    with pytest.raises(BadOption, match="which is a folder already"):
        write_packet(platform, no, str(tmp_path / "folder.zip"))
    for odd in (str(tmp_path / ("x" * 300)), "/proc/packet"):
        with pytest.raises(BadOption, match="which cannot be written"):
            write_packet(platform, no, odd)
    with pytest.raises(BadOption, match="-o is empty"):
        write_packet(platform, no, "")


def test_a_case_outside_has_a_packet_too(platform: Platform) -> None:
    for spot in ((9.0, 9.0), (3.5, 2.5), (5.5, 3.5)):
        assert "<svg" in packet(platform, reported(platform, spot))["packet.html"]
