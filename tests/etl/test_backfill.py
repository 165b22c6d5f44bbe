"""A file decided partition by partition, here and on Dask: the same rows, nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import town
from conftest import PLACE_FILE

from etl.assigning import MANIFEST, Run, begin, joined, local, totals
from etl.backfill import Carried, dask_engine, decided
from etl.points import PointsFile, read_table, survey_of
from gis.areas import AreaSet, LevelAreas
from gis.assignment.parts import PartsIndex
from gis.assignment.register import Register
from gis.cli import main
from gis.errors import BadOption, Conflict, FileFault, SystemFault
from gis.place import read_place
from gis.rules import Rule
from gis.services import registers
from gis.services.bulk import Assigner, Ground
from gis.services.platform import Platform
from gis.settings import Settings
from gis.units import Territory, Unit

NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
THEN = date(2000, 1, 1)
COLUMNS = {"x": "lon", "y": "lat", "id": "id", "time": "time", "category": "category", "accuracy": "accuracy"}
SIZE = 250


@pytest.fixture(scope="module")
def made() -> Assigner:
    """The town without a database."""
    words = np.array([], dtype=object)
    days = np.array([], dtype="datetime64[D]")
    numbers = np.array([], dtype=float)
    units = tuple(Unit(code, "", "", kind, "", THEN) for code, kind in (("S1", "street"), ("S2", "street")))
    return Assigner(
        place=read_place(PLACE_FILE),
        grounds=(
            Ground(None, _emptied(town.area_set()), (), 0.0),
            Ground(town.FIRST_DAY, town.area_set(), town.FEATURES, 0.5),
        ),
        register=Register(
            units=(*units, Unit("D1", "", "", "department", "", THEN)),
            territories=(Territory("320404001", "S1", THEN), Territory("320404002", "S2", THEN)),
            rules=(Rule("R05", 10, "05", "", "D1", "河道", "rivers", THEN, id=1),),
        ),
        parts=PartsIndex(np.array([], dtype=np.int64), *[words] * 7, days, days, numbers, numbers),
        categories=(("0101", THEN, None), ("0501", THEN, None)),
    )


def _emptied(areas: AreaSet) -> AreaSet:
    names = LevelAreas.__slots__[1:]
    return AreaSet(None, tuple(LevelAreas(v.level, *(getattr(v, name)[:0] for name in names)) for v in areas.levels))


def frame(n: int = 1100) -> pd.DataFrame:
    """Points over the town, some without a position, a category or an accuracy that can be used."""
    chance = np.random.default_rng(7)
    at = np.array([town.at(c, r) for c, r in chance.uniform((-0.3, -0.3), (6.3, 4.3), (n, 2))])
    rank = np.arange(n)
    table = pd.DataFrame(
        {
            "id": [f"报告 {i}" for i in rank],
            "lon": at[:, 0],
            "lat": at[:, 1],
            "time": pd.Timestamp("2024-12-31T22:00") + pd.to_timedelta(rank, unit="min"),
            "category": np.where(rank % 3 == 0, "0501", "0101"),
            "accuracy": np.where(rank % 5 == 0, np.nan, 5.0 + rank % 40),
        }
    )
    table.loc[[3, 600], "lon"] = np.nan
    table.loc[7, "category"] = "9"
    table.loc[11, "accuracy"] = -1.0
    return table


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> PointsFile:
    path = tmp_path_factory.mktemp("input") / "points.parquet"
    frame().to_parquet(path, index=False, row_group_size=170)
    return PointsFile(path, COLUMNS, "EPSG:4549")


def done_by(run: Run, engine: Any, a: Assigner) -> Run:
    for done in engine(run.order, a, run.todo):
        run.add(done)
    return run


def started(a: Assigner, file: PointsFile, folder: Path, *, size: int = SIZE) -> Run:
    return begin(a, file, folder, size=size, at=NOW)


def read(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("part-*.parquet")) for row in read(path)]


@pytest.fixture(scope="module")
def here(made: Assigner, parquet: PointsFile, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The answers of this process."""
    return done_by(started(made, parquet, tmp_path_factory.mktemp("here")), local, made)


