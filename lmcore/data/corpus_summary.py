"""A corpus in numbers and examples, to look at before training."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.cache import cached
from lmcore.data.corpora import SPLITS, Corpus, document_windows, split_sizes


@dataclass(frozen=True)
class Summary:
    """A corpus in numbers."""

    n_documents: int  # 0 for running text
    n_different: int  # documents, without repetitions
    n_dev: int  # documents in the dev split
    n_dev_in_train: int  # documents in the dev split that are in the training split as well
    n_characters: int  # without boundaries
    vocabulary: pd.DataFrame  # one row per character: character, index, count, share
    lengths: NDArray[np.int64]  # (L,), the different lengths of documents, or of lines of running text, ascending
    n_of_length: NDArray[np.int64]  # (L,), how many documents or lines have each
    splits: pd.DataFrame  # one row per split: split, documents (not for running text), characters


@cached(max_bytes=50_000_000)
def summarize(corpus: Corpus) -> Summary:
    """Character counts, lengths of documents, and sizes of the splits of a corpus."""
    counts, labels = corpus.counts, corpus.vocabulary.labels
    vocabulary = pd.DataFrame(
        {"character": labels, "index": np.arange(len(labels)), "count": counts, "share": counts / counts.sum()}
    )
    n_documents = corpus.n_documents
    splits = pd.DataFrame({"split": SPLITS, "characters": list(split_sizes(corpus).values())})
    if n_documents:
        splits.insert(1, "documents", [len(corpus.document_splits[split]) for split in SPLITS])
    lengths = np.unique(_lengths(corpus), return_counts=True)
    n_characters = len(corpus.stream) - n_documents
    return Summary(n_documents, *_repetitions(corpus), n_characters, vocabulary, *lengths, splits)


def _repetitions(corpus: Corpus) -> tuple[int, int, int]:
    """Different documents, those in the dev split, and those of them that are in the training split as well."""
    if not corpus.is_documents:
        return 0, 0, 0
    documents, splits = corpus.documents, corpus.document_splits
    train = {documents[i] for i in splits["train"].tolist()}
    n_shared = sum(documents[i] in train for i in splits["dev"].tolist())
    return len(set(documents)), len(splits["dev"]), n_shared


def repetition_remark(summary: Summary) -> str:
    """A sentence on repeated documents; empty if there are none."""
    if summary.n_different == summary.n_documents:
        return ""
    shared = (
        "every dev document is"
        if summary.n_dev_in_train == summary.n_dev
        else (f"{summary.n_dev_in_train:,} of {summary.n_dev:,} dev documents are")
    )
    return f"{summary.n_documents:,} documents, {summary.n_different:,} different; {shared} also in train."


def _lengths(corpus: Corpus) -> NDArray[np.int64]:
    if corpus.is_documents:
        return np.diff(np.flatnonzero(corpus.stream == 0), prepend=-1) - 1
    line_end = corpus.vocabulary.index.get("\n")
    ends = np.flatnonzero(corpus.stream == line_end) if line_end is not None else np.array([], dtype=np.int64)
    return np.diff(np.concatenate(([-1], ends, [len(corpus.stream)]))) - 1


def excerpt(corpus: Corpus, n_characters: int = 600) -> str:
    """Documents from all over the corpus, each cut to ``n_characters``, or the beginning of a running text."""
    if corpus.is_documents:
        chosen = corpus.documents[:: max(1, corpus.n_documents // 40)]
        return "\n".join(_cut(document, n_characters) for document in chosen)
    return _cut(corpus.vocabulary.decode(corpus.stream[: n_characters + 1]), n_characters)


def _cut(text: str, n_characters: int) -> str:
    return text if len(text) <= n_characters else f"{text[:n_characters]}…"


def context_table(corpus: Corpus, text: str, context: int) -> pd.DataFrame:
    """The training examples of one document, or of a piece of running text.

    Returns:
        One row per example: context, next, context indices, next index. For "emma": ``... -> e``, ``..e -> m`` etc.

    Raises:
        UserError: if the text has characters that are not in the vocabulary.
    """
    ids = corpus.vocabulary.encode(text)
    if corpus.is_documents:
        windows = document_windows(np.append(ids, np.int32(0)), context)
        X, Y = windows.X[:], windows.Y
    else:
        short = len(ids) <= context
        view = np.zeros((1, context), np.int32) if short else np.lib.stride_tricks.sliding_window_view(ids, context)
        X, Y = view[:-1], ids[context:]
    labels = np.array(corpus.vocabulary.labels, dtype=object)
    return pd.DataFrame(
        {
            "context": [corpus.vocabulary.show(row) for row in X],
            "next": labels[Y],
            "context indices": [" ".join(map(str, row)) for row in X.tolist()],
            "next index": Y,
        }
    )
