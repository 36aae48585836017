"""Logistic and softmax regression against central differences, PyTorch and the plain SGD loop."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.errors import UserError
from lmcore.inspection.gradient_check import central_differences
from lmcore.models import numpy_linear
from lmcore.models.numpy_linear import LinearClassifier, LogisticConfig, SoftmaxConfig

MODELS = [(SoftmaxConfig(initialization="normal"), 3), (LogisticConfig(initialization="normal"), 2)]


def batch(classes: int, N: int = 11, D: int = 5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    return generator.standard_normal((N, D)), generator.integers(0, classes, N)


def torch_loss(model: LinearClassifier, theta: torch.Tensor, X: np.ndarray, y: np.ndarray) -> torch.Tensor:
    weights = theta.reshape(model.shape)
    scores, labels = torch.from_numpy(X) @ weights[1:] + weights[0], torch.from_numpy(y)
    if model.binary:
        return torch.nn.functional.binary_cross_entropy_with_logits(scores[:, 0], labels.double())
    return torch.nn.functional.cross_entropy(scores, labels)


@pytest.mark.parametrize(("config", "classes"), MODELS, ids=["softmax", "logistic"])
def test_loss_and_gradient_are_those_of_autograd(config: Any, classes: int) -> None:
    X, y = batch(classes)
    model = LinearClassifier(config, 5, classes, np.random.default_rng(3))
    loss, gradient = model.loss_and_gradient(model.prepare(X), y)
    theta = torch.from_numpy(model.theta.copy()).requires_grad_()
    expected = torch_loss(model, theta, X, y)
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-12)
    np.testing.assert_allclose(gradient, theta.grad.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("config", "classes"), MODELS, ids=["softmax", "logistic"])
def test_gradients_agree_with_central_differences(config: Any, classes: int) -> None:
    X, y = batch(classes)
    model = LinearClassifier(config, 5, classes, np.random.default_rng(3))
    X = model.prepare(X)
    _, gradient = model.loss_and_gradient(X, y)
    assert np.abs(gradient).max() > 1e-3  # there is something to compare
    every = np.arange(len(model.theta))
    estimates = central_differences(lambda: model.loss_and_gradient(X, y)[0], model.theta, every, 1e-5)
    np.testing.assert_allclose(gradient, estimates, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("config", "classes"), MODELS, ids=["softmax", "logistic"])
def test_log_probabilities_sum_to_one_and_give_the_loss(config: Any, classes: int) -> None:
    X, y = batch(classes)
    model = LinearClassifier(config, 5, classes, np.random.default_rng(3))
    log_p = model.log_probabilities(model.prepare(X))
    assert np.exp(log_p).sum(1) == pytest.approx(np.ones(len(X)))
    assert -log_p[np.arange(len(y)), y].mean() == pytest.approx(model.loss_and_gradient(model.prepare(X), y)[0])


def test_zero_weights_guess_uniformly() -> None:
    X, y = batch(4)
    model = LinearClassifier(SoftmaxConfig(), 5, 4, np.random.default_rng(3))
    assert model.loss_and_gradient(model.prepare(X), y)[0] == pytest.approx(math.log(4), abs=1e-12)


def test_logistic_regression_of_three_classes_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="the data have 3"):
        LinearClassifier(LogisticConfig(), 5, 3, np.random.default_rng(0))


def test_the_sigmoid_does_not_overflow() -> None:
    np.testing.assert_array_equal(numpy_linear.sigmoid(np.array([-1e6, 0, 1e6])), [0, 0.5, 1])


# ---------------------------------------------------------------- stochastic gradient descent


def plain_sgd(theta: np.ndarray, X: np.ndarray, y: np.ndarray, rate: float, clip: float) -> list[float]:
    """The textbook's loop over examples."""
    losses = []
    for x, target in zip(X, y, strict=True):
        z = np.dot(x, theta)
        p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        losses.append(-np.log(p[target]))
        p[target] -= 1
        gradient = np.outer(x, p)
        theta -= rate * gradient * min(1, clip / max(np.linalg.norm(gradient), 1e-300))
    return losses


@given(
    N=st.integers(1, 120),
    D=st.integers(1, 8),
    K=st.integers(2, 6),
    rate=st.floats(0, 1),
    clip=st.sampled_from([math.inf, 0.3]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60)
def test_sgd_equals_the_plain_loop(N: int, D: int, K: int, rate: float, clip: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    X, y = numpy_linear.augment(generator.standard_normal((N, D))), generator.integers(0, K, N)
    ours = generator.standard_normal((D + 1, K))
    theirs = ours.copy()
    losses, clipped = numpy_linear.sgd(ours, X, y, [rate] * N, clip)
    np.testing.assert_allclose(losses, plain_sgd(theirs, X, y, rate, clip), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
    assert (clip == math.inf) <= (clipped == [])


def test_sgd_of_logistic_regression_takes_the_steps_of_its_gradient() -> None:
    X, y = batch(2, 100)
    ours, theirs = (
        LinearClassifier(LogisticConfig(initialization="normal"), 5, 2, np.random.default_rng(0)) for _ in range(2)
    )
    X = ours.prepare(X)
    losses, _ = ours.sgd(X, y, [0.3] * 100)
    for i in range(100):
        loss, gradient = theirs.loss_and_gradient(X[i : i + 1], y[i : i + 1])
        assert losses[i] == pytest.approx(loss, abs=1e-12)
        theirs.theta -= 0.3 * gradient
    np.testing.assert_allclose(ours.theta, theirs.theta, atol=1e-12)


def test_sgd_that_diverges_returns_infinite_losses() -> None:
    X, y = batch(2, 100)
    model = LinearClassifier(SoftmaxConfig(), 5, 2, np.random.default_rng(0))
    losses, _ = model.sgd(model.prepare(X), y, [1e4] * 100)
    assert len(losses) == 100
    assert losses[-1] == math.inf
    assert np.isnan(model.theta).all()
