import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs import executors
from lmcore.runs.computations import Computations
from lmcore.runs.engine import Engine
from lmcore.runs.executors import Workers
from tests.pages.app_testing import ROOT
from ui import gate, server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What pages do is slow to test; that each of them opens is tested before each commit."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.name != "test_every_page.py":
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """One pool for all page tests: workers start once."""
    pool = executors.process_pool(1)
    yield pool
    pool.close()


def set_environment(variables: dict[str, str]) -> None:
    os.environ.update(variables)


class SharedComputations(Computations):
    """They stay open when an engine is closed."""

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def computations() -> Iterator[Computations]:
    computations = SharedComputations(1, deadline=120)
    yield computations
    Computations.close(computations)


@pytest.fixture
def engine(workers: Workers, computations: Computations, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    folders = {name: os.environ[name] for name in ("LMCORE_DATA", "LMCORE_RUNS")}  # of this test
    workers.executor.submit(set_environment, folders).result(120)
    computations.compute(set_environment, folders)
    shared = Workers(workers.executor, workers.n_workers)
    engine = Engine(make_workers=lambda: shared, computations=computations)
    monkeypatch.setattr(server, "_make_engine", lambda: engine)
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def no_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest has no browser that could send one."""
    monkeypatch.setattr(gate, "cookie", lambda: "")


@pytest.fixture
def app(engine: Engine) -> AppTest:
    return AppTest.from_file(ROOT / "ui" / "frame.py", default_timeout=60)
