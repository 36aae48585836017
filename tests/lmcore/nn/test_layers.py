"""Layers against autograd, central differences and PyTorch's batch normalization."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lmcore.nn.layers import (
    BatchNorm1d,
    Embedding,
    FlattenConsecutive,
    Layer,
    Linear,
    Parallel,
    ReLU,
    Sequential,
    Tanh,
)

Normal = Callable[..., Tensor]


def normal_from(seed: int) -> Normal:
    """Standard normal tensors of any shape in float64, from one generator."""
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)


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

    parameters = {name: p.clone().requires_grad_() for name, p in model.parameters.items()}
    expected = model.functional_forward(x, parameters)
    torch.testing.assert_close(out, expected.detach(), rtol=1e-10, atol=1e-10)
    (expected * weights).sum().backward()
    for name, gradient in model.gradients.items():
        torch.testing.assert_close(gradient, parameters[name].grad, rtol=1e-10, atol=1e-10)
    if kind == "relu":
        return  # not differentiable at zero, so differences across it are useless
    for i in torch.randperm(len(model.theta), generator=torch.Generator().manual_seed(seed))[:8].tolist():
        values = []
        before = model.theta[i].item()
        for shifted in (before + 1e-5, before - 1e-5):
            model.theta[i] = shifted
            values.append((model.functional_forward(x, model.parameters) * weights).sum().item())
        model.theta[i] = before
        assert model.grad[i].item() == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-7, rel=1e-6)


def test_an_embedding_accumulates_the_gradients_of_a_repeated_character() -> None:
    model = Sequential({"embedding": Embedding(torch.zeros(3, 2))})
    model.forward(torch.tensor([[1, 1], [1, 2]]))
    model.backward(torch.ones(2, 2, 2))
    assert model.grad.view(3, 2).tolist() == [[0, 0], [3, 3], [1, 1]]


def test_neighbors_are_fused_in_order() -> None:
    layer = FlattenConsecutive(2)
    x = torch.arange(12.0).view(1, 4, 3)
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
    oracle.weight.data, oracle.bias.data = layer.parameters["gain"], layer.parameters["bias"]
    rows = x.reshape(-1, 5)
    oracle.eps = layer.EPS * (n - 1) / n  # eps is added to a variance that is smaller by this factor
    expected = (oracle(rows) - oracle.bias) * math.sqrt((n - 1) / n) + oracle.bias
    torch.testing.assert_close(layer.forward(x).reshape(-1, 5), expected.detach())
    torch.testing.assert_close(layer.statistics["mean"], oracle.running_mean)
    torch.testing.assert_close(layer.statistics["variance"], oracle.running_var)
    layer.training = False
    oracle.eval()
    oracle.eps = layer.EPS
    torch.testing.assert_close(layer.forward(x).reshape(-1, 5), oracle(rows).detach())


def test_examples_depend_on_each_other_in_training_mode_only() -> None:
    model = Sequential({"norm": BatchNorm1d.initialized(4, 1.0, 0.1, torch.float32)})
    x = normal_from(2)(6, 4).float()
    other = x.clone()
    other[0] = 30
    trained = model.forward(x).clone()
    assert not torch.allclose(trained[1:], model.forward(other)[1:])
    with model.evaluation_mode():
        kept = {name: tensor.clone() for name, tensor in model.statistics.items()}
        evaluated = model.forward(x).clone()
        assert torch.equal(evaluated[1:], model.forward(other)[1:])
        assert torch.allclose(evaluated[:1], model.forward(x[:1]))  # a batch of one gives the same output
    assert all(torch.equal(tensor, model.statistics[name]) for name, tensor in kept.items())
    assert model.leaves["norm"].training


# ---------------------------------------------------------------- Sequential


def small_model() -> Sequential:
    normal = normal_from(5)
    branches = {
        "deep": {"hidden": Linear(normal(4, 3), normal(3)), "tanh": Tanh()},
        "direct": {"skip": Linear(normal(4, 3))},
    }
    return Sequential(
        {"first": Linear(normal(2, 4)), "sum": Parallel(branches), "norm": BatchNorm1d(normal(3), normal(3))}
    )


def test_all_parameters_and_gradients_are_views_of_two_vectors() -> None:
    model = small_model()
    assert list(model.parameters) == [
        "first.weight",
        "hidden.weight",
        "hidden.bias",
        "skip.weight",
        "norm.gain",
        "norm.bias",
    ]
    assert torch.equal(model.theta, torch.cat([p.reshape(-1) for p in model.parameters.values()]))
    assert list(model.matrices) == ["first.weight", "hidden.weight", "skip.weight"]
    for name, where in model.matrices.items():
        assert torch.equal(model.theta[where], model.parameters[name].reshape(-1))
    model.theta.zero_()
    model.grad.fill_(1)
    for layer in model.leaves.values():
        assert not any(p.any() for p in layer.parameters.values())
        assert all((gradient == 1).all() for gradient in layer.gradients.values())


def test_layer_inputs_names_every_leaf_and_what_it_received() -> None:
    model, x = small_model(), normal_from(6)(5, 2)
    model.forward(x)
    inputs = {name: received for name, _, received in model.layer_inputs(x)}
    assert list(inputs) == ["first", "hidden", "tanh", "skip", "norm"]
    assert inputs["first"] is x
    assert inputs["hidden"] is inputs["skip"] is model.leaves["first"].out
    assert inputs["tanh"] is model.leaves["hidden"].out
    torch.testing.assert_close(inputs["norm"], model.leaves["tanh"].out + model.leaves["skip"].out)


def test_only_batch_norm_makes_examples_depend_on_each_other() -> None:
    assert small_model().has_batch_norm
    assert not Sequential({"linear": Linear(torch.zeros(2, 2))}).has_batch_norm
