"""A WaveNet-like model: characters are fused two by two, level by level, instead of all at once."""

import math
from typing import Literal

import torch

from lmcore.config import Config, Field
from lmcore.models.mlp import MLPConfig, batch_norm
from lmcore.nn.layers import Embedding, FlattenConsecutive, Layer, Linear, Sequential, Tanh


class WaveNetConfig(Config):
    """The shape of the hierarchy; a context of 2^n characters makes n levels."""

    family: Literal["wavenet"] = Field("wavenet", description="Name of the model family.")
    context: Literal[2, 4, 8, 16, 32] = Field(8, description="Characters the model sees before it guesses the next.")
    embedding: int = Field(10, ge=1, le=256, description="Numbers that describe each character.")
    hidden: int = Field(68, ge=1, le=1024, description="Units of each level.")
    batch_norm: bool = Field(True, description="Batch normalization before each activation.")
    norm_momentum: float = Field(
        0.1, gt=0, le=1, description="Share of each batch in the running statistics of batch normalization."
    )
    hidden_scale: float = Field(
        1.0, ge=0, le=100, description="Number that the starting weights, normal / sqrt(inputs), are multiplied by."
    )
    output_scale: float = Field(
        0.1,
        ge=0,
        le=100,
        description="Number that the starting output weights, normal / sqrt(inputs), are multiplied by.",
    )


def build_wavenet(
    config: WaveNetConfig, vocabulary_size: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Sequential:
    """The model: (B, T) indices to (B, V) logits, over log2(T) levels of (B, T/2, F), (B, T/4, F), ... (B, F).

    The generator draws the embeddings, the weights of each level from the bottom up, and those of the output. All
    biases start at zero.

    Source: van den Oord et al. 2016, whose dilated causal convolutions compute this tree for every position at once.
    """

    def linear(fan_in: int, fan_out: int, scale: float, bias: bool) -> Linear:
        W = torch.randn((fan_in, fan_out), generator=generator) * (scale / math.sqrt(fan_in))
        return Linear(W.to(dtype), torch.zeros(fan_out, dtype=dtype) if bias else None)

    C = torch.randn((vocabulary_size, config.embedding), generator=generator).to(dtype)
    layers: dict[str, Layer] = {"embedding": Embedding(C)}
    features = config.embedding
    for level in range(1, int(math.log2(config.context)) + 1):
        number = str(level) if level > 1 else ""
        layers[f"flatten{number}"] = FlattenConsecutive(2)
        layers[f"hidden{number}"] = linear(2 * features, config.hidden, config.hidden_scale, not config.batch_norm)
        if config.batch_norm:
            layers[f"norm{number}"] = batch_norm(config.hidden, 1.0, config.norm_momentum, dtype)
        layers[f"tanh{number}"] = Tanh()
        features = config.hidden
    layers["output"] = linear(features, vocabulary_size, config.output_scale, True)
    return Sequential(layers)


def flat_rival(config: WaveNetConfig, vocabulary_size: int) -> MLPConfig:
    """The MLP with the same context and embedding, and a hidden layer so wide that it has about as many parameters."""
    V, E, H, T = vocabulary_size, config.embedding, config.hidden, config.context
    norm = 2 if config.batch_norm else 1  # gain and bias, or a bias
    hierarchy = 2 * E * H + (int(math.log2(T)) - 1) * 2 * H * H + int(math.log2(T)) * norm * H + H * V
    hidden = round(hierarchy / (T * E + norm + V))
    return MLPConfig(
        context=T,
        embedding=E,
        hidden=max(1, min(hidden, 2048)),
        batch_norm="hidden" if config.batch_norm else "none",
        norm_momentum=config.norm_momentum,
    )
