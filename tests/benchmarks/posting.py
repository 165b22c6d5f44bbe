"""Part `http`: one report at a time over HTTP until it is decided and committed, beside a bare INSERT."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Final
from urllib.parse import parse_qs, urlsplit

import numpy as np
import psycopg2
from bare import TABLE
from grounds import World
from measuring import GRIDWARD, HERE, ROOT, Row, verdict

__all__ = ["http_rows"]

GOAL: Final = 3.0
WARM: Final = 50
WARM_SECONDS: Final = 4.0  #: while a server may still prepare what its first pages need


def http_rows(world: World, *, requests: int, rounds: int = 5) -> list[Row]:
    """All rows of this part: ours, the bare one, and the ratio of their 95th percentiles. Each round has servers of its
    own: which of two cores a process lands on makes a quarter of a request."""
    found = [_round(world, requests) for _ in range(rounds)]
    by_ratio = sorted(found, key=lambda pair: _times(pair, 95))
    ours, bare = by_ratio[len(by_ratio) // 2]
    return [_row("ours: decided and committed", ours), _row("bare Flask + psycopg2 INSERT", bare), _ratio(by_ratio)]


def _round(world: World, requests: int) -> tuple[list[float], list[float]]:
    """Latencies of ours and of the bare one."""
    with world.copy("bench_http") as settings:
        port = free_port()
        command = (*GRIDWARD, "web", "run", "--port", str(port), "--workers", "1")
        with served(command, port, world.environment(settings)):
            ours = latencies(port, requests)
        dsn = psycopg_dsn(world.owner("bench_http"))
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(TABLE)
        port = free_port()
        command = (
            *(sys.executable, "-m", "gunicorn", "-k", "gthread", "--threads", "8", "-w", "1", "--chdir", str(HERE)),
            *("--no-control-socket", "-b", f"127.0.0.1:{port}", "bare:app"),
        )
        with served(command, port, {"BARE_DSN": dsn}):
            return ours, latencies(port, requests)


def _times(pair: tuple[Sequence[float], Sequence[float]], q: int) -> float:
    return float(np.percentile(pair[0], q) / np.percentile(pair[1], q))


def _row(what: str, seconds: Sequence[float]) -> Row:
    half, most = (1000 * float(np.percentile(seconds, q)) for q in (50, 95))
    return Row(
        f"POST /api/v1/reports, {what}",
        f"p50 {half:.1f} ms, p95 {most:.1f} ms",
        note=f"{len(seconds)} requests, one after another on one connection; gunicorn, 1 worker of 8 threads",
    )


def _ratio(by_ratio: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Row:
    all_of_them = [_times(pair, 95) for pair in by_ratio]
    most = all_of_them[len(all_of_them) // 2]
    told = ", ".join(f"{one:.1f}" for one in all_of_them)
    return Row(
        "ours to the bare INSERT, p95",
        "",
        f"{most:.1f} ×",
        verdict(most <= GOAL, f"≤ {GOAL:.0f} ×"),
        f"the middle of {len(all_of_them)} rounds: {told}; p50: {_times(by_ratio[len(by_ratio) // 2], 50):.1f} ×",
    )


def bodies(n: int) -> Iterator[bytes]:
    """Reports all over the district."""
    chance = np.random.default_rng(11)
    for x, y in zip(chance.uniform(119.88, 119.94, n), chance.uniform(31.76, 31.80, n), strict=True):
        said = {
            "x": round(float(x), 7), "y": round(float(y), 7), "crs": "EPSG:4326", "category": "0102",
            "source": "public", "accuracy": 12.0, "description": "路面井盖松动",
        }  # fmt: skip
        yield json.dumps(said).encode()


class _Connection(http.client.HTTPConnection):
    """One that never holds a body back until its head is acknowledged (40 ms), also when it had to connect anew."""

    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def latencies(port: int, requests: int) -> list[float]:
    """Seconds of so many requests after the warm ones; RuntimeError unless each is answered 201."""
    with closing(_Connection("127.0.0.1", port, timeout=60)) as connection:
        until = time.monotonic() + WARM_SECONDS
        while time.monotonic() < until:
            for body in bodies(WARM):
                _posted(connection, body)
        return [_posted(connection, body) for body in bodies(requests)]


def _posted(connection: http.client.HTTPConnection, body: bytes) -> float:
    began = time.perf_counter()
    connection.request("POST", "/api/v1/reports", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    took = time.perf_counter() - began
    if answer.status != 201:
        raise RuntimeError(f"{answer.status}: {said[:500]!r}")
    return took


@contextmanager
def served(command: Sequence[str], port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """A server for as long as the block runs."""
    env = os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment)
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=ROOT, start_new_session=True)
        try:
            _await(server, port)
            yield
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until it listens."""
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{server.args!r} does not listen on {port}.")


def free_port() -> int:
    """A port that nobody holds just now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def psycopg_dsn(address: str) -> str:
    """libpq's words for one of our addresses."""
    parts = urlsplit(address)
    asked = parse_qs(parts.query)
    return f"host={asked['host'][0]} port={asked['port'][0]} dbname={parts.path[1:]} user={parts.username}"
