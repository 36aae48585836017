"""A lesson played to its end, by a presenter and by students."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewVisitor
from tests.browser.readability import LAPTOP, PHONE, layout_problems, set_up, violations
from tests.browser.visitor import Visitor
from tests.lmcore.lessons.lessons import CHOICE, CURVE, EXAMPLE, GUESS

MARKUP = "<img src=x onerror=alert(1)> **b** $x$"


def panel(visitor: Visitor) -> Locator:
    return visitor.page.locator(".st-key-lesson")


def press(visitor: Visitor, name: str) -> None:
    panel(visitor).get_by_role("button", name=name, exact=True).click()


def next_step(visitor: Visitor, title: str) -> None:
    """Presses the key of a presenter's remote."""
    visitor.page.wait_for_selector("[aria-keyshortcuts=PageDown]")
    visitor.page.keyboard.press("PageDown")
    expect(panel(visitor).get_by_role("heading", name=title)).to_be_visible()
    visitor.wait_until_idle()


def upload(visitor: Visitor) -> None:
    """Opens the page Lessons, and hands in a lesson of one's own."""
    visitor.open("/lessons")
    visitor.page.get_by_text("Use your own lesson").click()
    visitor.page.locator("input[type=file]").set_input_files(EXAMPLE)
    expect(visitor.page.get_by_role("heading", name="An example")).to_be_visible()


def press_on_card(visitor: Visitor, name: str) -> None:
    """Presses a button of the uploaded lesson."""
    card = visitor.page.locator("[class*='st-key-lessons-card-own-']")
    card.get_by_role("button", name=name, exact=True).click()


def start(visitor: Visitor) -> None:
    """Uploads the lesson and begins it."""
    upload(visitor)
    press_on_card(visitor, "Start")
    expect(panel(visitor).get_by_role("heading", name="Open the page")).to_be_visible()


def draw(visitor: Visitor) -> None:
    """Draws a falling curve from left to right."""
    box = visitor.page.locator(".predicted-curve .canvas").bounding_box()
    assert box is not None
    visitor.page.mouse.move(box["x"] + 2, box["y"] + 0.3 * box["height"])
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + box["width"], box["y"] + 0.5 * box["height"], steps=8)
    visitor.page.mouse.up()


def answer_all(visitor: Visitor, option: str, number: str, guess: str) -> None:
    """Plays a lesson from its first step to the summary."""
    next_step(visitor, "Letters")
    panel(visitor).locator("label").filter(has_text=re.compile(f"^{option}$")).click()
    press(visitor, "Answer")
    expect(panel(visitor).get_by_text("Names copy English.")).to_be_visible()
    next_step(visitor, "Characters")
    panel(visitor).get_by_role("spinbutton").fill(number)
    press(visitor, "Answer")
    expect(panel(visitor).get_by_text(re.compile("Correct"))).to_be_visible()
    next_step(visitor, "Guess")
    panel(visitor).get_by_role("textbox").fill(guess)
    press(visitor, "Answer")
    expect(panel(visitor).get_by_text(f"Your answer: {guess}", exact=True)).to_be_visible()
    next_step(visitor, "Predict")
    visitor.page.wait_for_selector(".predicted-curve circle")
    draw(visitor)
    press(visitor, "Answer")
    visitor.page.wait_for_selector(".predicted-curve .actual")
    expect(panel(visitor).get_by_text("It falls at once.")).to_be_visible()
    next_step(visitor, "Summary")


