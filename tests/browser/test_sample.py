"""Sampling and sharing: two trained models side by side, and a link that somebody else opens."""

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, idle, visit
from tests.browser.test_browser import click, reaches


def train(page: Page, server: Server, hidden: int) -> str:
    """Trains a small model; returns the address of the page then."""
    visit(page, f"{server.url}/?mlp_hidden={hidden}&mlp_steps=300")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("finished", exact=True).wait_for()
    return page.url


def test_two_trained_models_write_side_by_side_and_a_link_shows_one_to_somebody_else(
    page: Page, browser: Browser, server: Server
) -> None:
    addresses = [train(page, server, hidden) for hidden in (20, 30)]
    visit(page, f"{server.url}/sample")
    page.get_by_text("New by mlp").nth(1).wait_for()
    before = page.get_by_text("the dart hit it").inner_text()
    click(page.locator(".js-plotly-plot").nth(1), 40, 60)
    page.wait_for_function(
        "before => ![...document.querySelectorAll('[data-testid=stText]')].some(node => node.innerText === before)",
        arg=before,
    )
    assert "mlp" in page.get_by_text("the dart hit it").inner_text()
    other = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    visit(other, addresses[0])
    idle(other)
    reaches(other, 300)
    expect(other.get_by_role("spinbutton", name="Hidden", exact=True)).to_have_value("20")
    other.context.close()
