"""Runs side by side: loss curves on common axes, samples and layer outputs at common steps.

Losses are in nats per character, or per example for classifiers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from lmcore import families
from lmcore.errors import UserError
from lmcore.inspection.activations import activations, has_weights
from lmcore.inspection.histograms import Histograms, histograms, symmetric_limit
from lmcore.runs.view import RunView
from lmcore.training.config import BaseRunConfig, RunConfig
from lmcore.training.history import Snapshot
from lmcore.training.loss_curve import LossCurve, XAxis, loss_curve, rescale

# ---------------------------------------------------------------- which runs can be compared


def task_and_data(config: BaseRunConfig) -> dict[str, Any]:
    """The task and the data of a run; the losses of runs with equal ones can be compared."""
    return config.model_dump(exclude={"model", "train"})


def caveats(configs: Sequence[BaseRunConfig]) -> list[str]:
    """Why the losses of some runs cannot be compared directly, in sentences; empty if they can."""
    if len({config.task for config in configs}) > 1:
        return ["These runs learn different tasks, so their losses have different units and cannot be compared."]
    if any(task_and_data(config) != task_and_data(configs[0]) for config in configs):
        return ["These runs learn from different data, so a lower loss may only mean easier data."]
    return []


# ---------------------------------------------------------------- loss curves


@dataclass(frozen=True)
class RunCurves:
    """The loss curves of several runs on common axes."""

    curves: dict[str, LossCurve]  # by the name of the run
    x_axis: XAxis
    fork: float | None = None  # x at which two branches diverge
    unit: Literal["character", "example"] | None = "character"  # what a loss is the mean over; None if they differ


def run_curves(views: Mapping[str, RunView], x_axis: XAxis = "steps", fork: int | None = None) -> RunCurves:
    """The loss curves of runs over steps, examples or time.

    Args:
        views: the runs, by name.
        x_axis: "steps", "examples", "wall seconds" or "CPU seconds".
        fork: step at which the curves begin, if these are branches of one run.
    """
    curves = {name: _curve(view, x_axis, fork or 0) for name, view in views.items()}
    first = next(iter(views.values()), None)
    at = None if fork is None or first is None else _x_of_step(first, fork, x_axis)
    units = {_unit(view.config) for view in views.values()} or {"character"}
    return RunCurves(curves, x_axis, at, units.pop() if len(units) == 1 else None)


def _unit(config: BaseRunConfig) -> Literal["character", "example"]:
    return "character" if isinstance(config, RunConfig) else "example"


def _curve(view: RunView, x_axis: XAxis, first_step: int) -> LossCurve:
    curve = loss_curve(view.history, view.snapshots, 1)
    later, measured = curve.steps >= first_step, curve.snapshot_steps >= first_step
    cut = replace(
        curve,
        steps=curve.steps[later],
        losses=curve.losses[later],
        smoothed=curve.smoothed[later],
        snapshot_steps=curve.snapshot_steps[measured],
        train=curve.train[measured],
        dev=curve.dev[measured],
    )
    return rescale(cut, view.snapshots, x_axis)


def _x_of_step(view: RunView, step: int, x_axis: XAxis) -> float:
    marker = replace(loss_curve(view.history, (), 1), snapshot_steps=np.array([float(step)]))
    return float(rescale(marker, view.snapshots, x_axis).snapshot_steps[0])


def describe_dev_losses(views: Mapping[str, RunView]) -> str:
    """The last dev loss of each run, the lowest first, in a sentence; none if the runs learn different tasks."""
    if len({view.config.task for view in views.values()}) > 1:
        return ""
    last = {name: view.snapshots[-1].loss("dev") for name, view in views.items() if view.snapshots}
    losses = {name: loss for name, loss in last.items() if loss is not None and math.isfinite(loss)}
    if not losses:
        return "No dev loss has been measured yet."
    ordered = ", ".join(f"{name} {losses[name]:.3f}" for name in sorted(losses, key=lambda name: losses[name]))
    return f"Dev losses, lowest first: {ordered}." if len(losses) > 1 else f"Dev loss: {ordered}."


# ---------------------------------------------------------------- snapshots at a common step


def common_steps(views: Sequence[RunView]) -> list[int]:
    """The steps at which every run has a snapshot."""
    steps = [{snapshot.step for snapshot in view.snapshots} for view in views]
    return sorted(set.intersection(*steps)) if steps else []


def snapshot_at(view: RunView, step: int) -> Snapshot:
    """The snapshot of a run at one of its `common_steps`."""
    return next(snapshot for snapshot in view.snapshots if snapshot.step == step)


def sample_table(views: Mapping[str, RunView], step: int) -> pd.DataFrame:
    """The texts that runs sampled at a step: one column per run; all texts of a row use the same random draws."""
    texts = {name: snapshot_at(view, step).samples for name, view in views.items()}
    return pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in texts.items()}).fillna("")


def output_histograms(views: Mapping[str, RunView], step: int) -> dict[str, Histograms]:
    """Histograms of the layer outputs of each run at a step, on its probe batch, over the same bins.

    Raises:
        UserError: if a run's model is not made of layers, or its snapshot has no weights.
    """
    outputs = {}
    for name, view in views.items():
        snapshot = snapshot_at(view, step)
        if not isinstance(view.config, RunConfig) or not families.is_layered(view.config) or not has_weights(snapshot):
            raise UserError(f"{name} has no layer outputs at this step. Select runs of small models made of layers.")
        record = activations(view.config, snapshot)
        layers = record.nonlinear_layers or record.layers
        outputs[name] = {layer: layers[layer].output for layer in layers}
    limit = max((symmetric_limit(arrays) for arrays in outputs.values()), default=1.0)
    return {name: histograms(arrays, limit) for name, arrays in outputs.items()}
