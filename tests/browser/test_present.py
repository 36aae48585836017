"""Presenting: what only a browser knows of."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, idle, visit


def test_keys_start_scrub_and_reset_while_presenting(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/?mlp_steps=200")
    small = page.locator("h1").evaluate("node => parseFloat(getComputedStyle(node).fontSize)")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()  # not without presenting
    page.get_by_role("button", name="Present").click()
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    assert page.locator("h1").evaluate("node => parseFloat(getComputedStyle(node).fontSize)") > 1.2 * small
    page.keyboard.press(" ")
    slider = page.locator(".st-key-mlp-at input[type=range]")
    expect(slider).to_have_attribute("aria-valuetext", "200")
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "100")
    idle(page)
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "200")
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_text("paused")).to_be_visible()
    page.reload()
    idle(page)
    expect(page.get_by_test_id("stHeader")).to_be_hidden()  # it stays, for this tab
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stHeader")).to_be_visible()


def test_typing_is_left_alone_while_presenting(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/sample")
    page.get_by_role("button", name="Present").click()
    page.get_by_role("tab", name="They read").click()
    field = page.get_by_role("textbox", name="Text", exact=True)
    field.fill("")
    field.press_sequentially("rara r")
    expect(field).to_have_value("rara r")


def test_charts_grow_for_the_projector(page: Page, server: Server) -> None:
    visit(page, server.url)
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    size = "node => node._fullLayout.font.size"
    before = chart.evaluate(size)
    page.get_by_role("button", name="Present").click()
    page.wait_for_function(
        "before => document.querySelector('.js-plotly-plot')._fullLayout.font.size > before", arg=before
    )
    page.keyboard.press("Escape")
    page.wait_for_function(
        "before => document.querySelector('.js-plotly-plot')._fullLayout.font.size === before", arg=before
    )
