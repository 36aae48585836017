"""The runs that an engine holds in memory: read from disk when asked for, saved on the way, forgotten at rest."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from filelock import BaseFileLock

from lmcore.errors import UserError
from lmcore.runs.checkpoint_writer import CheckpointWriter
from lmcore.runs.run import Run
from lmcore.runs.store import TRASH_DAYS, Store
from lmcore.training.trainer import SliceReport

MAX_IDLE_RUNS = 60  # runs at rest that stay in memory; others are read from disk when needed
MAX_IDLE_BYTES = 100_000_000  # that they occupy together, unless a single one is larger
MAX_IDLE_SECONDS = 600  # since somebody has asked for one


@dataclass
class LiveRun:
    """A run in memory, with what only its engine needs to know about it."""

    run: Run

    # on disk
    is_on_disk: bool = True
    lock: BaseFileLock | None = None
    saved: float = 0.0  # when a checkpoint was made last
    encoding_seconds: float = 0.0  # that it took
    used: float = 0.0  # when the run was asked for last

    # in the workers
    future: "Future[tuple[bytes, SliceReport]] | None" = None
    submitted: float = 0.0
    crashes: int = 0
    pausing: bool = False


class LiveRuns:
    """The runs in memory, in the order in which they queue. Whoever reads or changes them holds ``lock``.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self.lock = threading.RLock()
        self._store = store
        self._live: dict[str, LiveRun] = {}
        self._writer = CheckpointWriter(store, self._warn)  # its lock is acquired before `lock`

    def __iter__(self) -> Iterator[LiveRun]:
        return iter(list(self._live.values()))

    def in_memory(self, run_id: str) -> LiveRun | None:
        """The run, if it is in memory."""
        return self._live.get(run_id)

    def find(self, run_id: str) -> LiveRun:
        """The run, from memory or disk.

        Raises:
            UserError: if there is no such run.
        """
        is_loaded = run_id in self._live
        if not is_loaded:
            self._live[run_id] = LiveRun(self._store.load(run_id))
        live = self._live[run_id]
        live.used = time.monotonic()
        if not is_loaded:
            self.forget_idle()
        return live

    def own(self, run_id: str) -> LiveRun:
        """The run, locked for this process, as other processes have left it. Only such a run may change.

        Raises:
            UserError: if there is no such run, or another process is training it.
        """
        live = self.find(run_id)
        if live.lock is None:
            self._lock_on_disk(live)
            if live.lock is not None:
                try:
                    live.run = self._store.load(run_id)
                except UserError:  # it is gone, or damaged: what is in memory must not take its place
                    _unlock(live)
                    del self._live[run_id]
                    raise
        return live

    def add(self, run: Run) -> None:
        """Take in a new run. If the disk cannot be written, it gets a warning and stays in memory."""
        live = LiveRun(run, is_on_disk=False, used=time.monotonic())
        self._create_on_disk(live)
        with self.lock:
            self._live[run.id] = live
            if run.origin:
                self.save(live)  # what it shares with its parent must survive a crash of the server
            self.forget_idle()

    # ------------------------------------------------------------ disk

    def save(self, live: LiveRun) -> None:
        """Have a checkpoint of the run, as it is now, written as soon as possible."""
        live.saved = time.monotonic()
        self._create_on_disk(live)
        if live.is_on_disk:
            content = live.run.encode()
            live.encoding_seconds = time.monotonic() - live.saved
            self._writer.put(live.run.id, content)

    def move_to_trash(self, run_id: str) -> None:
        """Forget a run at rest, and move it to the trash, which is emptied of old runs.

        Raises:
            UserError: if there is no such run, or it is training.
        """
        with self._writer.lock, self.lock:
            live = self.find(run_id)
            if live.run.status.is_active or live.future is not None:
                raise UserError("This run is training. Pause it first, then delete it.")
            self._writer.flush(run_id)
            _unlock(live)
            self._store.move_to_trash(run_id)
            del self._live[run_id]
            self._store.empty_trash(older_than_days=TRASH_DAYS)

    def close(self) -> None:
        """Save the active runs, and let other processes train all of them."""
        with self.lock:
            for live in self:
                if live.run.status.is_active:
                    self.save(live)
        self._writer.close()
        for live in self:
            _unlock(live)

    def _create_on_disk(self, live: LiveRun) -> None:
        """Write what the run was started with, unless that has been done."""
        if live.is_on_disk:
            return
        try:
            self._store.create(live.run)
            live.is_on_disk = True
            self._lock_on_disk(live)
        except UserError as error:
            live.run.warning = f"This run cannot be saved: {error}"

    def _lock_on_disk(self, live: LiveRun) -> None:
        """Keep other processes from training the run. If the disk does not allow it, the run gets a warning.

        Raises:
            UserError: if another process is training it.
        """
        if live.lock is None and not live.run.warning:
            try:
                live.lock = self._store.lock(live.run.id)
            except OSError as error:
                live.run.warning = f"This run cannot be saved: {error.strerror or error}. Check the folder of runs."

    def _warn(self, run_id: str, warning: str) -> None:
        """Take in whether a checkpoint could be written."""
        with self.lock:
            if (live := self.in_memory(run_id)) is not None:
                live.run.warning = warning
                try:
                    self._lock_on_disk(live)
                except UserError as error:
                    live.run.warning = f"This run cannot be saved: {error}"

    # ------------------------------------------------------------ memory

    def forget_idle(self) -> None:
        """Forget the runs at rest that nobody has asked for the longest; all of them are on disk."""
        with self.lock:
            idle = [live for live in self if not live.run.status.is_active and not live.run.warning]
            idle.sort(key=lambda live: -live.used)
            sizes = itertools.accumulate(live.run.nbytes for live in idle)
            for i, (live, size) in enumerate(zip(idle, sizes, strict=True)):
                is_too_much = i >= MAX_IDLE_RUNS or (i > 0 and size > MAX_IDLE_BYTES)
                is_forgotten = is_too_much or time.monotonic() - live.used > MAX_IDLE_SECONDS
                if is_forgotten and not self._writer.is_pending(live.run.id):
                    _unlock(live)
                    del self._live[live.run.id]


def _unlock(live: LiveRun) -> None:
    if live.lock is not None:
        live.lock.release()
        live.lock = None
