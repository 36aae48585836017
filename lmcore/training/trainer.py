"""The base of all trainers: the loop, divergence, the work limit, state and snapshots.

A trainer owns a model, its data and its random generator: everything that a step needs, and nothing that a picture
needs. A subclass says how the model is built, how steps are taken, and how a loss is evaluated.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.data.corpora import Split
from lmcore.errors import UserError
from lmcore.generation.sampling import SampleConfig
from lmcore.training.checkpoint import WEIGHTS
from lmcore.training.config import BaseRunConfig
from lmcore.training.history import MAX_WEIGHTS_IN_ALL_SNAPSHOTS, Snapshot, metric_name
from lmcore.training.remedies import Remedy, lower_rate, safe_rate, with_clipping

Arrays = dict[str, NDArray[Any]]
Network = Callable[..., Any]
"""Builds a model with its initial weights from a config, sizes and a generator."""

UpdateRatios = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Steps, shape (R,), and relative sizes of gradients and updates, shape (R, P, 2)."""

MAX_EVALUATION_EXAMPLES = 5_000
"""Train and dev losses of a running run are means over at most this many examples; those at its end, over all."""

NO_UPDATE_RATIOS: UpdateRatios = (np.zeros(0, np.int64), np.zeros((0, 0, 2), np.float32))


class DivergedError(Exception):
    """The loss or a weight is no longer finite, or the loss rose far above its first value."""

    def __init__(self, message: str, losses: NDArray[np.float32]) -> None:
        super().__init__(message)
        self.losses = losses  # of the block of steps in which it happened

    def __reduce__(self) -> tuple[Any, ...]:
        """How it travels from a worker to the server."""
        return type(self), (str(self), self.losses)


def find_weights(arrays: Mapping[str, NDArray[Any]], n_parameters: int, which: str = "") -> NDArray[Any]:
    """The weights in a state dict, or in a snapshot that keeps them, shape (n_parameters,).

    Args:
        arrays: by name.
        n_parameters: of the model.
        which: "" for the weights after the step, `checkpoint.BEST` for the best ones of a recurrent network.

    Raises:
        UserError: if there are none, or they belong to a model of another size.
    """
    weights = arrays.get(which + WEIGHTS)
    if weights is None:
        raise UserError("This snapshot has no weights. Choose the last snapshot, or a smaller model.")
    if weights.shape != (n_parameters,):
        raise UserError(
            f"The checkpoint has {weights.size:,} weights, but this model has {n_parameters:,}. The data or the "
            "settings have changed; start a new run."
        )
    return weights


@dataclass(frozen=True, eq=False)
class SliceReport:
    """What happened while a trainer was given a slice of time."""

    step: int  # steps taken in all
    n_parameters: int
    losses: NDArray[np.float32]  # of each step of the slice
    snapshots: list[Snapshot]  # their clocks count from the beginning of the slice
    update_ratios: UpdateRatios
    wall_seconds: float
    cpu_seconds: float  # evaluation excluded
    diverged: str = ""  # why, and what to do; the trainer's weights are then useless
    stopped: str = ""  # why the trainer ended before its last step


