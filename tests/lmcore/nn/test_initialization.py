"""Initialization schemes: their spread, and the random draws that they consume."""

import math

import numpy as np
import pytest
import torch

from lmcore.nn.initialization import GAINS, initial_values, numpy_initial_values


@pytest.mark.parametrize(
    ("scheme", "low", "high", "deviation"),
    [
        ("normal", -np.inf, np.inf, 1.0),
        ("kaiming", -np.inf, np.inf, 2 / math.sqrt(100)),
        ("uniform", 0.0, 1.0, math.sqrt(1 / 12)),
        ("pytorch", -0.1, 0.1, 0.2 * math.sqrt(1 / 12)),
        ("zeros", 0.0, 0.0, 0.0),
    ],
)
def test_initial_values_have_the_spread_of_their_scheme(scheme: str, low: float, high: float, deviation: float) -> None:
    values = initial_values(scheme, 3.0, (100, 500), 100, 2.0, torch.Generator().manual_seed(3))
    assert values.std().item() == pytest.approx(3 * deviation, rel=0.02)
    assert 3 * low <= values.min()
    assert values.max() <= 3 * high


@pytest.mark.parametrize(("scheme", "other"), [("normal", "zeros"), ("kaiming", "zeros"), ("uniform", "pytorch")])
def test_schemes_consume_the_same_random_draws(scheme: str, other: str) -> None:
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    for name, generator in zip((scheme, other), generators, strict=True):
        initial_values(name, 1.0, (10, 50), 10, 2.0, generator)
    assert torch.equal(*(generator.get_state() for generator in generators))


@pytest.mark.parametrize("activation", GAINS)
def test_gains_are_those_of_pytorch(activation: str) -> None:
    assert GAINS[activation] == torch.nn.init.calculate_gain(activation)


def test_numpy_schemes() -> None:
    assert not numpy_initial_values("zeros", 2.0, (3, 4), np.random.default_rng(0)).any()
    drawn = np.random.default_rng(0)
    np.testing.assert_array_equal(
        numpy_initial_values("normal", 2.0, (3, 4), np.random.default_rng(0)), drawn.standard_normal((3, 4)) * 2
    )
    uniform = numpy_initial_values("uniform", 2.0, (100, 100), np.random.default_rng(0))
    assert 0 <= uniform.min() < 0.01
    assert 1.99 < uniform.max() < 2
