"""What axe-core finds on every page."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import NewVisitor
from tests.browser.test_every_page import PATHS
from tests.browser.visitor import Visitor

SERIOUS = {"serious", "critical"}


def violations(visitor: Visitor) -> list[str]:
    """Serious and critical violations on the whole page: rule, element and what is wrong."""
    found = Axe().run(visitor.page, options={"resultTypes": ["violations"]}).response["violations"]
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
