"""The bigram model as a neural net: one layer of weights, a one-hot character in, a softmax out."""

from typing import Literal

import torch

from lmcore.config import Config, Field
from lmcore.nn.layers import Embedding, FlattenConsecutive, Sequential


class NeuralBigramConfig(Config):
    """A table of logits, one row for each character; there is nothing to choose but where it starts."""

    family: Literal["neural-bigram"] = Field("neural-bigram", description="Name of the model family.")
    context: Literal[1] = Field(1, description="Characters the model sees before it guesses the next.")


def build_neural_bigram(
    config: NeuralBigramConfig, vocabulary_size: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Sequential:
    """The model: (B, 1) indices to (B, V) logits; W (V, V) starts standard normal.

    A one-hot row times W is a row of W, so that the layer is an embedding whose numbers are the logits.
    exp(W), each row divided by its sum, is what counting gives: W comes near the logarithm of the counts.
    """
    W = torch.randn((vocabulary_size, vocabulary_size), generator=generator).to(dtype)
    return Sequential({"W": Embedding(W), "flatten": FlattenConsecutive(1)})
