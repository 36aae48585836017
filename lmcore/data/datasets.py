"""Feature data for the classifiers: toy clouds, points given by hand, tables, digits, CIFAR-10.

Dimensions: N examples, D features, K classes. A table that a user gives is kept under the hash of its content, as
texts are, so that any worker and any later session finds it again. Nothing that is given is ever unpickled.
"""

import functools
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets as toys
from sklearn.model_selection import train_test_split

from lmcore.config import Config, Field
from lmcore.data import cifar10, tables
from lmcore.errors import UserError

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Part = Literal["train", "test"]

PARTS: tuple[Part, ...] = ("train", "test")
TOYS = ("clouds", "blobs", "moons", "circles", "points")
IMAGES = ("digits", "cifar-10")
MAX_IMAGES = 20_000
MAX_POINTS = 500
LETTERS = "ABCDEF"


class DataConfig(Config):
    """Which data, how many of them, and how they are split."""

    source: str = Field(
        "clouds",
        max_length=100,
        description="clouds (make_classification), blobs, moons, circles, points, digits, cifar-10, or a kept table.",
    )
    examples: int = Field(
        200, ge=10, le=MAX_IMAGES, description="Examples in all; of larger data, so many drawn by the seed."
    )
    features: int = Field(2, ge=2, le=10, description="Features of clouds and blobs: axes that a point lies on.")
    classes: int = Field(3, ge=2, le=6, description="Classes of clouds and blobs.")
    separation: float = Field(
        1.0, ge=0.1, le=10, description="How far the classes of clouds and blobs lie apart, in widths of a cloud."
    )
    noise: float = Field(0.2, ge=0, le=2, description="Standard deviation of the noise in moons and circles.")
    mislabeled: float = Field(
        0.01, ge=0, le=0.5, description="Share of the examples of clouds that get a class by chance."
    )
    test_share: float = Field(0.2, ge=0.05, le=0.8, description="Share of the examples that are held out as test.")
    normalize: bool = Field(
        False,
        description="Features minus their mean, divided by their standard deviation (pixels: by that of them all).",
    )
    label: str = Field("", max_length=200, description="The column of a table that holds the classes.")
    seed: int = Field(100, ge=0, le=2**32 - 1, description="Seed of the clouds, of the drawing and of the split.")
    points: tuple[tuple[float, float, int], ...] = Field(
        (), max_length=MAX_POINTS, description="Points given by hand: two features and a class; all train."
    )


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their classes, split into train and test; equal to itself only, so that pictures can be kept."""

    title: str
    X_train: Floats  # (N, D)
    y_train: Ids  # (N,), indices of classes
    X_test: Floats  # (M, D)
    y_test: Ids  # (M,)
    features: tuple[str, ...]  # D names
    classes: tuple[str, ...]  # K names
    mean: Floats  # (D,), subtracted from the features
    scale: Floats  # (D,), which they were divided by then
    picture: tuple[int, int, int] | None = None  # height, width and channels, if the examples are pictures
    remarks: tuple[str, ...] = ()  # what was done to the data, in words

    def part(self, name: Part) -> tuple[Floats, Ids]:
        """Features and classes of a part."""
        return (self.X_train, self.y_train) if name == "train" else (self.X_test, self.y_test)

    def raw(self, X: Floats) -> Floats:
        """Features as they were before `DataConfig.normalize`."""
        return X * self.scale + self.mean

    def scaled(self, raw: Floats) -> Floats:
        """Features as the model gets them."""
        X: Floats = ((raw - self.mean) / self.scale).astype(self.X_train.dtype)
        return X

    def pictures(self, X: Floats) -> Floats:
        """Rows as pictures with values from 0 to 1, shape (N, height, width, channels)."""
        assert self.picture is not None
        return np.clip(self.raw(X), 0, 1).reshape(-1, *self.picture)


@functools.lru_cache(maxsize=8)
def load(config: DataConfig) -> Dataset:
    """The data that a config describes; the same config gives the same data.

    Raises:
        UserError: if there are no such data, or too few to be split.
    """
    if config.source in IMAGES:
        return _images(config)
    if config.source in TOYS:
        X, y = _toy(config)
        names = tuple(f"x{i + 1}" for i in range(X.shape[1]))
        return _split(
            config, X, y, names, tuple(LETTERS[: 1 + max(int(y.max(initial=0)), _highest(config))]), config.source
        )
    table = tables.read(config.source)
    read = tables.features(table, config.label or table.header[-1])
    rows = _drawn(len(read.X), config)
    return _split(config, read.X[rows], read.y[rows], read.names, read.classes, table.title, read.remarks)


# ---------------------------------------------------------------- toys


def _toy(config: DataConfig) -> tuple[Floats, Ids]:
    n, seed = config.examples, config.seed
    match config.source:
        case "clouds":
            return _clouds(config)
        case "blobs":
            box = 3.0 * config.separation
            made = toys.make_blobs(
                n, config.features, centers=config.classes, center_box=(-box, box), random_state=seed
            )
        case "moons":
            made = toys.make_moons(n, noise=config.noise, random_state=seed)
        case "circles":
            made = toys.make_circles(n, noise=config.noise, factor=0.4, random_state=seed)
        case _:
            return np.zeros((0, 2)), np.zeros(0, np.int64)
    return made[0], made[1].astype(np.int64)


def _clouds(config: DataConfig) -> tuple[Floats, Ids]:
    if config.classes > 2**config.features:
        raise UserError(
            f"Clouds of {config.features} features have room for {2**config.features} classes, not {config.classes}. "
            "Take more features, fewer classes, or blobs."
        )
    X, y = toys.make_classification(
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


def _highest(config: DataConfig) -> int:
    return max((point[2] for point in config.points), default=0)


def _by_hand(config: DataConfig, D: int) -> tuple[Floats, Ids]:
    """The points of the config, if the data have two features and no column names of their own."""
    if D != 2 or config.source not in TOYS or not config.points:
        return np.zeros((0, D)), np.zeros(0, np.int64)
    values = np.array(config.points, float)
    if not (np.abs(values[:, :2]) <= 1e6).all() or not 0 <= values[:, 2].min() <= values[:, 2].max() < len(LETTERS):
        raise UserError(f"A point has two numbers below a million and a class from 0 to {len(LETTERS) - 1}.")
    return values[:, :2], values[:, 2].astype(np.int64)


# ---------------------------------------------------------------- pictures


def _images(config: DataConfig) -> Dataset:
    if config.source == "digits":
        X, y = toys.load_digits(return_X_y=True)
        rows = _drawn(len(X), config)
        names = tuple(str(digit) for digit in range(10))
        X, y, shape, title = X[rows] / 16, y[rows].astype(np.int64), (8, 8, 1), "Handwritten digits"
    else:
        everything = cifar10.read()
        rows = _drawn(len(everything.labels), config)
        X = everything.pixels[rows].astype(np.float32) / 255
        y, names, shape = everything.labels[rows].astype(np.int64), cifar10.CLASSES, (32, 32, 3)
        title = "CIFAR-10"
    height, width, channels = shape
    pixels = tuple(f"pixel {i}" for i in range(height * width * channels))
    return _split(config, X, y, pixels, names, title, picture=shape)


def _drawn(available: int, config: DataConfig) -> Ids:
    """Which examples are taken: all in their order, or some by the seed."""
    if config.examples >= available:
        return np.arange(available)
    return np.random.default_rng(config.seed).permutation(available)[: config.examples]


# ---------------------------------------------------------------- the split


def _split(
    config: DataConfig,
    X: Floats,
    y: Ids,
    features: tuple[str, ...],
    classes: tuple[str, ...],
    title: str,
    remarks: tuple[str, ...] = (),
    picture: tuple[int, int, int] | None = None,
) -> Dataset:
    """Train and test by the seed; points given by hand join train, and alone they are both."""
    extra, own = _by_hand(config, X.shape[1])
    if len(X):
        train, test, y_train, y_test = train_test_split(X, y, test_size=config.test_share, random_state=config.seed)
    else:
        train, y_train, test, y_test = X, y, extra, own
    train, y_train = np.concatenate([train, extra]), np.concatenate([y_train, own])
    if len(np.unique(y_train)) < 2:
        raise UserError("A classifier needs examples of two classes at least. Add points, or take other data.")
    mean, scale = _normalizing(train, picture is not None) if config.normalize else (0.0, 1.0)
    mean, scale = np.broadcast_to(mean, train.shape[1:]), np.broadcast_to(scale, train.shape[1:])
    ready = [((part - mean) / scale).astype(X.dtype) if config.normalize else part for part in (train, test)]
    return Dataset(title, ready[0], y_train, ready[1], y_test, features, classes, mean, scale, picture, remarks)


def _normalizing(X: Floats, pixels: bool) -> tuple[Floats, Floats]:
    """What is subtracted and what divided by; pixels share one scale, as those at the rim hardly vary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of float32 pixels lose some digits
        mean = X.mean(0, dtype=np.float64).astype(X.dtype)
        scale = np.full_like(mean, (X - mean).std()) if pixels else X.std(0)
    return mean, np.where(scale > 0, scale, 1)
