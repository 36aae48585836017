"""Labeled feature data for classifiers: toy data sets, points entered by hand, tables, digits, CIFAR-10.

Dimensions: N examples, D features, K classes.
"""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcore.cache import cached
from lmcore.config import Config, Field
from lmcore.data import cifar10, table_features, tables
from lmcore.data.corpora import Split
from lmcore.data.table_features import ColumnUse
from lmcore.errors import UserError

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

TOYS = ("clouds", "blobs", "moons", "circles", "points")
IMAGES = ("digits", "cifar-10")
MAX_EXAMPLES = 20_000
MAX_POINTS = 500
MAX_COORDINATE = 1e6
ROUNDING = 1e-10
"""A feature whose deviation is a smaller share of its mean than this is constant up to rounding."""

LETTERS = "ABCDEF"
"""Names of the classes of toy data sets."""


class DataConfig(Config):
    """Which data set to use, and how to split it."""

    source: str = Field(
        "clouds",
        max_length=100,
        description="Data set: clouds (make_classification), blobs, moons, circles, points (entered by hand), digits, "
        "cifar-10, or the name of an uploaded table.",
    )
    examples: int = Field(
        200,
        ge=10,
        le=MAX_EXAMPLES,
        description="Number of examples in all splits together. A larger data set is subsampled at random.",
    )
    features: int = Field(2, ge=2, le=10, description="Number of features of clouds and blobs.")
    classes: int = Field(3, ge=2, le=6, description="Number of classes of clouds and blobs.")
    separation: float = Field(
        1.0, ge=0.1, le=10, description="Distance between the classes of clouds and blobs, relative to their width."
    )
    noise: float = Field(0.2, ge=0, le=2, description="Standard deviation of the noise added to moons and circles.")
    mislabeled: float = Field(0.01, ge=0, le=0.5, description="Share of the examples of clouds with a random class.")
    test_share: float = Field(0.2, ge=0.05, le=0.8, description="Share of the examples held out as the test split.")
    dev_share: float = Field(
        0.1, ge=0, le=0.5, description="Share of the examples held out as the dev split; 0 for none."
    )
    normalize: bool = Field(
        False,
        description="Normalization: subtract the mean of each feature over the training split and divide by its "
        "standard deviation (for pixels, by that of all pixels).",
    )
    label: str = Field(
        "",
        max_length=200,
        description="Label column of a table: the one with the classes. If empty, the last one with few values.",
    )
    row_numbers: bool = Field(
        False, description="Row numbers: use the columns of a table that only number its rows as features, too."
    )
    seed: int = Field(
        100, ge=0, le=2**32 - 1, description="Seed of the random data, of the subsample and of the splits."
    )
    points: tuple[tuple[float, float, int], ...] = Field(
        (),
        max_length=MAX_POINTS,
        description="Points entered by hand: two features and a class each. All are added to the training split.",
    )


