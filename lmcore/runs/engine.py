"""The engine: advances many runs at once, slice by slice, over one executor.

Each active run has one slice in flight; the executor's queue is first in, first out, which makes it fair.
Pause means that no further slice is submitted, another learning rate that the next slice has another config,
and after a crash of a worker the last state is submitted again.
"""

import copy
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from filelock import BaseFileLock
from numpy.typing import NDArray

from lmcore.config import PaceConfig
from lmcore.errors import UserError
from lmcore.runs import executors
from lmcore.runs.run import Fork, Run, Status, fork_steps
from lmcore.runs.store import TRASH_DAYS, Header, Store
from lmcore.runs.worker import advance, loss_on_test
from lmcore.training.history import Change, History, Snapshot
from lmcore.training.trainers import AnyRunConfig

SAVE_EVERY = 3.0  # seconds between two checkpoints of a running run, at least
SAVE_SHARE = 1 / 200  # of the time goes into encoding checkpoints of a run, at most: large ones are saved less often
DEADLINE = 120.0  # seconds after which a slice counts as lost
MAX_DEATHS = 4  # workers that may die under a run in a row, before the run is held to be the cause
MAX_IDLE = 60  # runs at rest that stay in memory; older ones are read from disk when looked at

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunView:
    """A run at one moment, for a page to draw; nothing in it changes any more."""

    id: str
    status: Status
    pausing: bool  # it pauses as soon as the slice in flight is over
    message: str
    warning: str
    config: AnyRunConfig  # with all changes applied
    step: int
    parameters: int
    seconds: float  # of training
    steps_per_second: float
    place: int  # in the queue, from 1; 0 if not queued
    history: History
    snapshots: tuple[Snapshot, ...]
    changes: tuple[Change, ...]
    lost: NDArray[np.float32]  # losses of the slice that diverged
    looks: tuple[tuple[int, float | None], ...]  # step and test loss, each time that it was asked for
    started: PaceConfig  # the training settings of the first step
    origin: Fork | None = None

    @property
    def fork_steps(self) -> list[int]:
        """Steps that a fork can begin at (`Run.fork`)."""
        return fork_steps(self.step, self.snapshots)

    @property
    def seconds_left(self) -> float | None:
        """Until the budget of steps is used up, at the present speed; None while that is unknown."""
        left = self.config.train.steps - self.step
        return left / self.steps_per_second if self.steps_per_second > 0 else None


@dataclass
class _Seat:
    """A run in the engine, with what only the engine needs to know of it."""

    run: Run
    lock: BaseFileLock | None = None
    future: "Future[Any] | None" = None
    submitted: float = 0.0
    saved: float = 0.0
    saving: float = 0.0  # seconds that the last encoding took
    deaths: int = 0
    pausing: bool = False


def _present(run: Run) -> dict[str, Any]:
    """What a header says of a run that the engine holds, newer than on disk."""
    last = run.snapshots[-1] if run.snapshots else None
    return {
        "config": run.current,
        "status": run.status,
        "step": run.step,
        "parameters": run.parameters,
        "seconds": run.seconds,
        "train": last.train if last else None,
        "dev": last.dev if last else None,
    }


