"""The neural bigram step by step: its tensors and gradients on one text, a common mistake, and weight decay.

Dimensions: n pairs of consecutive characters, V characters in the vocabulary. Losses are in nats per character.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection.tensor_view import TensorView
from lmcore.models.neural_bigram import NeuralBigramConfig, build_neural_bigram
from lmcore.models.ngram import Counts, Matrix, normalize
from lmcore.nn.losses import cross_entropy_from_counts, log_softmax

Objective = Literal["mean of logs", "log of mean"]
"""What is minimized: "mean of logs" is the loss -mean(log p), "log of mean" the mistake -log(mean p)."""

MAX_PAIRS = 30
"""Pairs of a text whose tensors are shown."""

MAX_VOCABULARY = 150
"""Characters of a vocabulary for which a penalized model is fitted while somebody waits."""


def initial_weights(vocabulary_size: int, seed: int) -> Matrix:
    """W of the untrained model of a run with this seed, shape (V, V)."""
    generator = torch.Generator().manual_seed(seed)
    model = build_neural_bigram(NeuralBigramConfig(), vocabulary_size, generator)
    return model.parameters["W.weight"].astype(np.float64)


# ---------------------------------------------------------------- one text


def text_pairs(corpus: Corpus, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The indices of each character and of the next one, shape (n,) each; a document has a boundary at both ends.

    Raises:
        UserError: if the text is too short or too long, or has characters that are not in the vocabulary.
    """
    ids = corpus.vocabulary.encode(text).astype(np.int64)
    if corpus.is_documents:
        ids = np.concatenate([[0], ids, [0]])
    if not 1 <= len(ids) - 1 <= MAX_PAIRS or not text:
        raise UserError(f"Type a text with 1 to {MAX_PAIRS} pairs of characters.")
    return ids[:-1], ids[1:]


CODE = {
    "x": "one_hot(characters)",
    "W": "randn(V, V), then trained",
    "logits": "x @ W",
    "counts": "logits.exp()",
    "sums": "counts.sum(1, keepdim=True)",
    "p": "counts / sums",
    "p picked": "p[range(n), next]",
    "log p": "p_picked.log()",
    "mean p": "p_picked.mean()",
    "loss": "-log_p.mean()",
}
"""How each tensor is computed; "mean p" and the loss -mean_p.log() belong to the objective "log of mean"."""


def forward_backward(corpus: Corpus, text: str, W: Matrix, objective: Objective = "mean of logs") -> list[TensorView]:
    """Every tensor of a forward pass over a text, in order, each with its gradient by the chain rule.

    Args:
        corpus: has the vocabulary.
        text: what the model reads.
        W: logits, shape (V, V).
        objective: what is minimized.

    Raises:
        UserError: if the text is too short or too long, or has characters that are not in the vocabulary.
    """
    ids, targets = text_pairs(corpus, text)
    labels = list(corpus.vocabulary.labels)
    pairs = [f"{labels[a]}→{labels[b]}" for a, b in zip(ids, targets, strict=True)]
    row_labels = {"W": labels, "mean p": ["all"], "loss": ["all"]}
    column_labels = {"sums": ["sum"], "p picked": ["p"], "log p": ["log p"], "mean p": ["mean p"], "loss": ["loss"]}
    code = CODE if objective == "mean of logs" else CODE | {"loss": "-mean_p.log()"}
    return [
        TensorView(name, code[name], *tensors, row_labels.get(name, pairs), column_labels.get(name, labels))
        for name, tensors in _forward_backward(W, ids, targets, objective).items()
    ]


