"""A visitor of the app: one browser tab, its widgets found by key, its charts as plotly drew them."""

import re
from typing import Any

from playwright.sync_api import Error, Locator, Page, Position, TimeoutError, ViewportSize, expect

from ui.navigation import ALL

TIMEOUT = 120_000
"""Milliseconds until an expected event has failed to happen; a machine with other work to do needs them."""

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Command-line options of Chromium."""

VIEWPORT: ViewportSize = {"width": 1280, "height": 1000}
"""The size of a window, in pixels."""

PATHS = ["", *(page.url_path for page in ALL)]
"""Paths of all pages; the home page is the first."""


def css_class(key: str) -> str:
    """The CSS selector of the element whose widget has a key."""
    return ".st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", key)


class Chart:
    """A plotly chart. JavaScript expressions about it call it ``node``, and what they are given ``arg``."""

    def __init__(self, page: Page, selector: str, index: int = 0) -> None:
        self.page, self.selector, self.index = page, f"{selector} .js-plotly-plot", index
        self.node = page.locator(self.selector).nth(index)

    def evaluate(self, expression: str) -> Any:
        return self.node.evaluate(f"node => {expression}")

    def wait_until(self, expression: str, arg: Any = None) -> None:
        """Waits until the chart is drawn and an expression about it is true."""
        self.page.wait_for_function(
            f"""([selector, index, arg]) => {{
                const node = document.querySelectorAll(selector)[index];
                return node?._fullData && ({expression});
            }}""",
            arg=[self.selector, self.index, arg],
        )

    def wait(self) -> "Chart":
        """Waits until it is drawn and listens to the mouse."""
        self.wait_until("node.querySelector('.nsewdrag, .gl-container')")
        return self

    def click(self, x: int, y: int, inside: str = ".nsewdrag") -> str:
        """Clicks at a place inside the axes or another element, however the chart moves meanwhile.

        Returns:
            The hover label, because plotly clicks on what it hovers over.
        """
        target, label = self.node.locator(inside).first, self.node.locator(".hoverlayer .hovertext").first
        for attempt in range(100):
            place: Position = {"x": x + attempt % 2, "y": y}  # a redraw forgets the hover until the mouse moves again
            target.hover(position=place, force=True)  # plotly's layer for the mouse covers all that it draws
            try:
                label.wait_for(timeout=300)
            except TimeoutError:
                continue
            text = label.text_content() or ""
            target.click(position=place, force=True)
            return text
        raise AssertionError(f"There is nothing to hover over at {x}, {y} of {inside}.")


class Visitor:
    """A tab; problems of the page and requests to other hosts are collected in ``problems``."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.problems: list[str] = []
        page.set_default_timeout(TIMEOUT)
        page.on("pageerror", self._on_error)
        page.on("requestfailed", self._on_failed_request)
        page.on("request", self._on_request)

    def _on_error(self, error: Error) -> None:
        self.problems.append(str(error))

    def _on_failed_request(self, request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # the page was left meanwhile
            self.problems.append(f"{request.url}: {request.failure}")

    def _on_request(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.problems.append(f"{request.url} is another host")

    def leave(self) -> None:
        """Leaves the app, with the tab as good as new, and closes the other tabs of the browser."""
        for page in self.page.context.pages[1:]:
            if page is not self.page:
                page.close()
        self.page.remove_listener("pageerror", self._on_error)
        self.page.remove_listener("requestfailed", self._on_failed_request)
        self.page.remove_listener("request", self._on_request)
        if not self.page.is_closed():
            if self.page.url.startswith(self.url):
                self.page.evaluate("sessionStorage.clear()")
            self.page.goto("about:blank")
            self.page.emulate_media(color_scheme="null")
            self.page.set_viewport_size(VIEWPORT)

    def open(self, address: str = "/") -> None:
        """Opens a page, by its path or a whole address, and waits until its script has run."""
        self.page.goto(address if address.startswith("http") else self.url + address)
        self.wait_until_idle()

    def send_later(self) -> None:
        """Keeps what clicks and keys send to the server until `send_now`, as a busy browser does."""
        self.page.evaluate(
            """() => {
                const { setTimeout } = window, later = [];
                window.setTimeout = (callback, delay, ...rest) =>
                    delay === 0 ? later.push(() => callback(...rest)) : setTimeout(callback, delay, ...rest);
                window.sendNow = () => {
                    window.setTimeout = setTimeout;
                    later.forEach((callback) => callback());
                };
            }"""
        )

    def send_now(self) -> None:
        self.page.evaluate("sendNow()")

    def reload(self) -> None:
        self.page.reload()
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        # in this order: before its first script begins, a page that was just opened does not run either
        self.page.wait_for_selector("h1, [data-testid=stException]")
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        assert self.page.get_by_test_id("stException").count() == 0, self.page.url

    def widget(self, key: str) -> Locator:
        """The element of a widget, by its key."""
        return self.page.locator(css_class(key))

    def button(self, key: str) -> Locator:
        return self.widget(key).get_by_role("button")

    def field(self, key: str) -> Locator:
        """The input element of a widget."""
        return self.widget(key).locator("input, textarea").first

    def fill(self, key: str, value: str) -> None:
        """Types a value and leaves the field, as with Tab."""
        self.field(key).fill(value)
        self.field(key).press("Enter")

    def chart(self, key: str = "", index: int = 0) -> Chart:
        """A chart of the component with a key; of the page without one."""
        return Chart(self.page, css_class(key) if key else "", index)

    def choose_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()
        self.wait_until_idle()

    @property
    def step(self) -> int:
        """The step of the run, as the row of numbers shows it."""
        return int(self.page.locator(".live .numbers b").first.inner_text().replace(",", ""))

    def wait_for_step(self, at_least: int) -> None:
        self.page.wait_for_function(
            "least => +document.querySelector('.live .numbers b')?.innerText.replaceAll(',', '') >= least", arg=at_least
        )

    def wait_for_text(self, text: str | re.Pattern[str], exact: bool = False) -> None:
        expect(self.page.get_by_text(text, exact=exact).first).to_be_visible()
