"""A click on the tree of layers."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_click_on_a_node_shows_its_receptive_field(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1280, "height": 2000})
    visitor.open("/wavenet?locales=de_DE&wave_hidden=10")
    tree = visitor.chart("wave.tree").wait()
    expect(tree.node).to_have_attribute("aria-label", re.compile("of output sees ....emma"))
    tree.click(8, 8, inside=".scatterlayer .point >> nth=9")  # above the third and fourth characters
    expect(tree.node).to_have_attribute("aria-label", re.compile("of tanh sees .."))
