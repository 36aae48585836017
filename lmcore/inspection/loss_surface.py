"""The loss of a linear classifier over two of its weights, and the paths that gradient descent takes.

Losses are in nats per example. Dimensions: N examples, P recorded points of a path, R points along an axis.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore import families
from lmcore.data.datasets import Dataset
from lmcore.errors import UserError
from lmcore.inspection.linear_scores import weight_names
from lmcore.models.numpy_linear import LinearClassifier, augment
from lmcore.training.classifier import ClassifierTrainer, steps_per_epoch
from lmcore.training.config import ClassifierRunConfig
from lmcore.training.trainer import DivergedError

Floats = NDArray[np.floating[Any]]
DESCENTS = ("batch", "minibatch", "stochastic")
"""Kinds of gradient descent whose paths are compared."""

MAX_EXAMPLES = 2000
"""Training examples that each loss of the surface is a mean over."""

MAX_PATH_POINTS = 400


@dataclass(frozen=True)
class LossSurface:
    """The loss over two weights, all others fixed, and the path of each kind of descent."""

    x: Floats  # (R,), values of the first weight
    y: Floats  # (R,), values of the second weight
    losses: Floats  # (R, R), rows along y
    paths: dict[str, Floats]  # (P, 2) by kind of descent, from the common start
    names: tuple[str, str]  # of the two weights


def loss_surface(
    config: ClassifierRunConfig, first: int, second: int, epochs: int = 30, n_points: int = 45
) -> LossSurface:
    """Batch, minibatch and stochastic gradient descent on the loss surface over two weights.

    All three start from the same weights and run for the same number of epochs. The other weights are fixed where
    minibatch descent ends, so the paths, on which all weights change, are only seen from above.

    Args:
        config: of a linear classifier.
        first: index of the weight along x.
        second: index of the weight along y.
        epochs: length of the paths.
        n_points: R.

    Raises:
        UserError: if the model is not linear, or the two weights do not exist or are the same.
    """
    trainer: ClassifierTrainer = families.make_trainer(config)
    model, data = trainer.model, trainer.data
    if not isinstance(model, LinearClassifier):
        raise UserError("The loss surface is available for linear classifiers only.")
    if not (0 <= first < len(model.theta) and 0 <= second < len(model.theta)) or first == second:
        raise UserError("Choose two different weights.")
    all_weights = {descent: _descent_path(config, descent, epochs) for descent in DESCENTS}
    paths = {descent: path[:, [first, second]] for descent, path in all_weights.items()}
    reached = np.concatenate(list(paths.values()))
    x, y = (_axis_values(reached[:, i], n_points) for i in (0, 1))
    model.theta[:] = all_weights["minibatch"][-1]
    losses = _grid_losses(model, data, (first, second), x, y)
    names = weight_names(model, data)
    return LossSurface(x, y, losses, paths, (names[first], names[second]))


def _descent_path(config: ClassifierRunConfig, descent: str, epochs: int) -> Floats:
    """The weights along a descent, shape (P, weights)."""
    settings = config.train.updated(descent=descent, early_stopping=False)
    trainer: ClassifierTrainer = families.make_trainer(config.model_copy(update={"train": settings}))
    steps = epochs * steps_per_epoch(trainer.config.train, len(trainer.y))
    stride = max(1, steps // MAX_PATH_POINTS)
    path = [trainer.model.theta.copy()]
    for _ in range(0, steps, stride):
        try:
            trainer.train(stride)
        except DivergedError:
            raise UserError(
                f"The {descent} descent diverges at a learning rate of {settings.learning_rate:g}. Choose a lower one."
            ) from None
        path.append(trainer.model.theta.copy())
    return np.stack(path)


def _axis_values(reached: Floats, n_points: int) -> Floats:
    """Evenly spaced values over twice the range that the paths reach."""
    middle, half = (reached.max() + reached.min()) / 2, max(float(np.ptp(reached)), 0.5)
    return np.linspace(middle - half, middle + half, n_points)


def _grid_losses(model: LinearClassifier, data: Dataset, weights: tuple[int, int], x: Floats, y: Floats) -> Floats:
    """The loss at each point of the grid, shape (R, R)."""
    X, targets = augment(data.X_train[:MAX_EXAMPLES]), data.y_train[:MAX_EXAMPLES]
    rows = np.arange(len(targets))
    losses = np.empty((len(y), len(x)))
    for i, j in np.ndindex(losses.shape):
        model.theta[list(weights)] = x[j], y[i]
        losses[i, j] = -model.log_probabilities(X)[rows, targets].mean()
    return losses
