"""Weight initialization: the schemes a user can choose from.

Source: He et al. 2015, "Delving deep into rectifiers" ("kaiming"); torch.nn.Linear ("pytorch").
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

Scheme = Literal["normal", "kaiming", "uniform", "pytorch", "zeros"]
SCHEMES = (
    "standard normal; kaiming: normal × gain / sqrt(fan_in); uniform on [0, 1); "
    "pytorch: uniform on ±1 / sqrt(fan_in), the default of torch.nn.Linear; zeros"
)
"""The schemes in words, for the descriptions of settings."""

GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2)}
"""Gain of each activation function, as in torch.nn.init.calculate_gain."""

NumpyScheme = Literal["zeros", "uniform", "normal"]


def initial_values(
    scheme: Scheme,
    scale: float,
    shape: tuple[int, ...],
    fan_in: int,
    gain: float,
    generator: torch.Generator,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Initial weights or biases, as drawn by a scheme in float32 and multiplied by ``scale``.

    "zeros" draws from the generator too, so that the scheme of one layer does not change the draws of the next.

    Args:
        scheme: name of the distribution.
        scale: multiplier of the drawn values.
        shape: shape of the result.
        fan_in: number of inputs of the layer; used by "kaiming" and "pytorch".
        gain: gain of the activation function; used by "kaiming".
        generator: source of the random draws.
        dtype: floating-point precision of the result.
    """
    if scheme in ("uniform", "pytorch"):
        values = torch.rand(shape, generator=generator)
        values = values * scale if scheme == "uniform" else (2 * values - 1) * (scale / math.sqrt(fan_in))
    else:
        factor = {"normal": 1.0, "kaiming": gain / math.sqrt(fan_in), "zeros": 0.0}[scheme]
        values = torch.randn(shape, generator=generator) * (factor * scale)
    return values.numpy().astype(dtype, copy=False)


def numpy_initial_values(
    scheme: NumpyScheme, scale: float, shape: tuple[int, ...], generator: np.random.Generator
) -> NDArray[np.floating[Any]]:
    """Initial weights in float64: zeros, uniform on [0, 1) or standard normal, multiplied by ``scale``."""
    match scheme:
        case "uniform":
            return generator.random(shape) * scale
        case "normal":
            return generator.standard_normal(shape) * scale
    return np.zeros(shape)
