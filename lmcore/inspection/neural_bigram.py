"""The neural bigram in slow motion: every tensor of a step, its gradient, and what a change of the loss does.

Dimensions: n pairs of a word, V characters in the vocabulary. Losses are in nats per character.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.models.neural_bigram import NeuralBigramConfig, build_neural_bigram
from lmcore.models.ngram import Counts, Matrix, normalize
from lmcore.training.training import counted_cross_entropy

Objective = Literal["mean of logarithms", "logarithm of the mean"]
MAX_PAIRS = 30  # of a word, so that each tensor fits on a page
MAX_CHARACTERS = 150  # for which a penalty is fitted while one waits


@dataclass(frozen=True)
class Stage:
    """One tensor of a step, with at least one row and one column."""

    name: str
    code: str  # how it comes about
    value: Matrix
    gradient: Matrix  # of the loss
    rows: list[str]
    columns: list[str]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.value.shape


def starting_weights(vocabulary_size: int, seed: int) -> Matrix:
    """W of the untrained model, shape (V, V), as a run with this seed begins with it."""
    generator = torch.Generator().manual_seed(seed)
    model = build_neural_bigram(NeuralBigramConfig(), vocabulary_size, generator)
    return model.parameters["W.weight"].double().numpy()


def pairs_of(corpus: Corpus, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The indices (n,) of each character and of the one that follows; a document has the boundary at both ends.

    Raises:
        UserError: if the text is too short or too long, or holds characters that the corpus does not know.
    """
    ids = corpus.vocabulary.encode(text).astype(np.int64)
    if corpus.is_documents:
        ids = np.concatenate([[0], ids, [0]])
    if not 1 <= len(ids) - 1 <= MAX_PAIRS or not text:
        raise UserError(f"Type a piece of text with 1 to {MAX_PAIRS} pairs of characters.")
    return ids[:-1], ids[1:]


def one_step(corpus: Corpus, text: str, W: Matrix, objective: Objective = "mean of logarithms") -> list[Stage]:
    """Every tensor of one forward pass over a text, in order, each with the gradient of the loss.

    The gradients are written out by the chain rule, tensor by tensor.

    Args:
        W: logits, shape (V, V).
        objective: "mean of logarithms" is the negative log-likelihood, -mean(log p); "logarithm of the mean" is the
            common mistake, -log(mean p).
    """
    ids, targets = pairs_of(corpus, text)
    n, each = len(ids), np.arange(len(ids))
    x = np.eye(len(W))[ids]  # (n, V)
    logits = x @ W
    counts = np.exp(logits)
    sums = counts.sum(1, keepdims=True)  # (n, 1)
    p = counts / sums
    picked = p[each, targets][:, None]  # (n, 1)
    logs, mean = np.log(picked), picked.mean(keepdims=True)
    loss = -(logs.mean(keepdims=True) if objective == "mean of logarithms" else np.log(mean))

    d_logs, d_mean = np.full((n, 1), -1 / n), -1 / mean
    d_picked = d_logs / picked if objective == "mean of logarithms" else np.broadcast_to(d_mean / n, (n, 1))
    d_p = np.zeros_like(p)
    d_p[each, targets] = d_picked[:, 0]
    d_sums = -(d_p * counts).sum(1, keepdims=True) / sums**2
    d_counts = d_p / sums + d_sums
    d_logits = d_counts * counts
    d_W, d_x = x.T @ d_logits, d_logits @ W.T

    labels = list(corpus.vocabulary.labels)
    rows = [f"{labels[a]}→{labels[b]}" for a, b in zip(ids, targets, strict=True)]
    end = (
        Stage("log p", "p_picked.log()", logs, d_logs, rows, ["log p"])
        if objective == "mean of logarithms"
        else Stage("mean p", "p_picked.mean()", mean, d_mean, ["all"], ["mean p"])
    )
    formula = "-log_p.mean()" if objective == "mean of logarithms" else "-mean_p.log()"
    return [
        Stage("x", "one_hot(characters)", x, d_x, rows, labels),
        Stage("W", "randn(V, V), then trained", W, d_W, labels, labels),
        Stage("logits", "x @ W", logits, d_logits, rows, labels),
        Stage("counts", "logits.exp()", counts, d_counts, rows, labels),
        Stage("sums", "counts.sum(1, keepdim=True)", sums, d_sums, rows, ["sum"]),
        Stage("p", "counts / sums", p, d_p, rows, labels),
        Stage("p picked", "p[each, next]", picked, d_picked, rows, ["p"]),
        end,
        Stage("loss", formula, loss, np.ones((1, 1)), ["all"], ["loss"]),
    ]


@dataclass(frozen=True)
class SlowMotion:
    """Some steps of gradient descent on one text."""

    stages: list[Stage]  # after the last step
    losses: NDArray[np.float64]  # (steps + 1,), before each step and after the last


def slow_motion(
    corpus: Corpus, text: str, steps: int, rate: float, seed: int, objective: Objective = "mean of logarithms"
) -> SlowMotion:
    """So many steps of gradient descent on one text alone, and every tensor after the last of them."""
    W = starting_weights(len(corpus.vocabulary), seed)
    losses = []
    for _ in range(steps):
        stages = one_step(corpus, text, W, objective)
        losses.append(stages[-1].value.item())
        W = W - rate * next(stage.gradient for stage in stages if stage.name == "W")
    stages = one_step(corpus, text, W, objective)
    return SlowMotion(stages, np.array([*losses, stages[-1].value.item()]))


