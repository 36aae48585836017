"""What a run remembers, as plain data: the loss of its steps, snapshots, changes; and the record that a chart draws.

Losses are in nats per character.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEIGHTS = "theta"
"""Name, or its end, of an array that holds all weights of a model."""

MAX_KEPT_ALWAYS = 150_000
"""Weights of a model whose snapshots keep them all; of a larger one the last snapshot alone keeps them."""


def under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Those whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A small record of the model at one step; equal to itself only, so that pictures of it can be kept."""

    step: int
    train: float  # nats per character, over a part of the split; over all of it at the last step
    dev: float | None  # None where the split is empty
    samples: tuple[str, ...]
    arrays: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # by name: "next_character"
    seconds: float = 0.0  # of training until then
    training: float = 0.0  # the same in seconds of the processor, measurements left out
    state: dict[str, NDArray[Any]] = field(default_factory=dict)  # to go on from here; empty where it is not kept

    def without_weights(self) -> "Snapshot":
        """The same record without the model's weights; itself if it holds none."""
        kept = {name: array for name, array in self.arrays.items() if not name.endswith(WEIGHTS)}
        return self if len(kept) == len(self.arrays) else replace(self, arrays=kept)


def extended(snapshots: list[Snapshot], new: list[Snapshot], parameters: int) -> list[Snapshot]:
    """The snapshots of a run with new ones; those of a model of many weights keep them at the last one only."""
    snapshots = snapshots + new
    if parameters <= MAX_KEPT_ALWAYS:
        return snapshots
    return [snapshot.without_weights() for snapshot in snapshots[:-1]] + snapshots[-1:]


