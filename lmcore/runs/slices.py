"""What a worker does: advance a run by a slice of time. Pure: the same arguments give the same state."""

import time
from collections import OrderedDict
from typing import Any

import safetensors.numpy
import torch

from lmcore.training import RunConfig, Trainer, train_for

torch.set_num_threads(1)  # a second thread makes small models slower, and other runs want the core

_idle: "OrderedDict[str, Trainer]" = OrderedDict()
_MOST_IDLE = 64


def advance(state: bytes, config: dict[str, Any], seconds: float) -> tuple[bytes, dict[str, Any]]:
    """Trains for some seconds from a state, and returns the new state and a report.

    Args:
        state: what the last slice returned (safetensors); empty at the start.
        config: a `RunConfig` as plain data.
        seconds: at most about so long, of the processor's time; at least one step is taken.

    Returns:
        The state, and a report: step, parameters, losses (float32, one a step), snapshots (`Snapshot`), seconds,
        and "diverged", which says why and what to do. A slice that diverged returns the state that it was given.

    Raises:
        UserError: if the text or the settings do not allow the run.
    """
    settings = RunConfig.parse(config)
    key = settings.corpus.model_dump_json() + settings.model.model_dump_json()
    trainer = _idle.pop(key, None) or Trainer(settings)  # popped, so that no other thread uses it meanwhile
    trainer.config = settings
    if state:
        trainer.restore(safetensors.numpy.load(state))
    else:
        trainer.reset()
    result = train_for(trainer, seconds, time.thread_time)
    report = result._asdict() | {
        "step": trainer.step,
        "parameters": trainer.parameters,
    }
    after = state if result.diverged else safetensors.numpy.save(trainer.state())
    _idle[key] = trainer
    while len(_idle) > _MOST_IDLE:
        _idle.popitem(last=False)
    return after, report
