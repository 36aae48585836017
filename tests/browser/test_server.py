"""Where the server answers: below a base path, and at a second address of the default page."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.conftest import NewVisitor
from tests.browser.server import Server
from tests.browser.visitor import Visitor
from ui.navigation import HOME
from ui.server import DEFAULT_PAGE_PATH


@pytest.fixture(scope="module")
def glass(launch: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app below /glass."""
    server = Server(tmp_path_factory.mktemp("glass"), base="/glass")
    yield server
    server.stop()


@pytest.mark.parametrize("path", ["/bigram", "/mlp", "/mlp?mlp_hidden=17"])
def test_charts_come_below_a_base_path(glass: Server, new_visitor: NewVisitor, path: str) -> None:
    visitor = new_visitor(glass.url)
    visitor.open(path)
    visitor.chart().wait()
    if "hidden" in path:
        expect(visitor.field("mlp_hidden")).to_have_value("17")


@pytest.mark.parametrize("path", ["", "/"])
def test_the_home_page_leads_on_below_a_base_path(glass: Server, new_visitor: NewVisitor, path: str) -> None:
    visitor = new_visitor(glass.url)
    visitor.open(path)
    visitor.page.get_by_role("link", name="Bigram", exact=True).click()
    visitor.chart().wait()
    assert visitor.page.url == f"{glass.url}/bigram"


def test_the_default_page_is_found_at_its_own_path_too(visitor: Visitor) -> None:
    assert HOME.url_path == DEFAULT_PAGE_PATH.strip("/")
    visitor.open(f"{DEFAULT_PAGE_PATH}?embed=true")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Glassbox")
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    assert visitor.page.url == f"{visitor.url}/?embed=true"


def test_no_message_refers_to_one_that_the_browser_may_have_dropped(visitor: Visitor) -> None:
    """Streamlit's client drops cached messages while a rerun that counts on them is on its way, and then gives up."""
    frames: list[bytes] = []
    visitor.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    visitor.open("/bigram")
    for values in ("probabilities", "counts"):
        visitor.widget("show").get_by_text(values).click()
        expect(visitor.chart("pairs").node).to_have_attribute("aria-label", re.compile(f"Heatmap of the {values}"))
        visitor.wait_until_idle()
    kinds = [ForwardMsg.FromString(frame).WhichOneof("type") for frame in frames]
    assert kinds.count("script_finished") >= 2
    assert "ref_hash" not in kinds
