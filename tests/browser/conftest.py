"""A server and browsers for what only a browser shows; they start once."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.browser.server import Server
from tests.browser.visitor import FLAGS, TIMEOUT, VIEWPORT, Visitor
from tests.required import missing

NewVisitor = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests are slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def launch() -> dict[str, Any]:
    """Options with which Debian's Chromium is launched."""
    return {"executable_path": shutil.which("chromium") or missing("Chromium"), "args": FLAGS}


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright, launch: dict[str, Any]) -> Iterator[Browser]:
    """Debian's Chromium, for visitors whose browser is set up in another way."""
    browser = playwright.chromium.launch(**launch)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def new_tab(
    playwright: Playwright, launch: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[int], Page]]:
    """Tabs of browsers without cookies, by the number of the browser.

    The browsers and their tabs stay open, because they have compiled the app's JavaScript, which takes seconds.
    """
    contexts: list[BrowserContext] = []

    def tab(number: int) -> Page:
        while len(contexts) <= number:
            folder = tmp_path_factory.mktemp("profile")
            contexts.append(playwright.chromium.launch_persistent_context(folder, viewport=VIEWPORT, **launch))
        context = contexts[number]
        context.clear_cookies()
        _, *tabs = context.pages  # the first one keeps the browser open
        return tabs[0] if tabs else context.new_page()

    yield tab
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def server(launch: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app; by the end it must not have logged an exception, nor loaded PyTorch, with which only workers compute."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    computes = server.has_loaded("libtorch")
    server.stop()
    assert not computes
    assert "Traceback" not in server.log, server.log


@pytest.fixture
def new_visitor(new_tab: Callable[[int], Page], request: pytest.FixtureRequest) -> Iterator[NewVisitor]:
    """Makes visitors whom the app does not know, each with cookies of its own.

    Args:
        url: of the server; by default the one that all tests share.
        script: JavaScript that runs before that of each page.
        options: of `Browser.new_context`; with these or a script, a browser is set up for this visitor alone.

    An error or a failed request in a page fails the test.
    """
    visitors: list[Visitor] = []
    own_browsers = ExitStack()

    def tab_of_an_own_browser(script: str, options: dict[str, Any]) -> Page:
        browser: Browser = request.getfixturevalue("browser")
        context = own_browsers.enter_context(browser.new_context(viewport=VIEWPORT, **options))
        context.add_init_script(script)
        return context.new_page()

    def make(url: str | None = None, script: str = "", **options: Any) -> Visitor:
        page = tab_of_an_own_browser(script, options) if script or options else new_tab(len(visitors))
        visitors.append(Visitor(page, url or request.getfixturevalue("server").url))
        return visitors[-1]

    with own_browsers:
        yield make
        for visitor in visitors:
            visitor.leave()  # before the server ends
    assert [problem for visitor in visitors for problem in visitor.problems] == []


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Visitor:
    """A visitor whom the app does not know."""
    return new_visitor()


@pytest.fixture
def own_server(launch: dict[str, Any], tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill."""
    server = Server(tmp_path)
    yield server
    server.stop()
