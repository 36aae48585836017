"""A vanilla recurrent neural network in NumPy: forward pass and backpropagation through time.

    a[t] = W h[t-1] + U x[t] + b,  h[t] = tanh(a[t]),  o[t] = V h[t] + c,  p[t] = softmax(o[t])

x[t] is the one-hot vector of character t. The loss is the sum over t of -log p[t][target t], in nats per sequence. Only
W h[t-1] has to wait for the previous time step; everything else is computed for the whole sequence at once.

Dimensions: T sequence length, H hidden units, K vocabulary size (V is a matrix here), B batch size, P parameters.

Source: Elman 1990; notation and gradients of Goodfellow, Bengio and Courville 2016, section 10.2.
"""

import math
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lmcore.config import Config, Field
from lmcore.nn.losses import log_softmax

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.integer[Any]]


class RNNConfig(Config):
    """Architecture and initialization of the RNN."""

    family: Literal["rnn"] = Field("rnn", description="Name of the model family.")
    hidden: int = Field(100, ge=1, le=2048, description="Number of hidden units.")
    sequence: int = Field(
        25, ge=1, le=1000, description="Sequence length: number of characters per step of backpropagation through time."
    )
    scale: float = Field(
        0.01, ge=0, le=10, description="Standard deviation of the initial weights W, U and V; biases start at zero."
    )


