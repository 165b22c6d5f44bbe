"""The sandbox: what comes in, what a child may do, what comes back, and what is left; files made on the spot."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio.raw
import pytest
import shapely

from etl import sandbox
from etl.sandbox import LIMITS, Workroom, local_path
from gis.errors import BadOption, FileFault, SystemFault, TooLarge

ROOT = Path(__file__).resolve().parent.parent.parent
AS_ROOT = os.getuid() == 0
GEOJSON = """{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"DM":"320404001","MC":"五星街道"},
"geometry":{"type":"Polygon","coordinates":[[[119.9,31.7],[120,31.7],[120,31.8],[119.9,31.8],[119.9,31.7]]]}}]}"""
KML = """<kml xmlns="http://www.opengis.net/kml/2.2"><Document>%s<Placemark><name>五星街道</name><Polygon>
<outerBoundaryIs><LinearRing><coordinates>119.9,31.7 120,31.7 120,31.8 119.9,31.7</coordinates></LinearRing>
</outerBoundaryIs></Polygon></Placemark></Document></kml>"""


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work folders of these tests lie in a folder of their own, so that what is left behind can be counted."""
    assert tmp_path.exists()  # made first, where pytest makes its own
    with tempfile.TemporaryDirectory(prefix="gridward-rooms-") as name:
        Path(name).chmod(0o755)  # pytest's own folders are closed to the child's user
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_(**values: int) -> None:
        for name, value in values.items():
            monkeypatch.setitem(LIMITS, name, value)  # type: ignore[arg-type]

    return set_


def layer(path: Path, driver: str, names: tuple[str, ...] = ("DM", "MC"), **options: Any) -> Path:
    squares = np.array([shapely.to_wkb(shapely.box(119.9 + x, 31, 120.9 + x, 32)) for x in (0, 1)], dtype=object)
    columns = [np.array(["320404001", "五星街道"], dtype=object) for _ in names]
    options = {"geometry_type": "Polygon", "crs": "EPSG:4326", **options}
    pyogrio.raw.write(path, squares, columns, list(names), driver=driver, **options)
    return path


def opened(path: Path, encoding: str | None = None) -> dict[str, Any]:
    """The first source of a delivery as read, its columns with it."""
    with Workroom() as room:
        room.take(str(path))
        found = room.unpack()
        assert found["refused_all"] is None
        assert len(found["sources"]) == 1, found["refused"]
        source = found["sources"][0]
        wanted = {"n": 0, "driver": source["driver"], "path": source["path"], "layer": None, "encoding": encoding}
        answer = dict(room.read(source["driver"], [wanted])["sources"][0])
        tables = []
        for read in answer["layers"]:
            with pa.memory_map(read["file"]) as file:
                tables.append(pa.ipc.open_file(file).read_all().to_pydict())
        return {**answer, "tables": tables, "found": found}


# -- what comes in ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    ["", " ", "/vsizip/a.zip", "/vsicurl/http://x/a.shp", "vsimem", "https://x/a.zip", "PG://x", "a\0b", "/x/../vsi/a"],
)
def test_addresses_and_virtual_paths_are_refused(text: str) -> None:
    with pytest.raises(BadOption, match="PATH is"):
        local_path(text)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="does not exist"):
        local_path(str(tmp_path / "none.zip"))


def test_links_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "delivery"
    folder.mkdir()
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "link.zip").symlink_to("/etc/passwd")
    (tmp_path / "gone.zip").symlink_to("/nowhere")
    with Workroom() as room:
        for name in ("pipe.zip", "link.zip", "gone.zip"):
            with pytest.raises(FileFault, match=f"{name} is a link or no ordinary file"):
                room.take(str(tmp_path / name))
        with pytest.raises(FileFault, match="/dev/null is a link or no ordinary file"):
            room.take("/dev/null")
        (folder / "etc").symlink_to("/etc")
        with pytest.raises(FileFault, match="etc is a link or no ordinary file"):
            room.take(str(folder))
        assert [p for p in room.folder.rglob("*") if p.is_file()] == []