class Trainer(ABC):
    """Trains one model.

    Args:
        config: the run's.
        network: builds the model.
        data: what the model learns from; loaded as the config says if None.

    Raises:
        UserError: if the data cannot be loaded or do not suit the model, or a step would be too much work.
    """

    MAX_WORK = 2_000_000_000  # weights × examples per step: about a second on one core
    MAX_SNAPSHOT_WEIGHTS = 2_000_000  # the last snapshot of a larger model has no weights
    MAX_EXAMPLES_AT_END: int | None = None  # in the evaluation at the end of a run

    config: Any
    model: Any

    def __init__(self, config: BaseRunConfig, network: Network, data: Any = None) -> None:
        self.config, self.network = config, network
        self.data = self._load_data() if data is None else data
        self.reset()

    def reset(self) -> None:
        """Go back to step 0, with the same initial weights."""
        self.step, self.examples = 0, 0
        self.first_loss = math.nan
        self.stop_reason = ""  # why training ended before its last step
        self._build()
        self._check_work()

    # ------------------------------------------------------------ what a subclass says

    @abstractmethod
    def _load_data(self) -> Any:
        """Load what the config names."""

    @abstractmethod
    def _build(self) -> None:
        """Build the model with its initial weights, and everything else that a step needs."""

    @abstractmethod
    def _prepare(self) -> None:
        """Apply settings that may have changed since the last steps."""

    @abstractmethod
    def _take_steps(self, steps: int) -> NDArray[np.float32]:
        """Take steps and return the loss of each before its update; fewer than asked only with a `stop_reason`."""

    @abstractmethod
    def metrics(self, split: Split, max_examples: int | None = None) -> dict[str, float]:
        """Metrics on a split, by name, as in {"loss": 2.1}; empty if the split is empty.

        Args:
            split: "train", "dev" or "test".
            max_examples: evaluate on at most this many; on all if None.
        """

    @abstractmethod
    def _state(self) -> Arrays:
        """What the next step depends on, beside `step`, `examples` and `first_loss`."""

    @abstractmethod
    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore what `_state` returned."""

    @abstractmethod
    def _record(self) -> Arrays:
        """The arrays of a snapshot, the weights excluded."""

    @property
    @abstractmethod
    def n_classes(self) -> int:
        """Characters in the vocabulary, or classes."""

    @property
    @abstractmethod
    def examples_per_step(self) -> int:
        """Examples (characters, for a language model) that one step learns from."""

    def _samples(self) -> tuple[str, ...]:
        """Texts drawn from the model; none for a classifier."""
        return ()

    def sample(self, config: SampleConfig) -> list[str]:
        """Texts drawn from a language model.

        Raises:
            UserError: for a classifier, or if the prefix has characters that are not in the vocabulary.
        """
        raise UserError(f"A {self.config.family} does not write text. Choose a run of a language model.")

    def pop_update_ratios(self) -> UpdateRatios:
        """Relative sizes of gradients and updates since the last call; empty for models that do not measure them."""
        return NO_UPDATE_RATIOS

    def evaluate(self, split: Split, max_examples: int | None = None) -> float | None:
        """The mean loss on a split, in nats; None if the split is empty. Arguments as for `metrics`."""
        return self.metrics(split, max_examples).get("loss")

    # ------------------------------------------------------------ steps

    @property
    def weights(self) -> NDArray[Any]:
        """All weights in one vector, shape (P,); a view."""
        return np.asarray(self.model.theta)

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters."""
        return len(self.weights)

    @property
    def guessing_loss(self) -> float:
        """The loss of guessing uniformly, in nats."""
        return math.log(self.n_classes)

    def train(self, steps: int) -> NDArray[np.float32]:
        """Take up to ``steps`` steps and return the loss of each, before its update.

        There are fewer only where early stopping ended the training; `stop_reason` then says so.

        Raises:
            DivergedError: if the training diverged; the weights are then useless.
            UserError: if the settings do not allow a step.
        """
        return self._run(lambda: self._take_steps(steps))

    def _run(self, take_steps: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        self.stop_reason = ""
        self._check_work()
        self._prepare()
        losses = take_steps()
        self._check_divergence(losses)
        self.step += len(losses)
        return losses

    @property
    def work_per_step(self) -> int:
        """Weights × examples that one step multiplies."""
        return self.n_parameters * self.examples_per_step

    def _check_work(self) -> None:
        if self.work_per_step > self.MAX_WORK:
            raise UserError(
                f"One step would multiply {self.n_parameters:,} weights by {self.examples_per_step:,} examples, "
                f"{self.work_per_step / self.MAX_WORK:.1f} times the limit. Choose a smaller model or a smaller batch."
            )

    def _check_divergence(self, losses: NDArray[np.float32]) -> None:
        if math.isnan(self.first_loss):
            self.first_loss = float(losses[0])
        infinite = np.flatnonzero(~np.isfinite(losses))
        if len(infinite) or not np.isfinite(self.weights).all():
            step = self.step + int(infinite[0] if len(infinite) else len(losses) - 1)
            what = "is no longer a finite number"
        elif (loss := self._recent_loss(losses)) > 5 * max(self.first_loss, self.guessing_loss):
            step, what = self.step, f"rose to {loss:.3g} nats, from {self.first_loss:.3g} at the start"
        else:
            return
        raise DivergedError(f"Training diverged at step {step:,}: the loss {what}. {self.remedy()}", losses)

    def _recent_loss(self, losses: NDArray[np.float32]) -> float:
        """The mean loss that decides whether the training diverges."""
        return float(losses.mean())

    def remedy(self) -> Remedy:
        """The likely cause of a divergence, and settings with which the training does not diverge."""
        settings = self.config.train
        rate, safe = settings.learning_rate, safe_rate(getattr(settings, "optimizer", "sgd"))
        if rate <= safe and settings.clip == "none":
            return with_clipping("Single gradients are too large.", "norm", 1.0, rate, safe)
        return lower_rate(rate, safe)

    # ------------------------------------------------------------ state and snapshots

    def state_dict(self) -> Arrays:
        """Everything that the next step depends on."""
        numbers = {name: np.array(getattr(self, name)) for name in ("step", "examples", "first_loss")}
        return {WEIGHTS: self.weights} | self._state() | numbers

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a `state_dict`.

        Raises:
            UserError: if it belongs to a model of another shape.
        """
        self.load_weights(state)
        self._load_state(state)
        self.step, self.examples = int(state["step"]), int(state["examples"])
        self.first_loss = float(state["first_loss"])

    def load_weights(self, arrays: Mapping[str, NDArray[Any]], which: str = "") -> None:
        """Restore the weights of a state dict, or of a snapshot that keeps them.

        Args:
            arrays: by name.
            which: "" for the weights after the step, `checkpoint.BEST` for the best ones of a recurrent network.

        Raises:
            UserError: if there are none, or they belong to a model of another shape.
        """
        weights = find_weights(arrays, self.n_parameters, which)
        if weights.dtype != self.weights.dtype:
            raise UserError(f"The checkpoint's weights are {weights.dtype}, but this model's are {self.weights.dtype}.")
        self.weights[:] = weights

    def snapshot(self) -> Snapshot:
        """The record of this step, with train and dev metrics."""
        limit = self.MAX_EXAMPLES_AT_END if self.step == self.config.train.steps else MAX_EVALUATION_EXAMPLES
        splits: tuple[Split, ...] = ("train", "dev")
        metrics = {
            metric_name(name, split): value for split in splits for name, value in self.metrics(split, limit).items()
        }
        arrays = self._record()
        if self.n_parameters <= self.MAX_SNAPSHOT_WEIGHTS:
            arrays |= {name: array.copy() for name, array in self._snapshot_weights().items()}
        return Snapshot(self.step, metrics, self._samples(), arrays, examples=self.examples)

    def _snapshot_weights(self) -> Arrays:
        return {WEIGHTS: self.weights}

    def _resumable_snapshot(self) -> Snapshot:
        """A snapshot with the state dict to continue from, if the model is small enough to keep it every time.

        Beside the weights, which are kept once, that is the generator (5 kB) and the moments of the optimizer (none for
        SGD, twice the weights for Adam). A fork then begins at once, instead of training again from the start.
        """
        snapshot = self.snapshot()
        if self.n_parameters > MAX_WEIGHTS_IN_ALL_SNAPSHOTS:
            return snapshot
        kept = snapshot.arrays
        state = {
            name: kept[name] if name in kept and _is_same(kept[name], array) else array.copy()
            for name, array in self.state_dict().items()
        }
        return replace(snapshot, state=state)

    # ------------------------------------------------------------ the loop

    def train_for(
        self, seconds: float, clock: Callable[[], float] = time.perf_counter, until: int | None = None
    ) -> SliceReport:
        """Train for some time, taking the snapshots that are due.

        At least one block of steps is taken, at most up to the end of the budget. The numbers do not depend on how time
        is cut into slices: minibatches are drawn in blocks, but from one stream.

        Args:
            seconds: on the given clock.
            clock: with `time.thread_time`, runs that share a busy core get the same number of steps.
            until: a step to stop at, if before the last.
        """
        end = self.config.train.steps if until is None else min(until, self.config.train.steps)
        every = self.config.train.evaluate_every
        began, wall_began, self.stop_reason = clock(), time.perf_counter(), ""
        losses: list[NDArray[np.float32]] = []
        snapshots = [self._resumable_snapshot()] if self.step == 0 else []
        diverged, cpu_seconds, block = "", 0.0, 1
        while self.step < end and not self.stop_reason and (not losses or clock() - began < seconds):
            block_began = clock()
            try:
                losses.append(self.train(min(block, next_snapshot_step(self.step, every) - self.step, end - self.step)))
            except DivergedError as error:
                losses.append(error.losses)
                diverged = str(error)
                break
            took = clock() - block_began
            cpu_seconds += took
            block = _next_block(len(losses[-1]), took)
            if is_snapshot_step(self.step, every) or self.step == end or self.stop_reason:
                wall_seconds = time.perf_counter() - wall_began
                snapshots.append(
                    replace(self._resumable_snapshot(), wall_seconds=wall_seconds, cpu_seconds=cpu_seconds)
                )
        return SliceReport(
            step=self.step,
            n_parameters=self.n_parameters,
            losses=np.concatenate([np.zeros(0, np.float32), *losses]),
            snapshots=snapshots,
            update_ratios=self.pop_update_ratios(),
            wall_seconds=time.perf_counter() - wall_began,
            cpu_seconds=cpu_seconds,
            diverged=diverged,
            stopped=self.stop_reason,
        )


def is_snapshot_step(step: int, every: int) -> bool:
    """Whether a snapshot is due: at 0, 1, 2, 5, 10, 20, 50... and at every multiple of ``every``."""
    return step == 0 or step % every == 0 or str(step).rstrip("0") in ("1", "2", "5")


def next_snapshot_step(step: int, every: int) -> int:
    """The first snapshot step after ``step``."""
    decade = 10 ** (len(str(step)) - 1)
    candidates = [factor * decade for factor in (1, 2, 5, 10)] + [(step // every + 1) * every]
    return min(int(candidate) for candidate in candidates if candidate > step)


def _is_same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other)


def _next_block(steps: int, seconds: float, target: float = 0.02) -> int:
    """Steps that take about 20 ms: few enough to stop in time, enough to draw minibatches cheaply."""
    return max(1, min(256, int(steps * target / max(seconds, 1e-6))))
