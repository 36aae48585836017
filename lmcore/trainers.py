"""A trainer for each kind of model. A run asks for its own with `make`, and need not know which it is.

Losses are in nats per character. Dimensions: K characters in the vocabulary, T characters of a sequence.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore import corpora
from lmcore.corpora import Corpus, Split
from lmcore.errors import UserError
from lmcore.history import Snapshot, under
from lmcore.sampling import SampleConfig, until_end
from lmcore.scratch import rnn
from lmcore.scratch.rnn import RNN, AdaGrad, RNNConfig, Stream
from lmcore.training import MOST_KEPT, MOST_SHOWN, DivergedError, RunConfig, Trainer, rates

KEEP = 0.999  # of the smoothed loss, at each step
READ = 5_000  # characters of a split that a live loss is measured on
READ_AT_END = 50_000
LAST, BEST = "rnn/", "best/"
"""Beginnings of the names of a snapshot's weights: those after its step, and those with the lowest smoothed loss."""


AnyTrainer: TypeAlias = "Trainer | RecurrentTrainer"
"""What a run may be trained by."""

AnyRunConfig: TypeAlias = RunConfig
"""What may decide a run's numbers."""

CONFIGS: dict[str, type[AnyRunConfig]] = {"write": RunConfig}
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
        UserError: if the text cannot be loaded or is too short.
    """
    return RecurrentTrainer(config, corpus) if isinstance(config.model, RNNConfig) else Trainer(config, corpus)


def material(config: AnyRunConfig) -> Corpus:
    """What a run learns from.

    Raises:
        UserError: if it cannot be loaded.
    """
    return corpora.load(config.corpus)


class RecurrentTrainer:
    """Trains the recurrent network on a text from its first character to its last, again and again.

    The optimiser is AdaGrad; of `TrainConfig` it takes steps, learning rate and its schedule, seed, evaluate_every and
    minutes. The weights of the lowest smoothed loss are kept beside the present ones.
    """

    SAMPLES = SampleConfig(count=3, seed=42, length=80)

    def __init__(self, config: RunConfig, corpus: Corpus | None = None) -> None:
        assert isinstance(config.model, RNNConfig)
        self.config, self.model_config = config, config.model
        self.corpus = corpus or corpora.load(config.corpus)
        self.reset()

    def reset(self) -> None:
        """Back to step 0, with the same starting weights again."""
        K, own = len(self.corpus.vocabulary), self.model_config
        self.step, self.first_loss = 0, math.nan
        self.model = RNN(own, K, np.random.default_rng(self.config.train.seed))
        self.optimiser = AdaGrad(self.model.theta)
        self.stream = Stream(self.corpus.streams["train"], own.sequence, own.hidden)
        self.smoothed = own.sequence * math.log(K)  # of the sum over a sequence, as in the literature
        self.best, self.best_smoothed = self.model.theta.copy(), self.smoothed

    @property
    def parameters(self) -> int:
        """Number of trainable numbers in the model."""
        return len(self.model.theta)

    def train(self, steps: int) -> NDArray[np.float32]:
        """Takes so many steps, a sequence each, and returns the mean loss of each per character, before its update.

        Raises:
            DivergedError: if a loss is not finite, or far above the first; the weights are then lost.
        """
        own, T = self.model_config, self.model_config.sequence
        losses = np.empty(steps, dtype=np.float32)
        for i, rate in enumerate(rates(self.config.train, self.step, steps)):
            loss = rnn.step(self.model, self.optimiser, self.stream, rate, own.clip, own.clip_at)
            losses[i] = loss / T
            self.smoothed = KEEP * self.smoothed + (1 - KEEP) * loss
            if self.smoothed < self.best_smoothed:
                self.best_smoothed = self.smoothed
                np.copyto(self.best, self.model.theta)
        self._refuse_divergence(losses)
        self.step += steps
        return losses

    def _refuse_divergence(self, losses: NDArray[np.float32]) -> None:
        if math.isnan(self.first_loss):
            self.first_loss = float(losses[0])
        highest = 5 * max(self.first_loss, math.log(len(self.corpus.vocabulary)))
        if not (losses.mean() <= highest and np.isfinite(self.model.theta).all()):
            rate = self.config.train.learning_rate
            raise DivergedError(
                f"The training diverged near step {self.step:,}: try a learning rate of {rate / 10:g}, or clipping.",
                losses,
            )

    def take_ratios(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """None are kept of this model."""
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
        h, total = np.zeros(self.model_config.hidden, self.model.dtype), 0.0
        for start in range(0, len(ids) - 1, 4096):
            piece = ids[start : start + 4097]
            log_p, states = self.model.read(piece[:-1], h)
            total -= float(log_p[np.arange(len(log_p)), piece[1:]].sum(dtype=np.float64))
            h = states[-1]
        return total / (len(ids) - 1)

    def sample(self, config: SampleConfig) -> list[str]:
        """Texts drawn from the model as it is; the prefix primes the hidden state."""
        return [config.prefix + until_end(self.corpus, row) for row in draw(self.model, self.corpus, config).ids]

    def snapshot(self) -> Snapshot:
        """The record of this step; the dice of the samples are the same at every step."""
        config = self.SAMPLES.updated(count=12, length=20) if self.corpus.is_documents else self.SAMPLES
        most = READ_AT_END if self.step == self.config.train.steps else READ
        train, dev = self.evaluate("train", most), self.evaluate("dev", most)
        record = {
            "next_character": self.next_character(),
            "smoothed": np.array([self.smoothed, self.best_smoothed], np.float32),
            "epoch": np.array([self.stream.epoch + self.stream.position / len(self.stream.ids)], np.float32),
        }
        if self.parameters <= MOST_KEPT:
            record |= {f"{LAST}theta": self.model.theta.copy(), f"{BEST}theta": self.best.copy()}
        return Snapshot(self.step, train if train is not None else math.nan, dev, tuple(self.sample(config)), record)

    def next_character(self) -> NDArray[np.float32]:
        """What the model expects after one character at the start: probabilities, shape (M, M)."""
        ids = self.corpus.most_frequent(MOST_SHOWN)
        h = np.tanh(self.model.U.T[ids] + self.model.b)
        p: NDArray[np.float32] = np.exp(rnn.log_softmax(h @ self.model.V.T + self.model.c))[:, ids].astype(np.float32)
        return p

    def state(self) -> dict[str, NDArray[Any]]:
        """All that is needed to go on."""
        numbers = {"step": self.step, "first_loss": self.first_loss, "smoothed": self.smoothed}
        numbers["best_smoothed"] = self.best_smoothed
        held = rnn.state(self.model, self.optimiser, self.stream)
        return (
            {LAST + name: array for name, array in held.items()}
            | {f"{BEST}theta": self.best}
            | {name: np.array(number) for name, number in numbers.items()}
        )

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Goes on from a `state`.

        Raises:
            UserError: if the state belongs to a model of another shape.
        """
        rnn.restore(self.model, self.optimiser, self.stream, under(LAST, state))
        self.best = state[f"{BEST}theta"].copy()
        self.step = int(state["step"])
        self.first_loss, self.smoothed = float(state["first_loss"]), float(state["smoothed"])
        self.best_smoothed = float(state["best_smoothed"])


