"""The multilayer perceptron of Bengio et al. 2003: embeddings, one tanh layer, a softmax over characters."""

from typing import Literal

import torch
from torch import Tensor

from lmcore.config import Config, Field
from lmcore.layers import Embedding, Linear, Sequential, Tanh


class MLPConfig(Config):
    """The size of the network and where its weights start."""

    family: Literal["mlp"] = Field("mlp", description="Name of the model family.")
    context: int = Field(3, ge=1, le=32, description="Characters the model sees before it guesses the next.")
    embedding: int = Field(10, ge=1, le=256, description="Numbers that describe each character.")
    hidden: int = Field(200, ge=1, le=2048, description="Units of the tanh layer.")
    initialisation: Literal["kaiming", "normal"] = Field(
        "kaiming", description="Starting weights: scaled so that units begin unsaturated, or all standard normal."
    )


def build_mlp(
    config: MLPConfig, vocabulary_size: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Sequential:
    """The model: (B, T) indices to (B, V) logits.

    The generator draws C, W1, b1, W2, b2 in this order. "kaiming" then multiplies W1 by (5/3)/sqrt(T*E)
    (He et al. 2015, with the gain of tanh), b1 by 0.01, W2 by 0.01 and b2 by 0, so that the first loss is near ln V.
    """
    fan_in = config.context * config.embedding

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    C = normal(vocabulary_size, config.embedding)  # (V, E)
    W1, b1 = normal(fan_in, config.hidden), normal(config.hidden)  # (T*E, H), (H,)
    W2, b2 = normal(config.hidden, vocabulary_size), normal(vocabulary_size)  # (H, V), (V,)
    if config.initialisation == "kaiming":
        W1 *= (5 / 3) / fan_in**0.5
        b1 *= 0.01
        W2 *= 0.01
        b2 *= 0.0
    return Sequential({"embedding": Embedding(C), "hidden": Linear(W1, b1), "tanh": Tanh(), "output": Linear(W2, b2)})
