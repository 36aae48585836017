"""Cross-entropy losses with their gradients, in nats.

Dimensions: B examples, V classes (for a language model: the characters of its vocabulary), N rows of any batch.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.floating[Any]]


class Loss(NamedTuple):
    """The loss of a batch and its gradient."""

    log_probabilities: Tensor  # (B, 1), of the targets; the loss is minus their mean
    grad_logits: Tensor  # (B, V), gradient of the mean loss


def cross_entropy(logits: Tensor, targets: Tensor, out: Tensor | None = None) -> Loss:
    """Log-probabilities of the targets, and the gradient of the mean negative log-likelihood.

    The gradient with respect to the logits is (softmax(logits) - onehot(targets)) / B.

    Args:
        logits: shape (B, V).
        targets: shape (B, 1), class indices.
        out: optional output buffer for the log-probabilities, shape (B, 1).
    """
    # forward: pick the log-probability of each target
    log_p = torch.log_softmax(logits, dim=1)  # (B, V)
    picked = torch.gather(log_p, 1, targets) if out is None else torch.gather(log_p, 1, targets, out=out)  # (B, 1)

    # backward: (softmax - onehot) / B, in the memory of log_p
    gradient = log_p.exp_()
    rows = logits.shape[0]
    gradient.scatter_add_(1, targets, _minus_ones(rows, logits.dtype))
    return Loss(picked, gradient.mul_(1 / rows))


def cross_entropy_from_counts(logits: Tensor, share: Tensor) -> tuple[float, Tensor]:
    """Mean loss of a bigram model over a whole text, and its gradient (V, V), from bigram counts alone.

    A model that sees one character has only V distinct inputs, so the examples need not be visited one by one.

    Args:
        logits: shape (V, V); row i holds the logits after character i.
        share: shape (V, V), relative frequency of each bigram; sums to one.
    """
    log_p = torch.log_softmax(logits, dim=1)
    loss = -(share * log_p).sum().item()
    return loss, log_p.exp_() * share.sum(1, keepdim=True) - share


def log_softmax(logits: Floats) -> Floats:
    """Row-wise log-probabilities of a NumPy array of shape (N, V), numerically stable for logits of any size."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


@functools.lru_cache(maxsize=32)
def _minus_ones(rows: int, dtype: torch.dtype) -> Tensor:
    return torch.full((rows, 1), -1.0, dtype=dtype)
