"""Runs and engines for the tests of this package."""

from collections.abc import Iterator

import pytest

from lmcore.runs.engine import Engine
from lmcore.runs.executors import Workers
from lmcore.runs.export import export_archive
from lmcore.runs.run import Run
from tests.lmcore.runs.example_runs import small_run
from tests.lmcore.runs.training_runs import InlineExecutor


@pytest.fixture(scope="module")
def run() -> Run:
    """A finished run that changed its optimizer at step 10."""
    return small_run({10: {"optimizer": "adam", "learning_rate": 0.01}})


@pytest.fixture(scope="module")
def archive(run: Run) -> bytes:
    """The archive of `run`."""
    return export_archive(run)


@pytest.fixture
def inline() -> Iterator[tuple[Engine, InlineExecutor]]:
    """An engine whose slices are computed one at a time, when the test says so."""
    executor = InlineExecutor()
    engine = Engine(make_workers=lambda: Workers(executor, 2))
    yield engine, executor
    while executor.waiting:
        executor.compute()
    engine.close()
