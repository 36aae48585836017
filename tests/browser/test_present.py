"""Presenting on a projector: larger type, and keys that press the page's buttons."""

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def start_presenting(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name="Present").click()
    expect(visitor.page.get_by_test_id("stHeader")).to_be_hidden()


def test_keys_start_step_scrub_and_reset(visitor: Visitor) -> None:
    visitor.open("/mlp?mlp_steps=200")
    visitor.page.keyboard.press(" ")
    visitor.reload()
    assert visitor.step == 0  # keys do nothing before
    expect(visitor.button("mlp.go")).to_be_visible()
    start_presenting(visitor)
    visitor.page.keyboard.press(" ")
    slider = visitor.widget("mlp.at").locator("input[type=range]")
    expect(slider).to_have_attribute("aria-valuetext", "200")
    visitor.page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "100")
    visitor.wait_until_idle()
    visitor.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "200")
    visitor.wait_until_idle()
    visitor.page.keyboard.press("r")
    expect(visitor.button("mlp.step")).to_be_enabled()
    visitor.wait_until_idle()
    visitor.page.keyboard.press("ArrowUp")
    visitor.wait_for_step(1)


def test_presenting_lasts_until_escape(visitor: Visitor) -> None:
    visitor.open("/mlp")
    size_of_title = "parseFloat(getComputedStyle(document.querySelector('h1')).fontSize)"
    before = visitor.page.evaluate(size_of_title)
    start_presenting(visitor)
    expect(visitor.page.get_by_test_id("stSidebar")).to_be_hidden()
    assert visitor.page.evaluate(size_of_title) > 1.2 * before
    visitor.reload()
    expect(visitor.page.get_by_test_id("stHeader")).to_be_hidden()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_test_id("stHeader")).to_be_visible()


def test_typing_is_left_alone(visitor: Visitor) -> None:
    visitor.open("/sample")
    start_presenting(visitor)
    visitor.choose_tab("Score a text")
    field = visitor.page.get_by_role("textbox", name="Text", exact=True)
    field.fill("")
    field.press_sequentially("rara r")
    expect(field).to_have_value("rara r")


def test_charts_grow(visitor: Visitor) -> None:
    visitor.open("/mlp")
    chart, size = visitor.chart("mlp.live", 0).wait(), "node._fullLayout.font.size"
    before = chart.evaluate(size)
    start_presenting(visitor)
    chart.wait_until(f"{size} > arg", before)
    visitor.page.keyboard.press("Escape")
    chart.wait_until(f"{size} === arg", before)
