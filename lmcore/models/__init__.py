"""The models, one family a file, and the registry that maps names to them."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import torch

from lmcore.config import Config, Field
from lmcore.errors import UserError
from lmcore.models.mlp import MLPConfig, build_mlp
from lmcore.models.neural_bigram import NeuralBigramConfig, build_neural_bigram
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.recurrent import RecurrentConfig
from lmcore.models.wavenet import WaveNetConfig, build_wavenet, flat_rival
from lmcore.nn.layers import Sequential


class Family(NamedTuple):
    """A model family: its config and the function that builds it from layers, if it is made of such.

    ``build(config, vocabulary_size, generator, dtype)`` draws all weights from the generator, in a fixed order.
    """

    config: type[Config]
    build: Callable[[Any, int, torch.Generator, torch.dtype], Sequential] | None


REGISTRY: dict[str, Family] = {
    "mlp": Family(MLPConfig, build_mlp),
    "neural-bigram": Family(NeuralBigramConfig, build_neural_bigram),
    "wavenet": Family(WaveNetConfig, build_wavenet),
    "rnn": Family(RNNConfig, None),
    "recurrent": Family(RecurrentConfig, None),
}

LAYERED = [name for name, family in REGISTRY.items() if family.build is not None]
"""Families that are made of layers with an explicit backward pass."""

ModelConfig = Annotated[
    MLPConfig | NeuralBigramConfig | WaveNetConfig | RNNConfig | RecurrentConfig, Field(discriminator="family")
]
"""Any model's config; the field ``family`` tells which."""


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
    "flat_rival",
]


def build(
    config: ModelConfig, vocabulary_size: int, generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Sequential:
    """The model of layers that a config describes, with fresh weights from ``generator``.

    Raises:
        UserError: if the family is not made of layers.
    """
    make = REGISTRY[config.family].build
    if make is None:
        raise UserError(f"{config.family} is not made of layers; choose from: {', '.join(LAYERED)}.")
    return make(config, vocabulary_size, generator, dtype)


def count_parameters(config: ModelConfig, vocabulary_size: int) -> int:
    """Numbers that are trained in the model that a config describes."""
    return len(build(config, vocabulary_size, torch.Generator()).theta)
