"""Writing checkpoints without holding up the training."""

import queue
import threading
from collections.abc import Callable

from lmcore.errors import UserError
from lmcore.runs.store import Store


class CheckpointWriter:
    """A thread that writes checkpoints, the newest of each run only.

    Args:
        store: where to.
        report: called after each write with the id of the run and a warning, which is empty if all went well.
    """

    def __init__(self, store: Store, report: Callable[[str, str], None]) -> None:
        self._store, self._report = store, report
        self._pending: dict[str, bytes] = {}  # until they are on disk
        self._changing = threading.Lock()  # held while a checkpoint is put there or taken away
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.lock = threading.Lock()  # held while a run is written, so that it is not moved meanwhile
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def put(self, run_id: str, content: bytes) -> None:
        """Write a checkpoint as soon as possible, instead of older ones that are still waiting."""
        with self._changing:
            self._pending[run_id] = content
        self._queue.put(run_id)

    def is_pending(self, run_id: str) -> bool:
        """Whether a checkpoint of a run is waiting or being written."""
        return run_id in self._pending

    def flush(self, run_id: str) -> None:
        """Write the waiting checkpoint of a run now, if there is one. The caller holds `lock`.

        Raises:
            UserError: if it cannot be written.
        """
        if (content := self._pending.get(run_id)) is not None:
            self._store.save(run_id, content)
            self._discard(run_id, content)

    def _discard(self, run_id: str, content: bytes) -> None:
        with self._changing:
            if self._pending.get(run_id) is content:  # else a newer one waits
                del self._pending[run_id]

    def close(self) -> None:
        """Write everything that is waiting, and end the thread."""
        self._queue.put(None)
        self._thread.join(timeout=10)

    def _write(self) -> None:
        while (run_id := self._queue.get()) is not None:
            if (content := self._pending.get(run_id)) is None:
                continue  # a newer checkpoint was written already
            warning = ""
            try:
                with self.lock:
                    self.flush(run_id)
            except (UserError, OSError) as error:
                warning = f"This run cannot be saved: {error}"
            self._report(run_id, warning)
            if warning:
                self._discard(run_id, content)
