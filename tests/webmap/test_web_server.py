"""The server process: its port, its user, its secret, its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import PLACE_FILE

from gis.errors import SystemFault
from gis.services.schema import migrate
from gis.settings import Settings
from gis.store.cluster import Cluster
from webmap.secret import secret_of
from webmap.server import leave_root, listen

ROOT = Path(__file__).resolve().parents[2]


def test_a_taken_port_is_said_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemFault, match=rf"port {port} of 127\.0\.0\.1 .*PORT=\d+"):
            listen("127.0.0.1", port)


def test_a_host_that_is_not_ours_is_said() -> None:
    with pytest.raises(SystemFault, match="cannot take port"):
        listen("203.0.113.1", 8000)


def test_a_user_that_is_not_there_keeps_the_process_as_it_is() -> None:
    before = os.getuid()
    said = leave_root("nobody-by-this-name", reads=ROOT)
    assert os.getuid() == before
    assert said is None or "no user 'nobody-by-this-name'" in said


def test_the_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, config=tmp_path / "place.toml")
    first = secret_of(settings)
    assert secret_of(settings) == first
    assert len(first) >= 32
    assert (tmp_path / "var/web-secret").stat().st_mode & 0o077 == 0


def test_a_server_starts_answers_and_ends_when_told(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gis.settings import Settings\n"
        "from webmap.server import listen, serve\n"
        "bound = listen('127.0.0.1', 0); print(bound.getsockname()[1], flush=True)\n"
        "home, config = map(Path, sys.argv[1:])\n"
        "serve(Settings(home=home, config=config), bound, workers=1, open_to_all=True)"
    )
    place = ROOT / "data/boundaries/zhonglou/place.toml"
    command = [sys.executable, "-c", code, str(tmp_path), str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        address = f"http://127.0.0.1:{int(process.stdout.readline())}/healthz"
        try:
            assert _answer(address) == {"status": "ok"}
        finally:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in said


def _answer(address: str) -> object:
    """The JSON of an address, waiting for the first worker to be up."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return json.loads(answer.read())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_the_server_leaves_root_where_it_can_and_still_reaches_its_database(tmp_path: Path) -> None:
    """A real server on a real socket: whoever it runs as, it answers from the database."""
    home = tmp_path / "home"
    home.mkdir()
    settings = Settings(home, PLACE_FILE)
    cluster = Cluster.of(settings)
    cluster.up()
    migrate(settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", "from gis.cli import main; main()", "web", "run", "--port", str(port), "--workers", "1"],
        env=os.environ | {"GRIDWARD_HOME": str(home), "GRIDWARD_CONFIG": str(PLACE_FILE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        answer = b""
        for _ in range(100):
            time.sleep(0.2)
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response,
            ):
                answer = response.read()
                break
        assert b'"ok"' in answer
    finally:
        server.terminate()
        said, _ = server.communicate(timeout=30)
        cluster.down()
        cluster.remove()
    assert "Traceback" not in said
