"""What the trainers of language models share: the text, samples, and the schedule. Losses are in nats per character."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.generation.reader import Reader
from lmcore.generation.sampling import SampleConfig, sample
from lmcore.training.config import RunConfig
from lmcore.training.schedules import learning_rates
from lmcore.training.trainer import Arrays, Trainer

MAX_PREDICTION_CHARACTERS = 40
"""Characters in the picture of what the model predicts after each character."""


class LanguageModelTrainer(Trainer):
    """Trains a model that predicts the next character of a text."""

    config: RunConfig
    data: Corpus

    DOCUMENT_SAMPLES = SampleConfig(count=12, seed=42, length=20)
    RUNNING_TEXT_SAMPLES = SampleConfig(count=3, seed=42, length=80)

    @property
    def corpus(self) -> Corpus:
        """The text."""
        return self.data

    @property
    def n_classes(self) -> int:
        """Characters in the vocabulary."""
        return len(self.data.vocabulary)

    @property
    @abstractmethod
    def reader(self) -> Reader:
        """The model as a reader of texts, which can be sampled from."""

    @abstractmethod
    def _learn(self, rates: Sequence[float]) -> NDArray[np.float32]:
        """Take one step with each learning rate; return the loss of each before its update."""

    @abstractmethod
    def _next_logits(self, ids: NDArray[np.int64]) -> torch.Tensor:
        """Logits after one character at the start of a text: shape (M,) to (M, V)."""

    def train_with(self, rates: Sequence[float]) -> NDArray[np.float32]:
        """Take one step with each given learning rate, whatever the schedule says; return the losses.

        Raises:
            DivergedError: if the training diverged; the weights are then useless.
        """
        return self._run(lambda: self._learn(rates))

    def sample(self, config: SampleConfig) -> list[str]:
        """Texts drawn from the model.

        Raises:
            UserError: if the prefix has characters that are not in the vocabulary.
        """
        return sample(self.reader, self.data, config)

    def next_character(self) -> NDArray[np.float32]:
        """Probabilities of the next character after one character at the start of a text, shape (M, M).

        Rows are the first character, columns the next, both in the order of `Corpus.most_frequent`.
        """
        ids = self.data.most_frequent(MAX_PREDICTION_CHARACTERS)
        with torch.inference_mode():
            return torch.softmax(self._next_logits(ids), dim=1)[:, ids].float().numpy()

    def _load_data(self) -> Corpus:
        return corpora.load(self.config.corpus)

    def _take_steps(self, steps: int) -> NDArray[np.float32]:
        return self._learn(learning_rates(self.config.train, self.step, steps))

    def _samples(self) -> tuple[str, ...]:
        # the same seed at every step, so that one random draw can be followed through training
        config = self.DOCUMENT_SAMPLES if self.data.is_documents else self.RUNNING_TEXT_SAMPLES
        return tuple(self.sample(config))

    def _record(self) -> Arrays:
        return {"next_character": self.next_character()}
