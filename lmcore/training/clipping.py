"""Gradient clipping."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Clip = Literal["none", "value", "norm"]


def clip_gradient(gradient: NDArray[np.floating[Any]], clip: Clip, threshold: float) -> bool:
    """Clip a gradient in place and return whether anything changed.

    Args:
        gradient: all components in one vector, shape (P,).
        clip: "value" limits each component to ±threshold, "norm" rescales the vector to a norm of at most threshold.
        threshold: largest absolute value, or norm, that passes.

    Source: Pascanu, Mikolov and Bengio 2013, algorithm 1 (by norm).
    """
    if clip == "value" and float(np.abs(gradient).max()) > threshold:
        np.clip(gradient, -threshold, threshold, out=gradient)
        return True
    if clip == "norm" and (norm := math.sqrt(float(gradient @ gradient))) > threshold:
        gradient *= threshold / norm
        return True
    return False