# ---------------------------------------------------------------- the common mistake


@dataclass(frozen=True)
class Descent:
    """Full-batch gradient descent on counts, measured by both objectives whichever it follows."""

    mean_of_logarithms: NDArray[np.float64]  # (steps + 1,), -mean(log p): the negative log-likelihood
    logarithm_of_mean: NDArray[np.float64]  # (steps + 1,), -log(mean p)
    probabilities: Matrix  # (V, V), after the last step


def descend(counts: Counts, steps: int, rate: float, seed: int, objective: Objective) -> Descent:
    """Trains the neural bigram on counts, V × V work a step, by the loss or by the common mistake."""
    W = torch.from_numpy(starting_weights(len(counts), seed))
    share = torch.from_numpy(counts / counts.sum())
    measured = np.empty((steps + 1, 2))
    for step in range(steps + 1):
        p = torch.softmax(W, 1)
        loss, gradient = counted_cross_entropy(W, share)
        expected = share * p
        mean = expected.sum()
        measured[step] = loss, -mean.log().item()
        if step == steps:
            break
        if objective == "logarithm of the mean":
            gradient = (p * expected.sum(1, keepdim=True) - expected) / mean
        W -= rate * gradient
    return Descent(measured[:, 0], measured[:, 1], p.numpy())


# ---------------------------------------------------------------- smoothing = weight decay


def decayed(counts: Counts, l2: float, start: Matrix | None = None) -> Matrix:
    """The W, shape (V, V), that minimizes loss + l2 · sum(W²): where gradient descent ends, found by L-BFGS.

    With a penalty above zero there is exactly one. A large one pulls all logits to 0, the probabilities to 1/V,
    as much smoothing does.

    Raises:
        UserError: if the vocabulary is too large to fit while one waits.
    """
    V = len(counts)
    if V > MAX_CHARACTERS:
        raise UserError(
            f"The vocabulary has {V:,} characters, too many to fit while you wait. "
            f"Set 'Max vocabulary' to at most {MAX_CHARACTERS}."
        )
    share = torch.from_numpy(counts / counts.sum())
    W = torch.zeros(V, V, dtype=torch.float64) if start is None else torch.from_numpy(start.copy())
    finder = torch.optim.LBFGS(
        [W], max_iter=2000, history_size=20, tolerance_grad=1e-8, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def objective() -> float:
        loss, gradient = counted_cross_entropy(W, share)
        W.grad = gradient + 2 * l2 * W
        return loss + l2 * float(W.square().sum())

    finder.step(objective)  # type: ignore[no-untyped-call]
    return W.numpy()


def softmax(W: Matrix) -> Matrix:
    """Each row's probabilities."""
    return torch.softmax(torch.from_numpy(W), 1).numpy()


def divergence(counts: Counts, smoothed: Matrix, other: Matrix) -> float:
    """Kullback-Leibler divergence of two bigram models, in nats per character: the mean over rows by their counts."""
    rows = counts.sum(1) / counts.sum()
    return float((rows[:, None] * smoothed * np.log(smoothed / other)).sum())


def mimic(counts: Counts, k: float) -> float:
    """The penalty whose model comes nearest to add-k smoothing, by `divergence`.

    Args:
        k: above zero; without smoothing the nearest penalty is none.
    """
    smoothed = normalize(counts, k)
    last: Matrix | None = None

    def distance(exponent: float) -> float:
        nonlocal last
        last = decayed(counts, 10**exponent, last)
        return divergence(counts, smoothed, softmax(last))

    found = minimize_scalar(distance, bounds=(-9, 1), method="bounded", options={"xatol": 0.03})
    return 10 ** float(found.x)


@dataclass(frozen=True)
class LogCounts:
    """log N against W, each row shifted so that its seen pairs have mean zero: softmax cannot tell such shifts."""

    log_counts: NDArray[np.float64]  # (S,), of the S pairs that were seen
    weights: NDArray[np.float64]  # (S,)
    counts: Counts  # (S,)
    pairs: list[str]  # (S,)


def log_counts(counts: Counts, probabilities: Matrix, labels: list[str]) -> LogCounts:
    """Compares logarithms: log p of a model is W up to a constant a row, log N is the counts' log p up to another.

    Args:
        counts, probabilities: shape (M, M), with M labels.
    """
    seen = counts > 0
    centered = [_centered(np.log(np.where(seen, values, 1)), seen) for values in (counts, probabilities)]
    rows, columns = np.nonzero(seen)
    pairs = [labels[a] + labels[b] for a, b in zip(rows, columns, strict=True)]
    return LogCounts(centered[0][seen], centered[1][seen], counts[seen], pairs)


def _centered(values: Matrix, seen: NDArray[np.bool_]) -> Matrix:
    means: Matrix = (values * seen).sum(1, keepdims=True) / np.maximum(seen.sum(1, keepdims=True), 1)
    return values - means
