"""The training of a classifier in one record: losses, accuracies, and the events along the way.

Dimensions: S snapshots.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmcore.data.corpora import Split
from lmcore.data.datasets import Dataset
from lmcore.training.classifier import CLIPPED, RATE_CHANGED, STOPPED
from lmcore.training.history import Change, History, Snapshot, TestEvaluation
from lmcore.training.loss_curve import LossCurve, XAxis, loss_curve, rescale

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingEvents:
    """What acted on a run besides its settings; positions are in the unit of the curve's x-axis."""

    learning_rates: tuple[tuple[float, float], ...] = ()  # x, and the learning rate from there on
    clipped: tuple[tuple[float, float], ...] = ()  # first and last x of each stretch with gradient clipping
    stopped: tuple[float, ...] = ()  # x of early stopping


@dataclass(frozen=True)
class LearningCurve:
    """Losses (nats per example) and accuracies of a classifier."""

    losses: LossCurve
    accuracy: dict[Split, Floats]  # (S,) by split, nan where not measured
    events: TrainingEvents


def learning_curve(
    history: History,
    snapshots: Sequence[Snapshot],
    data: Dataset,
    x_axis: XAxis = "steps",
    changes: tuple[Change, ...] = (),
    diverged: NDArray[np.float32] | None = None,
    from_start: bool = False,
    test_evaluations: Sequence[TestEvaluation] = (),
) -> LearningCurve:
    """The record of a classifier's training.

    Args:
        history: minibatch losses.
        snapshots: of the run, by step.
        data: what it learns from.
        x_axis: what the curve is drawn against.
        changes: of settings.
        diverged: losses of a slice that diverged.
        from_start: keep every one of the first steps, for a logarithmic axis.
        test_evaluations: each time that the test split was evaluated.
    """
    curve = loss_curve(history, snapshots, len(data.classes), changes, diverged, from_start, test_evaluations)
    rescaled = rescale(curve, snapshots, x_axis, len(data.y_train))
    accuracy: dict[Split, Floats] = {split: _accuracies(snapshots, split) for split in ("train", "dev")}
    return LearningCurve(rescaled, accuracy, _events(snapshots, curve.snapshot_steps, rescaled.snapshot_steps))


def _accuracies(snapshots: Sequence[Snapshot], split: Split) -> Floats:
    values = [snapshot.metric("accuracy", split) for snapshot in snapshots]
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _events(snapshots: Sequence[Snapshot], steps: Floats, x: Floats) -> TrainingEvents:
    """The events until the last snapshot; x are the positions of the snapshots at these steps."""
    if not len(snapshots):
        return TrainingEvents()
    events = snapshots[-1].arrays["events"]  # (n, 4): kind, first step, last step, value
    first, last = np.interp(events[:, 1], steps, x), np.interp(events[:, 2], steps, x)
    kinds, values = events[:, 0], events[:, 3]
    return TrainingEvents(
        learning_rates=_pairs(first, values, kinds == RATE_CHANGED),
        clipped=_pairs(first, last, kinds == CLIPPED),
        stopped=tuple(first[kinds == STOPPED].tolist()),
    )


def _pairs(one: Floats, other: Floats, chosen: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    return tuple(zip(one[chosen].tolist(), other[chosen].tolist(), strict=True))
