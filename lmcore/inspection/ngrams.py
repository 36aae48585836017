"""A bigram model in pictures and tables: the matrix of pairs, the loss step by step, samples, and higher orders.

Dimensions: V characters in the vocabulary, M characters shown. Losses are in nats per character.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.cache import cached
from lmcore.data.corpora import SPLITS, Corpus, Split
from lmcore.errors import UserError
from lmcore.generation.reader import WindowReader
from lmcore.generation.sampling import SampleConfig, Samples, draw_in_turn, sample_in_turn
from lmcore.generation.scoring import novelty
from lmcore.models.ngram import (
    MAX_CELLS,
    CountConfig,
    Counts,
    Matrix,
    NGram,
    Score,
    bigram_counts,
    mean_loss,
    normalize,
    score,
    table_size,
)

Order = Literal["alphabet", "frequency"]
MAX_SHOWN = 40
"""Characters of a matrix of pairs: the most frequent ones."""


MAX_VOCABULARY = 500
"""Characters of a text whose pairs are all counted."""


@cached(max_bytes=20_000_000)
def count_pairs(corpus: Corpus, split: Literal["all"] | Split = "all") -> Counts:
    """The bigram counts of a corpus or of one of its splits, shape (V, V).

    Raises:
        UserError: if the vocabulary has more than `MAX_VOCABULARY` characters.
    """
    if (V := len(corpus.vocabulary)) > MAX_VOCABULARY:
        raise UserError(
            f"The text has {V:,} different characters; all their pairs are counted for at most {MAX_VOCABULARY}. Set "
            f"max_vocabulary to at most {MAX_VOCABULARY - 2}, which replaces the less frequent ones."
        )
    stream = corpus.stream if split == "all" else corpus.streams[split]
    return bigram_counts(stream, len(corpus.vocabulary), corpus.is_documents)


# ---------------------------------------------------------------- the matrix


@dataclass(frozen=True)
class PairMatrix:
    """Counts and probabilities of pairs of characters: rows are the first character, columns the second."""

    labels: list[str]  # (M,)
    counts: Counts  # (M, M)
    probabilities: Matrix  # (M, M); a row sums to less than one where some characters are not shown
    unsmoothed: Matrix  # (M, M), probabilities without smoothing


def pair_matrix(
    corpus: Corpus, counts: Counts, smoothing: float, order: Order = "alphabet", max_shown: int = MAX_SHOWN
) -> PairMatrix:
    """The pairs of the most frequent characters.

    Args:
        corpus: the text.
        counts: shape (V, V).
        smoothing: k of add-k smoothing.
        order: of the rows and columns.
        max_shown: M, the number of characters.
    """
    shown = corpus.most_frequent(max_shown)
    if order == "frequency":
        shown = shown[np.argsort(-counts.sum(axis=1)[shown], kind="stable")]
    grid = np.ix_(shown, shown)
    labels = [corpus.vocabulary.labels[i] for i in shown]
    return PairMatrix(labels, counts[grid], normalize(counts, smoothing)[grid], normalize(counts)[grid])


def pair_table(corpus: Corpus, counts: Counts, smoothing: float = 0.0) -> pd.DataFrame:
    """All pairs, most frequent first, with their counts and the probability of the second character after the first.

    Args:
        corpus: the text.
        counts: shape (V, V).
        smoothing: k of add-k smoothing.
    """
    labels = np.array(corpus.vocabulary.labels, dtype=object)
    table = pd.DataFrame(
        {
            "pair": (labels[:, None] + labels[None, :]).ravel(),
            "first": np.repeat(labels, len(labels)),
            "second": np.tile(labels, len(labels)),
            "count": counts.ravel(),
            "probability": normalize(counts, smoothing).ravel(),
        }
    )
    return table.sort_values("count", ascending=False, kind="stable", ignore_index=True)


@dataclass(frozen=True)
class FoundPairs:
    """The pairs that a search found, or the first of them."""

    seen: pd.DataFrame  # rows of `pair_table`, most frequent first
    n_seen: int
    unseen: pd.DataFrame  # pair, first, second
    n_unseen: int


def find_pairs(
    corpus: Corpus,
    counted: Literal["all", "train"],
    searched: str = "",
    smoothing: float = 0.0,
    max_rows: int = 1000,
) -> FoundPairs:
    """The pairs that contain a text, at most ``max_rows`` that occur and of others. Errors as for `count_pairs`."""
    table = pair_table(corpus, count_pairs(corpus, counted), smoothing)
    found = table[table["pair"].str.contains(searched, regex=False)] if searched else table
    seen, unseen = found[found["count"] > 0], found[found["count"] == 0][["pair", "first", "second"]]
    return FoundPairs(seen.head(max_rows), len(seen), unseen.head(max_rows), len(unseen))


def pairs_csv(corpus: Corpus, counted: Literal["all", "train"], smoothing: float = 0.0) -> str:
    """All pairs as comma-separated values. Errors as for `count_pairs`."""
    text: str = pair_table(corpus, count_pairs(corpus, counted), smoothing).to_csv(index=False)
    return text


@dataclass(frozen=True)
class CountComparison:
    """A model's probabilities compared with the counts of the training split."""

    matrix: PairMatrix  # probabilities of the model; the unsmoothed ones are those of the counts
    count_loss: float  # of the counts on the training split; no bigram model can do better there
    max_difference: float  # of a probability, in absolute value


