"""A visitor who does anything: clicks, types, drags, goes back, reloads, opens links in second tabs, on all pages.

    python -m tests.browser.monkey [--seed 1] [--minutes 60] [--report 500]

plays against a server of its own and prints its memory now and then. An exception on a page, a console error, a failed
request or a dead server ends it with the seed and the last actions. The same seed plays the same actions, as far as the
pages answer in the same way.
"""

import collections
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import psutil
from playwright.sync_api import BrowserContext, Error, Locator, Page, sync_playwright

from tests.browser.server import Server
from tests.browser.visitor import FLAGS, PATHS

REMEMBERED = 30  # actions that a failure prints
LOGGED = 6000  # characters of the server's log, from the end: there the message stands
PATIENCE = 60_000  # milliseconds that a page may take to answer
IMPATIENCE = 1_000  # milliseconds after which an element that is covered, or was redrawn meanwhile, is left alone
CLICKABLE = (
    "[data-testid=stMain] button:not([disabled]), [data-testid=stSidebar] button:not([disabled]), "
    "[role=tab], [role=radio], [data-testid=stCheckbox] label, summary, [data-testid=stPageLink] a"
)
TYPEABLE = "input[type=text]:not([disabled]), input[type=number]:not([disabled]), textarea:not([disabled])"
SLIDERS = "[role=slider]"
LISTS = "[data-testid=stSelectbox] input:not([disabled]), [data-testid=stMultiSelect] input:not([disabled])"
CHARTS = ".js-plotly-plot .nsewdrag"
TEXTS = [
    "", "0", "1", "-1", "7", "100", "3.5", "1e9", "nan", "  ", "../../etc/passwd", "'\"\\;--", "a" * 5000,
    "emma", "emma\nolivia\nava", "Noël", "n\u0303", "محمد", "प्रिया", "王伟", "\U0001f469\u200d\U0001f467", "\u202eabc",
    "<script>alert(1)</script>", "$x^2$ **bold** :red[no]", "(a @ b).sum(0)", "__import__('os').system('true')",
]  # fmt: skip
KEYS = ["ArrowLeft", "ArrowRight", "Home", "End", "PageUp"]


class Trouble(AssertionError):
    """What a monkey has broken, and how."""


