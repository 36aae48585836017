"""What all model families have in common: parameter counts, initial weights, gradients."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.families import FAMILIES
from lmcore.models.mlp import MLPConfig
from lmcore.models.neural_bigram import NeuralBigramConfig
from lmcore.models.numpy_linear import LogisticConfig, SoftmaxConfig
from lmcore.models.numpy_mlp import MLPClassifierConfig
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.recurrent import CELLS, RecurrentConfig
from lmcore.models.wavenet import WaveNetConfig
from lmcore.nn.containers import Sequential
from lmcore.nn.losses import cross_entropy
from lmcore.training.config import ClassifierRunConfig, RunConfig
from lmcore.training.layered import LayeredTrainer

CONFIGS: dict[str, st.SearchStrategy[Any]] = {
    "mlp": st.builds(
        MLPConfig,
        context=st.integers(1, 4),
        embedding=st.integers(1, 5),
        hidden=st.integers(1, 8),
        hidden_layers=st.integers(1, 3),
        activation=st.sampled_from(["tanh", "relu"]),
        batch_norm=st.sampled_from(["none", "hidden", "all"]),
        direct_connections=st.booleans(),
    ),
    "wavenet": st.builds(
        WaveNetConfig,
        context=st.sampled_from([2, 4, 8]),
        embedding=st.integers(1, 5),
        hidden=st.integers(1, 8),
        batch_norm=st.booleans(),
        norm_axes=st.sampled_from(["both", "batch"]),
    ),
    "neural-bigram": st.just(NeuralBigramConfig()),
    "rnn": st.builds(RNNConfig, hidden=st.integers(1, 9), sequence=st.just(3)),
    "recurrent": st.builds(
        RecurrentConfig,
        cell=st.sampled_from(sorted(CELLS)),
        embedding=st.integers(1, 6),
        hidden=st.integers(1, 7),
        layers=st.integers(1, 3),
    ),
    "softmax-regression": st.builds(SoftmaxConfig, initialization=st.sampled_from(["zeros", "uniform", "normal"])),
    "logistic-regression": st.builds(LogisticConfig, initialization=st.sampled_from(["zeros", "uniform", "normal"])),
    "mlp-classifier": st.builds(
        MLPClassifierConfig, hidden_layers=st.integers(1, 3), hidden=st.integers(1, 9), hidden_2=st.integers(1, 9)
    ),
}
LANGUAGE_MODELS = st.one_of(CONFIGS[name] for name, family in FAMILIES.items() if family.run_config is RunConfig)
CLASSIFIERS = st.one_of(CONFIGS[name] for name, family in FAMILIES.items() if family.run_config is ClassifierRunConfig)
LAYERED = st.one_of(CONFIGS[name] for name, family in FAMILIES.items() if issubclass(family.trainer, LayeredTrainer))
NUMPY = ("rnn", "softmax-regression", "logistic-regression", "mlp-classifier")  # draw their weights with NumPy


def build(config: Any, *sizes: int, seed: int = 0) -> Any:
    """A model with fresh weights."""
    is_numpy = config.family in NUMPY
    generator = np.random.default_rng(seed) if is_numpy else torch.Generator().manual_seed(seed)
    return FAMILIES[config.family].network(config, *sizes, generator)


def count_parameters(config: Any, *sizes: int) -> int:
    """Its number of parameters, as the registry counts them."""
    return FAMILIES[config.family].count_parameters(config, *sizes)


@settings(max_examples=120, deadline=None)
@given(LANGUAGE_MODELS, st.integers(2, 12))
def test_language_models_have_as_many_parameters_as_their_family_counts(config: Any, V: int) -> None:
    assert len(build(config, V).theta) == count_parameters(config, V)


@settings(max_examples=60, deadline=None)
@given(CLASSIFIERS, st.integers(1, 9), st.integers(2, 6))
def test_classifiers_have_as_many_parameters_as_their_family_counts(config: Any, D: int, K: int) -> None:
    K = 2 if isinstance(config, LogisticConfig) else K
    assert len(build(config, D, K).theta) == count_parameters(config, D, K)


@settings(max_examples=60, deadline=None)
@given(LANGUAGE_MODELS, st.integers(0, 99))
def test_the_same_seed_gives_the_same_weights(config: Any, seed: int) -> None:
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
def test_models_have_as_many_parameters_as_published(config: Any, parameters: int) -> None:
    assert count_parameters(config, 27) == parameters


@settings(max_examples=60, deadline=None)
@given(LAYERED, st.integers(2, 9), st.integers(2, 12), st.integers(0, 99))
def test_every_explicit_backward_pass_agrees_with_autograd(config: Any, B: int, V: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    model: Sequential = FAMILIES[config.family].network(config, V, generator, np.float64)
    X = torch.randint(0, V, (B, config.context), generator=generator)
    Y = torch.randint(0, V, (B,), generator=generator)
    parameters = {name: torch.tensor(p, requires_grad=True) for name, p in model.parameters.items()}
    expected = torch.nn.functional.cross_entropy(model.functional_forward(X, parameters), Y)
    expected.backward()
    loss = cross_entropy(model.forward(X.numpy()), Y.numpy())
    model.backward(loss.grad_logits)
    assert -loss.log_probabilities.mean().item() == pytest.approx(expected.item(), abs=1e-12)
    # two examples that BatchNorm maps to ±1 leave gradients of almost zero, in which rounding shows
    rtol, atol = (1e-7, 1e-8) if model.has_batch_norm else (1e-10, 1e-10)
    for name, gradient in model.gradients.items():
        np.testing.assert_allclose(gradient, parameters[name].grad.numpy(), rtol=rtol, atol=atol)
