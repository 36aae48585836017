"""Models as writers and readers, side by side: what they write, how new it is, and how well they guess a text.

Losses are in nats per character. Dimensions: L characters of a text, V characters in the vocabulary.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.data.corpora import SPLITS, Corpus
from lmcore.errors import UserError
from lmcore.generation.passages import Passage
from lmcore.generation.sampling import Drawn, Reader, WindowReader
from lmcore.models.ngram import CountConfig, NGram

Floats = NDArray[np.float64]
Mark = Literal["seen in training", "seen in dev", "seen in test", "new", "unfinished"]


# ---------------------------------------------------------------- counted rivals


@dataclass(frozen=True)
class Uniform:
    """Expects every character alike; its loss is ln V."""

    size: int

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, V), all zero."""
        return torch.zeros(len(x), self.size)


COUNTED = {
    "unigram": CountConfig(order=1, smoothing=1, counted="train"),
    "bigram": CountConfig(order=2, smoothing=1, counted="train"),
    "trigram": CountConfig(order=3, mixing="interpolation", smoothing=0.1, counted="train"),
}
"""Models that count the training split, by name."""


@functools.lru_cache(maxsize=8)
def counted(corpus: Corpus) -> dict[str, Reader]:
    """Uniform guessing and the models of `COUNTED`, as far as their tables are not too large."""
    readers: dict[str, Reader] = {"uniform": WindowReader(Uniform(len(corpus.vocabulary)), 0)}
    for name, config in COUNTED.items():
        try:
            readers[name] = WindowReader(NGram(corpus, config), config.order - 1)
        except UserError:
            break  # longer contexts only make larger tables
    return readers


# ---------------------------------------------------------------- what is written


@dataclass(frozen=True, eq=False)
class Written:
    """The texts that a model drew, with the surprise of each character and how new each text is."""

    texts: tuple[Passage, ...]
    marks: tuple[Mark, ...]  # one a text; empty for running text

    @property
    def share_new(self) -> float | None:
        """Of the finished texts, those that stand nowhere in the corpus; None if there is none."""
        finished = [mark for mark in self.marks if mark != "unfinished"]
        return finished.count("new") / len(finished) if finished else None


def written(corpus: Corpus, drawn: Drawn, prefix: str = "") -> Written:
    """What was drawn, text by text, up to the boundary that ends a document (it is part of the text)."""
    texts, marks = [], []
    labels = corpus.vocabulary.labels
    surprise = -np.log(np.maximum(drawn.probabilities, 1e-12))
    for ids, values in zip(drawn.ids, surprise, strict=True):
        ended = corpus.is_documents and bool((ids == 0).any())
        length = int((ids == 0).argmax()) + 1 if ended else len(ids)
        texts.append(Passage([labels[i] for i in ids[:length]], values[:length]))
        if corpus.is_documents:
            text = prefix + corpus.vocabulary.decode(ids[: length - 1])
            marks.append(mark(corpus, text) if ended else "unfinished")
    return Written(tuple(texts), tuple(marks))


def mark(corpus: Corpus, text: str) -> Mark:
    """Where a document stands: in which split first, or nowhere."""
    return _places(corpus).get(text, "new")


@functools.lru_cache(maxsize=8)
def _places(corpus: Corpus) -> dict[str, Mark]:
    where: dict[str, Mark] = {}
    names: tuple[Mark, ...] = ("seen in training", "seen in dev", "seen in test")
    for split, name in reversed(list(zip(SPLITS, names, strict=True))):  # training is said last, and stays
        where |= {corpus.documents[i]: name for i in corpus.document_splits[split].tolist()}
    return where


# ---------------------------------------------------------------- how well a text is guessed


@dataclass(frozen=True, eq=False)
class Reading:
    """A text as several models read it."""

    characters: list[str]  # (L,), as one can read them; of documents the boundary too
    losses: dict[str, Floats]  # by model: -log p of each character, (L,)

    @property
    def means(self) -> dict[str, float]:
        """The mean loss of each model, in nats per character."""
        return {name: float(values.mean()) for name, values in self.losses.items()}


