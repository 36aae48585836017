"""Training of classifiers: batch, minibatch and stochastic descent, schedules, clipping, early stopping.

A pass shows every example of train once, in an order that depends on the seed and the number of the pass alone; so
a run goes on from its state bit for bit. Losses are in nats per example. Dimensions: N examples, D features, K classes.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lmcore.config import LIVE, Config, Field, PaceConfig, TaskConfig
from lmcore.data import datasets
from lmcore.data.corpora import Split
from lmcore.data.datasets import DataConfig, Dataset, Part
from lmcore.errors import UserError
from lmcore.generation.sampling import SampleConfig
from lmcore.models.numpy_linear import BLOCK, LinearClassifier, LogisticConfig, SoftmaxConfig
from lmcore.models.numpy_mlp import Clip, MLPClassifier, MLPClassifierConfig, clip
from lmcore.training.history import WEIGHTS, Snapshot
from lmcore.training.training import EVALUATION_EXAMPLES, MAX_WORK, DivergedError, StoppedEarly

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

MAX_KEPT = 400_000
"""Weights of a classifier whose snapshots keep them all."""

RATE, CLIPPED, STOPPED = 0.0, 1.0, 2.0
"""Kinds of events: the schedule changed the rate, gradients were clipped, the training was stopped early."""

MAX_EVENTS = 2000

ClassifierConfig = Annotated[SoftmaxConfig | LogisticConfig | MLPClassifierConfig, Field(discriminator="family")]
Classifier: TypeAlias = LinearClassifier | MLPClassifier

FAMILIES: dict[str, type[SoftmaxConfig] | type[LogisticConfig] | type[MLPClassifierConfig]] = {
    "softmax-regression": SoftmaxConfig,
    "logistic-regression": LogisticConfig,
    "mlp-classifier": MLPClassifierConfig,
}
"""The config of each family, by its name."""


class ClassifierTrainConfig(PaceConfig):
    """How a classifier is trained."""

    steps: int = Field(
        1000, ge=1, le=100_000_000, description="Steps in all; the run ends there.", json_schema_extra=LIVE
    )
    seed: int = Field(0, ge=0, le=2**53 - 1, description="Seed of the starting weights and of the order of examples.")
    evaluate_every: int = Field(
        500,
        ge=10,
        le=10_000_000,
        description="Steps between two measurements of train and test.",
        json_schema_extra=LIVE,
    )
    descent: Literal["batch", "minibatch", "stochastic"] = Field(
        "minibatch", description="Examples a step: all, some, or one.", json_schema_extra=LIVE
    )
    batch_size: int = Field(32, ge=1, le=16_384, description="Examples a step of minibatch.", json_schema_extra=LIVE)
    learning_rate: float = Field(
        0.1, ge=0, le=1000, description="Size of a step: weights -= rate × gradient.", json_schema_extra=LIVE
    )
    schedule: Literal["constant", "step", "plateau"] = Field(
        "constant",
        description="How the rate goes on: constant; × factor every so many passes; × factor on a plateau.",
        json_schema_extra=LIVE,
    )
    factor: float = Field(
        0.5, gt=0, lt=1, description="The schedule multiplies the rate by it.", json_schema_extra=LIVE
    )
    decay_every: int = Field(
        20, ge=1, le=1_000_000, description="Passes between two decays of the schedule 'step'.", json_schema_extra=LIVE
    )
    patience: int = Field(
        5, ge=1, le=100_000, description="Passes without progress that make a plateau.", json_schema_extra=LIVE
    )
    min_change: float = Field(
        0.001,
        ge=0,
        le=10,
        description="Least fall of the loss (nats) that counts as progress.",
        json_schema_extra=LIVE,
    )
    watch: Literal["train", "test"] = Field(
        "train",
        description="Whose loss plateau and early stopping look at: the mean of a pass on train, or test after it.",
        json_schema_extra=LIVE,
    )
    clip: Clip = Field(
        "none",
        description="Clipping: each value of the gradient, the norm of the whole, or none.",
        json_schema_extra=LIVE,
    )
    clip_at: float = Field(
        1.0, gt=0, le=1000, description="Largest value, or norm, that clipping lets through.", json_schema_extra=LIVE
    )
    early_stopping: bool = Field(
        False, description="Ends the run when the loss makes no progress any more.", json_schema_extra=LIVE
    )
    stop_patience: int = Field(
        10, ge=1, le=100_000, description="Passes without progress that end the run.", json_schema_extra=LIVE
    )


class ClassifierRunConfig(TaskConfig):
    """Everything that decides the numbers of a classifier's run: the data, the model, the training."""

    task: Literal["classify"] = Field("classify", description="What the model learns to do.")
    data: DataConfig = Field(DataConfig(), description="The data.")
    model: ClassifierConfig = Field(SoftmaxConfig(), description="The model.")
    train: ClassifierTrainConfig = Field(ClassifierTrainConfig(), description="The training.")

    @property
    def data_name(self) -> str:
        """The name of the data."""
        return self.data.source

    @classmethod
    def from_flat(cls, settings: Mapping[str, Any]) -> "ClassifierRunConfig":
        """The config for settings by their bare names; the data's seed is called data_seed.

        Raises:
            UserError: names the setting that does not exist or does not fit.
        """
        family = settings.get("family", "softmax-regression")
        if family not in FAMILIES:
            raise UserError(f"There is no classifier {family!r}; choose from: {', '.join(FAMILIES)}.")
        model = FAMILIES[family]
        parts: dict[str, type[Config]] = {"data": DataConfig, "model": model, "train": ClassifierTrainConfig}
        names = {
            part: {"data_seed" if (part, name) == ("data", "seed") else name: name for name in config.model_fields}
            for part, config in parts.items()
        }
        if settings.get("source") in datasets.IMAGES:
            settings = {"examples": 2000} | dict(settings)
        known = {given for own in names.values() for given in own}
        if unknown := settings.keys() - known:
            raise UserError(f"There is no setting {sorted(unknown)[0]!r}; choose from: {', '.join(sorted(known))}.")
        return cls.parse(
            {
                part: config.parse({name: settings[given] for given, name in names[part].items() if given in settings})
                for part, config in parts.items()
            }
        )


