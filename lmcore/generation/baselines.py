"""Simple models to compare with: uniform guessing, and n-grams that count the training split.

They never count the dev and test splits, so their losses on these are held-out losses. In nats per character.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from lmcore.cache import cached
from lmcore.data.corpora import Corpus, Split
from lmcore.errors import UserError
from lmcore.generation.reader import Reader, WindowReader
from lmcore.models.ngram import CountConfig, NGram

UNIFORM = "uniform"
"""Name of guessing uniformly, whose loss is ln V on any text."""

COUNT_CONFIGS = {
    "unigram": CountConfig(order=1, smoothing=1, counted="train"),
    "bigram": CountConfig(order=2, smoothing=1, counted="train"),
    "trigram": CountConfig(order=3, mixing="interpolation", smoothing=0.1, counted="train"),
}
"""The count models, by name, from the shortest context to the longest."""


@dataclass(frozen=True)
class Uniform:
    """A model that gives every character the same probability."""

    vocabulary_size: int

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (B, V), all zero."""
        return torch.zeros(len(x), self.vocabulary_size)


@dataclass(frozen=True)
class CountModel:
    """The n-grams of a text, counted when they are first asked for in a process: another one gets no table."""

    corpus: Corpus
    config: CountConfig

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Log-probabilities as logits: see `NGram.forward`."""
        return _count_model(self.corpus, self.config).forward(x)


def baseline_names(corpus: Corpus) -> tuple[str, ...]:
    """The names of the baselines of a text; without those whose tables would be too large."""
    return (UNIFORM, *_count_models(corpus))


def baseline_reader(corpus: Corpus, name: str) -> Reader:
    """The reader of one of the `baseline_names`."""
    if name == UNIFORM:
        return WindowReader(Uniform(len(corpus.vocabulary)), 0)
    config = COUNT_CONFIGS[name]
    return WindowReader(CountModel(corpus, config), config.order - 1)


def baseline_readers(corpus: Corpus) -> dict[str, Reader]:
    """Uniform guessing and the n-grams of a text, by name."""
    return {name: baseline_reader(corpus, name) for name in baseline_names(corpus)}


def baseline_losses(corpus: Corpus, split: Split = "dev") -> dict[str, float]:
    """The mean loss of each baseline on a split, in nats per character, by name.

    Baselines whose tables would be too large are left out, and so are all count models where the split is empty.
    """
    losses = {UNIFORM: math.log(len(corpus.vocabulary))}
    for name, model in _count_models(corpus).items():
        loss = _loss(model, corpus, split)
        if loss is not None:
            losses[name] = loss
    return losses


def _count_models(corpus: Corpus) -> dict[str, NGram]:
    models = {}
    for name, config in COUNT_CONFIGS.items():
        try:
            models[name] = _count_model(corpus, config)
        except UserError:
            break  # the table is too large, and those of longer contexts are larger still
    return models


@cached(max_bytes=500_000_000)
def _count_model(corpus: Corpus, config: CountConfig) -> NGram:
    return NGram(corpus, config)


@cached(max_bytes=1_000_000)
def _loss(model: NGram, corpus: Corpus, split: Split) -> float | None:
    return model.loss(corpus, split)
