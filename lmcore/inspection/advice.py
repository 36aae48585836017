"""Advice on a training run, from its losses alone. Losses are in nats per character."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.training.config import TrainConfig
from lmcore.training.history import Change, Snapshot
from lmcore.training.trainer import MAX_EVALUATION_EXAMPLES

TOLERANCE = 0.01
"""Losses (nats) that differ by less than this count as equal."""

MAX_GAP = 0.1
"""Difference (nats) of dev and train loss above which a model counts as overfitting, if it exceeds the noise."""

N_CONFIRMING = 2
"""Number of last snapshots that must all show overfitting."""

MAX_RECENT = 8
"""Number of last snapshots by whose scatter the noise of the dev loss is estimated."""

MAX_START_EXCESS = 0.5
"""First loss (nats) above that of guessing from which the initial weights are to blame."""

MIN_FLAT_SNAPSHOTS, MIN_FLAT_SHARE = 4, 0.3
"""The train loss is flat if its lowest value has not improved over this many snapshots, and this share of all steps."""

SETTINGS = ["learning_rate", "batch_size", "optimizer", "schedule", "l2"]
"""Settings that `settings_table` always shows."""


def advice(
    snapshots: Sequence[Snapshot], guessing: float, n_dev: int = MAX_EVALUATION_EXAMPLES, n_train: int | None = None
) -> list[str]:
    """Problems of a run, one sentence each with the number that shows it and what to try; none if all is well.

    Args:
        snapshots: of the run, by step.
        guessing: loss of guessing uniformly, ln V.
        n_dev: examples that a dev loss is the mean of.
        n_train: the same for a train loss; as many as for a dev loss if None.
    """
    if len(snapshots) < 2:
        return []
    overfitting = _overfitting_advice(snapshots, n_dev, n_train or n_dev)
    sentences = [_start_advice(snapshots[0], guessing), overfitting, _plateau_advice(snapshots)]
    return [sentence for sentence in sentences if sentence]


def _start_advice(first: Snapshot, guessing: float) -> str:
    loss = first.loss("train")
    if first.step or not loss >= guessing + MAX_START_EXCESS:
        return ""
    return (
        f"The first loss was {loss:.1f}, although guessing costs only {guessing:.1f}: the untrained model is "
        "confidently wrong. Try smaller initial weights in the output layer."
    )


def _overfitting_advice(snapshots: Sequence[Snapshot], n_dev: int, n_train: int) -> str:
    measured = [snapshot for snapshot in snapshots if snapshot.step and snapshot.loss("dev") is not None]
    if len(measured) <= N_CONFIRMING:
        return ""
    train = np.array([snapshot.loss("train") for snapshot in measured])
    dev = np.array([snapshot.loss("dev") for snapshot in measured], float)
    best = int(dev.argmin())
    # the dev loss has risen beyond its noise, while the train loss has not
    last, noise = dev[-N_CONFIRMING:], _dev_noise(dev, n_dev)
    has_risen = bool((last > dev[best] + max(2 * TOLERANCE, 2 * noise)).all()) and best < len(dev) - N_CONFIRMING
    if has_risen and train[-1] <= train[best] + TOLERANCE:
        return (
            f"Overfitting: the dev loss was {dev[best]:.2f} at step {measured[best].step:,} and is {dev[-1]:.2f} now. "
            "Stop there, or try regularization, a smaller model or more text."
        )
    # the dev loss is higher than the train loss, by more than the noise of both
    noise = math.hypot(noise, _standard_error(train[-1], n_train))
    if bool((last - train[-N_CONFIRMING:] > MAX_GAP + 2 * noise).all()):
        return (
            f"Overfitting: the train loss is {train[-1]:.2f}, but the dev loss is {dev[-1]:.2f}. Try regularization, a "
            "smaller model or more text."
        )
    return ""


def _dev_noise(dev: NDArray[np.float64], n_dev: int) -> float:
    """The standard deviation of a dev loss (nats): of the sample it is measured on, or of its scatter over the steps.

    The scatter is estimated from second differences, which a steady trend does not change.
    """
    wobble = np.abs(np.diff(dev[-MAX_RECENT:], 2))
    scatter = 1.4826 * float(np.median(wobble)) / math.sqrt(6) if len(wobble) else 0.0
    return max(scatter, _standard_error(dev[-1], n_dev))


def _standard_error(loss: float, n: int) -> float:
    """The standard error of a mean loss (nats), if the losses of single examples deviate by as much as their mean."""
    return loss / math.sqrt(max(n, 1))


def _plateau_advice(snapshots: Sequence[Snapshot]) -> str:
    """Measured by the lowest loss so far: single losses go up and down, and the advice would come and go with them."""
    lowest = np.fmin.accumulate([snapshot.loss("train") for snapshot in snapshots])
    flat = snapshots[int(np.argmax(lowest <= lowest[-1] + TOLERANCE)) :]
    last = snapshots[-1].step
    if len(flat) < MIN_FLAT_SNAPSHOTS or last - flat[0].step < MIN_FLAT_SHARE * last or lowest[-1] < TOLERANCE:
        return ""
    return (
        f"The train loss has not fallen below {lowest[-1]:.2f} since step {flat[0].step:,}: the training has "
        "converged, or its steps are too large. Try a learning rate ten times smaller."
    )


def race_table(runs: Mapping[str, Sequence[Snapshot]]) -> pd.DataFrame:
    """One row per run of a race: train loss at the start, after 1,000 and 10,000 steps, and the last losses.

    Args:
        runs: the snapshots of each run, by step, by the name of the run.
    """
    return pd.DataFrame([_race_row(name, snapshots) for name, snapshots in runs.items()])


def _race_row(name: str, snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    losses = {snapshot.step: snapshot.loss("train") for snapshot in snapshots}
    last = snapshots[-1] if snapshots else None
    dev = last.loss("dev") if last else None
    return {
        "run": name,
        "first": losses.get(0, math.nan),
        "after 1,000": losses.get(1000, math.nan),
        "after 10,000": losses.get(10_000, math.nan),
        "last step": last.step if last else 0,
        "train": last.loss("train") if last else math.nan,
        "dev": math.nan if dev is None else dev,
    }


def settings_table(
    initial: TrainConfig, changes: Sequence[Change], snapshots: Sequence[Snapshot], step: int
) -> pd.DataFrame:
    """One row per stretch of a run with the same settings: its steps, its settings, and the losses at its end.

    Args:
        initial: settings of the first step.
        changes: by step; changes at the same step count as one.
        snapshots: of the run, by step.
        step: the last step so far.
    """
    starts = sorted({0, *(change.step for change in changes)})
    changed = {name for change in changes for name in change.settings}
    shown = SETTINGS + sorted(changed - {*SETTINGS, "steps", "minutes"})
    settings: dict[str, Any] = initial.model_dump()
    rows = []
    for start, end in zip(starts, [*starts[1:], step], strict=True):
        for change in changes:
            settings |= change.settings if change.step == start else {}
        measured = [snapshot for snapshot in snapshots if start < snapshot.step <= end]
        train, dev = (measured[-1].loss("train"), measured[-1].loss("dev")) if measured else (None, None)
        row = {"from step": start, "to step": end} | {name: settings[name] for name in shown}
        rows.append(row | {"train loss": train, "dev loss": dev})
    return pd.DataFrame(rows)
