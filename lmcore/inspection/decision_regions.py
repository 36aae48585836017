"""What a classifier decides, and by what: regions, planes, mistakes, weights as pictures, the surface of its loss.

Everything is computed from a snapshot's weights, so that it can be had for any step that was kept. Losses are in nats
per example. Dimensions: N examples, D features, K classes, H units of a hidden layer, R points along an axis.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from lmcore.data import datasets
from lmcore.data.datasets import Dataset, Part
from lmcore.errors import UserError
from lmcore.models.numpy_linear import LinearClassifier, augmented, sigmoid
from lmcore.models.numpy_mlp import MLPClassifier
from lmcore.training.classifiers import (
    CLIPPED,
    RATE,
    STOPPED,
    Classifier,
    ClassifierRunConfig,
    ClassifierTrainer,
    steps_a_pass,
)
from lmcore.training.history import Change, History, LossCurve, Snapshot, loss_curve

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Bools = NDArray[np.bool_]
Axis = Literal["step", "pass", "second"]

POINTS = 70  # along an axis of regions
MAX_MEASURED = 2000  # examples that a loss surface is a mean over


def classifier(config: ClassifierRunConfig, snapshot: Snapshot) -> tuple[Classifier, Dataset]:
    """The classifier of a snapshot, and its data.

    Raises:
        UserError: if the data are gone, or the snapshot keeps no weights.
    """
    trainer = ClassifierTrainer(config)
    trainer.restore_weights(snapshot.arrays)
    return trainer.model, trainer.data


def probabilities(model: Classifier, X: Floats) -> Floats:
    """Of every class, shape (N, K), for examples as the data set holds them."""
    p: Floats = np.exp(model.log_probabilities(model.prepared(X)))
    return p


# ---------------------------------------------------------------- regions


@dataclass(frozen=True)
class Cloud:
    """Examples as points of a picture."""

    at: Floats  # (N, 2) or (N, 3)
    classes: Ids  # (N,), what they are
    guesses: Ids  # (N,), what the classifier takes them for


@dataclass(frozen=True)
class Regions:
    """What the classifier says in a plane: of two features, or of the two directions in which the data vary most."""

    x: Floats  # (R,)
    y: Floats  # (R,)
    winner: Ids  # (R, R), rows along y
    certainty: Floats  # (R, R), probability of the winner
    margins: Floats  # (K, R, R), of each class over the best of the others; zero on the boundary
    train: Cloud
    test: Cloud
    names: tuple[str, ...]
    axes: tuple[str, str]


@dataclass(frozen=True)
class Plane:
    """A plane in feature space, by a point and two directions."""

    origin: Floats  # (D,)
    directions: Floats  # (2, D), of length one
    axes: tuple[str, str]

    def project(self, X: Floats) -> Floats:
        """Where examples lie, shape (N, 2)."""
        return (X - self.origin) @ self.directions.T


def plane(data: Dataset) -> Plane:
    """The plane of two features, or of the first two principal components, through the mean."""
    raw = data.raw(data.X_train)
    if raw.shape[1] == 2:
        return Plane(np.zeros(2), np.eye(2), (data.features[0], data.features[1]))
    if raw.shape[1] == 1:  # all on a line
        return Plane(np.zeros(1), np.array([[1.0], [0.0]]), (data.features[0], "(there is no second feature)"))
    mean = raw.mean(0)
    _, lengths, directions = np.linalg.svd(raw - mean, full_matrices=False)
    shares = lengths**2 / max((lengths**2).sum(), 1e-300)
    axes = [f"principal component {i + 1} ({shares[i]:.0%} of the variance)" for i in range(2)]
    return Plane(mean, directions[:2], (axes[0], axes[1]))


def regions(model: Classifier, data: Dataset, points: int = POINTS) -> Regions:
    """Decisions and probabilities over the plane of `plane`, and the examples projected onto it."""
    view = plane(data)
    train, test = (_cloud(model, data, part, view) for part in datasets.PARTS)
    x, y = (_span(np.concatenate([train.at[:, i], test.at[:, i]]), points) for i in (0, 1))
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    p = probabilities(model, data.scaled(view.origin + grid @ view.directions))
    best = p.argmax(1)
    ranked = np.sort(p, axis=1)
    rivals = np.where(np.arange(p.shape[1]) == best[:, None], ranked[:, -2:-1], ranked[:, -1:])
    shape = (points, points)
    margins = (p - rivals).T.reshape(-1, *shape)
    certainty = ranked[:, -1].reshape(shape)
    return Regions(x, y, best.reshape(shape), certainty, margins, train, test, data.classes, view.axes)


def _cloud(model: Classifier, data: Dataset, part: Part, view: Plane) -> Cloud:
    X, y = data.part(part)
    return Cloud(view.project(data.raw(X)), y, probabilities(model, X).argmax(1))


def _span(values: Floats, points: int) -> Floats:
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * max(high - low, 1e-6)
    return np.linspace(low - margin, high + margin, points)


# ---------------------------------------------------------------- planes in three dimensions


@dataclass(frozen=True)
class Facet:
    """Where two classes are equally probable, and more so than any other."""

    classes: tuple[int, int]
    x: Floats  # (R, R), nan outside
    y: Floats
    z: Floats


@dataclass(frozen=True)
class Space:
    """Examples of three features, and the planes that part the classes."""

    train: Cloud
    test: Cloud
    facets: tuple[Facet, ...]
    names: tuple[str, ...]
    axes: tuple[str, ...]


def space(model: LinearClassifier, data: Dataset, points: int = 60) -> Space:
    """The examples in three dimensions with the separating planes of a linear classifier.

    Raises:
        UserError: if the data do not have three features.
    """
    if len(data.features) != 3:
        raise UserError(f"Planes are drawn for data of three features; these have {len(data.features)}.")
    X = data.X_train
    parts = [
        Cloud(data.raw(Z), y, probabilities(model, Z).argmax(1)) for Z, y in (data.part(p) for p in datasets.PARTS)
    ]
    theta = _columns(model)
    low, high = X.min(0), X.max(0)
    pairs = itertools.combinations(range(theta.shape[1]), 2)
    facets = [_facet(theta, pair, low, high, points) for pair in pairs]
    found = tuple(_raw(facet, data) for facet in facets if facet is not None)
    return Space(parts[0], parts[1], found, data.classes, data.features)


def _columns(model: LinearClassifier) -> Floats:
    """A column of weights a class, shape (D + 1, K); those of the first class of logistic regression are zero."""
    theta = model.matrix
    return np.concatenate([np.zeros_like(theta), theta], 1) if model.binary else theta


def _facet(theta: Floats, pair: tuple[int, int], low: Floats, high: Floats, points: int) -> Facet | None:
    """The part of the box in which a pair of classes share the first place; None if there is none."""
    bias, *normal = theta[:, pair[0]] - theta[:, pair[1]]
    along = int(np.abs(normal).argmax())
    if not normal[along]:
        return None
    others = [i for i in range(3) if i != along]
    spans = [np.linspace(low[i], high[i], points) for i in others]
    grid = np.empty((points, points, 3))
    grid[..., others[0]], grid[..., others[1]] = np.meshgrid(*spans)
    solved = -(bias + grid[..., others[0]] * normal[others[0]] + grid[..., others[1]] * normal[others[1]])
    grid[..., along] = solved / normal[along]
    scores = augmented(grid.reshape(-1, 3)) @ theta
    first = scores[:, pair[0]] >= scores.max(1) - 1e-9 * np.abs(scores).max(1)
    inside = ((grid >= low) & (grid <= high)).all(-1) & first.reshape(points, points)
    if not inside.any():
        return None
    grid[..., along] = np.where(inside, grid[..., along], np.nan)
    return Facet(pair, grid[..., 0], grid[..., 1], grid[..., 2])


def _raw(facet: Facet, data: Dataset) -> Facet:
    at = data.raw(np.stack([facet.x, facet.y, facet.z], -1))
    return Facet(facet.classes, at[..., 0], at[..., 1], at[..., 2])


# ---------------------------------------------------------------- right and wrong


@dataclass(frozen=True)
class Confusion:
    """How often each class is taken for each."""

    counts: Ids  # (K, K), rows what it is, columns what it is taken for
    precision: Floats  # (K,), share of those taken for it that are it; nan if none were
    recall: Floats  # (K,), share of those that are it that were taken for it; nan if there are none
    names: tuple[str, ...]
    part: Part

    @property
    def accuracy(self) -> float:
        """Share of the examples that are put into their class."""
        return float(np.trace(self.counts) / max(1, self.counts.sum()))


def confusion(model: Classifier, data: Dataset, part: Part = "test") -> Confusion:
    """Right and wrong, class by class."""
    X, y = data.part(part)
    guesses = probabilities(model, X).argmax(1)
    each = np.arange(len(data.classes))
    precision, recall, _, _ = precision_recall_fscore_support(y, guesses, labels=each, zero_division=np.nan)
    return Confusion(confusion_matrix(y, guesses, labels=each), precision, recall, data.classes, part)


@dataclass(frozen=True)
class Gallery:
    """Pictures with what they are, and what they are taken for."""

    pictures: Floats  # (M, height, width, channels), values from 0 to 1
    classes: tuple[str, ...]  # M names
    guesses: tuple[str, ...] = ()  # M names; none if nobody guessed
    certainty: Floats = field(default_factory=lambda: np.zeros(0))  # (M,), probability of the guess


def gallery(data: Dataset, each: int = 6) -> Gallery:
    """The first examples of every class, class by class."""
    rows = np.concatenate([np.flatnonzero(data.y_train == k)[:each] for k in range(len(data.classes))])
    return Gallery(data.pictures(data.X_train[rows]), tuple(data.classes[k] for k in data.y_train[rows]))


def worst(model: Classifier, data: Dataset, part: Part = "test", most: int = 20) -> Gallery:
    """The mistakes whose loss is highest: those that the classifier was surest of."""
    X, y = data.part(part)
    log_p = model.log_probabilities(model.prepared(X))
    guesses = log_p.argmax(1)
    losses = -log_p[np.arange(len(y)), y]
    wrong = np.flatnonzero(guesses != y)
    rows = wrong[np.argsort(-losses[wrong], kind="stable")][:most]
    names = [tuple(data.classes[k] for k in ids[rows]) for ids in (y, guesses)]
    return Gallery(data.pictures(X[rows]), names[0], names[1], np.exp(log_p[rows, guesses[rows]]))


# ---------------------------------------------------------------- weights


@dataclass(frozen=True)
class WeightPictures:
    """Weights in the shape of the pictures that they are multiplied with."""

    pictures: Floats  # (M, height, width, channels), each between -1 and 1, divided by its largest
    names: tuple[str, ...]


def weight_pictures(model: Classifier, data: Dataset, most: int = 64) -> WeightPictures:
    """A class's weights of a linear classifier, or a unit's of the first hidden layer, each as a picture.

    Raises:
        UserError: if the examples are no pictures.
    """
    if data.picture is None:
        raise UserError("Weights are shown as pictures where the examples are pictures.")
    if isinstance(model, LinearClassifier):
        rows, names = _columns(model)[1:].T, data.classes
    else:
        rows = model.W[0].T[:most]
        names = tuple(f"unit {i + 1}" for i in range(len(rows)))
    largest = np.abs(rows).max(1, keepdims=True)
    return WeightPictures((rows / np.where(largest > 0, largest, 1)).reshape(-1, *data.picture), names)


@dataclass(frozen=True)
class Units:
    """How often the units of hidden layers are on: above zero for ReLU, saturated (beyond ±0.97) for tanh."""

    shares: tuple[Floats, ...]  # a layer an entry, (H,): share of the train examples
    kind: Literal["relu", "tanh"]

    @property
    def dead(self) -> tuple[int, ...]:
        """Units of each layer that are never on, if they are ReLUs; or always saturated, if tanh."""
        limit = 0.0 if self.kind == "relu" else 1.0
        return tuple(int((share == limit).sum()) for share in self.shares)


def units(model: MLPClassifier, data: Dataset, most: int = 5000) -> Units:
    """How often each hidden unit is on, over the first examples of train."""
    kind = model.config.activation
    hidden = model.forward(data.X_train[:most])[1:-1]
    on = [h > 0 if kind == "relu" else np.abs(h) > 0.97 for h in hidden]
    return Units(tuple(layer.mean(0) for layer in on), kind)


@dataclass(frozen=True)
class Product:
    """X augmented times theta, for the first examples: shapes and numbers."""

    X: Floats  # (M, D + 1)
    theta: Floats  # (D + 1, K), or (D + 1, 1)
    scores: Floats  # (M, K), or (M, 1)
    probabilities: Floats  # (M, K), or (M, 1): of the second class
    rows: tuple[str, ...]  # D + 1 names: "one" and the features
    columns: tuple[str, ...]
    examples: int  # of train in all


def product(model: LinearClassifier, data: Dataset, most: int = 8) -> Product:
    """How a linear classifier comes to its probabilities, in numbers."""
    X = augmented(data.X_train[:most])
    scores = X @ model.matrix
    p = sigmoid(scores) if model.binary else np.exp(model.log_probabilities(X))
    columns = data.classes[1:] if model.binary else data.classes
    return Product(X, model.matrix.copy(), scores, p, ("one", *data.features), columns, len(data.X_train))


# ---------------------------------------------------------------- the loss


@dataclass(frozen=True)
class Surface:
    """The loss over two weights, the others held; and the paths that led from the start into the valley."""

    x: Floats  # (R,)
    y: Floats  # (R,)
    losses: Floats  # (R, R), rows along y
    paths: dict[str, Floats]  # (P, 2) of each kind of descent
    names: tuple[str, str]


def weight_names(model: LinearClassifier, data: Dataset) -> list[str]:
    """The name of each weight, in the order of `theta`: its feature and its class."""
    columns = data.classes[1:] if model.binary else data.classes
    return [f"{row} → {column}" for row in ("one", *data.features) for column in columns]


def surface(config: ClassifierRunConfig, first: int, second: int, passes: int = 30, points: int = 45) -> Surface:
    """The loss over two weights of a linear classifier, and what batch, minibatch and stochastic descent do on it.

    All three start from the same weights and take the same number of passes. The other weights are held where the
    minibatches ended; the paths of all weights are seen from above.

    Raises:
        UserError: if the model is not linear, or there are no such two weights.
    """
    if not isinstance((model := ClassifierTrainer(config).model), LinearClassifier):
        raise UserError("The surface is drawn for linear classifiers.")
    if not (0 <= first < len(model.theta) and 0 <= second < len(model.theta)) or first == second:
        raise UserError("Choose two different weights.")
    walked = {kind: _walk(config, kind, passes) for kind in ("batch", "minibatch", "stochastic")}
    paths = {kind: theta[:, [first, second]] for kind, theta in walked.items()}
    everywhere = np.concatenate(list(paths.values()))
    x, y = (_wide(everywhere[:, i], points) for i in (0, 1))
    data = datasets.load(config.data)
    model.theta[:] = walked["minibatch"][-1]
    losses = _losses(model, data, (first, second), x, y)
    names = weight_names(model, data)
    return Surface(x, y, losses, paths, (names[first], names[second]))


def _walk(config: ClassifierRunConfig, descent: str, passes: int, most: int = 400) -> Floats:
    """The weights along a descent, shape (P, weights)."""
    settings = config.train.updated(descent=descent, early_stopping=False)
    trainer = ClassifierTrainer(config.model_copy(update={"train": settings}))
    steps = passes * steps_a_pass(settings, len(trainer.y))
    stride = max(1, steps // most)
    path = [trainer.model.theta.copy()]
    for _ in range(0, steps, stride):
        trainer.train(stride)
        path.append(trainer.model.theta.copy())
    return np.stack(path)


def _wide(values: Floats, points: int) -> Floats:
    middle, half = (values.max() + values.min()) / 2, max(float(np.ptp(values)), 0.5)
    return np.linspace(middle - half, middle + half, points)


def _losses(model: LinearClassifier, data: Dataset, chosen: tuple[int, int], x: Floats, y: Floats) -> Floats:
    X, classes = augmented(data.X_train[:MAX_MEASURED]), data.y_train[:MAX_MEASURED]
    each = np.arange(len(classes))
    losses = np.empty((len(y), len(x)))
    for i, j in np.ndindex(losses.shape):
        model.theta[list(chosen)] = x[j], y[i]
        losses[i, j] = -model.log_probabilities(X)[each, classes].mean()
    return losses


@dataclass(frozen=True)
class Learning:
    """All that the picture of a classifier's training shows; x is steps, passes or seconds."""

    curve: LossCurve
    axis: Axis
    right_train: Floats  # (S,), accuracy at each snapshot
    right_test: Floats  # (S,)
    rates: tuple[tuple[float, float], ...]  # x and the rate from there on, where a schedule changed it
    clipped: tuple[tuple[float, float], ...]  # stretches of x in which gradients were clipped
    stopped: tuple[float, ...]  # x of early stopping