def defaults(source: str) -> dict[str, Any]:
    """Default settings of a data set where they differ from those of `DataConfig`.

    A table is used as a whole, and its features, which come in units of all sizes, are normalized.
    """
    if source in IMAGES:
        return {"examples": 2000}
    return {"examples": MAX_EXAMPLES, "normalize": True} if tables.is_table(source) else {}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labeled examples in three splits. Compared by identity, so that it can be the key of a cache."""

    title: str
    X_train: Floats  # (N, D)
    y_train: Ids  # (N,), indices of classes
    X_dev: Floats  # (M, D); M may be 0
    y_dev: Ids  # (M,)
    X_test: Floats  # (L, D)
    y_test: Ids  # (L,)
    features: tuple[str, ...]  # D names
    classes: tuple[str, ...]  # K names
    mean: Floats  # (D,), subtracted from the features
    scale: Floats  # (D,), by which they were then divided
    image_shape: tuple[int, int, int] | None = None  # height, width and channels, where the examples are images
    remarks: tuple[str, ...] = ()  # sentences on how a table was read, and on its rows
    columns: tuple[ColumnUse, ...] = ()  # what became of each column of a table

    def split(self, name: Split) -> tuple[Floats, Ids]:
        """Features and classes of a split. The dev split may have no examples."""
        X: Floats = getattr(self, f"X_{name}")
        y: Ids = getattr(self, f"y_{name}")
        return X, y

    def raw(self, X: Floats) -> Floats:
        """Features before normalization."""
        return X * self.scale + self.mean

    def normalized(self, raw: Floats) -> Floats:
        """Features as the model gets them."""
        X: Floats = ((raw - self.mean) / self.scale).astype(self.X_train.dtype)
        return X

    def images(self, X: Floats) -> Floats:
        """Examples as images with values from 0 to 1, shape (N, height, width, channels)."""
        assert self.image_shape is not None
        return np.clip(self.raw(X), 0, 1).reshape(-1, *self.image_shape)


@dataclass(frozen=True, eq=False)
class _Labeled:
    """Labeled examples before they are split."""

    title: str
    X: Floats  # (N, D)
    y: Ids  # (N,)
    features: tuple[str, ...]
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int] | None = None
    remarks: tuple[str, ...] = ()
    columns: tuple[ColumnUse, ...] = ()


@cached(max_bytes=1_000_000_000, is_data=True)
def load(config: DataConfig) -> Dataset:
    """The data set of a config; the same examples for the same config.

    Raises:
        UserError: if there is no such data set, or it has too few examples to be split.
    """
    if config.source in TOYS:
        return _split(config, _toy(config))
    if config.source == "digits":
        return _split(config, _digits(config))
    if config.source == "cifar-10":
        return _split(config, _cifar10(config))
    return from_table(config, tables.read(config.source))


def from_table(config: DataConfig, table: tables.Table) -> Dataset:
    """The data set of a table, whatever source the config names. Errors as for `load`."""
    return _split_by_class(config, _table(config, table))


# ---------------------------------------------------------------- toy data sets


def _toy(config: DataConfig) -> _Labeled:
    X, y = _random_examples(config)
    n_classes = 1 + max(int(y.max(initial=0)), max((point[2] for point in config.points), default=0))
    names = tuple(f"x{i + 1}" for i in range(X.shape[1]))
    return _Labeled(config.source, X, y, names, tuple(LETTERS[:n_classes]))


def _random_examples(config: DataConfig) -> tuple[Floats, Ids]:
    from sklearn.datasets import make_blobs, make_circles, make_moons  # takes a second: only where data are made

    n, seed = config.examples, config.seed
    match config.source:
        case "clouds":
            return _clouds(config)
        case "blobs":
            side = 3.0 * config.separation
            X, y = make_blobs(n, config.features, centers=config.classes, center_box=(-side, side), random_state=seed)
        case "moons":
            X, y = make_moons(n, noise=config.noise, random_state=seed)
        case "circles":
            X, y = make_circles(n, noise=config.noise, factor=0.4, random_state=seed)
        case _:
            return np.zeros((0, 2)), np.zeros(0, np.int64)
    return X, y.astype(np.int64)


def _clouds(config: DataConfig) -> tuple[Floats, Ids]:
    if config.classes > 2**config.features:
        raise UserError(
            f"Clouds with {config.features} features can have at most {2**config.features} classes, "
            f"not {config.classes}. Choose more features, fewer classes, or blobs."
        )
    from sklearn.datasets import make_classification

    X, y = make_classification(
        config.examples,
        config.features,
        n_informative=config.features,
        n_redundant=0,
        n_clusters_per_class=1,
        n_classes=config.classes,
        class_sep=config.separation,
        flip_y=config.mislabeled,
        random_state=config.seed,
    )
    return X, y.astype(np.int64)


def _points(config: DataConfig, D: int) -> tuple[Floats, Ids]:
    """The points entered by hand; none where the data do not have two features without names."""
    if D != 2 or config.source not in TOYS or not config.points:
        return np.zeros((0, D)), np.zeros(0, np.int64)
    values = np.array(config.points, float)  # (N, 3)
    X, y = values[:, :2], values[:, 2]
    if not (np.abs(X) <= MAX_COORDINATE).all() or not 0 <= y.min() <= y.max() < len(LETTERS):
        raise UserError(
            f"A point needs two numbers from -{MAX_COORDINATE:,.0f} to {MAX_COORDINATE:,.0f} and a class from 0 to "
            f"{len(LETTERS) - 1}."
        )
    return X, y.astype(np.int64)


# ---------------------------------------------------------------- tables and images


def _table(config: DataConfig, table: tables.Table) -> _Labeled:
    label = config.label or table_features.default_label(table)
    found = table_features.labeled_examples(table.sample(config.examples, config.seed), label, config.row_numbers)
    return _Labeled(
        table.title,
        *(found.X, found.y, found.feature_names, found.class_names),
        remarks=found.remarks,
        columns=found.columns,
    )


def _digits(config: DataConfig) -> _Labeled:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    rows = _subsample(len(X), config)
    classes = tuple(str(digit) for digit in range(10))
    return _images("Handwritten digits", X[rows] / 16, y[rows], classes, (8, 8, 1))


def _cifar10(config: DataConfig) -> _Labeled:
    photographs = cifar10.read()
    rows = _subsample(len(photographs.labels), config)
    X = photographs.pixels[rows].astype(np.float32) / 255
    return _images("CIFAR-10", X, photographs.labels[rows], cifar10.CLASSES, (cifar10.SIDE, cifar10.SIDE, 3))


def _images(
    title: str, X: Floats, y: NDArray[np.integer[Any]], classes: tuple[str, ...], shape: tuple[int, int, int]
) -> _Labeled:
    names = tuple(f"pixel {i}" for i in range(X.shape[1]))
    return _Labeled(title, X, y.astype(np.int64), names, classes, shape)


def _subsample(available: int, config: DataConfig) -> Ids:
    """Indices of the examples to use: all in their order, or a random choice."""
    if config.examples >= available:
        return np.arange(available)
    return np.random.default_rng(config.seed).permutation(available)[: config.examples]


# ---------------------------------------------------------------- splits


def _split(config: DataConfig, data: _Labeled) -> Dataset:
    """Split at random and normalize. Points entered by hand join the training split; alone, they are test as well."""
    from sklearn.model_selection import train_test_split

    X_points, y_points = _points(config, data.X.shape[1])
    if len(data.X):
        # the test split first, so that it does not depend on dev_share; then dev from the end of the rest
        X, X_test, y, y_test = train_test_split(data.X, data.y, test_size=config.test_share, random_state=config.seed)
        n_train = _train_size(config, len(data.X), len(X))
    else:
        X, y, X_test, y_test, n_train = data.X, data.y, X_points, y_points, 0
    X_train, y_train = np.concatenate([X[:n_train], X_points]), np.concatenate([y[:n_train], y_points])
    return _normalize(config, data, (X_train, y_train), (X[n_train:], y[n_train:]), (X_test, y_test))


def _split_by_class(config: DataConfig, data: _Labeled) -> Dataset:
    """Split at random, each class by the same shares; remarks name the classes that are too rare for every split."""
    order = np.random.default_rng(config.seed).permutation(len(data.y))
    parts: dict[str, list[int]] = {"train": [], "dev": [], "test": []}
    remarks = list(data.remarks)
    for k, name in enumerate(data.classes):
        rows = order[data.y[order] == k].tolist()
        n_test = max(round(config.test_share * len(rows)), int(len(rows) > 1))
        n_dev = max(round(config.dev_share * len(rows)), int(len(rows) > 2 and config.dev_share > 0))
        parts["test"] += rows[:n_test]
        parts["dev"] += rows[n_test : n_test + n_dev]
        parts["train"] += rows[n_test + n_dev :]
        if len(rows) < 3:
            n_rows = f"{len(rows)} row" if len(rows) == 1 else f"{len(rows)} rows"
            remarks.append(f"The class {name!r} has {n_rows}: too few to be in every split.")
    if not parts["train"]:
        raise _no_training_examples(config)
    rank = np.argsort(order)  # within a split, the classes are mixed
    rows_of_split = [np.array(sorted(rows, key=rank.__getitem__), np.int64) for rows in parts.values()]
    splits = [(data.X[rows], data.y[rows]) for rows in rows_of_split]
    return _normalize(config, replace(data, remarks=tuple(remarks)), *splits)


def _normalize(config: DataConfig, data: _Labeled, *splits: tuple[Floats, Ids]) -> Dataset:
    """The data set of three splits, normalized by the statistics of the first if the config says so."""
    X_train, y_train = splits[0]
    if len(np.unique(y_train)) < 2:
        raise UserError(
            "The training split needs examples of at least two classes. Add points, use more examples, or choose "
            "another data set."
        )
    mean, scale = _statistics(X_train, data.image_shape is not None) if config.normalize else (0.0, 1.0)
    mean, scale = np.broadcast_to(mean, X_train.shape[1:]), np.broadcast_to(scale, X_train.shape[1:])
    (X_train, y_train), (X_dev, y_dev), (X_test, y_test) = (
        (((X - mean) / scale).astype(data.X.dtype) if config.normalize else X, y) for X, y in splits
    )
    return Dataset(
        data.title,
        *(X_train, y_train),
        *(X_dev, y_dev),
        *(X_test, y_test),
        data.features,
        data.classes,
        mean,
        scale,
        data.image_shape,
        data.remarks,
        data.columns,
    )


def _train_size(config: DataConfig, n: int, n_not_test: int) -> int:
    """Examples of the training split, of ``n`` in all and ``n_not_test`` outside the test split."""
    n_train = n_not_test - round(config.dev_share * n)
    if n_train < 1:
        raise _no_training_examples(config)
    return n_train


def _no_training_examples(config: DataConfig) -> UserError:
    return UserError(
        f"A test share of {config.test_share:g} and a dev share of {config.dev_share:g} leave no examples for "
        "training. Choose smaller shares."
    )


def _statistics(X: Floats, is_pixels: bool) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each feature, shape (D,). Pixels share one deviation: edges are flat."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of float32 pixels lose some digits
        mean = X.mean(0, dtype=np.float64).astype(X.dtype)
        scale = np.full_like(mean, (X - mean).std()) if is_pixels else X.std(0)
    return mean, np.where(scale > ROUNDING * np.abs(mean), scale, 1)
