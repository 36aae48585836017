from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data.corpora import Corpus
from lmcore.inspection import gradient_check
from lmcore.inspection.gradient_check import (
    MAX_PROBED,
    STEP_SIZES,
    CharacterSequence,
    central_differences,
    check_gradients,
    check_recurrent_gradients,
    probe_indices,
    relative_error,
)
from lmcore.models import MLPConfig, ModelConfig, NeuralBigramConfig, WaveNetConfig
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.nn import layers
from lmcore.training.config import RunConfig, TrainConfig

MODELS = [
    MLPConfig(hidden=10),
    MLPConfig(hidden=10, hidden_layers=2, batch_norm="all", direct_connections=True, activation="tanh"),
    WaveNetConfig(hidden=8, embedding=4),
    NeuralBigramConfig(),
]


def config(model: ModelConfig) -> RunConfig:
    return RunConfig(model=model, train=TrainConfig(seed=4))


# ---------------------------------------------------------------- central differences


@pytest.mark.parametrize(("order", "exact_degree"), [(2, 2), (4, 4)])
def test_central_differences_are_exact_for_polynomials_up_to_their_order(order: Any, exact_degree: int) -> None:
    weights = np.array([0.5, -1.5, 2.0])
    for degree in range(1, exact_degree + 2):
        found = central_differences(lambda: float((weights**degree).sum()), weights, np.array([2, 0]), 0.1, order)  # noqa: B023
        expected = degree * weights[[2, 0]] ** (degree - 1)
        assert (np.abs(found - expected).max() < 1e-10) == (degree <= exact_degree), degree
    assert weights.tolist() == [0.5, -1.5, 2.0]


def test_the_error_of_order_2_falls_with_the_square_of_h() -> None:
    weights = np.array([1.0])
    coarse, fine = (
        abs(central_differences(lambda: float(np.exp(weights[0])), weights, np.array([0]), h)[0] - np.e)
        for h in (0.1, 0.05)
    )
    assert coarse / fine == pytest.approx(4, rel=0.01)


def test_the_largest_entry_is_probed_first_and_none_twice() -> None:
    gradient = np.random.default_rng(1).normal(size=(20, 30))
    indices = probe_indices(gradient)
    assert len(indices) == len(set(indices.tolist())) == MAX_PROBED
    assert indices[0] == np.abs(gradient).argmax()
    assert sorted(probe_indices(gradient, None).tolist()) == list(range(600))


def test_the_relative_error_of_equal_and_of_infinite_gradients() -> None:
    zeros = np.zeros(3)
    assert relative_error(zeros, zeros) == 0
    assert relative_error(np.array([3.0, 4.0]), np.array([3.0, 4.0])) == 0
    assert relative_error(np.array([1.1]), np.array([1.0])) == pytest.approx(0.1 / 1.1)
    assert relative_error(np.array([np.nan]), np.ones(1)) == np.inf


# ---------------------------------------------------------------- models made of layers


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.family)
def test_explicit_gradients_are_exact_and_differences_come_close(model: ModelConfig, corpus: Corpus) -> None:
    record = check_gradients(config(model), "float64", 1e-5, corpus)
    assert record.explicit.max() < 1e-10
    assert record.differences.max() < 1e-5
    for explicit, autograd, difference in record.largest:
        assert explicit == pytest.approx(autograd, rel=1e-9)
        assert difference == pytest.approx(autograd, abs=1e-7)
    single = check_gradients(config(model), "float32", 1e-2, corpus)
    assert 1e-9 < single.explicit.max() < 1e-4


def test_rounding_and_truncation_make_a_valley(corpus: Corpus) -> None:
    curves = [check_gradients(config(MODELS[0]), precision, 1e-3, corpus).curve for precision in ("float64", "float32")]
    valleys = [STEP_SIZES[int(curve.argmin())] for curve in curves]
    assert 1e-6 < valleys[0] < 1e-3 < valleys[1] <= 0.1
    double = curves[0]
    assert double[0] / double[2] == pytest.approx(100, rel=0.3)  # truncation: h / 10 has a hundredth of the error
    assert double[-1] > 100 * double.min()


