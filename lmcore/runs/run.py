"""One run: what it was started with, what was changed on the way, and what came of it so far."""

import json
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from lmcore.errors import UserError
from lmcore.training.history import Change, History, Snapshot, extended, under
from lmcore.training.trainers import AnyRunConfig


class Status(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"  # waits until others of the same visitor are done
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"  # the message says why and what to do; the last good state stays
    INTERRUPTED = "interrupted"  # its server ended in mid-run

    @property
    def is_active(self) -> bool:
        """Whether the run goes on, or will, without anybody's doing."""
        return self in (Status.QUEUED, Status.RUNNING)


class Fork(NamedTuple):
    """Where a run began that is a branch of another."""

    parent: str  # the other's id
    step: int


@dataclass
class Run:
    """A run as the engine holds it and the disk keeps it.

    ``config`` is what it was started with and never changes; ``current`` is that with all changes applied.
    """

    config: AnyRunConfig
    owner: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(10))  # unguessable: who has it may steer the run
    created: float = field(default_factory=time.time)
    origin: Fork | None = None
    status: Status = Status.QUEUED
    message: str = ""
    warning: str = ""
    looks: list[tuple[int, float | None]] = field(default_factory=list)  # steps at which the test loss was asked for
    state: bytes = b""
    step: int = 0
    parameters: int = 0
    seconds: float = 0.0
    training: float = 0.0  # seconds of the processor, measurements left out
    history: History = field(default_factory=History)
    snapshots: list[Snapshot] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    lost: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros(0, np.float32)
    )  # losses of the slice that diverged

    def __post_init__(self) -> None:
        self.current = self.config
        self.pause_at: int | None = None
        self.pending: dict[str, Any] = {}
        self.rates: deque[tuple[float, int]] = deque(maxlen=20)  # (time, step) of the last slices

    def change(self, settings: dict[str, Any]) -> None:
        """Takes on other training settings from the next slice on.

        Raises:
            UserError: if a setting cannot be changed in mid-run, or its value is out of bounds.
        """
        if fixed := settings.keys() - type(self.config.train).live_fields():
            raise UserError(f"{', '.join(sorted(fixed))} cannot change in mid-run. Reset first.")
        self.current.train.updated(**(self.pending | settings))
        self.pending |= settings

    def next_slice(self) -> tuple[bytes, dict[str, Any]]:
        """The state and the config of the next slice; here pending changes take effect."""
        settings = {name: value for name, value in self.pending.items() if getattr(self.current.train, name) != value}
        self.pending = {}
        if settings:
            self.changes.append(Change(self.step, settings))
            self._apply(settings)
        return self.state, self.current.model_dump()

    def _apply(self, settings: dict[str, Any]) -> None:
        self.current = self.current.model_copy(update={"train": self.current.train.updated(**settings)})

    def fold(self, state: bytes, report: dict[str, Any]) -> None:
        """Takes in what a slice returned."""
        self.parameters = report["parameters"]
        new = [
            replace(made, seconds=self.seconds + made.seconds, training=self.training + made.training)
            for made in report["snapshots"]
        ]
        self.seconds += report["seconds"]
        if report["diverged"]:
            self.status, self.message, self.lost = Status.FAILED, report["diverged"], report["losses"]
            return
        self.state, self.step, self.lost = state, report["step"], self.lost[:0]
        self._remember(report["losses"], [snapshot.step for snapshot in new])
        self.history.add_ratios(*report["ratios"])
        self.snapshots = extended(self.snapshots, new, self.parameters)
        self.training += report["training"]
        self.rates.append((time.monotonic(), self.step))
        self._stop_at_budget(report["stopped"])

    def _remember(self, losses: NDArray[np.float32], marked: Sequence[int]) -> None:
        """The losses of a slice; at the marked steps the history can be cut off later, for a fork."""
        first = self.history.steps
        for step in marked:
            self.history.add(losses[self.history.steps - first : step - first])
            self.history.mark()
        self.history.add(losses[self.history.steps - first :])

    def _stop_at_budget(self, stopped: str) -> None:
        train = self.current.train
        if self.step >= train.steps or stopped:
            self.status, self.message = Status.FINISHED, stopped
        elif self.seconds >= train.minutes * 60:
            self.status = Status.FINISHED
            self.message = (
                f"The run used up its {train.minutes:g} minutes at step {self.step:,}. Raise them and resume."
            )
        elif self.step == self.pause_at:
            self.status = Status.PAUSED

    @property
    def steps_per_second(self) -> float:
        """Steps a second over the last slices, waiting included; 0 before there are two."""
        if len(self.rates) < 2:
            return 0.0
        (began, first), (ended, last) = self.rates[0], self.rates[-1]
        return (last - first) / max(ended - began, 1e-9)

    # ------------------------------------------------------------ forks

    @property
    def fork_steps(self) -> list[int]:
        """Steps that a fork can begin at: 0, snapshots that keep their state, and the present one."""
        return fork_steps(self.step, self.snapshots)

    def fork(self, step: int | None = None, owner: str = "") -> "Run":
        """A new run that shares all that happened until a step and goes on from there, with the same batches and dice.

        Without other settings it takes the very steps of this one, bit for bit.

        Args:
            step: one of `fork_steps`; the present one if None.
            owner: of the new run.

        Raises:
            UserError: if nothing is kept of that step.
        """
        step = self.step if step is None else step
        if step not in self.fork_steps:
            raise UserError(f"This run keeps nothing to go on from at step {step:,}. Choose another snapshot.")
        child = Run(self.config, owner, origin=Fork(self.id, step))
        child.step, child.state, child.seconds = step, self._state_at(step), self._seconds_at(step)
        child.training = (
            self.training
            if step == self.step
            else max((s.training for s in self.snapshots if s.step <= step), default=0.0)
        )
        child.parameters, child.history = self.parameters, self.history.until(step)
        # The first slice takes the snapshot of step 0 itself.
        child.snapshots = [snapshot for snapshot in self.snapshots if step and snapshot.step <= step]
        child.looks = [(at, loss) for at, loss in self.looks if at <= step]
        child.changes = [change for change in self.changes if change.step <= step]
        for change in child.changes:
            child._apply(change.settings)
        child.pending = dict(self.pending) if step == self.step else {}
        return child

    def _state_at(self, step: int) -> bytes:
        if step == self.step:
            return self.state
        if step == 0:
            return b""
        content: bytes = safetensors.numpy.save(next(s.state for s in self.snapshots if s.step == step))
        return content

    def _seconds_at(self, step: int) -> float:
        if step == self.step:
            return self.seconds
        return next((snapshot.seconds for snapshot in self.snapshots if snapshot.step == step), 0.0)

    # ------------------------------------------------------------ to and from disk

    RECORD = ("status", "message", "step", "parameters", "seconds", "training", "looks")

    def to_bytes(self) -> bytes:
        """Everything but the config, as one safetensors file: state and history can never be torn apart."""
        record: dict[str, Any] = {name: getattr(self, name) for name in self.RECORD}
        record["changes"] = [asdict(change) for change in self.changes]
        record["snapshots"] = [_in_record(snapshot) for snapshot in self.snapshots]
        tensors = (
            {f"state.{name}": array for name, array in safetensors.numpy.load(self.state).items()} if self.state else {}
        )
        tensors |= {f"history.{name}": array for name, array in self.history.arrays().items()}
        for i, snapshot in enumerate(self.snapshots):
            tensors |= {f"snapshot{i}.{name}": array for name, array in snapshot.arrays.items()}
            own = {name: array for name, array in snapshot.state.items() if snapshot.arrays.get(name) is not array}
            tensors |= {f"resume{i}.{name}": array for name, array in own.items()}  # the weights stand there already
        content: bytes = safetensors.numpy.save(tensors, metadata={"run": json.dumps(record)})
        return content

    def copy(self) -> "Run":
        """The run as it is now, which no longer changes with this one; what waits to take effect is left out."""
        other = Run(self.config, self.owner, self.id, self.created, self.origin)
        other.load_bytes(*read_checkpoint(self.to_bytes()))
        return other

    def load_bytes(self, tensors: dict[str, NDArray[Any]], record: dict[str, Any]) -> None:
        """Takes over what `to_bytes` wrote."""
        for name in self.RECORD:
            setattr(self, name, record.get(name, getattr(self, name)))  # older files lack the newer ones
        self.status = Status(self.status)
        self.looks = [(step, loss) for step, loss in self.looks]
        self.changes = [Change(**entry) for entry in record["changes"]]
        for change in self.changes:
            self._apply(change.settings)
        self.snapshots = [_snapshot(i, entry, tensors) for i, entry in enumerate(record["snapshots"])]
        parts = {part: under(part, tensors) for part in ("state.", "history.")}
        self.state = safetensors.numpy.save(parts["state."]) if parts["state."] else b""
        self.history = History.from_arrays(parts["history."])


