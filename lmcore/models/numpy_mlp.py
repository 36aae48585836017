"""A multilayer perceptron classifier in NumPy, with one to three hidden layers and analytic gradients.

    h[0] = x,  z[i] = h[i-1] W[i] + b[i],  h[i] = relu(z[i]) or tanh(z[i]),  logits = h[last] W[out] + b[out]

    d_logits = (softmax(logits) - onehot) / N,  d_h = d_z W',  d_z = d_h * slope,  d_W = h' d_z,  d_b = sum of d_z

Dimensions: N examples, D features, H hidden units of a layer, K classes. The loss is in nats per example.

Source: Goodfellow, Bengio and Courville 2016, section 6.5; He et al. 2015, equation 10 ("kaiming" initialization).
"""

import math
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lmcore.config import Config, Field
from lmcore.nn.initialization import GAINS
from lmcore.nn.losses import log_softmax

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class MLPClassifierConfig(Config):
    """Architecture and initialization of the MLP classifier."""

    family: Literal["mlp-classifier"] = Field("mlp-classifier", description="Name of the model family.")
    hidden_layers: int = Field(1, ge=1, le=3, description="Number of hidden layers.")
    hidden: int = Field(100, ge=1, le=1024, description="Number of units in the first hidden layer.")
    hidden_2: int = Field(50, ge=1, le=1024, description="Number of units in the second hidden layer, if there is one.")
    hidden_3: int = Field(25, ge=1, le=1024, description="Number of units in the third hidden layer, if there is one.")
    activation: Literal["relu", "tanh"] = Field("relu", description="Activation function of the hidden units.")
    initialization: Literal["kaiming", "0.01"] = Field(
        "kaiming",
        description="Standard deviation of the initial weights: kaiming (gain / sqrt(fan_in), with gain √2 for ReLU "
        "and 5/3 for tanh) or 0.01. Biases are initialized to zero.",
    )

    @property
    def widths(self) -> list[int]:
        """Number of units in each hidden layer."""
        return [self.hidden, self.hidden_2, self.hidden_3][: self.hidden_layers]


class MLPClassifier:
    """Multilayer perceptron with a softmax output; all weights are in the vector ``theta``.

    The generator draws the weights layer by layer, row by row, as standard normals in float64.

    Args:
        config: architecture and initialization.
        n_features: D.
        n_classes: K.
        generator: source of the initial weights.
        dtype: floating-point precision.

    Attributes:
        theta: all weights and biases, shape (P,).
        W, b: views of ``theta``, one per layer; the output layer is the last.
    """

    def __init__(
        self,
        config: MLPClassifierConfig,
        n_features: int,
        n_classes: int,
        generator: np.random.Generator,
        dtype: Any = np.float64,
    ) -> None:
        self.config = config
        self.sizes = [n_features, *config.widths, n_classes]
        self.theta = np.zeros(count_parameters(config, n_features, n_classes), dtype)
        self.W, self.b = self.views(self.theta)
        for W in self.W:
            W[:] = generator.standard_normal(W.shape) * self._standard_deviation(len(W))

    def _standard_deviation(self, fan_in: int) -> float:
        return 0.01 if self.config.initialization == "0.01" else GAINS[self.config.activation] / math.sqrt(fan_in)

    def views(self, flat: Floats) -> tuple[list[Floats], list[Floats]]:
        """Weights and biases of each layer as views of a vector with the layout of ``theta``."""
        W, b, at = [], [], 0
        for fan_in, fan_out in pairwise(self.sizes):
            W.append(flat[at : at + fan_in * fan_out].reshape(fan_in, fan_out))
            at += fan_in * fan_out
            b.append(flat[at : at + fan_out])
            at += fan_out
        return W, b

    @staticmethod
    def prepare(X: Floats) -> Floats:
        """Features in the form that all other methods expect: unchanged, shape (N, D)."""
        return X

    def forward(self, X: Floats) -> list[Floats]:
        """The input (N, D), the activations of each hidden layer (N, H), and the logits (N, K)."""
        h = [X]
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            z = h[-1] @ W  # (N, H)
            z += b
            h.append(np.maximum(z, 0, out=z) if self.config.activation == "relu" else np.tanh(z, out=z))
        h.append(h[-1] @ self.W[-1] + self.b[-1])  # (N, K)
        return h

    def log_probabilities(self, X: Floats) -> Floats:
        """Log-probabilities of all classes, shape (N, K)."""
        return log_softmax(self.forward(X)[-1])

    def loss_and_gradient(self, X: Floats, y: Ids) -> tuple[float, Floats]:
        """Mean loss over the examples, and its gradient with respect to ``theta``.

        Args:
            X: features, shape (N, D).
            y: class indices, shape (N,).
        """
        # forward
        h = self.forward(X)
        log_p = log_softmax(h[-1])  # (N, K)
        each = np.arange(len(y))
        loss = -log_p[each, y].mean()

        # d_logits = (softmax - onehot) / N
        d_z = np.exp(log_p)
        d_z[each, y] -= 1
        d_z /= len(y)

        # backward, from the output layer down
        gradient = np.empty_like(self.theta)
        d_W, d_b = self.views(gradient)
        for i in range(len(self.W) - 1, -1, -1):
            np.matmul(h[i].T, d_z, out=d_W[i])
            np.sum(d_z, axis=0, out=d_b[i])
            if i:
                d_z = self._activation_backward(d_z @ self.W[i].T, h[i])  # (N, H)
        return float(loss), gradient

    def _activation_backward(self, d_h: Floats, h: Floats) -> Floats:
        """d_z = d_h * slope; the slope follows from the activation h."""
        result: Floats = d_h * (h > 0 if self.config.activation == "relu" else 1 - h * h)
        return result


def count_parameters(config: MLPClassifierConfig, n_features: int, n_classes: int) -> int:
    """Number of trainable parameters."""
    sizes = [n_features, *config.widths, n_classes]
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
