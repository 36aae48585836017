"""Where two branches of a run, such as a run and its fork, diverge: the first step and the first text that differ.

Losses are in nats per character, or per example for a classifier.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore import families
from lmcore.runs.comparison import common_steps, snapshot_at, task_and_data
from lmcore.runs.settings import train_settings_at
from lmcore.runs.view import RunView
from lmcore.training.history import Snapshot
from lmcore.training.trainer import DivergedError

MAX_REPLAYED_STEPS = 2000
"""Steps after the fork, or the last common snapshot, that are searched for the first different loss."""


@dataclass(frozen=True)
class Divergence:
    """Where two branches of a run diverge."""

    common_step: int  # of the last snapshot at which both are identical, bit for bit
    step: int | None  # the first step whose loss differs, counted from 1; None if none was found
    losses: tuple[float, float]  # of that step
    text_step: int | None  # of the first snapshot with a different text; None if there is none
    texts: tuple[str, str]
    n_compared: int  # losses after the common snapshot that are equal


def fork_step(one: RunView, other: RunView) -> int | None:
    """The step up to which two runs are the same, by their origin; None if they are not branches of one run."""
    a, b = one.origin, other.origin
    if b is not None and b.parent == one.id:
        return b.step
    if a is not None and a.parent == other.id:
        return a.step
    return min(a.step, b.step) if a is not None and b is not None and a.parent == b.parent else None


def find_divergence(one: RunView, other: RunView) -> Divergence | None:
    """The first step and the first text at which two branches differ; None if they have no common beginning.

    A history has the loss of every single step only at the beginning of a run, so the steps after the last common
    snapshot are taken again, with the settings that each run had there.

    Raises:
        UserError: if the data of the runs are no longer on this computer.
    """
    if one.config.model != other.config.model or task_and_data(one.config) != task_and_data(other.config):
        return None
    pairs = [(snapshot_at(one, step), snapshot_at(other, step)) for step in common_steps([one, other])]
    identical = [a for a, b in pairs if _is_identical(a, b)]
    if not identical:
        return None
    last = identical[-1]
    step, losses, compared = _first_different_loss(one, other, last, max(last.step, fork_step(one, other) or 0))
    text_step, texts = _first_different_text([(a, b) for a, b in pairs if a.step > last.step])
    return Divergence(last.step, step, losses, text_step, texts, compared)


def describe_divergence(record: Divergence, names: Sequence[str]) -> list[str]:
    """The divergence of two runs with these names, as one or two sentences."""
    first, second = record.losses
    sentences = [f"The runs are identical up to step {record.common_step:,}, bit for bit."]
    if record.step is not None:
        sentences[0] += f" They diverge at step {record.step:,}: its minibatch losses are {first:.6f} and {second:.6f}."
    elif record.n_compared:
        sentences[0] += f" None of the next {record.n_compared:,} losses differs."
    if record.text_step is not None:
        texts = zip(names, (text.replace("\n", "⏎") for text in record.texts), strict=True)
        samples = ", ".join(f"{name} {text!r}" for name, text in texts)
        sentences.append(f"With equal random draws, the samples first differ at step {record.text_step:,}: {samples}.")
    return sentences


def _is_identical(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots have the same state; without a state, whether their metrics and samples are equal."""
    if not (one.state and other.state):
        return (one.metrics, one.samples) == (other.metrics, other.samples)
    return one.state.keys() == other.state.keys() and all(
        np.array_equal(array, other.state[name], equal_nan=array.dtype.kind == "f") for name, array in one.state.items()
    )


def _first_different_text(pairs: Sequence[tuple[Snapshot, Snapshot]]) -> tuple[int | None, tuple[str, str]]:
    for one, other in pairs:
        for text, other_text in zip(one.samples, other.samples, strict=False):
            if text != other_text:
                return one.step, (text, other_text)
    return None, ("", "")


def _first_different_loss(
    one: RunView, other: RunView, start: Snapshot, same_until: int
) -> tuple[int | None, tuple[float, float], int]:
    """The first step whose losses differ, if one is found; these losses; and how many losses were equal before it."""
    last, nowhere = min(one.step, other.step, same_until + MAX_REPLAYED_STEPS), (math.nan, math.nan)
    if start.step and not start.state:
        return None, nowhere, 0
    replays = [_Replay(view, start) for view in (one, other)]
    step, block = start.step, 8
    while step < last:
        count = min(block, last - step)
        a, b = (replay.losses(count) for replay in replays)
        common = min(len(a), len(b))
        if len(different := np.flatnonzero(a[:common] != b[:common])):
            i = int(different[0])
            return step + i + 1, (float(a[i]), float(b[i])), step + i - start.step
        step, block = step + common, 4 * block
        if common < count:  # one of the trainings diverged
            break
    return None, nowhere, step - start.step


class _Replay:
    """Takes the steps of a run again, from a snapshot that has a state, or from the start."""

    def __init__(self, view: RunView, start: Snapshot) -> None:
        self.view = view
        self.trainer: Any = families.make_trainer(self._config_at(start.step))
        if start.step:
            self.trainer.load_state_dict(start.state)

    def losses(self, steps: int) -> NDArray[np.float32]:
        """The losses of the next steps; fewer if the training diverges or stops early."""
        losses, end = [np.zeros(0, np.float32)], self.trainer.step + steps
        while (step := self.trainer.step) < end:
            self.trainer.config = self._config_at(step)
            stop = min([end, *(change.step for change in self.view.changes if change.step > step)])
            try:
                losses.append(self.trainer.train(stop - step))
            except DivergedError as error:
                losses.append(error.losses)
                break
            if self.trainer.stop_reason:
                break
        return np.concatenate(losses)

    def _config_at(self, step: int) -> Any:
        return self.view.config.model_copy(update={"train": train_settings_at(self.view, step)})