def build(config: ClassifierRunConfig, data: Dataset) -> Classifier:
    """The classifier that a config describes, with fresh weights from the seed, in the precision of the data.

    Raises:
        UserError: if the model does not suit the data.
    """
    D, K, kind = data.X_train.shape[1], len(data.classes), data.X_train.dtype
    generator = np.random.default_rng(config.train.seed)
    if isinstance(config.model, MLPClassifierConfig):
        return MLPClassifier(config.model, D, K, generator, kind)
    if isinstance(config.model, LogisticConfig) and K != 2:
        raise UserError(f"Logistic regression tells two classes apart, and here are {K}. Take softmax regression.")
    return LinearClassifier(config.model, D, K, generator, kind)


def order(seed: int, number: int, N: int) -> Ids:
    """The order of N examples in a pass."""
    return np.random.default_rng([seed, number]).permutation(N)


def steps_a_pass(config: ClassifierTrainConfig, N: int) -> int:
    """Steps in which all N examples are seen once."""
    return {"batch": 1, "stochastic": N, "minibatch": math.ceil(N / config.batch_size)}[config.descent]


class ClassifierTrainer:
    """A classifier, its data, and where in its passes it stands.

    Raises:
        UserError: if the data cannot be loaded, or the model does not suit them or is too large.
    """

    NUMBERS: ClassVar = ("step", "seen", "first_loss", "sum", "reduced", "best", "waited", "stop_best", "stop_waited")

    def __init__(self, config: ClassifierRunConfig, data: Dataset | None = None) -> None:
        self.config = config
        self.data = data or datasets.load(config.data)
        self.reset()
        examples = len(self.data.y_train) if config.train.descent == "batch" else config.train.batch_size
        if (work := self.parameters * examples) > MAX_WORK:
            raise UserError(
                f"A step would multiply {self.parameters:,} weights by {examples:,} examples, "
                f"{work / MAX_WORK:.1f} times what is allowed. Choose a smaller model or smaller batches."
            )

    def reset(self) -> None:
        """Back to step 0, with the same starting weights again."""
        self.step, self.seen = 0, 0  # steps, and examples, in all
        self.model = build(self.config, self.data)
        self.X, self.y = self.model.prepared(self.data.X_train), self.data.y_train
        self.first_loss, self.sum = math.nan, 0.0  # the latter of this pass's losses
        self.reduced = 1.0  # what plateaus have made of the rate
        self.best, self.waited = math.inf, 0
        self.stop_best, self.stop_waited = math.inf, 0
        self.ordered: tuple[int, Ids] = (-1, np.zeros(0, np.int64))  # a pass, and the order of its examples
        # The last block of `_one_by_one`: examples, weights and sum before it, and its rate and limit.
        self.block = (0, self.model.theta[:0].copy(), 0.0, 0.0, math.inf)
        self.events: list[list[float]] = []  # kind, first step, last step, value

    @property
    def parameters(self) -> int:
        """Number of trainable numbers in the model."""
        return len(self.model.theta)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        settings = self.config.train
        match settings.schedule:
            case "step":
                return settings.learning_rate * settings.factor ** (self.seen // len(self.y) // settings.decay_every)
            case "plateau":
                return settings.learning_rate * self.reduced
        return settings.learning_rate

    def train(self, steps: int) -> NDArray[np.float32]:
        """Takes so many steps and returns the loss of each, before its update.

        Raises:
            DivergedError: if a loss is not finite, or far above the first; the weights are then lost.
            StoppedEarly: if early stopping ends the training; the state is good.
        """
        losses: list[float] = []
        with np.errstate(over="ignore", invalid="ignore"):
            while len(losses) < steps:
                losses += self._within_a_pass(steps - len(losses))
                if self.seen % len(self.y) == 0 and (words := self._end_of_pass()):
                    raise StoppedEarly(words, np.array(losses, np.float32))
        self._refuse_divergence(losses)
        return np.array(losses, np.float32)

    def _within_a_pass(self, steps: int) -> list[float]:
        """Steps until that many are taken or the pass is over."""
        settings, N = self.config.train, len(self.y)
        number, at = divmod(self.seen, N)
        if settings.descent == "batch" and at == 0:
            return [self._descend(self.X, self.y)]
        by_one = settings.descent == "stochastic"
        if by_one and settings.clip != "value" and isinstance(self.model, LinearClassifier):
            return self._one_by_one(steps)
        rows = self._order(number)[at:]
        size = 1 if by_one else settings.batch_size if settings.descent == "minibatch" else N
        batches = [rows[i : i + size] for i in range(0, size * steps, size) if i < len(rows)]
        return [self._descend(self.X[batch], self.y[batch]) for batch in batches]

    def _order(self, number: int) -> Ids:
        """The order of the examples in a pass, made once."""
        if self.ordered[0] != number:
            self.ordered = (number, order(self.config.train.seed, number, len(self.y)))
        return self.ordered[1]

    def _one_by_one(self, steps: int) -> list[float]:
        """Stochastic descent of a linear model, in its fast way.

        It goes in blocks from the start of a pass. A block that a pause cut is done again from its beginning, whole, so
        that pauses leave no trace in the last bits; with another rate or limit a new block begins.
        """
        assert isinstance(self.model, LinearClassifier)
        settings, N = self.config.train, len(self.y)
        largest = settings.clip_at if settings.clip == "norm" else math.inf
        number, at = divmod(self.seen, N)
        begun, theta, total, *held = self.block
        if number * N <= begun < self.seen < begun + BLOCK and held == [self.rate, largest]:
            self.model.theta[:], self.sum = theta, total
        else:
            begun = self.seen
        again = self.seen - begun  # examples of the block that were taken before
        rows = self._order(number)[at - again : at + steps]
        whole = len(rows) - len(rows) % BLOCK
        losses, clipped = self._blocks(rows[:whole], largest)
        self.block = (begun + whole, self.model.theta.copy(), self.sum, self.rate, largest)
        more, found = self._blocks(rows[whole:], largest)
        for i in clipped + [whole + i for i in found]:
            if i >= again:
                self._clipped(self.step + 1 + i - again)
        self.step += len(rows) - again
        self.seen += len(rows) - again
        return (losses + more)[again:]

    def _blocks(self, rows: Ids, largest: float) -> tuple[list[float], list[int]]:
        assert isinstance(self.model, LinearClassifier)
        losses, clipped = self.model.stochastic(self.X[rows], self.y[rows], [self.rate] * len(rows), largest)
        for loss in losses:  # one by one: a sum of sums would depend on where a pause cut
            self.sum += loss
        return losses, clipped

    def _descend(self, X: Floats, y: Ids) -> float:
        """One step down the gradient over some examples."""
        settings = self.config.train
        loss, gradient = self.model.loss_and_gradient(X, y)
        if settings.clip != "none" and clip(gradient, settings.clip, settings.clip_at):
            self._clipped(self.step + 1)
        gradient *= self.rate
        self.model.theta -= gradient
        self.step += 1
        self.seen += len(y)
        self.sum += loss * len(y)
        return loss

    # ------------------------------------------------------------ schedules and stopping

    def _end_of_pass(self) -> str:
        """Looks at the loss of the pass; returns why the training ends, if it does."""
        settings, before = self.config.train, self.rate
        passed, self.sum = self.sum / len(self.y), 0.0
        if not math.isfinite(passed):
            return ""
        watched = passed if settings.watch == "train" else self.evaluate("test")
        assert watched is not None
        self.best, self.waited = self._progress(watched, self.best, self.waited)
        if settings.schedule == "plateau" and self.waited >= settings.patience:
            self.reduced *= settings.factor
            self.waited = 0
        self._note_rate(before)
        self.stop_best, self.stop_waited = self._progress(watched, self.stop_best, self.stop_waited)
        if not settings.early_stopping or self.stop_waited < settings.stop_patience:
            return ""
        self.stop_waited = 0  # who resumes gets that many passes again
        self._note(STOPPED, watched)
        return (
            f"Stopped early at step {self.step:,}: in {settings.stop_patience} passes the loss on {settings.watch} "
            f"did not fall by {settings.min_change:g} below {self.stop_best:.4f} nats."
        )

    def _progress(self, loss: float, best: float, waited: int) -> tuple[float, int]:
        return (loss, 0) if loss < best - self.config.train.min_change else (best, waited + 1)

    def _note_rate(self, before: float) -> None:
        """The schedule acts between two passes; `rate` has its new value once the pass is over."""
        if self.rate != before or self._decays_now():
            self._note(RATE, self.rate)

    def _decays_now(self) -> bool:
        settings = self.config.train
        return settings.schedule == "step" and self.seen // len(self.y) % settings.decay_every == 0

    def _note(self, kind: float, value: float) -> None:
        if len(self.events) < MAX_EVENTS:
            self.events.append([kind, self.step, self.step, value])

    def _clipped(self, step: int) -> None:
        """Keeps between which steps gradients were clipped; what lies within a hundredth counts as one stretch."""
        last = next((event for event in reversed(self.events) if event[0] == CLIPPED), None)
        if last is not None and step - last[2] <= max(1, step // 100):
            last[2] = step
            last[3] += 1
        elif len(self.events) < MAX_EVENTS:
            self.events.append([CLIPPED, step, step, 1.0])

    def _refuse_divergence(self, losses: list[float]) -> None:
        if math.isnan(self.first_loss):
            self.first_loss = losses[0]
        limit = 5 * max(self.first_loss, math.log(len(self.data.classes)))
        recent = losses[-len(self.y) :]
        mean = sum(recent) / len(recent)
        few = self.config.train.descent == "stochastic" and len(recent) < 32
        if np.isfinite(self.model.theta).all() and math.isfinite(mean) and (mean <= limit or few):
            return
        rate = self.config.train.learning_rate
        raise DivergedError(
            f"The training diverged near step {self.step:,}: the loss rose to {mean:.3g} nats, from "
            f"{self.first_loss:.3g} at the start. Try a learning rate of {rate / 10:g}, or clipping.",
            np.array(losses, np.float32),
        )

    # ------------------------------------------------------------ what is measured and kept

    def take_ratios(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """None are kept of classifiers."""
        return np.zeros(0, np.int64), np.zeros((0, 0, 2), np.float32)

    def evaluate(self, split: Split, most: int | None = None) -> float | None:
        """Mean loss over a part, in nats per example; None for dev, which classifiers have none of.

        Args:
            split: "train" or "test".
            most: at most so many examples, the first ones; all if None.
        """
        return None if split == "dev" else self.measure(split, most)[0]

    def measure(self, part: Part, most: int | None = None) -> tuple[float, float]:
        """Mean loss, in nats per example, and share of examples that are put into their class."""
        X, y = self.data.part(part)
        y = y[:most]
        log_p = self.model.log_probabilities(self.model.prepared(X[:most]))
        loss = -float(log_p[np.arange(len(y)), y].mean(dtype=np.float64))
        return loss, float((log_p.argmax(1) == y).mean())

    def snapshot(self) -> Snapshot:
        """Losses, accuracies, events, and the weights, from which every picture of this step can be made."""
        most = None if self.step == self.config.train.steps else EVALUATION_EXAMPLES
        (train, train_right), (test, test_right) = self.measure("train", most), self.measure("test", most)
        arrays: dict[str, NDArray[Any]] = {
            "accuracy": np.array([train_right, test_right], np.float32),
            "events": self._events(),
            "passes": np.array([self.seen / len(self.y), self.rate]),
        }
        if self.parameters <= MAX_KEPT:
            arrays[WEIGHTS] = self.model.theta.copy()
        return Snapshot(self.step, train, test, (), arrays)

    def sample(self, config: SampleConfig) -> list[str]:
        """Nothing: raises a `UserError`."""
        raise UserError("A classifier writes nothing: it has no samples.")

    def _events(self) -> Floats:
        return np.array(self.events, np.float64).reshape(-1, 4)

    def state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on."""
        numbers = {name: np.array(getattr(self, name), np.float64) for name in self.NUMBERS}
        begun, theta, *rest = self.block
        block = {"block": np.array([begun, *rest]), "block_theta": theta}
        return {WEIGHTS: self.model.theta, "events": self._events()} | block | numbers

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Goes on from a `state`.

        Raises:
            UserError: if the state belongs to a model of another shape.
        """
        self.restore_weights(state)
        for name in self.NUMBERS:
            number = float(state[name])
            setattr(self, name, int(number) if name in ("step", "seen", "waited", "stop_waited") else number)
        self.events = state["events"].tolist()
        begun, total, rate, largest = state["block"].tolist()
        self.block = (int(begun), state["block_theta"].copy(), total, rate, largest)
        self.ordered = (-1, np.zeros(0, np.int64))  # the seed may be another one

    def restore_weights(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over the weights of a `state`, or of a snapshot that keeps them.

        Raises:
            UserError: if there are none, or they belong to a model of another shape.
        """
        theta = arrays.get(WEIGHTS)
        if theta is None:
            raise UserError(f"Snapshots keep the weights of classifiers with at most {MAX_KEPT:,} of them.")
        if theta.shape != self.model.theta.shape:
            raise UserError(
                f"The checkpoint holds {theta.size:,} weights, this model has {self.parameters:,}. "
                "The data or the settings have changed since; start a new run."
            )
        self.model.theta[:] = theta
