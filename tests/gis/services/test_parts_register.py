"""The register of parts: versions by change date, identifiers never used twice, codes of a release for the survey."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
import town
from alembic import command as alembic_command
from click.testing import CliRunner, Result
from conftest import NOW, PLACE_FILE, TODAY
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from etl.part_tables import PartsFile
from etl.parts import read_parts
from gis import quads
from gis.cli import gridward
from gis.errors import DataFault, NotFound
from gis.rights import ALL, of_unit
from gis.services import boundaries, parts, registers
from gis.services.parts import Loaded
from gis.services.platform import Platform
from gis.settings import Settings
from gis.store.engine import take_role
from gis.store.migrate import upgrade

COVER, LAMP, BENCH = "32040401001000001", "32040401037000002", "32040404007000003"


def part(code: str = COVER, column: float = 0.5, row: float = 0.5, **changed: str) -> dict[str, str]:
    x, y = town.at(column, row)
    said = {
        "code": code, "name": "供水井盖", "owner_unit": "D1", "maintenance_unit": "", "supervising_unit": "S1",
        "state": "intact", "accuracy_class": "A", "data_source": "实测", "initial_date": "2019-03-01",
        "change_date": "", "x": repr(x), "y": repr(y),
    }  # fmt: skip
    return said | changed


def write(path: Path, *rows: Mapping[str, str]) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def load(platform: Platform, folder: Path, *rows: Mapping[str, str], accept_moves: bool = False) -> Loaded:
    file = PartsFile(str(write(folder / "parts.csv", *rows)), x="x", y="y", crs="EPSG:4549")
    read = read_parts(file, platform.place, today=TODAY)
    return parts.load(platform, read.batch, rows=read.rows, faults=read.faults, accept_moves=accept_moves)


def counts(loaded: Loaded) -> tuple[int, int, int]:
    assert not loaded.faults, [str(fault) for fault in loaded.faults]
    assert loaded.added + loaded.changed + loaded.same == loaded.rows
    return loaded.added, loaded.changed, loaded.same


def history(connection: Connection, code: str = COVER) -> list[tuple[Any, ...]]:
    take_role(connection, ALL)
    rows = connection.execute(
        text("SELECT state, lower(validity), upper(validity) FROM part WHERE code = :code ORDER BY 2"), {"code": code}
    )
    return [tuple(row) for row in rows]


def test_the_same_file_again_stores_nothing_new(platform: Platform, tmp_path: Path) -> None:
    assert counts(load(platform, tmp_path, part(), part(LAMP))) == (2, 0, 0)
    assert counts(load(platform, tmp_path, part(), part(LAMP))) == (0, 0, 2)


def test_what_changed_with_a_later_change_date_becomes_a_version_and_the_old_one_ends(
    platform: Platform, connection: Connection, tmp_path: Path
) -> None:
    first, second = part(), part(state="破损", change_date="2026-05-04")
    moved = part(column=0.6, state="破损", change_date="20260601")
    assert counts(load(platform, tmp_path, first, part(LAMP))) == (2, 0, 0)
    assert counts(load(platform, tmp_path, second, part(LAMP))) == (0, 1, 1)
    assert counts(load(platform, tmp_path, moved)) == (0, 1, 0)
    assert history(connection) == [
        ("intact", date(2019, 3, 1), date(2026, 5, 4)),
        ("damaged", date(2026, 5, 4), date(2026, 6, 1)),
        ("damaged", date(2026, 6, 1), None),
    ]
    # Whichever of the files comes again: each of its rows is stored already.
    for old in (first, second, moved):
        assert counts(load(platform, tmp_path, old)) == (0, 0, 1)


def test_a_change_without_a_later_date_is_refused_and_nothing_is_stored(
    platform: Platform, connection: Connection, tmp_path: Path
) -> None:
    load(platform, tmp_path, part())
    refused = load(platform, tmp_path, part(LAMP), part(state="missing", name="盖"), part(BENCH, column=0.51))
    assert [str(fault) for fault in refused.faults] == [
        f"row 2: identifier {COVER!r}: name is '盖', stored is '供水井盖', state is 'missing', stored is 'intact'; "
        "give what changed a change_date after 2019-03-01, since when the stored version holds"
    ]
    assert (refused.added, refused.changed, refused.same) == (0, 0, 0)
    assert history(connection, LAMP) == []
    moved = load(platform, tmp_path, part(column=0.51))
    assert "its place is another one (1.00 m off)" in str(moved.faults[0])
    with pytest.raises(DataFault, match="1 fault.*nothing of it was stored:\n  row 1: identifier"):
        moved.require_clean("parts.csv")


def test_a_centimetre_of_rounding_is_no_move(platform: Platform, tmp_path: Path) -> None:
    load(platform, tmp_path, part())
    x, _ = town.at(0.5, 0.5)
    assert counts(load(platform, tmp_path, part(x=repr(x + 0.004)))) == (0, 0, 1)


def test_a_column_that_the_file_lacks_says_nothing(platform: Platform, tmp_path: Path) -> None:
    load(platform, tmp_path, part())
    less = {k: v for k, v in part().items() if k not in ("accuracy_class", "data_source", "owner_unit", "initial_date")}
    assert counts(load(platform, tmp_path, less)) == (0, 0, 1)


@pytest.mark.parametrize(
    ("stored", "now", "why"),
    [
        pytest.param({}, {"initial_date": "2020-01-01", "change_date": "2026-01-01"},
                     "first surveyed on 2019-03-01, this one on 2020-01-01", id="another first survey"),
        pytest.param({"state": "移除"}, {"state": "完好", "change_date": "2026-01-01"},
                     "removed on 2019-03-01", id="after its removal"),
        pytest.param({}, {"column": 2.5, "change_date": "2026-01-01"}, "of a part 200 m away", id="elsewhere"),
    ],
)  # fmt: skip
def test_an_identifier_is_not_used_again_for_another_object(
    platform: Platform, tmp_path: Path, stored: dict[str, Any], now: dict[str, Any], why: str
) -> None:
    load(platform, tmp_path, part(**stored))
    said = [str(fault) for fault in load(platform, tmp_path, part(**now)).faults]
    assert len(said) == 1
    assert why in said[0]
    assert "give the object one of its own" in said[0]


def test_corrected_positions_may_move_far_when_it_is_said(
    platform: Platform, connection: Connection, tmp_path: Path
) -> None:
    load(platform, tmp_path, part())
    far = part(column=2.5, change_date="2026-01-01")
    assert "--accept-moves" in str(load(platform, tmp_path, far).faults[0])
    assert counts(load(platform, tmp_path, far, accept_moves=True)) == (0, 1, 0)
    assert len(history(connection)) == 2


def test_units_are_known_by_code_or_name_and_unknown_ones_named_by_row(
    platform: Platform, connection: Connection, tmp_path: Path
) -> None:
    known = part() | {"owner_unit": "", "owner_name": "农林局"}
    assert counts(load(platform, tmp_path, known)) == (1, 0, 0)
    assert connection.execute(text("SELECT owner_unit FROM part WHERE code = :c"), {"c": COVER}).scalar_one() == "D1"
    wrong = load(
        platform,
        tmp_path,
        part(LAMP, owner_unit="D9", maintenance_unit="路灯所", state="gone"),
        part(BENCH, owner_unit="D9", maintenance_unit="路灯所"),
    )
    assert [(fault.row, fault.text.partition(";")[0]) for fault in wrong.faults] == [
        (1, "state is 'gone'"),
        (2, "owner_unit (权属单位) is 'D9', which is no registered unit"),
        (2, "maintenance_unit (养护单位) is '路灯所', which is no registered unit"),
    ]


def test_classes_are_held_against_the_register_where_it_has_any(platform: Platform, tmp_path: Path) -> None:
    loaded = load(platform, tmp_path, part())
    assert loaded.notes == (
        "No part categories of GB/T 47678.5-2026 are registered: whether the classes exist was not checked.",
    )
    kinds = pd.DataFrame(
        [["GB/T 47678.5-2026", "01001", "01", "供水井盖", "", "part", False, "2000-01-01", None]],
        columns=["scheme", "code", "parent", "name", "name_en", "kind", "sensitive", "valid_from", "valid_to"],
    )
    registers.load(platform, "categories", kinds)
    found = load(platform, tmp_path, part(), part(LAMP))
    assert [str(fault).partition(";")[0] for fault in found.faults] == [
        "row 2: class '01037' is in no register of part categories"
    ]
    assert found.notes == ()


def test_lines_and_areas_are_searched_by_a_spot_of_their_own(
    platform: Platform, connection: Connection, tmp_path: Path
) -> None:
    west, north = town.at(0.2, 0.2)
    ring = shapely.box(west, north - 60, west + 60, north).difference(
        shapely.box(west + 5, north - 55, west + 55, north - 5)
    )
    line = shapely.LineString([(west, north), (west + 10.5, north), (west + 30.25, north - 9)])
    path = tmp_path / "a.gpkg"
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(ring), shapely.to_wkb(line)], dtype=object),
        field_data=[np.array(column, dtype=object) for column in ([COVER, LAMP], ["绿地", "护栏"], ["完好", "完好"])],
        fields=["code", "name", "state"],
        geometry_type="Unknown",
        crs="EPSG:4549",
        driver="GPKG",
    )
    read = read_parts(PartsFile(str(path)), platform.place, today=TODAY)
    assert counts(parts.load(platform, read.batch, rows=read.rows)) == (2, 0, 0)
    take_role(connection, ALL)
    rows = connection.execute(
        text(
            "SELECT ST_AsBinary(geom), ST_X(spot), ST_Y(spot), quad, ST_Intersects(geom, spot) FROM part ORDER BY code"
        )
    ).all()
    assert [bytes(row[0]) for row in rows] == [shapely.to_wkb(ring), shapely.to_wkb(line)]
    assert all(row[4] for row in rows)
    assert [row[3] for row in rows] == quads.encode([row[1] for row in rows], [row[2] for row in rows]).tolist()
    assert counts(parts.load(platform, read.batch, rows=2)) == (0, 0, 2)
    turned = replace(read.batch, geometry=shapely.reverse(read.batch.geometry))
    assert counts(parts.load(platform, turned, rows=2))[2] >= 1  # another program begins a ring elsewhere


def test_the_databases_quad_is_ours(connection: Connection) -> None:
    rng = np.random.default_rng(7)
    x, y = rng.uniform(-1e8, 1e8, (2, 500))
    x[:3], y[:3] = [1.9999999925, -0.25, 493369.73], [0.0, -1.0, 3517459.89]
    take_role(connection, ALL)
    found = connection.execute(
        text(
            "SELECT quad_of(x, y) FROM unnest(CAST(:x AS float8[]), CAST(:y AS float8[])) "
            "WITH ORDINALITY t(x, y, n) ORDER BY n"
        ),
        {"x": x.tolist(), "y": y.tolist()},
    )
    assert [row[0] for row in found] == quads.encode(x, y).tolist()


def test_a_stored_version_is_history_and_a_unit_reads_but_never_writes(
    platform: Platform, connection: Connection, tmp_path: Path
) -> None:
    load(platform, tmp_path, part())
    take_role(connection, of_unit("S1"))
    assert connection.execute(text("SELECT count(*) FROM part")).scalar_one() == 1
    for rights, statement in (
        (of_unit("S1"), "UPDATE part SET validity = 'empty'"),
        (ALL, "UPDATE part SET state = 'removed'"),
        (ALL, "UPDATE part SET geom = ST_Translate(geom, 1, 0)"),
        (ALL, "DELETE FROM part"),
    ):
        take_role(connection, rights)
        with pytest.raises(DatabaseError, match="permission denied"), connection.begin_nested():
            connection.execute(text(statement))


def stage_changed(platform: Platform) -> tuple[int, int]:
    """The release in force, and one beside it in which the cell b2 (column 3, row 1) fell to community c."""
    now = boundaries.releases(platform)[-1]["id"]
    drawing = town.DRAWING.replace("aabbcc\nddb.cc", "aabccc\nddb.cc")
    staged = boundaries.stage(platform, town.delivery(drawing, valid_from=date(2027, 1, 1)), by="test", now=NOW)
    return now, staged.release_id


def test_every_part_is_exported_with_the_codes_of_a_release(platform: Platform, tmp_path: Path) -> None:
    rows = (part(), part(LAMP, 3.5, 1.5), part(BENCH, 3.5, 2.5), part("32040404007000004", -5, 1))
    load(platform, tmp_path, *rows)
    frame = parts.export(platform, release=None, since=None, today=TODAY).frame.set_index("code")
    assert frame.loc[COVER, ["street", "community", "cell"]].tolist() == [
        "320404001",
        "320404001001",
        "320404001001001",
    ]
    assert frame.loc[BENCH, ["street", "cell"]].tolist() == ["", ""]  # the gap of the drawing
    assert len(frame) == 4
    assert frame.loc[COVER, "initial_date"] == "2019-03-01"


def test_only_parts_whose_cell_code_differs_are_exported_on_request(platform: Platform, tmp_path: Path) -> None:
    load(platform, tmp_path, part(), part(LAMP, 3.5, 1.5))
    before, after = stage_changed(platform)
    found = parts.export(platform, release=after, since=before, today=TODAY)
    assert found.frame["code"].tolist() == [LAMP]
    assert found.frame.iloc[0][["street", "release", "release_before"]].tolist() == ["320404002", after, before]
    assert found.frame["cell_before"].iloc[0].startswith("320404001002")
    assert found.frame["cell"].iloc[0].startswith("320404002003")
    assert parts.export(platform, release=before, since=before, today=TODAY).frame.empty
    with pytest.raises(NotFound, match="no release 999; `gridward boundaries list`"):
        parts.export(platform, release=after, since=999, today=TODAY)


def test_the_brute_way_finds_the_same_codes(platform: Platform, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    spots = rng.uniform([0, 0], [6, 4], (200, 2))
    load(platform, tmp_path, *(part(f"32040401001{i:06d}", *spot) for i, spot in enumerate(spots.tolist(), 1)))
    cells = next(level for level in town.area_set().levels if level.level == "cell")
    frame = parts.export(platform, release=None, since=None, today=TODAY).frame
    for _, row in frame.iterrows():
        inside = shapely.intersects(cells.geometry, shapely.Point(row["x"], row["y"]))
        assert row["cell"] == (cells.codes[inside][0] if inside.any() else "")


@pytest.fixture
def command(own_database: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command on a database of the test's own."""
    monkeypatch.setenv("GRIDWARD_CONFIG", str(PLACE_FILE))
    monkeypatch.setenv("GRIDWARD_DATABASE_URL", own_database.database_url or "")

    def run(*words: Any) -> Result:
        return CliRunner().invoke(gridward, [str(word) for word in words])

    return run


