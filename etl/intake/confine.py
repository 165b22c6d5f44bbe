"""What a child of the sandbox gives up before it looks at the first byte that nobody trusts.

Guaranteed everywhere: limits of memory, computing time and file size; no core file; no new privileges; an environment
of its own; dead as soon as its parent is dead (Linux).
Started as root: a user of its own that owns nothing but the `out` folder, so that it can write nowhere else but in
folders open to all; a network of its own with nothing in it, where root may make one (a container may forbid it).
Not started as root: the rights of who started it, cut down by the two locks of `etl.intake.kernel` where the kernel has
them: files by Landlock, sockets and programs by seccomp. Without Landlock such a child could read and write what its
user can; without seccomp and user namespaces it could connect. Both locks are laid on root's children as well.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from etl.intake.kernel import libc, lock_calls, lock_files

__all__ = ["confine", "die_with_parent", "leave_network"]

_NEWNET: Final = 0x40000000
_NEWUSER: Final = 0x10000000
_LIBRARIES: Final = ("/usr", "/lib", "/lib64")


def confine(job: Mapping[str, Any]) -> list[str]:
    """Limits first, then root, then the locks: after it nothing can be taken back. Says which locks hold."""
    os.umask(0o022)
    memory, cpu = int(job["memory"]), int(job["cpu_s"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))  # a signal of its own first, so that the cause can be said
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(job["limit"]), int(job["limit"])))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    uid = int(job["uid"])
    if os.getuid() == 0 and uid != 0:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    die_with_parent(int(job["parent"]))  # once more: a change of user takes it off
    held = ["user"] if uid not in (0, int(job["parent_uid"])) and os.geteuid() == uid else []
    with contextlib.suppress(AttributeError, OSError):  # no Linux: then there are no such locks
        libc().prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS: no set-uid program can give back what was given up
        _drop_capabilities()
        folder = Path(job["folder"])
        readable = [folder, *map(Path, (sys.prefix, sys.base_prefix, *_LIBRARIES))]
        held += ["files"] if lock_files(readable, [folder / "out"]) else []
        held += ["calls"] if lock_calls() else []
    return held


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent ends in whatever way."""
    with contextlib.suppress(AttributeError, OSError):
        libc().prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the kernel was asked


def leave_network() -> None:
    """A network of its own with nothing in it, where the kernel lets this user have one.

    Called before any library starts a thread: a process with threads cannot change its user namespace.
    """
    uid, gid = os.getuid(), os.getgid()
    flags = _NEWNET if uid == 0 else _NEWNET | _NEWUSER
    with contextlib.suppress(AttributeError, OSError):
        if libc().unshare(flags) == 0 and uid != 0:
            # Without its own number mapped, a user of a new user namespace can create no file.
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _drop_capabilities() -> None:
    """A new user namespace makes its first user mighty within it; that is given up too."""
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    libc().capset(header, ctypes.create_string_buffer(24))
