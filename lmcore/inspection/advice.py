"""What a good teacher would say of a training, from its numbers alone. Losses are in nats per character."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from lmcore.training.history import Change, Snapshot
from lmcore.training.training import TrainConfig

NEAR = 0.01  # nats: losses nearer than this count as the same
TOLD = ["learning_rate", "batch_size", "optimizer", "schedule", "l2"]  # settings that the table of tries always shows


def hints(snapshots: Sequence[Snapshot], guessing: float) -> list[str]:
    """Sentences, each with the number it rests on and what to try; none where nothing is to be said.

    Args:
        snapshots: of a run, by step.
        guessing: the loss of guessing uniformly, ln V.
    """
    if len(snapshots) < 2:
        return []
    said = [_start(snapshots[0], guessing), _over_fitting(snapshots), _flat(snapshots)]
    return [sentence for sentence in said if sentence]


def _start(first: Snapshot, guessing: float) -> str:
    if first.step or first.train < guessing + 0.5:
        return ""
    return (
        f"The first loss was {first.train:.1f}, guessing costs {guessing:.1f}: the net begins by being surely wrong. "
        "Look at where the weights start."
    )


def _over_fitting(snapshots: Sequence[Snapshot]) -> str:
    last = snapshots[-1]
    if last.dev is None or math.isnan(last.train):
        return ""
    best = min((s for s in snapshots if s.dev is not None), key=lambda s: s.dev or 0.0)
    if best.dev is not None and last.dev > best.dev + 2 * NEAR:
        return (
            f"Dev loss was {best.dev:.2f} at step {best.step:,} and is {last.dev:.2f} now: over-fitting. "
            "Stop there, or try a penalty, a smaller net, more text."
        )
    if last.dev - last.train > 0.1:
        return f"Train {last.train:.2f}, dev {last.dev:.2f}: over-fitting. Try a penalty, a smaller net, more text."
    return ""


def _flat(snapshots: Sequence[Snapshot]) -> str:
    last = snapshots[-1]
    above = [i for i, s in enumerate(snapshots) if s.train > last.train + NEAR]
    since = snapshots[above[-1] + 1] if above else snapshots[0]
    if len(snapshots) - (above[-1] + 1 if above else 0) < 4 or last.step - since.step < 0.3 * last.step:
        return ""
    return f"Train loss is flat since step {since.step:,}, at {last.train:.2f}: try a tenth of the learning rate."


def race_table(racers: dict[str, Sequence[Snapshot]]) -> pd.DataFrame:
    """A row for each run of a race, by name: train loss at the start, after 1,000 and 10,000 steps, and last."""
    rows = []
    for name, snapshots in racers.items():
        at = {snapshot.step: snapshot.train for snapshot in snapshots}
        last = snapshots[-1] if snapshots else None
        rows.append(
            {
                "run": name,
                "first": at.get(0, math.nan),
                "after 1,000": at.get(1000, math.nan),
                "after 10,000": at.get(10_000, math.nan),
                "last step": last.step if last else 0,
                "train": last.train if last else math.nan,
                "dev": last.dev if last and last.dev is not None else math.nan,
            }
        )
    return pd.DataFrame(rows)


def tries(started: TrainConfig, changes: Sequence[Change], snapshots: Sequence[Snapshot], step: int) -> pd.DataFrame:
    """A row for each stretch of a run with the same settings: its steps, settings, and the losses at its end.

    Args:
        started: the settings of the first step.
        changes: by step; two at one step are one.
        step: reached so far.
    """
    begins = sorted({0, *(change.step for change in changes)})
    told = TOLD + sorted({name for change in changes for name in change.settings} - {*TOLD, "steps", "minutes"})
    settings: dict[str, Any] = started.model_dump()
    rows = []
    for begin, end in zip(begins, [*begins[1:], step], strict=True):
        for change in changes:
            settings |= change.settings if change.step == begin else {}
        measured = [s for s in snapshots if begin < s.step <= end]
        train, dev = (measured[-1].train, measured[-1].dev) if measured else (None, None)
        row = {"from step": begin, "to step": end} | {name: settings[name] for name in told}
        rows.append(row | {"train loss": train, "dev loss": dev})
    return pd.DataFrame(rows)
