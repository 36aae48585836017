"""Texts as numbers: vocabulary, splits, and the context windows that a model is trained on.

A text is either *documents* (names, one a line; index 0 marks where each starts and ends) or *running text*.
Dimensions: N examples, T characters of context, V characters in the vocabulary.
"""

import functools
import itertools
import random
import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmcore.config import Config, Field
from lmcore.data import sources
from lmcore.errors import UserError

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
Ids = NDArray[np.int32]
Integer = TypeVar("Integer", np.int32, np.int64)

UNKNOWN = "\ufffd"  # stands for every character beyond the maximum vocabulary
_BOUNDARIES = ".•¶∎␞"  # the first that the text does not use marks the start and end of a document
_VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥"}


class CorpusConfig(Config):
    """Which text, and how it is read."""

    source: str = Field("given-names", description="Name of the text.", max_length=200)
    locales: tuple[str, ...] = Field((), description="Countries of the given names; none chosen means all.")
    alphabet: sources.Alphabet = Field("a-z", description="Letters that a given name may have.")
    units: Literal["auto", "lines", "running"] = Field("auto", description="One document a line, or one running text.")
    lower_case: bool = Field(False, description="Turn every letter into lower case.")
    only_letters: bool = Field(False, description="Keep letters, spaces and line ends only.")
    max_vocabulary: int = Field(
        0, ge=0, le=5000, description="Most distinct characters; rarer ones become \ufffd (0: no limit)."
    )
    split_seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of the shuffle that splits documents.")


class Windows(NamedTuple):
    """Contexts and the characters that follow them."""

    X: Ids  # (N, T)
    Y: Ids  # (N,)


