"""What all model families have in common: parameter counts, initial weights, gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.config import Config
from lmcore.models import mlp, neural_bigram, numpy_linear, numpy_mlp, numpy_rnn, recurrent, wavenet
from lmcore.models.mlp import MLPConfig, build_mlp
from lmcore.models.neural_bigram import NeuralBigramConfig, build_neural_bigram
from lmcore.models.numpy_linear import LinearClassifier, LogisticConfig, SoftmaxConfig
from lmcore.models.numpy_mlp import MLPClassifier, MLPClassifierConfig
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.models.recurrent import CELLS, RecurrentConfig, RecurrentNet
from lmcore.models.wavenet import WaveNetConfig, build_wavenet
from lmcore.nn.layers import Sequential
from lmcore.nn.losses import cross_entropy

MLP_CONFIGS = st.builds(
    MLPConfig,
    context=st.integers(1, 4),
    embedding=st.integers(1, 5),
    hidden=st.integers(1, 8),
    hidden_layers=st.integers(1, 3),
    activation=st.sampled_from(["tanh", "relu"]),
    batch_norm=st.sampled_from(["none", "hidden", "all"]),
    direct_connections=st.booleans(),
)
WAVENET_CONFIGS = st.builds(
    WaveNetConfig,
    context=st.sampled_from([2, 4, 8]),
    embedding=st.integers(1, 5),
    hidden=st.integers(1, 8),
    batch_norm=st.booleans(),
)
LAYERED_CONFIGS = st.one_of(MLP_CONFIGS, WAVENET_CONFIGS, st.just(NeuralBigramConfig()))
RECURRENT_CONFIGS = st.one_of(
    st.builds(RNNConfig, hidden=st.integers(1, 9), sequence=st.just(3)),
    st.builds(
        RecurrentConfig,
        cell=st.sampled_from(sorted(CELLS)),
        embedding=st.integers(1, 6),
        hidden=st.integers(1, 7),
        layers=st.integers(1, 3),
    ),
)
CLASSIFIER_CONFIGS = st.one_of(
    st.builds(SoftmaxConfig, initialization=st.sampled_from(["zeros", "uniform", "normal"])),
    st.builds(LogisticConfig, initialization=st.sampled_from(["zeros", "uniform", "normal"])),
    st.builds(
        MLPClassifierConfig, hidden_layers=st.integers(1, 3), hidden=st.integers(1, 9), hidden_2=st.integers(1, 9)
    ),
)

FAMILIES: dict[type[Config], tuple[Callable[..., Any], Callable[..., int], Callable[[int], Any]]] = {
    MLPConfig: (build_mlp, mlp.count_parameters, torch.manual_seed),
    WaveNetConfig: (build_wavenet, wavenet.count_parameters, torch.manual_seed),
    NeuralBigramConfig: (build_neural_bigram, neural_bigram.count_parameters, torch.manual_seed),
    RecurrentConfig: (RecurrentNet, recurrent.count_parameters, torch.manual_seed),
    RNNConfig: (RNN, numpy_rnn.count_parameters, np.random.default_rng),
    SoftmaxConfig: (LinearClassifier, numpy_linear.count_parameters, np.random.default_rng),
    LogisticConfig: (LinearClassifier, numpy_linear.count_parameters, np.random.default_rng),
    MLPClassifierConfig: (MLPClassifier, numpy_mlp.count_parameters, np.random.default_rng),
}


def generator_of(config: Config, seed: int = 0) -> torch.Generator | np.random.Generator:
    seeded = FAMILIES[type(config)][2]
    return torch.Generator().manual_seed(seed) if seeded is torch.manual_seed else seeded(seed)


def build(config: Config, *sizes: int, seed: int = 0) -> Any:
    return FAMILIES[type(config)][0](config, *sizes, generator_of(config, seed))


@settings(max_examples=120, deadline=None)
@given(st.one_of(LAYERED_CONFIGS, RECURRENT_CONFIGS), st.integers(2, 12))
def test_language_models_have_as_many_parameters_as_their_family_counts(config: Config, V: int) -> None:
    assert len(build(config, V).theta) == FAMILIES[type(config)][1](config, V)


@settings(max_examples=60, deadline=None)
@given(CLASSIFIER_CONFIGS, st.integers(1, 9), st.integers(2, 6))
def test_classifiers_have_as_many_parameters_as_their_family_counts(config: Config, D: int, K: int) -> None:
    K = 2 if isinstance(config, LogisticConfig) else K
    assert len(build(config, D, K).theta) == FAMILIES[type(config)][1](config, D, K)


@settings(max_examples=60, deadline=None)
@given(st.one_of(LAYERED_CONFIGS, RECURRENT_CONFIGS), st.integers(0, 99))
def test_the_same_seed_gives_the_same_weights(config: Config, seed: int) -> None:
    one, other = (np.asarray(build(config, 7, seed=seed).theta) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, np.asarray(build(config, 7, seed=seed + 1).theta))


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (MLPConfig(), 11_897),
        (MLPConfig(batch_norm="hidden"), 12_097),
        (MLPConfig(context=8, batch_norm="hidden"), 22_097),
        (WaveNetConfig(), 22_397),
        (WaveNetConfig(embedding=24, hidden=128), 76_579),
        (MLPConfig(hidden=100, hidden_layers=5, batch_norm="all"), 47_024),
    ],
)
def test_models_have_as_many_parameters_as_published(config: Config, parameters: int) -> None:
    assert FAMILIES[type(config)][1](config, 27) == parameters


@settings(max_examples=60, deadline=None)
@given(LAYERED_CONFIGS, st.integers(2, 9), st.integers(2, 12), st.integers(0, 99))
def test_every_explicit_backward_pass_agrees_with_autograd(config: Any, B: int, V: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    model: Sequential = FAMILIES[type(config)][0](config, V, generator, torch.float64)
    X = torch.randint(0, V, (B, config.context), generator=generator)
    Y = torch.randint(0, V, (B,), generator=generator)
    parameters = {name: p.clone().requires_grad_() for name, p in model.parameters.items()}
    expected = torch.nn.functional.cross_entropy(model.functional_forward(X, parameters), Y)
    expected.backward()
    loss = cross_entropy(model.forward(X), Y.unsqueeze(1))
    model.backward(loss.grad_logits)
    assert -loss.log_probabilities.mean().item() == pytest.approx(expected.item(), abs=1e-12)
    # two examples that BatchNorm maps to ±1 leave gradients of almost zero, in which rounding shows
    rtol, atol = (1e-7, 1e-8) if model.has_batch_norm else (1e-10, 1e-10)
    for name, gradient in model.gradients.items():
        torch.testing.assert_close(gradient, parameters[name].grad, rtol=rtol, atol=atol)