def compare_with_counts(
    corpus: Corpus, probabilities: NDArray[np.floating[Any]], max_shown: int = MAX_SHOWN
) -> CountComparison:
    """Compares the probabilities of a model with those that counting gives.

    Args:
        corpus: the text.
        probabilities: shape (M, M), of the M most frequent characters in alphabetical order.
        max_shown: M.
    """
    counts = count_pairs(corpus, "train")
    matrix = replace(pair_matrix(corpus, counts, 0.0, max_shown=max_shown), probabilities=probabilities.astype(float))
    max_difference = float(np.abs(matrix.probabilities - matrix.unsmoothed).max())
    return CountComparison(matrix, mean_loss(counts, normalize(counts)), max_difference)


# ---------------------------------------------------------------- the loss


@dataclass(frozen=True)
class LossDerivation:
    """The steps from the likelihood of a text to its loss."""

    n_pairs: int
    log10_likelihood: float  # the likelihood itself is too small for a floating-point number
    log_likelihood: float  # natural logarithm
    loss: float  # mean negative log-likelihood, in nats per character
    table: pd.DataFrame  # one row per model: guessing, unigram, bigram; one column for all text and for each split


def derive_loss(corpus: Corpus, counted: Literal["all", "train"], smoothing: float) -> LossDerivation:
    """The loss of a bigram model on the pairs it has counted, with those of guessing and of a unigram model.

    Errors as for `count_pairs`.
    """
    counts = count_pairs(corpus, counted)
    bigram = normalize(counts, smoothing)
    unigram = np.broadcast_to(normalize(counts.sum(axis=0)), counts.shape)
    uniform = np.full(counts.shape, 1 / len(counts))
    splits = {"all": count_pairs(corpus)} | {split: count_pairs(corpus, split) for split in SPLITS}
    models = {"guessing uniformly (ln V)": uniform, "unigram": unigram, "bigram": bigram}
    table = pd.DataFrame(
        [{"model": name} | {split: mean_loss(c, p) for split, c in splits.items()} for name, p in models.items()]
    )
    loss, n_pairs = mean_loss(counts, bigram), int(counts.sum())
    return LossDerivation(n_pairs, -loss * n_pairs / float(np.log(10)), -loss * n_pairs, loss, table)


def score_table(scored: Score) -> pd.DataFrame:
    """One row per character of a text: its context, the character, its probability and log probability."""
    return pd.DataFrame(
        {
            "context": scored.contexts,
            "next": scored.characters,
            "probability": scored.probabilities,
            "log probability": scored.log_probabilities,
        }
    )


def describe_score(scored: Score) -> str:
    """The loss of a text, as in "2.4540 nats per character"."""
    if scored.impossible:
        return f"infinite, because {scored.impossible[0]} never occurs"
    return f"{scored.loss:.4f} nats per character"


