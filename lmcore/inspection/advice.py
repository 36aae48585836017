"""Advice on a training run, from its losses alone. Losses are in nats per character."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lmcore.training.config import TrainConfig
from lmcore.training.history import Change, Snapshot

TOLERANCE = 0.01
"""Losses (nats) that differ by less than this count as equal."""

MAX_GAP = 0.1
"""Difference (nats) of dev and train loss above which a model counts as overfitting."""

MAX_START_EXCESS = 0.5
"""First loss (nats) above that of guessing from which the initial weights are to blame."""

MIN_FLAT_SNAPSHOTS, MIN_FLAT_SHARE = 4, 0.3
"""The train loss is flat if it has not improved over this many snapshots, and over this share of all steps."""

SETTINGS = ["learning_rate", "batch_size", "optimizer", "schedule", "l2"]
"""Settings that `settings_table` always shows."""


def advice(snapshots: Sequence[Snapshot], guessing: float) -> list[str]:
    """Problems of a run, one sentence each with the number that shows it and what to try; none if all is well.

    Args:
        snapshots: of the run, by step.
        guessing: loss of guessing uniformly, ln V.
    """
    if len(snapshots) < 2:
        return []
    sentences = [_start_advice(snapshots[0], guessing), _overfitting_advice(snapshots), _plateau_advice(snapshots)]
    return [sentence for sentence in sentences if sentence]


def _train_loss(snapshot: Snapshot) -> float:
    loss = snapshot.loss("train")
    return math.nan if loss is None else loss


def _start_advice(first: Snapshot, guessing: float) -> str:
    loss = _train_loss(first)
    if first.step or not loss >= guessing + MAX_START_EXCESS:
        return ""
    return (
        f"The first loss was {loss:.1f}, although guessing costs only {guessing:.1f}: the untrained model is "
        "confidently wrong. Try smaller initial weights in the output layer."
    )


def _overfitting_advice(snapshots: Sequence[Snapshot]) -> str:
    dev_losses = {snapshot.step: loss for snapshot in snapshots if (loss := snapshot.loss("dev")) is not None}
    train, dev = _train_loss(snapshots[-1]), snapshots[-1].loss("dev")
    if dev is None or math.isnan(train):
        return ""
    best_step = min(dev_losses, key=lambda step: dev_losses[step])
    if dev > (best := dev_losses[best_step]) + 2 * TOLERANCE:
        return (
            f"Overfitting: the dev loss was {best:.2f} at step {best_step:,} and is {dev:.2f} now. Stop there, or try "
            "regularization, a smaller model or more text."
        )
    if dev - train > MAX_GAP:
        return (
            f"Overfitting: the train loss is {train:.2f}, but the dev loss is {dev:.2f}. Try regularization, a smaller "
            "model or more text."
        )
    return ""


def _plateau_advice(snapshots: Sequence[Snapshot]) -> str:
    last = snapshots[-1]
    loss = _train_loss(last)
    higher = [i for i, snapshot in enumerate(snapshots) if _train_loss(snapshot) > loss + TOLERANCE]
    flat = snapshots[higher[-1] + 1 if higher else 0 :]
    if len(flat) < MIN_FLAT_SNAPSHOTS or last.step - flat[0].step < MIN_FLAT_SHARE * last.step:
        return ""
    return (
        f"The train loss has been flat at {loss:.2f} since step {flat[0].step:,}. "
        "Try a learning rate ten times smaller."
    )


def race_table(runs: Mapping[str, Sequence[Snapshot]]) -> pd.DataFrame:
    """One row per run of a race: train loss at the start, after 1,000 and 10,000 steps, and the last losses.

    Args:
        runs: the snapshots of each run, by step, by the name of the run.
    """
    return pd.DataFrame([_race_row(name, snapshots) for name, snapshots in runs.items()])


def _race_row(name: str, snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    losses = {snapshot.step: _train_loss(snapshot) for snapshot in snapshots}
    last = snapshots[-1] if snapshots else None
    dev = last.loss("dev") if last else None
    return {
        "run": name,
        "first": losses.get(0, math.nan),
        "after 1,000": losses.get(1000, math.nan),
        "after 10,000": losses.get(10_000, math.nan),
        "last step": last.step if last else 0,
        "train": _train_loss(last) if last else math.nan,
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
