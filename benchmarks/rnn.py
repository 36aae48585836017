"""How fast the recurrent network of lmcore.scratch learns, against the loop of a textbook; both in NumPy.

    python -m benchmarks.rnn [--rounds 7] [--steps 300]

The same text, starting weights, sequences, clipping and AdaGrad in float64, one thread. First both take the
same steps and their numbers are compared; then they take turns, and the median ratio of their steps per second is
printed. The app trains in float32: its steps per second stand beside.
"""

import statistics
import time
from collections.abc import Callable

import click
import numpy as np
from numpy.typing import DTypeLike, NDArray
from threadpoolctl import threadpool_limits

from lmcore.data.corpora import CorpusConfig, load
from lmcore.models.numpy_rnn import RNN, AdaGrad, RNNConfig, Stream, step

Floats = NDArray[np.float64]
Ids = NDArray[np.int32]
Loop = Callable[[RNNConfig, Ids, int, float], None]


def textbook_step(
    weights: dict[str, Floats], memory: dict[str, Floats], ids: list[int], h0: Floats, rate: float, clip_at: float
) -> tuple[float, Floats]:
    """One step as the equations stand, time step by time step, on columns.

    Source: Goodfellow, Bengio and Courville 2016, equations 10.8 to 10.28.

    Args:
        weights, memory: of W, U, V, b and c; they are changed. AdaGrad's memory begins at its epsilon.
        ids: the T characters of the sequence and the one that follows.
        h0: the state before, shape (H, 1).

    Returns:
        The loss, summed over the sequence, and the state after it.
    """
    W, U, V, b, c = (weights[name] for name in "WUVbc")
    T = len(ids) - 1
    x, y, h, p = {}, {}, {-1: h0}, {}
    loss = 0.0
    for t in range(T):
        x[t], y[t] = np.zeros((len(c), 1)), np.zeros((len(c), 1))
        x[t][ids[t]] = 1
        y[t][ids[t + 1]] = 1
        a = W @ h[t - 1] + U @ x[t] + b
        h[t] = np.tanh(a)
        o = V @ h[t] + c
        p[t] = np.exp(o) / np.sum(np.exp(o))
        loss -= np.log(p[t][ids[t + 1], 0])
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
    for name, gradient in gradients.items():
        gradient = np.clip(gradient, -clip_at, clip_at)
        memory[name] += gradient * gradient
        weights[name] -= rate * gradient / np.sqrt(memory[name])
    return float(loss), h[T - 1]


def textbook_loop(config: RNNConfig, ids: Ids, steps: int, rate: float) -> None:
    """The textbook's way, from lmcore's starting weights."""
    start = RNN(config, int(ids.max()) + 1, np.random.default_rng(1), np.float64)
    weights = columns(start.parameters)
    memory = columns(start.views(AdaGrad(start.theta).memory))
    h, position = np.zeros((config.hidden, 1)), 0
    for _ in range(steps):
        if position + config.sequence >= len(ids):
            h, position = np.zeros((config.hidden, 1)), 0
        piece = ids[position : position + config.sequence + 1].tolist()
        _, h = textbook_step(weights, memory, piece, h, rate, config.clip_at)
        position += config.sequence


def columns(parameters: dict[str, Floats]) -> dict[str, Floats]:
    """Copies, vectors as columns."""
    return {name: parameter.reshape(len(parameter), -1).copy() for name, parameter in parameters.items()}


def lmcore_loop(config: RNNConfig, ids: Ids, steps: int, rate: float, dtype: DTypeLike = np.float64) -> None:
    """The same with lmcore."""
    model = RNN(config, int(ids.max()) + 1, np.random.default_rng(1), dtype)
    optimizer, stream = AdaGrad(model.theta), Stream(ids, config.sequence, config.hidden, dtype)
    for _ in range(steps):
        step(model, optimizer, stream, rate, config.clip, config.clip_at)


def single_loop(config: RNNConfig, ids: Ids, steps: int, rate: float) -> None:
    """The same in float32."""
    lmcore_loop(config, ids, steps, rate, np.float32)


def difference(config: RNNConfig, ids: Ids, steps: int, rate: float) -> float:
    """The largest difference of any loss, state, weight or memory, each beside the larger of 1 and its size.

    Both take each step from the same weights: a saturated recurrent network is chaotic, so that two runs part from
    a difference in the last digit alone.
    """
    model = RNN(config, int(ids.max()) + 1, np.random.default_rng(1), np.float64)
    optimizer, stream = AdaGrad(model.theta), Stream(ids, config.sequence, config.hidden, np.float64)
    worst = 0.0
    for _ in range(steps):
        weights, memory = columns(model.parameters), columns(model.views(optimizer.memory))
        loss = step(model, optimizer, stream, rate, config.clip, config.clip_at)
        piece = ids[stream.position - config.sequence : stream.position + 1].tolist()
        expected, h = textbook_step(weights, memory, piece, model.h[0][:, None], rate, config.clip_at)
        pairs = [(expected, loss), (h[:, 0], stream.h)]
        pairs += zip(weights.values(), columns(model.parameters).values(), strict=True)
        pairs += zip(memory.values(), columns(model.views(optimizer.memory)).values(), strict=True)
        worst = max([worst, *(float(np.max(np.abs(a - b) / np.maximum(np.abs(a), 1))) for a, b in pairs)])
    return worst


@click.command()
@click.option("--source", default="given-names", show_default=True, help="Name of the text.")
@click.option("--rounds", default=7, show_default=True)
@click.option("--steps", default=300, show_default=True)
@click.option("--hidden", default=RNNConfig().hidden, show_default=True)
@click.option("--sequence", default=RNNConfig().sequence, show_default=True)
@threadpool_limits.wrap(limits=1)
def main(source: str, rounds: int, steps: int, hidden: int, sequence: int) -> None:
    """Compares the numbers of the two loops, then prints the median ratio of their steps per second."""
    ids = load(CorpusConfig(source=source, lower_case=True, units="running")).stream
    config, rate = RNNConfig(hidden=hidden, sequence=sequence), 0.1
    print(f"largest difference in {steps} steps: {difference(config, ids, steps, rate):.1e}")
    loops: dict[str, Loop] = {"textbook": textbook_loop, "lmcore": lmcore_loop, "lmcore, float32": single_loop}
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            began = time.perf_counter()
            loop(config, ids, steps, rate)
            rates[name].append(steps / (time.perf_counter() - began))
    for name, values in rates.items():
        print(f"{name:16} {statistics.median(values):8,.0f} steps/s")
    ratios = [fast / slow for slow, fast in zip(rates["textbook"], rates["lmcore"], strict=True)]
    print(f"ratio            {statistics.median(ratios):8.2f}   (rounds: {', '.join(f'{r:.2f}' for r in ratios)})")


if __name__ == "__main__":
    main()