def sums(run: Run) -> list[tuple[str, str]]:
    return [(row["part"], row["sha256"]) for row in run.manifest["partitions"]]


def test_every_row_is_answered_in_its_place(here: Run) -> None:
    found, given = rows(Path(here.order.folder)), frame()
    assert [row["id"] for row in found] == given["id"].tolist()
    rejected = {n: row["reason"] for n, row in enumerate(found) if row["outcome"] == "rejected"}
    assert rejected == {3: "position", 7: "category", 11: "accuracy", 600: "position"}
    told = totals(here.manifest["partitions"])
    assert told["rows"] == 1100
    assert told["rejected"] == {"accuracy": 1, "category": 1, "position": 2}
    assert told["outcomes"] == Counter(row["outcome"] for row in found)
    assert set(told["outcomes"]) == {"located", "border_desk", "gap", "outside", "rejected"}


def test_a_csv_gives_what_parquet_gives(made: Assigner, here: Run, tmp_path: Path) -> None:
    text = frame().to_csv(index=False, lineterminator="\r\n", date_format="%Y-%m-%d %H:%M:%S")
    head, _, body = text.partition("\r\n")
    (tmp_path / "points.csv").write_bytes(b"\xef\xbb\xbf" + f"{head}\r\n\r\n{body}\r\n".encode().rstrip())
    file = PointsFile(tmp_path / "points.csv", COLUMNS, "EPSG:4549")
    found = done_by(started(made, file, tmp_path / "out"), local, made)
    assert sums(found) == sums(here)


