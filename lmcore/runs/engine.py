"""The engine: advances many runs at once, slice by slice, over one executor.

Each active run has one slice in flight. The executor's queue is first in, first out, which makes it fair. Pausing a run
means that no further slice is submitted; a new learning rate means that the next slice gets another config; after a
worker crashed, the last state is submitted again.
"""

import copy
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass, replace
from typing import Any

from filelock import BaseFileLock

from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.runs import executors
from lmcore.runs.checkpoint_writer import CheckpointWriter
from lmcore.runs.computations import Computations
from lmcore.runs.run import Run, Status
from lmcore.runs.store import TRASH_DAYS, Header, Store
from lmcore.runs.view import RunView
from lmcore.runs.worker import advance, evaluate_on_test
from lmcore.runs.worker_pool import DeadlineError, WorkerCrashedError, WorkerError
from lmcore.training.history import Change, TestEvaluation
from lmcore.training.trainer import SliceReport

SAVE_EVERY = 3.0  # seconds between two checkpoints of a running run, at least
MAX_SAVE_SHARE = 1 / 200  # of the time spent on encoding the checkpoints of a run: large ones are saved less often
MAX_CRASHES = 2  # workers that one slice may end before the run counts as the cause
MAX_IDLE_RUNS = 60  # runs at rest that stay in memory; others are read from disk when needed
MAX_IDLE_BYTES = 100_000_000  # that they occupy together, unless a single one is larger
MAX_IDLE_SECONDS = 600  # since somebody has asked for one

_log = logging.getLogger(__name__)


@dataclass
class _Entry:
    """A run in the engine, with what only the engine needs to know about it."""

    run: Run
    lock: BaseFileLock | None = None
    future: "Future[tuple[bytes, SliceReport]] | None" = None
    submitted: float = 0.0
    saved: float = 0.0
    encoding_seconds: float = 0.0  # that the last checkpoint took
    crashes: int = 0
    pausing: bool = False
    is_on_disk: bool = True
    used: float = 0.0  # when it was asked for last


def _header_fields(run: Run) -> dict[str, Any]:
    """The fields of a run's header that the engine knows better than the disk."""
    last = run.snapshots[-1] if run.snapshots else None
    return {
        "config": run.current,
        "status": run.status,
        "step": run.step,
        "n_parameters": run.n_parameters,
        "wall_seconds": run.wall_seconds,
        "metrics": last.metrics if last else {},
    }


