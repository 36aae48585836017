"""The MLP classifier against central differences and PyTorch."""

from typing import Any

import numpy as np
import pytest
import torch

from lmcore.inspection.gradient_check import central_differences
from lmcore.models.numpy_mlp import MLPClassifier, MLPClassifierConfig

CONFIGS = [
    MLPClassifierConfig(hidden=7),
    MLPClassifierConfig(hidden=7, hidden_2=5, hidden_layers=2, activation="tanh"),
    MLPClassifierConfig(hidden=7, hidden_2=5, hidden_3=4, hidden_layers=3),
    MLPClassifierConfig(hidden=6, hidden_2=5, hidden_3=4, hidden_layers=3, activation="tanh", initialization="0.01"),
]
each_config = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.widths}, {config.activation}")


def model_of(config: MLPClassifierConfig) -> MLPClassifier:
    model = MLPClassifier(config, 5, 4, np.random.default_rng(3))
    for b in model.b:
        b[:] = np.random.default_rng(4).standard_normal(len(b)) / 10
    return model


def batch(N: int = 11) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    return generator.standard_normal((N, 5)), generator.integers(0, 4, N)


@each_config
def test_gradients_agree_with_central_differences(config: MLPClassifierConfig) -> None:
    model, (X, y) = model_of(config), batch()
    _, gradient = model.loss_and_gradient(X, y)
    assert np.abs(gradient).max() > 1e-3  # there is something to compare
    every = np.arange(len(model.theta))
    estimates = central_differences(lambda: model.loss_and_gradient(X, y)[0], model.theta, every, 1e-5)
    np.testing.assert_allclose(gradient, estimates, rtol=0, atol=1e-8)


@each_config
def test_loss_and_gradient_are_those_of_autograd(config: MLPClassifierConfig) -> None:
    model, (X, y) = model_of(config), batch()
    loss, gradient = model.loss_and_gradient(X, y)

    parameters: list[Any] = [
        torch.from_numpy(array.copy()).requires_grad_() for pair in zip(model.W, model.b, strict=True) for array in pair
    ]
    activation = torch.relu if config.activation == "relu" else torch.tanh
    h = torch.from_numpy(X)
    for i, (W, b) in enumerate(zip(parameters[::2], parameters[1::2], strict=True)):
        h = activation(h @ W + b) if i < config.hidden_layers else h @ W + b
    expected = torch.nn.functional.cross_entropy(h, torch.from_numpy(y))
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-12)
    np.testing.assert_allclose(
        gradient, np.concatenate([p.grad.numpy().ravel() for p in parameters]), rtol=0, atol=1e-12
    )


@each_config
def test_log_probabilities_are_a_softmax_of_the_logits(config: MLPClassifierConfig) -> None:
    model, (X, _) = model_of(config), batch()
    expected = torch.log_softmax(torch.from_numpy(model.forward(model.prepare(X))[-1]), 1)
    np.testing.assert_allclose(model.log_probabilities(model.prepare(X)), expected.numpy())


@pytest.mark.parametrize(
    ("initialization", "activation", "deviation"),
    [("0.01", "relu", 0.01), ("kaiming", "relu", np.sqrt(2 / 400)), ("kaiming", "tanh", 5 / 3 / np.sqrt(400))],
)
def test_initial_weights_have_the_standard_deviation_of_their_scheme(
    initialization: str, activation: str, deviation: float
) -> None:
    config = MLPClassifierConfig(initialization=initialization, activation=activation)
    model = MLPClassifier(config, 400, 4, np.random.default_rng(0))
    assert model.W[0].std() == pytest.approx(deviation, rel=0.02)
    assert not any(b.any() for b in model.b)
