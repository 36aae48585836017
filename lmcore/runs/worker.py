"""What a worker process does: advance a run by a slice of time. Pure: the same arguments give the same state."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from lmcore import families
from lmcore.training.checkpoint import decode_state, encode_state
from lmcore.training.history import Snapshot
from lmcore.training.trainer import SliceReport, Trainer

threadpool_limits(1)  # of NumPy; a second thread slows small models down, and other runs need the core

_idle: OrderedDict[str, Trainer] = OrderedDict()
MAX_IDLE_TRAINERS = 64


def use_one_thread() -> None:
    """Keep torch, as NumPy, from computing in several threads; a process that becomes a worker does so at its start."""
    torch.set_num_threads(1)


def advance(
    state: bytes, config: dict[str, Any], seconds: float, until: int | None = None
) -> tuple[bytes, SliceReport]:
    """Train for some seconds from a state; return the new state and a report.

    Args:
        state: what the last slice returned; empty at the start.
        config: the run's, as plain data.
        seconds: of CPU time, approximately; at least one step is taken.
        until: a step to stop at, if not at the last.

    Returns:
        The state and the report. A slice that diverged returns the state that it was given.

    Raises:
        UserError: if the data or the settings do not allow the run.
    """
    with _trainer_at(state, config) as trainer:
        report = trainer.train_for(seconds, time.thread_time, until)
        return state if report.diverged else encode_state(trainer.state_dict()), report


def evaluate_on_test(state: bytes, config: dict[str, Any]) -> dict[str, float]:
    """The metrics of a state on the whole test split, by name; empty if the split is empty."""
    with _trainer_at(state, config) as trainer:
        return trainer.metrics("test")


def untrained_snapshot(config: str) -> Snapshot:
    """The model of a run, given as JSON, before its first step.

    Raises:
        UserError: if the data or the settings do not allow the run.
    """
    with _trainer_at(b"", json.loads(config)) as trainer:
        return trainer.snapshot()


@contextmanager
def _trainer_at(state: bytes, config: dict[str, Any]) -> Iterator[Trainer]:
    """A trainer at a state, kept for the next slice with the same data and model."""
    settings = families.run_config(config)
    key = settings.model_dump_json(exclude={"train"})
    trainer = _idle.pop(key) if key in _idle else families.make_trainer(settings)  # popped: no other thread may use it
    trainer.config = settings
    if state:
        trainer.load_state_dict(decode_state(state))
    else:
        trainer.reset()
    yield trainer
    _idle[key] = trainer
    while len(_idle) > MAX_IDLE_TRAINERS:
        _idle.popitem(last=False)
