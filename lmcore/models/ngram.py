"""Models that count: n-grams of any order, with add-k smoothing, back-off or interpolation.

Dimensions: V characters in the vocabulary, n the order (n-1 characters of context), M contexts seen, N examples.
All losses are in nats per character.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.config import Config, Field
from lmcore.data.corpora import SPLITS, Corpus, Ids, Split
from lmcore.errors import UserError

Matrix = NDArray[np.float64]
Counts = NDArray[np.int64]

MAX_CELLS = 20_000_000
"""Largest table of counts that is built: 160 MB."""


class CountConfig(Config):
    """What is counted, and what is made of it."""

    order: int = Field(
        2, ge=1, le=5, description="Characters in an n-gram: 2 looks at one character to guess the next."
    )
    smoothing: float = Field(0.0, ge=0, le=1000, description="Added to every count before a row is divided by its sum.")
    mixing: Literal["none", "interpolation", "back-off"] = Field(
        "none", description="How shorter contexts help: mixed into every prediction, or only where nothing was seen."
    )
    weight: float = Field(0.8, gt=0, lt=1, description="Interpolation: the share of the longest context.")
    discount: float = Field(0.5, gt=0, lt=1, description="Back-off: taken from every count for what was never seen.")
    counted: Literal["all", "train"] = Field("all", description="Count the whole text, or its training split only.")


# ---------------------------------------------------------------- pairs


def bigram_counts(stream: Ids, vocabulary_size: int, documents: bool) -> Counts:
    """How often each character follows each: shape (V, V), rows the first, columns the second.

    In a stream of documents index 0 comes before each document and after it; running text has one pair less than
    characters.
    """
    previous = np.concatenate(([0], stream[:-1])) if documents else stream[:-1]
    following = stream if documents else stream[1:]
    pairs = previous.astype(np.int64) * vocabulary_size + following
    return np.bincount(pairs, minlength=vocabulary_size**2).reshape(vocabulary_size, vocabulary_size)


def normalize(counts: Counts | Matrix, smoothing: float = 0.0) -> Matrix:
    """Rows of probabilities: each row plus ``smoothing``, divided by its new sum, so that it sums to one.

    Dividing by the old sum would give rows that sum to more than one. A row that was never seen becomes uniform.
    """
    raised = counts + smoothing
    sums = raised.sum(axis=-1, keepdims=True)
    uniform = 1.0 / counts.shape[-1]
    rows: Matrix = np.divide(raised, sums, out=np.full(raised.shape, uniform), where=sums > 0)
    return rows


def mean_loss(counts: Counts, probabilities: Matrix) -> float:
    """Mean negative log-likelihood of the pairs that were counted; infinite if one of them has probability 0."""
    seen = counts > 0
    if not seen.any():
        return float("nan")
    with np.errstate(divide="ignore"):
        return float(-(counts[seen] * np.log(probabilities[seen])).sum() / counts.sum())


# ---------------------------------------------------------------- n-grams


@dataclass(frozen=True)
class TableSize:
    """What an order would cost, known before its table is built."""

    order: int
    contexts: int  # that occur
    possible: int  # V ** (n-1)
    cells: int  # of the table over contexts that occur
    seen: int  # different n-grams that occur

    @property
    def megabytes(self) -> float:
        """Memory of the table of counts."""
        return self.cells * 8 / 1e6

    @property
    def share_seen(self) -> float:
        """The share of all possible n-grams that occurs."""
        return self.seen / (self.possible * (self.cells / max(1, self.contexts)))


def table_size(corpus: Corpus, order: int, counted: Literal["all", "train"] = "all") -> TableSize:
    """The size of an order's table, from the contexts that occur, without building it."""
    V = len(corpus.vocabulary)
    contexts, following = _examples(corpus, order, counted)
    codes = np.unique(contexts * V + following)
    occurring = len(np.unique(codes // V))
    return TableSize(order, occurring, V ** (order - 1), occurring * V, len(codes))


def _examples(corpus: Corpus, order: int, counted: Literal["all", "train"] | Split) -> tuple[Counts, Counts]:
    """Every context as one number (its characters are its digits in base V) and the character that follows."""
    V = len(corpus.vocabulary)
    parts = [corpus.windows(split, order - 1) for split in (SPLITS if counted == "all" else (counted,))]
    codes = [_codes(part.X, V) for part in parts]
    return np.concatenate(codes), np.concatenate([part.Y for part in parts]).astype(np.int64)


def _codes(contexts: Ids, V: int) -> Counts:
    codes = np.zeros(len(contexts), dtype=np.int64)
    for column in range(contexts.shape[1]):
        codes = codes * V + contexts[:, column]
    return codes


class NGram:
    """A count model of order n; those of lower orders stand below it where mixing asks for them.

    Raises:
        UserError: if the table would be too large.
    """

    def __init__(self, corpus: Corpus, config: CountConfig) -> None:
        self.config, self.V = config, len(corpus.vocabulary)
        size = table_size(corpus, config.order, config.counted)
        if size.cells > MAX_CELLS:
            raise UserError(
                f"Order {config.order} meets {size.contexts:,} contexts of {self.V} characters each, a table of "
                f"{size.megabytes:,.0f} MB. Choose a lower order, a shorter text or a smaller vocabulary."
            )
        contexts, following = _examples(corpus, config.order, config.counted)
        self.contexts, rows = np.unique(contexts, return_inverse=True)  # (M,), ascending
        flat = np.bincount(rows * self.V + following, minlength=size.cells)
        self.counts: Counts = flat.reshape(len(self.contexts), self.V)  # (M, V)
        mixes = config.mixing != "none" and config.order > 1
        self.lower = NGram(corpus, config.updated(order=config.order - 1)) if mixes else None

    def probabilities(self, contexts: Ids) -> Matrix:
        """What follows each context: shape (B, order - 1) to (B, V); every row sums to one."""
        codes = _codes(contexts, self.V)
        rows = np.minimum(np.searchsorted(self.contexts, codes), len(self.contexts) - 1)
        known = self.contexts[rows] == codes
        counts = np.where(known[:, None], self.counts[rows], 0)
        if self.lower is None:
            return normalize(counts, self.config.smoothing)
        below = self.lower.probabilities(contexts[:, 1:])
        if self.config.mixing == "interpolation":
            own = normalize(counts, self.config.smoothing)
            return np.where(known[:, None], self.config.weight * own + (1 - self.config.weight) * below, below)
        return self._back_off(counts, below)

    def _back_off(self, counts: Counts, below: Matrix) -> Matrix:
        """Absolute discounting (Katz 1987; Ney, Essen and Kneser 1994): what is taken goes to what was never seen."""
        total = counts.sum(axis=1, keepdims=True)
        seen = counts > 0
        discounted = np.where(seen, counts - self.config.discount, 0) / np.maximum(total, 1)
        left = 1 - discounted.sum(axis=1, keepdims=True)
        unseen = np.where(seen, 0, below)
        share = unseen.sum(axis=1, keepdims=True)
        spread = np.divide(unseen, share, out=np.zeros_like(unseen), where=share > 0)
        mixed = discounted + left * spread
        full = share[:, 0] == 0  # nothing was never seen: the counts themselves
        return np.where(full[:, None], normalize(counts), np.where(total > 0, mixed, below))

    def loss(self, corpus: Corpus, counted: Literal["all"] | Split) -> float | None:
        """Mean negative log-likelihood of a split, in nats per character; None if it is empty."""
        V = self.V
        contexts, following = _examples(corpus, self.config.order, counted)
        if not len(following):
            return None
        pairs, numbers = np.unique(contexts * V + following, return_counts=True)  # each n-gram once
        total = 0.0
        for part, number in zip(_chunks(pairs), _chunks(numbers), strict=True):
            p = self.probabilities(_digits(part // V, self.config.order - 1, V))
            with np.errstate(divide="ignore"):
                total -= float((number * np.log(p[np.arange(len(part)), part % V])).sum())
        return total / len(following)

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities as logits, shape (B, V), so that sampling takes a count model like any other."""
        with np.errstate(divide="ignore"):
            return torch.from_numpy(np.log(self.probabilities(x.numpy()[:, x.shape[1] - (self.config.order - 1) :])))


def _digits(codes: Counts, columns: int, V: int) -> Ids:
    digits = np.zeros((len(codes), columns), dtype=np.int32)
    for column in reversed(range(columns)):
        codes, digits[:, column] = np.divmod(codes, V)
    return digits


def _chunks(array: Counts, size: int = 50_000) -> list[Counts]:
    return np.split(array, range(size, len(array), size))


# ---------------------------------------------------------------- scores


@dataclass(frozen=True)
class Score:
    """A text under a model, character by character."""

    text: str
    contexts: tuple[str, ...]  # what the model saw, as one can read it
    characters: tuple[str, ...]  # what came
    probabilities: Matrix  # (L,)

    @property
    def log_probabilities(self) -> Matrix:
        """Natural logarithms; minus infinity where a probability is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.probabilities)

    @property
    def loss(self) -> float:
        """Mean negative log-likelihood, in nats per character; infinite if one pair never occurs."""
        return float(-self.log_probabilities.mean())

    @property
    def impossible(self) -> tuple[str, ...]:
        """The n-grams that the model holds impossible, as in "tq"."""
        return tuple(
            context + character
            for context, character, p in zip(self.contexts, self.characters, self.probabilities, strict=True)
            if p == 0
        )


def score(model: NGram, corpus: Corpus, text: str) -> Score:
    """How likely a model holds a text.

    Raises:
        UserError: if the text is empty or holds characters that the corpus does not know.
    """
    ids = corpus.vocabulary.encode(text)
    n = model.config.order - 1
    padded = np.concatenate([np.zeros(n, np.int32), ids, np.zeros(1, np.int32)]) if corpus.documents else ids
    if len(padded) <= n:
        raise UserError(f"Type at least {n + 1} characters." if text or not corpus.documents else "Type a word.")
    windows = np.lib.stride_tricks.sliding_window_view(padded, n + 1)
    p = model.probabilities(windows[:, :n])[np.arange(len(windows)), windows[:, n]]
    labels = np.array(corpus.vocabulary.labels, dtype=object)
    return Score(text, tuple("".join(row) for row in labels[windows[:, :n]]), tuple(labels[windows[:, n]]), p)
