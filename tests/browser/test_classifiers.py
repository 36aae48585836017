"""A decision boundary that moves, points added by a click, and a sheet to draw on."""

from tests.browser.visitor import Chart, Visitor

REGIONS = "(node._fullData[0].z ? Array.from(node._fullData[0].z, row => Array.from(row)).join() : '')"


def regions(visitor: Visitor) -> Chart:
    chart = visitor.chart("clf.live", 0)
    chart.wait_until(f"{REGIONS}.length > 100")
    return chart


def test_the_boundary_moves_while_it_trains(visitor: Visitor) -> None:
    visitor.open("/linear?linear_steps=1000000&linear_learning_rate=0.0002")
    chart = regions(visitor)
    chart.evaluate("node.mark = 'same node'")
    seen = [chart.evaluate(REGIONS)]
    visitor.button("linear.go").click()
    for _ in range(3):
        chart.wait_until(f"{REGIONS}.length > 100 && !arg.includes({REGIONS})", seen)
        seen.append(chart.evaluate(REGIONS))
    assert chart.evaluate("node.mark") == "same node"
    visitor.button("linear.go").click()
    visitor.wait_for_text("paused", exact=True)


def test_a_race_is_drawn_on_axes_that_fit_it(visitor: Visitor) -> None:
    visitor.open("/linear")
    visitor.choose_tab("Batch vs. stochastic")
    chart = visitor.chart("linear.race_chart")
    chart.wait_until("node.textContent.includes('Start the race')")
    visitor.button("linear.race_go").click()
    visitor.wait_for_text("Dev loss (nats), lowest first")
    visitor.wait_until_idle()
    x, y = (chart.evaluate(f"node._fullLayout.{axis}.range") for axis in ("xaxis", "yaxis"))
    assert x[1] > chart.evaluate("Math.max(...node._fullData.map(trace => trace.x.at(-1)).filter(isFinite))")
    assert y[0] > -0.2


def test_a_click_adds_a_point(visitor: Visitor) -> None:
    visitor.open("/linear")
    chart = regions(visitor)
    visitor.widget("linear.brush").get_by_text("B", exact=True).click()
    visitor.wait_until_idle()
    chart.click(60, 60)
    visitor.widget("linear.remove_points").get_by_text("1").wait_for()
    chart.click(120, 80)
    visitor.widget("linear.remove_points").get_by_text("2").click()
    visitor.widget("linear.remove_points").wait_for(state="detached")


def test_a_drawn_digit_gets_a_prediction(visitor: Visitor) -> None:
    visitor.open("/images?images_steps=2000&images_learning_rate=0.2")
    visitor.button("images.go").click()
    visitor.wait_for_text("finished", exact=True)
    visitor.choose_tab("Draw or upload")
    canvas = visitor.page.locator(".draw canvas")
    canvas.wait_for()
    box = canvas.bounding_box()
    assert box
    visitor.page.mouse.move(box["x"] + 140, box["y"] + 30)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + 140, box["y"] + 250, steps=12)
    visitor.page.mouse.up()
    prediction = visitor.page.get_by_text("Prediction: 1 (")
    prediction.wait_for()
    visitor.page.get_by_role("button", name="Clear").click()
    prediction.wait_for(state="detached")
