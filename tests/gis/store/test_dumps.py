"""A dump that was killed leaves a part; the next dump takes it away, but not one that is being written."""

from __future__ import annotations

import fcntl
from pathlib import Path

from gis.settings import Settings
from gis.store.cluster import Cluster


def test_what_a_killed_dump_left_goes_with_the_next_one(settings: Settings, tmp_path: Path) -> None:
    left, written = tmp_path / ".old.dump.part", tmp_path / ".other.dump.part"
    left.write_bytes(b"half")
    with written.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        Cluster.of(settings).dump(tmp_path / "new.dump")
        assert sorted(path.name for path in tmp_path.iterdir()) == [".other.dump.part", "new.dump"]
    assert (tmp_path / "new.dump").read_bytes()[:5] == b"PGDMP"
