"""What a classifier predicts where: regions in a plane, and separating planes in three dimensions.

Everything is computed from the weights of a snapshot, so it is available for every step that was kept.
Dimensions: N examples, D features, K classes, R points along an axis.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lmcore import families
from lmcore.data.corpora import SPLITS, Split
from lmcore.data.datasets import Dataset
from lmcore.errors import UserError
from lmcore.models.numpy_linear import LinearClassifier, augment
from lmcore.training.classifier import Classifier, ClassifierTrainer
from lmcore.training.config import ClassifierRunConfig
from lmcore.training.history import Snapshot

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Result = TypeVar("Result")

N_POINTS = 70
"""Points along each axis of the plane at which probabilities are computed."""


def load_classifier(
    config: ClassifierRunConfig, snapshot: Snapshot, data: Dataset | None = None
) -> tuple[Classifier, Dataset]:
    """The classifier of a snapshot, and its data, which are loaded as the config says if None.

    Raises:
        UserError: if the data cannot be loaded, or the snapshot has no weights.
    """
    trainer: ClassifierTrainer = families.load_trainer(config, snapshot, data)
    return trainer.model, trainer.data


def inspect(
    function: Callable[..., Result], config: ClassifierRunConfig, snapshot: Snapshot, *arguments: Any
) -> Result:
    """What a function of a classifier and its data returns for a snapshot, so that neither must be sent to a worker.

    Args:
        function: of a classifier, its data and the ``arguments``.
        config: of the run.
        snapshot: of the run.
        arguments: further ones of the function.

    Raises:
        UserError: as `load_classifier` and the function do.
    """
    return function(*load_classifier(config, snapshot), *arguments)


def class_probabilities(model: Classifier, X: Floats) -> Floats:
    """The probability of each class, for features as in the data set: (N, D) to (N, K)."""
    p: Floats = np.exp(model.log_probabilities(model.prepare(X)))
    return p


# ---------------------------------------------------------------- regions


@dataclass(frozen=True)
class Points:
    """Examples of one split in a picture."""

    positions: Floats  # (N, 2) or (N, 3)
    classes: Ids  # (N,), true classes
    predictions: Ids  # (N,), predicted classes

    @property
    def misclassified(self) -> Floats:
        """The positions of the misclassified examples."""
        positions: Floats = self.positions[self.classes != self.predictions]
        return positions

    def first(self, n: int | None) -> "Points":
        """The first ``n`` examples; all if None."""
        return Points(self.positions[:n], self.classes[:n], self.predictions[:n])


@dataclass(frozen=True)
class DecisionRegions:
    """A classifier's predictions in a plane: of two features, or of the first two principal components."""

    x: Floats  # (R,)
    y: Floats  # (R,)
    prediction: Ids  # (R, R), rows along y
    confidence: Floats  # (R, R), probability of the prediction
    margins: Floats  # (K, R, R), probability of each class minus the highest of the others; zero on the boundary
    points: dict[Split, Points]  # by split, without empty ones
    class_names: tuple[str, ...]
    axis_titles: tuple[str, str]


@dataclass(frozen=True)
class Plane:
    """A plane in the space of the features, each in units of its scale."""

    origin: Floats  # (D,)
    directions: Floats  # (2, D), unit vectors
    axis_titles: tuple[str, str]
    scale: Floats  # (D,)

    def project(self, X: Floats) -> Floats:
        """Coordinates of examples in the plane, (N, D) to (N, 2)."""
        coordinates: Floats = ((X - self.origin) / self.scale) @ self.directions.T
        return coordinates

    def lift(self, coordinates: Floats) -> Floats:
        """The features of points of the plane, (N, 2) to (N, D)."""
        X: Floats = self.origin + (coordinates @ self.directions) * self.scale
        return X


def projection_plane(data: Dataset) -> Plane:
    """The plane of two features; of more features, the one of the first two principal components through the mean."""
    raw = data.raw(data.X_train)
    if raw.shape[1] == 2:
        return Plane(np.zeros(2), np.eye(2), (data.features[0], data.features[1]), np.ones(2))
    if raw.shape[1] == 1:  # all examples on a line
        return Plane(np.zeros(1), np.array([[1.0], [0.0]]), (data.features[0], "(no second feature)"), np.ones(1))
    mean = raw.mean(0)
    _, lengths, directions = np.linalg.svd((raw - mean) / data.scale, full_matrices=False)
    shares = lengths**2 / max((lengths**2).sum(), 1e-300)
    titles = [f"Principal component {i + 1} ({shares[i]:.0%} of the variance)" for i in range(2)]
    return Plane(mean, directions[:2], (titles[0], titles[1]), data.scale)


