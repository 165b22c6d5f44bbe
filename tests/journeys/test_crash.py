"""kill -9 of a boundary command, or of the database under it: the old world or the new one, and a retry completes.

`make crash` draws as many moments as wanted; these are some in the last part of a command, where it writes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from crashes import Laboratory, Moment, laboratory
from worlds import faults


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with laboratory() as found:
        yield found


def test_the_commands_change_the_world_and_a_check_does_not(lab: Laboratory) -> None:
    assert lab.before["check"] == lab.after["check"]
    for command in ("stage", "approve", "activate", "withdraw"):
        assert lab.before[command] != lab.after[command], command


@pytest.mark.parametrize(
    "moment",
    [
        Moment("check", "command", 0.6),
        Moment("stage", "command", 0.9),
        Moment("stage", "database", 0.8),
        Moment("activate", "command", 0.9),
        Moment("activate", "database", 0.85),
        Moment("withdraw", "database", 0.9),
    ],
    ids=lambda m: f"{m.command}-{m.victim}",
)
def test_a_kill_leaves_the_old_world_or_the_new_and_the_same_command_completes(lab: Laboratory, moment: Moment) -> None:
    found = lab.kill(moment)
    assert found.wrong == ()
    assert found.left in ("old", "new", "old = new")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM release_diff", "a release without exactly one statement of its changes"),
        ("INSERT INTO release_event (release_id, step, at, by) VALUES (1, 'staged', now(), 'x')", "exactly one staged"),
        ("DELETE FROM release_area WHERE release_id = 2", "an area of no release"),
        (
            "UPDATE area SET validity = 'empty' WHERE id = (SELECT min(placement[3]) FROM cases)",
            "area that is not awake",
        ),
        ("UPDATE cases SET unit = 'D1' WHERE unit = 'S1'", "a case whose unit is not that of its newest decision"),
        ("UPDATE decision SET release_id = 2", "a decision on areas of another release"),
        (
            "INSERT INTO case_step SELECT case_id, received_on, 9, decided_at, 'closed', 'x', '', '' FROM decision",
            "a broken chain of events",
        ),
        ("UPDATE cases SET head = ''", "a case whose head is not its newest event"),
        ("UPDATE decision SET source = 'x' WHERE seq = 1", "a case whose head is not its newest event"),
    ],
)
def test_damage_that_half_a_command_could_do_is_seen(lab: Laboratory, damage: str, words: str) -> None:
    lab.put_back("activate")
    assert faults(lab.settings) == []
    lab.cluster._sql(f"SET search_path = gridward, public; SET session_replication_role = replica; {damage}")
    assert words in "; ".join(faults(lab.settings))