def test_too_much_is_refused_before_it_is_copied(tmp_path: Path, limit: Callable[..., None]) -> None:
    for n in range(4):
        (tmp_path / f"{n}.bin").write_bytes(bytes(1_000))
    limit(bytes_in=2_500)
    with Workroom() as room:
        with pytest.raises(TooLarge, match="deliver it in parts"):
            room.take(str(tmp_path))
        assert sum(p.stat().st_size for p in room.folder.rglob("*") if p.is_file()) <= 2_501
    limit(bytes_in=10_000, files_in=3)
    with Workroom() as room, pytest.raises(TooLarge, match="3 files"):
        room.take(str(tmp_path))


def test_all_parts_of_a_shapefile_come_with_it_and_nothing_else(tmp_path: Path) -> None:
    layer(tmp_path / "jd.shp", "ESRI Shapefile")
    (tmp_path / "other.shp").write_bytes(b"other")
    with Workroom() as room:
        assert room.take(str(tmp_path / "jd.shp")) == "jd.shp"
        assert {p.stem for p in (room.folder / "in").iterdir()} == {"jd"}


# -- every format -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("jd.gpkg", "GPKG"),
        ("jd.geojson", "GeoJSON"),
        ("jd.kml", "LIBKML"),
        ("jd.gml", "GML"),
        ("jd.fgb", "FlatGeobuf"),
        ("jd.gdb", "OpenFileGDB"),
        ("街道 边界.SHP", "ESRI Shapefile"),
    ],
)
def test_every_format_is_read_as_it_is_and_from_a_zip(tmp_path: Path, name: str, driver: str) -> None:
    folder = tmp_path / "delivery"
    folder.mkdir()
    path = layer(folder / name.lower(), driver, **({"encoding": "UTF-8"} if driver == "ESRI Shapefile" else {}))
    if name.endswith(".SHP"):
        for part in list(folder.iterdir()):
            part.rename(folder / (part.stem + part.suffix.upper()))
        path = folder / name
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            out.write(file, file.relative_to(folder))
    for given in (path, tmp_path / "a.zip"):
        read = opened(given)
        assert (read["fault"], [s["rows"] for s in read["layers"]]) == (None, [2])
        assert read["found"]["sources"][0]["driver"] == driver
        texts = [t.encode("latin-1").decode() if read["layers"][0]["latin"] else t for t in read["tables"][0]["DM"]]
        assert sorted(texts) == ["320404001", "五星街道"]
        assert shapely.from_wkb(read["tables"][0]["__wkb__"][1]).area == pytest.approx(1.0)


def test_kmz_is_a_zip_with_kml(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "jd.kmz", "w") as out:
        out.writestr("doc.kml", KML % "")
    assert opened(tmp_path / "jd.kmz")["tables"][0]["Name"] == ["五星街道"]


def test_kml_in_gbk_is_read(tmp_path: Path) -> None:
    (tmp_path / "jd.kml").write_bytes(('<?xml version="1.0" encoding="GBK"?>' + KML % "").encode("gbk"))
    assert opened(tmp_path / "jd.kml")["tables"][0]["Name"] == ["五星街道"]


def test_kml_that_points_elsewhere_fetches_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        link = f"http://127.0.0.1:{server.getsockname()[1]}/more.kml"
        more = f"<NetworkLink><Link><href>{link}</href></Link></NetworkLink>"
        more += f"<Style id='s'><IconStyle><Icon><href>{link}</href></Icon></IconStyle></Style>"
        (tmp_path / "jd.kml").write_text(KML % more)
        assert opened(tmp_path / "jd.kml")["fault"] is None
        with pytest.raises(BlockingIOError):
            server.accept()


def test_curves_come_out_as_chords(tmp_path: Path) -> None:
    path = layer(tmp_path / "jd.gpkg", "GPKG", geometry_type="Unknown")
    circle = struct.pack("<BII", 1, 10, 1) + struct.pack("<BII", 1, 8, 5)
    circle += struct.pack("<10d", 0, 0, 1, 1, 2, 0, 1, -1, 0, 0)
    with sqlite3.connect(path) as base:
        for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{trigger}"')
        base.execute("UPDATE jd SET geom = ?", (b"GP\0\1" + struct.pack("<i", 4326) + circle,))
    base.close()
    read = opened(path)
    assert read["layers"][0]["curved"]
    shape = shapely.from_wkb(read["tables"][0]["__wkb__"][0])
    assert shape.geom_type in ("Polygon", "MultiPolygon")
    assert shape.area == pytest.approx(np.pi, rel=1e-3)


