"""The README's lesson with the keyboard alone; only addresses are opened as a link does it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewVisitor
from tests.browser.server import Server
from tests.browser.visitor import Visitor

MAX_PRESSES = 200
MLP = "/mlp?locales=de_DE&mlp_hidden=20&mlp_steps=400"


def press(visitor: Visitor, *keys: str) -> None:
    for key in keys:
        visitor.page.keyboard.press(key)


def reach(visitor: Visitor, target: Locator) -> None:
    """Presses Tab until an element has the focus."""
    expect(target).to_be_visible()
    for _ in range(MAX_PRESSES):
        press(visitor, "Tab")
        if target.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError(f"{MAX_PRESSES} times Tab do not lead to {target}.")


def activate(visitor: Visitor, target: Locator) -> None:
    reach(visitor, target)
    press(visitor, "Enter")
    visitor.wait_until_idle()


def move_to(visitor: Visitor, target: Locator) -> None:
    """Presses the right arrow key until an element of the group that has the focus gets it."""
    for _ in range(MAX_PRESSES):
        if target.evaluate("node => node === document.activeElement"):
            return
        press(visitor, "ArrowRight")
        visitor.wait_until_idle()
    raise AssertionError(f"{MAX_PRESSES} times an arrow key do not lead to {target}.")


def open_tab(visitor: Visitor, name: str) -> None:
    tab = visitor.page.get_by_role("tab", name=name)
    visitor.page.locator(".present-button").wait_for()  # its script keeps the tab that has the focus
    reach(visitor, visitor.page.locator("[role=tab][aria-selected=true]").first)
    move_to(visitor, tab)
    expect(tab).to_have_attribute("aria-selected", "true")


def slider(visitor: Visitor, key: str) -> Locator:
    return visitor.widget(key).get_by_role("slider").first


def test_data_and_counting_need_no_mouse(visitor: Visitor) -> None:
    visitor.open("/dataset")
    reach(visitor, slider(visitor, "context"))
    press(visitor, "ArrowRight")
    visitor.page.wait_for_url("**context=4**")

    visitor.open("/bigram")
    reach(visitor, visitor.page.get_by_role("combobox", name="First character"))
    visitor.page.keyboard.type("q")
    press(visitor, "Enter")
    expect(visitor.chart("follows").node).to_have_attribute("aria-label", re.compile("that follow q"))
    open_tab(visitor, "Sampling")
    reach(visitor, slider(visitor, "dart"))
    press(visitor, "ArrowRight")
    visitor.wait_for_text(re.compile("the dart lands"))


def test_the_guessing_game_needs_no_mouse(visitor: Visitor) -> None:
    visitor.open("/sample")
    open_tab(visitor, "Guessing game")
    reach(visitor, visitor.page.get_by_role("radio", name=".", exact=True))
    move_to(visitor, visitor.page.get_by_role("radio", name="a", exact=True))
    press(visitor, "Space")
    activate(visitor, visitor.page.get_by_role("button", name="Guess"))
    visitor.wait_for_text(re.compile("a loss of .* nats"))


def test_training_and_looking_back_need_no_mouse(visitor: Visitor) -> None:
    visitor.open(MLP)
    activate(visitor, visitor.button("mlp.go"))
    visitor.wait_for_text("finished", exact=True)
    reach(visitor, slider(visitor, "mlp.at"))
    press(visitor, "Home")
    expect(slider(visitor, "mlp.at")).to_have_attribute("aria-valuetext", "0")


def test_a_network_that_is_too_large_needs_no_mouse(visitor: Visitor) -> None:
    visitor.open("/activations?locales=de_DE&act_steps=20")
    preset = visitor.page.get_by_role("combobox", name="Preset")
    reach(visitor, preset)
    before = preset.input_value()
    press(visitor, "ArrowDown", "ArrowDown", "Enter")
    expect(preset).not_to_have_value(before)
    visitor.wait_until_idle()
    activate(visitor, visitor.button("act.go"))
    visitor.wait_for_text("finished", exact=True)


def test_two_models_beside_each_other_need_no_mouse(visitor: Visitor) -> None:
    visitor.open(MLP)
    activate(visitor, visitor.button("mlp.go"))
    visitor.wait_for_text("finished", exact=True)
    visitor.open("/sample?locales=de_DE")
    reach(visitor, visitor.page.get_by_role("combobox", name="Models"))
    visitor.page.keyboard.type("trigram")
    press(visitor, "Enter")
    expect(visitor.widget("sample.new").get_by_text("New: ")).to_have_count(3)


PAGE = """
import time
from pathlib import Path
import streamlit as st
from ui import busy, present

busy.place()
present.button()
st.title("A page that takes its time")
with busy.spinner("Counting"):
    time.sleep(1)
    while Path(__file__).with_name("wait").exists():
        time.sleep(0.02)
for name, tab in zip(names := ["One", "Two", "Three"], st.tabs(names, on_change="rerun", key="tabs")):
    if tab.open:
        tab.text(f"Contents of {name}")
st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
st.text(f"Drawn {st.session_state['drawn']} times")
"""


@pytest.fixture
def slow_server(launch: dict[str, Any], tmp_path: Path) -> Iterator[Server]:
    """A server of `PAGE`."""
    (tmp_path / "app.py").write_text(PAGE, encoding="utf-8")
    server = Server(tmp_path, script=tmp_path / "app.py", PYTHONPATH=".")
    yield server
    server.stop()


def test_the_open_tab_keeps_the_focus(slow_server: Server, new_visitor: NewVisitor) -> None:
    visitor = new_visitor(slow_server.url)
    visitor.open()
    visitor.page.locator(".present-button").wait_for()  # its script keeps the focus
    tabs = visitor.page.get_by_role("tab").all()
    tabs[0].focus()
    for update in range(1, 9):  # it comes in two parts every second time or so
        tab = tabs[update % 2]
        press(visitor, "ArrowRight" if update % 2 else "ArrowLeft")
        visitor.wait_for_text(f"Drawn {update + 1} times")
        visitor.wait_until_idle()
        expect(tab).to_be_focused()


def test_the_tab_that_was_chosen_last_is_open(slow_server: Server, new_visitor: NewVisitor) -> None:
    visitor, wait = new_visitor(slow_server.url), slow_server.folder / "wait"
    visitor.open()
    visitor.page.locator(".present-button").wait_for()  # its script keeps the tab that has been chosen
    one, _, three = visitor.page.get_by_role("tab").all()
    one.focus()
    wait.touch()
    press(visitor, "ArrowRight")
    visitor.page.wait_for_selector("[data-testid=stApp][data-test-script-state=running]")
    visitor.send_later()
    press(visitor, "ArrowRight")
    wait.unlink()  # the update that opens the second tab arrives before the third one has been sent
    expect(visitor.page.get_by_text("Contents of Two")).to_be_attached()
    visitor.send_now()
    visitor.wait_for_text("Contents of Three")
    expect(three).to_have_attribute("aria-selected", "true")
    expect(three).to_be_focused()
