"""One run: what it was started with, what was changed on the way, and what came of it so far."""

import copy
import math
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.training.checkpoint import (
    Arrays,
    add_prefix,
    decode_state,
    encode_run,
    encode_state,
    strip_prefix,
)
from lmcore.training.history import Change, History, Snapshot, TestEvaluation, append_snapshots, stored_metrics
from lmcore.training.trainer import SliceReport, next_snapshot_step

MAX_GOOD_LOSS = 1.5
"""After a divergence, a state counts as good if its loss is at most this multiple of the untrained model's."""

REWOUND = ("step", "state", "history", "wall_seconds", "cpu_seconds", "snapshots", "test_evaluations", "changes",
           "current")  # fmt: skip
"""What a run takes from an earlier state when it is set back."""


class Status(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"  # waits for other runs of the same owner
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"  # the message says why and what to do; the last good state is kept
    INTERRUPTED = "interrupted"  # its server ended while it was training

    @property
    def is_active(self) -> bool:
        """Whether the run trains, or will as soon as it can."""
        return self in (Status.QUEUED, Status.RUNNING)


class Fork(NamedTuple):
    """Where a run branched off another."""

    parent: str  # id of the other run
    step: int


@dataclass
class Run:
    """A run as the engine holds it and the disk keeps it.

    ``config`` is what it was started with and never changes; ``current`` is that with all changes applied. ``planned``
    are changes that it makes by itself when it reaches their steps; forks have the same plan.
    """

    config: AnyRunConfig
    owner: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(10))  # unguessable: whoever has it may control the run
    created: float = field(default_factory=time.time)
    origin: Fork | None = None
    status: Status = Status.QUEUED
    message: str = ""
    warning: str = ""
    test_evaluations: list[TestEvaluation] = field(default_factory=list)
    state: bytes = b""
    step: int = 0
    n_parameters: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0  # evaluation excluded
    history: History = field(default_factory=History)
    snapshots: list[Snapshot] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    diverged_losses: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    planned: Sequence[Change] = ()

    def __post_init__(self) -> None:
        self.current = self.config
        self.pause_at: int | None = None  # a step
        self.pause_below: float | None = None  # a train loss in nats, as snapshots measure it
        self.pending: dict[str, Any] = {}  # settings that take effect with the next slice
        self.progress: deque[tuple[float, int]] = deque(maxlen=20)  # (time, step) after each of the last slices

    def change(self, settings: dict[str, Any]) -> None:
        """Change training settings from the next slice on.

        Raises:
            UserError: if a setting cannot change during a run, or its value is out of bounds.
        """
        if fixed := settings.keys() - type(self.config.train).live_fields():
            raise UserError(f"{', '.join(sorted(fixed))} cannot change during a run. Reset first.")
        self.current.train.updated(**(self.pending | settings))
        self.pending |= settings

    def add_test_evaluation(self, evaluation: TestEvaluation) -> None:
        """Keep the metrics on the test split at a step, unless the run has been set back to an earlier one."""
        if evaluation.step <= self.step:
            self.test_evaluations = sorted([*self.test_evaluations, evaluation], key=lambda one: one.step)

    def next_slice(self) -> tuple[bytes, dict[str, Any]]:
        """The state and the config of the next slice. Pending and planned changes take effect here."""
        if all(change.step != self.step for change in self.changes):  # after a crash the plan is not applied again
            for change in self.planned:
                self.pending = (change.settings if change.step == self.step else {}) | self.pending
        settings = {name: value for name, value in self.pending.items() if getattr(self.current.train, name) != value}
        self.pending = {}
        if settings:
            self.changes.append(Change(self.step, settings))
            self._apply(settings)
        return self.state, self.current.model_dump()

    @property
    def nbytes(self) -> int:
        """Bytes in memory, nearly: of the state and the snapshots."""
        return len(self.state) + sum(snapshot.nbytes for snapshot in self.snapshots)

    @property
    def next_stop(self) -> int | None:
        """The step at which the next slice must stop, to pause or to change settings; None if there is none.

        A run that pauses at a loss stops at every snapshot, which measures it.
        """
        steps = [change.step for change in self.planned if change.step > self.step]
        if self.pause_at is not None:
            steps.append(self.pause_at)
        if self.pause_below is not None:
            steps.append(next_snapshot_step(self.step, self.current.train.evaluate_every))
        return min(steps, default=None)

    def _apply(self, settings: dict[str, Any]) -> None:
        self.current = self.current.model_copy(update={"train": self.current.train.updated(**settings)})

    def fold(self, state: bytes, report: SliceReport) -> None:
        """Take in what a slice returned."""
        self.n_parameters = report.n_parameters
        new = [
            replace(
                snapshot,
                wall_seconds=self.wall_seconds + snapshot.wall_seconds,
                cpu_seconds=self.cpu_seconds + snapshot.cpu_seconds,
            )
            for snapshot in report.snapshots
        ]
        self.wall_seconds += report.wall_seconds
        if report.diverged:
            self.status, self.message, self.diverged_losses = Status.FAILED, report.diverged, report.losses
            self._rewind_to_good_state(float(report.losses[0]))
            return
        self.state, self.step, self.diverged_losses = state, report.step, self.diverged_losses[:0]
        self._remember(report.losses, [snapshot.step for snapshot in new])
        self.history.add_update_ratios(*report.update_ratios)
        important = {change.step for change in (*self.changes, *self.planned)}
        self.snapshots = append_snapshots(self.snapshots, new, self.n_parameters, important)
        self.history.keep_marks(snapshot.step for snapshot in self.snapshots)
        self.cpu_seconds += report.cpu_seconds
        self.progress.append((time.monotonic(), self.step))
        self._stop_at_limits(report)

    def _rewind_to_good_state(self, loss: float) -> None:
        """After a divergence: go back if the last state is ruined already, so that better settings work from here.

        Args:
            loss: of the first step from the last state.
        """
        losses = {snapshot.step: snapshot.loss("train") for snapshot in self.snapshots}
        limit = MAX_GOOD_LOSS * losses.get(0, math.inf)
        if self.step == 0 or max(loss, losses.get(self.step, loss)) <= limit:
            return
        good = [step for step in self.fork_steps if step < self.step and losses.get(step, math.inf) <= limit]
        earlier, wanted = self.fork(max(good, default=0)), self.current.train
        for name in REWOUND:
            setattr(self, name, getattr(earlier, name))
        settings = {name: getattr(wanted, name) for name in wanted.live_fields()}
        changed = {name: value for name, value in settings.items() if value != getattr(self.current.train, name)}
        self.pending = changed | self.pending
        self.message += f" The run is set back to step {self.step:,}, its last good state."

    def _remember(self, losses: NDArray[np.float32], marked: Sequence[int]) -> None:
        """Add the losses of a slice; at the marked steps the history can be cut later, for a fork."""
        first = self.history.steps
        for step in marked:
            self.history.add(losses[self.history.steps - first : step - first])
            self.history.mark()
        self.history.add(losses[self.history.steps - first :])

    def _stop_at_limits(self, report: SliceReport) -> None:
        train = self.current.train
        if self.step >= train.steps or report.stopped:
            self.status, self.message = Status.FINISHED, report.stopped
        elif self.wall_seconds >= train.minutes * 60:
            self.status = Status.FINISHED
            self.message = (
                f"The run reached its limit of {train.minutes:g} minutes at step {self.step:,}. "
                "Raise the limit and resume."
            )
        elif (self.pause_at is not None and self.step >= self.pause_at) or self._is_below(report):
            self.status = Status.PAUSED

    def _is_below(self, report: SliceReport) -> bool:
        """Whether the train loss at a snapshot of a slice is as low as the run was to come."""
        limit = self.pause_below
        return limit is not None and any(snapshot.loss("train") < limit for snapshot in report.snapshots)

    @property
    def steps_per_second(self) -> float:
        """Speed over the last slices, waiting included; 0 before there are two."""
        if len(self.progress) < 2:
            return 0.0
        (began, first), (ended, last) = self.progress[0], self.progress[-1]
        return (last - first) / max(ended - began, 1e-9)

    # ------------------------------------------------------------ forks

    @property
    def fork_steps(self) -> list[int]:
        """Steps where a fork can begin: 0, every snapshot that keeps its state, and the present step."""
        return fork_steps(self.step, self.snapshots)

    def fork(self, step: int | None = None, owner: str = "") -> "Run":
        """A new run that shares everything up to a step and continues from there with the same random draws.

        Without other settings it takes exactly the steps of this one, bit for bit.

        Args:
            step: one of `fork_steps`; the present step if None.
            owner: of the new run.

        Raises:
            UserError: if no state is kept of that step.
        """
        step = self.step if step is None else step
        if step not in self.fork_steps:
            raise UserError(f"No state is kept at step {step:,}. Choose another snapshot.")
        child = Run(self.config, owner, origin=Fork(self.id, step), planned=self.planned)
        child.step, child.n_parameters, child.history = step, self.n_parameters, self.history.until(step)
        child.state = self._state_at(step)
        child.wall_seconds, child.cpu_seconds = self._clocks_at(step)
        # the first slice takes the snapshot of step 0 itself
        child.snapshots = [snapshot for snapshot in self.snapshots if step and snapshot.step <= step]
        child.test_evaluations = [one for one in self.test_evaluations if one.step <= step]
        child.changes = [change for change in self.changes if change.step <= step]
        for change in child.changes:
            child._apply(change.settings)
        child.pending = dict(self.pending) if step == self.step else {}
        return child

    def _state_at(self, step: int) -> bytes:
        if step == self.step:
            return self.state
        return encode_state(self._snapshot_at(step).state) if step else b""

    def _clocks_at(self, step: int) -> tuple[float, float]:
        """Wall and CPU seconds until a step."""
        if step == self.step:
            return self.wall_seconds, self.cpu_seconds
        if step == 0:
            return 0.0, 0.0
        snapshot = self._snapshot_at(step)
        return snapshot.wall_seconds, snapshot.cpu_seconds

    def _snapshot_at(self, step: int) -> Snapshot:
        return next(snapshot for snapshot in self.snapshots if snapshot.step == step)

    # ------------------------------------------------------------ to and from disk

    RECORD = ("status", "message", "step", "n_parameters", "wall_seconds", "cpu_seconds")

    def encode(self) -> bytes:
        """Everything but the config as one file (`lmcore.training.checkpoint`)."""
        record: dict[str, Any] = {name: getattr(self, name) for name in self.RECORD}
        record["changes"] = [asdict(change) for change in self.changes]
        record["planned"] = [asdict(change) for change in self.planned]
        record["pending"] = self.pending
        record["test_evaluations"] = [asdict(one) for one in self.test_evaluations]
        record["snapshots"] = [_snapshot_record(snapshot) for snapshot in self.snapshots]
        arrays = add_prefix("state/", decode_state(self.state)) if self.state else {}
        arrays |= add_prefix("history/", self.history.arrays())
        for i, snapshot in enumerate(self.snapshots):
            arrays |= add_prefix(f"snapshot/{i}/", snapshot.arrays)
            # arrays that the snapshot and its state share, such as the weights, are written once
            own = {name: array for name, array in snapshot.state.items() if snapshot.arrays.get(name) is not array}
            arrays |= add_prefix(f"resume/{i}/", own)
        return encode_run(record, arrays)

    def decode(self, record: dict[str, Any], arrays: Arrays) -> None:
        """Restore what `encode` wrote."""
        for name in self.RECORD:
            setattr(self, name, record[name])
        self.status = Status(self.status)
        self.test_evaluations = [
            TestEvaluation(entry["step"], stored_metrics(entry["metrics"])) for entry in record["test_evaluations"]
        ]
        self.changes = [Change(**entry) for entry in record["changes"]]
        self.planned = [Change(**entry) for entry in record.get("planned", [])]  # older files have none
        self.pending = dict(record.get("pending", {}))
        for change in self.changes:
            self._apply(change.settings)
        self.snapshots = [_decode_snapshot(i, entry, arrays) for i, entry in enumerate(record["snapshots"])]
        state = strip_prefix("state/", arrays)
        self.state = encode_state(state) if state else b""
        self.history = History.from_arrays(strip_prefix("history/", arrays))

    def copy(self) -> "Run":
        """The run as it is now, unaffected by what happens to this one; they share snapshots, which never change."""
        other = replace(
            self,
            history=copy.deepcopy(self.history),
            snapshots=[*self.snapshots],
            changes=[*self.changes],
            test_evaluations=[*self.test_evaluations],
        )
        other.current, other.pending = self.current, dict(self.pending)
        return other


def fork_steps(step: int, snapshots: Sequence[Snapshot]) -> list[int]:
    """Steps where a fork of a run can begin: 0, every snapshot that keeps its state, and the present step."""
    return sorted({0, step} | {snapshot.step for snapshot in snapshots if snapshot.state})


def _snapshot_record(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot without its arrays, but with the names of those in its state."""
    plain = {field.name: getattr(snapshot, field.name) for field in fields(snapshot) if field.name != "arrays"}
    return plain | {"state": sorted(snapshot.state)}


def _decode_snapshot(i: int, entry: dict[str, Any], tensors: Arrays) -> Snapshot:
    arrays = strip_prefix(f"snapshot/{i}/", tensors)
    available = arrays | strip_prefix(f"resume/{i}/", tensors)
    state = {name: available[name] for name in entry["state"]}
    own = {"metrics": stored_metrics(entry["metrics"]), "samples": tuple(entry["samples"])}
    return Snapshot(**(entry | own | {"arrays": arrays, "state": state}))
