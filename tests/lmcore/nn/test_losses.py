"""Losses against uniform logits, autograd and PyTorch."""

import math

import numpy as np
import pytest
import torch

from lmcore.nn.losses import cross_entropy, cross_entropy_from_counts, log_softmax


def test_uniform_logits_cost_ln_v() -> None:
    loss = cross_entropy(torch.full((4, 27), 0.7), torch.tensor([[0], [5], [26], [5]]))
    assert -loss.log_probabilities.mean().item() == pytest.approx(math.log(27), abs=1e-6)
    assert loss.grad_logits.sum(1).tolist() == pytest.approx([0, 0, 0, 0], abs=1e-7)


def test_loss_and_gradient_are_those_of_pytorch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((6, 5), generator=generator, dtype=torch.float64).requires_grad_()
    targets = torch.tensor([0, 4, 4, 2, 1, 3])
    expected = torch.nn.functional.cross_entropy(logits, targets)
    expected.backward()
    loss = cross_entropy(logits.detach(), targets.unsqueeze(1))
    torch.testing.assert_close(-loss.log_probabilities.mean(), expected.detach())
    torch.testing.assert_close(loss.grad_logits, logits.grad)


def test_log_probabilities_can_be_written_to_a_buffer() -> None:
    out = torch.empty(2, 1)
    loss = cross_entropy(torch.zeros(2, 4), torch.tensor([[1], [2]]), out)
    assert loss.log_probabilities is out
    assert out[:, 0].tolist() == pytest.approx([-math.log(4)] * 2)


def test_bigram_counts_give_the_mean_loss_and_gradient_over_all_examples() -> None:
    generator = torch.Generator().manual_seed(0)
    V = 5
    W = torch.randn((V, V), generator=generator, dtype=torch.float64)
    x, y = torch.randint(0, V, (2, 40), generator=generator)
    counts = torch.bincount(x * V + y, minlength=V * V).view(V, V).double()
    loss, gradient = cross_entropy_from_counts(W, counts / counts.sum())

    examples = cross_entropy(W[x], y.unsqueeze(1))
    assert loss == pytest.approx(-examples.log_probabilities.mean().item())
    torch.testing.assert_close(gradient, torch.zeros(V, V, dtype=W.dtype).index_add_(0, x, examples.grad_logits))


def test_log_softmax_is_stable_for_large_logits() -> None:
    np.testing.assert_allclose(log_softmax(np.array([[1e6, -1e6, 0.0]])), [[0, -2e6, -1e6]])
    logits = np.random.default_rng(0).normal(size=(4, 6))
    np.testing.assert_allclose(log_softmax(logits), torch.log_softmax(torch.from_numpy(logits), 1).numpy())
