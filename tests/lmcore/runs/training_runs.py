"""Runs for the tests of this package: trained inline, slice by slice."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
import safetensors.numpy

from lmcore.errors import UserError
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.runs.engine import Engine
from lmcore.runs.run import Run, Status
from lmcore.runs.view import RunView
from lmcore.runs.worker import advance
from lmcore.training.config import RunConfig
from tests.waiting import until

CONFIG = run_config_from_settings({"locales": ("de_DE",), "hidden": 30, "steps": 4000, "evaluate_every": 1000})


def weights(state: bytes) -> bytes:
    return safetensors.numpy.load(state)["weights"].tobytes()


def straight(config: RunConfig) -> bytes:
    """The weights of an uninterrupted run."""
    trainer = make_trainer(config)
    trainer.train(config.train.steps)
    return trainer.state_dict()["weights"].tobytes()


class InlineExecutor(Executor):
    """Computes each slice in this process, one at a time, when told to; a slice is one step on any machine."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, fn, args))
        return future

    def compute(self) -> None:
        future, fn, args = self.waiting.pop(0)
        try:
            result = fn(*args[:2], 0.0, *args[3:])
        except UserError as error:
            future.set_exception(error)
        else:
            future.set_result(result)


def compute(engine: Engine, executor: InlineExecutor, run_id: str) -> RunView:
    """One slice, and wait until the engine has taken it in."""
    before = engine.view(run_id).step
    executor.compute()
    until(lambda: engine.view(run_id).step > before or not engine.view(run_id).status.is_active)
    return engine.view(run_id)


def trained(settings: dict[str, Any], until: int, changes: dict[int, dict[str, Any]] | None = None) -> Run:
    """A run at rest after so many steps, with settings changed on its way; in slices of odd lengths."""
    run = Run(run_config_from_settings({"locales": ("de_DE",), "steps": 4000, "evaluate_every": 500} | settings))
    stops = sorted({until, *(changes or {})})
    for stop in stops:
        go_on(run, stop)
        if stop in (changes or {}):
            run.change((changes or {})[stop])
    return run


def go_on(run: Run, until: int) -> None:
    run.pause_at = until
    while run.step < until:
        run.status = Status.RUNNING
        run.fold(*advance(*run.next_slice(), 0.03, until))


def assert_same(one: Run, other: Run) -> None:
    """Bit for bit: state, losses, snapshots."""
    assert one.step == other.step
    held, other_held = safetensors.numpy.load(one.state), safetensors.numpy.load(other.state)
    assert held.keys() == other_held.keys()
    assert all(held[name].tobytes() == other_held[name].tobytes() for name in held)
    assert one.history.head.tobytes() == other.history.head.tobytes()
    assert np.allclose(one.history.sums, other.history.sums, rtol=1e-12, atol=0)
    assert one.history.ratio_steps.tolist() == other.history.ratio_steps.tolist()
    assert one.history.ratios.tobytes() == other.history.ratios.tobytes()
    told = [{s.step: (s.metrics, s.samples) for s in run.snapshots} for run in (one, other)]
    common = told[0].keys() & told[1].keys()  # a pause at a step leaves a snapshot there
    assert {0, 1, 100, 500, 1000} & {*range(one.step)} <= common
    assert all(told[0][step] == told[1][step] for step in common)
