"""Training of classifiers: batch, minibatch and stochastic gradient descent, schedules, clipping, early stopping.

An epoch visits every training example once, in an order that depends only on the seed and the number of the epoch, so
that a run continues from its state bit for bit. Losses are in nats per example.

Dimensions: N examples, D features, K classes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lmcore.data import datasets
from lmcore.data.corpora import Split
from lmcore.data.datasets import Dataset
from lmcore.models.numpy_linear import BLOCK, LinearClassifier
from lmcore.models.numpy_mlp import MLPClassifier
from lmcore.training.checkpoint import WEIGHTS
from lmcore.training.clipping import clip_gradient
from lmcore.training.config import ClassifierRunConfig, ClassifierTrainConfig
from lmcore.training.history import Snapshot
from lmcore.training.remedies import Remedy, lower_rate, round_down, with_clipping
from lmcore.training.schedules import Patience, epoch_learning_rate
from lmcore.training.trainer import Arrays, Trainer

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Classifier: TypeAlias = LinearClassifier | MLPClassifier

RATE_CHANGED, CLIPPED, STOPPED = 0.0, 1.0, 2.0
"""Kinds of events: the schedule changed the learning rate, gradients were clipped, early stopping ended the run."""

MAX_EVENTS = 2000

MAX_FEATURE = 10.0
"""Absolute value of a feature above which it is blamed for a divergence."""


def epoch_order(seed: int, epoch: int, N: int) -> Ids:
    """The order of N examples in an epoch, shape (N,)."""
    return np.random.default_rng([seed, epoch]).permutation(N)


def early_stops(snapshots: Sequence[Snapshot]) -> list[int]:
    """The steps at which early stopping ended a run, which may have been resumed; none for a language model."""
    events = snapshots[-1].arrays.get("events", ()) if snapshots else ()
    return [int(last) for kind, _, last, _ in events if kind == STOPPED]


def steps_per_epoch(config: ClassifierTrainConfig, N: int) -> int:
    """Steps in which all N examples are seen once."""
    return {"batch": 1, "stochastic": N, "minibatch": math.ceil(N / config.batch_size)}[config.descent]


class ClassifierTrainer(Trainer):
    """Trains a classifier.

    Plateau and early stopping watch the dev loss after each epoch, or the mean training loss of the epoch where there
    is no dev split or the config says so.
    """

    MAX_SNAPSHOT_WEIGHTS = 400_000

    config: ClassifierRunConfig
    data: Dataset
    model: Classifier

    def _load_data(self) -> Dataset:
        return datasets.load(self.config.data)

    def _build(self) -> None:
        D, K = self.data.X_train.shape[1], len(self.data.classes)
        generator = np.random.default_rng(self.config.train.seed)
        self.model = self.network(self.config.model, D, K, generator, self.data.X_train.dtype)
        self.X, self.y = self.model.prepare(self.data.X_train), self.data.y_train
        self.epoch_loss = 0.0  # sum of the losses of the examples seen in this epoch
        self.plateau_decay = 1.0
        self.plateau, self.stopping = Patience(), Patience()
        self.order: tuple[int, Ids] = (-1, np.zeros(0, np.int64))  # an epoch, and the order of its examples
        # where the last block of `_stochastic_steps` began: examples seen, weights, epoch loss; its rate and threshold
        self.block = (0, self.model.theta[:0].copy(), 0.0, 0.0, math.inf)
        self.events: list[list[float]] = []  # kind, first step, last step, value

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.data.classes)

    @property
    def examples_per_step(self) -> int:
        """Examples that a full step learns from."""
        settings = self.config.train
        return {"batch": len(self.y), "stochastic": 1, "minibatch": settings.batch_size}[settings.descent]

    @property
    def watched(self) -> Split:
        """The split whose loss plateau and early stopping watch."""
        return "dev" if self.config.train.watch == "dev" and len(self.data.split("dev")[1]) else "train"

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return epoch_learning_rate(self.config.train, self.examples // len(self.y), self.plateau_decay)

    # ------------------------------------------------------------ steps

    def _prepare(self) -> None:
        """Nothing depends on the settings but each step itself."""

    def _take_steps(self, steps: int) -> NDArray[np.float32]:
        losses: list[float] = []
        with np.errstate(over="ignore", invalid="ignore"):
            while len(losses) < steps and not self.stop_reason:
                losses += self._steps_within_epoch(steps - len(losses), self.step + len(losses))
                if self.examples % len(self.y) == 0:
                    self._end_epoch(self.step + len(losses))
            return np.array(losses, np.float32)

    def _steps_within_epoch(self, steps: int, first: int) -> list[float]:
        """Take steps until that many are taken or the epoch is over; ``first`` steps were taken before."""
        settings, N, rate = self.config.train, len(self.y), self.learning_rate
        epoch, seen = divmod(self.examples, N)
        if settings.descent == "batch" and seen == 0:
            return [self._descend(self.X, self.y, rate, first + 1)]
        if settings.descent == "stochastic" and settings.clip != "value" and isinstance(self.model, LinearClassifier):
            return self._stochastic_steps(self.model, steps, first)
        rows = self._order(epoch)[seen:]
        size = self.examples_per_step
        batches = [rows[i : i + size] for i in range(0, size * steps, size) if i < len(rows)]
        return [self._descend(self.X[batch], self.y[batch], rate, first + i) for i, batch in enumerate(batches, 1)]

    def _descend(self, X: Floats, y: Ids, rate: float, step: int) -> float:
        """One step down the gradient over some examples."""
        settings = self.config.train
        loss, gradient = self.model.loss_and_gradient(X, y)
        if settings.clip != "none" and clip_gradient(gradient, settings.clip, settings.clip_threshold):
            self._log_clipping(step)
        gradient *= rate
        self.model.theta -= gradient
        self.examples += len(y)
        self.epoch_loss += loss * len(y)
        return loss

    def _order(self, epoch: int) -> Ids:
        """The order of the examples in an epoch, drawn once."""
        if self.order[0] != epoch:
            self.order = (epoch, epoch_order(self.config.train.seed, epoch, len(self.y)))
        return self.order[1]

    def _stochastic_steps(self, model: LinearClassifier, steps: int, first: int) -> list[float]:
        """Stochastic gradient descent of a linear model, the fast way (`numpy_linear.sgd`).

        Blocks are counted from the start of an epoch. A block that a pause interrupted is repeated as a whole from its
        beginning, so that pauses leave no trace in the last bits. A new learning rate or threshold begins a new block.
        """
        settings, N = self.config.train, len(self.y)
        threshold = settings.clip_threshold if settings.clip == "norm" else math.inf
        epoch, seen = divmod(self.examples, N)
        began, theta, epoch_loss, *constants = self.block
        if epoch * N <= began < self.examples < began + BLOCK and constants == [self.learning_rate, threshold]:
            model.theta[:], self.epoch_loss = theta, epoch_loss
        else:
            began = self.examples
        repeated = self.examples - began  # examples of the block whose steps were taken before
        rows = self._order(epoch)[seen - repeated : seen + steps]
        whole = len(rows) - len(rows) % BLOCK
        losses, clipped = self._stochastic_block(model, rows[:whole], threshold)
        self.block = (began + whole, model.theta.copy(), self.epoch_loss, self.learning_rate, threshold)
        more, more_clipped = self._stochastic_block(model, rows[whole:], threshold)
        for i in clipped + [whole + i for i in more_clipped]:
            if i >= repeated:
                self._log_clipping(first + 1 + i - repeated)
        self.examples += len(rows) - repeated
        return (losses + more)[repeated:]

    def _stochastic_block(self, model: LinearClassifier, rows: Ids, threshold: float) -> tuple[list[float], list[int]]:
        losses, clipped = model.sgd(self.X[rows], self.y[rows], [self.learning_rate] * len(rows), threshold)
        for loss in losses:  # one by one: a sum of sums would depend on where a pause cut
            self.epoch_loss += loss
        return losses, clipped

    def _recent_loss(self, losses: NDArray[np.float32]) -> float:
        """The mean over at most one epoch; single stochastic losses vary too much to say anything."""
        recent = losses[-len(self.y) :].astype(np.float64)
        too_few = self.config.train.descent == "stochastic" and len(recent) < 32
        return 0.0 if too_few else float(recent.mean())

    def remedy(self) -> Remedy:
        """The likely cause of a divergence, and settings with which the training does not diverge."""
        settings, rate = self.config.train, self.config.train.learning_rate
        largest = np.abs(self.data.X_train).max(0)  # (D,)
        name, size = self.data.features[largest.argmax()], float(largest.max())
        if not self.config.data.normalize and size > MAX_FEATURE:
            safe = self._safe_rate(float(self.data.X_train.shape[1]))
            cause = f"The features are not normalized: {name!r} reaches {size:,.6g}."
            return Remedy(cause, {"normalize": True} | ({"learning_rate": safe} if rate > safe else {}))
        safe = self._safe_rate(float((self.data.X_train**2).sum(1).mean()))
        if settings.clip == "none" and size > MAX_FEATURE and rate <= safe:
            cause = f"{name!r} has outliers, up to {size:.0f} standard deviations from its mean."
            return with_clipping(cause, "norm", 1.0, rate, safe)
        return lower_rate(rate, safe)

    @staticmethod
    def _safe_rate(squared_length: float) -> float:
        """A learning rate for examples of a mean squared length, bias excluded.

        Half of the mean squared length bounds the curvature of the loss of a linear classifier; gradient descent
        converges up to a rate of 2 / curvature.
        """
        return round_down(min(0.1, 2 / (1 + squared_length)))

    # ------------------------------------------------------------ schedule and early stopping

    def _end_epoch(self, step: int) -> None:
        """Let the schedule and early stopping look at the loss after an epoch that ended with a step."""
        settings, before = self.config.train, self.learning_rate
        loss, self.epoch_loss = self.epoch_loss / len(self.y), 0.0
        if not math.isfinite(loss):
            return
        if self.watched == "dev":
            loss = self.metrics("dev")["loss"]
        self.plateau.update(loss, settings.min_change)
        if settings.schedule == "plateau" and self.plateau.waited >= settings.patience:
            self.plateau_decay *= settings.factor
            self.plateau.waited = 0
        if self.learning_rate != before or self._decays_now():
            self._log(RATE_CHANGED, step, self.learning_rate)
        self.stopping.update(loss, settings.min_change)
        if settings.early_stopping and self.stopping.waited >= settings.stop_patience:
            self.stopping.waited = 0  # resuming grants the same patience again
            self._log(STOPPED, step, loss)
            self.stop_reason = (
                f"Early stopping at step {step:,}: in {settings.stop_patience} epochs the {self.watched} loss did not "
                f"improve by {settings.min_change:g} on {self.stopping.best:.4f} nats."
            )

    def _decays_now(self) -> bool:
        settings = self.config.train
        return settings.schedule == "step" and self.examples // len(self.y) % settings.decay_every == 0

    def _log(self, kind: float, step: int, value: float) -> None:
        if len(self.events) < MAX_EVENTS:
            self.events.append([kind, step, step, value])

    def _log_clipping(self, step: int) -> None:
        """Log that a step was clipped; steps within one hundredth of each other count as one stretch."""
        last = next((event for event in reversed(self.events) if event[0] == CLIPPED), None)
        if last is not None and step - last[2] <= max(1, step // 100):
            last[2] = step
            last[3] += 1
        else:
            self._log(CLIPPED, step, 1.0)

    # ------------------------------------------------------------ evaluation and state

    def metrics(self, split: Split, max_examples: int | None = None) -> dict[str, float]:
        """Loss (nats per example) and accuracy on the first ``max_examples`` examples of a split."""
        X, y = self.data.split(split)
        X, y = X[:max_examples], y[:max_examples]
        if len(y) == 0:
            return {}
        log_p = self.model.log_probabilities(self.model.prepare(X))  # (N, K)
        loss = -float(log_p[np.arange(len(y)), y].mean(dtype=np.float64))
        return {"loss": loss, "accuracy": float((log_p.argmax(1) == y).mean())}

    def _record(self) -> Arrays:
        return {"events": self._event_array(), "learning_rate": np.array([self.learning_rate])}

    def _event_array(self) -> NDArray[np.float64]:
        return np.array(self.events, np.float64).reshape(-1, 4)

    def _state(self) -> Arrays:
        began, theta, *block = self.block
        patience = [*vars(self.plateau).values(), *vars(self.stopping).values()]
        return {
            "events": self._event_array(),
            "epoch_loss": np.array(self.epoch_loss),
            "plateau_decay": np.array(self.plateau_decay),
            "patience": np.array(patience, np.float64),
            "block": np.array([began, *block]),
            "block/" + WEIGHTS: theta,
        }

    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.events = state["events"].tolist()
        self.epoch_loss, self.plateau_decay = float(state["epoch_loss"]), float(state["plateau_decay"])
        best, waited, stop_best, stop_waited = state["patience"].tolist()
        self.plateau, self.stopping = Patience(best, int(waited)), Patience(stop_best, int(stop_waited))
        began, epoch_loss, rate, threshold = state["block"].tolist()
        self.block = (int(began), state["block/" + WEIGHTS].copy(), epoch_loss, rate, threshold)
        self.order = (-1, np.zeros(0, np.int64))  # the seed may have changed