def read(corpus: Corpus, readers: Mapping[str, Reader], text: str) -> Reading:
    """What a text costs each model, character by character; a document ends with its boundary.

    Raises:
        UserError: if the text is empty or holds characters that the corpus does not know.
    """
    if not text:
        raise UserError("Type a text.")
    if corpus.is_documents and corpus.boundary in text:
        raise UserError(f"{corpus.boundary!r} marks the end of a document. Leave it out.")
    ids = np.append(corpus.vocabulary.encode(text), [0] if corpus.is_documents else []).astype(np.int64)
    labels = corpus.vocabulary.labels
    return Reading([labels[i] for i in ids], {name: losses(reader, ids) for name, reader in readers.items()})


@torch.inference_mode()
def losses(reader: Reader, ids: NDArray[np.int64]) -> Floats:
    """-log p of each character of a text, in nats."""
    targets = torch.from_numpy(ids)
    log_p = torch.log_softmax(reader.expect(targets)[:-1].double(), 1)
    found: Floats = -log_p.gather(1, targets.unsqueeze(1)).squeeze(1).numpy()
    return found


# ---------------------------------------------------------------- the game


@dataclass(frozen=True, eq=False)
class Game:
    """Some consecutive characters of the dev split to be guessed, one by one, and what stands before them."""

    before: NDArray[np.int64]
    hidden: NDArray[np.int64]  # the characters to be guessed


def new_game(corpus: Corpus, seed: int, length: int = 20, before: int = 120) -> Game:
    """A place in the dev split, drawn by the seed; of documents the start of one.

    Raises:
        UserError: if the split is shorter than a game.
    """
    stream = corpus.streams["dev"].astype(np.int64)
    dice = np.random.default_rng(seed)
    if corpus.is_documents:
        starts = np.concatenate([[0], np.flatnonzero(stream == 0) + 1])
        starts = starts[starts <= len(stream) - length]
        place = int(dice.choice(starts)) if len(starts) else 0
    else:
        place = int(dice.integers(0, max(1, len(stream) - length - before + 1))) + before
    hidden = stream[place : place + length]
    if len(hidden) < length:
        raise UserError("The dev split of this text is shorter than a game. Choose a longer text.")
    return Game(np.zeros(0, np.int64) if corpus.is_documents else stream[place - before : place], hidden)


def cost_of_guess(size: int, sure: float, right: bool) -> float:
    """The loss of a guess that one is so sure of, with what is left spread evenly over the other characters.

    Args:
        size: V.
        sure: probability of the guess, between 0 and 1.
        right: whether the guessed character came.
    """
    return -math.log(sure if right else (1 - sure) / max(1, size - 1))


def rivals_in_game(corpus: Corpus, game: Game, readers: Mapping[str, Reader]) -> dict[str, Floats]:
    """What each of the hidden characters cost each model, in nats; all see what stands before."""
    ids = np.concatenate([game.before, game.hidden])
    costs = {}
    for name, reader in readers.items():
        # A model with a window was trained on zeros before each document, a recurrent one on the document before.
        apart = corpus.is_documents and isinstance(reader, WindowReader)
        pieces = np.split(ids, np.flatnonzero(ids == 0) + 1) if apart else [ids]
        costs[name] = np.concatenate([losses(reader, piece) for piece in pieces if len(piece)])[len(game.before) :]
    return costs


def standing(costs: Sequence[float], rivals: Mapping[str, Floats]) -> dict[str, float]:
    """The mean loss so far of the player and of each model over the same characters, the best first."""
    played = len(costs)
    means = {"you": float(np.mean(costs))} if played else {}
    means |= {name: float(values[:played].mean()) for name, values in rivals.items()} if played else {}
    return dict(sorted(means.items(), key=lambda item: item[1]))