class Engine:
    """Advances runs; every method may be called from any thread.

    Args:
        store: where runs are kept.
        make_workers: makes the executor, again after it broke.
        most_active: runs of one owner that train at once; the others queue.
    """

    def __init__(
        self,
        store: Store | None = None,
        make_workers: Callable[[], executors.Workers] | None = None,
        most_active: int = 2,
    ) -> None:
        self.store = store or Store()
        self.most_active = most_active
        self._make_workers = make_workers or executors.from_environment()
        self._workers = self._make_workers()
        self._generation = 0
        self._seats: dict[str, _Seat] = {}
        self._guard = threading.RLock()
        self._disk = threading.Lock()  # no run is moved while it is written; taken before the guard
        self._events: queue.SimpleQueue[tuple[str, int, Future[Any]] | None] = queue.SimpleQueue()
        self._unsaved: dict[str, bytes] = {}
        self._to_save: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._closed = False
        self.store.empty_trash(older_than_days=TRASH_DAYS)
        self._left_behind = [header for header in self.store.headers() if header.status == Status.INTERRUPTED]
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._write)]
        for thread in self._threads:
            thread.start()

    def warm(self) -> None:
        """Lets every worker import what it needs and read the default text, so that the first run starts at once."""
        for _ in range(self._workers.slots):
            self._workers.executor.submit(advance, b"", {}, 0.0)

    # ------------------------------------------------------------ commands

    def start(self, config: AnyRunConfig, owner: str = "", step_once: bool = False) -> str:
        """Starts a run and returns its id; ``step_once`` takes one step only and pauses.

        A disk that cannot be written gives the run a warning; it then goes on in memory.
        """
        run = Run(config, owner)
        run.pause_at = 1 if step_once else None
        return self._begin(run)

    def fork(self, run_id: str, step: int | None = None, owner: str = "", **settings: Any) -> str:
        """Starts a branch of a run from a step of it (`Run.fork`), with other training settings; returns its id.

        Raises:
            UserError: if nothing is kept of that step, a setting does not fit, or no steps are left.
        """
        with self._guard:
            run = self._seat(run_id).run.fork(step, owner)
        run.change(settings)
        if (run.pending.get("steps") or run.current.train.steps) <= run.step:
            raise UserError(f"The fork would begin at step {run.step:,}, where it ends. Raise the number of steps.")
        return self._begin(run)

    def _begin(self, run: Run) -> str:
        seat = _Seat(run)
        try:
            self.store.create(run)
            seat.lock = self.store.lock(run.id)
        except (UserError, OSError) as error:
            run.warning = f"This run cannot be saved: {error}"
        with self._guard:
            self._seats[run.id] = seat
            if run.origin:
                self._save(seat)  # what it shares with its parent
            self._forget_oldest()
            self._fill()
        return run.id

    def pause(self, run_id: str) -> None:
        """Lets the slice in flight end, and submits no further one."""
        with self._guard:
            seat = self._seat(run_id)
            if seat.run.status == Status.QUEUED or (seat.run.status == Status.RUNNING and seat.future is None):
                seat.run.status = Status.PAUSED
                self._save(seat)
            seat.pausing = seat.future is not None

    def resume(self, run_id: str, step_once: bool = False) -> None:
        """Lets a run go on from its last state; ``step_once`` takes one step only and pauses.

        Raises:
            UserError: if there is no such run, it has used up its steps, or another process trains it.
        """
        with self._guard:
            seat = self._seat(run_id)
            run = seat.run
            if (run.pending.get("steps") or run.current.train.steps) <= run.step:
                raise UserError(f"The run has taken its {run.step:,} steps. Raise the number of steps to go on.")
            seat.pausing = False
            run.pause_at = run.step + 1 if step_once else None
            if run.status.is_active:
                return
            if seat.lock is None and not run.warning:
                seat.lock = self.store.lock(run_id)
            run.status, run.message = Status.QUEUED, ""
            run.rates.clear()
            seat.deaths = 0
            self._fill()

    def change(self, run_id: str, **settings: Any) -> None:
        """Gives a run other training settings, from its next slice on.

        Raises:
            UserError: if a setting cannot change in mid-run, or a value is out of bounds.
        """
        with self._guard:
            seat = self._seat(run_id)
            seat.run.change(settings)
            if not seat.run.status.is_active:
                self._save(seat)

    def delete(self, run_id: str) -> None:
        """Moves a run at rest into the trash, from where `take_back` fetches it.

        Raises:
            UserError: if there is no such run, or it trains.
        """
        with self._disk, self._guard:
            seat = self._seat(run_id)
            if seat.run.status.is_active or seat.future is not None:
                raise UserError("This run is training. Pause it, then delete it.")
            if (content := self._unsaved.pop(run_id, None)) is not None:
                self.store.save(run_id, content)
            self._release(seat)
            self.store.discard(run_id)
            del self._seats[run_id]
            self.store.empty_trash(older_than_days=TRASH_DAYS)
        self._left_behind = [header for header in self._left_behind if header.id != run_id]

    def take_back(self, run_id: str) -> None:
        """Fetches a run out of the trash.

        Raises:
            UserError: if it is gone for good.
        """
        self.store.take_back(run_id)

    def look_at_test(self, run_id: str) -> float | None:
        """The test loss of the run as it is now, over the whole split; each look is kept (`RunView.looks`).

        Raises:
            UserError: if there is no such run, or its text is gone.
        """
        with self._guard:
            seat = self._seat(run_id)
            state, config, step = seat.run.state, seat.run.current.model_dump(), seat.run.step
        loss: float | None = self.compute(loss_on_test, state, config)
        with self._guard:
            seat.run.looks.append((step, loss))
            self._save(seat)
        return loss

    def compute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of lmcore returns, computed by a worker, so that the pages of others stay quick.

        Raises:
            UserError: if the worker dies at it twice, or does not answer.
        """
        for _ in range(2):
            generation = self._generation
            try:
                future = self._workers.executor.submit(function, *arguments)
                return future.result(DEADLINE)
            except (BrokenExecutor, CancelledError):
                with self._guard:
                    self._replace_workers(generation)
            except TimeoutError:
                future.cancel()
                raise UserError(f"No worker answered within {DEADLINE:g} s. Try again, with less to compute.") from None
        raise UserError(
            "A worker died at this twice, perhaps for want of memory. Try a smaller model or a shorter text."
        )

    def close(self) -> None:
        """Lets slices in flight end, saves every run and ends the workers; active runs count as interrupted."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            flying = [seat.future for seat in self._seats.values() if seat.future is not None]
        wait(flying, timeout=10)
        self._events.put(None)
        self._threads[0].join(timeout=10)
        with self._guard:
            for seat in self._seats.values():
                if seat.run.status.is_active:
                    self._save(seat)
        self._to_save.put(None)
        self._threads[1].join(timeout=10)
        for seat in self._seats.values():
            self._release(seat)
        self._workers.close()

    # ------------------------------------------------------------ what there is

    def view(self, run_id: str) -> RunView:
        """The run as it is now.

        Raises:
            UserError: if there is no such run.
        """
        with self._guard:
            seat = self._seat(run_id)
            run = seat.run
            return RunView(
                run.id,
                run.status,
                seat.pausing,
                run.message,
                run.warning,
                run.current.model_copy(update={"train": run.current.train.updated(**run.pending)}),
                run.step,
                run.parameters,
                run.seconds,
                run.steps_per_second,
                self._place(run),
                copy.deepcopy(run.history),
                tuple(run.snapshots),
                tuple(run.changes),
                run.lost,
                tuple(run.looks),
                run.config.train,
                run.origin,
            )

    def copy(self, run_id: str) -> Run:
        """The whole run as it is now, to be taken elsewhere.

        Raises:
            UserError: if there is no such run.
        """
        with self._guard:
            return self._seat(run_id).run.copy()

    def headers(self) -> list[Header]:
        """The runs on disk, newest first, with the status that this engine knows."""
        with self._guard:
            live = {run_id: _present(seat.run) for run_id, seat in self._seats.items()}
        return [replace(header, **live.get(header.id, {})) for header in self.store.headers()]

    def interrupted(self) -> list[Header]:
        """Runs that an earlier server had left in mid-run when this engine began, and that nobody has resumed."""
        with self._guard:
            taken = {run_id for run_id, seat in self._seats.items() if seat.run.status != Status.INTERRUPTED}
        return [header for header in self._left_behind if header.id not in taken]

    @property
    def active(self) -> int:
        """Runs that are training now."""
        with self._guard:
            return sum(seat.run.status == Status.RUNNING for seat in self._seats.values())

    @property
    def slice_seconds(self) -> float:
        """How long a slice lasts now: short when many runs share the workers, so that each moves often."""
        return min(0.2, max(0.05, 0.5 * self._workers.slots / max(1, self.active)))

    # ------------------------------------------------------------ the loop

    def _seat(self, run_id: str) -> _Seat:
        if run_id not in self._seats:
            self._seats[run_id] = _Seat(self.store.load(run_id))
        return self._seats[run_id]

    def _place(self, run: Run) -> int:
        waiting = [s.run.id for s in self._seats.values() if s.run.status == Status.QUEUED and s.run.owner == run.owner]
        return waiting.index(run.id) + 1 if run.id in waiting else 0

    def _fill(self) -> None:
        """Lets queued runs begin, first come, first served, as far as their owners may."""
        for seat in self._seats.values():
            if seat.run.status == Status.QUEUED:
                running = sum(
                    s.run.status == Status.RUNNING and s.run.owner == seat.run.owner for s in self._seats.values()
                )
                if running < self.most_active:
                    seat.run.status = Status.RUNNING
                    self._submit(seat)

    def _submit(self, seat: _Seat) -> None:
        if self._closed or seat.future is not None:
            return
        changes = len(seat.run.changes)
        state, config = seat.run.next_slice()
        if len(seat.run.changes) > changes:
            self._save(seat)
        for _ in range(2):
            generation = self._generation
            try:
                future = self._workers.executor.submit(advance, state, config, self.slice_seconds, seat.run.pause_at)
                break
            except BrokenExecutor:
                self._replace_workers(generation)
        else:
            self._fail(seat, "No worker could be started. Start the app again.")
            return
        seat.future, seat.submitted = future, time.monotonic()
        future.add_done_callback(lambda done: self._events.put((seat.run.id, generation, done)))

    def _listen(self) -> None:
        """The engine's thread: takes in finished slices; nothing that goes wrong with one run ends it."""
        while True:
            try:
                event = self._events.get(timeout=1.0)
            except queue.Empty:
                self._give_up_overdue()
                continue
            if event is None:
                return
            run_id, generation, future = event
            with self._guard:
                seat = self._seats.get(run_id)
                if seat is not None and seat.future is future:
                    seat.future = None
                    try:
                        self._finished(seat, generation, future)
                    except Exception as error:
                        _log.exception("run %s failed", run_id)
                        self._fail(seat, f"The run stopped on an error of the program ({type(error).__name__}).")
                    self._fill()

    def _finished(self, seat: _Seat, generation: int, future: "Future[Any]") -> None:
        try:
            state, report = future.result()
        except UserError as error:
            self._fail(seat, str(error))
            return
        except (BrokenExecutor, CancelledError):
            self._replace_workers(generation)
            seat.deaths += 1
            if seat.deaths > MAX_DEATHS:
                self._fail(
                    seat, "Its worker died several times in a row, perhaps for want of memory: try a smaller model."
                )
            else:
                self._submit(seat)
            return
        run = seat.run
        seat.deaths = 0
        run.fold(state, report)
        if seat.pausing and run.status == Status.RUNNING:
            run.status = Status.PAUSED
        seat.pausing = False
        if run.status == Status.RUNNING:
            if time.monotonic() - seat.saved > max(SAVE_EVERY, seat.saving / SAVE_SHARE):
                self._save(seat)
            self._submit(seat)
        else:
            self._save(seat)

    def _fail(self, seat: _Seat, message: str) -> None:
        seat.run.status, seat.run.message = Status.FAILED, message
        self._save(seat)

    def _replace_workers(self, generation: int) -> None:
        """Once for each time that they broke: the first run to notice replaces them, the others just go on."""
        if generation == self._generation and not self._closed:
            self._generation += 1
            self._workers.close()
            self._workers = self._make_workers()

    def _give_up_overdue(self) -> None:
        with self._guard:
            for seat in list(self._seats.values()):
                if seat.future is not None and time.monotonic() - seat.submitted > DEADLINE:
                    seat.future = None
                    self._fail(seat, f"No worker answered within {DEADLINE:g} s. Check the workers, then resume.")
            self._fill()

    # ------------------------------------------------------------ memory and disk

    def _save(self, seat: _Seat) -> None:
        seat.saved = time.monotonic()
        self._unsaved[seat.run.id] = seat.run.to_bytes()
        seat.saving = time.monotonic() - seat.saved
        self._to_save.put(seat.run.id)

    def _write(self) -> None:
        """The thread that waits for the disk, so that training does not."""
        while (run_id := self._to_save.get()) is not None:
            warning = ""
            with self._disk:
                with self._guard:
                    content = self._unsaved.pop(run_id, None)
                if content is None:
                    continue  # a newer one was written already
                try:
                    self.store.save(run_id, content)
                except UserError as error:
                    warning = f"This run cannot be saved: {error}"
            with self._guard:
                if run_id in self._seats:
                    self._seats[run_id].run.warning = warning

    def _forget_oldest(self) -> None:
        idle = [seat for seat in self._seats.values() if not seat.run.status.is_active and not seat.run.warning]
        for seat in idle[: max(0, len(idle) - MAX_IDLE)]:
            if seat.run.id not in self._unsaved:
                self._release(seat)
                del self._seats[seat.run.id]

    @staticmethod
    def _release(seat: _Seat) -> None:
        if seat.lock is not None:
            seat.lock.release()
            seat.lock = None
