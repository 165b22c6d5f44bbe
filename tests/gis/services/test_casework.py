"""Reports become cases: nothing lost, nothing doubled, each on the release of its day."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import town
from sqlalchemy import Connection, text
from test_parts_register import COVER, part
from test_parts_register import load as load_parts

from gis.acts import Act
from gis.cases import CaseFilter
from gis.errors import BadOption, Conflict, NotFound
from gis.periods import Period
from gis.reports import Report, ReportBatch
from gis.rights import ALL, PUBLIC
from gis.services import boundaries, cases, casework, locating, maps, views
from gis.services.platform import Platform
from gis.store.engine import take_role

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 2)
MONTH = Period(date(2026, 10, 1), date(2026, 11, 3))
#: middle of street 1, of street 2, the gap, the town, outside, near the line between the streets
SPOTS = [(0.5, 0.5), (5.0, 0.5), (3.5, 2.5), (5.5, 3.5), (9.0, 9.0), (3.95, 0.5)]


def batch(
    spots: list[tuple[float, float]] = SPOTS,
    *,
    when: str = "2026-10-20T04:00",
    category: str = "0101",
    closed: str = "NaT",
) -> ReportBatch:
    n = len(spots)
    x, y = (np.array(v, dtype=float) for v in zip(*(town.at(*s) for s in spots), strict=True))

    def words(value: str) -> np.ndarray:
        return np.full(n, value, dtype=object)

    return ReportBatch(
        row=np.arange(1, n + 1),
        key=np.array([f"k{i}" for i in range(n)], dtype=object),
        digest=np.array([hashlib.sha256(str(i).encode()).hexdigest() for i in range(n)], dtype=object),
        x=x,
        y=y,
        crs="EPSG:4549",
        working_x=x,
        working_y=y,
        accuracy=np.full(n, 10.0),
        level=np.full(n, 0.68),
        part=words(""),
        received=np.full(n, np.datetime64(when, "us")),
        closed=np.full(n, np.datetime64(closed, "us")),
        category=words(category),
        source=words("public"),
        description=words('\\N, "quoted"\n<b>'),
    )


def load(p: Platform, b: ReportBatch) -> casework.LoadOutcome:
    return casework.load(p, b, namespace="reports", by="test", now=NOW, on_step=lambda _: None)


def said(column: float = 0.5, row: float = 0.5, **changes: object) -> Report:
    x, y = town.at(column, row)
    return replace(Report(x, y, "EPSG:4549", "0101", "public", NOW, 5.0, "words"), **changes)  # type: ignore[arg-type]


def test_every_report_of_a_batch_has_one_outcome(platform: Platform) -> None:
    outcome = load(platform, batch())
    assert outcome.stored == {"located": 3, "outside": 1, "gap": 1, "border_desk": 1}
    assert outcome.new == len(SPOTS)


def test_the_same_batch_again_stores_nothing(platform: Platform) -> None:
    load(platform, batch())
    again = load(platform, batch())
    assert (again.new, again.known, again.differing) == (0, len(SPOTS), 0)
    changed = load(platform, replace(batch(), digest=np.full(len(SPOTS), "ff", dtype=object)))
    assert (changed.new, changed.known, changed.differing) == (0, len(SPOTS), len(SPOTS))


def test_a_key_of_an_earlier_batch_of_one_load_is_a_repeat_or_a_clash_that_names_its_row(platform: Platform) -> None:
    first = batch()
    again = replace(batch(), row=np.arange(11, 11 + len(SPOTS)), digest=first.digest.copy())
    again.digest[2:4] = "ff"
    act = Act("test", NOW)
    outcome = casework.load_many(platform, [first, again], namespace="reports", act=act)
    assert (outcome.new, outcome.known, outcome.repeated) == (len(SPOTS), 0, len(SPOTS) - 2)
    assert [(c.row, c.key, c.first) for c in outcome.clashes] == [(13, "k2", 3), (14, "k3", 4)]


def test_an_outcome_that_is_not_accepted_leaves_nothing(platform: Platform) -> None:
    def refuse(outcome: casework.LoadOutcome) -> None:
        raise BadOption(f"{outcome.new} are too many")

    with pytest.raises(BadOption, match="6 are too many"):
        casework.load_many(platform, [batch()], namespace="reports", act=Act("test", NOW), accept=refuse)
    assert cases.cases(platform, CaseFilter(), limit=10, after=None, rights=ALL, today=TODAY) == []


def test_a_case_and_its_decision_keep_what_the_reporter_said(
    platform: Platform, connection: Connection, tmp_path: Path
) -> None:
    load_parts(platform, tmp_path, part(COVER))
    casework.report(platform, said(level=0.95, part=COVER), client=None, now=NOW)
    load(platform, replace(batch(SPOTS[:1]), level=0.9, part=np.array(["L8"], dtype=object)))
    take_role(connection, ALL)
    found = connection.execute(
        text(
            "SELECT c.accuracy_level, c.part, d.accuracy_level, d.part_picked, d.source, d.minute FROM cases c "
            "JOIN decision d ON d.received_on = c.received_on AND d.case_id = c.id ORDER BY c.id"
        )
    ).all()
    assert found == [(0.95, COVER, 0.95, COVER, "public", 720), (0.9, "L8", 0.9, "L8", "public", 720)]


def test_each_state_says_what_was_decided(platform: Platform) -> None:
    load(platform, batch())
    found = cases.cases(platform, CaseFilter(), limit=10, after=None, rights=ALL, today=TODAY)
    states = {(row.street, row.community): (row.state, row.unit) for row in found}
    assert states[("西街", "c社区")] == ("dispatched", "S2")
    assert states[("北镇", "z社区")] == ("forwarded", "")
    assert sorted(row.state for row in found) == [
        "border_desk",
        "dispatched",
        "dispatched",
        "forwarded",
        "gap",
        "outside",
    ]
    assert {row.description for row in found} == {'\\N, "quoted"\n<b>'}


def test_a_report_is_decided_on_the_release_of_its_day_and_counted_on_todays(platform: Platform) -> None:
    release = boundaries.stage(
        platform, town.delivery("aabbcc aabbcc ddbecc aaeezz", valid_from=date(2026, 7, 1)), by="t", now=NOW
    ).release_id
    boundaries.approve(platform, release, by="approver", now=NOW)
    boundaries.activate(platform, release, by="t", now=NOW)
    old, new = batch([(0.5, 3.5)], when="2026-05-01T04:00"), batch([(0.5, 3.5)])
    both = ReportBatch(
        **{
            name: np.concatenate([getattr(old, name), getattr(new, name)])
            if name not in ("crs", "key", "id")
            else getattr(old, name)
            for name in ReportBatch.__slots__
        }
        | {"key": np.array(["old", "new"], dtype=object)}
    )
    load(platform, both)
    rows = cases.cases(platform, CaseFilter(), limit=5, after=None, rights=ALL, today=TODAY)
    assert [row.community for row in rows] == ["a社区", "a社区"]
    decided = [cases.why(platform, row.no, rights=ALL).evidence for row in rows]
    assert [e["areas"][1]["name"] for e in decided] == ["a社区", "d社区"]
    assert decided[0]["release"] != decided[1]["release"]


def test_waking_a_release_moves_cases_on_the_map_and_leaves_their_evidence(platform: Platform) -> None:
    load(platform, batch([(0.5, 3.5), (3.5, 2.5), (0.5, 0.5)]))
    before = [
        cases.why(platform, r.no, rights=ALL).text_zh
        for r in cases.cases(platform, CaseFilter(), limit=5, after=None, rights=ALL, today=TODAY)
    ]
    release = boundaries.stage(
        platform, town.delivery("aabbcc aabbcc ddbecc aaeezz", valid_from=date(2026, 7, 1)), by="t", now=NOW
    ).release_id
    boundaries.approve(platform, release, by="approver", now=NOW)
    boundaries.activate(platform, release, by="t", now=NOW)
    rows = cases.cases(platform, CaseFilter(), limit=5, after=None, rights=ALL, today=TODAY)
    assert sorted(row.community for row in rows) == ["a社区", "a社区", "e社区"]
    after = [cases.why(platform, r.no, rights=ALL).text_zh for r in rows]
    # who was sent out keeps the case and its evidence; what lay in a gap is decided anew
    assert [a == b for a, b in zip(after, before, strict=True)] == ["空隙" not in b for b in before]
    boundaries.withdraw(platform, release, by="t", reason="test", now=NOW)
    rows = cases.cases(platform, CaseFilter(), limit=5, after=None, rights=ALL, today=TODAY)
    assert sorted(row.community for row in rows) == ["", "a社区", "d社区"]


def test_every_decision_replays_to_the_same_answer(platform: Platform) -> None:
    load(platform, batch(category="0501"))
    for row in cases.cases(platform, CaseFilter(), limit=10, after=None, rights=ALL, today=TODAY):
        why = cases.why(platform, row.no, rights=ALL)
        assert why.replay_agrees
        assert "None" not in why.text_zh + why.text_en
        if "of the error area" in why.text_en:
            answered = why.evidence["unit"] or why.evidence["forward_to"]
            assert ("gives this unit" if answered else "gives this answer") in why.text_en


def test_the_evidence_names_rule_release_and_runner_up(platform: Platform) -> None:
    no = casework.report(platform, said(category="0501"), client=None, now=NOW).no
    why = cases.why(platform, no, rights=ALL)
    assert (why.evidence["unit"], why.evidence["rule"], why.evidence["runner_up_unit"]) == ("D1", "R05", "S1")
    for word in ("R05", "农林局", "东街街道", "小镇 SYNTHETIC", "100.0 米"):
        assert word in why.text_zh or word == "100.0 米"
    near = casework.report(platform, said(3.95, 0.5, accuracy=20.0), client=None, now=NOW).no
    evidence = cases.why(platform, near, rights=ALL).evidence
    assert (evidence["outcome"], evidence["runner_up_area"], round(evidence["border_distance_m"], 3)) == (
        "border_desk",
        "320404002",
        5.0,
    )


def test_the_hash_chain_of_a_case_can_be_recomputed(platform: Platform, connection: Connection) -> None:
    load(platform, batch(closed="2026-10-21T00:00"))
    take_role(connection, ALL)
    rows = connection.execute(text("SELECT * FROM case_event ORDER BY case_id, seq")).all()
    heads: dict[int, bytes] = {}
    for e in rows:
        micro = int((e.at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000 + 0.5)
        line = "\x1f".join(map(str, (e.case_id, e.seq, micro, e.kind, e.by, e.note)))
        heads[e.case_id] = hashlib.sha256(heads.get(e.case_id, b"") + line.encode()).digest()
        assert bytes(e.hash) == heads[e.case_id]
    stored = {row.id: bytes(row.head) for row in connection.execute(text("SELECT id, head FROM cases"))}
    assert stored == heads
    assert len(rows) == 3 * len(SPOTS)


def test_a_retrying_client_gets_the_same_case(platform: Platform) -> None:
    first = casework.report(platform, said(), client=("phone", "1"), now=NOW)
    again = casework.report(platform, said(), client=("phone", "1"), now=NOW)
    assert (first.created, again.created, again.no) == (True, False, first.no)
    with pytest.raises(Conflict, match="client_id '1' was used for another report"):
        casework.report(platform, said(description="other"), client=("phone", "1"), now=NOW)
    assert casework.report(platform, said(), client=("other phone", "1"), now=NOW).no != first.no


def test_coordinates_that_are_no_position_are_refused(platform: Platform) -> None:
    with pytest.raises(BadOption, match="is no position in EPSG:4326"):
        casework.report(platform, said(x=1e9, y=1e9, crs="EPSG:4326"), client=None, now=NOW)


def test_two_threads_with_one_client_id_make_one_case(own_platform: Platform) -> None:
    numbers: list[str] = []
    ready = threading.Barrier(6)

    def post() -> None:
        ready.wait()
        numbers.append(casework.report(own_platform, said(), client=("phone", "7"), now=NOW).no)

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 6
    assert len(set(numbers)) == 1


def test_two_loads_of_one_file_at_once_store_it_once(own_platform: Platform) -> None:
    outcomes: list[casework.LoadOutcome] = []
    ready = threading.Barrier(2)

    def go() -> None:
        ready.wait()
        outcomes.append(load(own_platform, batch()))

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.new for outcome in outcomes) == [0, len(SPOTS)]


@pytest.mark.parametrize("level", ["street", "community", "cell"])
def test_what_is_on_the_map_and_what_is_not_make_the_total(platform: Platform, level: str) -> None:
    load(platform, batch())
    counts = views.area_counts(platform, CaseFilter(period=MONTH), level=level, rights=ALL, today=TODAY)
    assert sum(a.n for a in counts.areas) + sum(counts.not_on_map.values()) == counts.total == len(SPOTS)
    # the town has no cells by declaration: its case is outside the cells' coverage, not in a gap
    assert counts.not_on_map == {"outside": 2 if level == "cell" else 1, "gap": 1, "no_position": 0}
    density = views.density(platform, CaseFilter(period=MONTH), zoom=15, crs="EPSG:4326", rights=ALL, today=TODAY)
    assert sum(density.n) == density.total == counts.total


def test_a_filter_restricts_every_view_alike(platform: Platform) -> None:
    load(platform, batch())
    for where, n in (
        (CaseFilter(period=MONTH, unit="S2"), 1),
        (CaseFilter(period=MONTH, state="border_desk"), 1),
        (CaseFilter(period=MONTH, category="01"), 6),
        (CaseFilter(period=MONTH, category="05"), 0),
        (CaseFilter(period=MONTH, area="320404001"), 2),
        (CaseFilter(period=MONTH, area="999"), 0),
        (CaseFilter(period=Period(date(2026, 1, 1), date(2026, 2, 1))), 0),
        (CaseFilter(period=MONTH, category="0%"), 0),
    ):
        assert views.area_counts(platform, where, level="street", rights=ALL, today=TODAY).total == n, where
        assert len(cases.cases(platform, where, limit=10, after=None, rights=ALL, today=TODAY)) == n, where


def test_counts_are_compared_with_the_period_before_and_the_usual(platform: Platform) -> None:
    load(
        platform,
        replace(
            batch([(0.5, 0.5)] * 28),
            received=np.datetime64("2026-09-22T04:00", "us") + np.arange(28).astype("timedelta64[D]"),
        ),
    )
    week = Period(date(2026, 10, 13), date(2026, 10, 20))
    a = next(
        a
        for a in views.area_counts(platform, CaseFilter(period=week), level="street", rights=ALL, today=TODAY).areas
        if a.code == "320404001"
    )
    assert (a.n, a.before, a.usual) == (7, 7, None)
    one = Period(date(2026, 10, 20), date(2026, 10, 22))
    a = next(
        a
        for a in views.area_counts(platform, CaseFilter(period=one), level="street", rights=ALL, today=TODAY).areas
        if a.code == "320404001"
    )
    assert (a.n, a.before, a.usual) == (0, 2, 2.0)


def test_places_are_ranked_and_named_after_what_is_near(platform: Platform) -> None:
    load(platform, batch([(0.5, 0.5)] * 3 + [(5.0, 0.5)]))
    places = views.ranked_places(platform, CaseFilter(period=MONTH), limit=5, rights=ALL, today=TODAY)
    assert [(p.label_zh, p.n, p.street, p.unit) for p in places] == [
        ("钟楼小学", 3, "东街", "东街街道"),
        ("长江路", 1, "西街", "西街街道"),
    ]


def test_the_public_may_count(platform: Platform) -> None:
    load(platform, batch())
    assert views.area_counts(
        platform, CaseFilter(period=MONTH), level="street", rights=PUBLIC, today=TODAY
    ).total == len(SPOTS)


def test_pages_of_a_worklist_follow_each_other(platform: Platform) -> None:
    load(platform, batch())
    first = cases.cases(platform, CaseFilter(), limit=4, after=None, rights=ALL, today=TODAY)
    rest = cases.cases(platform, CaseFilter(), limit=4, after=first[-1].no, rights=ALL, today=TODAY)
    assert len({row.no for row in (*first, *rest)}) == len(SPOTS)


@pytest.mark.parametrize(
    "no", ["", "ZL", "ZL2610-9999999", "ZL2610-abc", "' OR 1=1 --", "ZL2610-99999999999999999999999"]
)
def test_a_case_that_is_not_there_is_said_to_be_not_there(platform: Platform, no: str) -> None:
    with pytest.raises(NotFound, match="case numbers look like ZL2601-0000123"):
        cases.case(platform, no, rights=ALL)


def test_locate_answers_with_every_key_of_the_contract(platform: Platform) -> None:
    x, y = town.at(3.95, 0.5)
    answer = locating.locate(platform, x, y, crs="EPSG:4549", at=TODAY, accuracy=10.0)
    assert {"x", "y", "crs", "at", "release", "levels", "unit", "scope", "confidence"} <= set(answer)
    street = answer["levels"]["street"]
    assert set(street) == {"status", "code", "name", "on_border", "border_distance_m", "candidates"}
    assert [c["code"] for c in street["candidates"]] == ["320404001", "320404002"]
    assert sum(c["p"] for c in street["candidates"]) == pytest.approx(1.0)
    town_answer = locating.locate(platform, *town.at(5.5, 3.5), crs="EPSG:4549", at=TODAY, accuracy=None)
    assert (town_answer["unit"], town_answer["scope"], town_answer["forward_to"]) == (
        None,
        False,
        {"code": "X1", "name": "北镇"},
    )
    assert town_answer["levels"]["cell"]["status"] == "outside"


def test_outlines_of_levels_share_their_lines_when_simplified(platform: Platform) -> None:
    streets = maps.area_shapes(platform, level="street", zoom=12, bbox=None, today=TODAY)
    assert streets.count(b'"type":"Feature"') == 3
    assert (
        maps.area_shapes(platform, level="street", zoom=12, bbox=(0, 0, 1, 1), today=TODAY).count(b'"type":"Feature"')
        == 0
    )
    assert maps.basemap(platform, layer="road", zoom=12, bbox=None, today=TODAY).count("长江路".encode()) == 1
    with pytest.raises(BadOption, match="There is no base-map layer 'x'"):
        maps.basemap(platform, layer="x", zoom=12, bbox=None, today=TODAY)
