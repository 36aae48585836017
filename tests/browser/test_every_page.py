"""What holds for every tab of every page: it fits a phone and a laptop, and axe-core finds nothing serious."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.visitor import Visitor
from ui.navigation import ALL

PATHS = ["", *(page.url_path for page in ALL)]
DRAWN = {"": ".miniature svg", "lessons": "[data-testid=stExpander]"}  # pages without charts
PHONE, LAPTOP = 375, 1280  # pixels
SERIOUS = {"serious", "critical"}
FIND_PROBLEMS = Path(__file__).with_name("find_problems.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PATHS)
def test_every_tab_is_readable(visitor: Visitor, path: str) -> None:
    resize(visitor, PHONE)
    visitor.open(f"/{path}")
    if path in DRAWN:
        visitor.page.wait_for_selector(DRAWN[path])
    else:
        visitor.chart().wait()
    visitor.page.wait_for_selector(".present-button", state="attached")  # which comes with a part of the page's style
    problems = []
    for tab in each_tab(visitor):
        resize(visitor, PHONE)
        problems += [f"{tab}: {problem}" for problem in visitor.page.evaluate(FIND_PROBLEMS)]
        resize(visitor, LAPTOP)
        for scheme, rules in each_scheme(visitor):
            problems += [f"{tab}, {scheme}: {problem}" for problem in violations(visitor, *rules)]
    assert problems == []


def each_tab(visitor: Visitor) -> Iterator[str]:
    """Opens the tabs of a page one after the other, and waits until their charts are drawn; a page may have none."""
    tabs = visitor.page.get_by_role("tab")
    for at in range(max(1, tabs.count())):
        name = "the page"
        if tabs.count():
            name = tabs.nth(at).inner_text()
            tabs.nth(at).click()
            visitor.wait_until_idle()
        visitor.page.wait_for_function(
            "[...document.querySelectorAll('.live .chart')].every((node) => node.querySelector('.main-svg'))"
        )
        yield name


def each_scheme(visitor: Visitor) -> Iterator[tuple[str, list[str]]]:
    """Switches the open page to dark and back to light, as a laptop does in the evening.

    Yields:
        The scheme, and the rules of axe-core that it can break; empty for all.
    """
    for scheme, rules in {"dark": ["color-contrast"], "light": []}.items():
        visitor.page.emulate_media(color_scheme=scheme)
        visitor.page.wait_for_function(
            """isDark => {
                const brightness = (node) => +getComputedStyle(node).color.match(/\\d+/)[0];
                const texts = document.querySelectorAll('[data-testid=stApp], .live');
                return [...texts].every((node) => (brightness(node) > 128) === isDark);
            }""",
            arg=scheme == "dark",
        )
        visitor.wait_until_idle()
        yield scheme, rules


def resize(visitor: Visitor, width: int) -> None:
    """Changes the width of the window, and waits until the page and its charts have settled in it."""
    visitor.page.set_viewport_size({"width": width, "height": 900})
    visitor.page.wait_for_function(
        """width => {
            const fits = ({ clientWidth, _fullLayout: layout }) => !clientWidth  // in a tab that is not open
                || Math.abs(clientWidth - layout?.width) < 1 || layout?.width === layout?.meta?.min_width;
            const main = document.querySelector('[data-testid=stMain]');
            const charts = [...document.querySelectorAll('.live .js-plotly-plot')];
            return !main || main.scrollWidth <= width && charts.every(fits);
        }""",
        arg=width,
    )


def violations(visitor: Visitor, *rules: str) -> list[str]:
    """Serious and critical violations of some or all rules on the whole page: rule, element and what is wrong."""
    # Streamlit's colors of code, and plotly's drawings, for which their alternative text speaks
    foreign = {"exclude": [["[data-testid=stCode]"], [".main-svg"]]}
    options: dict[str, Any] = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found = Axe().run(visitor.page, foreign, options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]
