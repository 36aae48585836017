"""What hidden units respond to."""

import numpy as np
import pytest
import torch

from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.generation.reader import RecurrentReader
from lmcore.inspection.hidden_units import FEATURES, best_units, hidden_states, top_phrases
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.models.recurrent import RecurrentConfig
from lmcore.models.recurrent_net import RecurrentNet

TEXT = 'The cat said "no". The dog said "yes, of course".\nA bird in 1984 sang on.\n' * 60
CORPUS = from_text(TEXT, config=CorpusConfig(units="running"))


def test_the_hidden_state_follows_each_character() -> None:
    model = RNN(RNNConfig(hidden=6, scale=0.5), len(CORPUS.vocabulary), np.random.default_rng(0), np.float64)
    ids = CORPUS.encode("The cat")
    states, h = hidden_states(RecurrentReader(model, ()), ids), np.zeros(6)
    for state, index in zip(states, ids, strict=True):
        h = np.tanh(model.W @ h + model.U[:, index] + model.b)
        assert state == pytest.approx(h)


def test_the_units_of_several_layers_stand_side_by_side() -> None:
    config = RecurrentConfig(embedding=6, hidden=16, layers=2)
    model = RecurrentNet(config, len(CORPUS.vocabulary), torch.Generator().manual_seed(0))
    assert hidden_states(RecurrentReader(model, ()), CORPUS.encode("The cat said")).shape == (12, 32)


def test_the_unit_that_was_made_for_a_feature_is_found() -> None:
    text = TEXT[:500]
    states = np.random.default_rng(0).normal(size=(500, 6))
    states[:, 4] = FEATURES["inside quotes"](text) * 2.0 - 1
    states[:, 2] = -FEATURES["digit"](text).astype(float)
    table = best_units(text, states).set_index("feature")
    assert table.loc["inside quotes", "unit"] == 4
    assert table.loc["inside quotes", "correlation"] == pytest.approx(1)
    assert table.loc["digit", "unit"] == 2
    assert table.loc["digit", "correlation"] == pytest.approx(-1)


def test_without_variation_there_is_no_best_unit() -> None:
    assert best_units("aaaa", np.zeros((4, 3))).empty
    assert list(best_units("aaaa", np.ones((4, 3))).columns) == ["feature", "unit", "correlation"]


def test_features_describe_the_last_character() -> None:
    assert FEATURES["position in the line"]("ab\nc").tolist() == [1, 2, 0, 1]
    assert FEATURES["inside quotes"]('a "b" c').tolist() == [False, False, True, True, False, False, False]
    assert FEATURES["capital letter"]("aB").tolist() == [False, True]
    assert FEATURES["punctuation"]("a, ").tolist() == [False, True, False]
    assert FEATURES["vowel"]("aBe").tolist() == [True, False, True]
    assert FEATURES["white space"]("a \n").tolist() == [False, True, True]


def test_phrases_are_those_that_excite_a_unit_most() -> None:
    states = np.zeros((100, 1))
    states[[10, 12, 60]] = [[3.0], [2.0], [1.0]]
    found = top_phrases(TEXT[:100], states, 0, width=5, n=2)
    assert found["phrase"].tolist() == [TEXT[6:11], TEXT[56:61]]
    assert found["activation"].tolist() == [3.0, 1.0]


def test_phrases_do_not_overlap_even_if_more_are_asked_for() -> None:
    states = np.linspace(0, 1, 20)[:, None]
    found = top_phrases(TEXT[:20], states, 0, width=5, n=50)
    assert found["phrase"].tolist() == [TEXT[15:20], TEXT[10:15], TEXT[5:10], TEXT[:5]]
