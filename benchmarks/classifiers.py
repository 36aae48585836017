"""How fast stochastic descent of lmcore.models.numpy_linear is, against a textbook's loop; and how long digits take.

    python -m benchmarks.classifiers [--rounds 9] [--passes 20]

Softmax regression, one example at a time, the same examples in the same order, float64, one thread. First both take
the same steps and their weights are compared; then they take turns, and the median ratio of their times is printed.
"""

import statistics
import time

import click
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lmcore.data import datasets
from lmcore.data.datasets import DataConfig
from lmcore.models.numpy_linear import augmented, stochastic
from lmcore.training.classifiers import ClassifierRunConfig, ClassifierTrainer

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def textbook(theta: Floats, X: Floats, y: Ids, rate: float) -> Floats:
    """One pass as the equations stand (Bishop 2006, section 4.3.4), with ``np.dot`` for each example."""
    for i in range(len(X)):
        z = np.dot(X[i], theta)
        z = z - np.max(z)
        p = np.exp(z) / np.sum(np.exp(z))
        p[y[i]] -= 1
        theta = theta - rate * np.outer(X[i], p)
    return theta


def ours(theta: Floats, X: Floats, y: Ids, rate: float) -> Floats:
    """The same pass by lmcore."""
    theta = theta.copy()
    stochastic(theta, X, y, [rate] * len(y))
    return theta


def seconds(loop: object, passes: int, *arguments: object) -> float:
    """How long so many passes take."""
    began = time.perf_counter()
    for _ in range(passes):
        loop(*arguments)  # type: ignore[operator]
    return time.perf_counter() - began


def compare(name: str, config: DataConfig, rounds: int, passes: int) -> None:
    """Prints how much faster, and how far apart the weights are."""
    data = datasets.load(config)
    X, y, rate = augmented(data.X_train), data.y_train, 0.01
    start = np.zeros((X.shape[1], len(data.classes)))
    apart = np.abs(textbook(start, X, y, rate) - ours(start, X, y, rate)).max()
    ratios = []
    for _ in range(rounds):
        theirs = seconds(textbook, passes, start, X, y, rate)
        ratios.append(theirs / seconds(ours, passes, start, X, y, rate))
    click.echo(
        f"{name:32} ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f}), "
        f"weights apart by {apart:.1e}"
    )


def digits(family: str, rate: float) -> None:
    """Prints how right a classifier of digits is after 3,000 minibatches, and how long they took."""
    given = {"family": family, "source": "digits", "learning_rate": rate, "steps": 3000}
    trainer = ClassifierTrainer(ClassifierRunConfig.from_flat(given))
    began = time.process_time()
    trainer.train(3000)
    took = time.process_time() - began
    click.echo(f"{family:32} {trainer.measure('test')[1]:.1%} of the test digits, {took:.2f} s of one core")


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Times that the loops take turns.")
@click.option("--passes", default=20, show_default=True, help="Passes over the toy data a turn.")
def main(rounds: int, passes: int) -> None:
    """Compares both loops on the data of the literature and on digits."""
    with threadpool_limits(1):
        compare("clouds, 3 features, 4 classes", DataConfig(features=3, classes=4), rounds, passes)
        compare("digits, 64 features, 10 classes", DataConfig(source="digits", examples=2000), rounds, passes // 8 + 1)
        digits("softmax-regression", 0.5)
        digits("mlp-classifier", 0.2)


if __name__ == "__main__":
    main()