class Engine:
    """Advances runs. Every method may be called from any thread.

    Args:
        store: where runs are kept.
        make_workers: makes the executor, and again after it broke.
        max_active: runs of one owner that train at once; further ones queue.
        computations: where what is not training is computed.
    """

    def __init__(
        self,
        store: Store | None = None,
        make_workers: Callable[[], executors.Workers] | None = None,
        max_active: int = 2,
        computations: Computations | None = None,
    ) -> None:
        self.computations = computations or Computations()
        self.store = store or Store()
        self.max_active = max_active
        self._make_workers = make_workers or executors.from_environment()
        self._workers = self._make_workers()
        self._generation = 0
        self._entries: dict[str, _Entry] = {}  # in the order in which they queue
        self._lock = threading.RLock()
        self._events: queue.SimpleQueue[tuple[str, int, Future[Any]] | None] = queue.SimpleQueue()
        self._writer = CheckpointWriter(self.store, self._warn)  # its lock is acquired before `_lock`
        self._closed = False
        self.store.empty_trash(older_than_days=TRASH_DAYS)
        self._interrupted = [header for header in self.store.headers() if header.status == Status.INTERRUPTED]
        self._thread = threading.Thread(target=self._collect_results, daemon=True)
        self._thread.start()

    def warm(self) -> None:
        """Let every worker import what it needs, so that the first run and the first click are answered at once."""
        self.computations.start()
        for _ in range(self._workers.n_workers):
            self._workers.executor.submit(advance, b"", {}, 0.0)

    # ------------------------------------------------------------ commands

    def start(
        self,
        config: AnyRunConfig,
        owner: str = "",
        step_once: bool = False,
        planned: Sequence[Change] = (),
        pause_at: int | None = None,
        pause_below: float | None = None,
    ) -> str:
        """Start a run and return its id; with ``step_once`` it takes one step and pauses.

        If the disk cannot be written, the run gets a warning and continues in memory.

        Args:
            config: of the run.
            owner: who may see it.
            step_once: whether it pauses after one step.
            planned: changes of training settings that it makes at their steps.
            pause_at: step at which it pauses.
            pause_below: train loss in nats; it pauses at the first snapshot where the loss is lower.
        """
        run = Run(config, owner, planned=planned)
        run.pause_at, run.pause_below = 1 if step_once else pause_at, pause_below
        return self._admit(run)

    def fork(self, run_id: str, step: int | None = None, owner: str = "", **settings: Any) -> str:
        """Fork a run at one of its steps (`Run.fork`), with other training settings; return the new id.

        Raises:
            UserError: if no state is kept of that step, a setting does not fit, or no steps are left.
        """
        with self._lock:
            run = self._entry(run_id).run.fork(step, owner)
        run.change(settings)
        if (run.pending.get("steps") or run.current.train.steps) <= run.step:
            raise UserError(f"The fork would begin at step {run.step:,}, which is its last. Raise the number of steps.")
        return self._admit(run)

    def _admit(self, run: Run) -> str:
        entry = _Entry(run)
        entry.is_on_disk = False
        self._create_on_disk(entry)
        with self._lock:
            self._entries[run.id] = entry
            entry.used = time.monotonic()
            if run.origin:
                self._save(entry)  # what it shares with its parent must survive a crash of the server
            self._evict_idle()
            self._start_queued()
        return run.id

    def pause(self, run_id: str) -> None:
        """Let the slice in flight end, and submit no further one."""
        with self._lock:
            entry = self._entry(run_id)
            if entry.run.status == Status.QUEUED or (entry.run.status == Status.RUNNING and entry.future is None):
                entry.run.status = Status.PAUSED
                self._save(entry)
            entry.pausing = entry.future is not None

    def resume(
        self, run_id: str, step_once: bool = False, pause_at: int | None = None, pause_below: float | None = None
    ) -> None:
        """Resume a run from its last state; with ``step_once`` it takes one step and pauses.

        Args:
            run_id: of the run.
            step_once: whether it pauses after one step.
            pause_at: step at which it pauses.
            pause_below: train loss in nats; it pauses at the first snapshot where the loss is lower.

        Raises:
            UserError: if there is no such run, it has taken all its steps, or another process is training it.
        """
        with self._lock:
            entry = self._entry(run_id)
            run = entry.run
            if (run.pending.get("steps") or run.current.train.steps) <= run.step:
                raise UserError(f"The run has taken all {run.step:,} steps. Raise the number of steps to resume.")
            entry.pausing = False
            run.pause_at, run.pause_below = run.step + 1 if step_once else pause_at, pause_below
            if run.status.is_active:
                return
            self._lock_on_disk(entry)
            run.status, run.message = Status.QUEUED, ""
            self._interrupted = [header for header in self._interrupted if header.id != run_id]
            run.progress.clear()
            entry.crashes = 0
            self._start_queued()

    def change(self, run_id: str, **settings: Any) -> None:
        """Change the training settings of a run from its next slice on.

        Raises:
            UserError: if a setting cannot change during a run, or a value is out of bounds.
        """
        with self._lock:
            entry = self._entry(run_id)
            entry.run.change(settings)
            if not entry.run.status.is_active:
                self._save(entry)

    def delete(self, run_id: str) -> None:
        """Move a run at rest to the trash, from which `undelete` restores it.

        Raises:
            UserError: if there is no such run, or it is training.
        """
        with self._writer.lock, self._lock:
            entry = self._entry(run_id)
            if entry.run.status.is_active or entry.future is not None:
                raise UserError("This run is training. Pause it first, then delete it.")
            self._writer.flush(run_id)
            self._unlock(entry)
            self.store.move_to_trash(run_id)
            del self._entries[run_id]
            self.store.empty_trash(older_than_days=TRASH_DAYS)
        self._interrupted = [header for header in self._interrupted if header.id != run_id]

    def undelete(self, run_id: str) -> None:
        """Restore a run from the trash.

        Raises:
            UserError: if it is gone for good.
        """
        self.store.restore_from_trash(run_id)

    def evaluate_on_test(self, run_id: str) -> TestEvaluation:
        """Evaluate the run, as it is now, on the whole test split; the view keeps every evaluation.

        Raises:
            UserError: if there is no such run, or its data are gone.
        """
        with self._lock:
            entry = self._entry(run_id)
            state, config, step = entry.run.state, entry.run.current.model_dump(), entry.run.step
        evaluation = TestEvaluation(step, self.compute(evaluate_on_test, state, config))
        with self._lock:
            entry = self._entry(run_id)  # it may have been evicted meanwhile
            entry.run.test_evaluations.append(evaluation)
            self._save(entry)
        return evaluation

    def compute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of lmcore returns: see `Computations.compute`."""
        return self.computations.compute(function, *arguments)

    def close(self) -> None:
        """Let slices in flight end, save every run and end the workers. Active runs count as interrupted."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            in_flight = [entry.future for entry in self._entries.values() if entry.future is not None]
        wait(in_flight, timeout=10)
        self._events.put(None)
        self._thread.join(timeout=10)
        with self._lock:
            for entry in self._entries.values():
                if entry.run.status.is_active:
                    self._save(entry)
        self._writer.close()
        for entry in self._entries.values():
            self._unlock(entry)
        self._workers.close()
        self.computations.close()

    # ------------------------------------------------------------ queries

    def view(self, run_id: str) -> RunView:
        """The run as it is now.

        Raises:
            UserError: if there is no such run.
        """
        with self._lock:
            entry = self._entry(run_id)
            run = entry.run
            return RunView(
                run.id,
                run.status,
                entry.pausing,
                run.message,
                run.warning,
                run.current.model_copy(update={"train": run.current.train.updated(**run.pending)}),
                run.step,
                run.n_parameters,
                run.wall_seconds,
                run.steps_per_second,
                self._queue_position(run),
                copy.deepcopy(run.history),
                tuple(run.snapshots),
                tuple(run.changes),
                run.diverged_losses,
                tuple(run.test_evaluations),
                run.config.train,
                run.origin,
            )

    def copy(self, run_id: str) -> Run:
        """The whole run as it is now, for an export.

        Raises:
            UserError: if there is no such run.
        """
        with self._lock:
            return self._entry(run_id).run.copy()

    def headers(self) -> list[Header]:
        """The runs on disk, newest first, with the status that this engine knows."""
        with self._lock:
            live = {run_id: _header_fields(entry.run) for run_id, entry in self._entries.items()}
        return [replace(header, **live.get(header.id, {})) for header in self.store.headers()]

    def interrupted(self) -> list[Header]:
        """Runs that an earlier server left while they were training, and that nobody has resumed."""
        return list(self._interrupted)

    @property
    def n_active(self) -> int:
        """Number of runs that are training now."""
        with self._lock:
            return sum(entry.run.status == Status.RUNNING for entry in self._entries.values())

    @property
    def slice_seconds(self) -> float:
        """Length of a slice now: short when many runs share the workers, so that each of them moves often."""
        return min(0.2, max(0.05, 0.5 * self._workers.n_workers / max(1, self.n_active)))

    # ------------------------------------------------------------ the loop

    def _entry(self, run_id: str) -> _Entry:
        is_loaded = run_id in self._entries
        if not is_loaded:
            self._entries[run_id] = _Entry(self.store.load(run_id))
        entry = self._entries[run_id]
        entry.used = time.monotonic()
        if not is_loaded:
            self._evict_idle()
        return entry

    def _queue_position(self, run: Run) -> int:
        waiting = [
            s.run.id for s in self._entries.values() if s.run.status == Status.QUEUED and s.run.owner == run.owner
        ]
        return waiting.index(run.id) + 1 if run.id in waiting else 0

    def _start_queued(self) -> None:
        """Start queued runs, first come, first served, up to the limit of each owner."""
        for entry in self._entries.values():
            if entry.run.status == Status.QUEUED:
                running = sum(
                    s.run.status == Status.RUNNING and s.run.owner == entry.run.owner for s in self._entries.values()
                )
                if running < self.max_active:
                    entry.run.status = Status.RUNNING
                    self._submit(entry)

    def _submit(self, entry: _Entry) -> None:
        if self._closed or entry.future is not None:
            return
        changes = len(entry.run.changes)
        state, config = entry.run.next_slice()
        if len(entry.run.changes) > changes:
            self._save(entry)
        for _ in range(2):
            generation = self._generation
            try:
                future = self._workers.executor.submit(advance, state, config, self.slice_seconds, entry.run.next_stop)
                break
            except BrokenExecutor:
                self._replace_workers(generation)
        else:
            self._fail(entry, "No worker could be started. Start the app again.")
            return
        entry.future, entry.submitted = future, time.monotonic()
        future.add_done_callback(lambda done: self._events.put((entry.run.id, generation, done)))

    def _collect_results(self) -> None:
        """The engine's thread: takes in finished slices. Nothing that goes wrong with one run ends it."""
        while True:
            try:
                event = self._events.get(timeout=1.0)
            except queue.Empty:
                self._fail_overdue()
                self._evict_idle()
                continue
            if event is None:
                return
            run_id, generation, future = event
            with self._lock:
                entry = self._entries.get(run_id)
                if entry is not None and entry.future is future:
                    entry.future = None
                    try:
                        self._handle_result(entry, generation, future)
                    except Exception as error:
                        _log.exception("run %s failed", run_id)
                        self._fail(
                            entry,
                            f"The run stopped because of a bug ({type(error).__name__}); see the server's log.",
                        )
                    self._start_queued()

    def _handle_result(self, entry: _Entry, generation: int, future: "Future[Any]") -> None:
        try:
            state, report = future.result()
        except UserError as error:
            self._fail(entry, str(error))
            return
        except (WorkerError, BrokenExecutor, CancelledError) as error:
            self._submit_again(entry, generation, error)
            return
        run = entry.run
        entry.crashes = 0
        run.fold(state, report)
        if entry.pausing and run.status == Status.RUNNING:
            run.status = Status.PAUSED
        entry.pausing = False
        if run.status == Status.RUNNING:
            if time.monotonic() - entry.saved > max(SAVE_EVERY, entry.encoding_seconds / MAX_SAVE_SHARE):
                self._save(entry)
            self._submit(entry)
        else:
            self._save(entry)

    def _submit_again(self, entry: _Entry, generation: int, error: Exception) -> None:
        """Submit the last state again, unless the run is what ends its workers."""
        entry.crashes += 1
        if not isinstance(error, WorkerError):
            self._replace_workers(generation)
            error = WorkerCrashedError("The computation crashed")
        if isinstance(error, DeadlineError) or entry.crashes >= MAX_CRASHES:
            self._fail(entry, f"{error}. Try a smaller model or shorter texts, or resume the run.")
        else:
            self._submit(entry)

    def _fail(self, entry: _Entry, message: str) -> None:
        entry.run.status, entry.run.message = Status.FAILED, message
        self._save(entry)

    def _replace_workers(self, generation: int) -> None:
        """Replace a broken executor, once per breakdown: the first run to notice replaces it for all."""
        if generation == self._generation and not self._closed:
            self._generation += 1
            self._workers.close()
            self._workers = self._make_workers()

    def _fail_overdue(self) -> None:
        if (deadline := self._workers.deadline) is None:
            return
        with self._lock:
            for entry in list(self._entries.values()):
                if entry.future is not None and time.monotonic() - entry.submitted > deadline:
                    entry.future = None
                    self._fail(
                        entry, f"No worker answered within {deadline:g} s. Check the workers, then resume the run."
                    )
            self._start_queued()

    # ------------------------------------------------------------ memory and disk

    def _save(self, entry: _Entry) -> None:
        entry.saved = time.monotonic()
        self._create_on_disk(entry)
        if not entry.is_on_disk:
            return
        content = entry.run.encode()
        entry.encoding_seconds = time.monotonic() - entry.saved
        self._writer.put(entry.run.id, content)

    def _warn(self, run_id: str, warning: str) -> None:
        """Take in whether a checkpoint could be written."""
        with self._lock:
            if (entry := self._entries.get(run_id)) is not None:
                entry.run.warning = warning
                self._lock_on_disk(entry)

    def _evict_idle(self) -> None:
        """Forget the runs at rest that nobody has asked for the longest; all of them are on disk."""
        with self._lock:
            idle = [entry for entry in self._entries.values() if not entry.run.status.is_active]
            idle = sorted((entry for entry in idle if not entry.run.warning), key=lambda entry: -entry.used)
            sizes = itertools.accumulate(entry.run.nbytes for entry in idle)
            for i, (entry, size) in enumerate(zip(idle, sizes, strict=True)):
                is_too_much = i >= MAX_IDLE_RUNS or (i > 0 and size > MAX_IDLE_BYTES)
                is_forgotten = is_too_much or time.monotonic() - entry.used > MAX_IDLE_SECONDS
                if is_forgotten and not self._writer.is_pending(entry.run.id):
                    self._unlock(entry)
                    del self._entries[entry.run.id]

    def _create_on_disk(self, entry: _Entry) -> None:
        """Write what the run was started with, unless that has been done."""
        if entry.is_on_disk:
            return
        try:
            self.store.create(entry.run)
            entry.is_on_disk = True
            self._lock_on_disk(entry)
        except UserError as error:
            entry.run.warning = f"This run cannot be saved: {error}"

    def _lock_on_disk(self, entry: _Entry) -> None:
        if entry.lock is None and not entry.run.warning:
            try:
                entry.lock = self.store.lock(entry.run.id)
            except OSError as error:
                entry.run.warning = f"This run cannot be saved: {error.strerror or error}. Check the folder of runs."

    @staticmethod
    def _unlock(entry: _Entry) -> None:
        if entry.lock is not None:
            entry.lock.release()
            entry.lock = None
