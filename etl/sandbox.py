"""Files are opened by a child process: without the database, unprivileged where possible, bounded, and in one folder.

The child unpacks and recognises first (only Python's own library), then a second one opens what was found with one GDAL
driver alone: an OGRVRT text saved as .shp would otherwise make the reader open any file of the server. What comes back
is one JSON text and Arrow files; the parent never opens the delivered bytes itself.
`etl.intake.confine` says what is guaranteed where.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

from gis.errors import BadOption, FileFault, SystemFault, TooLarge

__all__ = ["LIMITS", "Workroom", "local_path"]

#: what a child may use; a file that needs more is refused with the limit's name
LIMITS: Final[Mapping[str, int]] = {
    "bytes_in": 2 * 1024**3,  #: what is copied in
    "files_in": 5_000,
    "bytes_unpacked": 2 * 1024**3,  #: what a zip may become, and one file that the child writes
    "bytes_answered": 64 * 1024**2,
    "memory": 6 * 1024**3,  #: address space, of which a reader uses a part
    "cpu_s": 300,
    "wall_s": 600,
}
_PREFIX: Final = "gridward-work-"
#: systemd's range for users that exist only while a process runs: nobody owns a file with such a number
_FIRST_UID: Final = 61184
_UIDS: Final = 4000
#: a child sees nothing else of the parent's environment, above all no database address
_ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "GDAL_NUM_THREADS": "1",
    "GDAL_DRIVER_PATH": "disable",
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
    "OGR_GEOJSON_MAX_OBJ_SIZE": "0",
    "OGR_ARC_STEPSIZE": "1",
    "OGR_SQLITE_ALLOW_EXTERNAL_ACCESS": "NO",
    "OGR_SQLITE_JOURNAL": "MEMORY",
    "SHAPE_RESTORE_SHX": "YES",
    "CPL_DEBUG": "OFF",
}
#: the code of this parent, found last: -I keeps the current folder and PYTHONPATH out of the child
_START: Final = "import sys; sys.path.append(sys.argv[1]); from etl.intake.child import main; main()"
_DAMAGED: Final = "The file is damaged or was made to break readers; ask for it again."


class Workroom:
    """One private folder for one delivery: `take` copies in, `unpack` and `read` let a child work in it.

    Used as a context manager; the folder is gone afterwards, whatever happened. What a killed parent left behind is
    swept when the next room is made.
    """

    def __init__(self) -> None:
        _sweep()
        self.folder, self._lock = _new_folder()
        self.uid, self._claim = os.getuid(), None
        for name in ("in", "out"):
            (self.folder / name).mkdir(mode=0o755)
        if self.uid == 0:
            self.folder.chmod(0o711)
            uid, self._claim = _unused_uid()
            # In a container with root's number alone nothing can be given away: the child stays who it is.
            with contextlib.suppress(OSError):
                os.chown(self.folder / "out", uid, uid)
                self.uid = uid

    def __enter__(self) -> Workroom:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)
        if self._claim is not None:
            self._claim.close()

    def take(self, text: str) -> str:
        """Copy a file (a shapefile with its parts) or a folder in; returns its own name. Links are refused."""
        path = local_path(text)
        size = 0
        for n, (file, name) in enumerate(_files_of(path), 1):
            target = self.folder / "in" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            size += _copied(file, target, LIMITS["bytes_in"] - size)
            if size > LIMITS["bytes_in"] or n > LIMITS["files_in"]:
                raise TooLarge(
                    f"{path} holds more than {_mb('bytes_in')} or {LIMITS['files_in']:,} files; deliver it in parts."
                )
        for folder in (p for p in (self.folder / "in").rglob("*") if p.is_dir()):
            folder.chmod(0o755)
        return path.name

    def unpack(self) -> Mapping[str, Any]:
        """What was taken, unpacked and recognised: see `etl.intake.recognise`."""
        answer = self._run({"do": "unpack"})
        self._require_own(answer["files"].values() if "files" in answer else ())
        return answer

    def read(self, driver: str, sources: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Open sources of one driver: see `etl.intake.opening`. Every other driver is off before GDAL starts."""
        import pyogrio

        others = sorted(name for name in pyogrio.list_drivers() if name not in (driver, "MEM"))
        answer = self._run(
            {"do": "read", "driver": driver, "sources": list(sources)},
            {"GDAL_SKIP": ",".join(others)},
        )
        self._require_own(layer["file"] for source in answer["sources"] for layer in source["layers"])
        return answer

    def _require_own(self, names: Iterable[str]) -> None:
        """The parent opens only what lies in this room and is no link: the child may have been taken over."""
        for name in names:
            path = self.folder / name
            own = path.resolve() == path and path.is_relative_to(self.folder) and stat.S_ISREG(path.lstat().st_mode)
            if not own:
                raise FileFault(f"The reader named a file outside its folder. {_DAMAGED}")

    def _run(self, job: Mapping[str, Any], more: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        limits = {"memory": LIMITS["memory"], "cpu_s": LIMITS["cpu_s"], "limit": LIMITS["bytes_unpacked"]}
        told = {
            **job,
            **limits,
            "folder": str(self.folder),
            "uid": self.uid,
            "parent": os.getpid(),
            "parent_uid": os.getuid(),
        }
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", _START, str(Path(__file__).resolve().parent.parent)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                cwd=self.folder,
                env={**_ENVIRONMENT, "TMPDIR": str(self.folder / "out"), **(more or {})},
                start_new_session=True,
            )
            try:
                child.communicate(json.dumps(told).encode(), timeout=LIMITS["wall_s"])
            except subprocess.TimeoutExpired:
                raise FileFault(
                    f"The file took longer than {LIMITS['wall_s']} s to read and was given up; "
                    "deliver it in smaller parts."
                ) from None
            finally:
                _end(child)
            return _answer(child.returncode, _text_of(out), _text_of(err))