class RNN:
    """Recurrent network with one hidden layer.

    `forward` fills ``a``, ``h``, ``o`` and ``p`` with the tensors of a sequence (``h[0]`` is the state before it);
    `backward` fills ``d_a``, ``d_h``, ``d_o`` and ``grad`` with the gradients of its loss. All arrays are reused for
    the next sequence.

    The generator draws W, then U, then V, each row by row, as standard normals in float64; b and c are zero.

    Args:
        config: architecture and initialization.
        vocabulary_size: K.
        generator: source of the initial weights.
        dtype: float32 for speed, float64 for gradient checks.

    Attributes:
        theta, grad: all parameters and their gradients in one vector each, shape (P,).
        W, U, V, b, c: views of ``theta``, shapes (H, H), (H, K), (K, H), (H,) and (K,).
        parameters, gradients: the views of ``theta`` and of ``grad``, by name.
    """

    def __init__(
        self, config: RNNConfig, vocabulary_size: int, generator: np.random.Generator, dtype: DTypeLike = np.float32
    ) -> None:
        self.config, self.dtype = config, np.dtype(dtype)
        H, K = config.hidden, vocabulary_size
        self.shapes = {"W": (H, H), "U": (H, K), "V": (K, H), "b": (H,), "c": (K,)}

        # all parameters and all gradients in one vector each
        size = count_parameters(config, vocabulary_size)
        self.theta, self.grad = np.zeros(size, self.dtype), np.zeros(size, self.dtype)
        self.parameters, self.gradients = self.views(self.theta), self.views(self.grad)
        self.W, self.U, self.V, self.b, self.c = self.parameters.values()

        for name in ("W", "U", "V"):
            self.parameters[name][:] = generator.standard_normal(self.shapes[name]) * config.scale
        self._allocate(config.sequence)

    def views(self, flat: Floats) -> dict[str, Floats]:
        """W, U, V, b and c as views of a vector with the layout of ``theta``."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()])
        pieces = np.split(flat, ends[:-1])
        return {name: piece.reshape(shape) for piece, (name, shape) in zip(pieces, self.shapes.items(), strict=True)}

    def _allocate(self, T: int) -> None:
        """Buffers for sequences of length T, and their rows in the order of the two loops over time."""
        K, H = self.V.shape
        self._time = np.arange(T)
        self.h = np.zeros((T + 1, H), self.dtype)  # h[0] is the state before the sequence
        self.a, self.d_h, self.d_a, self._slope = np.zeros((4, T, H), self.dtype)
        self.x, self.o, self.p, self.d_o = np.zeros((4, T, K), self.dtype)
        self._product = np.zeros(H, self.dtype)
        self._forward_rows = list(zip(self.h[:-1], self.a, self.h[1:], strict=True))
        backward_rows = list(zip(self.d_a[1:], self.d_h[:-1], self._slope[:-1], self.d_a[:-1], strict=True))
        self._backward_rows = backward_rows[::-1]

    def copy(self, dtype: DTypeLike) -> "RNN":
        """A network with the same weights in another precision."""
        other = RNN(self.config, len(self.c), np.random.default_rng(0), dtype)
        other.theta[:] = self.theta
        return other

    def forward(self, ids: Ids, targets: Ids, h: Floats) -> float:
        """Loss of a sequence, summed over its characters, in nats.

        Args:
            ids: input characters, shape (T,).
            targets: the character that follows each of them, shape (T,).
            h: hidden state before the sequence, shape (H,).
        """
        if len(ids) != len(self._time):
            self._allocate(len(ids))
        self.ids, self.targets = ids, targets
        self.h[0] = h

        # a = W h[t-1] + U x + b, h = tanh(a); U x is a column of U
        np.add(self.U.T[ids], self.b, out=self.a)  # (T, H)
        self._recur(self._forward_rows)

        # o = V h + c
        np.matmul(self.h[1:], self.V.T, out=self.o)  # (T, K)
        self.o += self.c

        # p = softmax(o); loss = sum of log(sum(exp(o))) - o[target], with o shifted by its maximum
        np.subtract(self.o, self.o.max(1, keepdims=True), out=self.p)
        picked = self.p[self._time, targets]  # (T,)
        np.exp(self.p, out=self.p)
        sums = self.p.sum(1, keepdims=True)  # (T, 1)
        self.p /= sums
        return float(np.log(sums).sum() - picked.sum())

    def _recur(self, rows: Iterable[tuple[Floats, Floats, Floats]]) -> None:
        """The loop over time, in place.

        Args:
            rows: for each t the arrays (h[t-1], U x[t] + b, h[t]); W h[t-1] is added to the second to give a[t].
        """
        W, product, dot, tanh = self.W, np.empty_like(self.b), np.dot, np.tanh
        for before, a, h in rows:
            dot(W, before, out=product)
            a += product
            tanh(a, out=h)

    def backward(self) -> None:
        """Backpropagation through time: fills ``grad`` with the gradient of the loss of the last `forward`.

        It is truncated at the start of the sequence: the state before it counts as a constant.
        """
        # d_o = p - onehot(target); the share of d_h that comes from the output
        np.copyto(self.d_o, self.p)
        self.d_o[self._time, self.targets] -= 1
        np.matmul(self.d_o, self.V, out=self.d_h)  # (T, H)

        # slope of tanh: 1 - h^2
        np.multiply(self.h[1:], self.h[1:], out=self._slope)
        np.subtract(1, self._slope, out=self._slope)

        # d_h[t] += W' d_a[t+1], d_a[t] = d_h[t] * slope[t], from the last time step to the first
        np.multiply(self.d_h[-1], self._slope[-1], out=self.d_a[-1])
        W, product, dot, multiply = self.W, self._product, np.dot, np.multiply
        for later, d_h, slope, d_a in self._backward_rows:
            dot(later, W, out=product)
            d_h += product
            multiply(d_h, slope, out=d_a)

        # parameters: sums over time of outer products
        self.x[:] = 0
        self.x[self._time, self.ids] = 1  # one-hot
        np.matmul(self.d_a.T, self.h[:-1], out=self.gradients["W"])
        np.matmul(self.d_a.T, self.x, out=self.gradients["U"])
        np.matmul(self.d_o.T, self.h[1:], out=self.gradients["V"])
        self.d_a.sum(0, out=self.gradients["b"])
        self.d_o.sum(0, out=self.gradients["c"])

    # ------------------------------------------------------------ reading text

    def initial_state(self, n: int) -> Floats:
        """Hidden state of ``n`` texts before their first character: zeros, shape (n, H)."""
        return np.zeros((n, len(self.b)), self.dtype)

    def step(self, ids: Ids, state: Floats) -> tuple[Floats, Floats]:
        """One character of each text: indices (B,) and state (B, H) to logits (B, K) and the next state (B, H)."""
        h = np.tanh(state @ self.W.T + self.U.T[ids] + self.b)
        return h @ self.V.T + self.c, h

    def read(self, ids: Ids, state: Floats) -> tuple[Floats, Floats, Floats]:
        """Reads one text of any length.

        Args:
            ids: character indices, shape (T,).
            state: hidden state before the text, shape (1, H).

        Returns:
            Log-probabilities of the next character after each one (T, K), hidden states (T, H), and the last of them as
            the next state, shape (1, H).
        """
        h = np.empty((len(ids) + 1, len(self.b)), self.dtype)
        h[0] = state
        self._recur(zip(h, self.U.T[ids] + self.b, h[1:], strict=False))
        return log_softmax(h[1:] @ self.V.T + self.c), h[1:], h[-1:]


def count_parameters(config: RNNConfig, vocabulary_size: int) -> int:
    """Number of trainable parameters."""
    H, K = config.hidden, vocabulary_size
    return H * H + 2 * H * K + H + K
