"""The engine: advances many runs at once, slice by slice, over one executor.

Each active run has one slice in flight. The executor's queue is first in, first out, which makes it fair. Pausing a run
means that no further slice is submitted; a new learning rate means that the next slice gets another config; after a
worker crashed, the last state is submitted again.
"""

import copy
import functools
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.runs import executors
from lmcore.runs.computations import Computations
from lmcore.runs.live_runs import LiveRun, LiveRuns
from lmcore.runs.run import Run, Status
from lmcore.runs.store import TRASH_DAYS, Header, Store
from lmcore.runs.view import RunView
from lmcore.runs.worker import advance, evaluate_on_test
from lmcore.runs.worker_pool import DeadlineError, WorkerCrashedError, WorkerError
from lmcore.training.history import Change, TestEvaluation

SAVE_EVERY = 3.0  # seconds between two checkpoints of a running run, at least
MAX_SAVE_SHARE = 1 / 200  # of the time spent on encoding the checkpoints of a run: large ones are saved less often
MAX_CRASHES = 2  # workers that one slice may end before the run counts as the cause

_log = logging.getLogger(__name__)


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
        self._runs = LiveRuns(self.store)
        self._lock = self._runs.lock
        self._events: queue.SimpleQueue[tuple[str, int, Future[Any]] | None] = queue.SimpleQueue()
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
            run = self._runs.find(run_id).run.fork(step, owner)
        run.change(settings)
        if (run.pending.get("steps") or run.current.train.steps) <= run.step:
            raise UserError(f"The fork would begin at step {run.step:,}, which is its last. Raise the number of steps.")
        return self._admit(run)

    def _admit(self, run: Run) -> str:
        self._runs.add(run)
        with self._lock:
            self._start_queued()
        return run.id

    def pause(self, run_id: str) -> None:
        """Let the slice in flight end, and submit no further one."""
        with self._lock:
            live = self._runs.find(run_id)
            if live.run.status == Status.QUEUED or (live.run.status == Status.RUNNING and live.future is None):
                live.run.status = Status.PAUSED
                self._runs.save(live)
            live.pausing = live.future is not None

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
            live = self._runs.own(run_id)
            run = live.run
            if (run.pending.get("steps") or run.current.train.steps) <= run.step:
                raise UserError(f"The run has taken all {run.step:,} steps. Raise the number of steps to resume.")
            live.pausing = False
            run.pause_at, run.pause_below = run.step + 1 if step_once else pause_at, pause_below
            if run.status.is_active:
                return
            run.status, run.message = Status.QUEUED, ""
            self._interrupted = [header for header in self._interrupted if header.id != run_id]
            run.progress.clear()
            live.crashes = 0
            self._start_queued()

    def change(self, run_id: str, **settings: Any) -> None:
        """Change the training settings of a run from its next slice on.

        Raises:
            UserError: if a setting cannot change during a run, a value is out of bounds, or another process uses it.
        """
        with self._lock:
            live = self._runs.own(run_id)
            live.run.change(settings)
            if not live.run.status.is_active:
                self._runs.save(live)

    def delete(self, run_id: str) -> None:
        """Move a run at rest to the trash, from which `undelete` restores it.

        Raises:
            UserError: if there is no such run, or it is training.
        """
        self._runs.move_to_trash(run_id)
        self._interrupted = [header for header in self._interrupted if header.id != run_id]

    def undelete(self, run_id: str) -> None:
        """Restore a run from the trash.

        Raises:
            UserError: if it is gone for good.
        """
        self.store.restore_from_trash(run_id)

    def evaluate_on_test(self, run_id: str) -> TestEvaluation:
        """Evaluate the run, as it is now, on the whole test split; the view keeps it, unless the run is set back.

        Raises:
            UserError: if there is no such run, its data are gone, or another process uses it.
        """
        with self._lock:
            live = self._runs.own(run_id)
            state, config, step = live.run.state, live.run.current.model_dump(), live.run.step
        evaluation = TestEvaluation(step, self.compute(evaluate_on_test, state, config))
        with self._lock:
            live = self._runs.own(run_id)  # it may have been forgotten meanwhile
            live.run.add_test_evaluation(evaluation)
            self._runs.save(live)
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
            in_flight = [live.future for live in self._runs if live.future is not None]
        wait(in_flight, timeout=10)
        self._events.put(None)
        self._thread.join(timeout=10)
        self._runs.close()
        self._workers.close()
        self.computations.close()

    # ------------------------------------------------------------ queries

    def view(self, run_id: str) -> RunView:
        """The run as it is now.

        Raises:
            UserError: if there is no such run.
        """
        with self._lock:
            live = self._runs.find(run_id)
            run = live.run
            return RunView(
                run.id,
                run.status,
                live.pausing,
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
            return self._runs.find(run_id).run.copy()

    def headers(self) -> list[Header]:
        """The runs on disk, newest first, with the status that this engine knows."""
        with self._lock:
            known = {live.run.id: _header_fields(live.run) for live in self._runs}
        return [replace(header, **known.get(header.id, {})) for header in self.store.headers()]

    def interrupted(self) -> list[Header]:
        """Runs that an earlier server left while they were training, and that nobody has resumed."""
        return list(self._interrupted)

    @property
    def n_active(self) -> int:
        """Number of runs that are training now."""
        with self._lock:
            return sum(live.run.status == Status.RUNNING for live in self._runs)

    @property
    def slice_seconds(self) -> float:
        """Length of a slice now: short when many runs share the workers, so that each of them moves often."""
        return min(0.2, max(0.05, 0.5 * self._workers.n_workers / max(1, self.n_active)))

    # ------------------------------------------------------------ the loop

    def _queue_position(self, run: Run) -> int:
        waiting = [
            other.run.id for other in self._runs if other.run.status == Status.QUEUED and other.run.owner == run.owner
        ]
        return waiting.index(run.id) + 1 if run.id in waiting else 0

    def _start_queued(self) -> None:
        """Start queued runs, first come, first served, up to the limit of each owner."""
        for live in self._runs:
            if live.run.status == Status.QUEUED:
                running = sum(
                    other.run.status == Status.RUNNING and other.run.owner == live.run.owner for other in self._runs
                )
                if running < self.max_active:
                    live.run.status = Status.RUNNING
                    self._submit(live)

    def _submit(self, live: LiveRun) -> None:
        if self._closed or live.future is not None:
            return
        with self._failing(live):
            changes = len(live.run.changes)
            state, config = live.run.next_slice()
            if len(live.run.changes) > changes:
                self._runs.save(live)
            self._send(live, state, config)

    def _send(self, live: LiveRun, state: bytes, config: dict[str, Any]) -> None:
        """Hand a slice to the workers, or to new ones if these are gone."""
        arguments = state, config, self.slice_seconds, live.run.next_stop
        for _ in range(2):
            generation = self._generation
            try:
                future = self._workers.executor.submit(advance, *arguments)
                break
            except Exception as error:  # every kind of executor has errors of its own
                _log.warning("The workers take no slices: %r", error)
                self._replace_workers(generation)
        else:
            raise UserError("No worker could be started. Start the app again.")
        live.future, live.submitted = future, time.monotonic()
        future.add_done_callback(lambda done: self._events.put((live.run.id, generation, done)))

    def _collect_results(self) -> None:
        """The engine's thread: takes in finished slices. Nothing that goes wrong with one run ends it."""
        while True:
            handle: Callable[[], None] = self._tidy_up
            with suppress(queue.Empty):
                if (event := self._events.get(timeout=1.0)) is None:
                    return
                handle = functools.partial(self._take_in, *event)
            try:
                handle()
            except Exception:
                _log.exception("the engine goes on after a bug")

    def _tidy_up(self) -> None:
        """What is due now and then, when no slice has finished for a second."""
        self._fail_overdue()
        self._runs.forget_idle()

    def _take_in(self, run_id: str, generation: int, future: "Future[Any]") -> None:
        """Take in a finished slice, and submit the next one."""
        with self._lock:
            live = self._runs.in_memory(run_id)
            if live is not None and live.future is future:
                live.future = None
                with self._failing(live):
                    self._handle_result(live, generation, future)
                self._start_queued()

    @contextmanager
    def _failing(self, live: LiveRun) -> Iterator[None]:
        """Context in which whatever goes wrong fails this run, and no other."""
        try:
            yield
        except UserError as error:
            self._fail(live, str(error))
        except Exception as error:
            _log.exception("run %s failed", live.run.id)
            self._fail(live, f"The run stopped because of a bug ({type(error).__name__}); see the server's log.")

    def _handle_result(self, live: LiveRun, generation: int, future: "Future[Any]") -> None:
        try:
            state, report = future.result()
        except (WorkerError, BrokenExecutor, CancelledError) as error:
            self._submit_again(live, generation, error)
            return
        run = live.run
        live.crashes = 0
        run.fold(state, report)
        if live.pausing and run.status == Status.RUNNING:
            run.status = Status.PAUSED
        live.pausing = False
        if run.status == Status.RUNNING:
            if time.monotonic() - live.saved > max(SAVE_EVERY, live.encoding_seconds / MAX_SAVE_SHARE):
                self._runs.save(live)
            self._submit(live)
        else:
            self._runs.save(live)

    def _submit_again(self, live: LiveRun, generation: int, error: Exception) -> None:
        """Submit the last state again, unless the run is what ends its workers."""
        live.crashes += 1
        if not isinstance(error, WorkerError):
            self._replace_workers(generation)
            error = WorkerCrashedError("The computation crashed")
        if isinstance(error, DeadlineError) or live.crashes >= MAX_CRASHES:
            self._fail(live, f"{error}. Try a smaller model or shorter texts, or resume the run.")
        else:
            self._submit(live)

    def _fail(self, live: LiveRun, message: str) -> None:
        live.run.status, live.run.message = Status.FAILED, message
        live.pausing = False
        self._runs.save(live)

    def _replace_workers(self, generation: int) -> None:
        """Replace a broken executor, once per breakdown: the first run to notice replaces it for all.

        Raises:
            UserError: if there is none.
        """
        if generation == self._generation and not self._closed:
            workers, old = self._make_workers(), self._workers
            self._workers, self._generation = workers, generation + 1
            with suppress(Exception):  # they are broken
                old.close()

    def _fail_overdue(self) -> None:
        if (deadline := self._workers.deadline) is None:
            return
        with self._lock:
            for live in self._runs:
                if live.future is not None and time.monotonic() - live.submitted > deadline:
                    live.future = None
                    self._fail(
                        live, f"No worker answered within {deadline:g} s. Check the workers, then resume the run."
                    )
            self._start_queued()