def test_a_wrong_backward_pass_of_a_layer_is_found(monkeypatch: pytest.MonkeyPatch, corpus: Corpus) -> None:
    right = layers.Tanh.backward
    monkeypatch.setattr(layers.Tanh, "backward", lambda self, gradient: right(self, gradient) * 1.01)
    record = check_gradients(config(MODELS[0]), "float64", 1e-5, corpus)
    errors = dict(zip(record.names, record.explicit, strict=True))
    assert errors["hidden.weight"] == pytest.approx(0.01, rel=0.02)
    assert errors["output.weight"] < 1e-12
    assert record.differences.max() < 1e-5


def test_a_check_as_plain_data_has_both_errors_of_each_tensor(corpus: Corpus) -> None:
    record = check_gradients(config(MODELS[0]), corpus=corpus)
    plain = gradient_check.as_json(record)
    assert plain["tensors"]["hidden.weight"] == {
        "explicit": record.explicit[record.names.index("hidden.weight")],
        "central differences": record.differences[record.names.index("hidden.weight")],
    }


# ---------------------------------------------------------------- backprop through time

MakeRNN = Callable[..., RNN]


def sequence(ids: np.ndarray, state: np.ndarray) -> CharacterSequence:
    return CharacterSequence(ids[:-1], ids[1:], state)


@pytest.mark.slow
@given(hidden=st.integers(4, 20), T=st.integers(1, 15), K=st.integers(4, 15), seed=st.integers(0, 2**32 - 1))
def test_recurrent_gradients_equal_central_differences_and_autograd(hidden: int, T: int, K: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    network = RNNConfig(hidden=hidden, sequence=T, scale=0.25)  # neither saturated nor all rounding
    model = RNN(network, K, np.random.Generator(np.random.PCG64(seed)), np.float64)
    ids, h = generator.integers(0, K, T + 1), np.tanh(generator.standard_normal(hidden))
    record = check_recurrent_gradients(model, sequence(ids, h), max_entries=None)
    errors = dict(zip(record.names, record.differences, strict=True))
    assert max(errors[name] for name in "WUV") < 1e-6
    assert max(errors[name] for name in "bc") < 1e-8
    assert record.autograd.max() < 1e-10


def test_recurrent_gradients_of_the_reference_size_are_exact(make_rnn: MakeRNN) -> None:
    ids = np.random.default_rng(0).integers(0, 56, 26)
    model = make_rnn(hidden=100, sequence=25, K=56, scale=0.01)
    record = check_recurrent_gradients(model, sequence(ids, np.full(100, 0.5)), max_entries=5)
    assert record.autograd.max() < 1e-10
    assert record.differences.max() < 1e-8


def test_a_wrong_backward_pass_through_time_is_found(monkeypatch: pytest.MonkeyPatch, make_rnn: MakeRNN) -> None:
    right = RNN.backward

    def wrong(self: RNN) -> None:
        right(self)
        self.gradients["W"] *= 1.01

    monkeypatch.setattr(RNN, "backward", wrong)
    ids = np.random.default_rng(3).integers(0, 7, 7)
    record = check_recurrent_gradients(make_rnn(), sequence(ids, np.zeros(8)))
    for errors in (record.differences, record.autograd):
        assert errors[0] == pytest.approx(0.01, rel=0.02)
        assert errors[1:].max() < 1e-8


def test_differences_computed_from_the_weights_alone_are_the_same(make_rnn: MakeRNN) -> None:
    model, ids = make_rnn(), np.random.default_rng(3).integers(0, 7, 7)
    example, indices = sequence(ids, np.zeros(8)), np.array([3, 1])
    there = gradient_check.recurrent_differences_of_weights(model.config, model.theta, "U", indices, example, 3e-4)
    assert np.array_equal(there, gradient_check.recurrent_differences(model, "U", indices, example, 3e-4))
