"""A corpus in numbers and examples, to look at before training."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.data.corpora import SPLITS, Corpus, document_windows


@dataclass(frozen=True)
class Summary:
    """A corpus in numbers."""

    n_documents: int  # 0 for running text
    n_characters: int  # without boundaries
    vocabulary: pd.DataFrame  # one row per character: character, index, count, share
    lengths: NDArray[np.int64]  # characters per document, or per line of running text
    splits: pd.DataFrame  # one row per split: split, documents (not for running text), characters


def summarize(corpus: Corpus) -> Summary:
    """Character counts, lengths of documents, and sizes of the splits of a corpus."""
    counts = np.bincount(corpus.stream, minlength=len(corpus.vocabulary))
    labels = corpus.vocabulary.labels
    vocabulary = pd.DataFrame(
        {"character": labels, "index": np.arange(len(labels)), "count": counts, "share": counts / counts.sum()}
    )
    n_documents = len(corpus.documents)
    splits = pd.DataFrame({"split": SPLITS, "characters": [len(corpus.streams[split]) for split in SPLITS]})
    if n_documents:
        splits.insert(1, "documents", [len(corpus.document_splits[split]) for split in SPLITS])
    return Summary(n_documents, len(corpus.stream) - n_documents, vocabulary, _lengths(corpus), splits)


def _lengths(corpus: Corpus) -> NDArray[np.int64]:
    if corpus.documents:
        return np.diff(np.flatnonzero(corpus.stream == 0), prepend=-1) - 1
    line_end = corpus.vocabulary.index.get("\n")
    ends = np.flatnonzero(corpus.stream == line_end) if line_end is not None else np.array([], dtype=np.int64)
    return np.diff(np.concatenate(([-1], ends, [len(corpus.stream)]))) - 1


def excerpt(corpus: Corpus, n_characters: int = 600) -> str:
    """Documents from all over the corpus, or the beginning of a running text."""
    if corpus.documents:
        return "\n".join(corpus.documents[:: max(1, len(corpus.documents) // 40)])
    return corpus.vocabulary.decode(corpus.stream[:n_characters])


def context_table(corpus: Corpus, text: str, context: int) -> pd.DataFrame:
    """The training examples of one document, or of a piece of running text.

    Returns:
        One row per example: context, next, context indices, next index. For "emma": ``... -> e``, ``..e -> m`` etc.

    Raises:
        UserError: if the text has characters that are not in the vocabulary.
    """
    ids = corpus.vocabulary.encode(text)
    if corpus.documents:
        X, Y = document_windows(np.append(ids, np.int32(0)), context)
    else:
        short = len(ids) <= context
        view = np.zeros((1, context), int) if short else np.lib.stride_tricks.sliding_window_view(ids, context)
        X, Y = view[:-1], ids[context:]
    labels = np.array(corpus.vocabulary.labels, dtype=object)
    return pd.DataFrame(
        {
            "context": ["".join(row) for row in labels[X]],
            "next": labels[Y],
            "context indices": [" ".join(map(str, row)) for row in X.tolist()],
            "next index": Y,
        }
    )
