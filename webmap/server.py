"""The web server: gunicorn in this process, one platform per worker, made after the fork."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import socket
import stat
import sys
import threading
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

import webmap
from gis.cli_terminal import say
from gis.errors import GridwardError, SystemFault
from gis.periods import local_day
from gis.services import boundaries, database, maps, worlds
from gis.services.platform import Platform, open_platform
from gis.settings import Settings
from webmap.secret import secret_of

__all__ = ["is_loopback", "leave_root", "listen", "serve"]

_THREADS = 8
_GRACE_SECONDS = 10
_DUE_SECONDS = 60.0


def is_loopback(host: str) -> bool:
    """True where only this machine can reach a server bound to `host`.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket; SystemFault that names the remedy when the port is taken or not ours to take."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(128)
    except OSError as fault:
        bound.close()
        raise SystemFault(
            f"The web server cannot take port {port} of {host} ({fault.strerror}); wanted a free one. "
            f"Stop what uses it or choose another: PORT={port + 1 if port < 65535 else 8001} before the command, "
            "or --port."
        ) from None
    return bound


def serve(settings: Settings, bound: socket.socket, *, workers: int, open_to_all: bool) -> None:
    """Serve on a socket from `listen` until told to stop; does not return (gunicorn ends the process)."""
    # Secret and database address are found before root is left: the other user may not read var/, and for it the
    # private cluster would lie elsewhere.
    known = dataclasses.replace(settings, secret=secret_of(settings), database_url=database.address(settings))
    stays = leave_root(database.server_user(settings), reads=settings.home)
    if stays:
        say(stays)
    _Server(known, bound, workers=workers, open_to_all=open_to_all).run()


class _Server(BaseApplication):
    """gunicorn with our settings; `load` runs in each worker, after the fork."""

    def __init__(self, settings: Settings, bound: socket.socket, *, workers: int, open_to_all: bool) -> None:
        self.settings, self.bound, self.workers, self.open_to_all = settings, bound, workers, open_to_all
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": [f"fd://{self.bound.fileno()}"],
            "workers": self.workers,
            "threads": _THREADS,
            "worker_class": "gthread",
            "graceful_timeout": _GRACE_SECONDS,
            "loglevel": "warning",
            "proc_name": "gridward-web",
            # gunicorn asks who it is when it is imported, which was before root was left
            "user": os.geteuid(),
            "group": os.getegid(),
            # two installations of one user would share gunicorn's default control socket
            "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        platform = open_platform(self.settings)
        threading.Thread(target=_warm, args=(platform,), name="warm", daemon=True).start()
        return webmap.create_app(self.settings, open_to_all=self.open_to_all, platform=platform)


def _warm(platform: Platform) -> None:
    """Prepare the first page in the background; a database that is not there yet is met by the first request.

    Then look each minute for releases whose first day has come: every server looks, the database lets one do it.
    """
    with contextlib.suppress(GridwardError):
        today = local_day(datetime.now(UTC), platform.place.timezone)
        worlds.warm(platform, today)
        maps.warm(platform, today)
    tick = threading.Event()  # never set: the thread ends with its process
    while not tick.wait(_DUE_SECONDS):
        with contextlib.suppress(GridwardError):
            boundaries.wake_due(platform, now=datetime.now(UTC))


def leave_root(user: str, *, reads: Path) -> str | None:
    """Become `user` for good, when started by root; call it after binding and before serving.

    Returns None when done or not root; otherwise the sentence that says why this process stays root: the interpreter
    or the folder `reads` (the checkout) cannot be read by that user.
    """
    if os.getuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return f"There is no user {user!r} here, so the web server runs as root."
    groups = {*os.getgrouplist(user, entry.pw_gid)}
    for path in (Path(sys.executable).resolve(), Path(sys.prefix).resolve(), reads.resolve()):
        closed = _closed_to(path, entry.pw_uid, groups)
        if closed is not None:
            return (
                f"{closed} cannot be read by {user!r}, so the web server runs as root; "
                "put the checkout and its environment where that user can read them to change it."
            )
    os.setgroups(sorted(groups))
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    return None


def _closed_to(path: Path, uid: int, groups: set[int]) -> Path | None:
    """The first of a path and its parents that a user cannot pass or read; None when the way is free."""
    for step in (*reversed(path.parents), path):
        found = step.stat()
        needed = stat.S_IXOTH if step != path else stat.S_IXOTH | stat.S_IROTH
        owner, group = found.st_uid == uid, found.st_gid in groups
        held = found.st_mode >> (6 if owner else 3 if group else 0)
        if held & needed != needed:
            return step
    return None
