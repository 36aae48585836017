"""Layers against autograd, central differences and PyTorch's batch normalization."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.nn.containers import Parallel, Sequential
from lmcore.nn.layers import BatchNorm1d, Embedding, FlattenConsecutive, Floats, Layer, Linear, ReLU, Tanh

Normal = Callable[..., Floats]


def normal_from(seed: int) -> Normal:
    """Standard normal arrays of any shape in float64, from one generator."""
    generator = np.random.default_rng(seed)
    return lambda *shape: generator.standard_normal(shape)


LAYERS: dict[str, Callable[[int, Normal], Layer]] = {
    "linear": lambda F, normal: Linear(normal(F, 3), normal(3)),
    "linear without bias": lambda F, normal: Linear(normal(F, 3)),
    "batch norm": lambda F, normal: BatchNorm1d(normal(F), normal(F)),
    "batch norm per position": lambda F, normal: BatchNorm1d(normal(F), normal(F), positions=2),
    "tanh": lambda F, normal: Tanh(),
    "relu": lambda F, normal: ReLU(),
    "parallel": lambda F, normal: Parallel(
        {"a": {"deep": Linear(normal(F, 3)), "tanh": Tanh()}, "b": {"direct": Linear(normal(F, 3))}}
    ),
}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(LAYERS)),
    st.integers(2, 5),
    st.integers(0, 4),
    st.integers(1, 5),
    st.booleans(),
    st.integers(0, 99),
)
def test_every_layer_agrees_with_autograd_and_central_differences(
    kind: str, B: int, T: int, F: int, training: bool, seed: int
) -> None:
    normal = normal_from(seed)
    below = Linear(normal(F, F), normal(F))  # its gradient depends on that of the layer's input
    model = Sequential({"below": below, "layer": LAYERS[kind](F, normal)})
    if kind == "batch norm per position":
        B, T = B + 3, 2  # statistics of two values alone are too steep for central differences
    x = normal(B, T, F) if T else normal(B, F)
    for _ in range(3):
        model.forward(x)  # moves running statistics away from their initial values
    for layer in model.leaves.values():
        layer.training = training
    out = model.forward(x)
    weights = normal(*out.shape)
    model.backward(weights)

    parameters = {name: torch.tensor(p, requires_grad=True) for name, p in model.parameters.items()}
    expected = model.functional_forward(torch.from_numpy(x), parameters)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    (expected * torch.from_numpy(weights)).sum().backward()
    for name, gradient in model.gradients.items():
        np.testing.assert_allclose(gradient, parameters[name].grad.numpy(), rtol=1e-10, atol=1e-10)
    if kind == "relu":
        return  # not differentiable at zero, so differences across it are useless
    same_memory = {name: torch.from_numpy(p) for name, p in model.parameters.items()}
    for i in np.random.default_rng(seed).permutation(len(model.theta))[:8].tolist():
        values = []
        before = model.theta[i].item()
        for shifted in (before + 1e-5, before - 1e-5):
            model.theta[i] = shifted
            out = model.functional_forward(torch.from_numpy(x), same_memory)
            values.append((out * torch.from_numpy(weights)).sum().item())
        model.theta[i] = before
        assert model.grad[i].item() == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-7, rel=1e-6)


@pytest.mark.parametrize("V", [3, 600])
def test_an_embedding_accumulates_the_gradients_of_a_repeated_character(V: int) -> None:
    model = Sequential({"embedding": Embedding(np.zeros((V, 2)))})
    assert (model.theta.size <= Embedding.MAX_SIZE_FOR_ONE_HOT) == (V == 3)  # both ways to compute it
    for _ in range(2):
        model.forward(np.array([[1, 1], [1, 2]]))
        model.backward(np.ones((2, 2, 2)))
        assert model.grad.reshape(V, 2)[:3].tolist() == [[0, 0], [3, 3], [1, 1]]
    assert not model.grad[6:].any()


def test_neighbors_are_fused_in_order() -> None:
    layer = FlattenConsecutive(2)
    x = np.arange(12.0).reshape(1, 4, 3)
    assert layer.forward(x).tolist() == [[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]]
    assert layer.backward(layer.out).tolist() == x.tolist()
    assert FlattenConsecutive(4).forward(x).shape == (1, 12)


# ---------------------------------------------------------------- batch normalization


@pytest.mark.parametrize("shape", [(32, 5), (8, 4, 5)])
def test_batch_norm_is_that_of_pytorch_except_for_the_unbiased_variance(shape: tuple[int, ...]) -> None:
    normal = normal_from(1)
    layer, x = BatchNorm1d(normal(5), normal(5), momentum=0.3), 3 + 2 * normal(*shape)
    n = 32
    oracle = torch.nn.BatchNorm1d(5, momentum=0.3, dtype=torch.float64)
    oracle.weight.data, oracle.bias.data = (torch.from_numpy(layer.parameters[name]) for name in ("gain", "bias"))
    rows = torch.from_numpy(x.reshape(-1, 5))
    oracle.eps = layer.EPS * (n - 1) / n  # eps is added to a variance that is smaller by this factor
    expected = (oracle(rows) - oracle.bias) * math.sqrt((n - 1) / n) + oracle.bias
    np.testing.assert_allclose(layer.forward(x).reshape(-1, 5), expected.detach().numpy())
    np.testing.assert_allclose(layer.statistics["mean"], oracle.running_mean.numpy())
    np.testing.assert_allclose(layer.statistics["variance"], oracle.running_var.numpy())
    layer.training = False
    oracle.eval()
    oracle.eps = layer.EPS
    np.testing.assert_allclose(layer.forward(x).reshape(-1, 5), oracle(rows).detach().numpy())


def test_examples_depend_on_each_other_in_training_mode_only() -> None:
    model = Sequential({"norm": BatchNorm1d.initialized(4, 1.0, 0.1, np.float32)})
    x = normal_from(2)(6, 4).astype(np.float32)
    other = x.copy()
    other[0] = 30
    trained = model.forward(x).copy()
    assert not np.allclose(trained[1:], model.forward(other)[1:])
    with model.evaluation_mode():
        kept = {name: array.copy() for name, array in model.statistics.items()}
        evaluated = model.forward(x).copy()
        assert np.array_equal(evaluated[1:], model.forward(other)[1:])
        assert np.allclose(evaluated[:1], model.forward(x[:1]))  # a batch of one gives the same output
    assert all(np.array_equal(array, model.statistics[name]) for name, array in kept.items())
    assert model.leaves["norm"].training
