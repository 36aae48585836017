"""What holds for every page."""

import re

import pytest

from tests.browser.conftest import NewVisitor
from tests.browser.visitor import Visitor
from ui.navigation import DEFAULT, SECTIONS

PATHS = ["" if page.folder == DEFAULT else page.url_path for pages in SECTIONS.values() for page in pages]


def brightness_of_text(visitor: Visitor) -> int:
    """The red part of the color of text, from 0 to 255."""
    color = visitor.page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).color")
    return int(re.findall(r"\d+", color)[0])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_no_page_is_wider_than_its_window(new_visitor: NewVisitor, path: str, scheme: str) -> None:
    visitor = new_visitor(color_scheme=scheme)
    visitor.page.set_viewport_size({"width": 400, "height": 900})
    visitor.open(f"/{path}")
    visitor.chart().wait()
    for width in (400, 1280):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        visitor.page.wait_for_function(
            "width => document.querySelector('[data-testid=stMain]').scrollWidth <= width", arg=width
        )
    assert (brightness_of_text(visitor) > 128) == (scheme == "dark")
