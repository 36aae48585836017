"""A game: guess the next characters of a text that nobody was trained on, and compare your loss with the models'.

Losses are in nats per character. Dimensions: V characters in the vocabulary.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.generation.reader import Reader
from lmcore.generation.scoring import losses

Floats = NDArray[np.float64]

PLAYER = "you"
"""Name of the player among the models."""


@dataclass(frozen=True, eq=False)
class Game:
    """Consecutive characters of the dev split, to be guessed one by one."""

    context: NDArray[np.int64]  # the characters before them, which the player sees
    targets: NDArray[np.int64]  # the characters to guess


def new_game(corpus: Corpus, seed: int, length: int = 20, context: int = 120) -> Game:
    """A random place in the dev split: the start of a document, or any place of running text.

    Args:
        corpus: the text.
        seed: of the random draw.
        length: characters to guess.
        context: characters before them, in running text.

    Raises:
        UserError: if the dev split is shorter than a game.
    """
    stream = corpus.streams["dev"].astype(np.int64)
    generator = np.random.default_rng(seed)
    if corpus.is_documents:
        starts = np.concatenate([[0], np.flatnonzero(stream == 0) + 1])
        starts = starts[starts <= len(stream) - length]
        start, context = int(generator.choice(starts)) if len(starts) else 0, 0
    else:
        start = int(generator.integers(0, max(1, len(stream) - length - context + 1))) + context
    targets = stream[start : start + length]
    if len(targets) < length:
        raise UserError("The dev split of this text is shorter than a game. Choose a longer text.")
    return Game(stream[start - context : start], targets)


def guess_loss(vocabulary_size: int, confidence: float, is_right: bool) -> float:
    """The loss of a guess, in nats. What is left of the probability is spread evenly over the other characters.

    Args:
        vocabulary_size: V.
        confidence: probability given to the guess, between 0 and 1.
        is_right: whether the guess is the character that comes.
    """
    return -math.log(confidence if is_right else (1 - confidence) / max(1, vocabulary_size - 1))


def model_losses(corpus: Corpus, game: Game, readers: Mapping[str, Reader]) -> dict[str, Floats]:
    """The loss of each model on each character to guess, in nats. Models read the context as well."""
    ids = np.concatenate([game.context, game.targets])
    return {name: _losses(corpus, reader, ids)[len(game.context) :] for name, reader in readers.items()}


def _losses(corpus: Corpus, reader: Reader, ids: NDArray[np.int64]) -> Floats:
    """The losses over a stream, read the way the model was trained.

    A model with a window was trained on zeros before each document, a recurrent one on the document before it.
    """
    if not (corpus.is_documents and reader.has_window):
        return losses(reader, ids)
    documents = np.split(ids, np.flatnonzero(ids == 0) + 1)
    return np.concatenate([losses(reader, document) for document in documents if len(document)])


def ranking(player: Sequence[float], models: Mapping[str, Floats]) -> dict[str, float]:
    """The mean losses so far of the player and of each model over the same characters, best first.

    Args:
        player: the loss of each guess.
        models: `model_losses` of the game.
    """
    n = len(player)
    if not n:
        return {}
    means = {PLAYER: float(np.mean(player))} | {name: float(values[:n].mean()) for name, values in models.items()}
    return dict(sorted(means.items(), key=lambda item: item[1]))
