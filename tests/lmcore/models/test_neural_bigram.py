"""The neural bigram model: logits are rows of W, and training approaches the counts."""

import numpy as np
import torch

from lmcore.models.neural_bigram import NeuralBigramConfig, build_neural_bigram
from lmcore.nn.losses import cross_entropy_from_counts, log_softmax


def test_the_logits_after_a_character_are_its_row_of_w() -> None:
    model = build_neural_bigram(NeuralBigramConfig(), 5, torch.Generator().manual_seed(0))
    assert np.array_equal(model.forward(np.array([[3], [0]])), model.parameters["W.weight"][[3, 0]])


def test_gradient_descent_ends_at_the_relative_frequencies() -> None:
    counts = np.array([[1.0, 3.0], [5.0, 1.0]], np.float32)
    model = build_neural_bigram(NeuralBigramConfig(), 2, torch.Generator().manual_seed(0))
    for _ in range(500):
        _, gradient = cross_entropy_from_counts(model.forward(np.array([[0], [1]])), counts / counts.sum())
        model.backward(gradient)
        model.theta -= 5 * model.grad
    probabilities = np.exp(log_softmax(model.parameters["W.weight"]))
    np.testing.assert_allclose(probabilities, counts / counts.sum(1, keepdims=True), rtol=0, atol=1e-4)
