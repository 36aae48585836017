"""The GRU layer against torch.nn.GRU and its autograd."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lmcore.models.gru import GRU


def outputs_and_gradients(layer: nn.GRU, x: Tensor, h_0: Tensor, oracle: bool) -> list[Tensor]:
    """States, last state, and the gradients of a function of both with respect to weights, inputs and first state."""
    leaves = [*layer.parameters(), x, h_0]
    h, last = nn.GRU.forward(layer, x, h_0) if oracle else layer(x, h_0)
    weights = torch.randn(h.shape, generator=torch.Generator().manual_seed(1), dtype=h.dtype)
    gradients = torch.autograd.grad((h * weights).sum() + (last**2).sum(), leaves)
    return [h, last, *gradients]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_states_and_all_gradients_are_those_of_pytorch(T: int, B: int, inputs: int, H: int, seed: int) -> None:
    torch.manual_seed(seed)
    layer = GRU(inputs, H, dtype=torch.float64)
    x = torch.randn(T, B, inputs, dtype=torch.float64, requires_grad=True)
    h_0 = torch.randn(1, B, H, dtype=torch.float64, requires_grad=True)
    found, expected = (outputs_and_gradients(layer, x, h_0, oracle) for oracle in (False, True))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_without_a_state_it_starts_from_zeros() -> None:
    layer, x = GRU(3, 4), torch.randn(5, 2, 3)
    torch.testing.assert_close(layer(x), nn.GRU.forward(layer, x))


@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_gates_saturate_without_a_warning(size: float) -> None:
    layer, x = GRU(3, 4), torch.full((5, 2, 3), size)
    h, _ = layer(x)
    torch.testing.assert_close(h, nn.GRU.forward(layer, x)[0])
    h.sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())
