"""Coordinates at the door, against known numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gis.crs import (
    LocalSystem,
    bd09_to_gcj02,
    check_working_crs,
    from_working,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    is_geographic,
    local_to_working,
    parse_crs,
    read_local_systems,
    same_crs,
    to_working,
    wgs84_to_gcj02,
    wkt_of,
    working_to_local,
)
from gis.errors import SettingsFault, UnknownCrs

HERE = ([119.93], [31.78])


def shift_m(crs: str) -> float:
    """Metres by which coordinates of `crs`, taken for WGS 84, miss their place."""
    true = to_working(*HERE, crs="EPSG:4326", working="EPSG:4549")
    east, north = from_working(*true, working="EPSG:4549", crs=crs)
    wrong = to_working(east, north, crs="EPSG:4326", working="EPSG:4549")
    return float(np.hypot(wrong[0] - true[0], wrong[1] - true[1])[0])


def test_a_known_point_of_the_district() -> None:
    east, north = to_working(*HERE, crs="EPSG:4326", working="EPSG:4549")
    assert (round(float(east[0]), 2), round(float(north[0]), 2)) == (493369.73, 3517459.89)
    zone, _ = from_working(east, north, working="EPSG:4549", crs="EPSG:4528")
    assert round(float(zone[0]), 2) == 40493369.73


def test_gcj02_is_off_by_half_a_kilometre_and_bd09_by_more_than_one() -> None:
    assert 502 <= shift_m("GCJ-02") <= 506
    assert 1135 <= shift_m("BD-09") <= 1154


@pytest.mark.parametrize("crs", ["GCJ-02", "BD-09", "EPSG:4490", "EPSG:4528", "EPSG:4326", "EPSG:3857"])
def test_there_and_back_is_the_same_place(crs: str) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    east, north = 493000 + rng.uniform(-9000, 9000, 200), 3517000 + rng.uniform(-9000, 9000, 200)
    back = to_working(*from_working(east, north, working="EPSG:4549", crs=crs), crs=crs, working="EPSG:4549")
    assert float(np.hypot(back[0] - east, back[1] - north).max()) < 1e-4


def test_wgs84_and_cgcs2000_are_one_by_name() -> None:
    a = to_working(*HERE, crs="EPSG:4326", working="EPSG:4549")
    b = to_working(*HERE, crs="EPSG:4490", working="EPSG:4549")
    assert a[0][0] == b[0][0]
    assert a[1][0] == b[1][0]


@pytest.mark.parametrize("crs", ["EPSG:4214", "EPSG:4610", "EPSG:2437"])
def test_old_datums_are_refused_rather_than_guessed(crs: str) -> None:
    with pytest.raises(UnknownCrs, match="CGCS2000"):
        to_working([119.93], [31.78], crs=crs, working="EPSG:4549")


@pytest.mark.parametrize("text", ["", None, "WGS84", "EPSG:999999", "4549", "EPSG:4549; DROP TABLE", "EPSG:5773"])
def test_an_unknown_word_is_refused_with_those_known(text: str | None) -> None:
    with pytest.raises(UnknownCrs, match=r"write EPSG:n \(as EPSG:4326\), GCJ-02 or BD-09"):
        parse_crs(text)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:2249", "GCJ-02"])
def test_only_a_projected_crs_in_metres_can_be_worked_in(crs: str) -> None:
    with pytest.raises(UnknownCrs, match="EPSG:4549"):
        check_working_crs(crs)


def test_what_cannot_be_projected_comes_back_as_nan() -> None:
    east, north = to_working([119.9, 1e9], [31.8, 1e9], crs="EPSG:4326", working="EPSG:4549")
    assert np.isfinite([east[0], north[0]]).all()
    assert np.isnan([east[1], north[1]]).all()


def test_the_shifts_invert_each_other() -> None:
    lon, lat = np.array([73.6, 135.0, 119.93]), np.array([18.2, 53.4, 31.78])
    for there, back in ((wgs84_to_gcj02, gcj02_to_wgs84), (gcj02_to_bd09, bd09_to_gcj02)):
        again = back(*there(lon, lat))
        assert float(np.abs(again[0] - lon).max()) < 1e-9
        assert float(np.abs(again[1] - lat).max()) < 1e-9


def test_a_prj_of_another_zone_is_another_crs() -> None:
    assert same_crs(wkt_of("EPSG:4549"), "EPSG:4549")
    assert not same_crs(wkt_of("EPSG:4548"), "EPSG:4549")
    assert not same_crs(wkt_of("EPSG:4490"), "EPSG:4549")
    assert not same_crs("nonsense", "EPSG:4549")


OWN_MERIDIAN = (
    'PROJCS["town",GEOGCS["CGCS2000",DATUM["{datum}",SPHEROID["s",{ellipsoid}]{shift}],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
    'PARAMETER["central_meridian",{meridian}],PARAMETER["scale_factor",1],PARAMETER["false_easting",500000],'
    'PARAMETER["false_northing",0],UNIT["metre",1]{more}]'
)
FOUR = {"dx": 440_000.0, "dy": 3_460_000.0, "rotation": 1234.5, "scale_ppm": 12.0}
SEVEN = {"dx": 12.5, "dy": -120.25, "dz": -61.5, "rx": 1.25, "ry": -2.5, "rz": 3.75, "scale_ppm": -4.5}


def town(
    datum: str = "China_2000",
    ellipsoid: str = "6378137,298.257222101",
    shift: str = "",
    meridian: float = 119.8333,
    more: str = "",
) -> str:
    return OWN_MERIDIAN.format(datum=datum, ellipsoid=ellipsoid, shift=shift, meridian=meridian, more=more)


@pytest.mark.parametrize("datum", ["China_2000", "D_China_2000", "D_CGCS_2000", "CGCS2000"])
def test_a_meridian_of_ones_own_on_cgcs2000_works_exactly(datum: str) -> None:
    word = parse_crs(town(datum))
    assert parse_crs(word) == word
    assert not is_geographic(word)
    east, north = np.array([493000.0, 499000.0]), np.array([3517000.0, 3511000.0])
    back = to_working(*from_working(east, north, working="EPSG:4549", crs=word), crs=word, working="EPSG:4549")
    assert float(np.hypot(back[0] - east, back[1] - north).max()) < 1e-6


@pytest.mark.parametrize("code", [4549, 4528, 4490, 4326, 26986, 2249, 32650, 3857])
def test_the_wkt_of_a_code_is_the_code(code: int) -> None:
    assert parse_crs(wkt_of(f"EPSG:{code}")) == f"EPSG:{code}"


def test_a_code_in_a_text_does_not_outvote_its_numbers() -> None:
    forged = town(meridian=117, more=',AUTHORITY["EPSG","4549"]')
    assert parse_crs(forged) == "EPSG:4548"
    assert not same_crs(forged, "EPSG:4549")
    assert same_crs(town(meridian=120), "EPSG:4549")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (town(more=',EXTENSION["PROJ4","+proj=tmerc +nadgrids=/etc/passwd"]'), "EXTENSION is not allowed"),
        (town().replace('"town"', '"+proj=pipeline"'), "could be read as a PROJ text"),
        (town().replace('"Transverse_Mercator"', '"PROJ-based operation method: x"'), "could be read as a PROJ text"),
        (town().replace('"town"', '"{}"'), "could be read as a PROJ text"),
        (town(more=',PARAMETERFILE["f","/etc/passwd"]'), "PARAMETERFILE is not allowed"),
        (town(more=" " * 20_000), "bytes; wanted at most 20000"),
        (town()[:200], "PROJ cannot read it"),
        (town("Beijing_1954", "6378245,298.3", ",TOWGS84[0,0,0,0,0,0,0]"), "all zeros"),
    ],
)
def test_a_wkt_that_could_do_more_than_name_a_crs_is_refused(text: str, words: str) -> None:
    with pytest.raises(UnknownCrs, match=words):
        parse_crs(text)


@pytest.mark.parametrize(
    "text", ["+proj=utm +zone=50", "/etc/passwd", "https://epsg.io/4549", "urn:ogc:def:crs:EPSG::1"]
)
def test_pipelines_paths_and_addresses_are_no_crs(text: str) -> None:
    with pytest.raises(UnknownCrs):
        parse_crs(text)
    assert not same_crs(text, "EPSG:4549")


def test_an_unknown_datum_is_refused_with_every_way_out() -> None:
    word = parse_crs(town("Town_Datum"))
    with pytest.raises(UnknownCrs, match=r"CGCS2000.*--crs local:NAME.*--control-points"):
        to_working([500000.0], [3517000.0], crs=word, working="EPSG:4549")


def test_a_wkt_cannot_be_worked_in() -> None:
    with pytest.raises(UnknownCrs, match="without a code to store"):
        check_working_crs(town())


@pytest.mark.parametrize(
    "system",
    [
        LocalSystem("a", "four", "", "EPSG:4549", FOUR),
        LocalSystem("b", "seven", "EPSG:2437", "EPSG:4490", SEVEN),
        LocalSystem("c", "seven", "EPSG:4214", "EPSG:4490", SEVEN),
    ],
)
def test_local_systems_go_there_and_back(system: LocalSystem) -> None:
    east, north = np.array([489000.0, 493370.0, 499000.0]), np.array([3511000.0, 3517460.0, 3523000.0])
    there = working_to_local(east, north, system, "EPSG:4549")
    back = local_to_working(*there, system, "EPSG:4549")
    assert float(np.hypot(back[0] - east, back[1] - north).max()) < 1e-6


def geocentric(lon: float, lat: float, height: float, ellipsoid: tuple[float, float]) -> np.ndarray:
    a, e2 = ellipsoid[0], (2 - 1 / ellipsoid[1]) / ellipsoid[1]
    u, v = np.radians(lat), np.radians(lon)
    n = a / np.sqrt(1 - e2 * np.sin(u) ** 2)
    flat = (n + height) * np.cos(u)
    return np.array([flat * np.cos(v), flat * np.sin(v), (n * (1 - e2) + height) * np.sin(u)])


def helmert(point: np.ndarray, p: dict[str, float]) -> np.ndarray:
    rx, ry, rz = (np.radians(p[key] / 3600) for key in ("rx", "ry", "rz"))
    turn = np.array([[1, -rz, ry], [rz, 1, -rx], [-ry, rx, 1]])
    return np.array([p["dx"], p["dy"], p["dz"]]) + (1 + p["scale_ppm"] * 1e-6) * turn @ point


def test_seven_parameters_agree_with_the_published_example() -> None:
    """IOGP Guidance Note 7-2, position vector: WGS 72 at 55 N, 4 E is WGS 84 at 55 N 0.090", 4 E 0.554"."""
    p = {"dx": 0.0, "dy": 0.0, "dz": 4.5, "rx": 0.0, "ry": 0.0, "rz": 0.554, "scale_ppm": 0.219}
    published = helmert(np.array([3657660.66, 255768.55, 5201382.11]), p)
    assert published == pytest.approx([3657660.78, 255778.43, 5201387.75], abs=0.01)
    ours = local_to_working([4.0], [55.0], LocalSystem("x", "seven", "EPSG:4322", "EPSG:4326", p), "EPSG:32631")
    lon, lat = from_working(*ours, working="EPSG:32631", crs="EPSG:4326")
    assert [(lon[0] - 4) * 3600, (lat[0] - 55) * 3600] == pytest.approx([0.554, 0.090], abs=0.001)
    wanted = helmert(geocentric(4, 55, 0, (6378135.0, 298.26)), p)
    found = geocentric(float(lon[0]), float(lat[0]), 0, (6378137.0, 298.257223563))
    across = np.cross(wanted / np.linalg.norm(wanted), found / np.linalg.norm(found))
    assert np.linalg.norm(across) * 6.37e6 < 0.02  # only the height differs, which a plane does not keep


def parameters(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_parameter_file_is_read_and_hides_its_numbers(tmp_path: Path) -> None:
    numbers = "\n".join(f"{key} = {value}" for key, value in FOUR.items())
    path = parameters(tmp_path / "p.toml", f'[town]\nmethod = "four"\ntarget = "EPSG:4549"\n{numbers}\n')
    found = read_local_systems(path)["town"]
    assert found.parameters == FOUR
    assert "440000" not in repr(found)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_parameter_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SettingsFault, match="chmod 600"):
        read_local_systems(parameters(tmp_path / "p.toml", "", mode))


def test_every_fault_of_a_parameter_file_is_told_at_once(tmp_path: Path) -> None:
    text = (
        '[a]\nmethod = "five"\n[b]\nmethod = "four"\ntarget = "EPSG:4490"\ndx = nan\ndy = 1\n'
        'rotation = "x"\ncolour = 1\n'
        '[c]\nmethod = "seven"\nsource = "nowhere"\n'
    )
    with pytest.raises(SettingsFault, match="fault") as caught:
        read_local_systems(parameters(tmp_path / "p.toml", text))
    for words in (
        "[a] method is 'five'",
        "[b] target is EPSG:4490; wanted a projected",
        "[b] dx is out of range",
        "[b] rotation is no number",
        "[b] scale_ppm is missing",
        "[b] has 'colour'",
        "[c] source: The CRS is 'nowhere'",
        "[c] target is None",
    ):
        assert words in str(caught.value)
