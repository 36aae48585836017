"""What holds for every tab of every page: it fits a phone and a laptop, and axe-core finds nothing serious."""

from collections.abc import Iterator

import pytest

from tests.browser.readability import LAPTOP, PHONE, layout_problems, set_up, violations, wait_until_settled
from tests.browser.visitor import PATHS, Visitor

DRAWN = {"": ".miniature svg", "lessons": "[data-testid=stExpander]"}  # pages without charts


@pytest.mark.parametrize("path", PATHS)
def test_every_tab_is_readable(visitor: Visitor, path: str) -> None:
    set_up(visitor, PHONE, "dark")
    visitor.open(f"/{path}")
    if path in DRAWN:
        visitor.page.wait_for_selector(DRAWN[path])
    else:
        visitor.chart().wait()
    visitor.page.wait_for_selector(".present-button", state="attached")  # which comes with a part of the page's style
    problems = []
    for tab in each_tab(visitor):
        problems += [f"{tab}, on a phone in the dark: {problem}" for problem in layout_problems(visitor)]
        problems += [f"{tab}, on a phone in the dark: {problem}" for problem in violations(visitor, "color-contrast")]
    set_up(visitor, LAPTOP, "dark")  # with the sidebar, which is folded on a phone
    problems += [f"in the dark: {problem}" for problem in violations(visitor, "color-contrast")]
    set_up(visitor, LAPTOP, "light")
    for tab in each_tab(visitor):
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
        wait_until_settled(visitor)
        yield name
