"""A vanilla recurrent network in NumPy: forward, backward through time, clipping, AdaGrad.

    a[t] = W h[t-1] + U x[t] + b,  h[t] = tanh(a[t]),  o[t] = V h[t] + c,  p[t] = softmax(o[t])

x[t] is one-hot. The loss is -sum(log p[t] of the character that came), in nats per sequence. Only W h[t-1] has to
wait for the time step before it; everything else is computed for a whole sequence at once.
Dimensions: T characters of a sequence, H hidden units, K characters in the vocabulary (V is a matrix here), B texts.

Source: Elman 1990; in this notation Goodfellow, Bengio and Courville 2016, section 10.2.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lmcore.config import Config, Field
from lmcore.errors import UserError

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.integer[Any]]
Clip = Literal["values", "norm", "none"]


class RNNConfig(Config):
    """The shape of the network, where its weights start, and how its gradients are held back."""

    family: Literal["rnn"] = Field("rnn", description="Name of the model family.")
    hidden: int = Field(100, ge=1, le=2048, description="Units of the hidden state.")
    sequence: int = Field(25, ge=1, le=1000, description="Characters that the network is unrolled over in each step.")
    scale: float = Field(0.01, ge=0, le=10, description="Standard deviation of the starting weights W, U and V.")
    clip: Clip = Field(
        "values", description="Clipping: each value of the gradient, the norm of the whole gradient, or none."
    )
    clip_at: float = Field(5.0, gt=0, le=1000, description="Largest value, or norm, that clipping lets through.")


# ---------------------------------------------------------------- the model


class RNN:
    """All weights in one vector `theta`, their gradients in another, `grad`; W, U, V, b and c are views of them.

    After `forward` the sequence lies in `a`, `h` (after `h[0]`, the state before), `o` and `p`; after `backward` the
    gradients of the loss in `d_a`, `d_h`, `d_o` and `grad`. The memory is used again for the next sequence.

    The generator draws W, then U, then V, each row by row, as standard normals in float64; b and c are zero.

    Args:
        config: the shape and the scale.
        vocabulary_size: K.
        generator: of the starting weights.
        dtype: float32 for speed, float64 for checks.
    """

    def __init__(
        self, config: RNNConfig, vocabulary_size: int, generator: np.random.Generator, dtype: DTypeLike = np.float32
    ) -> None:
        self.config = config
        H, K = config.hidden, vocabulary_size
        self.shapes = {"W": (H, H), "U": (H, K), "V": (K, H), "b": (H,), "c": (K,)}
        self.dtype = np.dtype(dtype)
        size = sum(math.prod(shape) for shape in self.shapes.values())
        self.theta, self.grad = np.zeros(size, self.dtype), np.zeros(size, self.dtype)
        self.parameters, self.gradients = self.views(self.theta), self.views(self.grad)
        self.W, self.U, self.V, self.b, self.c = self.parameters.values()
        for name in ("W", "U", "V"):
            self.parameters[name][:] = generator.standard_normal(self.shapes[name]) * config.scale
        self._allocate(config.sequence)

    def views(self, flat: Floats) -> dict[str, Floats]:
        """W, U, V, b and c of a vector that is laid out as `theta`, without a copy."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()])
        pieces = np.split(flat, ends[:-1])
        return {name: piece.reshape(shape) for piece, (name, shape) in zip(pieces, self.shapes.items(), strict=True)}

    def _allocate(self, T: int) -> None:
        """Memory for sequences of T characters, and its rows in the order in which the loops take them."""
        K, H = self.V.shape
        self.each = np.arange(T)
        self.h = np.zeros((T + 1, H), self.dtype)
        self.a, self.d_h, self.d_a, self._slope = np.zeros((4, T, H), self.dtype)
        self.x, self.o, self.p, self.d_o = np.zeros((4, T, K), self.dtype)
        self._product = np.zeros(H, self.dtype)
        self._forwards = list(zip(self.h[:-1], self.a, self.h[1:], strict=True))
        self._backwards = list(zip(self.d_a[1:], self.d_h[:-1], self._slope[:-1], self.d_a[:-1], strict=True))[::-1]

    def copy(self, dtype: DTypeLike) -> "RNN":
        """The same weights in another precision."""
        other = RNN(self.config, len(self.c), np.random.default_rng(0), dtype)
        other.theta[:] = self.theta
        return other

    def forward(self, ids: Ids, targets: Ids, h: Floats) -> float:
        """The loss over a sequence: the sum over its characters, in nats.

        Args:
            ids: shape (T,), the characters that are read.
            targets: shape (T,), those that came next.
            h: shape (H,), the state before.
        """
        if len(ids) != len(self.each):
            self._allocate(len(ids))
        self.ids, self.targets = ids, targets
        self.h[0] = h
        np.add(self.U.T[ids], self.b, out=self.a)
        self._recur(self._forwards)
        np.matmul(self.h[1:], self.V.T, out=self.o)
        self.o += self.c
        np.subtract(self.o, self.o.max(1, keepdims=True), out=self.p)
        picked = self.p[self.each, targets]
        np.exp(self.p, out=self.p)
        sums = self.p.sum(1, keepdims=True)
        self.p /= sums
        return float(np.log(sums).sum() - picked.sum())

    def _recur(self, rows: Iterable[tuple[Floats, Floats, Floats]]) -> None:
        """Goes through time: each row holds the state before, U x + b, to which W h is added, and the state after."""
        W, product, dot, tanh = self.W, np.empty_like(self.b), np.dot, np.tanh
        for before, a, h in rows:
            dot(W, before, out=product)
            a += product
            tanh(a, out=h)

    def backward(self) -> None:
        """Backpropagation through time: the gradient of the last `forward`'s loss, into `grad`.

        It ends at the start of the sequence; the state before counts as given.
        """
        np.copyto(self.d_o, self.p)
        self.d_o[self.each, self.targets] -= 1
        np.matmul(self.d_o, self.V, out=self.d_h)
        np.multiply(self.h[1:], self.h[1:], out=self._slope)
        np.subtract(1, self._slope, out=self._slope)
        np.multiply(self.d_h[-1], self._slope[-1], out=self.d_a[-1])
        W, product, dot, multiply = self.W, self._product, np.dot, np.multiply
        for later, d_h, slope, d_a in self._backwards:
            dot(later, W, out=product)
            d_h += product
            multiply(d_h, slope, out=d_a)
        self.x[:] = 0
        self.x[self.each, self.ids] = 1
        np.matmul(self.d_a.T, self.h[:-1], out=self.gradients["W"])
        np.matmul(self.d_a.T, self.x, out=self.gradients["U"])
        np.matmul(self.d_o.T, self.h[1:], out=self.gradients["V"])
        self.d_a.sum(0, out=self.gradients["b"])
        self.d_o.sum(0, out=self.gradients["c"])

    def initial(self, count: int) -> Floats:
        """The state before any character, for so many texts: zeros, shape (B, H)."""
        return np.zeros((count, len(self.b)), self.dtype)

    def advance(self, ids: Ids, h: Floats) -> tuple[Floats, Floats]:
        """Reads one character of each text: (B,) indices and (B, H) states to (B, K) logits and the states after."""
        h = np.tanh(h @ self.W.T + self.U.T[ids] + self.b)
        return h @ self.V.T + self.c, h

    def read(self, ids: Ids, h: Floats) -> tuple[Floats, Floats, Floats]:
        """What the network expects, and its state, after each character of a text of any length.

        Args:
            ids: shape (T,).
            h: shape (1, H), the state before.

        Returns:
            log-probabilities of the next character (T, K), hidden states (T, H), and the last of them, shape (1, H).
        """
        states = np.empty((len(ids) + 1, len(self.b)), self.dtype)
        states[0] = h
        self._recur(zip(states, self.U.T[ids] + self.b, states[1:], strict=False))
        return log_softmax(states[1:] @ self.V.T + self.c), states[1:], states[-1:]