@pytest.mark.timeout(600)
def test_a_class_plays_a_lesson_to_its_end(new_visitor: NewVisitor, tmp_path: Path) -> None:
    presenter, ann, bob = new_visitor(), new_visitor(), new_visitor()
    upload(presenter)
    press_on_card(presenter, "Start a class")
    code = presenter.widget("lessons.invitation").get_by_role("heading").inner_text().strip()
    assert re.fullmatch("[A-Z2-9]{6}", code)

    ann.open("/lessons")
    ann.fill("lessons.code", code.lower())
    bob.open(f"/lessons?class={code}")
    for student in (ann, bob):
        expect(panel(student).get_by_role("heading", name="Open the page")).to_be_visible()
        student.page.wait_for_url("**/dataset**")
    expect(ann.widget("context").get_by_role("slider")).to_have_value("5")

    projector = Visitor(presenter.page.context.new_page(), presenter.url)
    projector.open(f"/lessons?class={code}")
    expect(panel(projector).get_by_role("heading", name="Open the page")).to_be_visible()
    next_step(projector, "Letters")
    presenter.wait_for_text("2. Letters")

    answer_all(ann, "u", "27", MARKUP)
    answer_all(bob, "a", "3", "names")
    expect(panel(ann).get_by_text("You were right in 2 of 2 questions.")).to_be_visible()
    expect(panel(bob).get_by_text("You were right in 0 of 2 questions.")).to_be_visible()

    presenter.chart(f"lessons.answers.{CHOICE}").wait_until("node._fullData[0].x.join() === '1,1,0'")
    for title in ("Characters", "Guess"):
        next_step(projector, title)
    guesses = presenter.widget(f"lessons.answers.{GUESS}").locator("pre")
    expect(guesses).to_contain_text(MARKUP)
    expect(guesses).to_contain_text("names")
    next_step(projector, "Predict")
    presenter.chart(f"lessons.answers.{CURVE}").wait_until("node._fullData.length === 2")
    press(projector, "Skip")
    presenter.chart(f"lessons.answers.{CURVE}").wait_until("node._fullData.length === 3")
    assert projector.problems == []

    with presenter.page.expect_download() as downloading:
        presenter.button("lessons.export").click()
    downloading.value.save_as(tmp_path / "answers.csv")
    rows = list(csv.reader((tmp_path / "answers.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 1 + 2 * 4
    presenter.page.get_by_role("button", name="End the class").click()
    presenter.button("lessons.end").click()
    presenter.wait_for_text("the class has ended")


def test_the_panel_fits_and_is_accessible(visitor: Visitor) -> None:
    start(visitor)
    problems = []
    for title in ("Letters", "Characters", "Guess", "Predict", "Summary"):
        next_step(visitor, title)
        set_up(visitor, PHONE, "dark")
        expect(panel(visitor).get_by_role("button", name="Back", exact=True)).to_be_in_viewport()
        problems += [
            f"{title}: {problem}" for problem in layout_problems(visitor) + violations(visitor, "color-contrast")
        ]
        set_up(visitor, LAPTOP, "light")
        problems += [f"{title}: {problem}" for problem in violations(visitor)]
    assert problems == []


def test_a_curve_is_drawn_with_the_keyboard(visitor: Visitor) -> None:
    start(visitor)
    for title in ("Letters", "Characters", "Guess", "Predict"):
        next_step(visitor, title)
    first = visitor.page.get_by_role("slider", name="Loss at step 0", exact=True)
    before = float(first.get_attribute("aria-valuenow") or "nan")
    first.press("ArrowDown")
    first.press("ArrowRight")
    second = visitor.page.get_by_role("slider", name="Loss at step 4", exact=True)
    expect(second).to_be_focused()
    assert float(first.get_attribute("aria-valuenow") or "nan") < before
    visitor.wait_until_idle()
    press(visitor, "Answer")
    visitor.page.wait_for_selector(".predicted-curve .actual")


def test_the_charts_of_the_page_stay_mounted_from_step_to_step(visitor: Visitor) -> None:
    start(visitor)
    for title in ("Letters", "Characters", "Guess", "Predict"):
        next_step(visitor, title)
    visitor.chart("mlp.live").wait()
    visitor.page.evaluate("document.querySelector('.js-plotly-plot').mark = 1")
    press(visitor, "Skip")
    visitor.page.wait_for_selector(".st-key-mlp-at")
    next_step(visitor, "Summary")
    assert visitor.page.evaluate("document.querySelector('.js-plotly-plot').mark") == 1


def test_the_back_button_of_the_browser_goes_back_in_the_lesson(visitor: Visitor) -> None:
    start(visitor)
    next_step(visitor, "Letters")
    visitor.page.go_back()
    expect(panel(visitor).get_by_role("heading", name="Open the page")).to_be_visible()
    visitor.page.go_forward()
    expect(panel(visitor).get_by_role("heading", name="Letters")).to_be_visible()
