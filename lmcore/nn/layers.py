"""Layers with explicit forward and backward passes, in NumPy.

Each layer keeps its last output (``out``) and the gradient of the loss with respect to it (``grad_out``), so that both
can be inspected. Layers work in place over preallocated buffers. `lmcore.nn.containers` puts them together.

``functional_forward`` computes the same function from given parameters with ordinary torch operations, so that autograd
can serve as the oracle of every explicit backward pass.

Dimensions: B batch size, T context length (or groups of characters), V vocabulary size, E embedding dimension,
F features, N rows (B, or B times the positions of a hierarchical model).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class Layer(ABC):
    """Base class of all layers: ``forward`` keeps what ``backward`` needs.

    A subclass puts its weights into ``parameters``. A `Sequential` model replaces these arrays by views of ``theta``,
    and adds the matching views of ``grad`` as ``gradients``.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, Floats] = {}
        self.gradients: dict[str, Floats] = {}
        self.statistics: dict[str, Floats] = {}  # saved with the parameters, but not trained
        self.training = True
        self.out: Floats = np.empty(0)
        self.grad_out: Floats = np.empty(0)
        self._buffers: dict[str, Floats] = {}

    @abstractmethod
    def forward(self, x: Any) -> Floats:
        """Output of the layer for a batch."""

    @abstractmethod
    def backward(self, grad_out: Floats) -> Floats:
        """Gradient of the loss with respect to the input, given that of the output; also fills ``gradients``."""

    @abstractmethod
    def functional_forward(self, x: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Output for given parameters, differentiable by autograd; leaves the layer unchanged."""

    def _buffer(self, name: str, like: Floats, *shape: int) -> Floats:
        """Uninitialized memory, reused at every step; reallocated when the batch size changes."""
        buffer = self._buffers.get(name)
        if buffer is None or buffer.shape != shape:
            buffer = self._buffers[name] = np.empty(shape, like.dtype)
        return buffer

    def _sum_of_rows(self, rows: Floats, out: Floats) -> Floats:
        """The sum over the first axis, (N, F) to (F,): a product with ones is the fastest way to compute it."""
        ones = self._buffers.get("ones")
        if ones is None or len(ones) != len(rows):
            ones = self._buffers["ones"] = np.ones(len(rows), rows.dtype)
        return np.dot(ones, rows, out)


class Embedding(Layer):
    """Lookup table: the row of ``weight`` (V, E) for each index, (B, T) to (B, T, E).

    Source: Bengio et al. 2003, "A neural probabilistic language model", the matrix C.
    """

    MAX_SIZE_FOR_ONE_HOT = 1000  # weights up to which a matrix product adds up gradients faster than row by row

    def __init__(self, weight: Floats) -> None:
        super().__init__()
        self.parameters = {"weight": weight}  # (V, E)

    def forward(self, ids: Ids) -> Floats:
        weight = self.parameters["weight"]
        self.ids = ids.reshape(-1)  # (B * T,)
        rows = self._buffer("rows", weight, len(self.ids), weight.shape[1])
        weight.take(self.ids, 0, rows, "clip")  # "clip" writes to rows directly, "raise" to a copy first
        self.out = rows.reshape(*ids.shape, -1)  # (B, T, E)
        return self.out

    def backward(self, grad_out: Floats) -> Floats:
        self.grad_out = grad_out
        gradient = self.gradients["weight"]
        rows = grad_out.reshape(-1, gradient.shape[1])  # (B * T, E)

        # dC = sum of onehot(id)' d_row: repeated characters accumulate
        if gradient.size <= self.MAX_SIZE_FOR_ONE_HOT:
            np.dot(self._one_hot(len(gradient), rows).T, rows, gradient)
        else:
            gradient[:] = 0
            torch.from_numpy(gradient).index_add_(0, torch.from_numpy(self.ids), torch.from_numpy(rows))
        return grad_out  # indices have no gradient, and there is no layer below

    def _one_hot(self, V: int, like: Floats) -> Floats:
        """One row per index, with a one in its column: (B * T, V)."""
        identity = self._buffers.get("identity")
        if identity is None:
            identity = self._buffers["identity"] = np.eye(V, dtype=like.dtype)
        return identity.take(self.ids, 0, self._buffer("one_hot", like, len(self.ids), V), "clip")

    def functional_forward(self, x: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return parameters["weight"][x]


class FlattenConsecutive(Layer):
    """Concatenates each group of ``size`` neighbors: (B, T, F) to (B, T/size, F*size), or (B, F*size) for one group.

    Source: van den Oord et al. 2016, "WaveNet": the receptive field grows by a factor of ``size`` per level.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Floats) -> Floats:
        self.shape = x.shape
        self.out = x.reshape(self._shape(*x.shape))
        return self.out

    def backward(self, grad_out: Floats) -> Floats:
        self.grad_out = grad_out
        return grad_out.reshape(self.shape)

    def functional_forward(self, x: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return x.reshape(self._shape(*x.shape))

    def _shape(self, B: int, T: int, F: int) -> tuple[int, ...]:
        return (B, T * F) if self.size == T else (B, T // self.size, F * self.size)


class Linear(Layer):
    """``x @ weight + bias``, with an optional bias: (..., F_in) to (..., F_out)."""

    def __init__(self, weight: Floats, bias: Floats | None = None) -> None:
        super().__init__()
        self.parameters = {"weight": weight}  # (F_in, F_out)
        if bias is not None:
            self.parameters["bias"] = bias  # (F_out,)

    def forward(self, x: Floats) -> Floats:
        weight, bias = self.parameters["weight"], self.parameters.get("bias")
        self.shape = x.shape
        self.x = x = _rows(x)  # (N, F_in)
        out = self._buffer("out", x, x.shape[0], weight.shape[1])
        np.dot(x, weight, out)
        if bias is not None:
            out += bias
        self.out = out if len(self.shape) == 2 else out.reshape(*self.shape[:-1], -1)
        return self.out

    def backward(self, grad_out: Floats) -> Floats:
        self.grad_out = grad_out
        rows = _rows(grad_out)  # (N, F_out)

        # parameters: dW = x' d_out, db = sum of d_out over the batch
        np.dot(self.x.T, rows, self.gradients["weight"])
        if "bias" in self.gradients:
            self._sum_of_rows(rows, self.gradients["bias"])

        # input: dx = d_out W'
        grad_x = np.dot(rows, self.parameters["weight"].T, self._buffer("grad_x", rows, *self.x.shape))
        return grad_x if len(self.shape) == 2 else grad_x.reshape(self.shape)

    def functional_forward(self, x: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        out = x @ parameters["weight"]
        return out + parameters["bias"] if "bias" in parameters else out


class BatchNorm1d(Layer):
    """``gain * (x - mean) / sqrt(variance + eps) + bias`` for each feature: (B, F) or (B, T, F), shape preserved.

    In training mode, mean and variance are those of the batch (over all axes but the last), and both update the running
    statistics with ``momentum``. In evaluation mode the running statistics are used instead, so that an example does
    not depend on the rest of its batch. Unlike PyTorch, which normalizes by the biased variance, this layer uses the
    unbiased one, as the makemore lectures do.

    With ``positions`` = T each of T positions has statistics of its own, over the batch alone: what a mean over the
    first axis of (B, T, F) computes. All positions share gain and bias.

    Source: Ioffe and Szegedy 2015, "Batch normalization", algorithm 1.
    """

    EPS = 1e-5

    def __init__(self, gain: Floats, bias: Floats, momentum: float = 0.1, positions: int = 1) -> None:
        super().__init__()
        self.parameters = {"gain": gain, "bias": bias}  # (F,) each
        ones = np.ones(positions * len(gain), gain.dtype)  # (positions * F,)
        self.statistics = {"mean": np.zeros_like(ones), "variance": ones}
        self.momentum, self.positions = momentum, positions

    @classmethod
    def initialized(
        cls, n_features: int, gain: float, momentum: float, dtype: DTypeLike, positions: int = 1
    ) -> BatchNorm1d:
        """A new layer with the same ``gain`` for every feature and zero bias."""
        return cls(np.full(n_features, gain, dtype), np.zeros(n_features, dtype), momentum, positions)

    def _per_statistic(self, parameter: Floats) -> Floats:
        """Gain or bias, repeated for each position: (positions * F,)."""
        return parameter if self.positions == 1 else np.tile(parameter, self.positions)

    def _mean(self, name: str, rows: Floats, n: int) -> Floats:
        """The sum over the rows, (N, F) to (F,), divided by n."""
        mean = self._sum_of_rows(rows, self._buffer(name, rows, rows.shape[1]))
        mean /= n if n else np.nan  # the variance of one example is undefined
        return mean

    def forward(self, x: Floats) -> Floats:
        rows = x.reshape(-1, len(self.statistics["mean"]))  # (N, F)
        normalized = self.normalized = self._buffer("normalized", x, *rows.shape)
        out = self._buffer("out", x, *rows.shape)

        # statistics of the batch, or the running ones
        if self.training:
            mean = self._mean("mean", rows, len(rows))
            np.subtract(rows, mean, normalized)
            np.multiply(normalized, normalized, out)
            variance = self._mean("variance", out, len(rows) - 1)  # unbiased
            for name, of_batch in (("mean", mean), ("variance", variance)):
                self.statistics[name] += self.momentum * (of_batch - self.statistics[name])
        else:
            mean, variance = self.statistics["mean"], self.statistics["variance"]
            np.subtract(rows, mean, normalized)

        # normalize, scale and shift
        self.inverse_deviation = 1 / np.sqrt(variance + self.EPS)
        normalized *= self.inverse_deviation
        np.multiply(normalized, self._per_statistic(self.parameters["gain"]), out)
        out += self._per_statistic(self.parameters["bias"])
        self.out = out.reshape(x.shape)
        return self.out

    def backward(self, grad_out: Floats) -> Floats:
        self.grad_out = grad_out
        rows, (n, F) = grad_out.reshape(self.normalized.shape), self.normalized.shape

        # parameters: d_gain = sum of d_out * normalized, d_bias = sum of d_out
        grad_x = np.multiply(rows, self.normalized, self._buffer("grad_x", rows, n, F))
        d_gain = self._sum_of_rows(grad_x, self._buffer("d_gain", rows, F))
        d_bias = self._sum_of_rows(rows, self._buffer("d_bias", rows, F))
        for name, sums in (("gain", d_gain), ("bias", d_bias)):
            np.sum(sums.reshape(self.positions, -1), 0, out=self.gradients[name])

        # input with fixed statistics: d_x = d_out * gain / deviation
        slope = self._per_statistic(self.parameters["gain"]) * self.inverse_deviation
        if self.training:
            # every example also shifts the mean and the variance, and through them all other outputs
            np.multiply(self.normalized, d_gain / (n - 1), grad_x)
            np.subtract(rows, grad_x, grad_x)
            grad_x -= d_bias / n
            grad_x *= slope
        else:
            np.multiply(rows, slope, grad_x)
        return grad_x.reshape(grad_out.shape)

    def functional_forward(self, x: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        rows = x.reshape(-1, len(self.statistics["mean"]))
        if self.training:
            mean, variance = rows.mean(0), rows.var(0)
        else:
            mean, variance = (torch.from_numpy(self.statistics[name]) for name in ("mean", "variance"))
        normalized = (rows - mean) / torch.sqrt(variance + self.EPS)
        gain, bias = (parameters[name].repeat(self.positions) for name in ("gain", "bias"))
        return (gain * normalized + bias).reshape(x.shape)


class Tanh(Layer):
    """``tanh(x)``. Its slope is ``1 - out**2``, so a saturated unit (``out`` near ±1) passes almost no gradient."""

    def forward(self, x: Floats) -> Floats:
        self.out = np.tanh(x, self._buffer("out", x, *x.shape))
        return self.out

    def backward(self, grad_out: Floats) -> Floats:
        self.grad_out, out = grad_out, self.out

        # d_x = d_out * (1 - out**2), as d_out - d_out * out * out
        grad_x = np.multiply(grad_out, out, self._buffer("grad_x", out, *out.shape))
        grad_x *= out
        return np.subtract(grad_out, grad_x, grad_x)

    def functional_forward(self, x: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return torch.tanh(x)


class ReLU(Layer):
    """``max(x, 0)``. A unit that is negative for every example passes no gradient: it is a dead unit."""

    def forward(self, x: Floats) -> Floats:
        self.out = np.maximum(x, 0, out=self._buffer("out", x, *x.shape))
        return self.out

    def backward(self, grad_out: Floats) -> Floats:
        self.grad_out, out = grad_out, self.out
        return np.multiply(grad_out, out > 0, self._buffer("grad_x", out, *out.shape))

    def functional_forward(self, x: torch.Tensor, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return torch.relu(x)


def _rows(x: Floats) -> Floats:
    """All axes but the last merged into one: (..., F) to (N, F)."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