def test_views_are_read_and_triggers_never_run(tmp_path: Path) -> None:
    path = layer(tmp_path / "jd.gpkg", "GPKG")
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE told (word TEXT)")
        base.execute("CREATE TRIGGER t AFTER INSERT ON jd BEGIN INSERT INTO told VALUES ('x'); END")
        base.execute("CREATE VIEW v AS SELECT fid AS OGC_FID, geom, DM FROM jd WHERE fid = 1")
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES ('v', 'features', 'v', 4326)"
        )
        base.execute("INSERT INTO gpkg_geometry_columns VALUES ('v', 'geom', 'POLYGON', 4326, 0, 0)")
    base.close()
    read = opened(path)
    assert {s["layer"]: s["rows"] for s in read["layers"]} == {"jd": 2, "v": 1}
    with sqlite3.connect(path) as base:
        assert base.execute("SELECT count(*) FROM told").fetchone() == (0,)
    base.close()


# -- damaged files ----------------------------------------------------------------------------------------------------
def shapefile(folder: Path, change: Callable[[bytearray], None], suffix: str = ".shp") -> Path:
    path = layer(folder / "jd.shp", "ESRI Shapefile", encoding="UTF-8")
    raw = bytearray(path.with_suffix(suffix).read_bytes())
    change(raw)
    path.with_suffix(suffix).write_bytes(raw)
    return path


def test_a_missing_index_is_rebuilt(tmp_path: Path) -> None:
    path = layer(tmp_path / "jd.shp", "ESRI Shapefile")
    path.with_suffix(".shx").unlink()
    assert opened(path)["layers"][0]["rows"] == 2


def test_two_thousand_million_points_take_no_memory(tmp_path: Path, limit: Callable[..., None]) -> None:
    limit(memory=3 * 1024**3)  # the points alone would be 32 GB

    def claim(raw: bytearray) -> None:
        raw[100 + 8 + 40 : 100 + 8 + 44] = struct.pack("<i", 2_000_000_000)

    read = opened(shapefile(tmp_path, claim))
    assert read["tables"] == [] or read["tables"][0]["__wkb__"][0] is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e38])
def test_coordinates_that_are_none_come_back_as_they_are(tmp_path: Path, value: float) -> None:
    def spoil(raw: bytearray) -> None:
        raw[100 + 8 + 48 + 16 : 100 + 8 + 48 + 24] = struct.pack("<d", value)

    read = opened(shapefile(tmp_path, spoil))
    assert read["layers"][0]["rows"] == 2
    with np.errstate(invalid="ignore"):
        numbers = shapely.get_coordinates(shapely.from_wkb(read["tables"][0]["__wkb__"][0]))
    assert np.isclose(numbers, value, equal_nan=True).any()


@pytest.mark.parametrize(("suffix", "at"), [(".shp", 24), (".shx", 24), (".dbf", 4)])
@pytest.mark.parametrize("number", [0, 1, 0x7FFFFFFF])
def test_headers_that_lie_end_in_rows_or_in_words(tmp_path: Path, suffix: str, at: int, number: int) -> None:
    def lie(raw: bytearray) -> None:
        raw[at : at + 4] = struct.pack("<i" if suffix == ".dbf" else ">i", number)

    read = opened(shapefile(tmp_path, lie, suffix))
    assert read["fault"] or read["layers"]


def test_two_fields_of_one_name_are_both_read(tmp_path: Path) -> None:
    def rename(raw: bytearray) -> None:
        raw[64:75] = raw[32:43]

    read = opened(shapefile(tmp_path, rename, ".dbf"))
    assert list(read["tables"][0]) == ["__wkb__", "DM", "DM_2"]
    assert read["found"]["notes"] == ["jd.shp: two fields are called DM; the later one is read as DM_2."]


