"""What an open page costs the training: steps per second with a browser on the page, against without.

    python -m benchmarks.page [--rounds 4] [--seconds 8]

Server, worker and browser share this machine, as on a student's laptop. The two conditions take turns.
"""

import os
import re
import statistics
import tempfile
import time
from pathlib import Path

import click
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, Server, visit


def steps_now(page: Page) -> int:
    """The step on the page."""
    text = page.locator(".live .numbers b").first.inner_text()
    return int(text.replace(",", ""))


def rate(page: Page, address: str, seconds: float, look: bool) -> tuple[float, float]:
    """Steps per second and redraws per second while the page is open (``look``) or closed."""
    visit(page, address)
    page.wait_for_selector(".js-plotly-plot")
    page.wait_for_timeout(2000)
    began, first = time.monotonic(), steps_now(page)
    if look:
        page.evaluate(
            """() => { window.draws = 0;
                document.querySelectorAll('.js-plotly-plot')[0].on('plotly_afterplot', () => window.draws++); }"""
        )
        page.wait_for_timeout(seconds * 1000)
        draws = page.evaluate("window.draws")
    else:
        page.goto("about:blank")
        page.wait_for_timeout(seconds * 1000)
        draws = 0
        visit(page, address)
    elapsed = time.monotonic() - began
    return (steps_now(page) - first) / elapsed, draws / elapsed


@click.command()
@click.option("--rounds", default=4, show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
def main(rounds: int, seconds: float) -> None:
    """Prints the median ratio."""
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    server = Server(Path(tempfile.mkdtemp()))
    try:
        with sync_playwright() as playwright:
            page = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
            visit(page, f"{server.url}/?mlp_steps=10000000")
            page.get_by_role("button", name="Start").click()
            page.wait_for_url(re.compile("run="))
            address = page.url
            with_page, without = [], []
            for _ in range(rounds):
                watched, draws = rate(page, address, seconds, look=True)
                alone, _ = rate(page, address, seconds, look=False)
                with_page.append(watched)
                without.append(alone)
                print(f"with the page {watched:7,.0f} steps/s ({draws:.1f} redraws/s)   without {alone:7,.0f} steps/s")
            ratios = [a / b for a, b in zip(with_page, without, strict=True)]
            print(f"median ratio {statistics.median(ratios):.2f}")
    finally:
        server.end()


if __name__ == "__main__":
    main()
