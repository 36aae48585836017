"""The bigram model as a neural network: one-hot input, one linear layer without bias, softmax output.

Dimensions: B batch size, V vocabulary size.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import DTypeLike

from lmcore.config import Config, Field
from lmcore.nn.containers import Sequential
from lmcore.nn.initialization import initial_values
from lmcore.nn.layers import Embedding, FlattenConsecutive


class NeuralBigramConfig(Config):
    """The neural bigram model; it has no architectural choices."""

    family: Literal["neural-bigram"] = Field("neural-bigram", description="Name of the model family.")
    context: Literal[1] = Field(1, description="Context length: number of characters the model sees.")


def build_neural_bigram(
    config: NeuralBigramConfig, vocabulary_size: int, generator: torch.Generator, dtype: DTypeLike = np.float32
) -> Sequential:
    """A new neural bigram model: (B, 1) character indices to (B, V) logits. W (V, V) is drawn standard normal.

    A one-hot row vector times W selects a row of W, so the linear layer is an embedding whose rows are the logits.
    Training brings softmax(W) close to the relative frequencies of the bigrams, and W to the logarithms of their
    counts, up to a constant per row.
    """
    shape = (vocabulary_size, vocabulary_size)
    W = initial_values("normal", 1.0, shape, vocabulary_size, 1.0, generator, dtype)
    return Sequential(
        {
            "W": Embedding(W),  # (B, 1) -> (B, 1, V)
            "flatten": FlattenConsecutive(1),  # -> (B, V)
        }
    )


def count_parameters(config: NeuralBigramConfig, vocabulary_size: int) -> int:
    """Number of trainable parameters."""
    return vocabulary_size**2
