"""The multilayer perceptron language model of Bengio et al. 2003.

    y = b + W x + U tanh(d + H x),    p(next character) = softmax(y)

x is the concatenation of the embeddings of the context. This is equation 1 of the paper, whose letters the comments
below use. H and d may be repeated (several hidden layers), and W x, the direct connections, is optional.

Dimensions: B batch size, T context length, V vocabulary size, E embedding dimension.

Source: Bengio, Ducharme, Vincent and Jauvin 2003, "A neural probabilistic language model".
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import DTypeLike

from lmcore.config import Config, Field
from lmcore.data.corpora import MAX_CONTEXT
from lmcore.nn.containers import Parallel, Sequential
from lmcore.nn.initialization import GAINS, SCHEMES, Scheme, initial_values
from lmcore.nn.layers import BatchNorm1d, Embedding, FlattenConsecutive, Layer, Linear, ReLU, Tanh


class MLPConfig(Config):
    """Architecture and initialization of the MLP."""

    family: Literal["mlp"] = Field("mlp", description="Name of the model family.")
    context: int = Field(3, ge=1, le=MAX_CONTEXT, description="Context length: number of characters the model sees.")
    embedding: int = Field(10, ge=1, le=256, description="Dimension of the character embeddings.")
    hidden: int = Field(200, ge=1, le=2048, description="Number of units in each hidden layer.")
    hidden_layers: int = Field(1, ge=1, le=6, description="Number of hidden layers.")
    activation: Literal["tanh", "relu"] = Field("tanh", description="Activation function of the hidden units.")
    direct_connections: bool = Field(
        False, description="Direct connections from the embeddings to the logits (Bengio et al. 2003, equation 1)."
    )
    batch_norm: Literal["none", "hidden", "all"] = Field(
        "none", description="Batch normalization: none, of the hidden pre-activations, or of the logits too."
    )
    norm_momentum: float = Field(
        0.1, gt=0, le=1, description="Momentum of the running statistics of batch normalization: weight of each batch."
    )
    embedding_scheme: Literal["normal", "uniform", "zeros"] = Field(
        "normal", description="Initialization of the embeddings: standard normal, uniform on [0, 1), or zeros."
    )
    embedding_scale: float = Field(1.0, ge=0, le=100, description="Multiplier of the initial embeddings.")
    hidden_scheme: Scheme = Field("kaiming", description=f"Initialization of the hidden weights: {SCHEMES}.")
    hidden_scale: float = Field(1.0, ge=0, le=100, description="Multiplier of the initial hidden weights.")
    hidden_bias_scheme: Scheme = Field("normal", description=f"Initialization of the hidden biases: {SCHEMES}.")
    hidden_bias_scale: float = Field(0.01, ge=0, le=100, description="Multiplier of the initial hidden biases.")
    output_scheme: Scheme = Field("normal", description=f"Initialization of the output weights: {SCHEMES}.")
    output_scale: float = Field(0.01, ge=0, le=100, description="Multiplier of the initial output weights.")
    output_bias_scheme: Scheme = Field("zeros", description=f"Initialization of the output biases: {SCHEMES}.")
    output_bias_scale: float = Field(1.0, ge=0, le=100, description="Multiplier of the initial output biases.")


def build_mlp(
    config: MLPConfig, vocabulary_size: int, generator: torch.Generator, dtype: DTypeLike = np.float32
) -> Sequential:
    """A new MLP: (B, T) character indices to (B, V) logits.

    The generator draws the embeddings C, then weights and biases of each hidden layer, those of the output layer, and
    the direct connections, which use the scheme and scale of the output weights. With the default config the initial
    loss is close to ln V, that of a uniform guess.
    """
    V, E, n_inputs = vocabulary_size, config.embedding, config.context * config.embedding

    # x: the concatenated embeddings of the context
    C = initial_values(config.embedding_scheme, config.embedding_scale, (V, E), V, 1.0, generator, dtype)
    inputs: dict[str, Layer] = {
        "embedding": Embedding(C),  # (B, T) -> (B, T, E)
        "flatten": FlattenConsecutive(config.context),  # -> (B, T * E)
    }

    # b + U tanh(d + H x)
    deep: dict[str, Layer] = {}
    fan_in = n_inputs
    for i in range(config.hidden_layers):
        number = str(i + 1) if i else ""  # hidden, hidden2, hidden3...
        deep |= _hidden_layer(config, number, fan_in, generator, dtype)  # -> (B, hidden)
        fan_in = config.hidden
    deep |= _output_layer(config, fan_in, V, generator, dtype)  # -> (B, V)
    if not config.direct_connections:
        return Sequential(inputs | deep)

    # b + W x + U tanh(d + H x)
    W = initial_values(config.output_scheme, config.output_scale, (n_inputs, V), n_inputs, 1.0, generator, dtype)
    return Sequential(inputs | {"logits": Parallel({"deep": deep, "direct": {"direct": Linear(W)}})})


def _hidden_layer(
    config: MLPConfig, number: str, fan_in: int, generator: torch.Generator, dtype: DTypeLike
) -> dict[str, Layer]:
    """tanh(d + H x), or ReLU in place of tanh: (B, fan_in) to (B, hidden).

    Batch normalization has its own bias, so the linear layer below it has none.
    """
    shape, gain = (fan_in, config.hidden), GAINS[config.activation]
    H = initial_values(config.hidden_scheme, config.hidden_scale, shape, fan_in, gain, generator, dtype)
    activation: dict[str, Layer] = {f"{config.activation}{number}": Tanh() if config.activation == "tanh" else ReLU()}
    if config.batch_norm == "none":
        scheme, scale = config.hidden_bias_scheme, config.hidden_bias_scale
        d = initial_values(scheme, scale, shape[1:], fan_in, gain, generator, dtype)
        return {f"hidden{number}": Linear(H, d)} | activation
    norm = BatchNorm1d.initialized(config.hidden, 1.0, config.norm_momentum, dtype)
    return {f"hidden{number}": Linear(H), f"norm{number}": norm} | activation


def _output_layer(
    config: MLPConfig, fan_in: int, vocabulary_size: int, generator: torch.Generator, dtype: DTypeLike
) -> dict[str, Layer]:
    """b + U h: (B, fan_in) to (B, V).

    Normalized logits do not depend on the scale of U; `output_scale` is then the initial gain of the normalization.
    """
    shape, normalized = (fan_in, vocabulary_size), config.batch_norm == "all"
    scale = 1.0 if normalized else config.output_scale
    U = initial_values(config.output_scheme, scale, shape, fan_in, 1.0, generator, dtype)
    if normalized:
        norm = BatchNorm1d.initialized(vocabulary_size, config.output_scale, config.norm_momentum, dtype)
        return {"output": Linear(U), "output_norm": norm}
    scheme, scale = config.output_bias_scheme, config.output_bias_scale
    b = initial_values(scheme, scale, shape[1:], fan_in, 1.0, generator, dtype)
    return {"output": Linear(U, b)}


def count_parameters(config: MLPConfig, vocabulary_size: int) -> int:
    """Number of trainable parameters."""
    V, E, hidden, n_inputs = vocabulary_size, config.embedding, config.hidden, config.context * config.embedding
    hidden_extra = 1 if config.batch_norm == "none" else 2  # per unit: a bias, or gain and bias
    output_extra = 2 if config.batch_norm == "all" else 1
    return (
        V * E
        + (n_inputs + hidden_extra) * hidden
        + (config.hidden_layers - 1) * (hidden + hidden_extra) * hidden
        + (hidden + output_extra) * V
        + (n_inputs * V if config.direct_connections else 0)
    )
