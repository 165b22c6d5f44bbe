"""The command as a person uses it: exit codes, one clear sentence, nothing half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import town
from conftest import NOW, PLACE_FILE, load_town
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from gis.services import boundaries
from gis.services.platform import Platform
from gis.services.schema import migrate
from gis.settings import Settings
from gis.store.cluster import Cluster
from gis.store.engine import Store

Run = Callable[..., subprocess.CompletedProcess[str]]
HEADER = "id,lon,lat,time,category\n"
OPTIONS = ("--x", "lon", "--y", "lat", "--crs", "EPSG:4549", "--id", "id", "--time", "time", "--category", "category")


def rows(*cells: tuple[str, float, float, str, str]) -> str:
    return HEADER + "".join(f"{i},{x},{y},{t},{c}\n" for i, x, y, t, c in cells)


def good(n: int, first: int = 0) -> str:
    x, y = town.at(0.5, 0.5)
    return rows(*((str(first + i), x + i % 7, y - i % 5, "2026-10-20 08:00", "0101") for i in range(n)))


def environment(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "GRIDWARD_HOME": str(settings.home),
        "GRIDWARD_CONFIG": str(PLACE_FILE),
        "GRIDWARD_DATABASE_URL": settings.database_url or "",
        "GRIDWARD_OWNER_URL": settings.owner_url or "",
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from gis.cli import main; main()", *arguments]


@pytest.fixture
def run(own_database: Settings) -> Run:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), capture_output=True, text=True, timeout=120, check=False, env=environment(own_database)
        )

    return call


def stored(settings: Settings) -> tuple[int, int, int, int]:
    with create_engine(settings.database_url or "", poolclass=NullPool).begin() as connection:
        connection.execute(text("SET LOCAL ROLE gridward_all"))
        tables = ("cases", "decision", "case_event", "case_key")
        counts = [connection.execute(text(f"SELECT count(*) FROM gridward.{table}")).scalar_one() for table in tables]
        return counts[0], counts[1], counts[2], counts[3]


def test_a_load_is_counted_and_the_same_file_again_is_nothing_new(
    run: Run, own_database: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(good(40))
    first = run("reports", "load", str(path), *OPTIONS, "--json")
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert (answer["rows"], answer["new"], answer["located"], answer["known"]) == (40, 40, 40, 0)
    assert {"parse", "project", "locate", "decide", "store"} <= set(answer["seconds"])
    again = run("reports", "load", str(path), *OPTIONS)
    assert again.returncode == 0
    assert "40 rows: 0 new, 40 stored already, 0 rejected." in again.stdout
    assert stored(own_database) == (40, 40, 80, 40)


def test_bad_rows_are_named_and_the_rest_is_stored(run: Run, own_database: Settings, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(good(9) + "bad,nan,1,2026-10-20,0101\n")
    refused = run("reports", "load", str(path), *OPTIONS)
    assert refused.returncode == 1
    assert (
        "1 of 10 rows of reports.csv are bad, more than --max-rejects 1% allows; nothing was stored" in refused.stderr
    )
    assert stored(own_database)[0] == 0
    taken = run("reports", "load", str(path), *OPTIONS, "--max-rejects", "20%")
    assert taken.returncode == 1
    assert "row 10: x is 'nan'; wanted a number" in taken.stdout
    assert stored(own_database)[0] == 9


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("reports", "load", "none.csv", *OPTIONS), 1, "is no file that can be read"),
        (("reports", "load", "none.csv", "--x", "lon"), 2, "Missing option '--y'"),
        (("reports", "load", "none.csv", *OPTIONS, "--max-rejects", "x"), 2, "--max-rejects is 'x'"),
        (("reports", "load", "none.csv", *OPTIONS[:-6], "--crs", "WGS84"), 1, "The CRS is 'WGS84'"),
        (("reports", "export", "-o", "x.docx"), 2, "ending in .csv, .parquet or .gpkg"),
        (("reports", "export", "-o", "/nowhere/x.csv"), 2, "its folder does not exist"),
        (("locate", "119.93", "31.78", "--at", "yesterday"), 2, "--at is 'yesterday'"),
        (("locate", "119.93", "31.78", "--accuracy", "-1"), 2, "accuracy is -1.0"),
        (("locate", "x", "31.78"), 2, "'x' is not a valid float"),
        (("why", "ZL2601-0000001"), 1, "There is no case"),
        (("boundaries", "check", "none"), 2, "which does not exist"),
        (("boundaries", "check", "http://x/y.shp"), 2, "no address and no /vsi name"),
        (("boundaries", "check", "/vsizip/x.zip"), 2, "no address and no /vsi name"),
        (("boundaries", "diff", "99"), 1, "There is no release 99"),
        (("boundaries", "impact", "99", "--successor", "x"), 2, "wanted OLD=NEW"),
        (("boundaries", "export", "--level", "none", "-o", "x.gpkg"), 1, "There is no level 'none'"),
        (("boundaries", "approve", "99"), 1, "There is no release 99"),
        (("boundaries", "stage", ".", "--accept", "x"), 2, "--accept is 'x'"),
        (("rules", "load"), 2, "FILE is missing"),
        (("nonsense",), 2, "No such command 'nonsense'"),
        (("--config", "/none.toml", "boundaries", "list"), 2, "The place file /none.toml does not exist"),
    ],
)
def test_what_goes_wrong_is_one_sentence_with_its_exit_code(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = run(*arguments)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_outside_is_an_answer(run: Run) -> None:
    done = run("locate", "0", "0", "--json")
    assert done.returncode == 0, done.stderr
    assert {level["status"] for level in json.loads(done.stdout)["levels"].values()} == {"outside"}


def test_a_case_explains_itself_and_an_export_holds_its_evidence(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    x, y = town.at(0.5, 0.5)
    path.write_text(rows(("=cmd()", x, y, "2026-10-20", "0501"), ("b", x, y, "2026-10-20", "0101")))
    assert run("reports", "load", str(path), *OPTIONS).returncode == 0
    for name in ("out.csv", "out.parquet", "out.gpkg"):
        done = run("reports", "export", "-o", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "out.csv", dtype=str)
    wanted = "id,case,x,y,crs,received_at,category,cell,community,street,on_border,border_distance_m,unit,rule,release"
    wanted += ",confidence,state"
    assert ",".join(table.columns) == wanted
    assert table["id"].tolist() == ["'=cmd()", "b"]
    assert table["unit"].tolist() == ["D1", "S1"]
    assert pd.read_parquet(tmp_path / "out.parquet")["id"].tolist() == ["=cmd()", "b"]
    why = run("why", table["case"][0], "--lang", "en")
    assert why.returncode == 0
    assert "Rule R05" in why.stdout
    assert "the same answer" in why.stdout
    ended = tmp_path / "rules.csv"
    header = "code,order,category,area,unit,reason_zh,reason_en,valid_from,valid_to"
    ended.write_text(f"{header}\nR05,10,05,,D1,河道由农林局主管,rivers belong to the bureau,2000-01-01,2026-10-19\n")
    done = run("rules", "load", str(ended))
    assert done.returncode == 0, done.stderr
    why = run("why", table["case"][0], "--lang", "en")
    assert (why.returncode, "ANOTHER answer" in why.stdout) == (1, True)


def test_a_boundary_change_from_folder_to_answer(run: Run, tmp_path: Path) -> None:
    folder = town.write_delivery(tmp_path / "d", "aabbcc\naabbcc\nddbecc\naaeezz")
    assert run("boundaries", "check", str(folder)).returncode == 0
    staged = run("boundaries", "stage", str(folder), "--valid-from", "2026-07-01", "--json")
    assert staged.returncode == 0, staged.stderr
    release = str(json.loads(staged.stdout)["release"])
    assert run("boundaries", "activate", release).returncode == 1
    assert run("boundaries", "approve", release, "--by", "王").returncode == 0
    assert run("boundaries", "activate", release).returncode == 0
    listed = json.loads(run("boundaries", "list", "--json").stdout)["releases"]
    assert {"id", "levels", "status", "valid_from", "hash"} <= set(listed[-1])
    assert [row["status"] for row in listed] == ["active", "active"]
    x, y = map(str, town.at(3.5, 2.5))
    status = {
        day: json.loads(run("locate", x, y, "--crs", "EPSG:4549", "--at", day, "--json").stdout)["levels"]["street"][
            "status"
        ]
        for day in ("2026-06-30", "2026-07-01")
    }
    assert status == {"2026-06-30": "gap", "2026-07-01": "area"}


def test_killed_in_the_middle_nothing_is_half_loaded_and_the_same_command_completes(
    run: Run, own_database: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(good(6000))
    before = stored(own_database)
    for delay in (1.2, 1.7, 2.0, 2.3, 2.6):
        process = subprocess.Popen(
            command("reports", "load", str(path), *OPTIONS),
            env=environment(own_database),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert stored(own_database) in (before, (6000, 6000, 12000, 6000))
    done = run("reports", "load", str(path), *OPTIONS, "--json")
    assert done.returncode == 0, done.stderr
    assert stored(own_database) == (6000, 6000, 12000, 6000)


def test_when_the_database_is_killed_nothing_is_half_loaded_and_the_same_command_completes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    settings = Settings(home, PLACE_FILE)
    cluster = Cluster.of(settings)
    cluster.up()
    try:
        migrate(settings)
        settings = replace(settings, database_url=cluster.url("gridward_app"))
        platform = Platform(settings, Store.at(settings.database_url or ""))
        load_town(platform)
        platform.close()
        path = tmp_path / "reports.csv"
        path.write_text(good(6000))
        for delay in (1.6, 2.2):
            process = subprocess.Popen(
                command("reports", "load", str(path), *OPTIONS),
                env=environment(settings),
                stderr=subprocess.PIPE,
                text=True,
            )
            time.sleep(delay)
            os.kill(int((cluster.data / "data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            _, said = process.communicate(timeout=120)
            assert "Traceback" not in said
            cluster.up()
            assert stored(settings) in ((0, 0, 0, 0), (6000, 6000, 12000, 6000))
        done = subprocess.run(
            command("reports", "load", str(path), *OPTIONS, "--json"),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment(settings),
        )
        assert done.returncode == 0, done.stderr
        assert stored(settings) == (6000, 6000, 12000, 6000)
    finally:
        cluster.down()
        cluster.remove()


def test_a_withdrawal_is_foreseen_refused_and_done(run: Run, own_platform: Platform, tmp_path: Path) -> None:
    """A street got another code, the register followed by a file of its own, reports came in; then it was a mistake."""
    streets = {k: "320404009" if v == "320404001" else v for k, v in town.STREETS.items()}
    delivery = town.delivery(valid_from=date(2026, 7, 1), streets=streets)
    release = boundaries.stage(own_platform, delivery, by="steward", now=NOW).release_id
    boundaries.approve(own_platform, release, by="approver", now=NOW)
    boundaries.activate(own_platform, release, by="approver", now=NOW)
    units, areas, reports = (tmp_path / f"{name}.csv" for name in ("units", "territories", "reports"))
    town.UNITS.rename(columns={"name": "name_zh"}).to_csv(units, index=False)
    areas.write_text("unit,area_code,valid_from,valid_to\nS1,320404001,,2026-07-01\nS1,320404009,2026-07-01,\n")
    assert run("units", "load", str(units), "--territories", str(areas)).returncode == 0
    reports.write_text(good(30))
    assert run("reports", "load", str(reports), *OPTIONS).returncode == 0

    told = run("boundaries", "impact", str(release), "-o", str(tmp_path / "changed.csv"))
    assert told.returncode == 0, told.stderr
    said = told.stdout
    assert "to look at: 30 case(s): 30 decided on it first." in said
    assert "as release 1 says: S1 → border_desk: 30" in said
    assert "by state: 30 dispatched" in said
    assert said.count("ZL2610-") == 20
    assert f"all of them: gridward boundaries impact {release} -o FILE.csv" in said
    assert "no-unit: 1 area(s) would be no unit's territory" in said
    assert "320404001 东街 from 2026-07-01 on, S1's until 2026-07-01" in said
    table = pd.read_csv(tmp_path / "changed.csv")
    assert list(table) == ["case", "received_on", "state", "before", "after", "what"]
    assert (len(table), set(table["after"]), set(table["what"])) == (30, {"border_desk"}, {"came_in"})

    refused = run("boundaries", "withdraw", str(release), "--reason", "wrong file")
    assert refused.returncode == 1
    assert "would leave 1 area(s) without a unit" in refused.stderr
    assert "Traceback" not in refused.stderr
    done = run("boundaries", "withdraw", str(release), "--reason", "wrong file", "--reopen-territories")
    assert done.returncode == 0, done.stderr
    assert "territories that go on: 320404001" in done.stdout
    assert "as release 1 says: 30 the same as now" in done.stdout
    after = json.loads(run("boundaries", "impact", str(release), "--json").stdout)
    assert (after["left"]["n"], after["no_unit"]["new"]) == (30, [])
    again = run("boundaries", "withdraw", str(release), "--reason", "wrong file")
    assert again.returncode == 1
    assert f"Release {release} is withdrawn; it can become withdrawn only from" in again.stderr