class Monkey:
    """Acts at random in the tabs of one browser profile."""

    def __init__(self, context: BrowserContext, server: Server, seed: int) -> None:
        self.context, self.server, self.seed = context, server, seed
        self.random = random.Random(seed)
        self.actions: collections.deque[str] = collections.deque(maxlen=REMEMBERED)
        self.problems: list[str] = []
        self.counts: collections.Counter[str] = collections.Counter()
        self.first = self.page = self._new_tab()
        self._note("open", "/")
        self.page.goto(server.url)

    # ------------------------------------------------------------ watching

    def _new_tab(self) -> Page:
        page = self.context.new_page()
        self._watch(page)
        return page

    def _watch(self, page: Page) -> None:
        page.set_default_timeout(IMPATIENCE)
        page.set_default_navigation_timeout(PATIENCE)
        page.on("popup", self._watch)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("console", self._on_console)
        page.on("requestfailed", self._on_failed_request)
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    def _on_console(self, message: Any) -> None:
        where = message.location.get("url", "")
        if message.type == "error" and not where.endswith(("/_stcore/health", "/_stcore/host-config")):
            self.problems.append(f"console: {message.text} ({where})")

    def _on_failed_request(self, request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # the page was left meanwhile
            self.problems.append(f"{request.url}: {request.failure}")

    def check(self) -> None:
        """Raises `Trouble` if something is broken."""
        if self.server.process.poll() is not None:
            self.problems.append("the server is dead")
        elif "Traceback" in self.server.log:
            begins = self.server.log.index("Traceback")
            self.problems.append(self.server.log[begins:][-LOGGED:])
        for box in self.page.get_by_test_id("stException").all():
            self.problems.append(f"exception: {box.text_content()}")
        if self.problems:
            played = "\n".join(self.actions)
            raise Trouble(
                f"seed {self.seed}, after {self.counts.total()} actions:\n{played}\n" + "\n".join(self.problems)
            )

    # ------------------------------------------------------------ acting

    def act(self) -> None:
        """Does one thing, sometimes waits for its effect, and checks."""
        actions: dict[Callable[[], None], int] = {
            self._click: 40,
            self._type: 16,
            self._move_a_slider: 10,
            self._choose: 8,
            self._touch_a_chart: 8,
            self._go_to_a_page: 8,
            self._go_back: 4,
            self._reload: 2,
            self._open_a_second_tab: 2,
            self._resize: 1,
        }
        (action,) = self.random.choices(list(actions), list(actions.values()))
        try:
            action()
            if self.random.random() < 0.7:
                self.wait()
        except Error as error:  # an element that was redrawn meanwhile is nobody's fault
            if "Timeout" in str(error) and "wait_for_selector" in str(error):
                self.problems.append(f"no answer: {error}")
        self.check()

    def wait(self) -> None:
        """Waits until the page has nothing more to do."""
        for selector in ("h1, [data-testid=stException]", "[data-testid=stApp][data-test-script-state=notRunning]"):
            self.page.wait_for_selector(selector, state="attached", timeout=PATIENCE)

    def _note(self, kind: str, what: str) -> None:
        self.counts[kind] += 1
        self.actions.append(f"{kind} {what} on {self.page.url.removeprefix(self.server.url)[:200]}")

    def _any(self, selector: str) -> Locator | None:
        found = self.page.locator(selector).locator("visible=true")
        return found.nth(self.random.randrange(count)) if (count := found.count()) else None

    def _click(self) -> None:
        if target := self._any(CLICKABLE):
            self._note("click", repr((target.text_content() or target.get_attribute("aria-label") or "")[:60]))
            target.click()

    def _type(self) -> None:
        if target := self._any(TYPEABLE):
            text = self.random.choice(TEXTS)
            self._note("type", f"{text[:40]!r} into {target.get_attribute('aria-label')!r}")
            if target.get_attribute("type") == "number":
                text = "".join(character for character in text if character in "0123456789.-")
            target.fill(text)
            target.press(self.random.choice(["Enter", "Tab", "Control+Enter"]))

    def _move_a_slider(self) -> None:
        if target := self._any(SLIDERS):
            key, times = self.random.choice(KEYS), self.random.randint(1, 5)
            self._note("slide", f"{target.get_attribute('aria-label')!r} {key} × {times}")
            target.focus()
            for _ in range(times):
                self.page.keyboard.press(key)

    def _choose(self) -> None:
        if target := self._any(LISTS):
            self._note("choose", f"from {target.get_attribute('aria-label')!r}")
            target.click()
            if option := self._any("[role=option]"):
                option.click()
            else:
                self.page.keyboard.press("Escape")

    def _touch_a_chart(self) -> None:
        if target := self._any(CHARTS):
            target.scroll_into_view_if_needed()
            box = target.bounding_box()
            if box is None:
                return
            self._note("touch", "a chart")
            places = [
                (box["x"] + box["width"] * self.random.random(), box["y"] + box["height"] * self.random.random())
                for _ in range(2)
            ]
            self.page.mouse.move(*places[0])
            self.page.mouse.down()
            if self.random.random() < 0.5:
                self.page.mouse.move(*places[1], steps=4)
            self.page.mouse.up()

    def _go_to_a_page(self) -> None:
        path = self.random.choice(PATHS)
        self._note("go", f"to {path}")
        self.page.goto(f"{self.server.url}/{path}", wait_until="commit")

    def _go_back(self) -> None:
        self._note("back", "")
        self.page.go_back(wait_until="commit") if self.random.random() < 0.7 else self.page.go_forward()
        if self.page.url == "about:blank":  # where every tab begins
            self.page.goto(self.server.url, wait_until="commit")

    def _reload(self) -> None:
        self._note("reload", "")
        self.page.reload(wait_until="commit")

    def _open_a_second_tab(self) -> None:
        """Opens the address in a new tab and goes on there, or returns to the other one."""
        self._note("tab", "")
        if self.page is not self.first:
            self.page.close()
            self.page = self.first
        else:
            address = self.page.url
            self.page = self._new_tab()
            self.page.goto(address, wait_until="commit")

    def _resize(self) -> None:
        width = self.random.choice([375, 800, 1280])
        self._note("resize", f"to {width}")
        self.page.set_viewport_size({"width": width, "height": 900})


@click.command()
@click.option("--seed", default=1, show_default=True)
@click.option("--minutes", default=60.0, show_default=True)
@click.option("--report", default=500, show_default=True, help="Actions between two lines on the server's memory.")
def main(seed: int, minutes: float, report: int) -> None:
    """Play, and print the number of actions and the memory of the server; exit with an error if something breaks."""
    ends = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder))
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            monkey = Monkey(browser.new_context(viewport={"width": 1280, "height": 900}), server, seed)
            process = psutil.Process(server.process.pid)
            while time.monotonic() < ends:
                monkey.act()
                if monkey.counts.total() % report == 0:
                    minute = minutes - (ends - time.monotonic()) / 60
                    megabytes = process.memory_info().rss / 2**20
                    print(f"minute {minute:5.1f}  {monkey.counts.total():6,} actions  {megabytes:6.0f} MB", flush=True)
            print(dict(monkey.counts))
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
