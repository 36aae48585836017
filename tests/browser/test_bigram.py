"""A click on the matrix of pairs."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_click_on_the_matrix_shows_what_follows(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1280, "height": 1400})  # the whole matrix, so that nothing scrolls
    visitor.open("/bigram")
    hovered = re.search(r"follows (.)", visitor.chart("pairs").click(200, 100))
    assert hovered
    assert hovered[1] != "a"  # which is shown before any click
    expect(visitor.field("bigram_row")).to_have_value(hovered[1])
    visitor.chart("follows").wait_until("node.textContent.includes(`follows ${arg}`)", hovered[1])
