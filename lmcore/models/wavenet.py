"""A hierarchical language model in the style of WaveNet, as in part 5 of the makemore lectures.

Pairs of neighbors are fused level by level, so that T characters need log2(T) levels:

    h[l] = tanh(norm([h[l-1, 2i], h[l-1, 2i+1]] W[l])),    logits = h[last] U + b

Dimensions: B batch size, T context length, V vocabulary size, E embedding dimension, H hidden units.

Source: van den Oord et al. 2016, "WaveNet: A generative model for raw audio", whose dilated causal convolutions compute
this tree for every position at once.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import DTypeLike

from lmcore.config import Config, Field
from lmcore.models.mlp import MLPConfig
from lmcore.nn.containers import Sequential
from lmcore.nn.initialization import initial_values
from lmcore.nn.layers import BatchNorm1d, Embedding, FlattenConsecutive, Layer, Linear, Tanh


class WaveNetConfig(Config):
    """Architecture and initialization of the hierarchy; a context of 2^n characters has n levels."""

    family: Literal["wavenet"] = Field("wavenet", description="Name of the model family.")
    context: Literal[2, 4, 8, 16, 32] = Field(8, description="Context length: number of characters the model sees.")
    embedding: int = Field(10, ge=1, le=256, description="Dimension of the character embeddings.")
    hidden: int = Field(68, ge=1, le=1024, description="Number of units in each level.")
    batch_norm: bool = Field(True, description="Batch normalization of the pre-activations of each level.")
    norm_axes: Literal["both", "batch"] = Field(
        "both",
        description="Axes that batch normalization averages over: both (batch and positions), or only the batch, "
        "a common mistake.",
    )
    norm_momentum: float = Field(
        0.1, gt=0, le=1, description="Momentum of the running statistics of batch normalization: weight of each batch."
    )
    hidden_scale: float = Field(
        1.0, ge=0, le=100, description="Multiplier of the initial hidden weights, which are normal / sqrt(fan_in)."
    )
    output_scale: float = Field(
        0.1, ge=0, le=100, description="Multiplier of the initial output weights, which are normal / sqrt(fan_in)."
    )

    @property
    def levels(self) -> int:
        """Number of levels, log2(context)."""
        return int(math.log2(self.context))


def build_wavenet(
    config: WaveNetConfig, vocabulary_size: int, generator: torch.Generator, dtype: DTypeLike = np.float32
) -> Sequential:
    """A new hierarchical model: (B, T) character indices to (B, V) logits.

    The generator draws the embeddings, the weights of each level from the bottom up, and the output weights. All biases
    are initialized to zero.
    """

    def linear(fan_in: int, fan_out: int, scale: float, bias: bool) -> Linear:
        W = initial_values("kaiming", scale, (fan_in, fan_out), fan_in, 1.0, generator, dtype)
        return Linear(W, np.zeros(fan_out, dtype) if bias else None)

    # (B, T) -> (B, T, E)
    C = initial_values("normal", 1.0, (vocabulary_size, config.embedding), vocabulary_size, 1.0, generator, dtype)
    layers: dict[str, Layer] = {"embedding": Embedding(C)}

    # each level halves the time axis: (B, T, E) -> (B, T/2, H) -> (B, T/4, H) -> ... -> (B, H)
    n_features = config.embedding
    for level in range(1, config.levels + 1):
        number = str(level) if level > 1 else ""  # hidden, hidden2, hidden3...
        layers[f"flatten{number}"] = FlattenConsecutive(2)
        layers[f"hidden{number}"] = linear(2 * n_features, config.hidden, config.hidden_scale, not config.batch_norm)
        if config.batch_norm:
            positions = config.context // 2**level if config.norm_axes == "batch" else 1
            norm = BatchNorm1d.initialized(config.hidden, 1.0, config.norm_momentum, dtype, positions)
            layers[f"norm{number}"] = norm
        layers[f"tanh{number}"] = Tanh()
        n_features = config.hidden

    # (B, H) -> (B, V)
    layers["output"] = linear(n_features, vocabulary_size, config.output_scale, True)
    return Sequential(layers)


def count_parameters(config: WaveNetConfig, vocabulary_size: int) -> int:
    """Number of trainable parameters."""
    V, E, H = vocabulary_size, config.embedding, config.hidden
    hidden_extra = 2 if config.batch_norm else 1  # per unit: gain and bias, or a bias
    return V * E + (2 * E + hidden_extra) * H + (config.levels - 1) * (2 * H + hidden_extra) * H + (H + 1) * V


def parameter_matched_mlp(config: WaveNetConfig, vocabulary_size: int) -> MLPConfig:
    """The MLP with the same context and embedding dimension and the closest number of parameters.

    Its hidden layer has at most 2,048 units, the limit of `MLPConfig`.
    """
    V, E, T = vocabulary_size, config.embedding, config.context
    hidden_extra = 2 if config.batch_norm else 1
    without_embeddings_and_output_bias = count_parameters(config, V) - V * E - V
    hidden = round(without_embeddings_and_output_bias / (T * E + hidden_extra + V))
    return MLPConfig(
        context=T,
        embedding=E,
        hidden=max(1, min(hidden, 2048)),
        batch_norm="hidden" if config.batch_norm else "none",
        norm_momentum=config.norm_momentum,
    )