def test_two_fields_of_one_name_in_flatgeobuf_are_refused_by_name(tmp_path: Path) -> None:
    path = layer(tmp_path / "jd.fgb", "FlatGeobuf", ("CODE1", "CODE2"))
    path.write_bytes(path.read_bytes().replace(b"CODE2", b"CODE1"))
    assert "two fields called CODE1" in opened(path)["fault"]


def test_a_property_called_like_our_geometry_is_refused_and_like_gdals_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "jd.geojson"
    path.write_text(GEOJSON.replace('"DM"', '"__wkb__"'))
    assert "__wkb__" in opened(path)["fault"]
    path.write_text(GEOJSON.replace('"DM"', '"wkb_geometry"'))
    read = opened(path)
    assert read["fault"] or shapely.from_wkb(read["tables"][0]["__wkb__"][0]).area > 0


def test_geojson_that_is_not_utf_8_is_refused_with_what_it_would_be_and_read_when_told(tmp_path: Path) -> None:
    path = tmp_path / "jd.geojson"
    path.write_bytes(GEOJSON.encode("gbk"))
    fault = opened(path)["fault"]
    assert "not UTF-8" in fault
    assert "五星街道" in fault
    assert "--encoding GBK" in fault
    assert opened(path, "GBK")["tables"][0]["MC"] == ["五星街道"]
    assert "which is none" in opened(path, "klingon")["fault"]
    path.write_text(GEOJSON)
    assert "said to be ASCII" in opened(path, "ASCII")["fault"]


def test_a_geopackage_whose_texts_are_gbk_is_refused_by_its_field(tmp_path: Path) -> None:
    path = layer(tmp_path / "jd.gpkg", "GPKG")
    with sqlite3.connect(path) as base:
        for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{trigger}"')
        base.execute("UPDATE jd SET MC = CAST(? AS TEXT)", ("五星街道".encode("gbk"),))
    base.close()
    read = opened(path)
    assert read["fault"] is None or "field MC holds texts that are not UTF-8" in read["fault"]


@pytest.mark.parametrize("name", ["jd.geojson", "jd.gpkg", "jd.fgb", "jd.kml", "jd.gml"])
def test_a_file_cut_in_half_ends_in_words_without_folders(tmp_path: Path, name: str, scratch: Path) -> None:
    driver = {"geojson": "GeoJSON", "gpkg": "GPKG", "fgb": "FlatGeobuf", "kml": "LIBKML", "gml": "GML"}[name[3:]]
    path = layer(tmp_path / name, driver)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    with Workroom() as room:
        room.take(str(path))
        found = room.unpack()
        text = " ".join(found["refused"])
        for source in found["sources"]:
            wanted = {"n": 0, "driver": driver, "path": source["path"], "layer": None, "encoding": None}
            read = room.read(driver, [wanted])["sources"][0]
            text += (read["fault"] or "") + " ".join(read["said"])
            assert read["fault"] or read["said"] or sum(s["rows"] for s in read["layers"]) < 2
    assert str(scratch) not in text
    assert "Traceback" not in text


# -- the child --------------------------------------------------------------------------------------------------------
PROBE = """
import json, os, signal, socket, sys, threading
sys.path.append(sys.argv[1])
from etl.intake.confine import confine, leave_network
job = json.load(sys.stdin)
leave_network()
held = confine(job)

def tried(do):
    try:
        do()
    except BaseException as fault:
        return type(fault).__name__
    return "done"

def thread():
    one = threading.Thread(target=int)
    one.start()
    one.join()

print(json.dumps({
    "held": held, "uid": os.getuid(), "groups": os.getgroups(),
    "unix": tried(lambda: socket.socket(socket.AF_UNIX).connect(job["socket"])),
    "inet": tried(lambda: socket.socket().connect(("127.0.0.1", job["port"]))),
    "fork": tried(os.fork), "exec": tried(lambda: os.execv("/bin/true", ["true"])),
    "spawn": tried(lambda: os.posix_spawn("/bin/true", ["true"], {})),
    "kill": tried(lambda: os.kill(os.getppid(), 0)), "thread": tried(thread),
    "outside": tried(lambda: open(job["outside"], "w")), "passwd": tried(lambda: open("/etc/passwd").read()),
    "inside": tried(lambda: open(job["folder"] + "/out/x", "w").close()),
    "delivered": tried(lambda: open(job["folder"] + "/in/x", "w")),
    "read": tried(lambda: os.listdir(job["folder"] + "/in")),
    "root": tried(lambda: os.setuid(0)), "core": tried(lambda: bytearray(8 << 30)),
}))
"""


