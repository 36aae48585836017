"""Linear classifiers in NumPy: logistic and softmax regression, their losses, and gradients by hand.

The bias is a weight like any other, of a feature that is always one: X gets a column of ones, theta a first row.

    logistic   p = sigmoid(X theta),  loss = -mean(y log p + (1 - y) log(1 - p)),  gradient = X' (p - y) / N
    softmax    p = softmax(X theta),  loss = -mean(log p[class]),                  gradient = X' (p - onehot) / N

Dimensions: N examples, D features, K classes. Losses are in nats per example.

Source: Bishop 2006, sections 4.3.2 and 4.3.4.
"""

import math
from array import array
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lmcore.config import Config, Field

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Start = Literal["zeros", "uniform", "normal"]


class SoftmaxConfig(Config):
    """Softmax regression: a score for each class, made probabilities."""

    family: Literal["softmax-regression"] = Field("softmax-regression", description="Name of the model family.")
    start: Start = Field("zeros", description="Starting weights: zeros, uniform from 0 to 1, or standard normal.")
    scale: float = Field(1.0, ge=0, le=10, description="Starting weights are multiplied by this.")


class LogisticConfig(Config):
    """Logistic regression: one score, made the probability of the second of two classes."""

    family: Literal["logistic-regression"] = Field("logistic-regression", description="Name of the model family.")
    start: Start = Field("zeros", description="Starting weights: zeros, uniform from 0 to 1, or standard normal.")
    scale: float = Field(1.0, ge=0, le=10, description="Starting weights are multiplied by this.")


def augmented(X: Floats) -> Floats:
    """The features behind a column of ones, shape (N, D + 1)."""
    return np.concatenate([np.ones((len(X), 1), X.dtype), X], axis=1)


def start(kind: Start, scale: float, shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
    """Starting weights of a shape, in float64."""
    match kind:
        case "uniform":
            return generator.random(shape) * scale
        case "normal":
            return generator.standard_normal(shape) * scale
    return np.zeros(shape)


def log_softmax(logits: Floats) -> Floats:
    """Logarithms of the probabilities, row by row; no score is too large for it."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), without an overflow."""
    small = np.exp(-np.abs(z))
    result: Floats = np.where(z >= 0, 1, small) / (1 + small)
    return result


# ---------------------------------------------------------------- the two losses


def categorical_cross_entropy(theta: Floats, X: Floats, y: Ids) -> tuple[float, Floats]:
    """The loss of softmax regression, and its gradient, shape (D + 1, K).

    Args:
        theta: shape (D + 1, K).
        X: shape (N, D + 1), augmented.
        y: shape (N,), classes.
    """
    log_p = log_softmax(X @ theta)  # (N, K)
    each = np.arange(len(y))
    loss = -log_p[each, y].mean()
    error = np.exp(log_p)
    error[each, y] -= 1  # p - onehot(y)
    return float(loss), X.T @ error / len(y)


def binary_cross_entropy(theta: Floats, X: Floats, y: Ids) -> tuple[float, Floats]:
    """The loss of logistic regression, and its gradient, shape (D + 1, 1).

    Args:
        theta: shape (D + 1, 1).
        X: shape (N, D + 1), augmented.
        y: shape (N,), 0 or 1.
    """
    z = (X @ theta)[:, 0]  # (N,)
    loss = np.mean(np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z))))  # -y log p - (1 - y) log(1 - p)
    error = sigmoid(z) - y
    return float(loss), (X.T @ error / len(y))[:, None].astype(X.dtype)


# ---------------------------------------------------------------- the models


