from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs import executors
from lmcore.runs.engine import Engine
from lmcore.runs.executors import Workers
from tests.pages.app_testing import ROOT
from ui import server


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """One pool for all page tests: workers start once."""
    pool = executors.process_pool(1)
    yield pool
    pool.close()


@pytest.fixture
def engine(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    engine = Engine(make_workers=lambda: Workers(workers.executor, workers.n_workers))
    monkeypatch.setattr(server, "_make_engine", lambda: engine)
    yield engine
    engine.close()


@pytest.fixture
def app(engine: Engine) -> AppTest:
    return AppTest.from_file(ROOT / "ui" / "frame.py", default_timeout=60)
