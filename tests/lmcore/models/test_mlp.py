"""The MLP against its equation, written for autograd."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lmcore.models.mlp import MLPConfig, build_mlp
from lmcore.nn.losses import cross_entropy


def equation_1(p: dict[str, Tensor], X: Tensor, activation: str) -> Tensor:
    """y = b + W x + U tanh(d + H x), with any number of hidden layers."""
    h = x = p["embedding.weight"][X].flatten(1)
    for number in ("", *range(2, 7)):
        if f"hidden{number}.weight" in p:
            before = h @ p[f"hidden{number}.weight"] + p[f"hidden{number}.bias"]
            h = torch.tanh(before) if activation == "tanh" else torch.relu(before)
    y = h @ p["output.weight"] + p["output.bias"]
    return y + x @ p["direct.weight"] if "direct.weight" in p else y


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        MLPConfig,
        context=st.integers(1, 4),
        embedding=st.integers(1, 6),
        hidden=st.integers(1, 12),
        hidden_layers=st.integers(1, 4),
        activation=st.sampled_from(["tanh", "relu"]),
        direct_connections=st.booleans(),
    ),
    st.integers(1, 9),
    st.integers(2, 12),
    st.sampled_from([(np.float64, 1e-10), (np.float32, 1e-5)]),
)
def test_loss_and_gradients_are_those_of_the_equation(
    config: MLPConfig, B: int, V: int, precision: tuple[type[np.floating], float]
) -> None:
    dtype, tolerance = precision
    generator = torch.Generator().manual_seed(config.context * 1000 + config.hidden)
    model = build_mlp(config, V, generator, dtype)
    X = torch.randint(0, V, (B, config.context), generator=generator)
    Y = torch.randint(0, V, (B,), generator=generator)
    parameters = {name: torch.tensor(p, requires_grad=True) for name, p in model.parameters.items()}
    expected = torch.nn.functional.cross_entropy(equation_1(parameters, X, config.activation), Y)
    expected.backward()

    loss = cross_entropy(model.forward(X.numpy()), Y.numpy())
    model.backward(loss.grad_logits)

    assert -loss.log_probabilities.mean().item() == pytest.approx(expected.item(), abs=tolerance)
    for name, gradient in model.gradients.items():
        np.testing.assert_allclose(gradient, parameters[name].grad.numpy(), rtol=tolerance, atol=tolerance)


def test_weights_are_drawn_in_the_order_of_the_makemore_lectures() -> None:
    model = build_mlp(MLPConfig(), 27, torch.Generator().manual_seed(2147483647))
    generator = torch.Generator().manual_seed(2147483647)
    drawn = {
        "embedding.weight": torch.randn((27, 10), generator=generator),
        "hidden.weight": torch.randn((30, 200), generator=generator) * ((5 / 3) / math.sqrt(30)),
        "hidden.bias": torch.randn(200, generator=generator) * 0.01,
        "output.weight": torch.randn((200, 27), generator=generator) * 0.01,
    }
    for name, expected in drawn.items():
        assert np.array_equal(model.parameters[name], expected.numpy()), name
    assert not model.parameters["output.bias"].any()


def test_the_initial_loss_is_close_to_a_uniform_guess() -> None:
    model = build_mlp(MLPConfig(), 27, torch.Generator().manual_seed(0))
    loss = cross_entropy(model.forward(np.arange(27).reshape(9, 3)), np.arange(9))
    assert -loss.log_probabilities.mean().item() == pytest.approx(math.log(27), abs=0.05)


def test_normalized_logits_take_their_scale_from_the_gain() -> None:
    config = MLPConfig(batch_norm="all", output_scale=0.1)
    model = build_mlp(config, 5, torch.Generator().manual_seed(0))
    assert "hidden.bias" not in model.parameters
    assert "output.bias" not in model.parameters
    assert model.parameters["output_norm.gain"].tolist() == pytest.approx([0.1] * 5)
    assert model.parameters["output.weight"].std().item() == pytest.approx(1, abs=0.1)
