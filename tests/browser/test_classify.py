"""What only a browser shows of the classifiers: a boundary that moves, a sheet to draw on."""

from playwright.sync_api import Page

from tests.browser.conftest import Server, idle, visit
from tests.browser.test_browser import click

REGIONS = """() => { const chart = [...document.querySelectorAll('.js-plotly-plot')].find(
    (node) => node._fullData?.some((trace) => trace.type === 'heatmap'));
    return chart ? Array.from(chart._fullData[0].z.flatMap ? chart._fullData[0].z.flat() : []).join() : '' }"""


def test_the_boundary_moves_while_it_trains(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/linear?linear_steps=1000000&linear_learning_rate=0.0002")
    page.wait_for_function(f"({REGIONS})().length > 100")
    seen = {page.evaluate(REGIONS)}
    node = page.locator(".js-plotly-plot").first
    node.evaluate("(chart) => { chart.mark = 'the same node' }")
    page.locator(".st-key-linear-go button").click()
    for _ in range(3):
        page.wait_for_function(
            f"(seen) => {{ const now = ({REGIONS})(); return now.length > 100 && !seen.includes(now) }}", arg=list(seen)
        )
        seen.add(page.evaluate(REGIONS))
    assert len(seen) >= 4
    assert node.evaluate("(chart) => chart.mark") == "the same node"  # nothing was mounted anew


def test_a_drawn_digit_gets_a_prediction(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/images?images_steps=2000&images_learning_rate=0.2")
    page.locator(".st-key-images-go button").click()
    page.get_by_text("finished", exact=True).wait_for()
    page.get_by_role("tab", name="Draw or upload").click()
    sheet = page.locator(".draw canvas")
    sheet.wait_for()
    box = sheet.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 140, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 250, steps=12)
    page.mouse.up()
    page.get_by_text("Prediction: 1 (").wait_for()
    page.get_by_role("button", name="Wipe").click()
    page.get_by_text("Prediction: 1 (").wait_for(state="detached")
    idle(page)


def test_a_click_on_the_picture_adds_a_point(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/linear")
    page.wait_for_function(f"({REGIONS})().length > 100")
    page.locator(".st-key-linear-brush").get_by_text("B", exact=True).click()
    idle(page)
    picture = page.locator(".js-plotly-plot").first
    click(picture, 60, 60)
    page.get_by_role("button", name="Remove the 1 added").wait_for()
    click(picture, 120, 80)
    page.get_by_role("button", name="Remove the 2 added").click()
    page.get_by_role("button", name="added").wait_for(state="detached")
