"""The record behind every picture of a loss: a curve over steps, or rescaled to examples or to time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.training.history import Change, History, Snapshot, TestEvaluation

Floats = NDArray[np.float64]
XAxis = Literal["steps", "examples", "epochs", "wall seconds", "CPU seconds"]
"""What a loss is drawn against. Examples (characters, for a language model) count as often as the model saw them."""


@dataclass(frozen=True)
class LossCurve:
    """The losses of a run, in nats per character or per example."""

    steps: Floats  # (P,), x of each point, in the unit of `x_axis`
    losses: Floats  # (P,), minibatch losses: of single steps or means of several
    smoothed: Floats  # (P,)
    snapshot_steps: Floats  # (S,), x of each snapshot
    train: Floats  # (S,), nan where not measured
    dev: Floats  # (S,), nan where there is no dev split
    guessing: float  # loss of guessing uniformly, ln of the number of classes
    changes: tuple[Change, ...] = ()
    diverged: Floats = field(
        default_factory=lambda: np.zeros(0)
    )  # losses after the last step, of a slice that diverged
    test_evaluations: tuple[tuple[float, float], ...] = ()  # x and test loss, each time that it was asked for
    x_axis: XAxis = "steps"


def loss_curve(
    history: History,
    snapshots: Sequence[Snapshot],
    n_classes: int,
    changes: tuple[Change, ...] = (),
    diverged: NDArray[np.float32] | None = None,
    from_start: bool = False,
    test_evaluations: Sequence[TestEvaluation] = (),
) -> LossCurve:
    """The loss of a run over its steps.

    The smoothed curve is an exponentially weighted mean with bias correction; its half-life is one fiftieth of all
    steps. For a logarithmic axis it is one twentieth of the steps so far, as wide everywhere on the axis. The curve
    starts where the losses start.

    Args:
        history: minibatch losses.
        snapshots: with the train and dev losses.
        n_classes: characters in the vocabulary, or classes.
        changes: of settings on the way.
        diverged: losses of a slice that diverged.
        from_start: for a logarithmic axis: keep every one of the first steps.
        test_evaluations: each time that the test loss was asked for.
    """
    steps, losses = history.curve_from_start() if from_start else history.curve()
    if from_start:
        n_losses = np.where(np.arange(len(steps)) < len(history.head), 1.0, history.width)  # of each point
        smoothed = _smoothed_over_logarithm(steps, losses, n_losses)
    else:
        smoothed = pd.Series(losses, dtype=float).ewm(halflife=max(2.0, len(losses) / 50)).mean().to_numpy()
    return LossCurve(
        steps=steps,
        losses=losses.astype(float),
        smoothed=smoothed,
        snapshot_steps=np.array([snapshot.step for snapshot in snapshots], dtype=float),
        train=_values([snapshot.loss("train") for snapshot in snapshots]),
        dev=_values([snapshot.loss("dev") for snapshot in snapshots]),
        guessing=float(np.log(n_classes)),
        changes=changes,
        diverged=np.zeros(0) if diverged is None else diverged[np.isfinite(diverged)].astype(float),
        test_evaluations=tuple((float(one.step), one.loss) for one in test_evaluations if one.loss is not None),
    )


def _smoothed_over_logarithm(steps: Floats, losses: NDArray[np.float32], n_losses: Floats) -> Floats:
    """The mean of all losses until each point, weighted by (their step / step of the point) ** 14.2.

    The weight of a loss 5% of the steps ago is one half.

    Args:
        steps: of each point, shape (P,).
        losses: their means, shape (P,).
        n_losses: how many losses each point is the mean of, shape (P,).
    """
    times, half_life = (1e9 * np.log(steps)).astype("datetime64[ns]"), pd.Timedelta(int(1e9 * np.log(1.05)))
    sums, weights = (
        pd.Series(values, dtype=float).ewm(halflife=half_life, times=times).mean().to_numpy()  # type: ignore[arg-type]
        for values in (losses * n_losses, n_losses)
    )
    means: Floats = sums / weights
    return means


def _values(losses: Sequence[float | None]) -> Floats:
    return np.array([np.nan if loss is None else loss for loss in losses], dtype=float)


CLOCKS = {"examples": "examples", "epochs": "examples", "wall seconds": "wall_seconds", "CPU seconds": "cpu_seconds"}
"""The field of a snapshot that measures each unit."""


def rescale(curve: LossCurve, snapshots: Sequence[Snapshot], x_axis: XAxis, examples_per_epoch: int = 1) -> LossCurve:
    """The same curve over examples, epochs or time.

    Examples and time are known at the snapshots. Between two of them the pace counts as even; beyond the last one, the
    average pace continues.

    Args:
        curve: over steps.
        snapshots: of the same run.
        x_axis: the new unit.
        examples_per_epoch: examples in the train split, for "epochs".
    """
    if x_axis == "steps":
        return curve
    unit = examples_per_epoch if x_axis == "epochs" else 1
    known_steps = np.array([0.0, *(snapshot.step for snapshot in snapshots)])
    known = np.array([0.0, *(getattr(snapshot, CLOCKS[x_axis]) / unit for snapshot in snapshots)])
    pace = known[-1] / max(known_steps[-1], 1.0)

    def scale(steps: Any) -> Floats:
        steps = np.asarray(steps, float)
        scaled: Floats = np.interp(steps, known_steps, known) + np.maximum(steps - known_steps[-1], 0) * pace
        return scaled

    return replace(
        curve,
        steps=scale(curve.steps),
        snapshot_steps=scale(curve.snapshot_steps),
        changes=tuple(Change(float(scale(change.step)), change.settings) for change in curve.changes),  # type: ignore[arg-type]
        test_evaluations=tuple((float(scale(step)), loss) for step, loss in curve.test_evaluations),
        x_axis=x_axis,
    )
