"""Two locks of the Linux kernel that need no privilege: Landlock (which files) and seccomp (which calls).

Both are best effort and can never be taken off again. `lock_files` says True where the kernel has Landlock (5.13, or a
distribution that left it on): then only the work folder can be written, and besides it only the interpreter's and the
system's libraries be read. `lock_calls` says True on x86_64 and aarch64 with seccomp filters: then no socket can be
made or connected, which shuts the database's unix socket too, no program and no process be started, and no other
process be traced or signalled; threads remain. The numbers are the kernel's ABI and do not change.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["libc", "lock_calls", "lock_files"]

_ERRNO: Final = 0x00050000  #: SECCOMP_RET_ERRNO, the error's number in its low bits
_ALLOW: Final = 0x7FFF0000
_LOAD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_EPERM, _ENOSYS = 1, 38
_THREAD: Final = 0x00010000  #: CLONE_THREAD
#: machine -> (AUDIT_ARCH, numbers of refused calls, clone, tgkill, prlimit64)
# fmt: off
_MACHINES: Final = {
    # socket connect accept sendto bind listen; fork vfork execve execveat; kill tkill; ptrace, process_vm_*;
    # rt_(tg)sigqueueinfo; mount umount2 pivot_root chroot unshare setns; bpf perf userfaultfd; keys; file handles
    "x86_64": (
        0xC000003E,
        (41, 42, 43, 44, 49, 50, 288, 57, 58, 59, 322, 62, 200, 101, 310, 311, 129, 297,
         165, 166, 155, 161, 272, 308, 321, 298, 323, 248, 249, 250, 304),
        (56, 234, 302),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 203, 202, 206, 200, 201, 242, 221, 281, 129, 130, 117, 270, 271, 138, 240,
         40, 39, 41, 51, 97, 268, 280, 241, 282, 217, 218, 219, 265),
        (220, 131, 261),
    ),
}
# fmt: on
#: the same everywhere: pidfd_*, io_uring_* (which makes sockets behind a filter's back), open_tree to fsmount
_EVERYWHERE: Final = (424, 434, 438, 425, 426, 427, 428, 429, 430, 431, 432)
_CLONE3: Final = 435

_READ: Final = 0b1100  #: Landlock: read a file, list a folder
_EXECUTE: Final = 1


def libc() -> ctypes.CDLL:
    """The C library, with its errno kept."""
    return ctypes.CDLL(None, use_errno=True)


def lock_calls() -> bool:
    """Refuse calls with 'not permitted' from now on; False where this kernel or machine has no such filter."""
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None or sys.maxsize < 2**32:
        return False
    program = b"".join(struct.pack("HBBI", *step) for step in _program(*machine))
    steps = ctypes.create_string_buffer(program, len(program))
    filter_ = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(steps)))
    # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    return bool(libc().prctl(22, 2, filter_, 0, 0) == 0)


def _program(arch: int, refused: Iterable[int], odd: tuple[int, int, int]) -> list[tuple[int, int, int, int]]:
    """The filter: (code, steps to skip if true, if false, value). Each test is followed by its own answer."""
    clone, tgkill, prlimit = odd
    no = (_RET, 0, 0, _ERRNO | _EPERM)
    program = [(_LOAD, 0, 0, 4), (_JEQ, 1, 0, arch), no, (_LOAD, 0, 0, 0)]
    program += [(_JGE, 0, 1, 0x40000000), no]  # the x32 numbers of x86_64 are second names of the same calls
    for number in (*refused, *_EVERYWHERE):
        program += [(_JEQ, 0, 1, number), no]
    # clone3 hides its flags behind a pointer; told that there is none, the C library makes threads with clone.
    program += [(_JEQ, 0, 1, _CLONE3), (_RET, 0, 0, _ERRNO | _ENOSYS)]
    # Allowed with one first argument only: a thread, a signal to itself (abort), limits of itself.
    for number, test, wanted in ((clone, _JSET, _THREAD), (tgkill, _JEQ, os.getpid()), (prlimit, _JEQ, 0)):
        program += [(_JEQ, 0, 4, number), (_LOAD, 0, 0, 16), (test, 1, 0, wanted), no, (_RET, 0, 0, _ALLOW)]
    return [*program, (_RET, 0, 0, _ALLOW)]


def lock_files(read: Iterable[Path], write: Iterable[Path]) -> bool:
    """Let only these folders be read and written from now on; False where this kernel has no Landlock."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        return False
    call = libc().syscall
    version = call(444, None, 0, 1)
    if version < 1:
        return False
    files = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    # TCP bind and connect from version 4, abstract unix sockets and signals from version 6
    rights = struct.pack("QQQ", files, 3, 3)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = call(444, rights, len(rights), 0)
    if ruleset < 0:
        return False
    try:
        for paths, allowed in ((read, _READ), (write, files & ~_EXECUTE)):
            for path in paths:
                _allow(call, ruleset, path, allowed)
        return bool(call(446, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(call: ctypes._NamedFuncPointer, ruleset: int, path: Path, allowed: int) -> None:
    """One folder of the rule; one that is not there or cannot be reached needs none."""
    try:
        folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        call(445, ruleset, 1, struct.pack("=Qi", allowed, folder), 0)
    finally:
        os.close(folder)