def test_the_command_loads_says_every_fault_and_exports(command: Any, tmp_path: Path) -> None:
    position = ("--x", "x", "--y", "y", "--crs", "EPSG:4549")
    good = write(tmp_path / "good.csv", part(name="=1+1"), part(LAMP))
    assert command("parts", "load", "--template").output.startswith("code,type,name,owner_unit")
    said = command("parts", "load", good, *position)
    assert (said.exit_code, "parts: 2 added, 0 with a new version, 0 as stored." in said.output) == (0, True)
    bad = write(tmp_path / "bad.csv", part(BENCH, state="gone", name=""), part(COVER, owner_unit="D9"))
    said = command("parts", "load", bad, *position, "--json")
    answer = json.loads(said.stdout)
    assert said.exit_code == 1
    assert [fault["row"] for fault in answer["faults"]] == [1, 1, 2]
    assert (answer["rows"], answer["added"]) == (2, 0)

    table = tmp_path / "out.csv"
    said = command("parts", "export", "-o", table)
    assert said.exit_code == 0, said.output
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["'=1+1", "供水井盖"]
    assert {row["cell"] for row in rows} == {"320404001001001"}
    again = command("parts", "load", table, "--x", "x", "--y", "y", "--crs", "EPSG:4549", "--json")
    assert json.loads(again.stdout)["faults"][0]["reason"].startswith(f"identifier {COVER!r}: name is")
    layer = tmp_path / "out.gpkg"
    assert command("parts", "export", "-o", layer).exit_code == 0
    info = pyogrio.read_info(layer)
    assert (info["features"], info["crs"]) == (2, "EPSG:4549")
    assert command("parts", "load", layer).exit_code == 0
    assert command("parts", "export", "-o", tmp_path / "out.xlsx").exit_code != 0
    assert not list(tmp_path.glob(".out*"))


