"""Two trained models side by side, and a link that somebody else opens."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor


def train(visitor: Visitor, hidden: int) -> str:
    """Trains a small model; returns the address of its page."""
    visitor.open(f"/mlp?mlp_hidden={hidden}&mlp_steps=300")
    visitor.button("mlp.go").click()
    visitor.wait_for_text("finished", exact=True)
    return visitor.page.url


def test_two_trained_models_sample_side_by_side(visitor: Visitor) -> None:
    for hidden in (26, 27):
        train(visitor, hidden)
    visitor.open("/sample")
    expect(visitor.widget("sample.new").get_by_text("New: mlp")).to_have_count(2)
    drawn = visitor.page.get_by_text(re.compile(r", text \d+, character \d+:"))
    before = drawn.inner_text()
    visitor.chart("sample.written", 1).click(40, 60)
    expect(drawn).not_to_have_text(before)
    expect(drawn).to_contain_text("mlp")


def test_a_link_shows_a_run_to_somebody_else(new_visitor: NewVisitor) -> None:
    address = train(new_visitor(), 28)
    somebody = new_visitor()
    somebody.open(address)
    somebody.wait_for_step(300)
    expect(somebody.field("mlp_hidden")).to_have_value("28")
