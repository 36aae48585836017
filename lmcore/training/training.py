"""Training: the loss, the loop, and what it remembers.

Losses are in nats per character. Dimensions: N examples, B examples a step, T characters of context, V vocabulary.
"""

import functools
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore import models
from lmcore.config import LIVE, Config, Field, PaceConfig, TaskConfig
from lmcore.data import corpora
from lmcore.data.corpora import Corpus, CorpusConfig, Split
from lmcore.errors import UserError
from lmcore.generation.sampling import SampleConfig, WindowReader, sample
from lmcore.models import REGISTRY, ModelConfig, RecurrentConfig, RNNConfig
from lmcore.models.mlp import MLPConfig
from lmcore.nn.layers import Sequential
from lmcore.training.history import MAX_KEPT_ALWAYS, WEIGHTS, Snapshot, under

EVALUATION_EXAMPLES = 5_000
"""Live train and dev losses are means over so many examples at most, evenly spaced; those at the end over all."""


MAX_SHOWN = 40
"""Characters in the picture of what the model expects next."""

MAX_EMBEDDED = 200
"""Characters whose embeddings a snapshot keeps."""

MAX_KEPT = 2_000_000
"""Weights of a model whose last snapshot keeps them, to look inside; smaller ones keep them in all (`history`)."""

STATISTICS, MOMENTS = "statistics/", "moments/"
"""Beginnings of the names of arrays in states and snapshots, beside `WEIGHTS`."""

MAX_WORK = 2_000_000_000
"""Weights times examples in one step: about a second of work for one core."""


class TrainConfig(PaceConfig):
    """How a model is trained."""

    batch_size: int = Field(32, ge=1, le=16_384, description="Examples a step.", json_schema_extra=LIVE)
    learning_rate: float = Field(
        0.1, ge=0, le=1000, description="Size of a step: weights -= rate × gradient.", json_schema_extra=LIVE
    )
    optimizer: Literal["sgd", "momentum", "adam", "adamw", "adagrad", "rmsprop"] = Field(
        "sgd",
        description="How a gradient becomes a step; sgd and momentum like rates near 0.1, the others near 0.001.",
        json_schema_extra=LIVE,
    )
    momentum: float = Field(
        0.9, ge=0, lt=1, description="Share of the last step that momentum keeps.", json_schema_extra=LIVE
    )
    weight_decay: float = Field(
        0.01, ge=0, le=10, description="Weights shrink by rate × this at each step of adamw.", json_schema_extra=LIVE
    )
    schedule: Literal["constant", "step", "exponential", "cosine"] = Field(
        "constant",
        description="How the rate goes on: constant; ×factor at a step; exponentially or as a cosine to ×factor.",
        json_schema_extra=LIVE,
    )
    factor: float = Field(
        0.1, gt=0, le=1, description="The schedule multiplies the rate by this in the end.", json_schema_extra=LIVE
    )
    decay_at: int = Field(
        50_000, ge=0, le=100_000_000, description="Step of the schedule 'step'.", json_schema_extra=LIVE
    )
    warmup: int = Field(
        0, ge=0, le=1_000_000, description="Steps in which the rate rises from near 0.", json_schema_extra=LIVE
    )
    one_batch: bool = Field(
        False,
        description="Every step takes the same minibatch: the model should learn it nearly by heart.",
        json_schema_extra=LIVE,
    )
    full_batch: bool = Field(
        False,
        description="Every step takes all examples instead of a batch; for models that see one character.",
        json_schema_extra=LIVE,
    )
    l2: float = Field(
        0.0,
        ge=0,
        le=10,
        description="L2 penalty: adds l2 × the sum of all squared weights (not biases) to the loss.",
        json_schema_extra=LIVE,
    )
    l2_embedding: float = Field(
        0.0, ge=0, le=10, description="L2 penalty of the embeddings, beside that of all.", json_schema_extra=LIVE
    )
    l2_hidden: float = Field(
        0.0, ge=0, le=10, description="L2 penalty of the hidden weights, beside that of all.", json_schema_extra=LIVE
    )
    l2_output: float = Field(
        0.0,
        ge=0,
        le=10,
        description="L2 penalty of the output and direct weights, beside that of all.",
        json_schema_extra=LIVE,
    )


