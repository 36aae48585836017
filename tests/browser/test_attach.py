"""Which run a page shows, as the address bar, the Back button and slow connections have it."""

import re

from playwright.sync_api import expect

from lmcore.families import run_config_from_settings
from lmcore.runs.run import Run
from lmcore.runs.store import Store
from tests.browser.conftest import NewVisitor
from tests.browser.server import Server
from tests.browser.visitor import Visitor
from tests.waiting import until

DELAYED = """
    // Messages from the server reach the page `window.delay` milliseconds late.
    window.delay = 0;
    window.WebSocket = class extends WebSocket {
        addEventListener(type, listener, options) {
            const later = (event) => setTimeout(() => listener(event), window.delay);
            super.addEventListener(type, type === "message" ? later : listener, options);
        }
    };
"""
RECORD_OPEN_TAB = """() => {
    window.openTabs = [];
    setInterval(() => {
        const name = document.querySelector("[role=tab][aria-selected=true]")?.textContent;
        if (name && name !== window.openTabs.at(-1)) window.openTabs.push(name);
    }, 20);
}"""
State = tuple[str, list[str], str, int]


def state(visitor: Visitor) -> State:
    """What the MLP page says: in the address, in two fields, on its first button, and as the step."""
    visitor.wait_until_idle()
    fields = [visitor.field(f"mlp_{name}").input_value() for name in ("learning_rate", "hidden")]
    return visitor.page.url, fields, visitor.button("mlp.go").inner_text().split("\n")[-1], visitor.step


def expect_state(visitor: Visitor, expected: State) -> None:
    """Waits until the page says something; the numbers are drawn a little later than the fields."""
    until(lambda: state(visitor) == expected)


def expect_state_in_a_new_tab(visitor: Visitor, expected: State) -> None:
    """Waits until the page says something where its address is pasted into a new tab."""
    tab = Visitor(visitor.page.context.new_page(), visitor.url)
    tab.open(visitor.page.url)
    expect(tab.page.locator(".live .numbers b").first).to_be_visible()
    expect_state(tab, expected)
    tab.page.close()


def test_address_fields_and_run_agree_after_each_step_back_and_forward(visitor: Visitor) -> None:
    visitor.open("/dataset")
    visitor.page.get_by_test_id("stTopNavSection").filter(has_text="MLP").click()
    visitor.page.get_by_test_id("stTopNavDropdownLink").filter(has_text="MLP").first.click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("MLP")
    visitor.fill("mlp_learning_rate", "0.2")
    visitor.fill("mlp_hidden", "100")
    visitor.page.wait_for_url("**mlp_hidden=100**")
    untrained = state(visitor)
    visitor.button("mlp.step").click()
    visitor.wait_for_step(1)
    visitor.page.wait_for_url("**run=**")
    trained = state(visitor)
    visitor.button("mlp.reset").click()
    visitor.page.wait_for_url("**mlp_hidden=100**")
    expect(visitor.field("mlp_hidden")).to_be_enabled()
    expect_state(visitor, untrained)

    assert trained[1:] == (["0.2", "100"], "Resume", 1)
    assert "mlp_hidden" not in trained[0]
    for go, expected in (
        (visitor.page.go_back, trained),
        (visitor.page.go_back, untrained),
        (visitor.page.go_forward, trained),
        (visitor.page.go_forward, untrained),
        (visitor.page.go_back, trained),
        (visitor.page.go_back, untrained),
    ):
        go()
        expect(visitor.field("mlp_hidden")).to_be_enabled(enabled=expected is untrained)
        expect_state(visitor, expected)
        expect_state_in_a_new_tab(visitor, expected)
    visitor.page.go_back()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Dataset")


def test_a_run_of_another_family_is_one_click_away(new_visitor: NewVisitor, server: Server) -> None:
    run = Run(run_config_from_settings({"family": "wavenet", "hidden": 17, "locales": ("fr_FR",)}))
    store = Store(server.folder / "runs")
    store.create(run)
    store.save(run.id, run.encode())
    visitor = new_visitor()
    visitor.open(f"/rnn?run={run.id}")
    visitor.wait_for_text("This run belongs to the page WaveNet.")
    visitor.page.get_by_role("link", name="Open it on the page WaveNet").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("WaveNet")
    expect(visitor.field("wave_hidden")).to_have_value("17")
    assert visitor.page.url == f"{server.url}/wavenet?run={run.id}"


def test_a_fork_opens_the_curves_even_if_the_page_hears_of_it_late(new_visitor: NewVisitor) -> None:
    other = new_visitor()
    other.open("/mlp?locales=de_DE&mlp_hidden=300&mlp_steps=10000000")
    other.button("mlp.go").click()  # while it trains, the page Runs is updated every second
    other.wait_for_step(1)
    visitor = new_visitor(script=DELAYED)
    visitor.open("/mlp?locales=fr_FR&mlp_hidden=20&mlp_steps=600&mlp_evaluate_every=200")
    visitor.button("mlp.go").click()
    visitor.wait_for_text("finished", exact=True)
    run = re.search("run=([0-9a-f]{20})", visitor.page.url)
    assert run
    visitor.open(f"/runs?runs={run[1]}")
    visitor.choose_tab("Fork")
    visitor.page.evaluate("window.delay = 2500")
    visitor.page.evaluate(RECORD_OPEN_TAB)
    visitor.button("runs.fork_go").click()
    visitor.wait_for_text("2 runs selected.")
    visitor.page.wait_for_timeout(6000)  # time is the point: in it, updates that left before the fork come back
    assert visitor.page.evaluate("window.openTabs") == ["Fork", "Curves"]
    other.button("mlp.go").click()