class LinearClassifier:
    """Softmax or logistic regression: `theta` (D + 1, K, or 1 for logistic) is all that is learned."""

    def __init__(
        self,
        config: SoftmaxConfig | LogisticConfig,
        features: int,
        classes: int,
        generator: np.random.Generator,
        dtype: Any = np.float64,
    ) -> None:
        self.config, self.binary = config, isinstance(config, LogisticConfig)
        self.shape = (features + 1, 1 if self.binary else classes)
        self.theta = start(config.start, config.scale, self.shape, generator).astype(dtype).ravel()

    @property
    def matrix(self) -> Floats:
        """The weights, shape (D + 1, K): a view."""
        return self.theta.reshape(self.shape)

    @staticmethod
    def prepared(X: Floats) -> Floats:
        """The features as `loss_and_gradient` takes them: augmented."""
        return augmented(X)

    def loss_and_gradient(self, X: Floats, y: Ids) -> tuple[float, Floats]:
        """The loss over augmented examples, and its gradient, laid out as `theta`."""
        loss, gradient = (binary_cross_entropy if self.binary else categorical_cross_entropy)(self.matrix, X, y)
        return loss, gradient.ravel()

    def log_probabilities(self, X: Floats) -> Floats:
        """Of every class, for augmented examples, shape (N, K)."""
        z = X @ self.matrix
        return log_softmax(np.concatenate([np.zeros_like(z), z], axis=1) if self.binary else z)

    def stochastic(
        self, X: Floats, y: Ids, rates: list[float], clip: float = math.inf
    ) -> tuple[list[float], list[int]]:
        """`stochastic` on this model's weights."""
        if not self.binary:
            return stochastic(self.matrix, X, y, rates, clip)
        # The sigmoid is the softmax of the scores 0 and z: the same loop serves both.
        two = np.concatenate([np.zeros_like(self.matrix), self.matrix], axis=1)
        result = stochastic(two, X, y, rates, clip, free=1)
        self.matrix[:, 0] = two[:, 1]
        return result


# ---------------------------------------------------------------- one example at a time

BLOCK = 32  # examples: the products of a block grow with its square, calls of NumPy shrink with it


def stochastic(
    theta: Floats, X: Floats, y: Ids, rates: list[float], clip: float = math.inf, free: int = 0
) -> tuple[list[float], list[int]]:
    """Stochastic gradient descent: a step after each example, in place. Fast, with the numbers of the plain loop.

    A step changes theta by rate × x error', so the score of a later example changes by (x_later · x) × rate × error.
    The products x · x of a block are one matrix product; what is left for each example is a product with the errors
    before it, and a softmax of K numbers, which plain Python does faster than NumPy.

    Args:
        theta: shape (D + 1, K).
        X: shape (N, D + 1), the examples in the order in which they come.
        y: shape (N,), classes.
        rates: N learning rates.
        clip: the largest norm of a gradient that is let through.
        free: the first class whose weights move; those before it stay.

    Returns:
        The loss of each example before its step, and the examples whose gradient was clipped. A loss above 700 nats
        is infinite, and so are those after it; theta is then lost.
    """
    losses: list[float] = []
    clipped: list[int] = []
    for begin in range(0, len(y), BLOCK):
        rows = slice(begin, begin + BLOCK)
        try:
            steps, found = _block(theta, X[rows], y[rows].tolist(), rates[rows], clip, free, losses)
        except OverflowError:  # a loss above 700 nats: nothing can be learned from there
            theta[:] = math.nan
            return losses + [math.inf] * (len(y) - len(losses)), clipped
        theta -= X[rows].T @ steps
        clipped += [begin + i for i in found]
    return losses, clipped


def _block(
    theta: Floats, X: Floats, y: list[int], rates: list[float], clip: float, free: int, losses: list[float]
) -> tuple[Floats, list[int]]:
    """Rates times errors of a block's examples, shape (B, K), and those that were clipped; appends their losses."""
    K = theta.shape[1]
    kind: Literal["f", "d"] = "f" if X.dtype == np.float32 else "d"
    taken: array[float] = array(kind, bytes(len(y) * K * X.itemsize))
    steps = np.frombuffer(taken, X.dtype).reshape(-1, K)  # the same memory, for products
    products = X @ X.T  # (B, B)
    scores = (X @ theta).tolist()  # as if no step had been taken
    lengths = np.sqrt(np.diag(products)).tolist() if clip < math.inf else []
    clipped = []
    exp, log = math.exp, math.log
    for i, (row, z, target, rate) in enumerate(zip(products, scores, y, rates, strict=True)):
        moved = row.dot(steps).tolist()  # rows of later steps are still zero
        own = z[target] - moved[target]
        p = [exp(a - b - own) for a, b in zip(z, moved, strict=False)]  # over that of the class that is right
        total = sum(p)
        losses.append(log(total))
        if clip < math.inf and (factor := clip / max(_norm(p, total, target, free) * lengths[i], 1e-300)) < 1:
            rate *= factor
            clipped.append(i)
        share = rate / total
        step = [share * value for value in p]
        step[target] -= rate
        if free:
            step[:free] = [0.0] * free
        taken[i * K : i * K + K] = array(kind, step)
    return steps, clipped


def _norm(p: list[float], total: float, target: int, free: int) -> float:
    """Length of the error of one example."""
    return math.sqrt(sum((value / total - (k == target)) ** 2 for k, value in enumerate(p) if k >= free))