class RunConfig(TaskConfig):
    """Everything that decides the numbers of a language model's run: the text, the model, the training."""

    task: Literal["write"] = Field("write", description="What the model learns to do.")
    corpus: CorpusConfig = Field(CorpusConfig(), description="The text.")
    model: ModelConfig = Field(MLPConfig(), description="The model.")
    train: TrainConfig = Field(TrainConfig(), description="The training.")

    @property
    def data_name(self) -> str:
        """The name of the text."""
        return self.corpus.source

    @classmethod
    def from_flat(cls, settings: Mapping[str, Any]) -> "RunConfig":
        """The config for settings by their bare names, as in ``{"hidden": 100, "learning_rate": "0.2"}``.

        Raises:
            UserError: names the setting that does not exist or does not fit.
        """
        family = settings.get("family", MLPConfig().family)
        if family not in REGISTRY:
            raise UserError(f"There is no model {family!r}; choose from: {', '.join(REGISTRY)}.")
        model = REGISTRY[family].config
        parts: dict[str, type[Config]] = {"corpus": CorpusConfig, "model": model, "train": TrainConfig}
        known = {name for part in parts.values() for name in part.model_fields}
        if unknown := settings.keys() - known:
            raise UserError(f"There is no setting {sorted(unknown)[0]!r}; choose from: {', '.join(sorted(known))}.")
        return cls.parse(
            {
                part: config.parse({name: value for name, value in settings.items() if name in config.model_fields})
                for part, config in parts.items()
            }
        )


# ---------------------------------------------------------------- the loss


class Loss(NamedTuple):
    """The loss of a batch and its gradient."""

    log_probabilities: Tensor  # (B, 1), of the character that came; the loss is minus their mean
    grad_logits: Tensor  # (B, V)


def cross_entropy(logits: Tensor, targets: Tensor, out: Tensor | None = None) -> Loss:
    """Softmax and negative log-likelihood, with the gradient of the mean.

    The gradient of the loss with respect to the logits is (softmax(logits) - onehot(targets)) / B.

    Args:
        logits: shape (B, V).
        targets: shape (B, 1), indices of the characters that came.
        out: memory for the log-probabilities, shape (B, 1).
    """
    log_p = torch.log_softmax(logits, dim=1)
    picked = torch.gather(log_p, 1, targets) if out is None else torch.gather(log_p, 1, targets, out=out)
    gradient = log_p.exp_()
    rows = logits.shape[0]
    gradient.scatter_add_(1, targets, _minus_ones(rows, logits.dtype))
    return Loss(picked, gradient.mul_(1 / rows))


def counted_cross_entropy(logits: Tensor, share: Tensor) -> tuple[float, Tensor]:
    """The loss over a whole text of a model that sees one character, and its gradient, from the counts of pairs alone.

    Args:
        logits: shape (V, V), a row after each character.
        share: shape (V, V), of each pair among all; sums to one.
    """
    log_p = torch.log_softmax(logits, dim=1)
    loss = -(share * log_p).sum().item()
    return loss, log_p.exp_() * share.sum(1, keepdim=True) - share


@functools.lru_cache(maxsize=32)
def _minus_ones(rows: int, dtype: torch.dtype) -> Tensor:
    return torch.full((rows, 1), -1.0, dtype=dtype)


# ---------------------------------------------------------------- the step


