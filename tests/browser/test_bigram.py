"""A click on the matrix of pairs."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_click_on_the_matrix_shows_what_follows(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1280, "height": 1400})  # the whole matrix, so that nothing scrolls
    visitor.open("/bigram")
    hovered = re.search(r"after (.):", visitor.chart("pairs").click(200, 100))
    assert hovered
    assert hovered[1] != "a"  # which is shown before any click
    expect(visitor.chart("follows").node).to_have_attribute("aria-label", re.compile(f"that follow {hovered[1]}\\."))
