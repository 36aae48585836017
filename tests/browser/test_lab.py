"""The page Runs as a visitor uses it: train, compare, fork, delete, undo."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, idle, visit


def button(page: Page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def train(page: Page, server: Server, seed: int, rate: float) -> str:
    """Trains a small model to its end and returns its id."""
    settings = f"mlp_hidden=20&mlp_steps=600&mlp_evaluate_every=200&mlp_seed={seed}&mlp_learning_rate={rate}"
    visit(page, f"{server.url}/?locales=fr_FR&{settings}")
    button(page, "Start").click()
    expect(page.get_by_text("finished", exact=True)).to_be_visible()
    idle(page)
    return page.url.partition("run=")[2].partition("&")[0]


def names_of(page: Page) -> list[str]:
    """The traces of the first chart that have a place in its legend."""
    return page.evaluate(
        """() => Array.from(document.querySelector('.js-plotly-plot')?._fullData ?? [])
            .filter(trace => trace.showlegend).map(trace => trace.name)"""
    )


def test_two_runs_are_compared_one_is_forked_deleted_and_taken_back(page: Page, server: Server) -> None:
    one, other = train(page, server, 7, 0.1), train(page, server, 7, 0.02)
    visit(page, f"{server.url}/runs?runs={one}.{other}")
    expect(page.get_by_text("2 runs selected.").first).to_be_visible()
    expect(page.get_by_text("Lowest dev loss: ", exact=False).last).to_be_visible()
    page.wait_for_selector(".js-plotly-plot .scatterlayer .trace")
    assert sorted(names_of(page)) == sorted([f"mlp {one[:4]}", f"mlp {other[:4]}"])
    page.get_by_role("tab", name="Settings").click()
    expect(page.get_by_text("Only the settings in which they differ")).to_be_visible()

    visit(page, f"{server.url}/runs?runs={one}")
    page.get_by_role("textbox", name="Name").fill("<b>first</b>")
    page.get_by_role("textbox", name="Name").press("Enter")
    idle(page)
    page.get_by_role("tab", name="Fork").click()
    rate = page.get_by_role("spinbutton", name="Learning rate")
    expect(page.get_by_text("Learning rate is 0.1 there", exact=False)).to_be_visible()
    rate.fill("0.5")
    rate.press("Enter")
    idle(page)
    button(page, "Fork").click()
    expect(page.get_by_text("2 runs selected.").first).to_be_visible()
    expect(page.get_by_text("The branches are one until step", exact=False).first).to_be_visible()
    expect(page.get_by_text("They part at step", exact=False).first).to_be_visible()
    page.wait_for_function("document.querySelector('.js-plotly-plot')?._fullLayout?.shapes?.length === 1")
    assert len(names_of(page)) == 2
    assert "&lt;b&gt;first&lt;/b&gt;" in names_of(page)
    assert page.locator("b", has_text="first").count() == 0  # shown as text

    visit(page, f"{server.url}/runs?runs={other}")
    button(page, "Delete").click()
    expect(page.get_by_text("1 run deleted.")).to_be_visible()
    expect(page.get_by_text("Select a run in the table.")).to_be_visible()
    button(page, "Undo").click()
    expect(page.get_by_text("1 run deleted.")).to_be_hidden()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("")
    page.get_by_test_id("stButton").get_by_role("button", name="Open", exact=True).click()  # menus have one too
    expect(page.get_by_role("heading", name="A network that learns to write")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Learning rate")).to_have_value("0.02")