# -- what is copied in ----------------------------------------------------------------------------------------------
def local_path(text: str) -> Path:
    """The path a person named; addresses and GDAL's virtual file systems are refused.

    >>> local_path("/vsizip/a.zip")
    Traceback (most recent call last):
    gis.errors.BadOption: PATH is '/vsizip/a.zip'; wanted a file or folder on this machine, no address and no /vsi name.
    """
    low = text.strip().casefold()
    if not low or "://" in low or "/vsi" in low or low.startswith("vsi") or "\0" in text:
        raise BadOption(f"PATH is {text!r}; wanted a file or folder on this machine, no address and no /vsi name.")
    path = Path(text)
    try:
        path.lstat()
    except OSError:
        raise BadOption(
            f"PATH is {text!r}, which does not exist or cannot be reached; give a delivery folder, a zip or a file."
        ) from None
    return path


def _files_of(path: Path) -> list[tuple[Path, Path]]:
    """The files to copy and where to: a folder's own, a file's, or all parts of a shapefile."""
    if path.is_dir():
        return _files_in(path)
    suffix, stem = path.suffix.casefold(), path.stem.casefold()
    if suffix in (".shp", ".dbf", ".shx"):
        parts = (".shp", ".shx", ".dbf", ".prj", ".cpg")
        beside = [
            p
            for p in sorted(path.parent.iterdir())
            if p.stem.casefold() == stem and p.suffix.casefold() in parts and not p.is_dir()
        ]
    elif suffix in (".gml", ".mif"):
        beside = [path, *(p for p in (path.with_suffix(".xsd"), path.with_suffix(".mid")) if p.exists())]
    else:
        # What a database has not yet written into its main file lies beside it.
        logs = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
        beside = [path, *(p for p in logs if p.exists())]
    return [(p, Path(p.name)) for p in beside]


def _files_in(path: Path) -> list[tuple[Path, Path]]:
    """Every file of a folder; a linked folder is listed itself, so that it is refused by name."""
    base = path.parent if path.suffix.casefold() == ".gdb" else path
    found: list[tuple[Path, Path]] = []
    for here, folders, names in os.walk(path, onerror=_unreadable):
        folders.sort()
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        found += [(Path(here) / name, (Path(here) / name).relative_to(base)) for name in (*sorted(names), *links)]
        if len(found) > LIMITS["files_in"]:
            break
    return found


def _unreadable(fault: OSError) -> None:
    raise FileFault(f"{fault.filename} cannot be read ({fault.strerror}); give it to this user to read.") from None


