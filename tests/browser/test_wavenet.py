"""A click on the tree of layers."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_click_on_a_node_shows_its_receptive_field(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1280, "height": 2000})
    visitor.open("/wavenet?locales=de_DE&wave_hidden=10")
    tree = visitor.chart("wave.tree").wait()
    expect(tree.node).to_have_attribute("aria-label", re.compile("of output sees ....emma"))
    node = tree.node.locator(".scatterlayer .point").nth(9).bounding_box()  # above the third and fourth characters
    axes = tree.node.locator(".nsewdrag").bounding_box()
    assert node
    assert axes
    tree.click(node["x"] - axes["x"] + node["width"] / 2, node["y"] - axes["y"] + 10)
    expect(tree.node).to_have_attribute("aria-label", re.compile("of tanh sees .."))
