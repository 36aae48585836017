"""What only a browser shows: the app as a visitor uses it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Server, idle, visit
from ui.navigation import DEFAULT, SECTIONS


def step(page: Page) -> int:
    return int(page.locator(".live .numbers b").first.inner_text().replace(",", ""))


def reaches(page: Page, at_least: int) -> None:
    page.wait_for_function(
        "least => +document.querySelector('.live .numbers b')?.innerText.replaceAll(',', '') >= least", arg=at_least
    )


def losses(page: Page) -> list[float]:
    """The smoothed curve, as plotly drew it."""
    return page.evaluate(
        """() => Array.from(document.querySelectorAll('.js-plotly-plot')[0]._fullData
            ?.find(trace => trace.name === 'smoothed')?.y ?? [])"""
    )


def drawn_to(page: Page) -> float:
    """The step of the last point of the curve."""
    return page.evaluate("Array.from(document.querySelectorAll('.js-plotly-plot')[0]._fullData[1].x).at(-1)")


def button(page: Page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def click(chart: Locator, x: float, y: float) -> str:
    """Clicks into a chart and returns what its label said: plotly clicks on what it hovers over, and forgets that
    when it draws again."""
    drawing, label = chart.locator(".nsewdrag").first, chart.locator(".hoverlayer .hovertext").first
    drawing.wait_for()
    position = {"x": int(x), "y": int(y)}
    while not label.is_visible():
        position["x"] ^= 1
        drawing.hover(position=position)
        chart.page.wait_for_timeout(50)  # plotly answers at most every 50 ms
    said = label.text_content() or ""
    drawing.click(position=position)
    return said


def test_a_model_trains_live(page: Page, server: Server) -> None:
    visit(page, server.url)
    page.wait_for_selector(".js-plotly-plot")
    assert step(page) == 0

    button(page, "Start").click()
    reaches(page, 200)
    reached = drawn_to(page)
    assert losses(page)[0] == pytest.approx(3.3, abs=0.15)
    page.wait_for_function(
        "() => Array.from(document.querySelectorAll('.js-plotly-plot')[0]._fullData?.[1]?.y ?? []).at(-1) < 2.6"
    )
    page.wait_for_function(
        "least => Array.from(document.querySelectorAll('.js-plotly-plot')[0]._fullData?.[1]?.x ?? []).at(-1) > least",
        arg=reached,
    )

    button(page, "Pause").click()
    expect(page.get_by_text("paused")).to_be_visible()
    idle(page)  # the numbers are drawn after the word
    paused = step(page)
    page.wait_for_timeout(800)  # time is the point here: nothing may happen in it
    assert step(page) == paused

    button(page, "Resume").click()
    reaches(page, paused + 500)

    rate = page.get_by_role("spinbutton", name="Learning rate")
    rate.fill("0.02")
    rate.press("Enter")
    page.wait_for_function(
        "() => document.querySelectorAll('.js-plotly-plot')[0].textContent.includes('learning rate 0.02')"
    )

    before = step(page)
    page.get_by_test_id("stTopNavSection").filter(has_text="Text").click()
    page.get_by_test_id("stTopNavDropdownLink").filter(has_text="Dataset").click()
    expect(page.get_by_role("heading", name="What a model gets to see")).to_be_visible()
    idle(page)
    page.go_back()
    expect(page.get_by_role("heading", name="A network that learns to write")).to_be_visible()
    reaches(page, before + 200)

    button(page, "Reset").click()
    expect(button(page, "Start")).to_be_visible()
    page.wait_for_function("document.querySelector('.live .numbers b')?.innerText === '0'")
    button(page, "One step").click()
    reaches(page, 1)
    assert losses(page)[0] == pytest.approx(3.3, abs=0.15)


def test_zoom_and_hidden_traces_survive_updates(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/?locales=de_DE")
    page.wait_for_selector(".js-plotly-plot")
    button(page, "Start").click()
    reaches(page, 300)
    page.evaluate("document.querySelectorAll('.js-plotly-plot')[0].dataset.mark = 'same node'")
    chart = page.locator(".js-plotly-plot").first
    area = chart.locator(".nsewdrag").first.bounding_box()
    assert area
    whole = page.evaluate("document.querySelectorAll('.js-plotly-plot')[0]._fullLayout.xaxis.range")
    page.mouse.move(area["x"] + 40, area["y"] + area["height"] / 2)  # zoom into a band, as a visitor does
    page.mouse.down()
    page.mouse.move(area["x"] + 140, area["y"] + area["height"] / 2, steps=5)
    page.mouse.up()
    chart.locator(".legendtoggle").first.click()
    look = """() => { const chart = document.querySelectorAll('.js-plotly-plot')[0];
        const trace = chart._fullData[0];
        return [chart.dataset.mark, chart._fullLayout.xaxis.range, trace.visible, Array.from(trace.x).at(-1)]; }"""
    page.wait_for_function(f"() => ({look})()[2] === 'legendonly'")
    before = page.evaluate(look)
    assert before[1] != whole
    reaches(page, step(page) + 1500)
    after = page.evaluate(look)
    assert after[:3] == ["same node", before[1], "legendonly"]
    assert after[3] > before[3]
    button(page, "Pause").click()
    expect(page.get_by_text("paused")).to_be_visible()


def test_two_tabs_do_not_disturb_each_other_and_a_closed_one_trains_on(
    page: Page, browser: Browser, server: Server
) -> None:
    visit(page, f"{server.url}/?mlp_hidden=20&locales=de_DE")
    other = browser.new_page()
    visit(other, f"{server.url}/?mlp_hidden=30&locales=fr_FR&mlp_steps=3000")
    for tab in (page, other):
        button(tab, "Start").click()
        reaches(tab, 100)
    address = other.url
    assert address != page.url
    button(page, "Pause").click()
    expect(page.get_by_text("paused")).to_be_visible()
    idle(page)
    other.close()
    paused = step(page)

    again = browser.new_page()
    visit(again, address)
    reaches(again, 3000)
    expect(again.get_by_text("finished")).to_be_visible()
    expect(again.get_by_role("spinbutton", name="Hidden", exact=True)).to_have_value("30")
    assert step(page) == paused
    expect(page.get_by_role("spinbutton", name="Hidden", exact=True)).to_have_value("20")
    again.close()


def test_a_click_into_the_matrix_shows_what_follows(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 1280, "height": 1400})  # the whole matrix, so that nothing scrolls
    visit(page, f"{server.url}/bigram")
    hovered = re.search(r"follows (.)", click(page.locator(".js-plotly-plot").first, 200, 100))
    assert hovered
    assert hovered[1] != "a"  # which is shown before any click
    expect(page.get_by_role("combobox", name="What follows")).to_have_value(hovered[1])
    page.wait_for_function(f"document.body.textContent.includes('share of what follows {hovered[1]}')")


def test_letters_drift_when_the_snapshots_are_played(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/embeddings?locales=de_DE&emb_steps=300&emb_embedding=3")
    page.wait_for_selector(".js-plotly-plot .nsewdrag")
    button(page, "Start").click()
    expect(page.get_by_text("finished")).to_be_visible()
    page.wait_for_selector(".updatemenu-button")
    place = "Array.from(document.querySelector('.js-plotly-plot')._fullData[0].x).join()"
    last = page.evaluate(place)
    page.locator(".updatemenu-button").first.click()
    page.wait_for_function(f"last => {place} !== last", arg=last)  # it begins at step 0
    page.wait_for_function(f"last => {place} === last", arg=last)  # and comes back to the end
    page.locator(".updatemenu-button").first.click()
    page.wait_for_function(f"last => {place} !== last", arg=last)
    page.get_by_role("radio", name="3", exact=True).click()  # another picture while one plays
    page.wait_for_function("document.querySelector('.js-plotly-plot')._fullData[0].type === 'scatter3d'")


def test_a_net_is_looked_into_live_and_played_again(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 1280, "height": 2600})
    visit(page, f"{server.url}/activations?locales=de_DE&act_steps=400&act_hidden=30")
    board = page.get_by_role("img", name=re.compile("^Units against examples"))
    hovered = re.search(r"unit (\d+)", click(board, 300, 120))
    assert hovered
    assert hovered[1] != "0"
    expect(page.get_by_role("spinbutton", name="Unit", exact=True)).to_have_value(hovered[1])

    button(page, "Start").click()
    expect(page.get_by_text("finished")).to_be_visible()
    outputs = "Array.from(document.querySelectorAll('.js-plotly-plot')[2]._fullData[0].y).join()"
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot')[1]._fullData.length === 7")
    idle(page)
    last = page.evaluate(outputs)
    button(page, "Play").click()
    page.wait_for_function(f"last => {outputs} !== last", arg=last)
    page.wait_for_function(f"last => {outputs} === last", arg=last)
    expect(button(page, "Play")).to_be_visible()


def test_a_click_on_a_node_shows_what_it_sees(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 1280, "height": 2000})
    visit(page, f"{server.url}/wavenet?locales=de_DE&wave_hidden=10")
    tree = page.get_by_role("img", name=re.compile("^Tree of the layers"))
    expect(tree).to_have_attribute("aria-label", re.compile("of output sees ....emma"))
    node = tree.locator(".scatterlayer .point").nth(9)  # above the third and fourth characters
    tree.locator(".nsewdrag").wait_for()
    middle, corner = node.bounding_box(), tree.locator(".nsewdrag").bounding_box()
    assert middle
    assert corner
    click(tree, middle["x"] - corner["x"] + middle["width"] / 2, middle["y"] - corner["y"] + 10)
    expect(tree).to_have_attribute("aria-label", re.compile("of tanh sees .."))


def test_the_exam_knows_a_right_answer(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/backprop")
    page.get_by_role("tab", name="The exam").click()
    answer = page.get_by_role("textbox", name=re.compile("dlogprobs"))
    answer.fill("__import__('os').getcwd()")
    answer.press("Enter")
    expect(page.get_by_test_id("stAlert")).to_be_visible()
    expect(page.get_by_text("0 of 28")).to_be_visible()
    answer.fill("-F.one_hot(Yb, V) / n")
    answer.press("Enter")
    expect(page.get_by_text("1 of 28")).to_be_visible()


def test_a_race_is_live_on_one_chart(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/initialization?locales=de_DE&init_steps=100000")
    button(page, "Start the race").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.js-plotly-plot')].at(-1)?._fullData"
        "?.filter(trace => trace.x.length > 20).length === 5"
    )
    assert "race=" in page.url
    button(page, "Stop").click()
    expect(button(page, "Stop")).to_be_disabled()
    expect(button(page, "Start the race")).to_be_enabled()


def test_the_code_unfolds(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/dataset")
    page.get_by_text("Show the code").click()
    expect(page.get_by_text("lmcore.data.corpora.from_text")).to_be_visible()


def test_a_setting_in_the_address_is_taken(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/dataset?context=6&text=python-reference")
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("running text")
    expect(page.get_by_role("slider", name="Context")).to_have_value("6")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.end()


def test_a_killed_server_leaves_a_run_that_the_page_resumes(browser: Browser, own_server: Server) -> None:
    page = browser.new_page()
    visit(page, f"{own_server.url}/?locales=de_DE")
    button(page, "Start").click()
    reaches(page, 2000)
    run_id = re.search("run=([0-9a-f]{20})", page.url)
    assert run_id
    checkpoint = own_server.folder / "runs" / run_id[1] / "checkpoint.safetensors"
    first = checkpoint.stat().st_mtime_ns
    while checkpoint.stat().st_mtime_ns == first:  # the next one is written within three seconds
        page.wait_for_timeout(50)
    own_server.end(kill=True)
    page.close()
    own_server.start()
    page = browser.new_page()
    visit(page, own_server.url)
    page.get_by_text("1 interrupted run").click()
    page.get_by_role("main").get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("interrupted", exact=True)).to_be_visible()
    reaches(page, 1000)
    stopped = step(page)
    button(page, "Resume").click()
    reaches(page, stopped + 500)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize(
    "path", ["" if page.folder == DEFAULT else page.url_path for pages in SECTIONS.values() for page in pages]
)
def test_no_page_is_wider_than_its_window(browser: Browser, server: Server, path: str, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    visit(page, f"{server.url}/{path}")
    page.wait_for_selector(".js-plotly-plot")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
    colors = page.evaluate(
        """() => ['stApp', 'stMain'].map(id => getComputedStyle(document.querySelector(`[data-testid=${id}]`)))
            .map(style => style.color)"""
    )
    bright = int(re.findall(r"\d+", colors[0])[0]) > 128
    assert bright == (scheme == "dark")
    context.close()
