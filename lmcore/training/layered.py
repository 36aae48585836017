"""Training of models made of layers, whose backward pass is explicit. Losses are in nats per character.

Dimensions: N examples, B examples per step, T characters of context, V characters in the vocabulary, P matrices.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data.corpora import Contexts, Ids, Split
from lmcore.errors import UserError
from lmcore.generation.reader import WindowReader
from lmcore.nn.containers import Sequential
from lmcore.nn.losses import cross_entropy, cross_entropy_from_counts
from lmcore.training.checkpoint import OPTIMIZER, STATISTICS, WEIGHTS, add_prefix, strip_prefix
from lmcore.training.clipping import clip_gradient
from lmcore.training.language_model import LanguageModelTrainer
from lmcore.training.optimizers import ChosenOptimizer, l2_factors
from lmcore.training.remedies import Remedy, round_down, safe_rate
from lmcore.training.trainer import NO_UPDATE_RATIOS, Arrays, UpdateRatios

Floats = NDArray[np.floating[Any]]

MAX_EMBEDDED_CHARACTERS = 200
"""Characters whose embeddings a snapshot keeps."""


@dataclass(frozen=True)
class _EvaluationMode:
    """A model that answers in evaluation mode, and trains on unaffected.

    Layers reuse their buffers, so only one thread at a time may ask, and the answer is a copy.
    """

    model: Sequential
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with self.lock, self.model.evaluation_mode(), np.errstate(all="ignore"):
            return torch.from_numpy(self.model.forward(x.numpy()).copy())

    def __reduce__(self) -> tuple[Any, ...]:
        return _EvaluationMode, (self.model,)


class LayeredTrainer(LanguageModelTrainer):
    """Trains a model that sees a window of characters, by minibatch or full-batch gradient descent.

    The generator, seeded by the config, draws the initial weights first and then each minibatch.
    """

    model: Sequential

    def _build(self) -> None:
        settings = self.config.train
        self.context: int = self.config.model.context  # type: ignore[union-attr]
        if settings.full_batch and self.context > 1:
            raise UserError(
                "Full-batch training is for models with a context of 1. Turn it off, or choose neural-bigram."
            )
        train = self.data.windows("train", self.context)
        self.X: Contexts | Ids = train.X  # (N, T)
        self.Y: Ids = train.Y  # (N,)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.model = self.network(self.config.model, len(self.data.vocabulary), self.generator)
        self.optimizer = ChosenOptimizer(self.model.theta)
        self.update_ratios: list[tuple[int, NDArray[np.float32]]] = []  # since the last `pop_update_ratios`

    @property
    def examples_per_step(self) -> int:
        """Examples in a batch."""
        return len(self.X) if self.config.train.full_batch else self.config.train.batch_size

    @property
    def work_per_step(self) -> int:
        """Weights × examples; a full batch works on the V × V counts of pairs, however many examples there are."""
        return self.n_parameters if self.config.train.full_batch else super().work_per_step

    @property
    def reader(self) -> WindowReader:
        """The model in evaluation mode, as a reader of texts."""
        return WindowReader(_EvaluationMode(self.model), self.context)

    # ------------------------------------------------------------ steps

    def _prepare(self) -> None:
        settings = self.config.train
        if self.model.has_batch_norm and settings.batch_size < 2:
            raise UserError("Batch normalization needs a batch size of at least 2: a single example has no variance.")
        self.l2_factors = l2_factors(settings, self.model)
        self.optimizer.configure(settings)

    def _learn(self, rates: Sequence[float]) -> NDArray[np.float32]:
        with np.errstate(all="ignore"):  # a divergence is found by its losses and weights
            return self._learn_from_counts(rates) if self.config.train.full_batch else self._learn_from_batches(rates)

    def draw_batches(self, steps: int) -> NDArray[np.int64]:
        """Draw the examples of the next steps, shape (steps, B). Every call draws new ones."""
        settings = self.config.train
        if settings.one_batch:
            own = torch.Generator().manual_seed(settings.seed)
            return torch.randint(0, len(self.X), (1, settings.batch_size), generator=own).expand(steps, -1).numpy()
        return torch.randint(0, len(self.X), (steps, settings.batch_size), generator=self.generator).numpy()

    def training_examples(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The contexts and next characters of some training examples: rows (...) to (..., T) and (...)."""
        return self.X[rows].astype(np.int64), self.Y[rows].astype(np.int64)

    def _learn_from_batches(self, rates: Sequence[float]) -> NDArray[np.float32]:
        # draw all minibatches of the block at once
        rows = self.draw_batches(len(rates))
        X, Y = self.training_examples(rows)  # (steps, B, T), (steps, B)
        log_p = np.empty(Y.shape, self.model.theta.dtype)
        measured = update_ratio_steps(self.step, len(rates))
        for step, (x, y, log_p_of_step, rate) in enumerate(zip(X, Y, log_p, rates, strict=True), self.step + 1):
            # forward, loss, backward, update
            logits = self.model.forward(x)  # (B, V)
            log_p_of_step[:], grad_logits = cross_entropy(logits, y)
            self._update(grad_logits, rate, step, step in measured)
        self.examples += len(rates) * self.examples_per_step
        losses: NDArray[np.float32] = -log_p.mean(1).astype(np.float32)
        return losses

    @functools.cached_property
    def _pair_shares(self) -> Floats:
        """The share of each pair of characters among all examples, shape (V, V)."""
        V = len(self.data.vocabulary)
        counts = np.bincount(self.X[:].reshape(-1) * V + self.Y, minlength=V * V).reshape(V, V)
        share: Floats = (counts / counts.sum()).astype(self.model.theta.dtype)
        return share

    def _learn_from_counts(self, rates: Sequence[float]) -> NDArray[np.float32]:
        """Full-batch steps of a model with a context of 1: V × V work per step, however long the text.

        The mean loss over all examples depends only on the counts of pairs, and so does its gradient.
        """
        every, share = np.arange(len(self.data.vocabulary))[:, None], self._pair_shares  # (V, 1), (V, V)
        losses = np.empty(len(rates), dtype=np.float32)
        measured = update_ratio_steps(self.step, len(rates))
        for i, rate in enumerate(rates):
            losses[i], grad_logits = cross_entropy_from_counts(self.model.forward(every), share)
            step = self.step + 1 + i
            self._update(grad_logits, rate, step, step in measured)
        self.examples += len(rates) * self.examples_per_step
        return losses

    def _update(self, grad_logits: Floats, rate: float, step: int, measure: bool) -> None:
        """One step down the gradient; if asked to, measure how large it is."""
        if not measure:
            self._descend(grad_logits, rate)
            return
        before = self.model.theta.copy()
        self._descend(grad_logits, rate)
        self.update_ratios.append((step, _update_ratios(self.model, before)))

    def _descend(self, grad_logits: Floats, rate: float) -> None:
        model, settings = self.model, self.config.train
        model.backward(grad_logits)
        if self.l2_factors is not None:
            model.grad += model.theta * self.l2_factors
        if settings.clip != "none":
            clip_gradient(model.grad, settings.clip, settings.clip_threshold)
        self.optimizer.step(model.grad, rate)

    def pop_update_ratios(self) -> UpdateRatios:
        """Relative sizes of gradients and updates since the last call.

        Returns:
            The steps, shape (R,), those of `update_ratio_steps`; and, shape (R, P, 2) for the P matrices of the model
            (`Sequential.matrices`), the standard deviation of the gradient and of the update, each divided by that of
            the weights.
        """
        if not self.update_ratios:
            return NO_UPDATE_RATIOS
        steps = np.array([step for step, _ in self.update_ratios], dtype=np.int64)
        values = np.stack([ratios for _, ratios in self.update_ratios])
        self.update_ratios = []
        return steps, values

    def remedy(self) -> Remedy:
        """The likely cause of a divergence, and settings with which the training does not diverge."""
        settings, lower = self.config.train, super().remedy()
        smallest = min(self.model.parameters[name].size for name in self.model.matrices)
        divisor = smallest if settings.l2_reduction == "mean" else 1
        if settings.learning_rate * settings.l2 * 2 / divisor > 1:
            cause = f"The L2 penalty of {settings.l2:g} overshoots at this learning rate."
            rate = min(settings.learning_rate, safe_rate(settings.optimizer))
            lower_penalty = {"l2": round_down(min(settings.l2 / 100, 0.01 * divisor / rate))}
            return Remedy(cause, lower_penalty | ({"learning_rate": rate} if rate < settings.learning_rate else {}))
        if not np.isfinite(self.first_loss):
            return Remedy("The initial weights are already too large.", alternative="another initialization")
        if self.first_loss > 1.5 * self.guessing_loss:
            cause = f"The first loss of {self.first_loss:.3g} is far above guessing: the initial weights are too large."
            return Remedy(cause, lower.settings, "smaller ones")
        return lower

    # ------------------------------------------------------------ evaluation

    def metrics(self, split: Split, max_examples: int | None = None) -> dict[str, float]:
        """The mean loss on a split, in nats per character, on at most ``max_examples`` evenly spaced examples."""
        X, Y = (self.X, self.Y) if split == "train" else self.data.windows(split, self.context)
        if len(X) == 0:
            return {}
        rows = np.arange(len(X))
        if max_examples is not None and max_examples < len(X):
            rows = torch.linspace(0, len(X) - 1, max_examples).long().numpy()
        total = 0.0
        with self.model.evaluation_mode(), np.errstate(all="ignore"):
            for begin in range(0, len(rows), 4096):
                x, y = (array[rows[begin : begin + 4096]].astype(np.int64) for array in (X, Y))
                total -= float(cross_entropy(self.model.forward(x), y).log_probabilities.sum(dtype=np.float64))
        return {"loss": total / len(rows)}

    def _next_logits(self, ids: NDArray[np.int64]) -> torch.Tensor:
        contexts = np.zeros((len(ids), self.context), np.int64)
        contexts[:, -1] = ids
        return _EvaluationMode(self.model).forward(torch.from_numpy(contexts))

    # ------------------------------------------------------------ state

    def _record(self) -> Arrays:
        record = super()._record()
        if (embedding := self.model.parameters.get("embedding.weight")) is not None:
            record["embedding"] = embedding[self.data.most_frequent(MAX_EMBEDDED_CHARACTERS)].astype(np.float32)
        return record

    def _snapshot_weights(self) -> Arrays:
        return {WEIGHTS: self.weights} | add_prefix(STATISTICS, self.model.statistics)

    def _state(self) -> Arrays:
        return (
            add_prefix(STATISTICS, self.model.statistics)
            | {"generator": self.generator.get_state().numpy()}
            | add_prefix(OPTIMIZER, self.optimizer.state_dict())
        )

    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.optimizer.load_state_dict(strip_prefix(OPTIMIZER, state))
        self.generator.set_state(torch.from_numpy(state["generator"]))

    def load_weights(self, arrays: Mapping[str, NDArray[Any]], which: str = "") -> None:
        """Restore the weights and the running statistics of batch normalization."""
        super().load_weights(arrays, which)
        for name, array in strip_prefix(STATISTICS, arrays).items():
            self.model.statistics[name][:] = array