def _forward_backward(
    W: Matrix, ids: NDArray[np.int64], targets: NDArray[np.int64], objective: Objective
) -> dict[str, tuple[Matrix, Matrix]]:
    """Each tensor and its gradient, by name, in the order of the forward pass."""
    uses_mean_of_logs = objective == "mean of logs"
    n, rows = len(ids), np.arange(len(ids))

    # forward
    x = np.eye(len(W))[ids]  # (n, V)
    logits = x @ W  # (n, V)
    counts = np.exp(logits)  # (n, V)
    sums = counts.sum(1, keepdims=True)  # (n, 1)
    p = counts / sums  # (n, V)
    picked = p[rows, targets][:, None]  # (n, 1)
    logs, mean = np.log(picked), picked.mean(keepdims=True)  # (n, 1), (1, 1)
    loss = -(logs.mean(keepdims=True) if uses_mean_of_logs else np.log(mean))  # (1, 1)

    # backward
    d_logs, d_mean = np.full((n, 1), -1 / n), -1 / mean
    d_picked = d_logs / picked if uses_mean_of_logs else np.broadcast_to(d_mean / n, (n, 1))
    d_p = np.zeros_like(p)
    d_p[rows, targets] = d_picked[:, 0]
    d_sums = -(d_p * counts).sum(1, keepdims=True) / sums**2
    d_counts = d_p / sums + d_sums
    d_logits = d_counts * counts
    d_W, d_x = x.T @ d_logits, d_logits @ W.T

    reduction = {"log p": (logs, d_logs)} if uses_mean_of_logs else {"mean p": (mean, d_mean)}
    return {
        "x": (x, d_x),
        "W": (W, d_W),
        "logits": (logits, d_logits),
        "counts": (counts, d_counts),
        "sums": (sums, d_sums),
        "p": (p, d_p),
        "p picked": (picked, d_picked),
        **reduction,
        "loss": (loss, np.ones((1, 1))),
    }


@dataclass(frozen=True)
class TextTraining:
    """Gradient descent on one text."""

    tensors: list[TensorView]  # after the last step
    losses: NDArray[np.float64]  # (steps + 1,), before each step and after the last


def train_on_text(
    corpus: Corpus, text: str, steps: int, learning_rate: float, seed: int, objective: Objective = "mean of logs"
) -> TextTraining:
    """Some steps of gradient descent on a single text, and every tensor after the last step.

    Raises:
        UserError: if the text is too short or too long, or has characters that are not in the vocabulary.
    """
    W = initial_weights(len(corpus.vocabulary), seed)
    losses = []
    for _ in range(steps):
        tensors = forward_backward(corpus, text, W, objective)
        losses.append(tensors[-1].value.item())
        W = W - learning_rate * next(tensor.gradient for tensor in tensors if tensor.name == "W")
    tensors = forward_backward(corpus, text, W, objective)
    return TextTraining(tensors, np.array([*losses, tensors[-1].value.item()]))


# ---------------------------------------------------------------- a common mistake


@dataclass(frozen=True)
class CountTraining:
    """Full-batch gradient descent on counts, by one objective, and both objectives at each step."""

    mean_of_logs: NDArray[np.float64]  # (steps + 1,), -mean(log p): the loss
    log_of_mean: NDArray[np.float64]  # (steps + 1,), -log(mean p)
    probabilities: Matrix  # (V, V), after the last step


def train_on_counts(counts: Counts, steps: int, learning_rate: float, seed: int, objective: Objective) -> CountTraining:
    """Trains the neural bigram on the counts of pairs; V × V work per step, however long the text.

    Args:
        counts: shape (V, V).
        steps: of gradient descent.
        learning_rate: of gradient descent.
        seed: of the initial weights.
        objective: what is minimized.
    """
    W, share = initial_weights(len(counts), seed), counts / counts.sum()
    measured = np.empty((steps + 1, 2))
    for step in range(steps + 1):
        # both objectives, and the gradient of the loss
        p = softmax(W)
        loss, gradient = cross_entropy_from_counts(W, share)
        expected = share * p
        mean = expected.sum()
        measured[step] = loss, -np.log(mean)
        if step == steps:
            break

        if objective == "log of mean":
            gradient = (p * expected.sum(1, keepdims=True) - expected) / mean
        W -= learning_rate * gradient
    return CountTraining(measured[:, 0], measured[:, 1], p)


# ---------------------------------------------------------------- weight decay and smoothing