def test_a_folder_of_parquet_gives_what_one_file_gives(made: Assigner, here: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for n in range(3):
        frame()[n * 400 : (n + 1) * 400].to_parquet(tmp_path / f"in/{n}.parquet", index=False)
    file = PointsFile(tmp_path / "in", COLUMNS, "EPSG:4549")
    done_by(started(made, file, tmp_path / "out"), local, made)
    assert rows(tmp_path / "out") == rows(Path(here.order.folder))


def test_parts_that_decided_nothing_are_counted(made: Assigner, tmp_path: Path) -> None:
    path = tmp_path / "points.parquet"
    frame().iloc[:20].assign(part=["32040401001009999", ""] * 10).to_parquet(path, index=False)
    run = done_by(
        started(made, PointsFile(path, COLUMNS | {"part": "part"}, "EPSG:4549"), tmp_path / "out"), local, made
    )
    told = totals(run.manifest["partitions"])
    assert (told["rows"], told["parts_not_taken"]) == (20, 10)
    from etl.cli_assign import _told

    assert "10 rows name a part that decided nothing: none of that identifier" in "\n".join(
        _told({"taken_over": 0, "delimiter": ","} | told, None)
    )


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_a_csv_is_cut_between_its_records(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.points._BLOCK", 7)
    path = tmp_path / "c.csv"
    records = ['1,"a\nb",5', '2,"say ""x""\r\n",6', "", "3,c,7", '4,"",8', "5,d,9"]
    for end in ("\n", "\r\n"):
        for last in ("", end, end * 2):
            path.write_bytes(("id,word,x" + end + end.join(records) + last).encode())
            cut = survey_of(PointsFile(path, {"x": "x"}, "EPSG:4549"), size)
            assert cut.rows == 5
            assert [part.rows for part in cut.partitions] == [size] * (5 // size) + ([5 % size] if 5 % size else [])
            pieces = [read_table(part, ["x"], header=cut.header) for part in cut.partitions]
            assert pa.concat_tables(pieces).column("x").to_pylist() == ["5", "6", "7", "8", "9"]


def test_a_run_again_takes_over_and_redoes_what_is_broken(made: Assigner, parquet: PointsFile, tmp_path: Path) -> None:
    first = done_by(started(made, parquet, tmp_path), local, made)
    again = begin(made, parquet, tmp_path, size=SIZE, at=datetime(2027, 1, 1, tzinfo=UTC))
    assert (again.todo, again.taken_over, again.order.at) == ([], 5, NOW)
    (tmp_path / "part-00001.parquet").write_bytes(b"torn")
    (tmp_path / "part-00003.parquet").unlink()
    again = started(made, parquet, tmp_path)
    assert [part.number for part in again.todo] == [1, 3]
    assert sums(done_by(again, local, made)) == sums(first)


def test_a_run_that_was_stopped_goes_on(made: Assigner, parquet: PointsFile, tmp_path: Path, here: Run) -> None:
    run = started(made, parquet, tmp_path)
    for done in local(run.order, made, run.todo[:2]):
        run.add(done)
    again = started(made, parquet, tmp_path)
    assert [part.number for part in again.todo] == [2, 3, 4]
    assert sums(done_by(again, local, made)) == sums(here)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("input", lambda file, a, size: (PointsFile(_other(file), file.columns, file.crs), a, size)),
        ("columns", lambda file, a, size: (replace(file, columns=file.columns | {"category": ""}), a, size)),
        ("partition", lambda file, a, size: (file, a, size + 1)),
        ("boundaries and registers", lambda file, a, size: (file, replace(a, categories=a.categories[:1]), size)),
    ],
)
def test_another_run_in_the_folder_is_refused(
    made: Assigner, parquet: PointsFile, here: Run, what: str, change: Callable[..., Any]
) -> None:
    file, a, size = change(parquet, made, SIZE)
    with pytest.raises(Conflict, match=rf"another run: different {what}.*another folder with -o"):
        started(a, file, Path(here.order.folder), size=size)


def _other(file: PointsFile) -> Path:
    path = file.path.with_name("other.parquet")
    frame(900).to_parquet(path, index=False)
    return path


def test_a_folder_with_other_files_is_refused(made: Assigner, parquet: PointsFile, tmp_path: Path) -> None:
    (tmp_path / "part-00000.parquet").write_bytes(b"somebody's")
    with pytest.raises(Conflict, match=f"without a {MANIFEST}"):
        started(made, parquet, tmp_path)
    (tmp_path / MANIFEST).write_text("[]")
    with pytest.raises(Conflict, match="not the manifest"):
        started(made, parquet, tmp_path)


def test_answers_as_one_file(here: Run, tmp_path: Path) -> None:
    joined(Path(here.order.folder), here.manifest, tmp_path / "all.parquet")
    assert read(tmp_path / "all.parquet") == rows(Path(here.order.folder))
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]


