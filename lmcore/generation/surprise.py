"""A text with one number per character, such as how surprising each character was.

The surprise of a character is -log p, in nats: 0 for one that was certain. Dimensions: L characters of a text.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmcore.data.corpora import Corpus
from lmcore.generation.sampling import Samples

Floats = NDArray[np.float64]

MIN_PROBABILITY = 1e-12
"""Smaller probabilities are taken for this one, so that a surprise stays finite."""


@dataclass(frozen=True, eq=False)
class AnnotatedText:
    """A text, character by character, with one number for each."""

    characters: list[str]  # (L,), printable
    values: Floats  # (L,), a surprise in nats or the activation of a unit


def annotate(corpus: Corpus, ids: NDArray[np.integer], values: Floats) -> AnnotatedText:
    """A text of a corpus with a number for each character.

    Args:
        corpus: its vocabulary names the characters.
        ids: shape (L,).
        values: shape (L,).
    """
    labels = corpus.vocabulary.labels
    return AnnotatedText([labels[i] for i in ids], values)


def surprise(corpus: Corpus, samples: Samples, text: int = 0, length: int | None = None) -> AnnotatedText:
    """One sampled text with the surprise of each character, in nats.

    The probabilities are those of the distribution that it was drawn from: after temperature, top-k and top-p.

    Args:
        corpus: the text that the model was trained on.
        samples: what was drawn.
        text: row of the samples.
        length: the number of characters, from the first; None for all.
    """
    values = -np.log(np.maximum(samples.probabilities[text, :length], MIN_PROBABILITY))
    return annotate(corpus, samples.ids[text, :length], values)
