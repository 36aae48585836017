"""Where slices are computed: processes on this machine, or a dask cluster."""

import os
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

from lmcore.errors import UserError
from lmcore.runs.worker import use_one_thread
from lmcore.runs.worker_pool import GIGABYTE, WorkerPool

SLICE_DEADLINE = 60.0  # seconds; a slice takes a fraction of one, the first of a run also loads its data
SLICE_MEMORY = 4 * GIGABYTE
SCHEDULER_TIMEOUT = 10.0  # seconds until a dask scheduler must have answered


class Workers(NamedTuple):
    """An executor, how many slices it computes at once, and how to end it."""

    executor: Executor
    n_workers: int
    close: Callable[[], None] = lambda: None
    deadline: float | None = None  # seconds after which a slice counts as lost; None if the executor sees to it


def from_environment() -> Callable[[], Workers]:
    """The factory that ``LMCORE_EXECUTOR`` names: ``tcp://host:port`` for a dask scheduler, else a local pool."""
    address = os.environ.get("LMCORE_EXECUTOR", "")
    return (lambda: dask_cluster(address)) if address else process_pool


def process_pool(count: int | None = None, deadline: float = SLICE_DEADLINE, memory: int = SLICE_MEMORY) -> Workers:
    """A pool of single-thread processes, as many as cores, of a lower priority than the pages."""
    count = count or n_cores()
    pool = WorkerPool(count, deadline, memory, niceness=10)
    return Workers(pool, count, pool.shutdown)


def n_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def dask_cluster(address: str) -> Workers:
    """A dask.distributed scheduler; its workers must see the same data folder.

    Raises:
        UserError: if the package is missing or nobody answers at the address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UserError("LMCORE_EXECUTOR needs dask.distributed: pip install 'glassbox[cluster]'") from None
    try:
        client = Client(address, timeout=SCHEDULER_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(f"No dask scheduler answers at {address!r} ({error}).") from None
    client.register_worker_callbacks(use_one_thread)
    threads = sum(client.nthreads().values())
    return Workers(client.get_executor(pure=False), max(1, threads), client.close, deadline=2 * SLICE_DEADLINE)