@pytest.mark.parametrize(
    ("name", "content", "y", "said"),
    [
        ("a.csv", b"lon,lat\n1,2\n", "north", "no column 'north'"),
        ("a.csv", b'lon,lat\n493100,3517100\n4"93100,3517100\n1,2\n', "lat", "quotation mark"),
        ("a.csv", b"lon,lat\n119.93,31.78\n", "lat", "give --crs EPSG:4326"),
        ("a.csv", b"lon,lat\n\n", "lat", "has no rows"),
        ("a.csv", b"lon,lon\n1,2\n", "lat", "two columns of one name"),
        ("a.csv", b"\xff\xfe\n1,2\n", "lat", "no header in utf-8"),
        ("a.parquet", b"PAR1", "lat", "cannot be read as Parquet"),
        ("a.xlsx", b"PK", "lat", "neither .csv nor .parquet"),
    ],
)
def test_inputs_that_cannot_be_used(
    made: Assigner, tmp_path: Path, name: str, content: bytes, y: str, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileFault, match=said):
        started(made, PointsFile(tmp_path / name, {"x": "lon", "y": y}, "EPSG:4549"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("values", [[[493100.0]], [b"493100"]])
def test_a_column_of_lists_or_bytes_is_refused(made: Assigner, tmp_path: Path, values: list[Any]) -> None:
    pq.write_table(pa.table({"lon": values, "lat": [3517100.0]}), tmp_path / "a.parquet")
    with pytest.raises(FileFault, match="The column 'lon' holds .*; wanted texts, numbers or times"):
        started(made, PointsFile(tmp_path / "a.parquet", {"x": "lon", "y": "lat"}, "EPSG:4549"), tmp_path / "out")


class Slow(Assigner):
    """Takes its time, so that a worker can be killed in the middle; says who it is."""

    def assign(self, points: Any) -> Any:
        (Path(self.place.name) / f"pid-{os.getpid()}").touch()
        time.sleep(0.2)
        return super().assign(points)


def test_dask_gives_the_same_files_though_a_worker_is_killed(
    made: Assigner, parquet: PointsFile, here: Run, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    values = {name: getattr(made, name) for name in ("grounds", "register", "parts", "categories")}
    slow = Slow(place=replace(made.place, name=str(pids)), **values)
    run, killed = begin(slow, parquet, tmp_path / "out", size=50, at=NOW), []
    for n, done in enumerate(dask_engine(workers=2)(run.order, slow, run.todo)):
        run.add(done)
        if n == 4:
            killed.append(int(next(pids.iterdir()).name.partition("-")[2]))
            os.kill(killed[0], signal.SIGKILL)
    assert len(list(pids.iterdir())) > 2  # another worker took its place
    assert [row["number"] for row in run.manifest["partitions"]] == list(range(22))
    wanted = done_by(started(made, parquet, tmp_path / "wanted", size=50), local, made)
    assert sums(run) == sums(wanted)
    assert rows(tmp_path / "out") == rows(Path(here.order.folder))
    left = {path.name for path in (tmp_path / "out").iterdir()} - {row["part"] for row in run.manifest["partitions"]}
    assert {name for name in left if not name.endswith(".tmp")} == {MANIFEST}
    assert not list((tmp_path / "out").glob(".assigner*"))


def test_a_cluster_at_an_address_does_the_same(made: Assigner, parquet: PointsFile, here: Run, tmp_path: Path) -> None:
    from distributed import LocalCluster

    options = {"host": "127.0.0.1", "dashboard_address": None, "worker_dashboard_address": None, "memory_limit": 0}
    with LocalCluster(n_workers=1, threads_per_worker=1, local_directory=str(tmp_path / "room"), **options) as cluster:
        run = started(made, parquet, tmp_path / "out")
        done_by(run, dask_engine(workers=9, scheduler=cluster.scheduler_address), made)
    assert sums(run) == sums(here)


def test_what_a_worker_refuses_is_said(made: Assigner, parquet: PointsFile, tmp_path: Path) -> None:
    run = started(made, parquet, tmp_path)
    carried = Carried(str(tmp_path / "assigner"), "0" * 64)
    with pytest.raises(SystemFault, match="install the same on both"):
        decided(replace(run.order, version="0.0"), carried, run.todo[0])
    (tmp_path / "assigner").write_bytes(pickle.dumps("somebody's"))
    with pytest.raises(SystemFault, match="not what was written there"):
        carried.load()


def test_an_engine_that_is_not_there_is_said(
    made: Assigner, parquet: PointsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadOption, match=r"tcp://10\.0\.0\.5:8786"):
        dask_engine(workers=1, scheduler="10.0.0.5")
    monkeypatch.setattr("etl.backfill._WAIT_S", 0.3)
    run = started(made, parquet, tmp_path)
    with pytest.raises(SystemFault, match="does not answer"):
        list(dask_engine(workers=1, scheduler="tcp://127.0.0.1:9")(run.order, made, run.todo))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadOption, match=r"pip install 'gridward\[cluster\]'"):
        dask_engine(workers=1)


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(own_database: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command on a database of its own."""
    monkeypatch.setenv("GRIDWARD_HOME", str(own_database.home))
    monkeypatch.setenv("GRIDWARD_CONFIG", str(PLACE_FILE))
    monkeypatch.setenv("GRIDWARD_DATABASE_URL", own_database.database_url or "")

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridward", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return int(str(left.value.code)), said.out, said.err

    return run


OPTIONS = [word for name, column in COLUMNS.items() for word in (f"--{name}", column)] + ["--crs", "EPSG:4549"]


def test_the_command_answers_what_is_stored_and_decides_it_anew(
    call: Call, own_platform: Platform, tmp_path: Path
) -> None:
    good = frame().drop(index=[3, 7, 11, 600])
    good.to_csv(tmp_path / "good.csv", index=False)
    out, export = tmp_path / "out.parquet", tmp_path / "export.parquet"
    assert call("reports", "load", tmp_path / "good.csv", *OPTIONS)[0] == 0
    code, said, _ = call("reports", "assign", tmp_path / "good.csv", *OPTIONS, "-o", out, "--partition", 300, "--json")
    told = json.loads(said)
    assert (code, told["rows"], told["partitions"], told["moves"]) == (0, 1096, 4, [])
    assert call("reports", "export", "-o", export)[0] == 0
    stored = {row["id"]: row for row in read(export)}
    for row in read(out):
        same = {name: row[name] for name in row if name in stored[row["id"]]}
        assert len(same) == 12
        assert same == {name: stored[row["id"]][name] for name in same}
    code, said, _ = call("reports", "assign", "--all", "--json")
    assert (code, json.loads(said)["rows"], json.loads(said)["moves"]) == (0, 1096, [])
    registers.load(own_platform, "rules", town.RULES.assign(code="R01", ord="5", category="01", unit="D1"))
    code, said, _ = call("reports", "assign", "--since", "2025-01-01", "-o", tmp_path / "again", "--engine", "local")
    again = read(tmp_path / "again/part-00000.parquet")
    assert f"{len(again)} rows" in said
    assert f"{sum(row['changed'] for row in again)} would have another unit" in said
    assert {(row["unit_before"], row["unit"]) for row in again if row["changed"]} >= {("S1", "D1"), ("S2", "D1")}
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == [MANIFEST, "part-00000.parquet"]


def test_the_command_tells_what_was_rejected_and_taken_over(call: Call, parquet: PointsFile, tmp_path: Path) -> None:
    words = ("reports", "assign", parquet.path, *OPTIONS, "-o", tmp_path / "out", "--partition", 300)
    code, said, _ = call(*words)
    assert code == 1
    assert "rejected for their position: 2" in said
    assert call(*words)[1].count("4 of 4 partitions were there already") == 1
    code, _, told = call(*words[:-1], 200)
    assert (code, "different partition" in told) == (1, True)


def test_cases_that_are_not_there(call: Call, tmp_path: Path) -> None:
    code, _, told = call("reports", "assign", "--since", "2026-01-01", "-o", tmp_path / "out")
    assert (code, "No case was received since 2026-01-01" in told) == (1, True)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "either a FILE to decide, or --all"),
        (["x.csv", "--all"], "either a FILE to decide, or --all"),
        (["--all", "--x", "lon"], "--x: stored cases have no such options"),
        (["x.csv", "--x", "lon"], "needs --y, --crs"),
        (["x.csv", "--x", "a", "--y", "b", "--crs", "EPSG:4549", "--scheduler", "tcp://h:1"], "--scheduler needs -o"),
        (["--all", "-o", "/nowhere/out"], "its folder does not exist"),
    ],
)
def test_wrong_options_are_told(call: Call, words: list[str], said: str) -> None:
    code, _, told = call("reports", "assign", *words)
    assert code == 2
    assert said in told
