"""The Runs page as a visitor uses it: train, compare, fork, delete, undo, open."""

from playwright.sync_api import expect

from tests.browser.visitor import Visitor

LEGEND = "Array.from(node._fullData).filter(trace => trace.showlegend).map(trace => trace.name).sort()"


def train(visitor: Visitor, rate: float) -> str:
    """Trains a small model to its end and returns its id."""
    settings = f"mlp_hidden=20&mlp_steps=600&mlp_evaluate_every=200&mlp_seed=7&mlp_learning_rate={rate}"
    visitor.open(f"/mlp?locales=fr_FR&{settings}")
    visitor.button("mlp.go").click()
    visitor.wait_for_text("finished", exact=True)
    visitor.wait_until_idle()
    return visitor.page.url.partition("run=")[2].partition("&")[0]


def test_two_runs_are_compared(visitor: Visitor) -> None:
    one, other = train(visitor, 0.1), train(visitor, 0.02)
    visitor.open(f"/runs?runs={one}.{other}")
    visitor.wait_for_text("2 runs selected.")
    visitor.wait_for_text("Dev losses, lowest first: ")
    curves = visitor.chart("runs.curves")
    curves.wait_until("node.querySelector('.scatterlayer .trace')")
    assert curves.evaluate(LEGEND) == sorted([f"mlp {one[:4]}", f"mlp {other[:4]}"])
    visitor.choose_tab("Settings")
    visitor.wait_for_text("Only the settings that differ")


def test_a_fork_is_drawn_beside_its_run_and_names_are_plain_text(visitor: Visitor) -> None:
    visitor.open(f"/runs?runs={train(visitor, 0.1)}")
    name = visitor.page.get_by_role("textbox", name="Name")
    name.fill("<b>first</b>")
    name.press("Enter")
    visitor.wait_until_idle()
    visitor.choose_tab("Fork")
    visitor.wait_for_text("Learning rate is 0.1.")
    rate = visitor.page.get_by_role("spinbutton", name="Learning rate")
    rate.fill("0.5")
    rate.press("Enter")
    visitor.wait_until_idle()
    visitor.button("runs.fork_go").click()
    visitor.wait_for_text("2 runs selected.")
    visitor.wait_for_text("The runs are identical up to step")
    curves = visitor.chart("runs.curves")
    curves.wait_until("node._fullLayout.shapes.length === 1")
    names = curves.evaluate(LEGEND)
    assert len(names) == 2
    assert "&lt;b&gt;first&lt;/b&gt;" in names
    expect(visitor.page.locator("b", has_text="first")).to_have_count(0)


def test_a_deleted_run_can_be_restored_and_opened(visitor: Visitor) -> None:
    visitor.open(f"/runs?runs={train(visitor, 0.02)}")
    visitor.button("runs.delete").click()
    visitor.wait_for_text("1 run deleted.")
    visitor.wait_for_text("There are no runs yet.")  # of this visitor
    visitor.button("runs.undo").click()
    expect(visitor.page.get_by_text("1 run deleted.")).to_be_hidden()
    visitor.button("runs.open").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("MLP")
    expect(visitor.field("mlp_learning_rate")).to_have_value("0.02")
