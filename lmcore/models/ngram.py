"""N-gram models of any order, estimated by counting, with add-k smoothing, back-off or interpolation.

Dimensions: V vocabulary size, n order (n-1 characters of context), M distinct contexts, B batch size, N examples,
L length of a text. All losses are in nats per character.

Source: Jurafsky and Martin, "Speech and Language Processing", chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.config import Config, Field
from lmcore.data.corpora import SPLITS, Corpus, Ids, Split
from lmcore.errors import UserError

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]

MAX_CELLS = 20_000_000
"""Maximum number of cells in a table of counts: 160 MB."""

SMOOTHING = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Values of k to choose from in add-k smoothing, on a logarithmic scale."""


class CountConfig(Config):
    """An n-gram model: which n-grams are counted, and how the counts become probabilities."""

    order: int = Field(2, ge=1, le=5, description="Order n: length of the n-grams, one more than the context length.")
    smoothing: float = Field(
        0.0, ge=0, le=1000, description="Add-k smoothing: number added to every count before normalization."
    )
    mixing: Literal["none", "interpolation", "back-off"] = Field(
        "none",
        description="Use of lower orders: none; interpolation averages them into every prediction; back-off uses them "
        "only for characters never seen after a context.",
    )
    weight: float = Field(
        0.8, gt=0, lt=1, description="Interpolation weight of the highest order; lower orders share the rest."
    )
    discount: float = Field(
        0.5, gt=0, lt=1, description="Absolute discount of back-off: amount subtracted from every nonzero count."
    )
    counted: Literal["all", "train"] = Field("all", description="Part of the corpus that is counted: all, or train.")


# ---------------------------------------------------------------- bigrams


def bigram_counts(stream: Ids, vocabulary_size: int, documents: bool) -> Counts:
    """Matrix of bigram counts, shape (V, V): rows are first characters, columns are second characters.

    Args:
        stream: character indices, shape (N,).
        vocabulary_size: V.
        documents: whether the stream consists of documents that each end with index 0. Index 0 then also precedes the
            first document, so there are N bigrams; running text has N - 1.
    """
    previous = np.concatenate(([0], stream[:-1])) if documents else stream[:-1]
    following = stream if documents else stream[1:]
    pairs = previous.astype(np.int64) * vocabulary_size + following
    return np.bincount(pairs, minlength=vocabulary_size**2).reshape(vocabulary_size, vocabulary_size)


def normalize(counts: Counts | Matrix, smoothing: float = 0.0) -> Matrix:
    """Counts plus ``smoothing``, with each row divided by its sum; shape unchanged, every row sums to one.

    A row whose sum is zero becomes uniform.
    """
    raised = counts + smoothing
    sums = raised.sum(axis=-1, keepdims=True)  # of the smoothed counts: with the old sums, rows would exceed one
    uniform = 1.0 / counts.shape[-1]
    rows: Matrix = np.divide(raised, sums, out=np.full(raised.shape, uniform), where=sums > 0)
    return rows


def mean_loss(counts: Counts, probabilities: Matrix) -> float:
    """Mean negative log-likelihood of the counted bigrams, in nats; infinite if one of them has probability 0.

    Args:
        counts: shape (V, V).
        probabilities: shape (V, V), rows that sum to one.
    """
    seen = counts > 0
    if not seen.any():
        return float("nan")
    with np.errstate(divide="ignore"):
        return float(-(counts[seen] * np.log(probabilities[seen])).sum() / counts.sum())


# ---------------------------------------------------------------- n-grams


@dataclass(frozen=True)
class TableSize:
    """Size of the table of counts of one order, known before the table is built."""

    order: int
    contexts: int  # distinct contexts that occur, M
    possible: int  # conceivable contexts, V ** (n-1)
    cells: int  # of the table, M * V
    seen: int  # distinct n-grams that occur

    @property
    def megabytes(self) -> float:
        """Memory of the table in MB (8 bytes per cell)."""
        return self.cells * 8 / 1e6

    @property
    def share_seen(self) -> float:
        """Share of all conceivable n-grams that occur."""
        return self.seen / (self.possible * (self.cells / max(1, self.contexts)))