# ---------------------------------------------------------------- looking at a snapshot


def network(config: RunConfig, corpus: Corpus, snapshot: Snapshot, which: str = LAST) -> RNN:
    """The network of a snapshot: the last one, or the best until then.

    Raises:
        UserError: if the snapshot keeps no weights of a recurrent network.
    """
    if not isinstance(config.model, RNNConfig) or f"{which}theta" not in snapshot.arrays:
        raise UserError(f"Snapshots keep the weights of recurrent networks with at most {MOST_KEPT:,} of them.")
    model = RNN(config.model, len(corpus.vocabulary), np.random.default_rng(0))
    model.theta[:] = snapshot.arrays[f"{which}theta"]
    return model


def draw(model: RNN, corpus: Corpus, config: SampleConfig, top_k: int = 0) -> rnn.Sample:
    """Texts from a recurrent network, primed with a prefix; text i uses row i of the dice.

    Raises:
        UserError: if the prefix holds characters that the corpus does not know.
    """
    if corpus.is_documents and corpus.boundary in config.prefix:
        raise UserError(f"{corpus.boundary!r} marks the end of a document. Leave it out of the prefix.")
    read = np.concatenate([[first_character(corpus)], corpus.vocabulary.encode(config.prefix)]).astype(np.int64)
    h = np.zeros(model.config.hidden, model.dtype)
    if len(read) > 1:
        h = model.read(read[:-1], h)[1][-1]
    generator = torch.Generator().manual_seed(config.seed)
    dice = torch.rand((config.count, config.length), dtype=torch.float64, generator=generator).numpy()
    states = np.broadcast_to(h, (config.count, len(h)))
    return rnn.sample(model, states, int(read[-1]), dice, config.temperature, top_k)


def first_character(corpus: Corpus) -> int:
    """What a text begins after: the boundary of documents, a line's end in running text where there is one."""
    return 0 if corpus.is_documents else corpus.vocabulary.index.get("\n", 0)