@pytest.fixture
def probed(tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """What a confined process can still do, asked of one; the folder outside is open to everybody."""
    with tempfile.TemporaryDirectory(dir="/tmp") as open_to_all, Workroom() as room:
        Path(open_to_all).chmod(0o777)
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
            unix.bind(f"{open_to_all}/.s.PGSQL.5432")
            Path(f"{open_to_all}/.s.PGSQL.5432").chmod(0o777)
            unix.listen()

            def run(uid: int) -> dict[str, Any]:
                job = {"folder": str(room.folder), "uid": uid, "memory": 4 << 30, "cpu_s": 60, "limit": 1 << 30}
                job |= {
                    "parent": os.getpid(),
                    "parent_uid": os.getuid(),
                    "outside": f"{open_to_all}/x",
                    "port": tcp.getsockname()[1],
                }
                job |= {"socket": f"{open_to_all}/.s.PGSQL.5432"}
                (room.folder / "out").chmod(0o777)  # whoever asks
                command = [sys.executable, "-I", "-B", "-c", PROBE, str(ROOT)]
                ended = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=False)
                assert ended.returncode == 0, ended.stderr
                return dict(json.loads(ended.stdout))

            yield run


def test_a_confined_process_reaches_no_database_no_network_no_program(probed: Callable[..., dict[str, Any]]) -> None:
    with Workroom() as other:
        could = probed(other.uid)
    assert could["groups"] == [] or not AS_ROOT
    assert "calls" in could["held"]
    for name in ("unix", "inet", "fork", "exec", "spawn", "kill"):
        assert could[name] == "PermissionError", name
    assert could["thread"] == "done"
    assert could["core"] == "MemoryError"


def test_a_confined_process_writes_nowhere_but_in_its_folder(probed: Callable[..., dict[str, Any]]) -> None:
    with Workroom() as other:
        could = probed(other.uid if not AS_ROOT else 0)  # root's own number: what holds then is the lock alone
    locked = "files" in could["held"]
    assert could["outside"] == ("PermissionError" if locked else "done")
    assert could["passwd"] == ("PermissionError" if locked else "done")
    assert could["delivered"] == ("PermissionError" if locked else "done")
    assert could["inside"] == could["read"] == "done"


