"""The home page in a browser: everything at once, motion only for those who like it, and links that fit a thumb."""

import pytest
from playwright.sync_api import expect

from pages.home.home.course import STOPS
from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor

N_ANIMATIONS = "document.getAnimations().filter((one) => one.effect.target.closest('.miniature')).length"


def test_every_miniature_is_there_at_once(visitor: Visitor) -> None:
    visitor.open("/")
    expect(visitor.page.locator(".miniature svg[role=img]")).to_have_count(len(STOPS))
    visitor.page.wait_for_function(f"{N_ANIMATIONS} > {len(STOPS)}")


def test_motion_stops_for_those_who_prefer_it(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(reduced_motion="reduce")
    visitor.open("/")
    expect(visitor.page.locator(".miniature svg")).to_have_count(len(STOPS))
    assert visitor.page.evaluate(N_ANIMATIONS) == 0
    frames = visitor.page.locator(".st-key-stop-counting .frame")
    expect(frames.last).to_be_visible()  # the end of the run
    expect(frames.first).to_be_hidden()


@pytest.mark.parametrize(
    ("link", "title"), [("Start here", "MLP"), ("WaveNet sees the last eight", "WaveNet"), ("Runs", "Runs")]
)
def test_links_work_on_a_phone(new_visitor: NewVisitor, link: str, title: str) -> None:
    visitor = new_visitor(has_touch=True)
    visitor.page.set_viewport_size({"width": 375, "height": 800})
    visitor.open("/")
    visitor.page.get_by_test_id("stMain").get_by_role("link", name=link).tap()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(title)