def rank_texts(model: NGram, corpus: Corpus, texts: Sequence[str]) -> pd.DataFrame:
    """Several texts by their loss under one model, most likely first; at the end those that cannot be scored, and why.

    Returns:
        One row per text: text, loss (None if it cannot be scored), and the loss or the reason in words.
    """
    table = pd.DataFrame([_ranked(model, corpus, text) for text in texts], columns=["text", "loss", "description"])
    return table.sort_values("loss", kind="stable", ignore_index=True)


def _ranked(model: NGram, corpus: Corpus, text: str) -> tuple[str, float | None, str]:
    try:
        scored = score(model, corpus, text)
    except UserError as error:
        return text, None, str(error)
    return text, scored.loss, describe_score(scored)


# ---------------------------------------------------------------- samples


def draw_texts(model: NGram, corpus: Corpus, settings: SampleConfig) -> tuple[Samples, pd.DataFrame]:
    """The draws of the first text, and the `sample_table` of all texts and the greedy one."""
    reader = WindowReader(model, model.config.order - 1)
    drawn = list(draw_in_turn(reader, corpus, settings))
    random = [text for one in drawn for text in one.texts(corpus, settings.prefix)]
    (greedy,) = sample_in_turn(reader, corpus, settings.updated(count=1, temperature=0))
    return drawn[0], sample_table(corpus, random, greedy)


def sample_table(corpus: Corpus, random: Sequence[str], greedy: str) -> pd.DataFrame:
    """Sampled texts and the greedy one, with the first split that contains each as a document (`novelty`)."""
    rows = [(text, "random") for text in random] + [(greedy, "greedy")]
    texts, methods = zip(*rows, strict=True)
    found = [novelty(corpus, text) if corpus.is_documents else "–" for text in texts]
    return pd.DataFrame({"text": texts, "sampling": methods, "novelty": found})


# ---------------------------------------------------------------- higher orders, and a common mistake


def compare_orders(corpus: Corpus, config: CountConfig) -> pd.DataFrame:
    """One row per order from 1 to 5, counted on the training split: size of the table, and train and dev loss.

    The column "share seen" is the share of all possible n-grams that occur. An order whose table would be too large has
    no losses.
    """
    columns = ["order", "contexts", "megabytes", "share seen", "train", "dev"]
    return pd.DataFrame([_order_row(corpus, config, order) for order in range(1, 6)], columns=columns)


def _order_row(corpus: Corpus, config: CountConfig, order: int) -> dict[str, float | None]:
    size = table_size(corpus, order, "train")
    row: dict[str, float | None] = {
        "order": order,
        "contexts": size.contexts,
        "megabytes": size.megabytes,
        "share seen": size.share_seen,
    }
    if size.cells <= MAX_CELLS:
        model = NGram(corpus, config.updated(order=order, counted="train"))
        row |= {"train": model.loss(corpus, "train"), "dev": model.loss(corpus, "dev")}
    return row


@dataclass(frozen=True)
class Broadcasting:
    """A matrix divided by its row sums, with the dimension of the sums kept and lost."""

    labels: list[str]  # (M,)
    keepdim: Matrix  # (M, M), counts / counts.sum(1, keepdim=True)
    no_keepdim: Matrix  # (M, M), counts / counts.sum(1)
    shapes: str  # how NumPy and PyTorch align the two shapes, as text


def broadcasting(corpus: Corpus, counts: Counts, max_shown: int = 27) -> Broadcasting:
    """What happens without ``keepdim=True``: sums of shape (V,) are broadcast as a row, so columns are divided."""
    V = len(counts)
    raised = counts + 1.0  # no sum is zero
    shapes = (
        f"P               {V:>3} × {V:<3}          P      {V:>3} × {V:<3}\n"
        f"sum, keepdim    {V:>3} ×   1          sum          {V:<3}  aligned from the right, as a row\n"
        f"each row is divided by its sum     column j is divided by the sum of row j"
    )
    shown = corpus.most_frequent(max_shown)
    grid = np.ix_(shown, shown)
    keepdim, no_keepdim = raised / raised.sum(1, keepdims=True), raised / raised.sum(1)
    return Broadcasting([corpus.vocabulary.labels[i] for i in shown], keepdim[grid], no_keepdim[grid], shapes)
