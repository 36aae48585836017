"""Linear classifiers in NumPy: logistic and softmax regression with their losses and analytic gradients.

    logistic   p = sigmoid(X theta),  loss = -mean(y log p + (1 - y) log(1 - p)),  gradient = X' (p - y) / N
    softmax    p = softmax(X theta),  loss = -mean(log p[class]),                  gradient = X' (p - onehot) / N

The bias is the weight of a constant feature: X is augmented by a column of ones, and theta by a first row.

Dimensions: N examples, D features, K classes. Losses are in nats per example.

Source: Bishop 2006, "Pattern recognition and machine learning", sections 4.3.2 and 4.3.4.
"""

import math
from operator import sub
from struct import Struct
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lmcore.config import Config, Field
from lmcore.errors import UserError
from lmcore.nn.initialization import NumpyScheme, numpy_initial_values
from lmcore.nn.losses import log_softmax

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class LinearConfig(Config):
    """What softmax and logistic regression have in common."""

    family: str
    initialization: NumpyScheme = Field(
        "zeros", description="Initialization of the weights: zeros, uniform on [0, 1), or standard normal."
    )
    scale: float = Field(1.0, ge=0, le=10, description="Multiplier of the initial weights.")


class SoftmaxConfig(LinearConfig):
    """Softmax regression: one score per class, normalized by the softmax function."""

    family: Literal["softmax-regression"] = Field("softmax-regression", description="Name of the model family.")


class LogisticConfig(LinearConfig):
    """Logistic regression: one score, mapped by the sigmoid to the probability of the second of two classes."""

    family: Literal["logistic-regression"] = Field("logistic-regression", description="Name of the model family.")


