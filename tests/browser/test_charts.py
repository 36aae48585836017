"""What can be downloaded from a chart, and what it says in words."""

import itertools
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Chart, Visitor

BEGINNING = {
    "Download as PNG": b"\x89PNG",
    "Download as SVG": b"<svg",
    "Download as HTML": b"<!doctype html>",
    "Download data (CSV)": b"trace,",
}


def download(chart: Chart, title: str) -> bytes:
    chart.wait().node.scroll_into_view_if_needed()
    chart.node.hover()
    with chart.page.expect_download() as caught:
        chart.node.locator(f".modebar-btn[data-title='{title}']").click()
    return Path(caught.value.path()).read_bytes()


def test_a_chart_can_be_downloaded_in_four_formats(visitor: Visitor) -> None:
    visitor.open("/mlp")
    for title, beginning in BEGINNING.items():
        assert download(visitor.chart("mlp.live", 0), title).lstrip().startswith(beginning)


def test_the_data_of_a_heatmap_have_one_line_per_cell(visitor: Visitor) -> None:
    visitor.open("/mlp")
    lines = download(visitor.chart("mlp.live", 1), "Download data (CSV)").decode().splitlines()
    assert len(lines) == 1 + 27 * 27
    row = [float(line.rsplit(",", 1)[1]) for line in lines[1:28]]
    assert sum(row) == pytest.approx(1, abs=0.01)


def test_a_downloaded_page_draws_its_chart_without_the_app(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open("/mlp")
    file = tmp_path / "chart.html"
    file.write_bytes(download(visitor.chart("mlp.live", 0), "Download as HTML"))
    alone = visitor.page.context.new_page()
    alone.goto(file.as_uri())
    expect(alone.locator(".js-plotly-plot")).to_contain_text("Loss (nats per character)")


def test_no_chart_offers_to_upload_itself(visitor: Visitor) -> None:
    visitor.open("/mlp")
    buttons = visitor.chart("mlp.live", 0).wait().node.locator(".modebar-btn")
    titles = buttons.evaluate_all("buttons => buttons.map(button => button.dataset.title)")
    assert "Zoom" in titles
    assert not [title for title in titles if "Share" in title or "loud" in title]


def test_a_chart_says_in_words_what_it_shows(visitor: Visitor) -> None:
    visitor.open("/mlp")
    heatmap = visitor.chart("mlp.live", 1).wait().node
    expect(heatmap).to_have_attribute("aria-label", re.compile("The highest value is"))


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("address", ["/mlp", "/gru-lstm?text=python-reference"])
def test_no_sample_is_cut_and_no_ticks_overlap(visitor: Visitor, address: str, width: int) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 900})
    visitor.open(address)
    heatmap = visitor.chart(index=1).wait()
    samples = visitor.page.locator(".live .text pre")
    assert len(samples.inner_text().splitlines()[1].split()) > 2
    assert samples.evaluate("node => node.scrollWidth <= node.clientWidth")
    for axis, start, end in [("x", "left", "right"), ("y", "top", "bottom")]:
        boxes = heatmap.evaluate(
            f"""[...node.querySelectorAll('.{axis}axislayer-above .{axis}tick text')]
                .map((text) => text.getBoundingClientRect()).map((box) => [box.{start}, box.{end}])"""
        )
        assert len(boxes) > 10
        middles = sorted((start + end) / 2 for start, end in boxes)
        assert min(other - one for one, other in itertools.pairwise(middles)) > 5


def test_a_chart_that_disappears_while_it_is_dragged_makes_no_error(visitor: Visitor) -> None:
    visitor.open("/bigram")
    axes = visitor.chart("follows").wait().node.locator(".nsewdrag").first
    axes.hover()
    mouse, box = visitor.page.mouse, axes.bounding_box()
    assert box
    mouse.down()
    mouse.move(box["x"] + 30, box["y"] + 30, steps=3)
    drag = visitor.page.locator(".dragcover")
    expect(drag).to_have_count(1)
    visitor.page.get_by_role("tab", name="Smoothing").evaluate("tab => tab.click()")  # the mouse is busy
    visitor.chart("smoothed").wait()
    expect(visitor.widget("follows")).to_have_count(0)
    mouse.move(box["x"] + 60, box["y"] + 60, steps=3)
    mouse.up()
    expect(drag).to_have_count(0)


def test_the_script_of_the_charts_loads_with_the_frame_of_a_page_without_charts(visitor: Visitor) -> None:
    visitor.open("/lessons")
    visitor.page.wait_for_function("window.Plotly")
    assert not visitor.page.locator(".js-plotly-plot").count()


def test_a_chart_asks_again_for_a_script_that_could_not_be_loaded(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(reduced_motion="reduce")  # a browser of its own, without the script in its cache
    lost = iter([True])
    visitor.page.route("**/plotly.min.js", lambda route: route.abort() if next(lost, False) else route.continue_())
    visitor.open("/mlp")
    visitor.chart("mlp.live", 0).wait()
    assert visitor.problems
    visitor.problems.clear()  # which are those of the lost request
