"""Where slices are computed: a pool of processes on this machine, or a dask cluster."""

import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import NamedTuple

from lmcore.errors import UserError


class Workers(NamedTuple):
    """An executor, how many slices it computes at once, and how to end it."""

    executor: Executor
    n_workers: int
    close: Callable[[], None] = lambda: None


def from_environment() -> Callable[[], Workers]:
    """The factory that ``LMCORE_EXECUTOR`` names: ``tcp://host:port`` for a dask scheduler, else a local pool."""
    address = os.environ.get("LMCORE_EXECUTOR", "")
    return (lambda: dask_cluster(address)) if address else process_pool


def process_pool(count: int | None = None) -> Workers:
    """A pool of niced single-thread processes, as many as cores, which end when this process dies."""
    count = count or _cores()
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    if sys.platform != "win32":
        context.set_forkserver_preload(["lmcore.runs.preload"])
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_prepare_worker)
    with _empty_main():
        for _ in range(count):
            pool.submit(os.getpid)  # starts a worker, since none is idle yet
    return Workers(pool, count, lambda: pool.shutdown(wait=True, cancel_futures=True))


def _cores() -> int:
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
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(f"No dask scheduler answers at {address!r} ({error}).") from None
    threads = sum(client.nthreads().values())
    return Workers(client.get_executor(pure=False), max(1, threads), client.close)


def lower_priority() -> None:
    """Lets this process run after others, so that pages stay quick while every core trains."""
    if hasattr(os, "nice"):
        os.nice(10 - os.nice(0))


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends its workers
    lower_priority()
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _empty_main() -> Iterator[None]:
    """A child process runs the parent's ``__main__`` again, which may be the whole app: gives it an empty one."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