def update_ratio_steps(first: int, count: int) -> set[int]:
    """Of the ``count`` steps after ``first``, 45 per power of ten: 1 to 10, 12, 14, ... 98, 100, 120, ... 980..."""
    return set(_update_ratio_steps(first, first + count))


def _update_ratio_steps(step: int, last: int) -> Iterator[int]:
    while True:
        unit = 1 if step < 10 else 2 * 10 ** (len(str(step)) - 2)
        step = (step // unit + 1) * unit
        if step > last:
            return
        yield step


def _standard_deviation(values: Floats) -> Floats:
    """The unbiased standard deviation of a vector; a third of the time of ``values.std(ddof=1)``."""
    centered = values - np.add.reduce(values) / len(values)
    deviation: Floats = np.sqrt(np.dot(centered, centered) / (len(values) - 1))
    return deviation


def _update_ratios(model: Sequential, before: Floats) -> NDArray[np.float32]:
    """Standard deviations of gradient and update, each divided by that of the weights, shape (P, 2)."""
    vectors = (before, model.grad, model.theta - before)
    spreads = [[_standard_deviation(vector[where]) for vector in vectors] for where in model.matrices.values()]
    weights, *changes = np.array(spreads, np.float32).reshape(-1, 3).T
    return np.stack(changes, 1) / weights[:, None]
