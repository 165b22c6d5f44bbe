"""Settings and the place file: read once, every fault named."""

from __future__ import annotations

from pathlib import Path

import pytest

from gis import errors
from gis.errors import GridwardError, SettingsFault
from gis.place import read_place
from gis.settings import load_settings

PLACE = Path(__file__).resolve().parents[2] / "data/boundaries/zhonglou/place.toml"


def test_the_sample_place_reads() -> None:
    place = read_place(PLACE)
    assert place.crs == "EPSG:4549"
    assert place.level_names == ("street", "community", "cell")
    assert place.level("cell").parent == "community"
    assert place.unit_level == "street"


def test_a_place_file_with_five_faults_names_all_five(tmp_path: Path) -> None:
    text = PLACE.read_text(encoding="utf-8")
    for good, bad in (
        ('name = "钟楼区"', "name = 7"),
        ('crs = "EPSG:4549" ', 'crs = "EPSG:3857" '),
        ('timezone = "Asia/Shanghai"', 'timezone = "Asia/Atlantis"'),
        ("extent = [119.75, 31.68, 120.05, 31.90]", "extent = [120.05, 31.68, 119.75, 31.90]"),
        ("patrol = 5", "patrol = 0"),
    ):
        assert good in text
        text = text.replace(good, bad)
    path = tmp_path / "place.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsFault) as caught:
        read_place(path)
    for word in (
        "5 fault(s)",
        "name is 7",
        "EPSG:3857",
        "Asia/Atlantis",
        "[west, south, east, north]",
        "default_accuracy_m.patrol",
    ):
        assert word in str(caught.value)


def test_a_place_file_that_is_missing_or_no_toml_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match="does not exist; give one with --config"):
        read_place(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsFault, match="cannot be read as TOML"):
        read_place(tmp_path / "bad.toml")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "8o", "８０００"])
def test_a_wrong_port_stops_the_start(port: str) -> None:
    with pytest.raises(SettingsFault, match="PORT is"):
        load_settings(environ={"PORT": port})


def test_an_owner_without_a_database_and_a_foreign_database_are_refused() -> None:
    with pytest.raises(SettingsFault, match="GRIDWARD_OWNER_URL is set without"):
        load_settings(environ={"GRIDWARD_OWNER_URL": "postgresql://x"})
    with pytest.raises(SettingsFault, match="GRIDWARD_DATABASE_URL"):
        load_settings(environ={"GRIDWARD_DATABASE_URL": "mysql://x"})


def test_the_config_option_goes_before_the_environment(tmp_path: Path) -> None:
    found = load_settings(
        str(tmp_path / "a.toml"), environ={"GRIDWARD_CONFIG": "/b.toml", "GRIDWARD_HOME": str(tmp_path)}
    )
    assert found.config == tmp_path / "a.toml"
    assert found.var == tmp_path / "var"


def leaves(kind: type[GridwardError]) -> list[type[GridwardError]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]


def test_every_error_is_drawn_in_the_tree_exported_and_has_an_exit_code() -> None:
    for kind in leaves(GridwardError):
        if kind.__module__ == "gis.errors":
            assert kind.__name__ in (errors.__doc__ or "")
            assert kind.__name__ in errors.__all__
            assert kind.exit_code in (1, 2)