def augment(X: Floats) -> Floats:
    """Features with a leading column of ones: (N, D) to (N, D + 1)."""
    return np.concatenate([np.ones((len(X), 1), X.dtype), X], axis=1)


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), computed without overflow."""
    small = np.exp(-np.abs(z))
    result: Floats = np.where(z >= 0, 1, small) / (1 + small)
    return result


# ---------------------------------------------------------------- losses


def categorical_cross_entropy(theta: Floats, X: Floats, y: Ids) -> tuple[float, Floats]:
    """Loss of softmax regression and its gradient, shape (D + 1, K).

    Args:
        theta: weights, shape (D + 1, K).
        X: augmented features, shape (N, D + 1).
        y: class indices, shape (N,).
    """
    # forward
    log_p = log_softmax(X @ theta)  # (N, K)
    each = np.arange(len(y))
    loss = -log_p[each, y].mean()

    # backward
    error = np.exp(log_p)
    error[each, y] -= 1  # p - onehot(y)
    return float(loss), X.T @ error / len(y)


def binary_cross_entropy(theta: Floats, X: Floats, y: Ids) -> tuple[float, Floats]:
    """Loss of logistic regression and its gradient, shape (D + 1, 1).

    Args:
        theta: weights, shape (D + 1, 1).
        X: augmented features, shape (N, D + 1).
        y: labels, shape (N,), 0 or 1.
    """
    # forward; -y log p - (1 - y) log(1 - p), written so that no logarithm or exponential overflows
    z = (X @ theta)[:, 0]  # (N,)
    loss = np.mean(np.maximum(z, 0) - y * z + np.log1p(np.exp(-np.abs(z))))

    # backward
    error = sigmoid(z) - y
    return float(loss), (X.T @ error / len(y))[:, None].astype(X.dtype)


# ---------------------------------------------------------------- models


class LinearClassifier:
    """Softmax or logistic regression; all weights are in the vector ``theta``.

    Args:
        config: selects the model and its initialization.
        n_features: D.
        n_classes: K.
        generator: source of the initial weights.
        dtype: floating-point precision.

    Raises:
        UserError: if ``n_classes`` of logistic regression is not 2.
    """

    def __init__(
        self,
        config: LinearConfig,
        n_features: int,
        n_classes: int,
        generator: np.random.Generator,
        dtype: Any = np.float64,
    ) -> None:
        self.config, self.binary = config, isinstance(config, LogisticConfig)
        if self.binary and n_classes != 2:
            raise UserError(
                f"Logistic regression separates 2 classes, but the data have {n_classes}. Choose softmax regression."
            )
        self.shape = (n_features + 1, 1 if self.binary else n_classes)
        theta = numpy_initial_values(config.initialization, config.scale, self.shape, generator)
        self.theta = theta.astype(dtype).ravel()

    @property
    def matrix(self) -> Floats:
        """View of ``theta`` as a matrix, shape (D + 1, K), or (D + 1, 1) for logistic regression."""
        return self.theta.reshape(self.shape)

    @staticmethod
    def prepare(X: Floats) -> Floats:
        """Features in the form that all other methods expect: augmented, shape (N, D + 1)."""
        return augment(X)

    def loss_and_gradient(self, X: Floats, y: Ids) -> tuple[float, Floats]:
        """Mean loss over the examples, and its gradient with respect to ``theta``."""
        loss, gradient = (binary_cross_entropy if self.binary else categorical_cross_entropy)(self.matrix, X, y)
        return loss, gradient.ravel()

    def log_probabilities(self, X: Floats) -> Floats:
        """Log-probabilities of all classes, shape (N, K)."""
        z = X @ self.matrix
        return log_softmax(np.concatenate([np.zeros_like(z), z], axis=1) if self.binary else z)

    def sgd(self, X: Floats, y: Ids, rates: list[float], clip: float = math.inf) -> tuple[list[float], list[int]]:
        """One step of `sgd` per example on the weights of this model."""
        if not self.binary:
            return sgd(self.matrix, X, y, rates, clip)
        # the sigmoid of z is the softmax of the two scores 0 and z
        two = np.concatenate([np.zeros_like(self.matrix), self.matrix], axis=1)  # (D + 1, 2)
        result = sgd(two, X, y, rates, clip, n_frozen=1)
        self.matrix[:, 0] = two[:, 1]
        return result


def count_parameters(config: LinearConfig, n_features: int, n_classes: int) -> int:
    """Number of trainable parameters."""
    return (n_features + 1) * (1 if isinstance(config, LogisticConfig) else n_classes)


# ---------------------------------------------------------------- stochastic gradient descent

BLOCK = 32
"""Examples per block: more of them need fewer NumPy calls, but the work within a block grows with its square."""


def sgd(
    theta: Floats, X: Floats, y: Ids, rates: list[float], clip: float = math.inf, n_frozen: int = 0
) -> tuple[list[float], list[int]]:
    """Stochastic gradient descent with one step per example, in place.

    Equals the plain loop over examples up to rounding, but is much faster. A step changes theta by -rate * x error',
    so the scores of a later example change by -(x_later . x) * rate * error. One matrix product yields all inner
    products x_later . x of a block. What remains per example is a product with the earlier errors and a softmax over K
    numbers, for which plain Python is faster than NumPy.

    Args:
        theta: weights, shape (D + 1, K); updated in place.
        X: augmented features in the order of the steps, shape (N, D + 1).
        y: class indices, shape (N,).
        rates: learning rate of each step, length N.
        clip: maximum norm of a gradient.
        n_frozen: number of leading classes whose weights are not updated.

    Returns:
        The loss of each example before its step, and the indices of the examples whose gradient was clipped. If a loss
        exceeds about 700 nats, it and all later ones are infinite, and theta is filled with NaN.
    """
    losses: list[float] = []
    clipped: list[int] = []
    for begin in range(0, len(y), BLOCK):
        rows = slice(begin, begin + BLOCK)
        try:
            steps, found = _sgd_block(theta, X[rows], y[rows].tolist(), rates[rows], clip, n_frozen, losses)
        except OverflowError:  # exp() of more than 700: training has diverged
            theta[:] = math.nan
            return losses + [math.inf] * (len(y) - len(losses)), clipped
        theta -= X[rows].T @ steps
        clipped += [begin + i for i in found]
    return losses, clipped


def _sgd_block(
    theta: Floats, X: Floats, y: list[int], rates: list[float], clip: float, n_frozen: int, losses: list[float]
) -> tuple[Floats, list[int]]:
    """Rate times error of each example of a block, shape (B, K), and the clipped examples; appends to ``losses``."""
    # steps: a NumPy view of the memory that the loop fills row by row
    K = theta.shape[1]
    row_format = Struct(f"{K}{X.dtype.char}")
    memory = bytearray(len(y) * row_format.size)
    steps = np.frombuffer(memory, X.dtype).reshape(-1, K)  # (B, K)

    # the scores before the block, and the inner products through which its steps change them
    products = X @ X.T  # (B, B)
    scores = (X @ theta).tolist()  # (B, K)
    norms = np.sqrt(np.diag(products)).tolist() if clip < math.inf else []
    clipped = []
    exp, log, write = math.exp, math.log, row_format.pack_into
    for i, (row, z, target, rate) in enumerate(zip(products, scores, y, rates, strict=True)):
        # forward: softmax of the current scores, relative to the score of the target
        change = row.dot(steps).tolist()  # the rows of later steps are still zero
        own = z[target] - change[target]
        p = [exp(score - own) for score in map(sub, z, change)]
        total = sum(p)
        losses.append(log(total))

        # clip: the gradient is x error', so its norm is the product of both norms
        if clip < math.inf and (factor := clip / max(_error_norm(p, total, target, n_frozen) * norms[i], 1e-300)) < 1:
            rate *= factor
            clipped.append(i)

        # step: rate * (p - onehot)
        share = rate / total
        step = [share * value for value in p]
        step[target] -= rate
        if n_frozen:
            step[:n_frozen] = [0.0] * n_frozen
        write(memory, i * row_format.size, *step)
    return steps, clipped


def _error_norm(p: list[float], total: float, target: int, n_frozen: int) -> float:
    """Norm of the error p - onehot of one example, frozen classes excluded."""
    return math.sqrt(sum((value / total - (k == target)) ** 2 for k, value in enumerate(p) if k >= n_frozen))
