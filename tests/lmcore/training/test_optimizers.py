"""Optimizers against torch.optim, over the same gradients."""

import numpy as np
import pytest
import torch

from lmcore.training.config import TrainConfig
from lmcore.training.optimizers import OPTIMIZERS, AdaGrad, ChosenOptimizer
from tests.lmcore.training.torch_optimizers import ORACLES, SETTINGS


def config_of(name: str) -> TrainConfig:
    return TrainConfig(optimizer=name, **SETTINGS)


def gradients(dtype: type[np.floating], steps: int = 100) -> np.ndarray:
    """Gradients of very different sizes, some of them zero: (steps, 40)."""
    generator = np.random.default_rng(0)
    values = generator.standard_normal((steps, 40)) * 10.0 ** generator.integers(-6, 1, 40)
    values[:, :3] = 0
    values[generator.random(values.shape) < 0.2] = 0
    return values.astype(dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6)])
@pytest.mark.parametrize("name", ORACLES)
def test_each_optimizer_equals_torchs(name: str, dtype: type[np.floating], tolerance: float) -> None:
    theta = np.random.default_rng(1).standard_normal(40).astype(dtype)
    weights = torch.tensor(theta, requires_grad=True)
    optimizer, oracle = ChosenOptimizer(theta), ORACLES[name]([weights], 0.0)
    optimizer.configure(config_of(name))
    for step, grad in enumerate(gradients(dtype)):
        rate = 0.001 * (1 + step % 7)
        oracle.param_groups[0]["lr"] = rate
        weights.grad = torch.from_numpy(grad.copy())
        oracle.step()
        optimizer.step(grad, rate)
    np.testing.assert_allclose(theta, weights.detach().numpy(), rtol=tolerance, atol=tolerance)


def test_all_optimizers_of_a_config_exist() -> None:
    assert set(OPTIMIZERS) == set(ORACLES) == set(TrainConfig.model_fields["optimizer"].annotation.__args__)


@pytest.mark.parametrize("name", ORACLES)
def test_restored_moments_change_no_bit(name: str) -> None:
    one, other = np.ones((2, 40), np.float32)
    whole, first = ChosenOptimizer(one), ChosenOptimizer(other)
    second = ChosenOptimizer(other)
    for optimizer in (whole, first, second):
        optimizer.configure(config_of(name))
    for step, grad in enumerate(gradients(np.float32, 20)):
        if step == 9:
            second.load_state_dict({key: value.copy() for key, value in first.state_dict().items()})
            second.configure(config_of(name))
        whole.step(grad, 0.01)
        (first if step < 9 else second).step(grad, 0.01)
    assert np.array_equal(one, other)
    assert all(key.startswith(f"{name}.") for key in whole.state_dict())


def test_a_step_leaves_the_gradient_unchanged() -> None:
    for optimizer in OPTIMIZERS:
        chosen = ChosenOptimizer(np.ones(40))
        chosen.configure(config_of(optimizer))
        grad = gradients(np.float64, 1)[0]
        before = grad.copy()
        chosen.step(grad, 0.1)
        assert np.array_equal(grad, before)


def test_sums_of_adagrad_may_start_at_an_epsilon() -> None:
    theta, grad = np.zeros(2), np.array([3.0, 0.0])
    AdaGrad(theta, initial_sum=16.0, epsilon=0.0).step(grad, 0.5)
    assert theta.tolist() == [-0.5 * 3 / 5, 0]
