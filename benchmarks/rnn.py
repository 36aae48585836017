"""Training the recurrent network of lmcore.models.numpy_rnn against a textbook loop, both in NumPy.

    python -m benchmarks.rnn [--rounds 7] [--steps 300]

The same text, initial weights, sequences, clipping and AdaGrad, in float64 on one thread. The numbers of both loops are
compared step by step; then the loops take turns. The app trains in float32, which is timed beside them.
"""

import functools
from collections.abc import Iterator

import click
import numpy as np
from numpy.typing import DTypeLike, NDArray

from benchmarks.turns import Row, print_rows, ratio_row
from lmcore.data.corpora import CorpusConfig, load
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.training.clipping import clip_gradient
from lmcore.training.optimizers import AdaGrad
from lmcore.training.sequences import SequenceBatches

Floats = NDArray[np.float64]
Ids = NDArray[np.int32]

LEARNING_RATE = 0.1
CLIP_THRESHOLD = 5.0


def optimizer_of(model: RNN) -> AdaGrad:
    """AdaGrad as the trainer uses it."""
    return AdaGrad(model.theta, initial_sum=1e-8, epsilon=0.0)


def textbook_step(
    weights: dict[str, Floats], memory: dict[str, Floats], ids: list[int], h0: Floats
) -> tuple[float, Floats]:
    """One step, equation by equation and one character at a time, on column vectors.

    Source: Goodfellow, Bengio and Courville 2016, equations 10.8 to 10.28.

    Args:
        weights: W, U, V, b and c; updated in place.
        memory: AdaGrad's sums of squared gradients, which start at its epsilon; updated in place.
        ids: the T characters of the sequence and the one that follows them.
        h0: hidden state before the sequence, shape (H, 1).

    Returns:
        The loss, summed over the sequence, and the hidden state after it.
    """
    W, U, V, b, c = (weights[name] for name in "WUVbc")
    T = len(ids) - 1
    x, y, h, p = {}, {}, {-1: h0}, {}
    loss = 0.0

    # forward
    for t in range(T):
        x[t], y[t] = np.zeros((len(c), 1)), np.zeros((len(c), 1))
        x[t][ids[t]] = 1
        y[t][ids[t + 1]] = 1
        a = W @ h[t - 1] + U @ x[t] + b
        h[t] = np.tanh(a)
        o = V @ h[t] + c
        p[t] = np.exp(o) / np.sum(np.exp(o))
        loss -= np.log(p[t][ids[t + 1], 0])

    # backward through time
    gradients = {name: np.zeros_like(weight) for name, weight in weights.items()}
    d_h_later = np.zeros_like(h0)
    for t in reversed(range(T)):
        d_o = p[t] - y[t]
        d_h = V.T @ d_o + d_h_later
        slope = np.diag(1 - h[t][:, 0] ** 2)
        d_a = slope @ d_h
        gradients["c"] += d_o
        gradients["V"] += d_o @ h[t].T
        gradients["b"] += d_a
        gradients["W"] += d_a @ h[t - 1].T
        gradients["U"] += d_a @ x[t].T
        d_h_later = W.T @ d_a

    # clip, AdaGrad
    for name, gradient in gradients.items():
        gradient = np.clip(gradient, -CLIP_THRESHOLD, CLIP_THRESHOLD)
        memory[name] += gradient * gradient
        weights[name] -= LEARNING_RATE * gradient / np.sqrt(memory[name])
    return float(loss), h[T - 1]


def textbook_loop(config: RNNConfig, ids: Ids, steps: int) -> None:
    """The textbook's way, from lmcore's initial weights."""
    initial = RNN(config, int(ids.max()) + 1, np.random.default_rng(1), np.float64)
    weights = columns(initial.parameters)
    memory = columns(initial.views(optimizer_of(initial).moments["sum"]))
    h, position = np.zeros((config.hidden, 1)), 0
    for _ in range(steps):
        if position + config.sequence >= len(ids):
            h, position = np.zeros((config.hidden, 1)), 0
        sequence = ids[position : position + config.sequence + 1].tolist()
        _, h = textbook_step(weights, memory, sequence, h)
        position += config.sequence


