"""What pages show besides runs, computed in processes of its own, so that no computation reaches another visitor."""

import functools
import hashlib
import threading
from collections.abc import Callable, MutableMapping
from concurrent.futures import CancelledError
from typing import Any

import cachetools

from lmcore.errors import UserError
from lmcore.runs.executors import n_cores
from lmcore.runs.worker_pool import GIGABYTE, DeadlineError, WorkerError, WorkerPool, encode_call

DEADLINE = 30.0  # seconds that one computation may take
MEMORY = 2 * GIGABYTE
PATIENCE = 60.0  # seconds that a computation may wait for a free worker
MAX_FAILURES = 2  # workers that one and the same computation may end
FORGIVEN_AFTER = 600.0  # seconds after which a computation that ended its workers may be tried again
REMEDY = "Try a smaller model, a shorter text or fewer examples."


class Computations:
    """Computes functions of lmcore in workers of normal priority, apart from those that train.

    A computation that crashes, takes too long or needs too much memory ends its own worker and raises a `UserError`;
    one that did so twice is refused for a while. Every method may be called from any thread.

    Args:
        count: number of workers; two more than cores by default, so that some hanging computations block nobody.
        deadline: seconds that one computation may take.
        memory: bytes that one computation may allocate.
    """

    def __init__(self, count: int | None = None, deadline: float = DEADLINE, memory: int = MEMORY) -> None:
        self._count, self._deadline, self._memory = count or n_cores() + 2, deadline, memory
        self._failures: MutableMapping[bytes, list[str]] = cachetools.TTLCache(1000, FORGIVEN_AFTER)
        self._lock = threading.Lock()

    @functools.cached_property
    def _pool(self) -> WorkerPool:
        return WorkerPool(self._count, self._deadline, self._memory)

    def start(self) -> None:
        """Start the workers, if they are not running yet."""
        with self._lock:
            _ = self._pool

    def compute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function returns for these arguments. Both must be picklable.

        Raises:
            UserError: if the function does, or it crashes, takes too long or needs too much memory, or if no worker
                is free for a long time.
        """
        self.start()
        call = encode_call(function, *arguments)
        key = hashlib.blake2b(call).digest()
        while len(failures := self._failures.get(key, [])) < MAX_FAILURES:
            try:
                return self._compute_once(call)
            except WorkerError as error:
                with self._lock:
                    self._failures[key] = [*failures, str(error)]
                if isinstance(error, DeadlineError):  # another attempt would take as long
                    raise UserError(f"{error}. {REMEDY}") from None
        raise UserError(f"{failures[-1]}. It happened twice, so it is not tried again for a while. {REMEDY}")

    def _compute_once(self, call: bytes) -> Any:
        future = self._pool.submit_encoded(call)
        try:
            return future.result(PATIENCE + self._deadline)
        except TimeoutError:
            if future.done():
                raise
            future.cancel()
            raise UserError("Every worker is busy. Try again in a minute.") from None
        except CancelledError:
            raise UserError("The server is stopping. Try again when it has started.") from None

    def close(self) -> None:
        """End the workers, whatever they compute."""
        with self._lock:
            if "_pool" in self.__dict__:
                self._pool.shutdown()
