"""Worker processes, each behind a pipe of its own: one that crashes, hangs or takes too much memory ends alone.

`concurrent.futures.ProcessPoolExecutor` breaks as a whole when one of its processes dies, and cannot end a call that
hangs. Here a thread per process sends the call, waits for the answer up to the deadline, and replaces the process if
none comes; the exception says why, and only in the future of that call.
"""

import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

from lmcore.errors import UserError

if sys.platform != "win32":
    import resource

GIGABYTE = 2**30
_OUT_OF_MEMORY = ("allocate memory", "bad_alloc", "bad allocation")  # in what PyTorch raises: a plain RuntimeError
_starting = threading.Lock()


class WorkerError(Exception):
    """A call ended its worker; the message says how, in a clause to which a sentence can be added."""


class WorkerCrashedError(WorkerError):
    """The process ended before its answer."""


class DeadlineError(WorkerError):
    """No answer came in time, and the process was killed."""


class MemoryLimitError(WorkerError):
    """The call needed more memory than a worker may have."""


def encode_call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> bytes:
    """A call as bytes, as a worker gets it; equal calls have equal bytes."""
    return pickle.dumps((function, args, kwargs), pickle.HIGHEST_PROTOCOL)


class WorkerPool(Executor):
    """An executor over processes that cannot hurt each other. Calls are served first come, first served.

    Args:
        count: number of processes.
        deadline: seconds after which a call is given up and its process killed.
        memory: bytes that a process may allocate beyond what it has at its start (enforced on Linux only).
        niceness: by how much the priority of the processes is lowered.
    """

    def __init__(self, count: int, deadline: float, memory: int, niceness: int = 0) -> None:
        self._deadline, self._memory, self._niceness = deadline, memory, niceness
        self._threads = ThreadPoolExecutor(count)
        self._lock = threading.Lock()  # held while workers are started or all of them are ended
        self._workers = {self._new_worker() for _ in range(count)}
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Call a function, which a worker can import, in one of the processes.

        Besides what the function raises, the future raises a `WorkerError` if the call ended its worker. After
        `shutdown` it is a cancelled future.
        """
        return self.submit_encoded(encode_call(fn, *args, **kwargs))

    def submit_encoded(self, call: bytes) -> "Future[Any]":
        """The same for what `encode_call` returned."""
        try:
            return self._threads.submit(self._call, call)
        except RuntimeError:  # shut down
            cancelled: Future[Any] = Future()
            cancelled.cancel()
            return cancelled

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all processes, whatever they compute, and wait for it."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.kill()
        self._threads.shutdown(wait=True)  # each thread notices that its worker has ended
        for worker in self._workers:
            worker.end()

    def _new_worker(self) -> "_Worker":
        return _Worker(self._memory, self._niceness)

    def _call(self, call: bytes) -> Any:
        worker = self._idle.get()  # never empty: as many threads as workers
        try:
            if not worker.send(call):  # it died idle, which is not this call's fault
                worker = self._replace(worker)
                worker.send(call)
            answer, value = worker.answer(self._deadline)
        except WorkerError:
            worker = self._replace(worker)
            raise
        finally:
            self._idle.put(worker)
        if not answer:
            raise value
        return value

    def _replace(self, worker: "_Worker") -> "_Worker":
        worker.end()
        with self._lock:
            if self._closed:
                return worker
            try:
                new = self._new_worker()
            except (OSError, EOFError):  # no process can be forked now; the next call tries again
                return worker
            self._workers.remove(worker)
            self._workers.add(new)
        return new


def start_fork_server() -> None:
    """Start the process that workers are forked from, if it is not running yet, without waiting for it.

    It loads PyTorch, which takes seconds. Windows has none.
    """
    if sys.platform != "win32":
        multiprocessing.get_context("forkserver").set_forkserver_preload(["lmcore.runs.preload"])
        forkserver.ensure_running()


class _Worker:
    """A process, and this side of its pipe."""

    def __init__(self, memory: int, niceness: int) -> None:
        start_fork_server()
        if sys.platform == "win32":
            context = multiprocessing.get_context("spawn")
        else:
            context = multiprocessing.get_context("forkserver")
        self._connection, other_end = context.Pipe()
        self._memory = memory
        self._process = context.Process(target=_serve, args=(other_end, memory, niceness), daemon=True)
        try:
            with _starting, _empty_main():
                self._process.start()
        except (OSError, EOFError):  # the latter if the fork server has ended
            self._connection.close()
            raise
        finally:
            other_end.close()  # so that the pipe ends when the process does

    def send(self, call: bytes) -> bool:
        """Whether the process could be sent a call."""
        with suppress(OSError):
            self._connection.send_bytes(call)
            return True
        return False

    def answer(self, deadline: float) -> tuple[bool, Any]:
        """Whether the call returned, and what; or else what it raised."""
        try:
            if not self._connection.poll(deadline):
                raise DeadlineError(f"No answer came within {deadline:g} s")
            received = self._connection.recv_bytes()
        except (EOFError, OSError):
            raise WorkerCrashedError("The computation crashed") from None
        answer: tuple[bool, Any] = pickle.loads(received)
        if answer == (False, None):
            raise MemoryLimitError(f"The computation needs more memory than allowed ({self._memory / GIGABYTE:.3g} GB)")
        return answer

    def kill(self) -> None:
        """Let the process end, whatever it does; any thread may call this."""
        self._process.kill()

    def end(self) -> None:
        """End the process and its pipe; only for the one thread that uses them."""
        self._process.kill()
        self._process.join()
        self._connection.close()


# ---------------------------------------------------------------- in the worker


def _serve(connection: Connection, memory: int, niceness: int) -> None:
    """What a worker process does: call what it is sent, and answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends its workers
    lower_priority(niceness)
    _limit_memory(memory)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))


def _answer(call: bytes) -> bytes:
    """A pickled pair: whether the function returned, and its result or exception; None if memory ran out."""
    try:
        function, args, kwargs = pickle.loads(call)  # may read the visitor's text, which can fail
        return pickle.dumps((True, function(*args, **kwargs)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        if _is_out_of_memory(error):
            return pickle.dumps((False, None))
        if not isinstance(error, UserError):
            error.add_note(traceback.format_exc())
        return _pickled_error(error)


def _pickled_error(error: Exception) -> bytes:
    """The answer of a call that raised an exception; of one that does not survive pickling, only the words remain."""
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)
    except Exception:
        words = "".join(traceback.format_exception(error))
        return pickle.dumps((False, RuntimeError(f"The computation raised an exception that cannot be sent: {words}")))
    return answer


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
    )


def _limit_memory(memory: int) -> None:
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as file:
            has = int(file.read().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (has + memory, has + memory))


def lower_priority(niceness: int) -> None:
    """Let this process run after others, where the system can."""
    if hasattr(os, "nice"):
        os.nice(niceness)


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
