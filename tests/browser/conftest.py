"""A server and browsers for what only a browser shows; they start once."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, ViewportSize, expect, sync_playwright

from tests.browser.server import Server
from tests.browser.visitor import FLAGS, TIMEOUT, Visitor
from tests.required import missing

NewVisitor = Callable[..., Visitor]
VIEWPORT: ViewportSize = {"width": 1280, "height": 1000}


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
def profiles(
    playwright: Playwright, launch: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[int], BrowserContext]]:
    """Browsers that stay open, by number: they compile the app's JavaScript, which takes seconds, only once."""
    contexts: list[BrowserContext] = []

    def profile(number: int) -> BrowserContext:
        while len(contexts) <= number:
            folder = tmp_path_factory.mktemp("profile")
            contexts.append(playwright.chromium.launch_persistent_context(folder, viewport=VIEWPORT, **launch))
        return contexts[number]

    yield profile
    for context in contexts:
        context.close()


@pytest.fixture
def new_profile(profiles: Callable[[int], BrowserContext]) -> Iterator[Callable[[], BrowserContext]]:
    """Browser profiles without cookies; their tabs are closed after the test, but for the one that keeps them open."""
    used: list[BrowserContext] = []

    def make() -> BrowserContext:
        used.append(profiles(len(used)))
        used[-1].clear_cookies()
        return used[-1]

    yield make
    for context in used:
        for page in context.pages[1:]:
            page.close()


@pytest.fixture(scope="session")
def server(launch: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app; it must not have logged an exception by the end."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()
    assert "Traceback" not in server.log, server.log


@pytest.fixture
def new_visitor(new_profile: Callable[[], BrowserContext], request: pytest.FixtureRequest) -> Iterator[NewVisitor]:
    """Makes visitors whom the app does not know, each with cookies of its own.

    Args:
        url: of the server; by default the one that all tests share.
        options: of `Browser.new_context`, for a browser that is set up in another way.

    An error or a failed request in a page fails the test.
    """
    visitors: list[Visitor] = []

    def new_context(**options: Any) -> BrowserContext:
        browser: Browser = request.getfixturevalue("browser")
        return browser.new_context(viewport=VIEWPORT, **options)

    def make(url: str | None = None, **options: Any) -> Visitor:
        context = new_context(**options) if options else new_profile()
        visitors.append(Visitor(context.new_page(), url or request.getfixturevalue("server").url))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.page.close()  # before its server ends
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