def _copied(file: Path, target: Path, left: int) -> int:
    """Copy one ordinary file, at most one byte more than is left; a link put in its place meanwhile is not followed."""
    try:
        ordinary = stat.S_ISREG(file.lstat().st_mode)
        source = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC) if ordinary else -1
    except OSError as fault:
        raise FileFault(f"{file} cannot be read ({fault.strerror}); give it to this user to read.") from None
    if not ordinary or not stat.S_ISREG(os.fstat(source).st_mode):
        raise FileFault(f"{file} is a link or no ordinary file; give the files themselves.")
    copied = 0
    try:
        with os.fdopen(source, "rb") as opened, target.open("xb") as sink:
            while copied <= left and (block := opened.read(min(1 << 20, left - copied + 1))):
                copied += sink.write(block)
        target.chmod(0o644)
    except OSError as fault:
        raise SystemFault(f"{file} cannot be copied into the work folder: {fault.strerror}.") from None
    return copied


# -- rooms ----------------------------------------------------------------------------------------------------------
def _new_folder() -> tuple[Path, int]:
    """A new folder and the lock that says it is in use."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with contextlib.suppress(BlockingIOError):  # a sweeper was quicker and takes it away; make another
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.exists():
                return folder, lock
        os.close(lock)


def _sweep() -> None:
    """Take away the folders of rooms whose process was killed: ours, and locked by nobody."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, in use, or swept by another at this moment
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(lock).st_uid == os.getuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _unused_uid() -> tuple[int, socket.socket | None]:
    """A user number that no other room of this machine has, and the claim that keeps it.

    The claim is an abstract socket's name: taken in one step, and given back by the kernel when the process ends.
    """
    for n in range(_UIDS):
        uid = _FIRST_UID + (os.getpid() + n) % _UIDS
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0gridward-work-{uid}")
        except OSError as fault:
            claim.close()
            if fault.errno != errno.EADDRINUSE:
                return uid, None
        else:
            return uid, claim
    raise SystemFault(f"{_UIDS:,} files are being read at once; try again later.")


# -- what comes back ------------------------------------------------------------------------------------------------
def _end(child: subprocess.Popen[bytes]) -> None:
    """Nothing of the child outlives the call, also when the parent is interrupted."""
    with contextlib.suppress(ProcessLookupError):
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdin:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()


def _text_of(file: IO[bytes]) -> str:
    """What a child wrote, up to the limit; more than that is no answer."""
    file.seek(0)
    return bytes(file.read(LIMITS["bytes_answered"])).decode("utf-8", "replace")


def _answer(code: int, out: str, err: str) -> Mapping[str, Any]:
    """The child's answer, or the fault in plain words; what it printed goes along as a note for who maintains this."""
    try:
        answer = json.loads(out) if code == 0 else None
    except ValueError:
        answer = None
    if isinstance(answer, dict) and "system" in answer:
        raise SystemFault(str(answer["system"]))
    if isinstance(answer, dict) and "gave_up" not in answer:
        return answer
    # With no memory left, a child cannot even say so in JSON.
    spent = any(word in err[-300:] for word in ("MemoryError", "bad_alloc"))
    fault = _fault(code, answer["gave_up"] if isinstance(answer, dict) else "memory" if spent else "")
    fault.add_note(err[-4_000:])
    raise fault


def _fault(code: int, gave_up: str) -> FileFault | SystemFault:
    if gave_up == "disk":
        return SystemFault("The disk of the work folder is full; make room (or set TMPDIR) and try again.")
    if gave_up == "memory":
        return FileFault(f"The file wants more than {_mb('memory')} of memory; deliver it in parts. {_DAMAGED}")
    if gave_up == "size":
        return FileFault(f"The file becomes larger than {_mb('bytes_unpacked')} when read; deliver it in parts.")
    if code == -signal.SIGXCPU:
        return FileFault(f"The file used more than {LIMITS['cpu_s']} s of computing time. {_DAMAGED}")
    if code == -signal.SIGKILL:
        return FileFault(
            "The reader was killed from outside, mostly because the machine ran out of memory; "
            "try again with nothing else running, or deliver the file in parts."
        )
    how = f" ({signal.Signals(-code).name})" if code < 0 else ""
    return FileFault(f"The reader broke down on this file{how}, within {_mb('memory')} of memory. {_DAMAGED}")


def _mb(limit: str) -> str:
    return f"{LIMITS[limit] // 1024**2:,} MB"