def rates(config: TrainConfig, first: int, count: int) -> list[float]:
    """The learning rates of ``count`` steps from step ``first`` on (the first step of all is 0).

    A warmup multiplies by (step + 1) / (warmup + 1). "exponential" and "cosine" (Loshchilov and Hutter 2017, without
    restarts) reach rate × factor at the last step.
    """
    steps = np.arange(first, first + count, dtype=np.float64)
    if config.schedule == "constant" and first >= config.warmup:
        return [config.learning_rate] * count
    share = np.minimum(steps / max(1, config.steps - 1), 1.0)
    match config.schedule:
        case "constant":
            factors = np.ones(count)
        case "step":
            factors = np.where(steps < config.decay_at, 1.0, config.factor)
        case "exponential":
            factors = config.factor**share
        case "cosine":
            factors = config.factor + (1 - config.factor) * (1 + np.cos(np.pi * share)) / 2
    warm = np.minimum((steps + 1) / (config.warmup + 1), 1.0)
    values: list[float] = (config.learning_rate * factors * warm).tolist()
    return values


def make_optimiser(config: TrainConfig, theta: Tensor) -> torch.optim.Optimizer | None:
    """torch's optimizer of that name over all weights at once; None for plain gradient descent, which needs none."""
    rate = config.learning_rate
    match config.optimizer:
        case "momentum":
            return torch.optim.SGD([theta], rate, momentum=config.momentum, foreach=False)
        case "adam":
            return torch.optim.Adam([theta], rate, foreach=False)
        case "adamw":
            return torch.optim.AdamW([theta], rate, weight_decay=config.weight_decay, foreach=False)
        case "adagrad":
            return torch.optim.Adagrad([theta], rate, foreach=False)
        case "rmsprop":
            return torch.optim.RMSprop([theta], rate, foreach=False)
    return None


class Descent:
    """Steps down gradients, with one of torch's optimizers over all weights at once, or plainly, which needs none."""

    def __init__(self, theta: Tensor) -> None:
        self.theta = theta
        self.forget()

    def forget(self) -> None:
        """Begins anew, without moments."""
        self.optimizer: torch.optim.Optimizer | None = None
        self.name = ""  # of the optimizer that holds its moments

    def prepare(self, config: TrainConfig) -> None:
        """Takes on what does not change from step to step; another optimizer begins without moments."""
        if config.optimizer != self.name:
            self.optimizer, self.name = make_optimiser(config, self.theta), config.optimizer
        for group in self.optimizer.param_groups if self.optimizer else ():
            group |= {"momentum": config.momentum} if config.optimizer == "momentum" else {}
            group |= {"weight_decay": config.weight_decay} if config.optimizer == "adamw" else {}

    def step(self, grad: Tensor, rate: float) -> None:
        """Moves the weights by one step."""
        if self.optimizer is None:
            self.theta.add_(grad, alpha=-rate)
            return
        self.theta.grad = grad
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()

    def moments(self) -> dict[str, NDArray[Any]]:
        """What the optimizer remembers, under "<optimizer>.<name>"."""
        if self.optimizer is None:
            return {}
        held = self.optimizer.state_dict()["state"].get(0, {})
        tensors = {name: value for name, value in held.items() if isinstance(value, Tensor)}
        return {f"{MOMENTS}{self.name}.{name}": value.numpy() for name, value in tensors.items()}

    def restore(self, moments: Mapping[str, NDArray[Any]], config: TrainConfig) -> None:
        """Takes over what `moments` returned, without `MOMENTS` before the names."""
        self.forget()
        if not moments:
            return
        self.name = next(iter(moments)).partition(".")[0]
        self.optimizer = make_optimiser(config.model_copy(update={"optimizer": self.name}), self.theta)
        if self.optimizer is not None:
            held = {name.partition(".")[2]: torch.from_numpy(value.copy()) for name, value in moments.items()}
            self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": {0: held}})


def penalties(config: TrainConfig, model: Sequential) -> Tensor | None:
    """Twice the L2 penalty of each weight, which times the weight is its gradient, shape of theta; None without any."""
    own = {"embedding": config.l2_embedding, "hidden": config.l2_hidden, "output": config.l2_output}
    own["direct"] = own["output"]
    if not (config.l2 or any(own.values())):
        return None
    pieces = []
    for name, tensor in model.parameters.items():
        layer, _, kind = name.partition(".")
        factor = config.l2 + own.get(layer.rstrip("0123456789"), 0.0) if kind == "weight" else 0.0
        pieces.append(torch.full((tensor.numel(),), 2 * factor, dtype=tensor.dtype))
    return torch.cat(pieces)


