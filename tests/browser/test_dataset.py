"""Settings in the address, and the code of a page."""

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_settings_in_the_address_fill_the_widgets(visitor: Visitor) -> None:
    visitor.open("/dataset?context=6&text=python-reference")
    expect(visitor.page.get_by_test_id("stMetricValue").first).to_have_text("running text")
    expect(visitor.widget("context").get_by_role("slider")).to_have_value("6")


def test_show_the_code_unfolds(visitor: Visitor) -> None:
    visitor.open("/dataset")
    visitor.widget("show_code").get_by_text("Show the code").click()
    expect(visitor.widget("show_code").get_by_test_id("stCode").first).to_contain_text("def ")
