"""Stochastic gradient descent of lmcore.models.numpy_linear against a textbook loop, and digits.

    python -m benchmarks.classifiers [--rounds 9] [--epochs 20]

Softmax regression with one step per example, on the same examples in the same order, in float64 on one thread. The
weights of both loops are compared after one epoch; then the loops take turns.
"""

import time

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.turns import Row, median_ratio, one_thread, table, take_turns
from lmcore.data import datasets
from lmcore.data.datasets import DataConfig
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.models.numpy_linear import augment, sgd

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def textbook_epoch(theta: Floats, X: Floats, y: Ids, rate: float) -> Floats:
    """One epoch, equation by equation, with ``np.dot`` for each example.

    Source: Bishop 2006, section 4.3.4.
    """
    for i in range(len(X)):
        z = np.dot(X[i], theta)
        z = z - np.max(z)
        p = np.exp(z) / np.sum(np.exp(z))
        p[y[i]] -= 1
        theta = theta - rate * np.outer(X[i], p)
    return theta


def lmcore_epoch(theta: Floats, X: Floats, y: Ids, rate: float) -> Floats:
    """The same epoch by lmcore."""
    theta = theta.copy()
    sgd(theta, X, y, [rate] * len(y))
    return theta


def compare(title: str, config: DataConfig, rounds: int, epochs: int) -> list[Row]:
    """The largest difference of the weights, and the ratio of the speeds."""
    data = datasets.load(config)
    X, y, rate = augment(data.X_train), data.y_train, 0.01
    start = np.zeros((X.shape[1], len(data.classes)))
    difference = np.abs(textbook_epoch(start, X, y, rate) - lmcore_epoch(start, X, y, rate)).max()
    loops = {
        "textbook": lambda: [textbook_epoch(start, X, y, rate) for _ in range(epochs)],
        "lmcore": lambda: [lmcore_epoch(start, X, y, rate) for _ in range(epochs)],
    }
    return [
        Row(f"{title}: speed against the textbook loop", median_ratio(take_turns(loops, rounds)), 3),
        Row(f"{title}: difference of the weights, in 1e-9", 1e9 * float(difference), 1, at_least=False),
    ]


def digits(family: str, learning_rate: float, accuracy: float) -> list[Row]:
    """The accuracy of a classifier of digits after 3,000 minibatches, and how long they took."""
    settings = {"family": family, "source": "digits", "dev_share": 0, "learning_rate": learning_rate, "steps": 3000}
    trainer = make_trainer(run_config_from_settings(settings))
    began = time.process_time()
    trainer.train(3000)
    took = time.process_time() - began
    return [
        Row(f"{family}: accuracy on the test digits", 100 * trainer.metrics("test")["accuracy"], accuracy, "%"),
        Row(f"{family}: time on one core", took, 20, "s", at_least=False),
    ]


def measure(rounds: int, epochs: int = 20) -> list[Row]:
    """Both loops on toy data and on digits; digits with both classifiers."""
    clouds, images = DataConfig(features=3, classes=4), DataConfig(source="digits", examples=2000)
    with one_thread():
        return [
            *compare("clouds, 3 features, 4 classes", clouds, rounds, epochs),
            *compare("digits, 64 features, 10 classes", images, rounds, epochs // 8 + 1),
            *digits("softmax-regression", 0.5, 95),
            *digits("mlp-classifier", 0.2, 97.5),
        ]


@click.command()
@click.option("--rounds", default=9, show_default=True)
@click.option("--epochs", default=20, show_default=True, help="Epochs over the toy data per round.")
def main(rounds: int, epochs: int) -> None:
    """Print the table."""
    print(table(measure(rounds, epochs)))


if __name__ == "__main__":
    main()