def fork_steps(step: int, snapshots: Sequence[Snapshot]) -> list[int]:
    """Steps that a run's fork can begin at: 0, those of snapshots that keep their state, and the present one."""
    return sorted({0, step} | {snapshot.step for snapshot in snapshots if snapshot.state})


def _in_record(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot without its arrays, but with the names of those that it takes to go on."""
    plain = {field.name: getattr(snapshot, field.name) for field in fields(snapshot) if field.name != "arrays"}
    return plain | {"state": sorted(snapshot.state)}


def _snapshot(i: int, entry: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Snapshot:
    arrays = under(f"snapshot{i}.", tensors)
    held = arrays | under(f"resume{i}.", tensors)
    state = {name: held[name] for name in entry.get("state", ())}  # files of before have none
    return Snapshot(**(entry | {"samples": tuple(entry["samples"]), "arrays": arrays, "state": state}))


def read_checkpoint(content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and the record that `Run.to_bytes` wrote."""
    tensors: dict[str, NDArray[Any]] = safetensors.numpy.load(content)
    return tensors, json.loads(record_text(content))


def record_text(content: bytes) -> str:
    """The record of a checkpoint as it stands in the header of its file, which safetensors reads from disk only."""
    length = int.from_bytes(content[:8], "little")
    text: str = json.loads(content[8 : 8 + length])["__metadata__"]["run"]
    return text
