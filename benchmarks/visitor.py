"""The app on a server of its own, with one visitor in Chromium."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.server import Server
from tests.browser.visitor import FLAGS, Visitor


@contextmanager
def visitor() -> Iterator[Visitor]:
    """A visitor of a fresh server; both are gone afterwards."""
    server = Server(Path(tempfile.mkdtemp()))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            yield Visitor(browser.new_page(viewport={"width": 1280, "height": 1000}), server.url)
            browser.close()
    finally:
        server.stop()
