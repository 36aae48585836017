"""A multilayer classifier in NumPy: one to three hidden layers, every gradient by hand.

    h[0] = x,  z[i] = h[i - 1] W[i] + b[i],  h[i] = relu(z[i]) or tanh(z[i]),  logits = h[last] V + c

    d_logits = (softmax(logits) - onehot) / N,  d_h = d_z W',  d_z = d_h × slope,  d_W = h' d_z,  d_b = sum of d_z

Dimensions: N examples, D features, H units of a layer, K classes. The loss is in nats per example.

Source: Goodfellow, Bengio and Courville 2016, section 6.5; starting weights of "kaiming" He et al. 2015, eq. 10.
"""

import math
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lmcore.config import Config, Field
from lmcore.models.numpy_linear import log_softmax

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Clip = Literal["none", "value", "norm"]


class MLPClassifierConfig(Config):
    """The shape of the network, and where its weights start."""

    family: Literal["mlp-classifier"] = Field("mlp-classifier", description="Name of the model family.")
    hidden_layers: int = Field(1, ge=1, le=3, description="Hidden layers.")
    hidden: int = Field(100, ge=1, le=1024, description="Units of the first hidden layer.")
    hidden_2: int = Field(50, ge=1, le=1024, description="Units of the second hidden layer, where there is one.")
    hidden_3: int = Field(25, ge=1, le=1024, description="Units of the third hidden layer, where there is one.")
    activation: Literal["relu", "tanh"] = Field("relu", description="What bends the sums of a hidden layer.")
    initial: Literal["kaiming", "0.01"] = Field(
        "kaiming",
        description="Standard deviation of the starting weights: 0.01, or gain / sqrt(inputs), gain √2 for ReLU, "
        "5/3 for tanh; biases are zero.",
    )

    @property
    def widths(self) -> list[int]:
        """Units of each hidden layer."""
        return [self.hidden, self.hidden_2, self.hidden_3][: self.hidden_layers]


class MLPClassifier:
    """All weights in one vector `theta`; `W` and `b` are views of it, a layer an entry, the output layer last.

    The generator draws the weights layer by layer, row by row, as standard normals in float64.
    """

    def __init__(
        self,
        config: MLPClassifierConfig,
        features: int,
        classes: int,
        generator: np.random.Generator,
        dtype: Any = np.float64,
    ) -> None:
        self.config = config
        self.sizes = [features, *config.widths, classes]
        count = sum((inputs + 1) * outputs for inputs, outputs in pairwise(self.sizes))
        self.theta = np.zeros(count, dtype)
        self.W, self.b = self.views(self.theta)
        for W in self.W:
            W[:] = generator.standard_normal(W.shape) * self._scale(len(W))

    def _scale(self, inputs: int) -> float:
        if self.config.initial == "0.01":
            return 0.01
        return (math.sqrt(2) if self.config.activation == "relu" else 5 / 3) / math.sqrt(inputs)

    def views(self, flat: Floats) -> tuple[list[Floats], list[Floats]]:
        """Weights and biases of each layer of a vector that is laid out as `theta`, without a copy."""
        W, b, at = [], [], 0
        for inputs, outputs in pairwise(self.sizes):
            W.append(flat[at : at + inputs * outputs].reshape(inputs, outputs))
            at += inputs * outputs
            b.append(flat[at : at + outputs])
            at += outputs
        return W, b

    @staticmethod
    def prepared(X: Floats) -> Floats:
        """The features as `loss_and_gradient` takes them: as they are."""
        return X

    def forward(self, X: Floats) -> list[Floats]:
        """The examples, what each hidden layer makes of them, and the logits."""
        h = [X]
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            z = h[-1] @ W
            z += b
            h.append(np.maximum(z, 0, out=z) if self.config.activation == "relu" else np.tanh(z, out=z))
        h.append(h[-1] @ self.W[-1] + self.b[-1])
        return h

    def log_probabilities(self, X: Floats) -> Floats:
        """Of every class, shape (N, K)."""
        return log_softmax(self.forward(X)[-1])

    def loss_and_gradient(self, X: Floats, y: Ids) -> tuple[float, Floats]:
        """The mean loss over examples (N, D) of classes (N,), and its gradient, laid out as `theta`."""
        h = self.forward(X)
        log_p = log_softmax(h[-1])
        each = np.arange(len(y))
        loss = -log_p[each, y].mean()
        d_z = np.exp(log_p)  # of the logits, first
        d_z[each, y] -= 1
        d_z /= len(y)
        gradient = np.empty_like(self.theta)
        d_W, d_b = self.views(gradient)
        for i in range(len(self.W) - 1, -1, -1):
            np.matmul(h[i].T, d_z, out=d_W[i])
            np.sum(d_z, axis=0, out=d_b[i])
            if i:
                d_z = self._through(d_z @ self.W[i].T, h[i])
        return float(loss), gradient

    def _through(self, d_h: Floats, h: Floats) -> Floats:
        """The gradient before an activation: times its slope, which follows from its output."""
        result: Floats = d_h * (h > 0 if self.config.activation == "relu" else 1 - h * h)
        return result


def clip(gradient: Floats, by: Clip, at: float) -> bool:
    """Holds a gradient back, in place: each value within ±at, or the whole no longer than ``at``; tells whether."""
    if by == "value" and (largest := float(np.abs(gradient).max())) > at:
        np.clip(gradient, -at, at, out=gradient)
        return largest > at
    if by == "norm" and (length := math.sqrt(float(gradient @ gradient))) > at:
        gradient *= at / length
        return True
    return False
