"""Start-up: seconds from the command until the server answers, and until a browser shows the title and a picture.

    python -m benchmarks.startup [--rounds 3]

The files are in the system's cache after a first start that does not count. The browser runs already, and opens the
page as soon as the server answers. On the home page, the picture is a recorded miniature; on the page MLP it is the
untrained model's chart, for which a worker has to load PyTorch.
"""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import click
from playwright.sync_api import Page, sync_playwright

from benchmarks.turns import Row, table
from tests.browser.server import Server
from tests.browser.visitor import FLAGS

PICTURES = {"/": ".miniature svg, .miniature img", "/mlp": ".js-plotly-plot .main-svg"}
GOALS = (2.0, 3.0, 4.0)
"""Seconds until the server answers, the title is there, and the first picture is there."""


def start(page: Page, path: str) -> tuple[float, float, float]:
    """Seconds until the server answers, the title is there, and the first picture is there."""
    began = time.monotonic()
    server = Server(Path(tempfile.mkdtemp()))
    try:
        answered = time.monotonic() - began
        page.goto(server.url + path, wait_until="commit")
        page.wait_for_selector("h1", timeout=60_000)
        title = time.monotonic() - began
        page.wait_for_selector(PICTURES[path], timeout=60_000)
        return answered, title, time.monotonic() - began
    finally:
        page.goto("about:blank")
        server.stop()


def measure(rounds: int = 3) -> list[Row]:
    """The median of each time, in seconds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        start(page, "/")  # fills the caches of files
        times = {path: [start(page, path) for _ in range(rounds)] for path in PICTURES}
        browser.close()
    events = ("answer", "title", "first picture")
    return [
        Row(f"start-up, {path}: {event}", statistics.median(found), goal, "s", at_least=False)
        for path in PICTURES
        for event, found, goal in zip(events, zip(*times[path], strict=True), GOALS, strict=True)
    ]


@click.command()
@click.option("--rounds", default=3, show_default=True)
def main(rounds: int) -> None:
    """Start the server several times, and print the table."""
    print(table(measure(rounds)))


if __name__ == "__main__":
    main()
