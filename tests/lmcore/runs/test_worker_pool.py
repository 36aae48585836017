"""Worker processes that cannot hurt each other."""

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import NoReturn

import psutil
import pytest

from lmcore.errors import UserError
from lmcore.runs.worker_pool import (
    GIGABYTE,
    DeadlineError,
    MemoryLimitError,
    WorkerCrashedError,
    WorkerPool,
)
from tests.lmcore.runs import faulty
from tests.waiting import until

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, deadline=60, memory=GIGABYTE // 4)
    yield pool
    pool.shutdown()


@pytest.fixture
def impatient() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, deadline=5, memory=GIGABYTE)
    yield pool
    pool.shutdown()


def test_a_call_returns_or_raises_what_the_function_does(pool: WorkerPool) -> None:
    assert pool.submit(divmod, 7, 2).result(60) == (3, 1)
    assert pool.submit(int, "z", base=36).result(60) == 35
    with pytest.raises(ValueError, match="invalid literal") as raised:
        pool.submit(int, "z").result(60)
    assert "worker_pool.py" in raised.value.__notes__[0], "the worker's traceback is lost"


@pytest.mark.parametrize("error", [OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)), EOFError("unexpected EOF")])
def test_a_pool_that_cannot_start_a_process_tries_again_at_the_next_call(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = WorkerPool(1, deadline=60, memory=GIGABYTE)
    with monkeypatch.context() as patch:

        def fail(self: WorkerPool) -> NoReturn:
            raise error

        patch.setattr(WorkerPool, "_new_worker", fail)
        for _ in range(2):
            with pytest.raises(WorkerCrashedError):
                pool.submit(os._exit, 1).result(60)
    assert pool.submit(abs, -1).result(60) == 1
    pool.shutdown()


def test_what_cannot_be_pickled_is_the_callers_error(pool: WorkerPool) -> None:
    with pytest.raises(AttributeError, match="pickle"):
        pool.submit(lambda: 1)
    with pytest.raises(TypeError, match="pickle"):
        pool.submit(threading.Lock).result(60)
    assert pool.submit(abs, -1).result(60) == 1


@pytest.fixture
def lasting() -> Iterator[WorkerPool]:
    """A pool of one worker, which must live to the end of the test."""
    lasting = WorkerPool(1, deadline=60, memory=GIGABYTE)
    worker = lasting.submit(os.getpid).result(60)
    yield lasting
    assert lasting.submit(os.getpid).result(60) == worker
    lasting.shutdown()


@pytest.mark.parametrize("function", [faulty.raise_two_reasons, faulty.raise_with_a_lock])
def test_an_exception_that_cannot_be_sent_arrives_in_words(lasting: WorkerPool, function: Callable[[], None]) -> None:
    with pytest.raises(RuntimeError, match=f"one and two(?s:.*){function.__name__}"):
        lasting.submit(function).result(60)


def test_a_result_that_cannot_be_sent_is_an_error_of_its_call(lasting: WorkerPool) -> None:
    with pytest.raises(RecursionError):
        lasting.submit(faulty.nest).result(60)
    with pytest.raises(OSError, match="gone"):
        lasting.submit(faulty.Unreadable, OSError("gone")).result(60)


def test_an_argument_that_cannot_be_read_is_an_error_of_its_call(lasting: WorkerPool) -> None:
    with pytest.raises(UserError, match=r"^This text is gone\.$"):
        lasting.submit(len, faulty.Unreadable(UserError("This text is gone."))).result(60)


@pytest.mark.parametrize("crash", faulty.CRASHES)
def test_a_crash_ends_one_worker(pool: WorkerPool, crash: Callable[[], None]) -> None:
    crashed, sibling = pool.submit(crash), pool.submit(abs, -1)
    with pytest.raises(WorkerCrashedError, match="crashed"):
        crashed.result(60)
    assert sibling.result(60) == 1
    assert pool.submit(abs, -2).result(60) == 2


@linux
@pytest.mark.parametrize("fill", faulty.MEMORY)
def test_a_call_that_needs_too_much_memory_ends_one_worker(pool: WorkerPool, fill: Callable[[], None]) -> None:
    greedy, sibling = pool.submit(fill), pool.submit(abs, -1)
    with pytest.raises(MemoryLimitError, match=r"0\.25 GB"):
        greedy.result(60)
    assert sibling.result(60) == 1
    assert pool.submit(abs, -2).result(60) == 2


@pytest.mark.parametrize("hang", faulty.HANGS)
def test_a_call_that_takes_too_long_ends_its_worker(impatient: WorkerPool, hang: Callable[[], None]) -> None:
    workers = {impatient.submit(os.getpid).result(60)}
    hanging = impatient.submit(hang)
    while len(workers) < 2 and not hanging.done():
        workers.add(impatient.submit(os.getpid).result(60))
    with pytest.raises(DeadlineError, match="within 5 s"):
        hanging.result(60)
    assert impatient.submit(abs, -1).result(60) == 1
    ended = [pid for pid in workers if not psutil.pid_exists(pid)]
    assert len(ended) <= 1


def test_a_worker_that_dies_idle_is_replaced_before_the_next_call(pool: WorkerPool) -> None:
    for _ in range(3):
        worker = psutil.Process(pool.submit(os.getpid).result(60))
        worker.kill()
        worker.wait(60)
    assert pool.submit(abs, -1).result(60) == 1


def test_shutdown_ends_calls_that_hang() -> None:
    pool = WorkerPool(1, deadline=faulty.HANG, memory=GIGABYTE)
    worker = psutil.Process(pool.submit(os.getpid).result(60))
    hanging, queued = pool.submit(faulty.hang), pool.submit(abs, -1)
    until(hanging.running)
    pool.shutdown()
    with pytest.raises(WorkerCrashedError):
        hanging.result(0)
    with pytest.raises(CancelledError):
        queued.result(0)
    assert not worker.is_running()
    assert pool.submit(abs, -1).cancelled()
