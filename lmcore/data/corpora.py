"""Texts as numbers: the vocabulary, the splits, and the context windows that a model is trained on.

A text is either *documents* (such as names, one per line; index 0 marks where each ends) or *running text*.
Dimensions: N examples, T characters of context, V characters in the vocabulary.
"""

import functools
import itertools
import random
import re
import sys
import unicodedata
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from lmcore.cache import cached
from lmcore.config import Config, Field
from lmcore.data import sources, uploads
from lmcore.data.detection import Encoding, find_encoding
from lmcore.data.given_names import Alphabet
from lmcore.errors import UserError

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
Ids = NDArray[np.int32]
Integer = TypeVar("Integer", np.int32, np.int64)

MAX_CONTEXT = 32
"""Maximum length of a context, in characters."""

OPENING = 100
"""Maximum length of `Corpus.opening`, in characters."""

MAX_VOCABULARY = 10_000
"""Maximum number of different characters of a text."""

UNKNOWN = "\ufffd"  # replaces every character beyond the maximum vocabulary size
_BOUNDARIES = ".•¶∎␞"  # the first that does not occur in the text marks the end of a document
JOINERS = "\u200c\u200d"  # zero width, between letters of many scripts
_VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥"}


class CorpusConfig(Config):
    """Which text to use, and how to prepare it."""

    source: str = Field("given-names", description="Name of the text.", max_length=200)
    encoding: Annotated[Encoding, BeforeValidator(find_encoding)] = Field(
        "auto", description="Encoding of your own text. auto detects it; choose another one if letters look wrong."
    )
    locales: tuple[str, ...] = Field((), description="Countries of the given names. None selected means all.")
    alphabet: Alphabet = Field("a-z", description="Letters allowed in the given names; other names are left out.")
    units: Literal["auto", "lines", "running"] = Field(
        "auto",
        description="Structure of the text: one document per line (lines) or one long text (running). auto decides by "
        "the length of the lines.",
    )
    lower_case: bool = Field(False, description="Convert all letters to lower case.")
    only_letters: bool = Field(False, description="Keep only letters, spaces and line breaks.")
    drop_duplicates: bool = Field(False, description="Keep only the first of equal documents.")
    max_vocabulary: int = Field(
        0,
        ge=0,
        le=5000,
        description="Maximum vocabulary size: less frequent characters are replaced by \ufffd. 0 means no limit.",
    )
    split_seed: int = Field(
        42, ge=0, le=2**31 - 1, description="Seed of the shuffle that assigns documents to train, dev and test."
    )


class Contexts:
    """All contexts of a split, shape (N, T). They are cut from the text when they are asked for: ``contexts[rows]``.

    Args:
        view: the T characters before each position, shape (N, T), as a view of the text.
        of_documents: whether index 0 marks the end of a document, so that it hides what comes before it.
    """

    def __init__(self, view: Ids, of_documents: bool) -> None:
        self.view, self.of_documents = view, of_documents
        self.shape = view.shape

    def __len__(self) -> int:
        return len(self.view)

    def __getitem__(self, rows: int | slice | NDArray[np.int64]) -> Ids:
        """Some contexts, shape (..., T), as a copy."""
        X = np.array(self.view[rows])
        if self.of_documents:
            for back in reversed(range(X.shape[-1] - 1)):
                X[..., back] *= X[..., back + 1] != 0
        return X

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.view.dtype, copy=False)


class Windows(NamedTuple):
    """Contexts, and the character that follows each."""

    X: Contexts  # (N, T)
    Y: Ids  # (N,)


def isolate(text: str) -> str:
    """A text to show in a line with others. What is written from right to left is isolated, so that it reads from its
    own start on, marks at its start and end included, and does not reorder its neighbors.
    """
    is_right_to_left = any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)
    return f"\u2068{text}\u2069" if is_right_to_left else text


