"""A trainer for each kind of model. A run asks for its own with `make`, and need not know which it is.

Losses are in nats per character. Dimensions: K characters in the vocabulary, T characters of a sequence.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data import corpora, datasets
from lmcore.data.corpora import Corpus, Split
from lmcore.data.datasets import Dataset
from lmcore.errors import UserError
from lmcore.generation.sampling import Reader, Remembering, SampleConfig, StateReader, sample
from lmcore.models import numpy_rnn, recurrent
from lmcore.models.numpy_rnn import RNN, AdaGrad, RNNConfig, Stream
from lmcore.models.recurrent import Lanes, RecurrentConfig, RecurrentNet, detached, flattened
from lmcore.training.classifiers import ClassifierRunConfig, ClassifierTrainer
from lmcore.training.history import WEIGHTS, Snapshot, under
from lmcore.training.training import MAX_KEPT, MAX_SHOWN, MOMENTS, Descent, DivergedError, RunConfig, Trainer, rates

KEEP = 0.999  # of the smoothed loss, at each step
READ = 5_000  # characters of a split that a live loss is measured on
READ_AT_END = 50_000
LAST, BEST = "last/", "best/"
"""Beginnings of the names of a snapshot's weights: those after its step, and those with the lowest smoothed loss."""

CARRIED = "carried"
"""Beginning of the names of what a network of PyTorch carries from sequence to sequence."""

MAX_WORK, MAX_LOGITS = 10_000_000_000, 100_000_000
"""Of a recurrent network's step: weights times characters, about two seconds of one core; logits that are kept."""


AnyTrainer: TypeAlias = "Trainer | RecurrentTrainer | ClassifierTrainer"
"""What a run may be trained by."""

AnyRunConfig: TypeAlias = RunConfig | ClassifierRunConfig
"""What may decide a run's numbers."""

CONFIGS: dict[str, type[RunConfig] | type[ClassifierRunConfig]] = {
    "write": RunConfig,
    "classify": ClassifierRunConfig,
}
"""The config of the runs of each task, by the task's name."""


def config_of(values: Mapping[str, Any]) -> AnyRunConfig:
    """The config that plain data describe, of whatever task they name; without a name, of a language model.

    Raises:
        UserError: names the task or the field that does not fit.
    """
    task = values.get("task", "write")
    if not isinstance(task, str) or task not in CONFIGS:
        raise UserError(f"There is no task {task!r}; choose one of: {', '.join(CONFIGS)}.")
    return CONFIGS[task].parse(values)


def make(config: AnyRunConfig, corpus: Corpus | None = None) -> "AnyTrainer":
    """The trainer of a config's model.

    Raises:
        UserError: if the text cannot be loaded or is too short, or the data do not suit the model.
    """
    if isinstance(config, ClassifierRunConfig):
        return ClassifierTrainer(config)
    match config.model:
        case RNNConfig():
            return FromScratch(config, corpus)
        case RecurrentConfig():
            return InTorch(config, corpus)
    return Trainer(config, corpus)


def material(config: AnyRunConfig) -> Corpus | Dataset:
    """What a run learns from.

    Raises:
        UserError: if it cannot be loaded.
    """
    return datasets.load(config.data) if isinstance(config, ClassifierRunConfig) else corpora.load(config.corpus)


