"""What one looks at in a bigram model: the matrix, its pairs, its loss step by step, and how n-grams explode.

Dimensions: V characters in the vocabulary, M characters shown. Losses are in nats per character.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from lmcore.data.corpora import SPLITS, Corpus
from lmcore.generation.sampling import Throw
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


@dataclass(frozen=True)
class PairMatrix:
    """The counts and probabilities of the characters that are shown."""

    labels: list[str]  # (M,)
    counts: Counts  # (M, M)
    probabilities: Matrix  # (M, M); of whole rows, so that those shown sum to less than one where some are left out
    unsmoothed: Matrix  # (M, M)


def counted(corpus: Corpus, split: Literal["all", "train", "dev", "test"] = "all") -> Counts:
    """The bigram counts of a corpus or of one of its splits, shape (V, V)."""
    stream = corpus.stream if split == "all" else corpus.streams[split]
    return bigram_counts(stream, len(corpus.vocabulary), corpus.is_documents)


def pair_matrix(
    corpus: Corpus, counts: Counts, smoothing: float, order: Order = "alphabet", most: int = 40
) -> PairMatrix:
    """The rows and columns of the ``most`` most frequent characters, in the order of the alphabet or of frequency."""
    chosen = corpus.most_frequent(most)
    if order == "frequency":
        chosen = chosen[np.argsort(-counts.sum(axis=1)[chosen], kind="stable")]
    grid = np.ix_(chosen, chosen)
    labels = [corpus.vocabulary.labels[i] for i in chosen]
    return PairMatrix(labels, counts[grid], normalize(counts, smoothing)[grid], normalize(counts)[grid])


def pair_table(corpus: Corpus, counts: Counts) -> pd.DataFrame:
    """Every pair, the most frequent first, with its count and the probability of the second after the first."""
    labels = np.array(corpus.vocabulary.labels, dtype=object)
    table = pd.DataFrame(
        {
            "pair": (labels[:, None] + labels[None, :]).ravel(),
            "first": np.repeat(labels, len(labels)),
            "second": np.tile(labels, len(labels)),
            "count": counts.ravel(),
            "probability": normalize(counts).ravel(),
        }
    )
    return table.sort_values("count", ascending=False, kind="stable", ignore_index=True)


@dataclass(frozen=True)
class AgainstCounts:
    """A model's probabilities beside those of the counts of the training split."""

    matrix: PairMatrix  # its probabilities are the model's, its unsmoothed ones the counts'
    counted_loss: float  # of the counts on the split they come from: no bigram model can do better there
    largest: float  # difference of a probability


def against_counts(corpus: Corpus, probabilities: np.ndarray, most: int = 40) -> AgainstCounts:
    """Compares what a model expects after each character with what was counted.

    Args:
        probabilities: shape (M, M), of the ``most`` most frequent characters in the order of the alphabet.
    """
    counts = counted(corpus, "train")
    matrix = replace(pair_matrix(corpus, counts, 0.0, most=most), probabilities=probabilities.astype(float))
    largest = float(np.abs(matrix.probabilities - matrix.unsmoothed).max())
    return AgainstCounts(matrix, mean_loss(counts, normalize(counts)), largest)


# ---------------------------------------------------------------- the loss


@dataclass(frozen=True)
class LossStory:
    """From the probability of a text to its loss."""

    pairs: int
    log10_likelihood: float  # the likelihood itself is too small for a computer's numbers
    log_likelihood: float  # natural logarithm
    loss: float  # its negative mean, in nats per character
    table: pd.DataFrame  # a row for guessing, unigram and bigram; a column for all and each split


def loss_story(corpus: Corpus, counts: Counts, smoothing: float) -> LossStory:
    """The loss of the counts under their own probabilities, beside guessing uniformly and by frequency alone."""
    bigram = normalize(counts, smoothing)
    unigram = np.broadcast_to(normalize(counts.sum(axis=0)), counts.shape)
    uniform = np.full(counts.shape, 1 / len(counts))
    parts = {"all": counted(corpus)} | {split: counted(corpus, split) for split in SPLITS}
    rows = {"guessing uniformly (ln V)": uniform, "unigram": unigram, "bigram": bigram}
    table = pd.DataFrame(
        [{"model": name} | {part: mean_loss(c, p) for part, c in parts.items()} for name, p in rows.items()]
    )
    loss = mean_loss(counts, bigram)
    pairs = int(counts.sum())
    return LossStory(pairs, -loss * pairs / float(np.log(10)), -loss * pairs, loss, table)