def test_the_filters_numbers_are_those_of_this_machine() -> None:
    """socket and execve by name and by number are the same call."""
    code = (
        "import sys; sys.path.append(sys.argv[1]); from etl.intake.kernel import libc, lock_calls; import os\n"
        "libc().prctl(38, 1, 0, 0, 0); print(lock_calls()); os.execv('/bin/true', ['true'])"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", code, str(ROOT)], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "True"
    assert "PermissionError" in ended.stderr


def slow(folder: Path, records: int = 4_000_000) -> Path:
    """A shapefile of millions of records of nothing: its counting takes a while."""
    path = layer(folder / "jd.shp", "ESRI Shapefile")
    record = np.frombuffer(struct.pack(">iii", 1, 2, 0), dtype=np.uint8)
    path.write_bytes(path.read_bytes()[:100] + np.tile(record, records).tobytes())
    return path


def watched(path: Path, then: Callable[[int], object], room: Workroom) -> None:
    """Unpack, and do something with the child's number as soon as the child is confined."""

    def watch(pid: int) -> None:
        status = Path(f"/proc/{pid}/status")
        while status.exists() and "Seccomp:\t2" not in status.read_text():
            pass
        then(pid)

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            threading.Thread(target=watch, args=(self.pid,), daemon=True).start()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", Watched)
        room.take(str(path))
        room.unpack()


def test_a_killed_child_is_a_fault_in_words(tmp_path: Path) -> None:
    with Workroom() as room, pytest.raises(FileFault, match="killed from outside") as caught:
        watched(slow(tmp_path), lambda pid: os.kill(pid, signal.SIGKILL), room)
    assert "code" not in str(caught.value)


def test_the_child_runs_as_another_user_with_nothing_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDWARD_DATABASE", "postgresql://secret")
    monkeypatch.setenv("PGPASSWORD", "secret")
    seen: dict[str, Any] = {}

    def look(pid: int) -> None:
        process = Path(f"/proc/{pid}")
        seen["status"] = (process / "status").read_text()
        seen["environment"] = (process / "environ").read_bytes()
        seen["network"] = str((process / "ns/net").readlink())
        os.kill(pid, signal.SIGKILL)

    with Workroom() as room:
        uid = room.uid
        with pytest.raises(FileFault):
            watched(slow(tmp_path), look, room)
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in seen["status"]
    assert "NoNewPrivs:\t1" in seen["status"]
    assert "CapEff:\t0000000000000000" in seen["status"]
    assert b"secret" not in seen["environment"]
    assert b"GRIDWARD" not in seen["environment"]
    assert b"\0PG" not in seen["environment"]
    assert (seen["network"] != str(Path("/proc/self/ns/net").readlink())) or not AS_ROOT
    assert (uid != 0) or not AS_ROOT


def test_only_one_driver_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with Workroom() as room:
        assert room.read("GeoJSON", [])["sources"] == []
        monkeypatch.setattr(pyogrio, "list_drivers", dict)  # nothing is told to be switched off
        with pytest.raises(SystemFault, match="wanted GeoJSON alone; nothing was opened"):
            room.read("GeoJSON", [])


def test_a_vrt_that_reached_the_reader_would_still_find_no_driver(tmp_path: Path) -> None:
    """The second wall, behind recognition: whatever the content, the one driver alone looks at it."""
    with Workroom() as room:
        path = room.folder / "in" / "x.geojson"
        path.write_text("<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/etc/passwd</SrcDataSource>")
        wanted = {"n": 0, "driver": "GeoJSON", "path": str(path), "layer": None, "encoding": None}
        read = room.read("GeoJSON", [wanted])["sources"][0]
    assert read["fault"] == "its content is not what its beginning promises"
    assert read["layers"] == []


def test_too_much_memory_is_a_fault_and_no_crash(tmp_path: Path, limit: Callable[..., None]) -> None:
    (tmp_path / "jd.geojson").write_text(GEOJSON)
    limit(memory=300 * 1024**2)  # enough to unpack with Python alone; the libraries have more than that already
    with pytest.raises(FileFault, match="The file wants more than 300 MB of memory") as caught:
        opened(tmp_path / "jd.geojson")
    assert "/" not in str(caught.value)


def test_too_long_is_a_fault(tmp_path: Path, limit: Callable[..., None], scratch: Path) -> None:
    limit(wall_s=0)
    (tmp_path / "jd.geojson").write_text(GEOJSON)
    with pytest.raises(FileFault, match="longer than 0 s"):
        opened(tmp_path / "jd.geojson")
    assert list(scratch.iterdir()) == []


def test_too_much_computing_is_a_fault(tmp_path: Path, limit: Callable[..., None]) -> None:
    limit(cpu_s=1)
    with pytest.raises(FileFault, match="more than 1 s of computing time"):
        opened(slow(tmp_path, 16_000_000))


@pytest.mark.parametrize(
    ("code", "out", "words"),
    [
        (0, "no json", "broke down"),
        (0, "[]", "broke down"),
        (1, "", "broke down"),
        (-signal.SIGSEGV, "", "SIGSEGV"),
        (-signal.SIGABRT, "{}", "SIGABRT"),
        (0, '{"gave_up": "memory"}', "of memory"),
        (1, "MemoryError", "of memory"),
        (-signal.SIGABRT, "std::bad_alloc", "of memory"),
        (0, '{"gave_up": "size"}', "becomes larger than"),
        (0, '{"gave_up": "disk"}', "disk of the work folder is full"),
    ],
)
def test_whatever_ends_a_child_is_said_in_words_without_its_traceback(code: int, out: str, words: str) -> None:
    trace = f'Traceback:\n  File "/root/secret/x.py"\nKeyError: 1 {out}'
    with pytest.raises((FileFault, SystemFault), match=words) as caught:
        sandbox._answer(code, out, trace)
    assert "secret" not in str(caught.value)
    assert caught.value.__notes__ == [trace]  # for who maintains this, not for who delivers


def test_a_captured_child_cannot_make_the_parent_open_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("secret")
    with Workroom() as room:
        (room.folder / "out" / "link").symlink_to(tmp_path / "secret")
        (room.folder / "out" / "up").symlink_to(tmp_path)
        for name in (str(tmp_path / "secret"), "out/link", "out/up/secret", "../secret", "out", "/dev/stdin"):
            answer: Mapping[str, Any] = {"files": {"x": name}}
            monkeypatch.setattr(room, "_run", lambda job, answer=answer: answer)
            with pytest.raises(FileFault, match="outside its folder"):
                room.unpack()


def test_a_full_disk_is_the_machines_fault(tmp_path: Path, limit: Callable[..., None]) -> None:
    (tmp_path / "jd.geojson").write_text(GEOJSON.replace("五星街道", "五" * 1_000_000))
    limit(bytes_unpacked=1_000_000)
    with pytest.raises(FileFault, match="becomes larger than 0 MB"):
        opened(tmp_path / "jd.geojson")


# -- rooms ------------------------------------------------------------------------------------------------------------
def test_two_rooms_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "jd.geojson").write_text(GEOJSON)
    with Workroom() as one, Workroom() as two:
        assert one.folder != two.folder
        assert one.uid != two.uid or not AS_ROOT
        one.take(str(tmp_path / "jd.geojson"))
        assert two.unpack()["sources"] == []
        assert len(one.unpack()["sources"]) == 1