def columns(parameters: dict[str, Floats]) -> dict[str, Floats]:
    """Copies, with vectors as columns."""
    return {name: parameter.reshape(len(parameter), -1).copy() for name, parameter in parameters.items()}


class LmcoreLoop:
    """The same steps by lmcore, in a precision of choice."""

    def __init__(self, config: RNNConfig, ids: Ids, dtype: DTypeLike) -> None:
        self.model = RNN(config, int(ids.max()) + 1, np.random.default_rng(1), dtype)
        self.optimizer = optimizer_of(self.model)
        self.batches = SequenceBatches(ids, batch_size=1, length=config.sequence)
        self.h = np.zeros(config.hidden, dtype)

    def step(self) -> float:
        """One step; returns the loss, summed over the sequence."""
        ids, targets = self.batches.next()  # (T, 1)
        if self.batches.starts_epoch:
            self.h[:] = 0
        loss = self.model.forward(ids[:, 0], targets[:, 0], self.h)
        self.model.backward()
        clip_gradient(self.model.grad, "value", CLIP_THRESHOLD)
        self.optimizer.step(self.model.grad, LEARNING_RATE)
        self.h = self.model.h[-1].copy()
        return loss


def lmcore_loop(config: RNNConfig, ids: Ids, steps: int, dtype: DTypeLike) -> None:
    """The same steps by lmcore."""
    loop = LmcoreLoop(config, ids, dtype)
    for _ in range(steps):
        loop.step()


def largest_difference(config: RNNConfig, ids: Ids, steps: int) -> float:
    """The largest difference of a loss, hidden state, weight or accumulator, relative to the larger of 1 and its size.

    Each step starts both loops from the same weights: a saturated recurrent network is chaotic, so that two separate
    runs would diverge after a difference in the last digit.
    """
    loop, worst = LmcoreLoop(config, ids, np.float64), 0.0
    for _ in range(steps):
        weights, memory = columns(loop.model.parameters), columns(loop.model.views(loop.optimizer.moments["sum"]))
        loss, end = loop.step(), loop.batches.position
        sequence = ids[end - config.sequence : end + 1].tolist()
        expected, h = textbook_step(weights, memory, sequence, loop.model.h[0][:, None])
        pairs = [(expected, loss), (h[:, 0], loop.h)]
        pairs += zip(weights.values(), columns(loop.model.parameters).values(), strict=True)
        pairs += zip(memory.values(), columns(loop.model.views(loop.optimizer.moments["sum"])).values(), strict=True)
        worst = max([worst, *(float(np.max(np.abs(a - b) / np.maximum(np.abs(a), 1))) for a, b in pairs)])
    return worst


def measure(rounds: int, source: str = "given-names", steps: int = 300, **settings: int) -> Iterator[Row]:
    """The ratio of lmcore's speed to the textbook's, in float64 and in the app's float32."""
    ids = load(CorpusConfig(source=source, lower_case=True, units="running")).stream
    config = RNNConfig(**settings)
    textbook = functools.partial(textbook_loop, config, ids, steps)
    for dtype, goal in ((np.float64, 5.0), (np.float32, 6.0)):
        loop = functools.partial(lmcore_loop, config, ids, steps, dtype)
        yield ratio_row(f"RNN in NumPy, {np.dtype(dtype)}", textbook, loop, rounds, goal)


@click.command()
@click.option("--source", default="given-names", show_default=True, help="Name of the text.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--steps", default=300, show_default=True)
@click.option("--hidden", default=RNNConfig().hidden, show_default=True)
@click.option("--sequence", default=RNNConfig().sequence, show_default=True)
def main(source: str, rounds: int, steps: int, hidden: int, sequence: int) -> None:
    """Compare the numbers of both loops, then their speeds."""
    ids = load(CorpusConfig(source=source, lower_case=True, units="running")).stream
    difference = largest_difference(RNNConfig(hidden=hidden, sequence=sequence), ids, steps)
    print(f"largest difference in {steps} steps: {difference:.1e}")
    print_rows(measure(rounds, source, steps, hidden=hidden, sequence=sequence))


if __name__ == "__main__":
    main()