def score_table(scored: Score) -> pd.DataFrame:
    """A row for each character of a text: context, character, probability, log probability."""
    return pd.DataFrame(
        {
            "context": scored.contexts,
            "next": scored.characters,
            "probability": scored.probabilities,
            "log probability": scored.log_probabilities,
        }
    )


def verdict(scored: Score) -> str:
    """The loss of a text in words."""
    if scored.impossible:
        return f"infinite, because {scored.impossible[0]} never occurs"
    return f"{scored.loss:.4f} nats per character"


def rank(model: NGram, corpus: Corpus, words: list[str]) -> pd.DataFrame:
    """Several words under one model, the likeliest first.

    Raises:
        UserError: names characters that the corpus does not know.
    """
    scored = [score(model, corpus, word) for word in words]
    table = pd.DataFrame({"word": words, "loss": [s.loss for s in scored], "in words": [verdict(s) for s in scored]})
    return table.sort_values("loss", kind="stable", ignore_index=True)


# ---------------------------------------------------------------- samples


def sample_table(corpus: Corpus, random: list[str], greedy: str) -> pd.DataFrame:
    """Samples, each marked as in the corpus or new; the greedy one last."""
    known = set(corpus.documents)
    rows = [(text, "random") for text in random] + [(greedy, "greedy")]
    texts, how = zip(*rows, strict=True)
    marks = ["in the corpus" if text in known else "new" for text in texts] if known else ["–"] * len(texts)
    return pd.DataFrame({"text": texts, "drawn": how, "is": marks})


def throw_in_words(corpus: Corpus, throw: Throw) -> str:
    """One step of sampling as a sentence."""
    labels = corpus.vocabulary.labels
    context = "".join(labels[i] for i in throw.context)
    return f"After {context} the dart falls at {throw.dart:.4f} and hits {labels[throw.chosen]}."


# ---------------------------------------------------------------- n-grams and the classic trap


def growth(corpus: Corpus, config: CountConfig) -> pd.DataFrame:
    """Orders 1 to 5, counted on the training split: size of the table, share of it ever seen, train and dev loss.

    An order whose table would be too large has no losses.
    """
    rows = []
    for order in range(1, 6):
        size = table_size(corpus, order, "train")
        row: dict[str, float | None] = {
            "order": order,
            "contexts": size.contexts,
            "megabytes": size.megabytes,
            "share seen": size.share_seen,
        }
        if size.cells <= MAX_CELLS:
            model = NGram(corpus, config.updated(order=order, counted="train"))
            row["train"], row["dev"] = model.loss(corpus, "train"), model.loss(corpus, "dev")
        rows.append(row)
    return pd.DataFrame(rows, columns=["order", "contexts", "megabytes", "share seen", "train", "dev"])


@dataclass(frozen=True)
class Broadcasting:
    """The same division with the dimension of the sums kept, and lost."""

    labels: list[str]  # (M,)
    right: Matrix  # (M, M), counts / counts.sum(1, keepdims=True)
    wrong: Matrix  # (M, M), counts / counts.sum(1)
    shapes: str  # how numpy and torch align them


def broadcasting(corpus: Corpus, counts: Counts) -> Broadcasting:
    """What happens when ``keepdim=True`` is forgotten: (V,) is read as a row, so columns are divided, not rows."""
    V = len(counts)
    raised = counts + 1.0  # no row or column without a sum
    shapes = (
        f"P               {V:>3} × {V:<3}          P               {V:>3} × {V:<3}\n"
        f"sum(keepdim)    {V:>3} ×   1          sum                   {V:<3}  aligned from the right: a row\n"
        f"each row is divided by its sum     each column is divided by the sum of the row of its number"
    )
    matrix = pair_matrix(corpus, counts, 0.0, most=27)
    chosen = [corpus.vocabulary.labels.index(label) for label in matrix.labels]
    grid = np.ix_(chosen, chosen)
    right, wrong = raised / raised.sum(1, keepdims=True), raised / raised.sum(1)
    return Broadcasting(matrix.labels, right[grid], wrong[grid], shapes)
