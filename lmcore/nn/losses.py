"""Cross-entropy losses with their gradients, in nats.

Dimensions: B examples, V classes (for a language model: the characters of its vocabulary), N rows of any batch.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.integer[Any]]


class Loss(NamedTuple):
    """The loss of a batch and its gradient."""

    log_probabilities: Floats  # (B,), of the targets; the loss is minus their mean
    grad_logits: Floats  # (B, V), gradient of the mean loss


def cross_entropy(logits: Floats, targets: Ids) -> Loss:
    """Log-probabilities of the targets, and the gradient of the mean negative log-likelihood.

    The gradient with respect to the logits is (softmax(logits) - onehot(targets)) / B.

    Args:
        logits: shape (B, V).
        targets: shape (B,), class indices.
    """
    B, V = logits.shape
    ones, begins = _constants(B, V, logits.dtype)
    at = begins + targets  # (B,), the target of each row in the flattened matrix

    # forward: log p = z - log(sum(exp(z))), where z is shifted by the maximum of its row
    maxima = np.maximum.reduceat(logits.reshape(-1), begins)  # (B,), twice as fast as along an axis
    z = logits - maxima[:, None]  # (B, V)
    log_p = z.take(at)  # (B,)
    np.exp(z, z)
    sums = np.dot(z, ones)  # (B,)
    log_p -= np.log(sums)

    # backward: (softmax - onehot) / B, in the memory of z
    sums *= B
    z /= sums[:, None]
    z.reshape(-1)[at] -= 1 / B
    return Loss(log_p, z)


@functools.lru_cache(maxsize=32)
def _constants(B: int, V: int, dtype: DTypeLike) -> tuple[Floats, NDArray[np.int64]]:
    """A vector of ones, shape (V,), and where each row of a flattened matrix begins, shape (B,)."""
    return np.ones(V, dtype), np.arange(0, B * V, V)


def cross_entropy_from_counts(logits: Floats, share: Floats) -> tuple[float, Floats]:
    """Mean loss of a bigram model over a whole text, and its gradient (V, V), from bigram counts alone.

    A model that sees one character has only V distinct inputs, so the examples need not be visited one by one.

    Args:
        logits: shape (V, V); row i holds the logits after character i.
        share: shape (V, V), relative frequency of each bigram; sums to one.
    """
    log_p = log_softmax(logits)
    loss = -float(np.vdot(share, log_p))
    return loss, np.exp(log_p) * share.sum(1, keepdims=True) - share


def log_softmax(logits: Floats) -> Floats:
    """Row-wise log-probabilities of an array of shape (N, V), numerically stable for logits of any size."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