def penalized_weights(counts: Counts, l2: float, start: Matrix | None = None) -> Matrix:
    """The W, shape (V, V), that minimizes loss + l2 · sum(W²), found by L-BFGS.

    With a penalty above zero there is exactly one minimum. A large penalty pulls all logits toward 0 and thus all
    probabilities toward 1/V, as strong smoothing does.

    Args:
        counts: of pairs, shape (V, V).
        l2: the penalty.
        start: where the search starts, shape (V, V); zeros if None.

    Raises:
        UserError: if the vocabulary is too large.
    """
    V = len(counts)
    if V > MAX_VOCABULARY:
        raise UserError(
            f"The vocabulary has {V:,} characters, too many to fit this model quickly. "
            f"Set max_vocabulary to at most {MAX_VOCABULARY}."
        )
    share = counts / counts.sum()
    W = np.zeros((V, V)) if start is None else start.copy()
    weights = torch.from_numpy(W)  # the same memory
    optimizer = torch.optim.LBFGS(
        [weights],
        max_iter=2000,
        history_size=20,
        tolerance_grad=1e-8,
        tolerance_change=1e-10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        loss, gradient = cross_entropy_from_counts(W, share)
        weights.grad = torch.from_numpy(gradient + 2 * l2 * W)
        return loss + l2 * float(np.vdot(W, W))

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return W


def softmax(W: Matrix) -> Matrix:
    """The probabilities of each row of logits, shape unchanged."""
    p: Matrix = np.exp(log_softmax(W))
    return p


def kl_divergence(counts: Counts, p: Matrix, q: Matrix) -> float:
    """Kullback-Leibler divergence of bigram model q from p, in nats per character; rows are weighted by their counts.

    Args:
        counts: of pairs, shape (V, V).
        p: probabilities, shape (V, V).
        q: probabilities, shape (V, V).
    """
    row_shares = counts.sum(1) / counts.sum()  # (V,)
    return float((row_shares[:, None] * p * np.log(p / q)).sum())


def equivalent_penalty(counts: Counts, smoothing: float) -> float:
    """The L2 penalty whose model is closest to add-k smoothing, by `kl_divergence`.

    Args:
        counts: of pairs, shape (V, V).
        smoothing: k, above zero; without smoothing the closest penalty is zero.

    Raises:
        UserError: if the vocabulary is too large.
    """
    from scipy.optimize import minimize_scalar

    smoothed = normalize(counts, smoothing)
    last: Matrix | None = None  # each search starts where the last one ended

    def distance(exponent: float) -> float:
        nonlocal last
        last = penalized_weights(counts, 10**exponent, last)
        return kl_divergence(counts, smoothed, softmax(last))

    found = minimize_scalar(distance, bounds=(-9, 1), method="bounded", options={"xatol": 0.03})
    return 10 ** float(found.x)


# ---------------------------------------------------------------- weights and counts


@dataclass(frozen=True)
class LogCounts:
    """log N and W of the S pairs that occur; each row is shifted to mean zero, which its softmax cannot distinguish."""

    log_counts: NDArray[np.float64]  # (S,)
    weights: NDArray[np.float64]  # (S,)
    counts: Counts  # (S,)
    pairs: list[str]  # (S,)


def log_counts(counts: Counts, probabilities: Matrix, labels: Sequence[str]) -> LogCounts:
    """Compares the logarithms of the counts with the weights of a model.

    log p equals W up to a constant per row, and log N equals the log probability of the counts up to another.

    Args:
        counts: shape (M, M).
        probabilities: of the model, shape (M, M).
        labels: of the M characters.
    """
    seen = counts > 0
    centered_counts, centered_weights = (
        _centered(np.log(np.where(seen, values, 1)), seen) for values in (counts, probabilities)
    )
    rows, columns = np.nonzero(seen)
    pairs = [labels[a] + labels[b] for a, b in zip(rows.tolist(), columns.tolist(), strict=True)]
    return LogCounts(centered_counts[seen], centered_weights[seen], counts[seen], pairs)


def _centered(values: Matrix, seen: NDArray[np.bool_]) -> Matrix:
    """Each row minus the mean of its seen entries."""
    means: Matrix = (values * seen).sum(1, keepdims=True) / np.maximum(seen.sum(1, keepdims=True), 1)
    return values - means
