"""A click on the saturation map, and snapshots that play by themselves."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_click_on_the_map_of_units_chooses_the_unit(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1280, "height": 2600})
    visitor.open("/activations?locales=de_DE&act_hidden=30")
    hovered = re.search(r"unit (\d+)", visitor.chart("act.board").click(300, 120))
    assert hovered
    assert hovered[1] != "0"  # which is shown before any click
    histogram = visitor.chart("act.unit").node
    expect(histogram).to_have_attribute("aria-label", re.compile(f"of unit {hovered[1]};"))


def test_histograms_follow_the_snapshots_that_are_played(visitor: Visitor) -> None:
    visitor.open("/activations?locales=de_DE&act_steps=400&act_hidden=31")
    visitor.button("act.go").click()
    visitor.wait_for_text("finished", exact=True)
    visitor.wait_until_idle()
    histogram, heights = visitor.chart("act.distributions", 0).wait(), "Array.from(node._fullData[0].y).join()"
    last = histogram.evaluate(heights)
    visitor.button("act.play").click()
    histogram.wait_until(f"{heights} !== arg", last)
    histogram.wait_until(f"{heights} === arg", last)
    expect(visitor.button("act.play")).to_have_text(re.compile("Play"))