@dataclass(frozen=True)
class Vocabulary:
    """The characters a text uses, in the order of their indices."""

    characters: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.characters)

    @functools.cached_property
    def index(self) -> dict[str, int]:
        """The index of each character."""
        return {character: i for i, character in enumerate(self.characters)}

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """The characters as one can see them: a space is ␣, a line end ⏎."""
        return tuple(_VISIBLE.get(c, c if c.isprintable() else f"U+{ord(c):04X}") for c in self.characters)

    def encode(self, text: str) -> Ids:
        """The indices of a text's characters, shape (len(text),).

        Raises:
            UserError: names the characters that the vocabulary lacks.
        """
        if unknown := sorted(set(text) - self.index.keys()):
            listed = " ".join(unknown[:10])
            raise UserError(f"The corpus does not know {listed!r}. Use characters that occur in it.")
        return np.array([self.index[character] for character in text], dtype=np.int32)

    def decode(self, ids: NDArray[np.integer]) -> str:
        """The text that the indices stand for."""
        return "".join(self.characters[i] for i in ids)


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as indices.

    ``stream`` holds documents one after the other, each closed by index 0, or the running text.
    ``documents`` is empty for running text.
    """

    title: str
    vocabulary: Vocabulary
    stream: Ids
    documents: tuple[str, ...] = ()
    split_seed: int = 42
    _windows: dict[tuple[Split, int], Windows] = field(default_factory=dict, repr=False)

    @property
    def is_documents(self) -> bool:
        """Whether the text is documents, and not running text."""
        return bool(self.documents)

    @property
    def boundary(self) -> str:
        """The mark at the start and end of a document ('' for running text)."""
        return self.vocabulary.characters[0] if self.documents else ""

    def most_frequent(self, most: int) -> NDArray[np.int64]:
        """Indices of the ``most`` most frequent characters, in the order of the vocabulary."""
        counts = np.bincount(self.stream, minlength=len(self.vocabulary))
        return np.sort(np.argsort(-counts, kind="stable")[:most])

    @functools.cached_property
    def document_splits(self) -> dict[Split, NDArray[np.int64]]:
        """Indices of the documents of each split: shuffled by ``random.Random(seed)``, cut at 80 and 90 %."""
        order = list(range(len(self.documents)))
        random.Random(self.split_seed).shuffle(order)
        return _cut(np.array(order, dtype=np.int64))

    @functools.cached_property
    def streams(self) -> dict[Split, Ids]:
        """The stream of each split, in the order in which examples are drawn from it."""
        if not self.documents:
            return _cut(self.stream)
        ends = np.flatnonzero(self.stream == 0) + 1  # documents never hold index 0 inside
        starts = np.concatenate(([0], ends[:-1]))
        return {
            split: self.stream[_ranges(starts[chosen], ends[chosen])] for split, chosen in self.document_splits.items()
        }

    def windows(self, split: Split, context: int) -> Windows:
        """Every context of ``context`` characters in a split and the character that follows.

        Documents give a context padded with index 0 for each of their characters and for their end;
        running text gives one for each position, as views of the stream (no copy).

        Raises:
            UserError: if the training split is too short for one window.
        """
        if (split, context) not in self._windows:
            self._windows[split, context] = self._make_windows(split, context)
        return self._windows[split, context]

    def _make_windows(self, split: Split, context: int) -> Windows:
        stream = self.streams[split]
        if self.documents:
            return _document_windows(stream, context)
        if len(stream) > context:
            view = np.lib.stride_tricks.sliding_window_view(stream, context, writeable=True)  # torch wants it so
            return Windows(view[:-1], stream[context:])
        if split == "train":
            raise UserError(
                f"The text is too short: its training part has {len(stream)} characters, a context of {context} "
                f"needs at least {context + 1}. Choose a smaller context or a longer text."
            )
        return Windows(np.zeros((0, context), np.int32), np.zeros(0, np.int32))


def _cut(items: NDArray[Integer]) -> dict[Split, NDArray[Integer]]:
    """The first 80 %, the next 10 % and the rest; the first part never empty."""
    n = len(items)
    first, second = max(1, int(0.8 * n)), max(1, int(0.9 * n))
    return {"train": items[:first], "dev": items[first:second], "test": items[second:]}


def _ranges(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """All of range(start, end), one after the other."""
    lengths = ends - starts
    offsets = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return np.arange(lengths.sum()) + offsets


def _document_windows(stream: Ids, context: int) -> Windows:
    """Windows of a stream in which 0 ends each document: what lies before its start is 0 too."""
    n = len(stream)
    position = np.arange(n)
    is_start = np.concatenate(([True], stream[:-1] == 0))[:n]
    start = np.maximum.accumulate(np.where(is_start, position, 0))
    X = np.zeros((n, context), dtype=np.int32)
    for back in range(1, context + 1):  # one column at a time, all rows at once
        inside = position - back >= start
        X[inside, context - back] = stream[position[inside] - back]
    return Windows(X, stream)


# ---------------------------------------------------------------- from text


@functools.lru_cache(maxsize=8)
def load(config: CorpusConfig) -> Corpus:
    """The corpus that a config describes.

    Raises:
        UserError: if the text is unknown, not downloaded, or too short.
    """
    text = sources.read(config.source, config.locales, config.alphabet)
    known = {source.name: source for source in sources.sources()}.get(config.source)
    title = known.title if known else re.sub(r"^text:[0-9a-f]+-", "", config.source)
    if known and config.units == "auto":
        config = config.updated(units="lines" if known.kind == "documents" else "running")
    return from_text(text, title=title, config=config)


def from_text(text: str, title: str = "Text", config: CorpusConfig | None = None) -> Corpus:
    """The corpus of a text, cleaned as ``config`` says.

    Raises:
        UserError: if the text is empty or has fewer than two distinct characters.
    """
    config = config or CorpusConfig()
    if config.units == "auto":
        config = config.updated(units=_guess_units(text))
    text = _clean(text, config)
    documents: tuple[str, ...] = ()
    if config.units == "lines":
        documents = tuple(line.strip() for line in text.split("\n") if line.strip())
        text = "\n".join(documents)
    distinct = set(text) - {"\n"} if documents else set(text)
    if not distinct:
        raise UserError("No characters are left of the text. Give a longer text, or keep more than letters.")
    if len(distinct) < 2:
        raise UserError("The text has one distinct character only; there is nothing to learn. Give at least two.")
    vocabulary, stream = _index(text + "\n" if documents else text, config.max_vocabulary, bool(documents))
    return Corpus(title, vocabulary, stream, documents, config.split_seed)


def _guess_units(text: str) -> Literal["lines", "running"]:
    """Short lines are documents, such as names; long ones, or one line only, are running text."""
    lengths = [len(line) for line in text[:100_000].split("\n") if line.strip()]
    return "lines" if len(lengths) > 1 and float(np.mean(lengths)) <= 25 else "running"


def _clean(text: str, config: CorpusConfig) -> str:
    if config.lower_case:
        text = text.lower()
    if config.only_letters:
        text = re.sub(r"[^\w\s]|[\d_]", "", text)
        text = re.sub(r"[^\S\n]+", " ", text)
    return text


def _index(text: str, max_vocabulary: int, documents: bool) -> tuple[Vocabulary, Ids]:
    """Vocabulary and indices by code point, without a Python loop over characters.

    Among documents ``\\n`` is the boundary: it gets index 0.
    """
    codes = np.frombuffer(text.encode("utf-32-le", errors="replace"), dtype=np.uint32)
    counts = np.bincount(codes)
    if documents:
        counts[ord("\n")] = 0
    present = np.flatnonzero(counts)
    kept = present
    if 0 < max_vocabulary < len(present):
        most = present[np.argsort(-counts[present], kind="stable")[:max_vocabulary]]
        kept = np.union1d(most, [ord(UNKNOWN)])
    characters = [chr(code) for code in kept]
    if documents:
        marks = itertools.chain(_BOUNDARIES, map(chr, range(0x2400, 0x110000)))
        characters.insert(0, next(mark for mark in marks if mark not in characters))
    table = np.zeros(max(len(counts), ord(UNKNOWN) + 1), dtype=np.int32)
    table[present] = characters.index(UNKNOWN) if len(kept) < len(present) or UNKNOWN in characters else 0
    table[kept] = np.arange(documents, documents + len(kept))
    return Vocabulary(tuple(characters)), table[codes]


# ---------------------------------------------------------------- what the Dataset page shows


@dataclass(frozen=True)
class Summary:
    """A corpus in numbers."""

    documents: int  # 0 for running text
    characters: int  # without boundaries
    vocabulary: pd.DataFrame  # character, index, count, share; a row a character
    lengths: NDArray[np.int64]  # characters a document (or a line of running text)
    splits: pd.DataFrame  # split, documents (not for running text), characters


def summary(corpus: Corpus) -> Summary:
    """Counts, lengths and split sizes of a corpus."""
    counts = np.bincount(corpus.stream, minlength=len(corpus.vocabulary))
    labels = corpus.vocabulary.labels
    vocabulary = pd.DataFrame(
        {"character": labels, "index": np.arange(len(labels)), "count": counts, "share": counts / counts.sum()}
    )
    documents = len(corpus.documents)
    splits = pd.DataFrame({"split": SPLITS, "characters": [len(corpus.streams[split]) for split in SPLITS]})
    if documents:
        splits.insert(1, "documents", [len(corpus.document_splits[split]) for split in SPLITS])
    return Summary(documents, len(corpus.stream) - documents, vocabulary, _lengths(corpus), splits)


def _lengths(corpus: Corpus) -> NDArray[np.int64]:
    if corpus.documents:
        return np.diff(np.flatnonzero(corpus.stream == 0), prepend=-1) - 1
    line_end = corpus.vocabulary.index.get("\n")
    ends = np.flatnonzero(corpus.stream == line_end) if line_end is not None else np.array([], dtype=np.int64)
    return np.diff(np.concatenate(([-1], ends, [len(corpus.stream)]))) - 1


def example(corpus: Corpus, length: int = 30) -> str:
    """A typical document, or the first characters of a running text."""
    if corpus.documents:
        return "emma" if "emma" in corpus.documents else corpus.documents[len(corpus.documents) // 2][:length]
    return corpus.vocabulary.decode(corpus.stream[:length]).replace("\n", " ").strip()


def excerpt(corpus: Corpus, characters: int = 600) -> str:
    """Some documents from all over the corpus, or the beginning of a running text."""
    if corpus.documents:
        return "\n".join(corpus.documents[:: max(1, len(corpus.documents) // 40)])
    return corpus.vocabulary.decode(corpus.stream[:characters])


def context_table(corpus: Corpus, text: str, context: int) -> pd.DataFrame:
    """The sliding windows of a document, or of a piece of running text, as the model gets them.

    Columns: context, next character, context indices, next index; ``... -> e``, ``..e -> m`` for "emma".

    Raises:
        UserError: if the text holds characters that the corpus does not know.
    """
    ids = corpus.vocabulary.encode(text)
    if corpus.documents:
        X, Y = _document_windows(np.append(ids, np.int32(0)), context)
    else:
        view = (
            np.lib.stride_tricks.sliding_window_view(ids, context)
            if len(ids) > context
            else np.zeros((1, context), int)
        )
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
