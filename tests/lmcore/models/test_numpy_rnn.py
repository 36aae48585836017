"""The RNN in NumPy against autograd, and its reading of texts against its forward pass."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data import corpora
from lmcore.data.corpora import CorpusConfig
from lmcore.generation import sampling
from lmcore.generation.reader import RecurrentReader
from lmcore.generation.sampling import SampleConfig
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.nn.losses import log_softmax

TEXT = np.random.default_rng(3).integers(0, 7, 400)


def model_of(
    hidden: int = 8, sequence: int = 6, K: int = 7, scale: float = 0.3, seed: int = 0, dtype: Any = np.float64
) -> RNN:
    config = RNNConfig(hidden=hidden, sequence=sequence, scale=scale)
    return RNN(config, K, np.random.default_rng(seed), dtype)


@given(hidden=st.integers(1, 20), T=st.integers(1, 15), K=st.integers(2, 15), seed=st.integers(0, 2**32 - 1))
def test_loss_and_gradients_are_those_of_autograd(hidden: int, T: int, K: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    model = model_of(hidden, T, K, 0.25, seed)
    ids, h0 = generator.integers(0, K, T + 1), np.tanh(generator.standard_normal(hidden))
    loss = model.forward(ids[:-1], ids[1:], h0)
    model.backward()

    p = {name: torch.from_numpy(weight.copy()).requires_grad_() for name, weight in model.parameters.items()}
    h, expected = torch.from_numpy(h0), torch.zeros((), dtype=torch.float64)
    for x, target in pairwise(ids):
        h = torch.tanh(p["W"] @ h + p["U"][:, x] + p["b"])
        expected = expected - torch.log_softmax(p["V"] @ h + p["c"], 0)[target]
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for name, gradient in model.gradients.items():
        np.testing.assert_allclose(gradient, p[name].grad.numpy(), rtol=1e-10, atol=1e-10)


def test_all_parameters_and_gradients_are_views_of_two_vectors() -> None:
    model = model_of(3, 5, 4)
    np.testing.assert_array_equal(model.theta, np.concatenate([w.ravel() for w in model.parameters.values()]))
    model.theta[:], model.grad[:] = 1, 2
    assert all((weight == 1).all() for weight in (model.W, model.U, model.V, model.b, model.c))
    assert all((gradient == 2).all() for gradient in model.gradients.values())


def test_initial_weights_are_drawn_in_a_fixed_order() -> None:
    model, generator = model_of(hidden=3, K=4, scale=0.01, seed=5), np.random.default_rng(5)
    for weight in (model.W, model.U, model.V):
        assert np.array_equal(weight, generator.standard_normal(weight.shape) * 0.01)
    assert not model.b.any()
    assert not model.c.any()
    assert np.array_equal(model_of(3, 6, 4, 0.01, 5, np.float32).theta, model.theta.astype(np.float32))


def test_the_sequence_length_may_change_from_call_to_call() -> None:
    model, h = model_of(), np.zeros(8)
    whole = model.forward(TEXT[:20], TEXT[1:21], h)
    first = model.forward(TEXT[:6], TEXT[1:7], h)
    assert first + model.forward(TEXT[6:20], TEXT[7:21], model.h[-1].copy()) == pytest.approx(whole, rel=1e-12)


def test_a_copy_has_the_same_weights_in_another_precision() -> None:
    model = model_of(dtype=np.float32)
    other = model.copy(np.float64)
    assert other.theta.dtype == np.float64
    np.testing.assert_array_equal(other.theta, model.theta)
    other.theta[:] = 0
    assert model.theta.any()


# ---------------------------------------------------------------- reading text


def test_reading_gives_the_probabilities_of_the_forward_pass() -> None:
    model, h = model_of(), np.full(8, 0.3)
    loss = model.forward(TEXT[:6], TEXT[1:7], h)
    log_p, hidden_states, state = model.read(TEXT[:6], h)
    assert -log_p[np.arange(6), TEXT[1:7]].sum() == pytest.approx(loss)
    assert np.exp(log_p) == pytest.approx(model.p)
    assert np.array_equal(hidden_states, model.h[1:])
    assert np.array_equal(state, model.h[-1:])


def test_reading_a_text_equals_stepping_through_it() -> None:
    model = model_of(scale=1.0)
    log_p, hidden_states, _ = model.read(TEXT[:6], model.initial_state(1))
    state = model.initial_state(3)
    for t, index in enumerate(TEXT[:6]):
        logits, state = model.step(np.full(3, index), state)
        assert log_softmax(logits) == pytest.approx(np.tile(log_p[t], (3, 1)))
        assert state == pytest.approx(np.tile(hidden_states[t], (3, 1)))


def test_samples_follow_the_probabilities() -> None:
    corpus = corpora.from_text("abcabd" * 10, config=CorpusConfig(units="running"))
    model, B = model_of(K=4, scale=1.0), 1000
    reader = RecurrentReader(model, (2,))
    expected = np.exp(model.read(np.array([2]), model.initial_state(1))[0][0])
    drawn = [sampling.draw(reader, corpus, SampleConfig(count=B, length=1, seed=seed)) for seed in range(20)]
    ids = np.concatenate([one.ids[:, 0] for one in drawn])
    assert np.bincount(ids, minlength=4) / len(ids) == pytest.approx(expected, abs=4 * math.sqrt(0.25 / len(ids)))
    assert drawn[0].probabilities[:, 0] == pytest.approx(expected[drawn[0].ids[:, 0]])
