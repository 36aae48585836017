"""Two trained models side by side, and a link that somebody else opens."""

from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor


def train(visitor: Visitor, hidden: int) -> str:
    """Trains a small model; returns the address of its page."""
    visitor.open(f"/?mlp_hidden={hidden}&mlp_steps=300")
    visitor.button("mlp.go").click()
    visitor.wait_for_text("finished", exact=True)
    return visitor.page.url


def test_two_trained_models_sample_side_by_side(visitor: Visitor) -> None:
    for hidden in (26, 27):
        train(visitor, hidden)
    visitor.open("/sample")
    visitor.page.get_by_text("New by mlp").nth(1).wait_for()
    draw = visitor.chart("sample.draw").wait()
    before = draw.node.get_attribute("aria-label") or ""
    visitor.chart("sample.written", 1).click(40, 60)
    expect(draw.node).not_to_have_attribute("aria-label", before)
    expect(draw.node).to_have_attribute("aria-label", "mlp")


def test_a_link_shows_a_run_to_somebody_else(new_visitor: NewVisitor) -> None:
    address = train(new_visitor(), 28)
    somebody = new_visitor()
    somebody.open(address)
    somebody.wait_for_step(300)
    expect(somebody.field("mlp_hidden")).to_have_value("28")
