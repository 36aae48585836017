"""How a linear classifier computes its probabilities: one matrix product, number by number.

Dimensions: M examples shown, D features, K classes (one column of scores for logistic regression).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.data.datasets import Dataset
from lmcore.models.numpy_linear import LinearClassifier, augment, sigmoid

Floats = NDArray[np.floating[Any]]
BIAS = "1"
"""Name of the constant feature whose weight is the bias."""


@dataclass(frozen=True)
class LinearScores:
    """The augmented X times the augmented theta, for the first examples."""

    X: Floats  # (M, D + 1)
    theta: Floats  # (D + 1, K), or (D + 1, 1)
    scores: Floats  # (M, K), or (M, 1)
    probabilities: Floats  # (M, K), or (M, 1): of the second class
    feature_names: tuple[str, ...]  # (D + 1,)
    class_names: tuple[str, ...]  # one per column of theta
    n_examples: int  # in the whole training split


def linear_scores(model: LinearClassifier, data: Dataset, max_examples: int = 8) -> LinearScores:
    """The scores and probabilities of the first training examples."""
    X = augment(data.X_train[:max_examples])
    scores = X @ model.matrix
    probabilities = sigmoid(scores) if model.binary else np.exp(model.log_probabilities(X))
    names = column_names(model, data)
    return LinearScores(X, model.matrix.copy(), scores, probabilities, feature_names(data), names, len(data.X_train))


def feature_names(data: Dataset) -> tuple[str, ...]:
    """The names of the rows of theta: the constant feature, then all others."""
    return (BIAS, *data.features)


def column_names(model: LinearClassifier, data: Dataset) -> tuple[str, ...]:
    """The names of the columns of theta: all classes, or the second of two for logistic regression."""
    return data.classes[1:] if model.binary else data.classes


def weight_names(model: LinearClassifier, data: Dataset) -> list[str]:
    """The name of each weight, in the order of `LinearClassifier.theta`: its feature and its class."""
    return [f"{row} → {column}" for row in feature_names(data) for column in column_names(model, data)]
