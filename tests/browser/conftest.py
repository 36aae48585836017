"""A server and a browser for what only a browser shows; both start once."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.server import Server
from tests.browser.visitor import FLAGS, TIMEOUT, Visitor
from tests.required import missing

NewVisitor = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests are slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = shutil.which("chromium") or missing("Chromium")
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app; it must not have logged an exception by the end."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()
    assert "Traceback" not in server.log, server.log


@pytest.fixture
def new_visitor(browser: Browser, request: pytest.FixtureRequest) -> Iterator[NewVisitor]:
    """Makes visitors with a browser profile of their own; an error or a failed request in a page fails the test."""
    visitors: list[Visitor] = []

    def make(url: str | None = None, **options: Any) -> Visitor:
        context = browser.new_context(viewport={"width": 1280, "height": 1000}, **options)
        visitors.append(Visitor(context.new_page(), url or request.getfixturevalue("server").url))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.page.context.close()
    assert [problem for visitor in visitors for problem in visitor.problems] == []


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Visitor:
    """A visitor who has not been here before."""
    return new_visitor()


@pytest.fixture
def own_server(browser: Browser, tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill."""
    server = Server(tmp_path)
    yield server
    server.stop()
