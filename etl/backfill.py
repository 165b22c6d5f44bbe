"""Bulk assignment on Dask: the partitions of a run decided by several processes of this machine, or by a cluster.

Workers read partitions and write answers themselves, in folders that all of them see; nothing but the names travels.
The assigner lies as a file beside the answers: data scattered by the client would be lost with the last worker that
holds them, a file is there for every worker that comes later. A partition whose worker dies is given to another; its
answer has the same name and the same bytes, whoever writes it.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from etl.assigning import Done, Engine, Order, work
from etl.points import Partition
from gis import __version__
from gis.errors import BadOption, SystemFault
from gis.services.bulk import Assigner, use_threads

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Carried", "dask_engine", "decided"]

_WAIT_S: Final = 30  #: for the first worker of a cluster
_kept: dict[str, Assigner] = {}  #: the assigner of this process, by its digest: the last one only


@dataclass(frozen=True, slots=True)
class Carried:
    """An assigner as a file that every worker can read."""

    path: str
    sha256: str

    def load(self) -> Assigner:
        """The assigner, read once per process; a file that is not the one written is never unpickled."""
        if self.sha256 not in _kept:
            data = Path(self.path).read_bytes()
            if hashlib.sha256(data).hexdigest() != self.sha256:
                raise SystemFault(f"{self.path} is not what was written there; run the command again.")
            found: Assigner = pickle.loads(data)  # noqa: S301 - its digest came with the task
            _kept.clear()
            _kept[self.sha256] = found
        return _kept[self.sha256]


def decided(order: Order, carried: Carried, part: Partition) -> Done:
    """Decide a partition in a worker."""
    if order.version != __version__:
        raise SystemFault(
            f"A worker runs Gridward {__version__} and the command {order.version}; install the same on both."
        )
    use_threads(1)
    return work(order, carried.load(), part)


def dask_engine(*, workers: int, scheduler: str | None = None) -> Engine:
    """The engine of a cluster at an address (`tcp://host:port`), or of `workers` processes of this machine.

    Raises BadOption where Dask is not installed or the address is none.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise BadOption(
            "--engine dask needs Dask, which is not installed; install it with `pip install 'gridward[cluster]'`, or "
            "use --engine local."
        ) from None
    if scheduler is not None and "://" not in scheduler:
        raise BadOption(f"--scheduler is {scheduler!r}; wanted an address such as tcp://10.0.0.5:8786.")

    def engine(order: Order, assigner: Assigner, parts: Sequence[Partition]) -> Iterator[Done]:
        with ExitStack() as stack:
            carried = stack.enter_context(_carried(assigner, Path(order.folder)))
            client = stack.enter_context(_remote(scheduler) if scheduler else _own(min(workers, len(parts) or 1)))
            yield from _gathered(client, order, carried, parts)

    return engine


@contextmanager
def _carried(assigner: Assigner, folder: Path) -> Iterator[Carried]:
    data = pickle.dumps(assigner, protocol=pickle.HIGHEST_PROTOCOL)
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f".assigner-{digest[:16]}.tmp"
    path.write_bytes(data)
    try:
        yield Carried(str(path), digest)
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _own(workers: int) -> Iterator[Client]:
    """Processes of one thread each, on the loopback interface, without a dashboard; started again when they die."""
    from distributed import Client, LocalCluster

    with (
        tempfile.TemporaryDirectory(prefix="gridward-dask-") as room,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            local_directory=room,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _remote(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=_WAIT_S)
    except (OSError, TimeoutError, ValueError) as fault:
        raise SystemFault(
            f"The scheduler at {address} does not answer ({fault}); start it with `dask scheduler`, open its port."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_WAIT_S)
        except TimeoutError:
            raise SystemFault(f"The scheduler at {address} has no workers; start some with `dask worker`.") from None
        yield client


def _gathered(client: Client, order: Order, carried: Carried, parts: Sequence[Partition]) -> Iterator[Done]:
    """What each partition's worker says, as they finish."""
    from distributed import KilledWorker, as_completed

    run = carried.sha256[:16]
    futures: dict[Any, Partition] = {
        client.submit(decided, order, carried, part, key=f"gridward-{run}-{part.number}", pure=False): part
        for part in parts
    }
    try:
        for future in as_completed(list(futures)):
            try:
                yield future.result()
            except KilledWorker:
                part = futures[future]
                raise SystemFault(
                    f"Partition {part.number} ({part.rows} rows of {Path(part.path).name}) ended its worker several "
                    "times, probably for want of memory; give smaller partitions with --partition."
                ) from None
            future.release()
    finally:
        client.cancel(list(futures), force=True)
