"""A dump takes away what a killed one left, not what is being written, and leaves out what a load is at."""

from __future__ import annotations

import fcntl
from datetime import date
from pathlib import Path

from gis.rights import ALL
from gis.settings import Settings
from gis.store import loading
from gis.store.cluster import Cluster
from gis.store.engine import Store


def test_what_a_killed_dump_left_goes_with_the_next_one(settings: Settings, tmp_path: Path) -> None:
    left, written = tmp_path / ".old.dump.part", tmp_path / ".other.dump.part"
    left.write_bytes(b"half")
    with written.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        Cluster.of(settings).dump(tmp_path / "new.dump")
        assert sorted(path.name for path in tmp_path.iterdir()) == [".other.dump.part", "new.dump"]
    assert (tmp_path / "new.dump").read_bytes()[:5] == b"PGDMP"


def test_a_dump_leaves_out_the_rows_of_a_load_that_is_not_done(settings: Settings, tmp_path: Path) -> None:
    cluster = Cluster.of(settings)
    store = Store.at(cluster.url("gridward_app"))
    try:
        with store.begin(ALL) as connection:
            load, _ = loading.begin(connection)
            with store.begin(ALL) as rows:
                loading.make(rows, load)
                loading.open_months(rows, load, [date(2026, 9, 1)])
            cluster.dump(tmp_path / "new.dump")
            loading.end(connection, load, [])
            raise Abandoned
    except Abandoned:
        with store.begin(ALL) as connection:
            loading.sweep(connection)
    finally:
        store.close()
    text = (tmp_path / "new.dump").read_bytes()
    assert b"loading_cases" not in text
    assert b"case_key" in text


class Abandoned(Exception):
    pass
