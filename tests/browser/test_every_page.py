"""What holds for every tab of every page: it fits a phone and a laptop, and axe-core finds nothing serious."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor
from ui.navigation import ALL

PATHS = ["", *(page.url_path for page in ALL)]
DRAWN = {"": ".miniature svg", "lessons": "[data-testid=stExpander]"}  # pages without charts
PHONE, LAPTOP = 375, 1280  # pixels
SERIOUS = {"serious", "critical"}
FIND_PROBLEMS = Path(__file__).with_name("find_problems.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_every_tab_is_readable(new_visitor: NewVisitor, path: str, scheme: str) -> None:
    visitor = new_visitor(color_scheme=scheme)
    resize(visitor, PHONE)
    visitor.open(f"/{path}")
    if path in DRAWN:
        visitor.page.wait_for_selector(DRAWN[path])
    else:
        visitor.chart().wait()
    visitor.page.wait_for_selector(".present-button", state="attached")  # which comes with a part of the page's style
    assert (brightness_of_text(visitor) > 128) == (scheme == "dark")
    problems = []
    for tab in each_tab(visitor):
        resize(visitor, PHONE)
        problems += [f"{tab}: {problem}" for problem in visitor.page.evaluate(FIND_PROBLEMS)]
        resize(visitor, LAPTOP)
        problems += [f"{tab}: {problem}" for problem in violations(visitor)]
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


def violations(visitor: Visitor) -> list[str]:
    """Serious and critical violations on the whole page: rule, element and what is wrong."""
    # Streamlit's colors of code, and plotly's drawings, for which their alternative text speaks
    foreign = {"exclude": [["[data-testid=stCode]"], [".main-svg"]]}
    found = Axe().run(visitor.page, foreign, {"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def brightness_of_text(visitor: Visitor) -> int:
    """The red part of the color of text, from 0 to 255."""
    color = visitor.page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).color")
    return int(re.findall(r"\d+", color)[0])