# ---------------------------------------------------------------- the loop


class DivergedError(Exception):
    """The loss or the weights left the finite numbers, or the loss rose far above where it began."""

    def __init__(self, message: str, losses: NDArray[np.float32]) -> None:
        super().__init__(message)
        self.losses = losses  # of the block of steps in which it happened

    def __reduce__(self) -> tuple[Any, ...]:
        """How a worker sends it."""
        return type(self), (str(self), self.losses)


class StoppedEarly(Exception):
    """The trainer has seen enough: its settings said when to stop. Its state is good."""

    def __init__(self, message: str, losses: NDArray[np.float32]) -> None:
        super().__init__(message)
        self.losses = losses  # of the block of steps that ended so


@dataclass(frozen=True)
class _Evaluating:
    """A model that is in evaluation mode whenever it is asked, and as it was before afterwards.

    Layers use their memory again, so only one thread at a time may ask, and the answer is a copy.
    """

    model: Sequential
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def forward(self, x: Tensor) -> Tensor:
        with self.lock, self.model.evaluating():
            return self.model.forward(x).clone()


class Trainer:
    """A model, its data and its dice: everything that a step needs, and nothing that a picture needs.

    The generator, seeded by the config, draws first the weights, then each minibatch's examples.

    Raises:
        UserError: if the text cannot be loaded or is too short for the context.
    """

    SAMPLES = SampleConfig(count=12, seed=42, length=20)

    def __init__(self, config: RunConfig, corpus: Corpus | None = None) -> None:
        if isinstance(config.model, RNNConfig | RecurrentConfig):
            raise UserError("A recurrent network is not made of layers. Choose another model.")
        self.config, self.context = config, config.model.context
        self.corpus = corpus or corpora.load(config.corpus)
        train = self.corpus.windows("train", self.context)
        self.X, self.Y = torch.from_numpy(train.X), torch.from_numpy(train.Y)  # (N, T), (N,)
        self.reset()
        if config.train.full_batch and self.context > 1:
            raise UserError("A full batch is for models that see one character. Switch it off, or take neural-bigram.")
        if (work := self.parameters * config.train.batch_size) > MAX_WORK:
            raise UserError(
                f"A step would multiply {self.parameters:,} weights by {config.train.batch_size:,} examples, "
                f"{work / MAX_WORK:.1f} times what is allowed. Choose a smaller model or a smaller batch."
            )

    def reset(self) -> None:
        """Back to step 0, with the same starting weights again."""
        self.step = 0
        self.first_loss = math.nan
        self.generator = torch.Generator().manual_seed(self.config.train.seed)
        self.model = models.build(self.config.model, len(self.corpus.vocabulary), self.generator)
        self.descent = Descent(self.model.theta)
        self.ratios: list[tuple[int, Tensor]] = []  # since the last `take_ratios`

    @property
    def parameters(self) -> int:
        """Number of trainable numbers in the model."""
        return len(self.model.theta)

    @torch.inference_mode()
    def train(self, steps: int, own_rates: list[float] | None = None) -> NDArray[np.float32]:
        """Takes so many steps of gradient descent and returns the loss of each, before its update.

        Args:
            steps: how many.
            own_rates: the learning rate of each step; those of the schedule if None.

        Raises:
            DivergedError: if a loss is not finite, or far above the first; the weights are then lost.
        """
        self._prepare()
        one_way = self._train_on_counts if self.config.train.full_batch else self._train_on_batches
        losses = one_way(steps, own_rates or rates(self.config.train, self.step, steps))
        self._refuse_divergence(losses)
        self.step += steps
        return losses

    def take_ratios(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """How large gradients and updates were since the last call, beside the weights.

        Returns:
            The steps (R,), those of `measured_steps`, and (R, P, 2) for the P matrices of the model
            (`Sequential.matrices`): the standard deviation of the gradient, and that of the update, each divided by
            that of the weights.
        """
        steps = np.array([step for step, _ in self.ratios], dtype=np.int64)
        values = [ratios for _, ratios in self.ratios] or [torch.empty(0, len(self.model.matrices), 2)]
        self.ratios = []
        return steps, torch.stack(values).numpy() if len(steps) else values[0].numpy()

    def _prepare(self) -> None:
        """What does not change within a call: the penalties, and the optimizer."""
        settings = self.config.train
        if self.model.normalizes and settings.batch_size < 2:
            raise UserError("A batch of one has no variance to normalize by. Choose a batch size of at least 2.")
        self.penalties = penalties(settings, self.model)
        self.descent.prepare(settings)

    def batches(self, steps: int) -> Tensor:
        """The examples of the next steps, shape (steps, B); they are drawn, so the next call gives others."""
        settings = self.config.train
        if settings.one_batch:
            own = torch.Generator().manual_seed(settings.seed)
            return torch.randint(0, len(self.X), (1, settings.batch_size), generator=own).expand(steps, -1)
        return torch.randint(0, len(self.X), (steps, settings.batch_size), generator=self.generator)

    def _train_on_batches(self, steps: int, rates: list[float]) -> NDArray[np.float32]:
        model = self.model
        rows = self.batches(steps)
        X = self.X[rows].long()  # (steps, B, T)
        Y = self.Y[rows].long().unsqueeze(2)  # (steps, B, 1)
        log_p = torch.empty(Y.shape, dtype=model.theta.dtype)
        measured = measured_steps(self.step, steps)
        for step, (x, y, out, rate) in enumerate(
            zip(X.unbind(), Y.unbind(), log_p.unbind(), rates, strict=True), self.step + 1
        ):
            logits = model.forward(x)
            loss = cross_entropy(logits, y, out)
            self._update(loss.grad_logits, rate, step if step in measured else None)
        losses: NDArray[np.float32] = log_p.mean((1, 2)).neg_().float().numpy()
        return losses

    def _train_on_counts(self, steps: int, rates: list[float]) -> NDArray[np.float32]:
        """Full-batch steps of a model that sees one character: V × V work a step, however long the text.

        The mean loss over all examples depends on the counts of pairs only, and so does its gradient.
        """
        V = len(self.corpus.vocabulary)
        every = torch.arange(V).unsqueeze(1)
        counts = torch.bincount(self.X[:, 0].long() * V + self.Y, minlength=V * V).view(V, V).to(self.model.theta.dtype)
        share = counts / counts.sum()  # of each pair among all
        losses = np.empty(steps, dtype=np.float32)
        measured = measured_steps(self.step, steps)
        for i, rate in enumerate(rates):
            losses[i], grad_logits = counted_cross_entropy(self.model.forward(every), share)
            step = self.step + 1 + i
            self._update(grad_logits, rate, step if step in measured else None)
        return losses

    def _update(self, grad_logits: Tensor, rate: float, measured: int | None) -> None:
        """One step down the gradient; its number is given if its size is to be kept."""
        before = None if measured is None else self.model.theta.clone()
        self._descend(grad_logits, rate)
        if measured is not None and before is not None:
            self.ratios.append((measured, _ratios(self.model, before)))

    def _descend(self, grad_logits: Tensor, rate: float) -> None:
        model = self.model
        model.backward(grad_logits)
        if self.penalties is not None:
            model.grad.addcmul_(model.theta, self.penalties)
        self.descent.step(model.grad, rate)

    def _refuse_divergence(self, losses: NDArray[np.float32]) -> None:
        if math.isnan(self.first_loss):
            self.first_loss = float(losses[0])
        guessing = math.log(len(self.corpus.vocabulary))
        bad = np.flatnonzero(~np.isfinite(losses))
        if len(bad) or not bool(torch.isfinite(self.model.theta).all()):
            step = self.step + int(bad[0] if len(bad) else len(losses) - 1)
            what = "stopped being a finite number"
        elif losses.mean() > 5 * max(self.first_loss, guessing):
            step, what = self.step, f"rose to {losses.mean():.3g}, from {self.first_loss:.3g} at the start"
        else:
            return
        raise DivergedError(f"The training diverged at step {step:,}: the loss {what}. {self._advice(step)}", losses)

    def _advice(self, step: int) -> str:
        settings = self.config.train
        if settings.learning_rate * settings.l2 * 2 > 1:
            return f"The penalty of {settings.l2:g} overshoots at this rate: try l2 = {settings.l2 / 100:g}."
        if step == 0 and not math.isfinite(self.first_loss):
            return "Already the starting weights are too large: try another initialization."
        if self.first_loss > 1.5 * math.log(len(self.corpus.vocabulary)):
            return (
                f"Starting at a loss of {self.first_loss:.3g} is far above guessing: try smaller starting weights, "
                f"or a learning rate of {settings.learning_rate / 10:g}."
            )
        return f"The learning rate of {settings.learning_rate:g} is too large: try {settings.learning_rate / 10:g}."

    @torch.inference_mode()
    def evaluate(self, split: Split, most: int | None = None) -> float | None:
        """Mean loss over a split, in nats per character; None if the split is empty.

        Args:
            split: "train", "dev" or "test".
            most: at most so many examples, evenly spaced; all if None.
        """
        X, Y = self._evaluation_data(split)
        if len(X) == 0:
            return None
        if most is not None and most < len(X):
            rows = torch.linspace(0, len(X) - 1, most).long()
            X, Y = X[rows], Y[rows]
        total = 0.0
        with self.model.evaluating():
            for x, y in zip(torch.split(X, 4096), torch.split(Y, 4096), strict=True):
                logits = self.model.forward(x.long())
                total += torch.nn.functional.cross_entropy(logits, y.long(), reduction="sum").item()
        return total / len(X)

    def _evaluation_data(self, split: Split) -> tuple[Tensor, Tensor]:
        if split == "train":
            return self.X, self.Y
        windows = self.corpus.windows(split, self.context)
        return torch.from_numpy(windows.X), torch.from_numpy(windows.Y)

    @property
    def reader(self) -> WindowReader:
        """The model, in evaluation mode, as one that reads texts."""
        return WindowReader(_Evaluating(self.model), self.context)

    def sample(self, config: SampleConfig) -> list[str]:
        """Texts drawn from the model as it is."""
        return sample(self.reader, self.corpus, config)

    def snapshot(self) -> Snapshot:
        """The record of this step; the dice of the samples are the same at every step."""
        config = self.SAMPLES if self.corpus.is_documents else self.SAMPLES.updated(count=3, length=80)
        most = None if self.step == self.config.train.steps else EVALUATION_EXAMPLES
        train, dev = self.evaluate("train", most), self.evaluate("dev", most)
        record = {"next_character": self.next_character()}
        if (weight := self.model.parameters.get("embedding.weight")) is not None:
            record["embedding"] = weight[torch.from_numpy(self.corpus.most_frequent(MAX_EMBEDDED))].float().numpy()
        if self.parameters <= MAX_KEPT:
            record |= {name: array.copy() for name, array in self._weights().items()}
        return Snapshot(self.step, train if train is not None else math.nan, dev, tuple(self.sample(config)), record)

    @torch.inference_mode()
    def next_character(self) -> NDArray[np.float32]:
        """What the model expects after one character at the start: probabilities, shape (M, M).

        Rows are the last character, columns the next, both in the order of `Corpus.most_frequent`.
        """
        ids = torch.from_numpy(self.corpus.most_frequent(MAX_SHOWN))
        contexts = torch.zeros((len(ids), self.context), dtype=torch.int64)
        contexts[:, -1] = ids
        with self.model.evaluating():
            return torch.softmax(self.model.forward(contexts), dim=1)[:, ids].float().numpy()

    def _weights(self) -> dict[str, NDArray[Any]]:
        """The trained numbers, and the running statistics that belong to them."""
        statistics = {STATISTICS + name: tensor.numpy() for name, tensor in self.model.statistics.items()}
        return {WEIGHTS: self.model.theta.numpy()} | statistics

    def state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on: weights, generator, step."""
        return (
            self._weights()
            | {
                "generator": self.generator.get_state().numpy(),
                "step": np.array(self.step),
                "first_loss": np.array(self.first_loss),
            }
            | self.descent.moments()
        )

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Goes on from a `state`.

        Raises:
            UserError: if the state belongs to a model of another shape.
        """
        self.restore_weights(state)
        self.descent.restore(under(MOMENTS, state), self.config.train)
        self.generator.set_state(torch.from_numpy(state["generator"]))
        self.step = int(state["step"])
        self.first_loss = float(state["first_loss"])

    def restore_weights(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over the weights and running statistics of a `state`, or of a snapshot that keeps them.

        Raises:
            UserError: if they belong to a model of another shape.
        """
        theta = torch.from_numpy(arrays[WEIGHTS])
        if theta.shape != self.model.theta.shape or theta.dtype != self.model.theta.dtype:
            raise UserError(
                f"The checkpoint holds {theta.numel():,} weights, this model has {self.parameters:,}. "
                "The text or the settings have changed since; start a new run."
            )
        self.model.theta.copy_(theta)
        for name, array in under(STATISTICS, arrays).items():
            self.model.statistics[name].copy_(torch.from_numpy(array))


def measured_steps(first: int, count: int) -> set[int]:
    """Of the ``count`` steps after ``first``, 45 a power of ten: 1 to 10, 12, 14, ... 98, 100, 120, ... 980, 1000..."""
    steps, step = set(), first
    while (step := _next_measured(step)) <= first + count:
        steps.add(step)
    return steps


def _next_measured(step: int) -> int:
    unit: int = 1 if step < 10 else 2 * 10 ** (len(str(step)) - 2)
    return (step // unit + 1) * unit


def _ratios(model: Sequential, before: Tensor) -> Tensor:
    """Standard deviations of gradient and update, each divided by that of the weights, shape (P, 2)."""
    update = model.theta - before
    rows = []
    for where in model.matrices.values():
        data = before[where].std()
        rows.append(torch.stack([model.grad[where].std() / data, update[where].std() / data]))
    return torch.stack(rows) if rows else torch.empty(0, 2)


def batch_floor(trainer: Trainer) -> tuple[float, int]:
    """The least loss that any model can reach on a run's one batch, and why it is not zero.

    Returns:
        The entropy of what follows equal contexts, in nats, and the number of examples whose context goes on
        differently elsewhere in the batch.
    """
    rows = trainer.batches(1)[0]
    X, Y = trainer.X[rows], trainer.Y[rows].unsqueeze(1)
    _, context, same = torch.unique(X, dim=0, return_inverse=True, return_counts=True)
    _, pair, equal = torch.unique(torch.cat([X, Y], 1), dim=0, return_inverse=True, return_counts=True)
    shares = equal[pair].double() / same[context]  # of the examples with this context, those that go on like this
    return -shares.log().mean().item(), int((shares < 1).sum())


# ---------------------------------------------------------------- slices


class Slice(NamedTuple):
    """What happened while a trainer was given some time."""

    losses: NDArray[np.float32]  # one a step
    snapshots: list[Snapshot]
    seconds: float
    ratios: tuple[NDArray[np.int64], NDArray[np.float32]]  # `Trainer.take_ratios`
    diverged: str = ""  # why and what to do; the trainer's weights are then useless
    stopped: str = ""  # why the trainer ended before its last step
    training: float = 0.0  # seconds on the given clock, measurements left out


def is_snapshot_step(step: int, every: int) -> bool:
    """Whether a snapshot is taken: at 0, 1, 2, 5, 10, 20, 50... and at every multiple of ``every``."""
    return step == 0 or step % every == 0 or str(step).rstrip("0") in ("1", "2", "5")


def next_snapshot_step(step: int, every: int) -> int:
    """The first snapshot step after ``step``."""
    decade = 10 ** (len(str(step)) - 1)
    candidates = [factor * decade for factor in (1, 2, 5, 10)] + [(step // every + 1) * every]
    return min(int(candidate) for candidate in candidates if candidate > step)


class Steps(Protocol):
    """What `train_for` needs of a trainer."""

    step: int

    @property
    def config(self) -> TaskConfig:
        """What decides the run's numbers."""
        ...

    @property
    def parameters(self) -> int:
        """Number of trainable numbers in the model."""
        ...

    def train(self, steps: int) -> NDArray[np.float32]:
        """Takes steps and returns the loss of each."""
        ...

    def take_ratios(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See `Trainer.take_ratios`."""
        ...

    def snapshot(self) -> Snapshot:
        """The record of this step."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on."""
        ...


def train_for(
    trainer: Steps, seconds: float, clock: Callable[[], float] = time.perf_counter, until: int | None = None
) -> Slice:
    """Trains for some time on the given clock, at least one block of steps, at most to the end of the budget.

    It ends before that at step ``until``, if one is given.

    With `time.thread_time` runs that share a busy core get the same number of steps, whoever was interrupted.

    The snapshots that are due are taken on the way. The numbers do not depend on how the time was cut into slices:
    minibatches are drawn in blocks, but in one stream.
    """
    settings = trainer.config.train
    end = settings.steps if until is None else min(until, settings.steps)
    began, began_at = clock(), time.perf_counter()
    losses: list[NDArray[np.float32]] = []
    snapshots = [_recorded(trainer, 0.0)] if trainer.step == 0 else []
    diverged, stopped, training, block = "", "", 0.0, 1
    while trainer.step < end and (not losses or clock() - began < seconds):
        stop = min(end, next_snapshot_step(trainer.step, settings.evaluate_every))
        started = clock()
        try:
            losses.append(trainer.train(min(block, stop - trainer.step)))
        except DivergedError as error:
            losses.append(error.losses)
            diverged = str(error)
            break
        except StoppedEarly as enough:
            losses.append(enough.losses)
            stopped = str(enough)
        took = clock() - started
        training += took
        block = _next_block(len(losses[-1]), took)
        if is_snapshot_step(trainer.step, settings.evaluate_every) or trainer.step == end or stopped:
            snapshots.append(replace(_recorded(trainer, time.perf_counter() - began_at), training=training))
        if stopped:
            break
    taken = np.concatenate([np.zeros(0, np.float32), *losses])
    ratios = trainer.take_ratios()
    return Slice(taken, snapshots, time.perf_counter() - began_at, ratios, diverged, stopped, training)


def _recorded(trainer: Steps, seconds: float) -> Snapshot:
    """A snapshot with what it takes to go on from it, of a model that is small enough to keep that at every one.

    Beside the weights, which are kept once, that is the generator (5 kB) and the optimizer's moments (none of sgd,
    twice the weights of adam): a fork then begins at once, where training again from the start would take as long as
    the run has.
    """
    snapshot = replace(trainer.snapshot(), seconds=seconds)
    if trainer.parameters > MAX_KEPT_ALWAYS:
        return snapshot
    kept = snapshot.arrays
    held = {
        name: kept[name] if name in kept and _same(kept[name], array) else array.copy()
        for name, array in trainer.state().items()
    }
    return replace(snapshot, state=held)


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other)


def _next_block(steps: int, seconds: float, target: float = 0.02) -> int:
    """Steps that take some 20 ms: few enough to stop in time, enough to draw minibatches cheaply."""
    return max(1, min(256, int(steps * target / max(seconds, 1e-6))))
