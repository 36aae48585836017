"""The exam of the Backprop page."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_the_exam_evaluates_no_python_and_accepts_the_right_gradient(visitor: Visitor) -> None:
    visitor.open("/backprop")
    visitor.choose_tab("Exam")
    answer = visitor.page.get_by_role("textbox", name=re.compile("dlogprobs"))
    answer.fill("__import__('os').getcwd()")
    answer.press("Enter")
    expect(visitor.page.get_by_test_id("stAlert")).to_be_visible()
    visitor.wait_for_text("0 of 28")
    answer.fill("-F.one_hot(Yb, V) / n")
    answer.press("Enter")
    visitor.wait_for_text("1 of 28")