def table_size(corpus: Corpus, order: int, counted: Literal["all", "train"] = "all") -> TableSize:
    """Size of the table of counts of one order, computed without building the table."""
    V = len(corpus.vocabulary)
    contexts, following = _examples(corpus, order, counted)
    codes, _ = _tally(contexts * V + following, V**order)
    n_contexts = len(np.unique(codes // V))
    return TableSize(order, n_contexts, V ** (order - 1), n_contexts * V, len(codes))


class NGram:
    """N-gram model of one corpus; with back-off or interpolation it contains the models of all lower orders.

    Attributes:
        contexts: distinct contexts as numbers whose digits in base V are the characters, shape (M,), ascending.
        counts: counts of each character after each context, shape (M, V).
        lower: the model of the next lower order, or None.

    Raises:
        UserError: if the table of counts would exceed `MAX_CELLS`.
    """

    def __init__(self, corpus: Corpus, config: CountConfig) -> None:
        self.config, self.V = config, len(corpus.vocabulary)
        size = table_size(corpus, config.order, config.counted)
        if size.cells > MAX_CELLS:
            raise UserError(
                f"Order {config.order} has {size.contexts:,} contexts of {self.V} characters each, a table of "
                f"{size.megabytes:,.0f} MB. Choose a lower order, a shorter text or a smaller vocabulary."
            )

        # count how often each character follows each context
        contexts, following = _examples(corpus, config.order, config.counted)
        self.contexts, _ = _tally(contexts, self.V ** (config.order - 1))  # (M,)
        rows = np.searchsorted(self.contexts, contexts)  # (N,)
        flat = np.bincount(rows * self.V + following, minlength=size.cells)
        self.counts: Counts = flat.reshape(len(self.contexts), self.V)  # (M, V)

        mixes = config.mixing != "none" and config.order > 1
        self.lower = NGram(corpus, config.updated(order=config.order - 1)) if mixes else None

    def probabilities(self, contexts: Ids) -> Matrix:
        """Probabilities of the next character: contexts (B, n-1) to (B, V); every row sums to one."""
        # look up the counts of each context; zeros if it never occurred
        codes = _encode(contexts, self.V)
        rows = np.minimum(np.searchsorted(self.contexts, codes), len(self.contexts) - 1)
        known = self.contexts[rows] == codes
        counts = np.where(known[:, None], self.counts[rows], 0)  # (B, V)
        if self.lower is None:
            return normalize(counts, self.config.smoothing)

        # combine them with the next lower order
        below = self.lower.probabilities(contexts[:, 1:])  # (B, V)
        if self.config.mixing == "interpolation":
            own, weight = normalize(counts, self.config.smoothing), self.config.weight
            return np.where(known[:, None], weight * own + (1 - weight) * below, below)
        return self._back_off(counts, below)

    def _back_off(self, counts: Counts, below: Matrix) -> Matrix:
        """Back-off with absolute discounting: the discounted mass goes to unseen characters, as ``below`` divides it.

        Source: Katz 1987 (back-off); Ney, Essen and Kneser 1994 (absolute discounting).
        """
        # subtract the discount from every nonzero count
        total = counts.sum(axis=1, keepdims=True)
        seen = counts > 0
        discounted = np.where(seen, counts - self.config.discount, 0) / np.maximum(total, 1)
        left = 1 - discounted.sum(axis=1, keepdims=True)

        # distribute what is left over the unseen characters
        unseen = np.where(seen, 0, below)
        share = unseen.sum(axis=1, keepdims=True)
        spread = np.divide(unseen, share, out=np.zeros_like(unseen), where=share > 0)
        mixed = discounted + left * spread

        # no unseen character: relative frequencies; no count at all: the lower order
        all_seen = share[:, 0] == 0
        return np.where(all_seen[:, None], normalize(counts), np.where(total > 0, mixed, below))

    def loss(self, corpus: Corpus, counted: Literal["all"] | Split) -> float | None:
        """Mean negative log-likelihood of a split, in nats per character; None if the split is empty."""
        V = self.V
        contexts, following = _examples(corpus, self.config.order, counted)
        if not len(following):
            return None

        # evaluate each distinct n-gram once, weighted by how often it occurs
        ngrams, counts = _tally(contexts * V + following, V**self.config.order)
        total = 0.0
        for part, count in zip(_chunks(ngrams), _chunks(counts), strict=True):
            p = self.probabilities(_decode(part // V, self.config.order - 1, V))
            with np.errstate(divide="ignore"):
                total -= float((count * np.log(p[np.arange(len(part)), part % V])).sum())
        return total / len(following)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Log-probabilities as logits: contexts (B, T) with T >= n-1 to (B, V), the interface of all other models."""
        with np.errstate(divide="ignore"):
            return torch.from_numpy(np.log(self.probabilities(x.numpy()[:, x.shape[1] - (self.config.order - 1) :])))


def _examples(corpus: Corpus, order: int, counted: Literal["all", "train"] | Split) -> tuple[Counts, Counts]:
    """All contexts of a split, encoded as numbers, and the characters that follow them, shape (N,) each."""
    V = len(corpus.vocabulary)
    if V**order >= 2**63:
        raise UserError(
            f"{order}-grams of {V:,} different characters cannot be counted. Choose a lower order or a smaller "
            "vocabulary."
        )
    parts = [corpus.windows(split, order - 1) for split in (SPLITS if counted == "all" else (counted,))]
    codes = [_encode(part.X[:], V) for part in parts]
    return np.concatenate(codes), np.concatenate([part.Y for part in parts]).astype(np.int64)


def _tally(codes: Counts, possible: int) -> tuple[Counts, Counts]:
    """The different numbers among codes below ``possible``, ascending, and how often each occurs."""
    if possible > MAX_CELLS:
        return np.unique(codes, return_counts=True)
    counts = np.bincount(codes)  # takes no sorting
    distinct = np.flatnonzero(counts)
    return distinct, counts[distinct]


def _encode(contexts: Ids, V: int) -> Counts:
    """Contexts (B, n-1) as numbers (B,) whose digits in base V are the characters."""
    codes = np.zeros(len(contexts), dtype=np.int64)
    for column in range(contexts.shape[1]):
        codes = codes * V + contexts[:, column]
    return codes


def _decode(codes: Counts, columns: int, V: int) -> Ids:
    """The inverse of `_encode`."""
    digits = np.zeros((len(codes), columns), dtype=np.int32)
    for column in reversed(range(columns)):
        codes, digits[:, column] = np.divmod(codes, V)
    return digits


def _chunks(array: Counts, size: int = 50_000) -> list[Counts]:
    return np.split(array, range(size, len(array), size))


# ---------------------------------------------------------------- scores


@dataclass(frozen=True)
class Score:
    """Probabilities that a model assigns to a text, character by character."""

    text: str
    contexts: tuple[str, ...]  # L contexts, printable
    characters: tuple[str, ...]  # L characters that followed
    probabilities: Matrix  # (L,)

    @property
    def log_probabilities(self) -> Matrix:
        """Natural logarithms of the probabilities, shape (L,); minus infinity where a probability is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.probabilities)

    @property
    def loss(self) -> float:
        """Mean negative log-likelihood, in nats per character; infinite if a probability is 0."""
        return float(-self.log_probabilities.mean())

    @property
    def impossible(self) -> tuple[str, ...]:
        """The n-grams of probability 0, for example ("tq",)."""
        return tuple(
            context + character
            for context, character, p in zip(self.contexts, self.characters, self.probabilities, strict=True)
            if p == 0
        )


def score(model: NGram, corpus: Corpus, text: str) -> Score:
    """Probability of each character of a text under a model.

    Raises:
        UserError: if a running text is shorter than one n-gram, or the text has characters outside the vocabulary.
    """
    # a document is padded with boundaries; running text starts with its first full context
    ids = corpus.vocabulary.encode(text)
    n_context = model.config.order - 1
    padded = np.concatenate([np.zeros(n_context, np.int32), ids, np.zeros(1, np.int32)]) if corpus.is_documents else ids
    if len(padded) <= n_context:
        raise UserError(
            f"The text has {len(ids)} characters. A model of order {n_context + 1} needs at least {n_context + 1}."
        )

    windows = np.lib.stride_tricks.sliding_window_view(padded, n_context + 1)  # (L, n)
    p = model.probabilities(windows[:, :n_context])[np.arange(len(windows)), windows[:, n_context]]
    labels = np.array(corpus.vocabulary.labels, dtype=object)
    contexts = tuple(corpus.vocabulary.show(row) for row in windows[:, :n_context])
    return Score(text, contexts, tuple(labels[windows[:, n_context]]), p)
