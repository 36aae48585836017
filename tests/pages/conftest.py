import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lmcore.runs import executors
from lmcore.runs.engine import Engine
from lmcore.runs.executors import Workers
from ui import server
from ui.navigation import find

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """One pool for all page tests: workers start once."""
    pool = executors.process_pool(1)
    yield pool
    pool.close()


@pytest.fixture
def engine(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    engine = Engine(make_workers=lambda: Workers(workers.executor, workers.slots))
    monkeypatch.setattr(server, "_make_engine", lambda: engine)
    yield engine
    engine.close()


@pytest.fixture
def app(engine: Engine) -> AppTest:
    return AppTest.from_file(ROOT / "ui" / "frame.py", default_timeout=60)


def visit(app: AppTest, page: str) -> AppTest:
    app.switch_page(str(find(page).script)).run()
    assert not app.exception
    return app


def panels(app: AppTest) -> list[list[dict[str, Any]]]:
    """The parts of every live component of the page, as the browser gets them."""
    told = [json.loads(panel.proto.json or "{}") for panel in app.get("bidi_component")]
    return [one["parts"] for one in told if "parts" in one]


def charts(app: AppTest) -> list[dict[str, Any]]:
    """Every chart of the page as plotly gets it, with its ``alt``, whichever component draws it."""
    parts = [part for panel in panels(app) for part in panel]
    return [json.loads(part["figure"]) | {"alt": part["alt"]} for part in parts if part["kind"] == "chart"]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)
