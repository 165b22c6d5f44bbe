"""Releases: asleep, compared, woken, withdrawn."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import town
from sqlalchemy import Connection, text

from gis.errors import NotFound, StepRefused
from gis.rights import ALL
from gis.services import boundaries
from gis.services.locating import locate
from gis.services.platform import Platform
from gis.store.engine import take_role

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
LATER = date(2026, 7, 1)
#: community d gives its two lower cells to a, e gains the gap
CHANGED = """
aabbcc
aabbcc
ddbecc
aaeezz
"""


def code_at(platform: Platform, column: float, row: float, day: date, level: str = "community") -> str | None:
    x, y = town.at(column, row)
    answer = locate(platform, x, y, crs="EPSG:4549", at=day, accuracy=None)
    return answer["levels"][level]["code"]


def staged(platform: Platform, drawing: str = CHANGED, day: date = LATER) -> boundaries.Staged:
    return boundaries.stage(platform, town.delivery(drawing, valid_from=day), by="steward", now=NOW)


def woken(platform: Platform, drawing: str = CHANGED, day: date = LATER) -> int:
    release = staged(platform, drawing, day).release_id
    boundaries.approve(platform, release, by="approver", now=NOW)
    boundaries.activate(platform, release, by="approver", now=NOW)
    return release


def test_the_same_delivery_again_is_the_same_release(platform: Platform) -> None:
    first = staged(platform)
    again = staged(platform)
    assert first.new
    assert not again.new
    assert again.release_id == first.release_id


def test_a_staged_release_changes_no_answer(platform: Platform) -> None:
    before = code_at(platform, 0.5, 3.5, date(2026, 8, 1))
    staged(platform)
    assert code_at(platform, 0.5, 3.5, date(2026, 8, 1)) == before == "320404001004"


def test_the_difference_is_told_by_kind(platform: Platform) -> None:
    diff = {level: {k: n for k, n in found["counts"].items() if n} for level, found in staged(platform).diff.items()}
    # street 1 keeps its outline though d's cells went to a; only street 2 gained the gap
    assert diff["street"] == {"identical": 2, "moved": 1}
    assert diff["community"] == {"identical": 3, "moved": 1, "rearranged": 1}
    assert diff["cell"]["added"] == 1
    assert "removed" not in diff["cell"]


def test_the_effective_day_decides_not_the_click(platform: Platform) -> None:
    woken(platform)
    assert code_at(platform, 0.5, 3.5, date(2026, 6, 30)) == "320404001004"
    assert code_at(platform, 0.5, 3.5, date(2026, 7, 1)) == "320404001001"
    assert code_at(platform, 3.5, 2.5, date(2026, 6, 30)) is None
    assert code_at(platform, 3.5, 2.5, date(2026, 7, 1)) == "320404002005"


def test_unchanged_areas_keep_their_row_and_their_first_day(platform: Platform, connection: Connection) -> None:
    woken(platform)
    take_role(connection, ALL)
    rows = (
        connection.execute(text("SELECT validity FROM area WHERE level = 'cell' AND code = '320404002003001'"))
        .scalars()
        .all()
    )
    assert [(r.lower, r.upper) for r in rows] == [(town.FIRST_DAY, None)]


def test_withdrawing_restores_every_answer(platform: Platform) -> None:
    spots = [(c + 0.5, r + 0.5) for c in range(7) for r in range(5)]
    days = (date(2026, 6, 30), date(2026, 7, 1))
    before = [
        [code_at(platform, c, r, day, level) for c, r in spots]
        for day in days
        for level in ("street", "community", "cell")
    ]
    release = woken(platform)
    boundaries.withdraw(platform, release, by="approver", reason="wrong file", now=NOW)
    after = [
        [code_at(platform, c, r, day, level) for c, r in spots]
        for day in days
        for level in ("street", "community", "cell")
    ]
    assert after == before
    assert boundaries.releases(platform)[-1]["status"] == "withdrawn"


def test_map_features_are_kept_when_a_delivery_brings_none(platform: Platform, connection: Connection) -> None:
    delivery = town.delivery(CHANGED, valid_from=LATER, features=())
    release = boundaries.stage(platform, delivery, by="steward", now=NOW).release_id
    take_role(connection, ALL)
    assert connection.execute(
        text("SELECT count(*) FROM release_feature WHERE release_id = :r"), {"r": release}
    ).scalar_one() == len(town.FEATURES)


def test_steps_out_of_order_are_refused_with_what_is_wanted(platform: Platform) -> None:
    release = staged(platform).release_id
    with pytest.raises(StepRefused, match="is staged; it can become active only from approved"):
        boundaries.activate(platform, release, by="x", now=NOW)
    boundaries.approve(platform, release, by="x", now=NOW)
    boundaries.activate(platform, release, by="x", now=NOW)
    with pytest.raises(StepRefused, match="is active; it can become approved only from staged or approved"):
        boundaries.approve(platform, release, by="x", now=NOW)
    with pytest.raises(NotFound, match="There is no release 4711"):
        boundaries.approve(platform, 4711, by="x", now=NOW)


def test_a_release_compared_with_another_world_is_not_woken(platform: Platform) -> None:
    stale = staged(platform, day=date(2026, 9, 1)).release_id
    boundaries.approve(platform, stale, by="x", now=NOW)
    woken(platform)
    with pytest.raises(StepRefused, match="was compared with release .* stage its delivery again"):
        boundaries.activate(platform, stale, by="x", now=NOW)
    again = staged(platform, day=date(2026, 9, 1))
    assert again.new
    boundaries.approve(platform, again.release_id, by="x", now=NOW)
    boundaries.activate(platform, again.release_id, by="x", now=NOW)


def test_a_release_is_not_slipped_in_before_a_later_one(platform: Platform) -> None:
    woken(platform)
    early = staged(platform, day=date(2026, 1, 1)).release_id
    boundaries.approve(platform, early, by="x", now=NOW)
    with pytest.raises(StepRefused, match="is in force from 2026-07-01 and was compared without it"):
        boundaries.activate(platform, early, by="x", now=NOW)
