"""What a worker does: advance a run by a slice of time. Pure: the same arguments give the same state."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import safetensors.numpy
import torch
from threadpoolctl import threadpool_limits

from lmcore.training import trainers
from lmcore.training.trainers import AnyTrainer
from lmcore.training.training import train_for

torch.set_num_threads(1)  # a second thread makes small models slower, and other runs want the core
threadpool_limits(1)  # the same for NumPy

_idle: "OrderedDict[str, AnyTrainer]" = OrderedDict()
_MAX_IDLE = 64


def advance(
    state: bytes, config: dict[str, Any], seconds: float, until: int | None = None
) -> tuple[bytes, dict[str, Any]]:
    """Trains for some seconds from a state, and returns the new state and a report.

    Args:
        state: what the last slice returned (safetensors); empty at the start.
        config: that of the run, of any task, as plain data.
        seconds: at most about so long, of the processor's time; at least one step is taken.
        until: a step to stop at, if not at the last.

    Returns:
        The state, and a report: step, parameters, losses (float32, one a step), snapshots (`Snapshot`), seconds,
        "stopped", which says why the trainer ended early, and "diverged", which says why and what to do. A slice that
        diverged returns the state that it was given.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    with _at(state, config) as trainer:
        result = train_for(trainer, seconds, time.thread_time, until)
        report = result._asdict() | {"step": trainer.step, "parameters": trainer.parameters}
        after = state if result.diverged else safetensors.numpy.save(trainer.state())
    return after, report


def loss_on_test(state: bytes, config: dict[str, Any]) -> float | None:
    """The loss over the whole test split at a state, in nats per character; None where that split is empty."""
    with _at(state, config) as trainer:
        return trainer.evaluate("test")


@contextmanager
def _at(state: bytes, config: dict[str, Any]) -> Iterator[AnyTrainer]:
    """A trainer at a state, kept for the next one that wants the same data and model."""
    settings = trainers.config_of(config)
    key = settings.model_dump_json(exclude={"train"})
    trainer = _idle.pop(key, None) or trainers.make(settings)  # popped, so that no other thread uses it meanwhile
    trainer.config = settings
    if state:
        trainer.restore(safetensors.numpy.load(state))
    else:
        trainer.reset()
    yield trainer
    _idle[key] = trainer
    while len(_idle) > _MAX_IDLE:
        _idle.popitem(last=False)