def learning(
    history: History,
    snapshots: tuple[Snapshot, ...],
    classes: int,
    axis: Axis = "step",
    changes: tuple[Change, ...] = (),
    lost: NDArray[np.float32] | None = None,
    from_start: bool = False,
) -> Learning:
    """The record of a classifier's training."""
    curve = loss_curve(history, snapshots, classes, changes, lost, from_start)
    scale = _scale(snapshots, axis)
    events = snapshots[-1].arrays["events"] if snapshots else np.zeros((0, 4))
    ends = {kind: [(float(scale(a)), float(scale(b)), v) for k, a, b, v in events if k == kind] for kind in (0, 1, 2)}
    right = np.array([snapshot.arrays["accuracy"] for snapshot in snapshots]).reshape(-1, 2)
    return Learning(
        rescaled(curve, snapshots, axis),
        axis,
        right[:, 0],
        right[:, 1],
        tuple((x, rate) for x, _, rate in ends[int(RATE)]),
        tuple((x, to) for x, to, _ in ends[int(CLIPPED)]),
        tuple(x for x, _, _ in ends[int(STOPPED)]),
    )


def rescaled(curve: LossCurve, snapshots: tuple[Snapshot, ...], axis: Axis) -> LossCurve:
    """A loss curve against passes or seconds of training instead of steps."""
    scale = _scale(snapshots, axis)
    values = vars(curve) | {"steps": scale(curve.steps), "snapshot_steps": scale(curve.snapshot_steps)}
    values["changes"] = tuple(Change(float(scale(c.step)), c.settings) for c in curve.changes)  # type: ignore[arg-type]
    return LossCurve(**values) if axis != "step" else curve


def _scale(snapshots: tuple[Snapshot, ...], axis: Axis) -> Any:
    """A function from steps to the axis, straight between snapshots and beyond the last."""
    if axis == "step" or not snapshots:
        return lambda steps: np.asarray(steps, float)
    steps = np.array([snapshot.step for snapshot in snapshots], float)
    marks = [float(s.arrays["passes"][0]) if axis == "pass" else s.training for s in snapshots]
    at = np.array(marks)

    def scale(given: Any) -> Any:
        given = np.asarray(given, float)
        slope = (at[-1] - at[0]) / max(steps[-1] - steps[0], 1e-9)
        return np.interp(given, steps, at) + np.maximum(given - steps[-1], 0) * slope

    return scale
