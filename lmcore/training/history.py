"""What a run remembers, as plain data: the loss of its steps, its snapshots, and its changes of settings."""

import copy
import functools
import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from lmcore.data.corpora import Split
from lmcore.training.checkpoint import WEIGHTS

Floats = NDArray[np.float64]

MAX_WEIGHTS_IN_ALL_SNAPSHOTS = 150_000
"""Largest model, in weights, whose snapshots all keep their weights; of a larger one, only the last snapshot does."""


def metric_name(name: str, split: Split) -> str:
    """The key of a metric in `Snapshot.metrics`, as in "dev/loss"."""
    return f"{split}/{name}"


def stored_metrics(record: Mapping[str, float | None]) -> dict[str, float]:
    """Metrics as a file has them; null stands for a number that was not finite."""
    return {name: math.nan if value is None else value for name, value in record.items()}


FEW_SNAPSHOTS = 40
"""As many snapshots each run may keep, whatever their size."""

MAX_SNAPSHOTS, MAX_SNAPSHOT_BYTES = 400, 6_000_000
"""More snapshots than `FEW_SNAPSHOTS` a run keeps as long as they are no more than this, and no larger in all."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A small record of the model at one step. Equal only to itself, so that it can be the key of a cache."""

    step: int
    metrics: dict[str, float]  # by `metric_name`; losses in nats per character or per example
    samples: tuple[str, ...] = ()
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)  # what pictures need, by name
    examples: int = 0  # examples (characters, for a language model) learned from until this step, repeats included
    wall_seconds: float = 0.0  # of training until this step
    cpu_seconds: float = 0.0  # of training until this step, evaluation excluded
    state: dict[str, NDArray[Any]] = field(default_factory=dict)  # the trainer's state dict; empty where it is not kept

    def metric(self, name: str, split: Split) -> float | None:
        """A metric on a split; None if it was not measured."""
        return self.metrics.get(metric_name(name, split))

    @overload
    def loss(self, split: Literal["train"]) -> float: ...
    @overload
    def loss(self, split: Split) -> float | None: ...
    def loss(self, split: Split) -> float | None:
        """The mean loss on a split (on a part of it, unless the run has ended); None if the split is empty.

        The train split is never empty; its loss is nan if it was not measured.
        """
        return self.metrics.get(metric_name("loss", split), math.nan if split == "train" else None)

    @functools.cached_property
    def nbytes(self) -> int:
        """Bytes of all its arrays; those that the state shares count once."""
        return sum({id(array): array.nbytes for array in (*self.arrays.values(), *self.state.values())}.values())

    def without_weights(self) -> "Snapshot":
        """The same snapshot without the model's weights; itself if it has none."""
        kept = {name: array for name, array in self.arrays.items() if not name.endswith(WEIGHTS)}
        return self if len(kept) == len(self.arrays) else replace(self, arrays=kept)


def append_snapshots(
    snapshots: list[Snapshot], new: list[Snapshot], n_parameters: int, important: Container[int] = ()
) -> list[Snapshot]:
    """The snapshots of a run with new ones appended, in bounded memory.

    Of a large model, only the last one keeps its weights. Where there are too many, every second one goes, as in a
    `History` whose buckets are all in use: first those at odd multiples of the steps between two evaluations, then at
    odd multiples of twice as many, so that other runs still have snapshots at the same steps. The first one, those at
    1, 2, 5, 10, 20, 50, ... steps and the last one stay.

    Args:
        snapshots: so far.
        new: of later steps.
        n_parameters: of the model.
        important: steps whose snapshots stay, too.
    """
    snapshots = snapshots + new
    if n_parameters > MAX_WEIGHTS_IN_ALL_SNAPSHOTS:
        snapshots = [snapshot.without_weights() for snapshot in snapshots[:-1]] + snapshots[-1:]
    while _are_too_many(snapshots):
        powers = {
            one.step: one.step & -one.step
            for one in snapshots[:-1]
            if not (_is_round(one.step) or one.step in important)
        }
        if not powers:
            break
        lowest = min(powers.values())
        snapshots = [snapshot for snapshot in snapshots if powers.get(snapshot.step) != lowest]
    return snapshots


def _are_too_many(snapshots: list[Snapshot]) -> bool:
    if len(snapshots) <= FEW_SNAPSHOTS:
        return False
    return len(snapshots) > MAX_SNAPSHOTS or sum(snapshot.nbytes for snapshot in snapshots) > MAX_SNAPSHOT_BYTES


def _is_round(step: int) -> bool:
    """Whether a step is 0, or 1, 2 or 5 times a power of ten."""
    return str(step).rstrip("0") in ("", "1", "2", "5")


@dataclass(frozen=True)
class Change:
    """Training settings that changed at a step, effective from the next step on."""

    step: int
    settings: dict[str, Any]


@dataclass(frozen=True)
class TestEvaluation:
    """Metrics on the whole test split, measured because somebody asked for them."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    step: int
    metrics: dict[str, float]  # by name, as in "loss"; empty if the split is empty

    @property
    def loss(self) -> float | None:
        """Mean loss on the test split; None if the split is empty."""
        return self.metrics.get("loss")


class History:
    """The loss of every step in little memory: the first steps exactly, then the means of equally wide buckets.

    When all buckets are in use, neighbors merge and the width doubles.
    """

    HEAD = 1000
    BUCKETS = 500

    def __init__(self) -> None:
        self.head = np.zeros(0, dtype=np.float32)  # losses of the first HEAD steps
        self.sums = np.zeros(0, dtype=np.float64)  # sum of the losses in each bucket
        self.width = 1  # steps per bucket
        self.steps = 0
        self.ratio_steps = np.zeros(0, dtype=np.int64)
        self.ratios = np.zeros((0, 0, 2), dtype=np.float32)  # `Trainer.pop_update_ratios`
        self.marks = np.zeros((0, 2))  # steps where the history can be cut, and the sum of all losses before each

    def add(self, losses: NDArray[np.float32]) -> None:
        """Append the losses of the next steps."""
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

    def add_update_ratios(self, steps: NDArray[np.int64], ratios: NDArray[np.float32]) -> None:
        """Append relative sizes of gradients and updates, shape (R, P, 2), at some of the next steps."""
        if len(steps) == 0:
            return
        self.ratio_steps = np.concatenate([self.ratio_steps, steps])
        self.ratios = np.concatenate([self.ratios, ratios]) if len(self.ratios) else ratios

    def mark(self) -> None:
        """Allow the history to be cut at the present step, whose bucket may not be full."""
        self.marks = np.append(self.marks, [[self.steps, self.sums.sum()]], axis=0)

    def keep_marks(self, steps: Iterable[int]) -> None:
        """Forget the marks at all other steps."""
        self.marks = self.marks[np.isin(self.marks[:, 0], list(steps))]

    def until(self, step: int) -> "History":
        """The history as it was at a marked step, in buckets as wide as now; the last bucket may be partly filled.

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
        """Like `curve`, but with every one of the first steps: for a logarithmic axis."""
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
        history.marks = arrays["marks"]
        history.width, history.steps = (int(number) for number in arrays["shape"])
        return history
