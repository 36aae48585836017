"""Every tab of every page on a screen that is 375 pixels wide."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.browser.test_every_page import PATHS
from tests.browser.visitor import Visitor

FIND_PROBLEMS = Path(__file__).with_name("find_problems.js").read_text(encoding="utf-8")


def tabs(visitor: Visitor) -> list[Locator]:
    return visitor.page.get_by_role("tab").all()


@pytest.mark.parametrize("path", PATHS)
def test_nothing_overlaps_or_is_cut_on_a_phone(visitor: Visitor, path: str) -> None:
    visitor.page.set_viewport_size({"width": 375, "height": 812})
    visitor.open(f"/{path}")
    for at in range(max(1, len(tabs(visitor)))):
        if opened := tabs(visitor):
            opened[at].click()
            visitor.wait_until_idle()
        # every chart is drawn, and what was drawn for another width has settled
        visitor.page.wait_for_function(
            "[...document.querySelectorAll('.live .chart')].every((node) => node.querySelector('.main-svg'))"
        )
        visitor.page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollWidth <= 375")
        problems = visitor.page.evaluate(FIND_PROBLEMS)
        assert problems == [], opened[at].inner_text() if opened else path
