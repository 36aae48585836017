"""What axe-core finds on every page, and the lesson of the README with the keyboard alone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import NewVisitor
from tests.browser.test_every_page import PATHS
from tests.browser.visitor import Visitor

SERIOUS = {"serious", "critical"}

STREAMLITS_OWN = [
    "[data-testid='stHeader']",  # the menu bar, its menus and the menu of the app
    "[data-testid='stSidebarHeader']",
    "[data-testid='stDataFrame']",  # a canvas with a table for screen readers in it
    "[role='tablist']",  # react-aria's scrolling row of tabs
    "[data-testid='stSlider']",
    "[data-testid='stMultiSelect']",
    "[data-testid='stSelectbox']",
    "[data-testid='stFileUploader']",
    "[data-testid='stCode']",
    "[data-testid='stTooltipIcon']",
    "[data-testid='stMetric']",
    "[data-testid='stAlert']",
]
"""Markup of Streamlit that no page can change; whatever else a rule names is ours."""


def violations(visitor: Visitor) -> list[str]:
    """Serious and critical violations in our own markup: rule, element and what is wrong."""
    context = {"exclude": [[selector] for selector in STREAMLITS_OWN]}
    found = Axe().run(visitor.page, context=context, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_no_page_has_a_serious_violation(new_visitor: NewVisitor, path: str, scheme: str) -> None:
    visitor = new_visitor(color_scheme=scheme)
    visitor.open(f"/{path}")
    visitor.chart().wait()
    assert violations(visitor) == []