def test_parts_of_before_are_taken_over_with_their_first_day(
    own_platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = own_platform.settings.owner_url or ""
    with create_engine(owner, poolclass=NullPool).begin() as connection:
        connection.execute(text("DROP SCHEMA gridward CASCADE"))
        connection.execute(text("DROP TABLE public.alembic_version"))
    with monkeypatch.context() as older:
        newest = alembic_command.upgrade
        older.setattr(alembic_command, "upgrade", lambda config, _: newest(config, "0002"))
        assert upgrade(owner, srid=4549) == ["0002"]
    x, y = town.at(0.5, 0.5)
    with own_platform.store.begin(ALL) as connection:
        connection.execute(
            text(
                "INSERT INTO part (code, type, name, state, accuracy_class, data_source, validity, geom) "
                "SELECT code, '01001', '供水井盖', 'intact', 'A', '实测', daterange(CAST(day AS date), NULL), "
                "       ST_SetSRID(ST_MakePoint(:x, :y), 4549) "
                "FROM (VALUES (:one, '2019-03-01'), (:two, '2000-01-01')) old(code, day)"
            ),
            {"x": x, "y": y, "one": COVER, "two": "32040401001000002"},
        )
    assert upgrade(owner, srid=4549)[-1] >= "0003"
    with own_platform.store.begin(ALL) as connection:
        rows = connection.execute(text("SELECT initial_date, quad, ST_X(spot) FROM part ORDER BY code")).all()
    quad = int(quads.encode([x], [y])[0])
    assert [tuple(row) for row in rows] == [(date(2019, 3, 1), quad, x), (None, quad, x)]
    assert counts(load(own_platform, tmp_path, part(owner_unit="", supervising_unit=""))) == (0, 0, 1)
