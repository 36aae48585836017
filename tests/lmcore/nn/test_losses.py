"""Losses against uniform logits, autograd and PyTorch."""

import math

import numpy as np
import pytest
import torch

from lmcore.nn.losses import cross_entropy, cross_entropy_from_counts, log_softmax


def test_uniform_logits_cost_ln_v() -> None:
    loss = cross_entropy(np.full((4, 27), 0.7, np.float32), np.array([0, 5, 26, 5]))
    assert -loss.log_probabilities.mean().item() == pytest.approx(math.log(27), abs=1e-6)
    assert loss.grad_logits.sum(1).tolist() == pytest.approx([0, 0, 0, 0], abs=1e-7)


def test_loss_and_gradient_are_those_of_pytorch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((6, 5), generator=generator, dtype=torch.float64).requires_grad_()
    targets = torch.tensor([0, 4, 4, 2, 1, 3])
    expected = torch.nn.functional.cross_entropy(logits, targets)
    expected.backward()
    loss = cross_entropy(logits.detach().numpy(), targets.numpy())
    assert -loss.log_probabilities.mean() == pytest.approx(expected.item(), abs=1e-14)
    np.testing.assert_allclose(loss.grad_logits, logits.grad.numpy(), atol=1e-15)


def test_logits_of_any_size_have_a_loss_and_are_left_unchanged() -> None:
    logits = np.array([[1e6, -1e6, 0.0], [-300.0, 0.0, -200.0]])
    before = logits.copy()
    loss = cross_entropy(logits, np.array([1, 0]))
    assert loss.log_probabilities.tolist() == [-2e6, -300]
    assert loss.grad_logits.tolist() == [pytest.approx([0.5, -0.5, 0]), pytest.approx([-0.5, 0.5, 0])]
    assert np.array_equal(logits, before)


def test_bigram_counts_give_the_mean_loss_and_gradient_over_all_examples() -> None:
    generator = torch.Generator().manual_seed(0)
    V = 5
    W = torch.randn((V, V), generator=generator, dtype=torch.float64)
    x, y = torch.randint(0, V, (2, 40), generator=generator)
    counts = torch.bincount(x * V + y, minlength=V * V).view(V, V).double()
    loss, gradient = cross_entropy_from_counts(W.numpy(), (counts / counts.sum()).numpy())

    examples = cross_entropy(W[x].numpy(), y.numpy())
    assert loss == pytest.approx(-examples.log_probabilities.mean().item())
    expected = torch.zeros(V, V, dtype=W.dtype).index_add_(0, x, torch.from_numpy(examples.grad_logits))
    np.testing.assert_allclose(gradient, expected.numpy(), atol=1e-15)


def test_log_softmax_is_stable_for_large_logits() -> None:
    np.testing.assert_allclose(log_softmax(np.array([[1e6, -1e6, 0.0]])), [[0, -2e6, -1e6]])
    logits = np.random.default_rng(0).normal(size=(4, 6))
    np.testing.assert_allclose(log_softmax(logits), torch.log_softmax(torch.from_numpy(logits), 1).numpy())