@dataclass(frozen=True)
class Vocabulary:
    """The distinct characters of a text, in the order of their indices."""

    characters: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.characters)

    @functools.cached_property
    def index(self) -> dict[str, int]:
        """The index of each character."""
        return {character: i for i, character in enumerate(self.characters)}

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """Printable labels of the characters: a space is ␣, a line break ⏎."""
        return tuple(_VISIBLE.get(c, c if c.isprintable() else f"U+{ord(c):04X}") for c in self.characters)

    def composed(self, text: str) -> str:
        """A text as the vocabulary spells it: e and a combining accent are the one character é (Unicode NFC)."""
        return text if self.index.keys() >= set(text) else unicodedata.normalize("NFC", text)

    def encode(self, text: str) -> Ids:
        """The indices of the characters of a `composed` text, shape (len(text),).

        If the vocabulary is limited, other characters get the index of `UNKNOWN`, as in the corpus.

        Raises:
            UserError: names the characters that are not in the vocabulary.
        """
        text = self.composed(text)
        others = self.index.get(UNKNOWN)
        if others is None and (missing := sorted(set(text) - self.index.keys())):
            listed = ", ".join(map(repr, missing[:10]))
            raise UserError(f"The vocabulary does not contain {listed}. Use only characters that occur in the corpus.")
        return np.array([self.index.get(character, others) for character in text], dtype=np.int32)

    def show(self, ids: NDArray[np.integer] | list[int]) -> str:
        """The labels of some indices in one string, in an order that no other text around it changes."""
        return isolate("".join(self.labels[i] for i in ids))

    def decode(self, ids: NDArray[np.integer]) -> str:
        """The text of some indices."""
        return "".join(self.characters[i] for i in ids)


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text as indices. Compared by identity, so that it can be the key of a cache."""

    title: str
    vocabulary: Vocabulary
    stream: Ids  # the documents one after the other, each followed by index 0; or the running text
    lines: str = ""  # the documents, one per line; empty for running text
    split_seed: int = 42
    name: str = ""  # of the source; other than the title, no other text has it
    remarks: tuple[str, ...] = ()  # sentences on what was changed when the text was read
    config: CorpusConfig | None = None  # what `load` made it from

    def __reduce__(self) -> tuple[Any, ...]:
        """What pickling keeps: the config, from which another process loads the text itself, and only once."""
        if self.config is not None:
            return load, (self.config,)
        return Corpus, (self.title, self.vocabulary, self.stream, self.lines, self.split_seed, self.name)

    @property
    def is_documents(self) -> bool:
        """Whether the text consists of documents rather than running text."""
        return bool(self.lines)

    @functools.cached_property
    def documents(self) -> tuple[str, ...]:
        """The documents; empty for running text."""
        return tuple(self.lines.split("\n")) if self.lines else ()

    @functools.cached_property
    def n_documents(self) -> int:
        """Number of documents; 0 for running text."""
        return self.lines.count("\n") + 1 if self.lines else 0

    @property
    def boundary(self) -> str:
        """The character that marks the start and the end of a document; empty for running text."""
        return self.vocabulary.characters[0] if self.is_documents else ""

    @functools.cached_property
    def opening(self) -> Ids:
        """What a recurrent network reads before a text: up to `OPENING` characters, shape (L,).

        They are the last ones of the train split up to a boundary, or up to a line break where there is one.
        """
        stream = self.streams["train"]
        last = 0 if self.is_documents else self.vocabulary.index.get("\n", int(stream[-1]))
        ends = np.flatnonzero(stream == last)
        if not len(ends):
            return np.array([last], np.int32)
        return stream[max(0, ends[-1] + 1 - OPENING) : ends[-1] + 1]

    def encode(self, text: str, allow_boundary: bool = False) -> Ids:
        """The indices of the characters of a `composed` text that somebody typed, shape (len(text),).

        Raises:
            UserError: if the text is empty, has characters that are not in the vocabulary, or has a boundary where
                that is not allowed.
        """
        if not text:
            raise UserError("The text is empty. Type at least one character.")
        if self.is_documents and self.boundary in text and not allow_boundary:
            raise UserError(f"{self.boundary!r} marks the end of a document. Leave it out.")
        return self.vocabulary.encode(text)

    @functools.cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each character occurs, shape (V,)."""
        return np.bincount(self.stream, minlength=len(self.vocabulary))

    def most_frequent(self, n: int) -> NDArray[np.int64]:
        """Indices of the ``n`` most frequent characters, in the order of the vocabulary."""
        return np.sort(np.argsort(-self.counts, kind="stable")[:n])

    @functools.cached_property
    def document_splits(self) -> dict[Split, NDArray[np.int64]]:
        """Indices of the documents of each split: shuffled by ``random.Random(split_seed)``, cut at 80 and 90 %."""
        order = list(range(self.n_documents))
        random.Random(self.split_seed).shuffle(order)
        return _cut(np.array(order, dtype=np.int64))

    @functools.cached_property
    def streams(self) -> dict[Split, Ids]:
        """The stream of each split. Running text is cut at 80 and 90 %, without shuffling."""
        if not self.is_documents:
            return _cut(self.stream)
        return {split: stream[MAX_CONTEXT:] for split, stream in self._padded_streams.items()}

    @functools.cached_property
    def _padded_streams(self) -> dict[Split, Ids]:
        """The documents of each split after `MAX_CONTEXT` zeros."""
        ends = np.flatnonzero(self.stream == 0) + 1  # index 0 occurs only at the end of a document
        starts, zeros = np.concatenate(([0], ends[:-1])), np.zeros(MAX_CONTEXT, np.int32)
        return {
            split: np.concatenate([zeros, self.stream[_ranges(starts[chosen], ends[chosen])]])
            for split, chosen in self.document_splits.items()
        }

    def windows(self, split: Split, context: int) -> Windows:
        """All examples of a split: each context of ``context`` characters, and the character that follows.

        A document gives one example per character and one for its boundary; index 0 pads the contexts at its start.
        Running text gives one example per position after the first context. No context is stored.

        Raises:
            UserError: if the training split is too short for one context.
        """
        if self.is_documents:
            return _document_windows(self._padded_streams[split], context)
        stream = self.streams[split]
        if len(stream) > context:
            view = np.lib.stride_tricks.sliding_window_view(stream, context)
            return Windows(Contexts(view[:-1], False), stream[context:])
        if split == "train":
            raise UserError(
                f"The text is too short: its training split has {len(stream)} characters, but a context of {context} "
                f"needs at least {context + 1}. Choose a smaller context or a longer text."
            )
        return Windows(Contexts(np.zeros((0, context), np.int32), False), np.zeros(0, np.int32))


