"""A PostgreSQL with PostGIS of our own: one socket, no port, no password, under var/.

The server refuses to run as root: started by root it runs as an unprivileged user, its data lie where that user can
reach them (/var/lib/gridward/…), and var/pg links there. Who may log in is decided by the operating system (peer
authentication): root, the server's user, and whoever started it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gis.errors import BadOption, Conflict, DatabaseDown, SystemFault
from gis.settings import Settings
from gis.store.binaries import find_binaries, shared_megabytes
from gis.store.processes import anybody_in, postmaster_of, recorded_pid

__all__ = ["DATABASE", "Cluster", "ClusterStatus"]

DATABASE: Final = "gridward"
_PORT: Final = 5432  # only the name of the socket file: nothing listens on TCP
_LONGEST_SOCKET: Final = 107  # bytes; the kernel refuses a longer socket address
_CONFIG: Final = """\
# Written anew by `gridward db up`.
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket}'
unix_socket_permissions = 0777
fsync = on
jit = off
max_connections = 80
shared_buffers = {buffers}MB
work_mem = 16MB
maintenance_work_mem = 256MB
max_wal_size = 6GB
checkpoint_timeout = 15min
wal_buffers = 32MB
# A load writes the months that it opens once, not to the log as well: they are on the disk before it is done. What a
# replica would need is not logged; a cluster without TCP has none (GRIDWARD_DATABASE_URL names one that may).
wal_level = minimal
max_wal_senders = 0
random_page_cost = 1.1
log_min_duration_statement = 2000
timezone = 'UTC'
log_timezone = 'UTC'
"""
_ROLES: Final = """
DO $$
BEGIN
    IF to_regrole('gridward_owner') IS NULL THEN CREATE ROLE gridward_owner LOGIN NOSUPERUSER NOBYPASSRLS; END IF;
    IF to_regrole('gridward_app') IS NULL THEN CREATE ROLE gridward_app LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS; END IF;
    IF to_regrole('gridward_all') IS NULL THEN CREATE ROLE gridward_all NOLOGIN; END IF;
    IF to_regrole('gridward_unit') IS NULL THEN CREATE ROLE gridward_unit NOLOGIN; END IF;
    IF to_regrole('gridward_public') IS NULL THEN CREATE ROLE gridward_public NOLOGIN; END IF;