def test_two_processes_have_two_users(tmp_path: Path) -> None:
    code = "import sys; sys.path.append(sys.argv[1]); from etl.sandbox import Workroom; print(Workroom().uid)"
    with Workroom() as room:
        # A process whose number gives the same first choice: the claim sends it on.
        ended = subprocess.run(
            [sys.executable, "-c", f"import os; os.getpid = lambda: {os.getpid()}; {code}", str(ROOT)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert (int(ended.stdout) != room.uid) or not AS_ROOT


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_parent_leaves_no_child_and_no_folder(
    tmp_path: Path, end: signal.Signals, scratch: Path
) -> None:
    slow(tmp_path)
    code = (
        "import sys, tempfile; sys.path.append(sys.argv[1]); tempfile.tempdir = sys.argv[3]\n"
        "from etl.sandbox import Workroom\nimport subprocess\n"
        "class Told(subprocess.Popen):\n"
        "    def __init__(self, *a, **k):\n"
        "        super().__init__(*a, **k)\n"
        "        print(self.pid, flush=True)\n"
        "subprocess.Popen = Told\n"
        "with Workroom() as room:\n    room.take(sys.argv[2])\n    room.unpack()\n"
    )
    command = [sys.executable, "-c", code, str(ROOT), str(tmp_path / "jd.shp"), str(scratch)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        while "Seccomp:\t2" not in Path(f"/proc/{child}/status").read_text():
            pass
        parent.send_signal(end)
        parent.wait()
        while Path(f"/proc/{child}").exists():
            pass  # the kernel takes it away; a child that stays makes this test hang
    if end == signal.SIGINT:
        assert list(scratch.iterdir()) == []
    with Workroom() as room:
        assert list(scratch.iterdir()) == [room.folder]  # what a killed parent left was swept
    assert list(scratch.iterdir()) == []


def test_sweeping_leaves_rooms_in_use_and_other_folders(scratch: Path) -> None:
    (scratch / "other").mkdir()
    (scratch / "gridward-work-link").symlink_to(scratch / "other")
    with Workroom() as one, Workroom() as two:
        assert one.folder.exists()
        assert two.folder.exists()
    assert (scratch / "other").exists()
