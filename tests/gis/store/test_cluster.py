"""The private cluster: real servers in homes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PLACE_FILE

from gis.errors import BadOption, Conflict, DatabaseDown, DatabaseMissing
from gis.settings import Settings
from gis.store import binaries
from gis.store.binaries import find_binaries
from gis.store.cluster import Cluster


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a space and Chinese letters in its name, far down, closed to others as root's own is."""
    top = Path(tempfile.mkdtemp(prefix="gw-"))
    folder = top / "城 市" / "/".join(["a-rather-long-folder-name"] * 5)
    folder.mkdir(parents=True, mode=0o700)
    yield folder
    cluster = Cluster.of(Settings(folder, PLACE_FILE))
    cluster.down()
    cluster.remove()
    shutil.rmtree(top)


def of(home: Path) -> Cluster:
    return Cluster.of(Settings(home, PLACE_FILE))


def sql(cluster: Cluster, statement: str) -> str:
    return cluster._sql(statement).strip()


def postmaster(cluster: Cluster) -> int:
    return int((cluster.data / "data/postmaster.pid").read_text().split()[0])


def test_a_cluster_lives_and_survives_kill_9_a_stale_pid_and_a_second_up(home: Path) -> None:
    cluster = of(home)
    assert cluster.up()
    assert not cluster.up()
    status = cluster.status()
    assert status.running
    assert status.postgis.startswith("3.")
    sql(cluster, "CREATE TABLE kept (i int); INSERT INTO kept VALUES (7)")
    os.kill(postmaster(cluster), signal.SIGKILL)
    assert cluster.up()
    assert sql(cluster, "SELECT i FROM kept") == "7"
    assert cluster.down()
    assert not cluster.down()
    # After a restart of the machine another process may bear the number that the pid file names.
    pid = cluster.data / "data/postmaster.pid"
    pid.write_text(f"{os.getpid()}\n{cluster.data}/data\n")
    assert cluster.up()
    assert sql(cluster, "SELECT i FROM kept") == "7"


def test_a_server_whose_socket_was_cleaned_away_is_found_again(home: Path) -> None:
    cluster = of(home)
    cluster.up()
    sql(cluster, "CREATE TABLE kept (i int); INSERT INTO kept VALUES (7)")
    shutil.rmtree(cluster.socket)
    assert cluster.up()
    assert sql(cluster, "SELECT i FROM kept") == "7"
    shutil.rmtree(cluster.socket)
    assert cluster.down()
    assert not cluster.down()


def test_several_ups_at_once_start_it_once(home: Path) -> None:
    started: list[bool] = []
    threads = [threading.Thread(target=lambda: started.append(of(home).up())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started) == [False, False, False, True]


def test_it_listens_on_nothing_but_its_private_socket(home: Path) -> None:
    cluster = of(home)
    cluster.up()
    assert sql(cluster, "SHOW listen_addresses") == ""
    assert sql(cluster, "SHOW fsync") == "on"
    assert cluster.socket.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(cluster.socket)) < 60


def test_a_dump_comes_back_and_never_over_data_unasked(home: Path, tmp_path: Path) -> None:
    cluster = of(home)
    cluster.up()
    sql(
        cluster,
        "CREATE SCHEMA gridward; CREATE TABLE gridward.release (i int); INSERT INTO gridward.release VALUES (5)",
    )
    cluster.dump(tmp_path / "all.dump")
    sql(cluster, "UPDATE gridward.release SET i = 6")
    with pytest.raises(Conflict, match="give --replace"):
        cluster.restore(tmp_path / "all.dump", replace=False)
    cluster.restore(tmp_path / "all.dump", replace=True)
    assert sql(cluster, "SELECT i FROM gridward.release") == "5"
    (tmp_path / "no.dump").write_text("no dump")
    with pytest.raises(Exception, match="pg_restore failed"):
        cluster.restore(tmp_path / "no.dump", replace=True)
    assert sql(cluster, "SELECT i FROM gridward.release") == "5"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.dump", "no.dump"]


def test_a_cluster_that_is_down_says_how_to_start_it(home: Path, tmp_path: Path) -> None:
    with pytest.raises(DatabaseDown, match="start it with `gridward db up`"):
        of(home).dump(tmp_path / "x")


def test_a_database_of_ones_own_is_left_to_its_owner(tmp_path: Path) -> None:
    cluster = Cluster.of(Settings(tmp_path, PLACE_FILE, database_url="postgresql://me@db/x"))
    assert not cluster.up()
    assert cluster.url("gridward_app") == "postgresql+psycopg2://me@db/x"
    with pytest.raises(BadOption, match="use its own tools"):
        cluster.dump(tmp_path / "x")


def test_two_homes_are_two_clusters(tmp_path: Path) -> None:
    assert of(tmp_path / "a").data != of(tmp_path / "b").data
    assert of(tmp_path / "a").socket != of(tmp_path / "b").socket


def test_without_postgresql_the_error_names_what_where_and_three_remedies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "PLACES", (str(tmp_path / "*/bin"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DatabaseMissing) as caught:
        find_binaries()
    for words in (
        "initdb and postgis.control",
        str(tmp_path),
        "(1)",
        "(2)",
        "(3)",
        "GRIDWARD_DATABASE_URL",
        "apt-get install",
    ):
        assert words in str(caught.value)


def test_data_of_another_major_version_are_not_opened_with_this_one() -> None:
    with pytest.raises(DatabaseMissing, match="No PostgreSQL 9 with PostGIS"):
        find_binaries(major=9)
