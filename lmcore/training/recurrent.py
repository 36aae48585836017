"""Training of recurrent networks by truncated backpropagation through time. Losses are in nats per character.

Dimensions: B lanes of the text read side by side, T characters per sequence, V characters in the vocabulary.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data.corpora import Split
from lmcore.generation.reader import RecurrentReader
from lmcore.models.numpy_rnn import RNN
from lmcore.models.recurrent import detach, flatten_state
from lmcore.training.checkpoint import BEST, HIDDEN_STATE, OPTIMIZER, WEIGHTS, add_prefix, strip_prefix
from lmcore.training.clipping import clip_gradient
from lmcore.training.language_model import LanguageModelTrainer
from lmcore.training.optimizers import AdaGrad, ChosenOptimizer
from lmcore.training.remedies import Remedy, lower_rate, safe_rate, with_clipping
from lmcore.training.sequences import SequenceBatches
from lmcore.training.trainer import Arrays

if TYPE_CHECKING:
    from lmcore.models.recurrent_net import RecurrentNet

SMOOTHING = 0.999
"""Weight of the past in the smoothed loss, at each step."""


class RecurrentTrainer(LanguageModelTrainer):
    """Trains a recurrent network on a text from its first character to its last, again and again.

    The hidden state carries over from sequence to sequence. The weights with the lowest smoothed loss are kept
    beside the present ones.
    """

    MAX_EXAMPLES_AT_END = 50_000
    CLIPPING: tuple[str, float] = ("norm", 1.0)  # kind and threshold that suit the family

    @property
    def optimizer_name(self) -> str:
        """Name of the optimizer."""
        return str(self.config.train.optimizer)

    @abstractmethod
    def _build_model(self) -> None:
        """Build the network with its initial weights, and its optimizer."""

    @abstractmethod
    def _learn_from_sequence(self, rate: float) -> float:
        """Take one step; return the mean loss of its sequences, before its update."""

    def _build(self) -> None:
        self._build_model()
        self.batches = SequenceBatches(self.data.streams["train"], self.lanes, self.sequence_length)
        self.hidden_state: Any = self.model.initial_state(self.lanes)
        # the smoothed loss of a whole sequence, as the literature plots it
        self.smoothed_loss = self.sequence_length * math.log(self.n_classes)
        self.best_weights, self.best_smoothed_loss = self.weights.copy(), self.smoothed_loss

    @property
    def sequence_length(self) -> int:
        """T, characters per sequence."""
        return int(self.config.model.sequence)  # type: ignore[union-attr]

    @property
    @abstractmethod
    def lanes(self) -> int:
        """B, lanes of the text read side by side."""

    @property
    def examples_per_step(self) -> int:
        """Characters that one step learns from, B × T."""
        return self.lanes * self.sequence_length

    @property
    def reader(self) -> RecurrentReader:
        """The network as a reader of texts."""
        return RecurrentReader(self.model, tuple(self.data.opening.tolist()))

    # ------------------------------------------------------------ steps

    def _learn(self, rates: Sequence[float]) -> NDArray[np.float32]:
        losses = np.empty(len(rates), dtype=np.float32)
        for i, rate in enumerate(rates):
            losses[i] = loss = self._learn_from_sequence(rate)
            self.smoothed_loss = SMOOTHING * self.smoothed_loss + (1 - SMOOTHING) * loss * self.sequence_length
            if self.smoothed_loss < self.best_smoothed_loss:
                self.best_smoothed_loss = self.smoothed_loss
                np.copyto(self.best_weights, self.weights)
        self.examples += len(rates) * self.examples_per_step
        return losses

    def remedy(self) -> Remedy:
        """The likely cause of a divergence, and settings with which the training does not diverge."""
        settings = self.config.train
        safe = safe_rate(self.optimizer_name)
        if settings.clip == "none":
            cause = "Gradients of recurrent networks can explode, and they are not clipped."
            return with_clipping(cause, *self.CLIPPING, settings.learning_rate, safe)
        return lower_rate(settings.learning_rate, safe)

    # ------------------------------------------------------------ evaluation

    def metrics(self, split: Split, max_examples: int | None = None) -> dict[str, float]:
        """The mean loss on a split, read from its start after `Corpus.opening`."""
        ids = self.data.streams[split][: None if max_examples is None else max_examples + 1]
        if len(ids) < 2:
            return {}
        (_, state), total = self.reader.start(1), 0.0
        for start in range(0, len(ids) - 1, 4096):
            piece = ids[start : start + 4097]
            log_p, _, state = self.model.read(piece[:-1], state)  # (L, V)
            total -= float(log_p[np.arange(len(log_p)), piece[1:]].sum(dtype=np.float64))
        return {"loss": total / (len(ids) - 1)}

    def _next_logits(self, ids: NDArray[np.int64]) -> torch.Tensor:
        _, state = self.reader.start(len(ids))
        logits, _ = self.model.step(ids, state)
        return torch.as_tensor(logits)

    # ------------------------------------------------------------ state

    def _record(self) -> Arrays:
        return super()._record() | {
            "smoothed_loss": np.array([self.smoothed_loss, self.best_smoothed_loss], np.float32),
            "epochs": np.array([self.batches.epochs], np.float32),
        }

    def _snapshot_weights(self) -> Arrays:
        return {WEIGHTS: self.weights, BEST + WEIGHTS: self.best_weights}

    def _state(self) -> Arrays:
        return {
            BEST + WEIGHTS: self.best_weights,
            "smoothed_loss": np.array([self.smoothed_loss, self.best_smoothed_loss]),
            "batches": self.batches.state_dict(),
        }

    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.best_weights = state[BEST + WEIGHTS].copy()
        self.smoothed_loss, self.best_smoothed_loss = state["smoothed_loss"].tolist()
        self.batches = SequenceBatches.from_state(self.data.streams["train"], self.sequence_length, state["batches"])


class NumpyRNNTrainer(RecurrentTrainer):
    """Trains the RNN in NumPy with AdaGrad, on one lane; of `TrainConfig` it uses the learning rate and clipping."""

    CLIPPING = ("value", 5.0)

    model: RNN

    @property
    def optimizer_name(self) -> str:
        """AdaGrad, whatever the settings say."""
        return "adagrad"

    def _build_model(self) -> None:
        generator = np.random.default_rng(self.config.train.seed)
        self.model = self.network(self.config.model, self.n_classes, generator)
        self.optimizer = AdaGrad(self.model.theta, initial_sum=1e-8, epsilon=0.0)

    @property
    def lanes(self) -> int:
        """One: the text is read from its first character to its last."""
        return 1

    def _prepare(self) -> None:
        """Nothing depends on the settings but each step itself."""

    def _learn_from_sequence(self, rate: float) -> float:
        model, settings = self.model, self.config.train
        ids, targets = self.batches.next()  # (T, 1)
        if self.batches.starts_epoch:
            self.hidden_state[:] = 0
        # forward, backward through time, clip, update
        loss = model.forward(ids[:, 0], targets[:, 0], self.hidden_state[0])
        model.backward()
        clip_gradient(model.grad, settings.clip, settings.clip_threshold)
        self.optimizer.step(model.grad, rate)
        self.hidden_state[0] = model.h[-1]
        return float(loss) / self.sequence_length

    def _state(self) -> Arrays:
        own = {OPTIMIZER + "accumulator": self.optimizer.moments["sum"], HIDDEN_STATE + "0": self.hidden_state}
        return super()._state() | own

    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._load_state(state)
        self.optimizer.load_state_dict({"sum": state[OPTIMIZER + "accumulator"]})
        self.hidden_state = state[HIDDEN_STATE + "0"].copy()


class TorchRecurrentTrainer(RecurrentTrainer):
    """Trains a plain RNN, a GRU or an LSTM of PyTorch by autograd, on as many lanes of the text as a batch has.

    The generator, seeded by the config, draws the initial weights first and then the dropout masks.
    """

    MAX_WORK = 10_000_000_000  # about two seconds on one core
    MAX_LOGITS = 100_000_000  # numbers that a step keeps for the backward pass

    model: RecurrentNet

    def _build_model(self) -> None:
        self.generator = torch.Generator().manual_seed(self.config.train.seed)
        self.model = self.network(self.config.model, self.n_classes, self.generator)
        self.optimizer = ChosenOptimizer(self.model.theta.numpy())

    @property
    def lanes(self) -> int:
        """B, lanes of the text read side by side: the batch size."""
        return self.config.train.batch_size

    @property
    def work_per_step(self) -> int:
        """Weights × characters, or the same for the memory that the logits take."""
        per_character = max(self.n_parameters, self.MAX_WORK // self.MAX_LOGITS * self.n_classes)
        return per_character * self.examples_per_step

    def _prepare(self) -> None:
        if self.lanes != self.batches.batch_size:  # another batch size begins a new epoch
            self.batches = SequenceBatches(self.data.streams["train"], self.lanes, self.sequence_length)
        self.optimizer.configure(self.config.train)

    def _learn_from_sequence(self, rate: float) -> float:
        model, settings = self.model, self.config.train
        ids, targets = (torch.from_numpy(part).long() for part in self.batches.next())  # (T, B)
        if self.batches.starts_epoch:
            self.hidden_state = model.initial_state(self.lanes)
        # forward and backward; the gradient ends where the sequence begins
        model.grad.zero_()
        logits, _, state = model.forward(ids, self.hidden_state, self.generator)  # (T, B, V)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        self.hidden_state = detach(state)
        # clip and update
        clip_gradient(model.grad.numpy(), settings.clip, settings.clip_threshold)
        self.optimizer.step(model.grad.numpy(), rate)
        return loss.item()

    def _state(self) -> Arrays:
        hidden_state = {str(i): part.numpy() for i, part in enumerate(flatten_state(self.hidden_state))}
        return (
            super()._state()
            | {"generator": self.generator.get_state().numpy()}
            | add_prefix(HIDDEN_STATE, hidden_state)
            | add_prefix(OPTIMIZER, self.optimizer.state_dict())
        )

    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        super()._load_state(state)
        self.generator.set_state(torch.from_numpy(state["generator"]))
        self.optimizer.load_state_dict(strip_prefix(OPTIMIZER, state))
        parts = strip_prefix(HIDDEN_STATE, state)
        tensors = [torch.from_numpy(parts[str(i)].copy()) for i in range(len(parts))]
        self.hidden_state = self.model.unflatten_state(tensors)
