"""Training live: the loss moves, buttons and settings act in mid-run, tabs do not disturb each other."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor

SMOOTHED = "Array.from(node._fullData.find(trace => trace.name === 'smoothed').{})"


def open_and_start(visitor: Visitor, settings: str, steps: int = 10_000_000) -> None:
    visitor.open(f"/mlp?locales=de_DE&mlp_steps={steps}&{settings}")
    visitor.button("mlp.go").click()


def pause(visitor: Visitor) -> int:
    """Pauses, and returns the step at which the run came to rest."""
    visitor.button("mlp.go").click()
    visitor.wait_for_text("paused", exact=True)
    visitor.wait_until_idle()  # the numbers are drawn after the word
    return visitor.step


def test_a_model_trains_live(visitor: Visitor) -> None:
    visitor.open("/mlp")
    assert visitor.step == 0
    visitor.button("mlp.step").click()
    visitor.wait_for_step(1)
    loss = visitor.chart("mlp.live", 0)
    loss.wait_until(f"{SMOOTHED.format('y')}.length === 1")
    assert loss.evaluate(SMOOTHED.format("y"))[0] == pytest.approx(3.3, abs=0.15)  # ln 27: it knows nothing yet
    visitor.button("mlp.go").click()
    loss.wait_until(f"{SMOOTHED.format('y')}.at(-1) < 2.6")
    drawn_to = loss.evaluate(f"{SMOOTHED.format('x')}.at(-1)")
    loss.wait_until(f"{SMOOTHED.format('x')}.at(-1) > arg", drawn_to)


def test_a_paused_run_stays_where_it_is_until_it_is_resumed(visitor: Visitor) -> None:
    open_and_start(visitor, "mlp_hidden=21")
    visitor.wait_for_step(200)
    paused = pause(visitor)
    visitor.reload()
    assert visitor.step == paused
    visitor.button("mlp.go").click()
    visitor.wait_for_step(paused + 500)
    pause(visitor)  # whose run would train beside all other tests


def test_a_learning_rate_that_changes_in_mid_run_is_marked_on_the_curve(visitor: Visitor) -> None:
    open_and_start(visitor, "mlp_hidden=22")
    visitor.wait_for_step(200)
    visitor.fill("mlp_learning_rate", "0.02")
    visitor.chart("mlp.live", 0).wait_until("node.textContent.includes('learning rate 0.02')")
    pause(visitor)


@pytest.mark.parametrize(
    ("page", "address", "width"),
    [
        ("mlp", "/mlp?locales=de_DE&mlp_hidden=22&mlp_steps=20000", 1280),
        ("mlp", "/mlp?locales=de_DE&mlp_hidden=25&mlp_steps=20000", 375),
        ("wave", "/wavenet?locales=de_DE&wave_hidden=22&wave_steps=3000", 375),
    ],
)
def test_pictures_and_buttons_stay_where_they_are_when_a_run_starts_and_ends(
    visitor: Visitor, page: str, address: str, width: int
) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 1000})
    visitor.open(address)
    loss, reset = visitor.chart(f"{page}.live", 0).wait(), visitor.button(f"{page}.reset")

    def places() -> list[float]:
        top = "node.getBoundingClientRect().top + document.querySelector('[data-testid=stMain]').scrollTop"
        below_legend = loss.evaluate("node._fullLayout._size.t")
        return [loss.evaluate(top), below_legend, reset.evaluate("node => node.getBoundingClientRect().left")]

    before = places()
    visitor.button(f"{page}.go").click()
    visitor.wait_for_step(200)
    assert places() == before
    visitor.wait_for_text("finished", exact=True)
    visitor.wait_until_idle()
    assert places() == before


def test_overfitting_one_batch_starts_another_run_at_once(visitor: Visitor) -> None:
    open_and_start(visitor, "mlp_hidden=24", steps=100)
    visitor.wait_for_text("finished", exact=True)
    visitor.button("mlp.one_batch").click()
    visitor.wait_for_text("It cannot reach zero")
    visitor.wait_for_step(3000)


def test_a_run_trains_on_while_another_page_is_open(visitor: Visitor) -> None:
    open_and_start(visitor, "mlp_hidden=23")
    visitor.wait_for_step(200)
    visitor.page.get_by_test_id("stTopNavSection").filter(has_text="Data").click()
    visitor.page.get_by_test_id("stTopNavDropdownLink").filter(has_text="Dataset").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Dataset")
    visitor.wait_until_idle()
    visitor.page.go_back()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("MLP")
    visitor.wait_for_step(2000)
    pause(visitor)


def test_reset_goes_back_to_the_same_starting_weights(visitor: Visitor) -> None:
    open_and_start(visitor, "mlp_hidden=24", steps=200)
    visitor.wait_for_step(200)
    visitor.wait_for_text("finished", exact=True)
    loss = visitor.chart("mlp.live", 0)
    loss.wait_until(f"{SMOOTHED.format('y')}.length > 1")
    first = loss.evaluate(SMOOTHED.format("y"))[0]
    visitor.button("mlp.reset").click()
    visitor.page.wait_for_function("document.querySelector('.live .numbers b')?.innerText === '0'")
    visitor.wait_until_idle()
    visitor.button("mlp.step").click()
    visitor.wait_for_step(1)
    loss.wait_until(f"{SMOOTHED.format('y')}.length === 1")
    assert loss.evaluate(SMOOTHED.format("y"))[0] == pytest.approx(first)


def test_zoom_and_hidden_traces_survive_updates(visitor: Visitor) -> None:
    open_and_start(visitor, "mlp_hidden=25")
    visitor.wait_for_step(300)
    chart = visitor.chart("mlp.live", 0).wait()
    chart.evaluate("node.mark = 'same node'")
    whole = chart.evaluate("node._fullLayout.xaxis.range")
    axes = chart.node.locator(".nsewdrag").first.bounding_box()
    assert axes
    visitor.page.mouse.move(axes["x"] + 40, axes["y"] + axes["height"] / 2)  # drags a horizontal band, which zooms in
    visitor.page.mouse.down()
    visitor.page.mouse.move(axes["x"] + 140, axes["y"] + axes["height"] / 2, steps=5)
    visitor.page.mouse.up()
    chart.node.locator(".legendtoggle").first.click()
    chart.wait_until("node._fullData[0].visible === 'legendonly'")
    view = "[node.mark, node._fullLayout.xaxis.range, node._fullData[0].visible]"
    before, drawn_to = chart.evaluate(view), chart.evaluate("Array.from(node._fullData[0].x).at(-1)")
    assert before[1] != whole
    visitor.wait_for_step(visitor.step + 1500)
    chart.wait_until("Array.from(node._fullData[0].x).at(-1) > arg", drawn_to)
    assert chart.evaluate(view) == before
    assert before[0] == "same node"


def test_two_tabs_do_not_disturb_each_other_and_a_closed_one_trains_on(new_visitor: NewVisitor) -> None:
    one, other = new_visitor(), new_visitor()
    open_and_start(one, "mlp_hidden=20")
    open_and_start(other, "mlp_hidden=30", steps=3000)
    for tab in (one, other):
        tab.wait_for_step(100)
    paused, address = pause(one), other.page.url
    assert address != one.page.url
    other.page.close()

    again = new_visitor()
    again.open(address)
    again.wait_for_step(3000)
    again.wait_for_text("finished", exact=True)
    expect(again.field("mlp_hidden")).to_have_value("30")
    assert one.step == paused
    expect(one.field("mlp_hidden")).to_have_value("20")


def test_pause_pauses_though_timed_updates_come_between_click_and_message(visitor: Visitor) -> None:
    open_and_start(visitor, "mlp_hidden=20")
    visitor.wait_for_step(1)
    visitor.send_later()
    visitor.button("mlp.go").click()
    for _ in range(3):
        visitor.wait_for_step(visitor.step + 1)  # the update that draws it was asked for after the click
    visitor.send_now()
    visitor.wait_for_text("paused", exact=True)
    visitor.wait_until_idle()
    expect(visitor.button("mlp.go")).to_contain_text("Resume")
