"""What a visitor can take from a chart."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Server, visit

BEGINS = {
    "Picture (PNG)": b"\x89PNG",
    "Drawing (SVG)": b"<svg",
    "Page (HTML)": b"<!doctype html>",
    "Data (CSV)": b"trace,",
}


def take(page: Page, title: str, at: int = 0) -> bytes:
    chart = page.locator(".js-plotly-plot").nth(at)
    chart.scroll_into_view_if_needed()
    chart.hover()
    with page.expect_download() as caught:
        chart.locator(f".modebar-btn[data-title='{title}']").click()
    return Path(caught.value.path()).read_bytes()


@pytest.mark.parametrize("title", BEGINS)
def test_a_chart_can_be_taken_home(page: Page, server: Server, title: str) -> None:
    visit(page, server.url)
    page.wait_for_selector(".js-plotly-plot .modebar-btn")
    assert take(page, title).lstrip().startswith(BEGINS[title])


def test_the_data_of_a_heatmap_are_a_line_a_cell(page: Page, server: Server) -> None:
    visit(page, server.url)
    page.wait_for_selector(".js-plotly-plot >> nth=1")
    page.wait_for_selector(".js-plotly-plot .modebar-btn")
    lines = take(page, "Data (CSV)", 1).decode().splitlines()
    assert len(lines) == 1 + 27 * 27
    row = [float(line.rsplit(",", 1)[1]) for line in lines[1:28]]
    assert sum(row) == pytest.approx(1, abs=0.01)


def test_a_chart_as_a_page_draws_without_the_app(page: Page, server: Server, tmp_path: Path) -> None:
    visit(page, server.url)
    page.wait_for_selector(".js-plotly-plot .modebar-btn")
    file = tmp_path / "chart.html"
    file.write_bytes(take(page, "Page (HTML)"))
    other = page.context.browser.new_page()
    other.goto(file.as_uri())
    other.wait_for_selector(".js-plotly-plot .main-svg")
    assert "loss (nats per character)" in other.locator(".js-plotly-plot").inner_text()
    other.close()


def test_no_chart_offers_to_send_itself_elsewhere(page: Page, server: Server) -> None:
    visit(page, server.url)
    page.wait_for_selector(".js-plotly-plot .modebar-btn")
    titles = page.locator(".modebar-btn").evaluate_all("buttons => buttons.map((button) => button.dataset.title)")
    assert "Zoom" in titles
    assert not [title for title in titles if "Share" in title or "loud" in title]


def test_a_chart_says_in_words_what_it_shows(page: Page, server: Server) -> None:
    visit(page, server.url)
    page.wait_for_selector(".js-plotly-plot >> nth=1")
    said = page.locator("[role=img]").nth(1).get_attribute("aria-label") or ""
    assert "The largest value is" in said