def _cut(items: NDArray[Integer]) -> dict[Split, NDArray[Integer]]:
    """The first 80 %, the next 10 %, and the rest. Train gets at least one item."""
    n = len(items)
    first, second = max(1, int(0.8 * n)), max(1, int(0.9 * n))
    return {"train": items[:first], "dev": items[first:second], "test": items[second:]}


def _ranges(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of each range(start, end), concatenated."""
    lengths = ends - starts
    offsets = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return np.arange(lengths.sum()) + offsets


def document_windows(stream: Ids, context: int) -> Windows:
    """Windows of a stream of documents, each ending with index 0. Contexts never reach into the document before."""
    return _document_windows(np.concatenate([np.zeros(MAX_CONTEXT, np.int32), stream]), context)


def _document_windows(padded: Ids, context: int) -> Windows:
    stream = padded[MAX_CONTEXT:]
    if not context:
        return Windows(Contexts(np.zeros((len(stream), 0), np.int32), True), stream)
    view = np.lib.stride_tricks.sliding_window_view(padded[MAX_CONTEXT - context :], context)
    return Windows(Contexts(view[: len(stream)], True), stream)


# ---------------------------------------------------------------- from text


def n_bytes(corpus: Corpus) -> int:
    """Memory of a corpus: the stream, its splits, and the documents."""
    return 2 * corpus.stream.nbytes + 2 * sys.getsizeof(corpus.lines) + 60 * corpus.n_documents


@cached(max_bytes=600_000_000, size_of=n_bytes, is_data=True)
def load(config: CorpusConfig) -> Corpus:
    """The corpus of a config; the same object for an equal config, as long as the cache keeps it.

    Raises:
        UserError: if the text does not exist, is not downloaded yet, or is too short.
    """
    original = config
    read = sources.read(config.source, config.locales, config.alphabet, config.encoding)
    known = {source.name: source for source in sources.sources()}.get(config.source)
    own_title = uploads.title_of(config.source) if uploads.is_upload(config.source) else config.source
    title = known.title if known else own_title
    if known and config.units == "auto":
        config = config.updated(units="lines" if known.kind == "documents" else "running")
    corpus = from_text(read.text, title=title, config=config)
    name = title if known else f"{config.source}.{config.encoding}"
    return replace(corpus, name=name, remarks=read.remarks, config=original)


def parts(config: CorpusConfig) -> dict[str, Any]:
    """The corpus of a config in parts, from which another process can `assemble` it. Errors as for `load`."""
    corpus = load(config)
    stream = corpus.stream.astype(np.min_scalar_type(len(corpus.vocabulary)))  # a quarter of the bytes, most often
    return {field.name: getattr(corpus, field.name) for field in fields(Corpus)} | {
        "stream": stream,
        "counts": corpus.counts,
        "n_documents": corpus.n_documents,
    }


def assemble(parts: dict[str, Any]) -> Corpus:
    """The corpus that another process sent in `parts`."""
    corpus = object.__new__(Corpus)
    vars(corpus).update(parts | {"stream": parts["stream"].astype(np.int32)})
    return corpus


def split_sizes(corpus: Corpus) -> dict[Split, int]:
    """Characters of each split, boundaries included."""
    return {split: len(corpus.streams[split]) for split in SPLITS}


def from_text(text: str, title: str = "Text", config: CorpusConfig | None = None) -> Corpus:
    """The corpus of a text, prepared as ``config`` says; its source is not used.

    Raises:
        UserError: if the text is empty or has fewer than two distinct characters.
    """
    config = config or CorpusConfig()
    if config.units == "auto":
        config = config.updated(units=_guess_units(text))
    text = _clean(text, config)
    is_documents = config.units == "lines"
    if is_documents:
        text = _join_documents(text, config.drop_duplicates)
    distinct = set(text) - {"\n"} if is_documents else set(text)
    if not distinct:
        raise UserError("No characters of the text are left. Use a longer text, or turn off 'only letters'.")
    if len(distinct) < 2:
        raise UserError("The text has only one distinct character, so there is nothing to learn. Use at least two.")
    if not config.max_vocabulary and len(distinct) > MAX_VOCABULARY:
        raise UserError(
            f"The text has {len(distinct):,} different characters; at most {MAX_VOCABULARY:,} are allowed. "
            "Set max_vocabulary, which replaces the less frequent ones."
        )
    vocabulary, stream = _index(text + "\n" if is_documents else text, config.max_vocabulary, is_documents)
    return Corpus(title, vocabulary, stream, text if is_documents else "", config.split_seed, name=title)


def _join_documents(text: str, drop_duplicates: bool) -> str:
    """The lines of a text without blanks at their ends, and without empty lines."""
    documents = filter(None, map(str.strip, text.split("\n")))
    return "\n".join(dict.fromkeys(documents) if drop_duplicates else documents)


def _guess_units(text: str) -> Literal["lines", "running"]:
    """Short lines are documents, such as names. Long lines, or a single one, are running text."""
    lengths = [len(line) for line in text[:100_000].split("\n") if line.strip()]
    return "lines" if len(lengths) > 1 and float(np.mean(lengths)) <= 25 else "running"


def _clean(text: str, config: CorpusConfig) -> str:
    if config.lower_case:
        text = text.lower()
    if config.only_letters:
        text = re.sub(r"[^\S\n]+", " ", _only_letters(text))
    return text


def _only_letters(text: str) -> str:
    """A text without anything but letters, the marks that belong to them, spaces and line breaks."""
    different = set(text)
    letters = "".join(c for c in different if unicodedata.category(c)[0] == "L")
    marks = "".join(c for c in different if unicodedata.category(c)[0] == "M") + JOINERS
    no_letter, lone_marks = f"[^{letters}{marks}\\s][{marks}]*", f"(?<![{letters}{marks}])[{marks}]+"
    return re.sub(lone_marks, "", re.sub(no_letter, "", text))


def _index(text: str, max_vocabulary: int, documents: bool) -> tuple[Vocabulary, Ids]:
    """Vocabulary and indices, by code point, without a Python loop over the characters.

    Between documents, ``\\n`` is the boundary and gets index 0.
    """
    # count code points; the boundary is no character
    codes = np.frombuffer(text.encode("utf-32-le", errors="replace"), dtype=np.uint32)
    counts = np.bincount(codes)
    if documents:
        counts[ord("\n")] = 0
    present = np.flatnonzero(counts)
    # keep the most frequent ones
    kept = present
    if 0 < max_vocabulary < len(present):
        most = present[np.argsort(-counts[present], kind="stable")[:max_vocabulary]]
        kept = np.union1d(most, [ord(UNKNOWN)])
    # the vocabulary, with the boundary first
    characters = [chr(code) for code in kept]
    if documents:
        marks = itertools.chain(_BOUNDARIES, map(chr, range(0x2400, 0x110000)))
        characters.insert(0, next(mark for mark in marks if mark not in characters))
    # a table from code point to index
    table = np.zeros(max(len(counts), ord(UNKNOWN) + 1), dtype=np.int32)
    table[present] = characters.index(UNKNOWN) if len(kept) < len(present) or UNKNOWN in characters else 0
    table[kept] = np.arange(documents, documents + len(kept))
    return Vocabulary(tuple(characters)), table[codes]


def example(corpus: Corpus, length: int = 30) -> str:
    """A typical document, or the beginning of a running text, to start with."""
    if corpus.is_documents:
        lines, middle = f"\n{corpus.lines}\n", len(corpus.lines) // 2 + 1
        return "emma" if "\nemma\n" in lines else lines[lines.rindex("\n", 0, middle) + 1 :][:length].split("\n")[0]
    return corpus.vocabulary.decode(corpus.stream[:length]).replace("\n", " ").strip()