class RecurrentTrainer(ABC):
    """Trains a recurrent network on a text from its first character to its last, again and again.

    The weights of the lowest smoothed loss are kept beside the present ones. A subclass says how the network is made
    and how it takes a step.

    Raises:
        UserError: if the text cannot be loaded or is too short.
    """

    SAMPLES = SampleConfig(count=3, seed=42, length=80)

    model: Remembering
    theta: NDArray[np.floating[Any]]  # the model's weights, the same memory
    first_loss: float
    own: Any  # the model's config

    def __init__(self, config: RunConfig, corpus: Corpus | None = None) -> None:
        self.config, self.own = config, config.model
        self.corpus = corpus or corpora.load(config.corpus)
        self.reset()

    def reset(self) -> None:
        """Back to step 0, with the same starting weights again."""
        self.step, self.first_loss = 0, math.nan
        self._make()
        self.smoothed = self.own.sequence * math.log(len(self.corpus.vocabulary))  # of the sum over a sequence
        self.best, self.best_smoothed = self.theta.copy(), self.smoothed

    @abstractmethod
    def _make(self) -> None:
        """Makes the model with its starting weights, and what trains it."""

    @abstractmethod
    def _prepare(self) -> None:
        """Takes on settings that may change while a run goes on."""

    @abstractmethod
    def _learn(self, rate: float) -> float:
        """Takes a step; returns the mean loss of its sequences per character, before that."""

    @abstractmethod
    def _held(self) -> dict[str, NDArray[Any]]:
        """All that the network and its training need to go on."""

    @abstractmethod
    def _take_over(self, held: dict[str, NDArray[Any]]) -> None:
        """Goes on from what `_held` returned."""

    @property
    @abstractmethod
    def epochs(self) -> float:
        """How often the text has been read."""

    @property
    def parameters(self) -> int:
        """Number of trainable numbers in the model."""
        return len(self.theta)

    @property
    def reader(self) -> StateReader:
        """The network as one that reads texts."""
        return StateReader(self.model, first_character(self.corpus))

    def train(self, steps: int) -> NDArray[np.float32]:
        """Takes so many steps and returns the mean loss of each per character, before its update.

        Raises:
            DivergedError: if a loss is not finite, or far above the first; the weights are then lost.
        """
        self._prepare()
        losses = np.empty(steps, dtype=np.float32)
        for i, rate in enumerate(rates(self.config.train, self.step, steps)):
            losses[i] = loss = self._learn(rate)
            self.smoothed = KEEP * self.smoothed + (1 - KEEP) * loss * self.own.sequence
            if self.smoothed < self.best_smoothed:
                self.best_smoothed = self.smoothed
                np.copyto(self.best, self.theta)
        self._refuse_divergence(losses)
        self.step += steps
        return losses

    def _refuse_divergence(self, losses: NDArray[np.float32]) -> None:
        if math.isnan(self.first_loss):
            self.first_loss = float(losses[0])
        highest = 5 * max(self.first_loss, math.log(len(self.corpus.vocabulary)))
        if not (losses.mean() <= highest and np.isfinite(self.theta).all()):
            rate = self.config.train.learning_rate
            raise DivergedError(
                f"The training diverged near step {self.step:,}: try a learning rate of {rate / 10:g}, or clipping.",
                losses,
            )

    def take_ratios(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """None are kept of these models."""
        return np.zeros(0, np.int64), np.zeros((0, 0, 2), np.float32)

    def evaluate(self, split: Split, most: int | None = None) -> float | None:
        """Mean loss over a split, read from its start with a state of zeros; None if it has no two characters.

        Args:
            split: "train", "dev" or "test".
            most: at most so many characters; all if None.
        """
        ids = self.corpus.streams[split][: None if most is None else most + 1]
        if len(ids) < 2:
            return None
        carried, total = self.model.initial(1), 0.0
        for start in range(0, len(ids) - 1, 4096):
            piece = ids[start : start + 4097]
            log_p, _, carried = self.model.read(piece[:-1], carried)
            total -= float(log_p[np.arange(len(log_p)), piece[1:]].sum(dtype=np.float64))
        return total / (len(ids) - 1)

    def sample(self, config: SampleConfig) -> list[str]:
        """Texts drawn from the model as it is; the prefix primes the hidden state."""
        return sample(self.reader, self.corpus, config)

    def snapshot(self) -> Snapshot:
        """The record of this step; the dice of the samples are the same at every step."""
        config = self.SAMPLES.updated(count=12, length=20) if self.corpus.is_documents else self.SAMPLES
        most = READ_AT_END if self.step == self.config.train.steps else READ
        train, dev = self.evaluate("train", most), self.evaluate("dev", most)
        record = {
            "next_character": self.next_character(),
            "smoothed": np.array([self.smoothed, self.best_smoothed], np.float32),
            "epoch": np.array([self.epochs], np.float32),
        }
        if self.parameters <= MAX_KEPT:
            record |= {LAST + WEIGHTS: self.theta.copy(), BEST + WEIGHTS: self.best.copy()}
        return Snapshot(self.step, train if train is not None else math.nan, dev, tuple(self.sample(config)), record)

    def next_character(self) -> NDArray[np.float32]:
        """What the model expects after one character at the start: probabilities, shape (M, M)."""
        ids = self.corpus.most_frequent(MAX_SHOWN)
        logits, _ = self.model.advance(ids, self.model.initial(len(ids)))
        return torch.softmax(torch.as_tensor(logits), 1)[:, ids].float().numpy()

    def state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on."""
        numbers = {"step": self.step, "first_loss": self.first_loss, "smoothed": self.smoothed}
        numbers["best_smoothed"] = self.best_smoothed
        return (
            {LAST + name: array for name, array in self._held().items()}
            | {BEST + WEIGHTS: self.best}
            | {name: np.array(number) for name, number in numbers.items()}
        )

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Goes on from a `state`.

        Raises:
            UserError: if the state belongs to a model of another shape.
        """
        self._take_over(under(LAST, state))
        self.best = state[BEST + WEIGHTS].copy()
        self.step = int(state["step"])
        self.first_loss, self.smoothed = float(state["first_loss"]), float(state["smoothed"])
        self.best_smoothed = float(state["best_smoothed"])


class FromScratch(RecurrentTrainer):
    """Trains the network in NumPy. The optimizer is AdaGrad; of `TrainConfig` it takes the rate and its schedule."""

    model: RNN

    def _make(self) -> None:
        self.model = RNN(self.own, len(self.corpus.vocabulary), np.random.default_rng(self.config.train.seed))
        self.theta = self.model.theta
        self.optimizer = AdaGrad(self.theta)
        self.stream = Stream(self.corpus.streams["train"], self.own.sequence, self.own.hidden)

    def _prepare(self) -> None:
        """Nothing but the rate may change."""

    def _learn(self, rate: float) -> float:
        loss = numpy_rnn.step(self.model, self.optimizer, self.stream, rate, self.own.clip, self.own.clip_at)
        return loss / float(self.own.sequence)

    @property
    def epochs(self) -> float:
        """How often the text has been read."""
        return self.stream.epoch + self.stream.position / len(self.stream.ids)

    def _held(self) -> dict[str, NDArray[Any]]:
        return numpy_rnn.state(self.model, self.optimizer, self.stream)

    def _take_over(self, held: dict[str, NDArray[Any]]) -> None:
        numpy_rnn.restore(self.model, self.optimizer, self.stream, held)


class InTorch(RecurrentTrainer):
    """Trains a network of PyTorch by autograd, on as many lanes of the text as a batch has.

    The generator, seeded by the config, draws the weights and then what dropout leaves out.
    """

    model: RecurrentNet

    def _make(self) -> None:
        settings, V = self.config.train, len(self.corpus.vocabulary)
        _refuse_much_work(self.own, settings.batch_size, V)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.model = RecurrentNet(self.own, V, self.generator)
        self.theta = self.model.theta.numpy()
        self.descent = Descent(self.model.theta)
        self.lanes = Lanes(self.corpus.streams["train"], settings.batch_size, self.own.sequence)

    def _prepare(self) -> None:
        settings = self.config.train
        if settings.batch_size != self.lanes.ids.shape[1]:
            _refuse_much_work(self.own, settings.batch_size, len(self.corpus.vocabulary))
            self.lanes = Lanes(self.corpus.streams["train"], settings.batch_size, self.own.sequence)
        self.descent.prepare(settings)

    def _learn(self, rate: float) -> float:
        model, (ids, targets) = self.model, self.lanes.next()
        model.grad.zero_()
        logits, _, carried = model.forward(ids, self.lanes.carried, self.generator)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        self.lanes.carried = detached(carried)
        model.grad.mul_((self.own.clip_at / (model.grad.norm() + 1e-6)).clamp(max=1.0))
        self.descent.step(model.grad, rate)
        return loss.item()

    @property
    def epochs(self) -> float:
        """How often the text has been read; another size of the batch begins anew."""
        return self.lanes.epochs

    def _held(self) -> dict[str, NDArray[Any]]:
        lanes = self.lanes
        carried = flattened(lanes.carried or [])
        return (
            {WEIGHTS: self.theta, "generator": self.generator.get_state().numpy()}
            | {"lanes": np.array([lanes.ids.shape[1], lanes.position, lanes.epoch])}
            | {f"{CARRIED}{i}": part.numpy() for i, part in enumerate(carried)}
            | self.descent.moments()
        )

    def _take_over(self, held: dict[str, NDArray[Any]]) -> None:
        if held[WEIGHTS].shape != self.theta.shape or held[WEIGHTS].dtype != self.theta.dtype:
            raise UserError(
                f"The checkpoint holds {held[WEIGHTS].size:,} weights, this model has {self.parameters:,}. "
                "The text or the settings have changed since; start a new run."
            )
        self.theta[:] = held[WEIGHTS]
        self.generator.set_state(torch.from_numpy(held["generator"]))
        self.descent.restore(under(MOMENTS, held), self.config.train)
        count, position, epoch = (int(number) for number in held["lanes"])
        self.lanes = Lanes(self.corpus.streams["train"], count, self.own.sequence)
        self.lanes.position, self.lanes.epoch = position, epoch
        parts = under(CARRIED, held)
        tensors = [torch.from_numpy(parts[str(i)].copy()) for i in range(len(parts))]
        self.lanes.carried = self.model.joined(tensors) if tensors else None


def _refuse_much_work(config: RecurrentConfig, batch_size: int, vocabulary_size: int) -> None:
    examples = batch_size * config.sequence
    work = max(recurrent.size(config, vocabulary_size), MAX_WORK / MAX_LOGITS * vocabulary_size) * examples
    if work > MAX_WORK:
        raise UserError(
            f"A step of {batch_size:,} lanes with {config.sequence:,} characters is {work / MAX_WORK:.1f} times what "
            "is allowed with this network and text. Choose a smaller batch, shorter sequences or a smaller network."
        )


# ---------------------------------------------------------------- looking at a snapshot


def network(config: RunConfig, corpus: Corpus, snapshot: Snapshot, which: str = LAST) -> "RNN | RecurrentNet":
    """The recurrent network of a snapshot: the last one, or the best until then.

    Raises:
        UserError: if the snapshot keeps no weights of a recurrent network.
    """
    theta, V = snapshot.arrays.get(which + WEIGHTS), len(corpus.vocabulary)
    model: RNN | RecurrentNet
    match config.model:
        case RNNConfig():
            model = RNN(config.model, V, np.random.default_rng(0))
        case RecurrentConfig():
            model = RecurrentNet(config.model, V, torch.Generator())
        case _:
            raise UserError(f"{config.model.family} is not a recurrent network.")
    if theta is None:
        raise UserError("This snapshot keeps no weights, as those of large networks do not. Choose the last one.")
    np.copyto(np.asarray(model.theta), theta)
    return model


def reader(config: RunConfig, corpus: Corpus, snapshot: Snapshot, which: str = LAST) -> Reader:
    """The model of a snapshot that keeps its weights, of any family, as one that reads texts.

    Args:
        which: of a recurrent network the last one, or the best until then.

    Raises:
        UserError: if the snapshot keeps no weights.
    """
    if isinstance(config.model, RNNConfig | RecurrentConfig):
        return StateReader(network(config, corpus, snapshot, which), first_character(corpus))
    if WEIGHTS not in snapshot.arrays:
        raise UserError("This snapshot keeps no weights. Choose the last one, or a smaller model.")
    trainer = Trainer(config, corpus)
    trainer.restore_weights(snapshot.arrays)
    return trainer.reader


def first_character(corpus: Corpus) -> int:
    """What a text begins after: the boundary of documents, a line's end in running text where there is one."""
    return 0 if corpus.is_documents else corpus.vocabulary.index.get("\n", 0)