class History:
    """The loss of every step in little memory: the first ones exactly, then the means of equal buckets.

    When the buckets are full, each two become one.
    """

    HEAD = 1000
    BUCKETS = 500

    def __init__(self) -> None:
        self.head = np.zeros(0, dtype=np.float32)
        self.sums = np.zeros(0, dtype=np.float64)
        self.width = 1  # steps a bucket
        self.steps = 0
        self.ratio_steps = np.zeros(0, dtype=np.int64)
        self.ratios = np.zeros((0, 0, 2), dtype=np.float32)  # `Trainer.take_ratios`
        self.marks = np.zeros((0, 2))  # steps at which it can be cut off, and the sum of all losses until each

    def add(self, losses: NDArray[np.float32]) -> None:
        """Appends the losses of the next steps."""
        self.head = np.concatenate([self.head, losses[: self.HEAD - len(self.head)]])
        while len(self.sums) * self.width < self.steps + len(losses):
            if len(self.sums) < self.BUCKETS:
                self.sums = np.append(self.sums, 0.0)
            else:
                self.sums = self.sums.reshape(-1, 2).sum(axis=1)
                self.width *= 2
        buckets = (self.steps + np.arange(len(losses))) // self.width
        np.add.at(self.sums, buckets, losses)
        self.steps += len(losses)

    def add_ratios(self, steps: NDArray[np.int64], ratios: NDArray[np.float32]) -> None:
        """Appends how large gradients and updates were, shape (R, P, 2), at some of the next steps."""
        self.ratio_steps = np.concatenate([self.ratio_steps, steps])
        self.ratios = np.concatenate([self.ratios, ratios]) if len(self.ratios) else ratios

    def mark(self) -> None:
        """Remembers the present step as one at which the history may be cut off: its bucket may not be full."""
        self.marks = np.append(self.marks, [[self.steps, self.sums.sum()]], axis=0)

    def until(self, step: int) -> "History":
        """The history as it was at a marked step, in buckets as wide as now; the last one may be part of a bucket.

        Raises:
            KeyError: if the step was not marked.
        """
        cut = copy.deepcopy(self)
        if step == self.steps:
            return cut
        full = step // self.width
        rest = [self._sum_until(step) - self.sums[:full].sum()] if step % self.width else []
        cut.steps, cut.sums, cut.head = step, np.append(self.sums[:full], rest), self.head[:step].copy()
        kept = self.ratio_steps <= step
        cut.ratio_steps, cut.ratios = self.ratio_steps[kept], self.ratios[: kept.sum()].copy()
        cut.marks = self.marks[self.marks[:, 0] <= step]
        return cut

    def _sum_until(self, step: int) -> float:
        sums = {int(at): float(total) for at, total in self.marks}
        return sums[step]

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Steps (the middle of each bucket, counted from 1) and mean losses, at most BUCKETS points."""
        edges = np.minimum(np.arange(len(self.sums) + 1) * self.width, self.steps)
        sizes = np.diff(edges)
        return (edges[:-1] + edges[1:] + 1) / 2, (self.sums / sizes).astype(np.float32)

    def curve_from_start(self) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """As `curve`, but every one of the first steps: for a logarithmic axis."""
        steps, losses = self.curve()
        later = steps > len(self.head)
        return (
            np.concatenate([np.arange(1.0, len(self.head) + 1), steps[later]]),
            np.concatenate([self.head, losses[later]]),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The history as arrays, to be stored."""
        return {
            "head": self.head,
            "sums": self.sums,
            "shape": np.array([self.width, self.steps]),
            "ratio_steps": self.ratio_steps,
            "ratios": self.ratios,
            "marks": self.marks,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> "History":
        """The history that `arrays` returned."""
        history = cls()
        history.head, history.sums = arrays["head"], arrays["sums"]
        history.ratio_steps, history.ratios = arrays["ratio_steps"], arrays["ratios"]
        history.marks = arrays.get("marks", history.marks)  # files of before have none
        history.width, history.steps = (int(number) for number in arrays["shape"])
        return history


@dataclass(frozen=True)
class Change:
    """Settings that were changed at a step, for the steps after it."""

    step: int
    settings: dict[str, Any]


@dataclass(frozen=True)
class LossCurve:
    """All that the picture of a training shows, in nats per character."""

    steps: Floats  # (P,)
    losses: Floats  # (P,), of the minibatches
    smoothed: Floats  # (P,)
    snapshot_steps: Floats  # (S,)
    train: Floats  # (S,)
    dev: Floats  # (S,), nan where there is none
    guessing: float  # the loss of guessing uniformly, ln V
    changes: tuple[Change, ...] = ()
    lost: Floats = field(default_factory=lambda: np.zeros(0))  # losses after the last step, of a slice that diverged
    looks: tuple[tuple[int, float], ...] = ()  # step and test loss, where it was asked for
    unit: str = "step"  # what the steps count


def over_seconds(curve: LossCurve, snapshots: Sequence[Snapshot]) -> LossCurve:
    """The same losses over the seconds of training; between two snapshots the pace counts as even."""
    steps = [snapshot.step for snapshot in snapshots]
    seconds = [snapshot.seconds for snapshot in snapshots]
    until = curve.steps <= max(steps, default=-1)  # later ones have no time yet
    at = np.interp(curve.steps[until], steps, seconds) if steps else np.zeros(0)
    return replace(
        curve,
        steps=at,
        losses=curve.losses[until],
        smoothed=curve.smoothed[until],
        snapshot_steps=np.array(seconds),
        unit="seconds of training",
    )


def loss_curve(
    history: History,
    snapshots: tuple[Snapshot, ...],
    vocabulary_size: int,
    changes: tuple[Change, ...] = (),
    lost: NDArray[np.float32] | None = None,
    from_start: bool = False,
    looks: tuple[tuple[int, float | None], ...] = (),
) -> LossCurve:
    """The record of a training's loss.

    The smoothed curve is an exponentially weighted mean with bias correction (a half-life of one fiftieth of the
    points), so that it starts where the losses start.

    Args:
        from_start: show every one of the first steps, for a logarithmic axis.
        looks: step and test loss, each time that it was asked for.
    """
    steps, losses = history.curve_from_start() if from_start else history.curve()
    halflife = max(2.0, len(losses) / 50)
    smoothed = pd.Series(losses, dtype=float).ewm(halflife=halflife).mean().to_numpy()
    dev = [np.nan if snapshot.dev is None else snapshot.dev for snapshot in snapshots]
    return LossCurve(
        steps,
        losses.astype(float),
        smoothed,
        np.array([snapshot.step for snapshot in snapshots], dtype=float),
        np.array([snapshot.train for snapshot in snapshots], dtype=float),
        np.array(dev, dtype=float),
        float(np.log(vocabulary_size)),
        changes,
        np.zeros(0) if lost is None else lost[np.isfinite(lost)].astype(float),
        tuple((step, loss) for step, loss in looks if loss is not None),
    )