def decision_regions(
    model: Classifier, data: Dataset, n_points: int = N_POINTS, max_examples: int | None = None
) -> DecisionRegions:
    """Predictions and probabilities on a grid in the projection plane, and the examples projected onto it.

    Args:
        model: the classifier.
        data: its data, which the plane and its limits are made for.
        n_points: R.
        max_examples: of each split in the result, the first ones; they are in random order. All if None.
    """
    plane = projection_plane(data)
    points = _points_by_split(model, data, plane)
    positions = np.concatenate([one.positions for one in points.values()])
    x, y = (_axis_values(positions[:, i], n_points) for i in (0, 1))

    # probabilities at every point of the grid
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)  # (R * R, 2)
    p = class_probabilities(model, data.normalized(plane.lift(grid)))  # (R * R, K)

    # margin of each class: over the second highest for the prediction, over the highest for all others
    prediction = p.argmax(1)
    ranked = np.sort(p, axis=1)
    rivals = np.where(np.arange(p.shape[1]) == prediction[:, None], ranked[:, -2:-1], ranked[:, -1:])
    shape = (n_points, n_points)
    return DecisionRegions(
        x,
        y,
        prediction.reshape(shape),
        ranked[:, -1].reshape(shape),
        (p - rivals).T.reshape(-1, *shape),
        {split: one.first(max_examples) for split, one in points.items()},
        data.classes,
        plane.axis_titles,
    )


def _points_by_split(model: Classifier, data: Dataset, plane: Plane | None = None) -> dict[Split, Points]:
    """The examples of each split: in a plane, or with all their features."""
    points: dict[Split, Points] = {}
    for split in SPLITS:
        X, y = data.split(split)
        if len(y):
            raw = data.raw(X)
            predictions = class_probabilities(model, X).argmax(1)
            points[split] = Points(raw if plane is None else plane.project(raw), y, predictions)
    return points


def _axis_values(values: Floats, n_points: int) -> Floats:
    """Evenly spaced values over the range of the examples, and some margin."""
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * max(high - low, 1e-6)
    return np.linspace(low - margin, high + margin, n_points)


# ---------------------------------------------------------------- planes in three dimensions


@dataclass(frozen=True)
class BoundaryPlane:
    """Where two classes are equally probable, and no other class is more probable."""

    classes: tuple[int, int]
    x: Floats  # (R, R), nan elsewhere
    y: Floats  # (R, R)
    z: Floats  # (R, R)


@dataclass(frozen=True)
class DecisionPlanes:
    """Examples with three features, and the planes that separate the classes."""

    points: dict[Split, Points]  # by split, without empty ones
    planes: tuple[BoundaryPlane, ...]
    class_names: tuple[str, ...]
    axis_titles: tuple[str, ...]


def decision_planes(
    model: LinearClassifier, data: Dataset, n_points: int = 60, max_examples: int | None = None
) -> DecisionPlanes:
    """The examples and the separating planes of a linear classifier in three dimensions.

    Arguments as for `decision_regions`.

    Raises:
        UserError: if the data do not have three features.
    """
    if len(data.features) != 3:
        raise UserError(f"Separating planes need data with three features; these have {len(data.features)}.")
    weights = class_weights(model)
    low, high = data.X_train.min(0), data.X_train.max(0)
    pairs = itertools.combinations(range(weights.shape[1]), 2)
    planes = [_boundary_plane(weights, pair, low, high, n_points) for pair in pairs]
    found = tuple(_in_raw_units(plane, data) for plane in planes if plane is not None)
    points = {split: one.first(max_examples) for split, one in _points_by_split(model, data).items()}
    return DecisionPlanes(points, found, data.classes, data.features)


def class_weights(model: LinearClassifier) -> Floats:
    """The weights of each class, shape (D + 1, K); those of the first class of logistic regression are zero."""
    theta = model.matrix
    return np.concatenate([np.zeros_like(theta), theta], 1) if model.binary else theta


def _boundary_plane(
    weights: Floats, pair: tuple[int, int], low: Floats, high: Floats, n_points: int
) -> BoundaryPlane | None:
    """The part of a box in which two classes share the highest score; None if there is none."""
    # scores are equal where bias + x . normal = 0; solve for the feature with the largest coefficient
    bias, *normal = weights[:, pair[0]] - weights[:, pair[1]]
    solved = int(np.abs(normal).argmax())
    if not normal[solved]:
        return None
    first, second = (i for i in range(3) if i != solved)
    grid = np.empty((n_points, n_points, 3))
    grid[..., first], grid[..., second] = np.meshgrid(
        *(np.linspace(low[i], high[i], n_points) for i in (first, second))
    )
    grid[..., solved] = -(bias + grid[..., first] * normal[first] + grid[..., second] * normal[second]) / normal[solved]

    # keep the points inside the box where no third class has a higher score
    scores = augment(grid.reshape(-1, 3)) @ weights  # (R * R, K)
    is_highest = scores[:, pair[0]] >= scores.max(1) - 1e-9 * np.abs(scores).max(1)
    kept = ((grid >= low) & (grid <= high)).all(-1) & is_highest.reshape(n_points, n_points)
    if not kept.any():
        return None
    grid[..., solved] = np.where(kept, grid[..., solved], np.nan)
    return BoundaryPlane(pair, grid[..., 0], grid[..., 1], grid[..., 2])


def _in_raw_units(plane: BoundaryPlane, data: Dataset) -> BoundaryPlane:
    raw = data.raw(np.stack([plane.x, plane.y, plane.z], -1))
    return BoundaryPlane(plane.classes, raw[..., 0], raw[..., 1], raw[..., 2])
