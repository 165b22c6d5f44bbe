"""A file decided partition by partition, here and on Dask: the same rows, whole files, nothing lost, nothing doubled."""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pytest
import town
from conftest import PLACE_FILE

from etl.assigning import MANIFEST, Run, begin, joined, local, totals
from etl.backfill import dask_engine
from etl.points import Partition, PointsFile, survey_of
from gis.assignment.parts import PartsIndex
from gis.assignment.responsibility import Register
from gis.errors import Conflict, FileFault
from gis.place import read_place
from gis.rules import Rule
from gis.services.bulk import Assigner, Ground
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
            Ground(None, replace(town.area_set(), release_id=None, levels=_nothing()), (), 0.0),
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


def _nothing() -> tuple[Any, ...]:
    columns = {name: slice(0, 0) for name in ("codes",)}
    del columns
    return tuple(
        type(level)(level.level, *(getattr(level, name)[:0] for name in level.__slots__[1:]))
        for level in town.area_set().levels
    )


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


def rows(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("part-*.parquet"))], ignore_index=True)


@pytest.fixture(scope="module")
def here(made: Assigner, parquet: PointsFile, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The answers of this process."""
    return done_by(started(made, parquet, tmp_path_factory.mktemp("here")), local, made)


def sums(run: Run) -> list[tuple[str, str]]:
    return [(row["part"], row["sha256"]) for row in run.manifest["partitions"]]


def test_every_row_is_answered_in_its_place(here: Run) -> None:
    found, given = rows(Path(here.order.folder)), frame()
    assert found["id"].tolist() == given["id"].tolist()
    assert set(found["outcome"]) == {"located", "border_desk", "gap", "outside", "rejected"}
    rejected = found[found["outcome"] == "rejected"]
    assert rejected["reason"].astype(str).to_dict() == {3: "position", 7: "category", 11: "accuracy", 600: "position"}
    told = totals(here.manifest["partitions"])
    assert told["rows"] == 1100
    assert told["rejected"] == {"accuracy": 1, "category": 1, "position": 2}
    assert told["outcomes"] == found["outcome"].astype(str).value_counts().to_dict()


def test_a_csv_gives_what_parquet_gives(made: Assigner, here: Run, tmp_path: Path) -> None:
    text = frame().to_csv(index=False, lineterminator="\r\n", float_format="%r", date_format="%Y-%m-%d %H:%M:%S")
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
    pd.testing.assert_frame_equal(plain(rows(tmp_path / "out")), plain(rows(Path(here.order.folder))))


def plain(found: pd.DataFrame) -> pd.DataFrame:
    """Words as words, whatever dictionary they were written with."""
    return found.astype({name: object for name, kind in found.dtypes.items() if kind == "category"})


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
            pieces = [backfill_table(part, cut.header) for part in cut.partitions]
            assert pa.concat_tables(pieces).column("x").to_pylist() == ["5", "6", "7", "8", "9"]


def backfill_table(part: Partition, header: Sequence[str]) -> Any:
    from etl.points import read_table

    return read_table(part, ["x"], header=header)


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
    found = pd.read_parquet(tmp_path / "all.parquet")
    pd.testing.assert_frame_equal(plain(found), plain(rows(Path(here.order.folder))))
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]


@pytest.mark.parametrize(
    ("name", "content", "columns", "crs", "said"),
    [
        ("a.csv", b"lon,lat\n1,2\n", {"x": "lon", "y": "north"}, "EPSG:4549", "no column 'north'"),
        ("a.csv", b'lon,lat\n493100,3517100\n4"93100,3517100\n1,2\n', {}, "EPSG:4549", "quotation mark"),
        ("a.csv", b"lon,lat\n119.93,31.78\n", {}, "EPSG:4549", "give --crs EPSG:4326"),
        ("a.csv", b"lon,lon\n1,2\n", {}, "EPSG:4549", "two columns of one name"),
        ("a.csv", b"\xff\xfe\n1,2\n", {}, "EPSG:4549", "no header in utf-8"),
        ("a.parquet", b"PAR1", {}, "EPSG:4549", "cannot be read as Parquet"),
        ("a.xlsx", b"PK", {}, "EPSG:4549", "neither .csv nor .parquet"),
    ],
)
def test_inputs_that_cannot_be_used(
    made: Assigner, tmp_path: Path, name: str, content: bytes, columns: dict[str, str], crs: str, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileFault, match=said):
        started(made, PointsFile(tmp_path / name, columns or {"x": "lon", "y": "lat"}, crs), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@functools.cache
def _killed_once(flag: str) -> Path:
    return Path(flag)


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
    assert not psutil.pid_exists(killed[0])
    assert len(list(pids.iterdir())) > 2  # another worker took its place
    assert [row["number"] for row in run.manifest["partitions"]] == list(range(22))
    wanted = done_by(started(made, parquet, tmp_path / "wanted", size=50), local, made)
    assert sums(run) == sums(wanted)
    pd.testing.assert_frame_equal(plain(rows(tmp_path / "out")), plain(rows(Path(here.order.folder))))
    left = {path.name for path in (tmp_path / "out").iterdir()} - {row["part"] for row in run.manifest["partitions"]}
    assert {name for name in left if not name.endswith(".tmp")} == {MANIFEST}
    assert not list((tmp_path / "out").glob(".assigner*"))
