"""What makes a page readable: it fits into the window, and axe-core finds nothing serious in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.visitor import Visitor

PHONE, LAPTOP = 375, 1280
"""Widths of windows in pixels."""

SERIOUS = {"serious", "critical"}
FIND_PROBLEMS = Path(__file__).with_name("find_problems.js").read_text(encoding="utf-8")


def set_up(visitor: Visitor, width: int, scheme: Literal["light", "dark"]) -> None:
    """Changes the width of the window in pixels and its color scheme; waits until an open page has settled."""
    visitor.page.set_viewport_size({"width": width, "height": 900})
    visitor.page.emulate_media(color_scheme=scheme)
    visitor.page.wait_for_function(
        """isDark => {
            const brightness = (node) => +getComputedStyle(node).color.match(/\\d+/)[0];
            const texts = document.querySelectorAll('[data-testid=stApp], .live');
            return [...texts].every((node) => (brightness(node) > 128) === isDark);
        }""",
        arg=scheme == "dark",
    )
    wait_until_settled(visitor)


def wait_until_settled(visitor: Visitor) -> None:
    """Waits until the charts are drawn, and they and the page fit into the window."""
    visitor.page.wait_for_function(
        """() => {
            const fits = ({ clientWidth, _fullLayout: layout }) => !clientWidth  // in a tab that is not open
                || Math.abs(clientWidth - layout?.width) < 1 || layout?.width === layout?.meta?.min_width;
            const main = document.querySelector('[data-testid=stMain]');
            const charts = [...document.querySelectorAll('.live .chart')];
            return !main || main.scrollWidth <= innerWidth
                && charts.every((chart) => chart.querySelector('.main-svg') && fits(chart));
        }"""
    )


def layout_problems(visitor: Visitor) -> list[str]:
    """What sticks out of the window, is cut, overlaps, or is too high on a page, in words."""
    return list(visitor.page.evaluate(FIND_PROBLEMS))


def violations(visitor: Visitor, *rules: str) -> list[str]:
    """Serious and critical violations of some or all rules of axe-core: rule, element and what is wrong."""
    options: dict[str, Any] = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    wait_until_faded(visitor.page)
    with without_drawings(visitor.page):
        found = Axe().run(visitor.page, {"exclude": [["[data-testid=stCode]"]]}, options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def wait_until_faded(page: Page) -> None:
    """Waits until nothing is faded, as what a script that runs may still replace, or on its way to or from it."""
    page.wait_for_function(
        """() => !document.querySelector('[data-stale=true]') && document.getAnimations().every(
            ({ effect, playState }) => playState !== 'running' || effect.getComputedTiming().endTime === Infinity
        )"""
    )


@contextmanager
def without_drawings(page: Page) -> Iterator[None]:
    """Takes the thousands of elements that plotly draws, for which an alternative text speaks, out for a while."""
    page.evaluate(
        """() => {
            window.drawings = [...document.querySelectorAll('.main-svg')].map((drawing) => {
                const place = document.createComment('drawing');
                drawing.replaceWith(place);
                return () => place.replaceWith(drawing);
            });
        }"""
    )
    yield
    page.evaluate("() => window.drawings.forEach((putBack) => putBack())")