def log_softmax(logits: Floats) -> Floats:
    """Logarithms of each row's probabilities, shape (N, K)."""
    shifted = logits - logits.max(1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return result


# ---------------------------------------------------------------- the step


class Stream:
    """A text cut into consecutive sequences, and the hidden state that is carried from each to the next.

    Where no whole sequence is left, the next epoch begins at the first character with a state of zeros.

    Args:
        ids: the text, shape (N,).
        length: T, characters of a sequence.
        hidden: H.
        dtype: that of the model.

    Raises:
        UserError: if the text is too short for one sequence.
    """

    def __init__(self, ids: Ids, length: int, hidden: int, dtype: DTypeLike = np.float32) -> None:
        if len(ids) <= length:
            raise UserError(
                f"The text is too short: it has {len(ids):,} characters, a sequence of {length:,} needs at least "
                f"{length + 1:,}. Choose shorter sequences or a longer text."
            )
        self.ids, self.length = ids, length
        self.h = np.zeros(hidden, dtype)
        self.position, self.epoch = 0, 0

    def next(self) -> tuple[Ids, Ids]:
        """The next sequence and the characters that follow each of its own, shape (T,) both."""
        end = self.position + self.length
        if end >= len(self.ids):
            self.position, self.epoch, end = 0, self.epoch + 1, self.length
            self.h[:] = 0
        ids, targets = self.ids[self.position : end], self.ids[self.position + 1 : end + 1]
        self.position = end
        return ids, targets


class AdaGrad:
    """Each weight's rate falls with the root of the sum of its squared gradients (Duchi, Hazan and Singer 2011).

    The memory begins at epsilon, so that nothing is divided by zero.
    """

    EPSILON = 1e-8

    def __init__(self, theta: Floats) -> None:
        self.memory = np.full_like(theta, self.EPSILON)
        self._step = np.empty_like(theta)

    def update(self, theta: Floats, grad: Floats, rate: float) -> None:
        """memory += grad², then theta -= rate × grad / sqrt(memory)."""
        step = self._step
        np.multiply(grad, grad, out=step)
        self.memory += step
        np.sqrt(self.memory, out=step)
        np.divide(grad, step, out=step)
        step *= rate
        theta -= step


def hold_back(grad: Floats, clip: Clip, at: float) -> None:
    """Clips a gradient in place: each value to ±``at``, or the whole to a norm of ``at`` (Pascanu et al. 2013)."""
    if clip == "values":
        np.clip(grad, -at, at, out=grad)
    elif clip == "norm" and (norm := math.sqrt(grad @ grad)) > at:
        grad *= at / norm


def step(
    model: RNN, optimizer: AdaGrad, stream: Stream, rate: float, clip: Clip = "values", clip_at: float = 5.0
) -> float:
    """Learns from the next sequence of a stream; returns its loss before that, summed over the sequence, in nats."""
    loss = model.forward(*stream.next(), stream.h)
    model.backward()
    hold_back(model.grad, clip, clip_at)
    optimizer.update(model.theta, model.grad, rate)
    stream.h[:] = model.h[-1]
    return loss


def smoothed(losses: Iterable[float], start: float, keep: float = 0.999) -> NDArray[np.float64]:
    """The exponential moving average after each loss; before the first it stands at ``start``, such as T ln K."""
    averages, average = [], start
    for loss in losses:
        average = keep * average + (1 - keep) * loss
        averages.append(average)
    return np.array(averages)


def state(model: RNN, optimizer: AdaGrad, stream: Stream) -> dict[str, NDArray[Any]]:
    """All that is needed to go on bit for bit: weights, AdaGrad's memory, hidden state, place in the text."""
    return {
        "theta": model.theta.copy(),
        "memory": optimizer.memory.copy(),
        "h": stream.h.copy(),
        "position": np.array(stream.position),
        "epoch": np.array(stream.epoch),
    }


def restore(model: RNN, optimizer: AdaGrad, stream: Stream, held: Mapping[str, NDArray[Any]]) -> None:
    """Goes on from a `state`.

    Raises:
        UserError: if the state belongs to a model of another shape or precision.
    """
    for name, array in {"theta": model.theta, "memory": optimizer.memory, "h": stream.h}.items():
        if held[name].shape != array.shape or held[name].dtype != array.dtype:
            raise UserError(
                f"The checkpoint holds {held['theta'].size:,} weights in {held['theta'].dtype}, this model has "
                f"{model.theta.size:,} in {model.dtype}. The text or the settings have changed since; start a new run."
            )
        array[:] = held[name]
    stream.position, stream.epoch = int(held["position"]), int(held["epoch"])