END $$;
GRANT gridward_all, gridward_unit, gridward_public TO gridward_app;
"""
_EXTENSIONS: Final = """
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
"""


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """What `gridward db status` prints."""

    private: bool
    running: bool
    data: str
    socket: str
    server: str = ""
    postgis: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The private cluster of one home, or the address of a database that somebody else runs."""

    home: Path
    data: Path
    socket: Path
    user: str
    database_url: str | None = None
    owner_url: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Cluster:
        """The cluster of a home; looks at nothing but the home's path and who we are."""
        key = hashlib.sha256(str(settings.home).encode()).hexdigest()[:12]
        if os.geteuid() == 0:
            data, socket = Path("/var/lib/gridward") / key, Path("/run") / f"gridward-{key}"
            user = next((name for name in ("postgres", "gridward") if _exists(name)), "gridward")
        else:
            # A short folder of our own: below a deep home the socket's path would be too long.
            data, socket = settings.var / "pg", Path("/tmp") / f"gridward-{os.geteuid()}-{key}"  # noqa: S108
            user = pwd.getpwuid(os.geteuid()).pw_name
        return cls(settings.home, data, socket, user, settings.database_url, settings.owner_url)

    @property
    def private(self) -> bool:
        return self.database_url is None

    def url(self, role: str, *, database: str = DATABASE) -> str:
        """The SQLAlchemy address at which a role logs in."""
        given = self.owner_url or self.database_url if role == "gridward_owner" else self.database_url
        if given is not None:
            return "postgresql+psycopg2://" + given.partition("://")[2]
        return f"postgresql+psycopg2://{role}@/{database}?host={quote(str(self.socket), safe='')}&port={_PORT}"

    def up(self) -> bool:
        """Start the cluster, making it first where there is none; True when it was not running before.

        Any number of calls at once start it once. What a kill -9 left behind is cleared away.
        """
        if not self.private:
            return False
        with self._alone():
            if self._answers():
                self._prepare()
                return False
            self._make_folders()
            if not (self.data / "data" / "PG_VERSION").is_file():
                self._initdb()
            if self._postmaster() is not None:
                # It runs and cannot be reached: somebody cleaned up its socket. A stop needs none.
                self._stop()
            self._configure()
            self._start()
            self._prepare()
            return True

    def down(self) -> bool:
        """Stop the cluster; True when it was running. Open transactions are rolled back."""
        if not self.private:
            return False
        with self._alone():
            if self._postmaster() is None:
                return False
            self._stop()
            return True

    def remove(self) -> None:
        """Delete a stopped cluster with all its data: for tests."""
        if self.private and self._postmaster() is None:
            shutil.rmtree(self.data, ignore_errors=True)
            shutil.rmtree(self.socket, ignore_errors=True)

    def status(self) -> ClusterStatus:
        """Whether it runs, which versions, and where its data lie."""
        if not self.private:
            return ClusterStatus(False, True, "", "")
        if not self._answers():
            return ClusterStatus(True, False, str(self.data), str(self.socket))
        query = (
            f"SELECT current_setting('server_version'), extversion, pg_database_size('{DATABASE}') "
            "FROM pg_extension WHERE extname = 'postgis'"
        )
        server, postgis, size = self._sql(query).strip().split("|")
        return ClusterStatus(True, True, str(self.data), str(self.socket), server, postgis, int(size))

    def psql(self, arguments: Sequence[str]) -> int:
        """Run psql as the superuser of the private cluster; returns its exit code."""
        self._require_running()
        return subprocess.run(
            [*self._client("psql"), "-d", DATABASE, *arguments], check=False, env=_environment()
        ).returncode

    def dump(self, path: Path) -> None:
        """Write the whole database to one file; a broken dump never bears the wanted name.

        The part is locked while it is written: what a killed dump left behind is not, and goes with the next one.
        """
        self._require_running()
        for old in path.parent.glob(".*.part"):
            with old.open("rb") as left, suppress(BlockingIOError):
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                old.unlink(missing_ok=True)
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                leave = "--exclude-table=gridward.loading_*"  # what a load is at: it would wait for us to let go
                self._run([*self._client("pg_dump"), "-Fc", leave, "-f", str(part), DATABASE], seconds=6 * 3600)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def restore(self, path: Path, *, replace: bool) -> None:
        """Read a dump into a fresh database and put that in the place of the present one, in one step."""
        if not path.is_file():
            raise BadOption(f"{path} is no file that can be read; give a file written by `gridward db dump`.")
        self._require_running()
        if not replace and self._sql("SELECT to_regclass('gridward.release') IS NOT NULL").strip() == "t":
            raise Conflict("The database holds data already; give --replace to put the dump in its place.")
        fresh = f"{DATABASE}_restored"
        self.drop_database(fresh)
        self.create_database(fresh)
        try:
            self._run([*self._client("pg_restore"), "--exit-on-error", "-d", fresh, str(path)], seconds=6 * 3600)
        except SystemFault:
            self.drop_database(fresh)
            raise
        old = f"{DATABASE}_before"
        self.drop_database(old)
        self._sql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'; "
            f"ALTER DATABASE {DATABASE} RENAME TO {old}; ALTER DATABASE {fresh} RENAME TO {DATABASE}",
            database="postgres",
        )
        self.drop_database(old)

    def create_database(self, name: str, *, template: str = "template0") -> None:
        """Make a database, as a copy of another where one is named."""
        self._sql(f'CREATE DATABASE "{name}" OWNER gridward_owner TEMPLATE "{template}"', database="postgres")

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it."""
        self._sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', database="postgres")

    # -- how ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = self.home / "var"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "cluster.lock").open("w")
        except OSError as fault:
            raise SystemFault(
                f"{folder} cannot be written ({fault.strerror}); set GRIDWARD_HOME to a folder of your own."
            ) from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_folders(self) -> None:
        """Data and socket folders, owned by the server's user, closed to everybody else."""
        if os.geteuid() == 0 and not _exists(self.user):
            self._run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", self.user])
        owner = pwd.getpwnam(self.user)
        self.data.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.data, self.socket):
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner.pw_uid):
                raise SystemFault(f"{folder} belongs to somebody else; remove it, then start again.")
            if os.geteuid() == 0:
                os.chown(folder, owner.pw_uid, owner.pw_gid)
            folder.chmod(0o700)
        link = self.home / "var" / "pg"
        if self.data != link and not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(self.data)
        if len(os.fsencode(self.socket / f".s.PGSQL.{_PORT}")) > _LONGEST_SOCKET:
            raise SystemFault(f"The socket's path {self.socket} is over {_LONGEST_SOCKET} bytes; use a shorter folder.")

    def _initdb(self) -> None:
        """Make the cluster beside its place and move it there whole: a kill in the middle leaves nothing half done."""
        fresh = self.data / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._server(
            "initdb", "-D", str(fresh), "-U", "postgres", "--auth-local=peer", "--auth-host=reject", "--encoding=UTF8",
            "--locale=C.UTF-8", "--data-checksums",
        )  # fmt: skip
        with (fresh / "postgresql.conf").open("a") as file:
            file.write("\ninclude 'gridward.conf'\n")
        fresh.rename(self.data / "data")

    def _configure(self) -> None:
        folder = self.data / "data"
        users = dict.fromkeys([self.user, "root", pwd.getpwuid(os.geteuid()).pw_name])
        ident = "".join(f"gridward {u} {r}\n" for u in users for r in ("postgres", "gridward_owner", "gridward_app"))
        for name, content in (
            ("gridward.conf", _CONFIG.format(port=_PORT, socket=self.socket, buffers=shared_megabytes())),
            ("pg_hba.conf", "local all all peer map=gridward\n"),
            ("pg_ident.conf", ident),
        ):
            path = folder / name
            path.write_text(content, encoding="utf-8")
            if os.geteuid() == 0:
                shutil.chown(path, self.user)

    def _start(self) -> None:
        self._clear_stale_pid()
        log = self.data / "server.log"
        if log.is_file() and log.stat().st_size > 10_000_000:
            log.replace(log.with_suffix(".log.1"))
        command = ("pg_ctl", "-D", str(self.data / "data"), "-l", str(log), "-w", "-t", "120", "start")
        for attempt in range(6):
            try:
                self._server(*command)
                return
            except SystemFault as fault:
                # After a kill -9 of the postmaster its children may hold the shared memory for some seconds yet.
                if attempt == 5:
                    tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.is_file() else str(fault)
                    raise DatabaseDown(
                        f"The database of {self.data} does not start; the end of {log}:\n{tail}"
                    ) from None
                time.sleep(1.0 + attempt)

    def _stop(self) -> None:
        self._server("pg_ctl", "-D", str(self.data / "data"), "-m", "fast", "-w", "-t", "60", "stop")

    def _postmaster(self) -> int | None:
        return postmaster_of(self.data / "data")

    def _clear_stale_pid(self) -> None:
        """Remove a pid file whose number belongs to another program by now (the machine was restarted).

        A number that belongs to nobody is left to PostgreSQL: by that file it sees whether children of a killed server
        still hold its shared memory, and a second server beside them would ruin the data.
        """
        data = self.data / "data"
        pid = recorded_pid(data)
        taken = pid is not None and Path(f"/proc/{pid}").exists()
        if taken and postmaster_of(data) is None and not anybody_in(data):
            (data / "postmaster.pid").unlink(missing_ok=True)

    def _prepare(self) -> None:
        """Roles, database and extensions; what exists is left alone."""
        self._sql(_ROLES, database="postgres")
        if not self._sql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'", database="postgres").strip():
            self.create_database(DATABASE)
        self._sql(_EXTENSIONS)

    def _answers(self) -> bool:
        if not (self.socket / f".s.PGSQL.{_PORT}").exists():
            return False
        command = [*self._client("psql"), "-d", "postgres", "-tAc", "SELECT 1"]
        return subprocess.run(command, check=False, capture_output=True, timeout=30, env=_environment()).returncode == 0

    def _require_running(self) -> None:
        if not self.private:
            raise BadOption("GRIDWARD_DATABASE_URL names a database of your own; use its own tools for this.")
        if not self._answers():
            raise DatabaseDown("The database does not run; start it with `gridward db up`.")

    def _binaries(self) -> Path:
        """The programs of the version that made the data; of the newest one for a new cluster."""
        version = self.data / "data" / "PG_VERSION"
        return find_binaries(major=int(version.read_text()) if version.is_file() else None)

    def _client(self, program: str) -> list[str]:
        return [str(self._binaries() / program), "-h", str(self.socket), "-p", str(_PORT), "-U", "postgres"]

    def _sql(self, statement: str, *, database: str = DATABASE) -> str:
        return self._run([*self._client("psql"), "-d", database, "-qtAX", "-v", "ON_ERROR_STOP=1"], given=statement)

    def _server(self, program: str, *arguments: str) -> str:
        """Run one of the server's own programs as the server's user."""
        return self._run([str(self._binaries() / program), *arguments], user=self.user if os.geteuid() == 0 else None)

    def _run(
        self, command: Sequence[str], *, user: str | None = None, given: str | None = None, seconds: float = 180
    ) -> str:
        # pg_ctl's server inherits our pipes and would keep them open for ever: its output goes to a file.
        quiet = command[0].endswith("pg_ctl")
        output = subprocess.DEVNULL if quiet else subprocess.PIPE
        group = pwd.getpwnam(user).pw_gid if user else None
        try:
            done = subprocess.run(
                list(command), input=given, text=True, stdout=output, stderr=output, timeout=seconds, check=False,
                user=user, group=group, extra_groups=[] if user else None, cwd="/", env=_environment(),
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise SystemFault(f"{command[0]} could not be run: {fault}.") from None
        if done.returncode:
            raise SystemFault(f"{Path(command[0]).name} failed: {(done.stderr or '').strip()[-2000:]}")
        return done.stdout or ""


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _environment() -> dict[str, str]:
    """Nothing of ours leaks into the server, and no PG… variable of the caller's redirects its programs."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TERM", "PAGER", "EDITOR")}
    return {**kept, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
