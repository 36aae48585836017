"""The README's lesson with the keyboard alone; only addresses are opened as a link does it."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor

MAX_PRESSES = 200
MLP = "/?locales=de_DE&mlp_hidden=20&mlp_steps=400"


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


def open_tab(visitor: Visitor, name: str) -> None:
    """Moves along the row of tabs with the arrow keys."""
    tab = visitor.page.get_by_role("tab", name=name)
    reach(visitor, visitor.page.locator("[role=tab][aria-selected=true]").first)
    for _ in range(visitor.page.get_by_role("tab").count()):
        if tab.evaluate("node => node === document.activeElement"):
            break
        press(visitor, "ArrowRight")
    press(visitor, "Enter")
    expect(tab).to_have_attribute("aria-selected", "true")
    visitor.wait_until_idle()


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
    reach(visitor, visitor.page.get_by_role("radio", name="a", exact=True))
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


@pytest.mark.parametrize("path", ["/activations?locales=de_DE&act_steps=20"])
def test_inside_and_sampling_need_no_mouse(new_visitor: NewVisitor, path: str) -> None:
    visitor = new_visitor()
    visitor.open(path)
    activate(visitor, visitor.button("act.go"))
    visitor.wait_for_text("finished", exact=True)
