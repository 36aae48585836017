"""The models, one family per file: its config, its network and its parameter count."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import torch

from lmcore.config import Config, Field
from lmcore.errors import UserError
from lmcore.models import mlp, neural_bigram, numpy_rnn, recurrent, wavenet
from lmcore.models.mlp import MLPConfig, build_mlp
from lmcore.models.neural_bigram import NeuralBigramConfig, build_neural_bigram
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.recurrent import RecurrentConfig
from lmcore.models.wavenet import WaveNetConfig, build_wavenet, parameter_matched_mlp
from lmcore.nn.layers import Sequential


class Family(NamedTuple):
    """A model family: its config, and the function that builds it if it is made of layers.

    ``build(config, vocabulary_size, generator, dtype)`` draws all weights from the generator, in a fixed order.
    """

    config: type[Config]
    build: Callable[[Any, int, torch.Generator, torch.dtype], Sequential] | None
    count_parameters: Callable[[Any, int], int]


REGISTRY: dict[str, Family] = {
    "mlp": Family(MLPConfig, build_mlp, mlp.count_parameters),
    "neural-bigram": Family(NeuralBigramConfig, build_neural_bigram, neural_bigram.count_parameters),
    "wavenet": Family(WaveNetConfig, build_wavenet, wavenet.count_parameters),
    "rnn": Family(RNNConfig, None, numpy_rnn.count_parameters),
    "recurrent": Family(RecurrentConfig, None, recurrent.count_parameters),
}

LAYERED = [name for name, family in REGISTRY.items() if family.build is not None]
"""Families that are made of layers with an explicit backward pass."""

ModelConfig = Annotated[
    MLPConfig | NeuralBigramConfig | WaveNetConfig | RNNConfig | RecurrentConfig, Field(discriminator="family")
]
"""Config of any language model; the field ``family`` selects the class."""


__all__ = [
    "LAYERED",
    "REGISTRY",
    "Family",
    "MLPConfig",
    "ModelConfig",
    "NeuralBigramConfig",
    "RNNConfig",
    "RecurrentConfig",
    "WaveNetConfig",
    "build",
    "build_mlp",
    "build_neural_bigram",
    "build_wavenet",
    "count_parameters",
    "parameter_matched_mlp",
]


def build(
    config: ModelConfig, vocabulary_size: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Sequential:
    """A new model made of layers, with weights drawn from ``generator``.

    Raises:
        UserError: if the family is not made of layers.
    """
    make = REGISTRY[config.family].build
    if make is None:
        raise UserError(f"{config.family} is not made of layers; choose from: {', '.join(LAYERED)}.")
    return make(config, vocabulary_size, generator, dtype)


def count_parameters(config: ModelConfig, vocabulary_size: int) -> int:
    """Number of trainable parameters of any language model."""
    return REGISTRY[config.family].count_parameters(config, vocabulary_size)
