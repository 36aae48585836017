"""A server and a browser for what only a browser shows; both start once."""

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
    """Debian's Chromium, for visitors with a profile of their own."""
    browser = playwright.chromium.launch(**launch)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def shared_profile(
    playwright: Playwright, launch: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    folder = tmp_path_factory.mktemp("profile")
    profile = playwright.chromium.launch_persistent_context(folder, viewport=VIEWPORT, **launch)
    yield profile
    profile.close()


@pytest.fixture
def profile(shared_profile: BrowserContext) -> Iterator[BrowserContext]:
    """A profile without cookies or tabs, of a browser that has already compiled the app's JavaScript."""
    shared_profile.clear_cookies()
    opened = shared_profile.pages[0]  # which keeps the browser open
    yield shared_profile
    for page in shared_profile.pages:
        if page is not opened:
            page.close()


@pytest.fixture(scope="session")
def server(launch: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
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
        context = browser.new_context(viewport=VIEWPORT, **options)
        visitors.append(Visitor(context.new_page(), url or request.getfixturevalue("server").url))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.page.context.close()
    assert [problem for visitor in visitors for problem in visitor.problems] == []


@pytest.fixture
def visitor(profile: BrowserContext, server: Server) -> Iterator[Visitor]:
    """A visitor whom the app does not know; an error or a failed request in the page fails the test."""
    visitor = Visitor(profile.new_page(), server.url)
    yield visitor
    visitor.page.close()  # before its server ends
    assert visitor.problems == []


@pytest.fixture
def own_server(launch: dict[str, Any], tmp_path: Path) -> Iterator[Server]:
    """A server that a test may kill."""
    server = Server(tmp_path)
    yield server
    server.stop()
