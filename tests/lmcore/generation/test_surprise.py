"""Texts with a number per character."""

import math

import numpy as np
import pytest

from lmcore.data.corpora import Corpus
from lmcore.generation.sampling import Samples
from lmcore.generation.surprise import annotate, surprise


def test_surprise_is_minus_the_logarithm_of_the_probability(abc: Corpus) -> None:
    ids = np.array([[1, 2, 0], [2, 2, 2]])
    samples = Samples(ids, np.array([[1, 0.5, 0.25], [0.1, 1, 0]]), np.zeros((2, 3)))
    record = surprise(abc, samples)
    assert record.characters == ["a", "b", "."]
    assert record.values == pytest.approx([0, math.log(2), math.log(4)])
    assert surprise(abc, samples, 1, 2).characters == ["b", "b"]
    assert np.isfinite(surprise(abc, samples, 1).values).all()


def test_any_number_can_be_put_beside_a_character(running_text: Corpus) -> None:
    ids = running_text.vocabulary.encode("no. The")
    record = annotate(running_text, ids, np.arange(7.0))
    assert "".join(record.characters) == "no.␣The"
    assert record.values.tolist() == list(range(7))
