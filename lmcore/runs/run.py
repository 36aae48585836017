"""One run: what it was started with, what was changed on the way, and what came of it so far."""

import json
import secrets
import time
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from lmcore.errors import UserError
from lmcore.history import Change, History, Snapshot, extended, under
from lmcore.trainers import AnyRunConfig


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


@dataclass
class Run:
    """A run as the engine holds it and the disk keeps it.

    ``config`` is what it was started with and never changes; ``current`` is that with all changes applied.
    """

    config: AnyRunConfig
    owner: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(10))  # unguessable: who has it may steer the run
    created: float = field(default_factory=time.time)
    status: Status = Status.QUEUED
    message: str = ""
    warning: str = ""
    looks: list[tuple[int, float | None]] = field(default_factory=list)  # steps at which the test loss was asked for
    state: bytes = b""
    step: int = 0
    parameters: int = 0
    seconds: float = 0.0
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
        new = [replace(snapshot, seconds=self.seconds + snapshot.seconds) for snapshot in report["snapshots"]]
        self.seconds += report["seconds"]
        if report["diverged"]:
            self.status, self.message, self.lost = Status.FAILED, report["diverged"], report["losses"]
            return
        self.state, self.step, self.lost = state, report["step"], self.lost[:0]
        self.history.add(report["losses"])
        self.history.add_ratios(*report["ratios"])
        self.snapshots = extended(self.snapshots, new, self.parameters)
        self.rates.append((time.monotonic(), self.step))
        self._stop_at_budget()

    def _stop_at_budget(self) -> None:
        train = self.current.train
        if self.step >= train.steps:
            self.status = Status.FINISHED
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

    # ------------------------------------------------------------ to and from disk

    RECORD = ("status", "message", "step", "parameters", "seconds", "looks")

    def to_bytes(self) -> bytes:
        """Everything but the config, as one safetensors file: state and history can never be torn apart."""
        record: dict[str, Any] = {name: getattr(self, name) for name in self.RECORD}
        record["changes"] = [asdict(change) for change in self.changes]
        record["snapshots"] = [asdict(snapshot) | {"arrays": {}} for snapshot in self.snapshots]
        tensors = (
            {f"state.{name}": array for name, array in safetensors.numpy.load(self.state).items()} if self.state else {}
        )
        tensors |= {f"history.{name}": array for name, array in self.history.arrays().items()}
        for i, snapshot in enumerate(self.snapshots):
            tensors |= {f"snapshot{i}.{name}": array for name, array in snapshot.arrays.items()}
        content: bytes = safetensors.numpy.save(tensors, metadata={"run": json.dumps(record)})
        return content

    def load_bytes(self, tensors: dict[str, NDArray[Any]], record: dict[str, Any]) -> None:
        """Takes over what `to_bytes` wrote."""
        for name in self.RECORD:
            setattr(self, name, record[name])
        self.status = Status(self.status)
        self.looks = [(step, loss) for step, loss in self.looks]
        self.changes = [Change(**entry) for entry in record["changes"]]
        for change in self.changes:
            self._apply(change.settings)
        self.snapshots = [
            Snapshot(**(entry | {"samples": tuple(entry["samples"]), "arrays": under(f"snapshot{i}.", tensors)}))
            for i, entry in enumerate(record["snapshots"])
        ]
        parts = {part: under(part, tensors) for part in ("state.", "history.")}
        self.state = safetensors.numpy.save(parts["state."]) if parts["state."] else b""
        self.history = History.from_arrays(parts["history."])
