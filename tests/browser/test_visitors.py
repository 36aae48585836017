"""Visitors of one server: what they see of each other's runs, and how many may come from one address."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from lmcore.runs.store import Annotations, Store
from tests.browser.conftest import NewVisitor
from tests.browser.server import Server
from tests.browser.visitor import PATHS, Visitor
from ui.gate import COOKIE

NOTE = "a note of my own"


def train(visitor: Visitor) -> str:
    """Trains a small model with 37 hidden units; returns the id of its run."""
    visitor.open("/mlp?mlp_hidden=37&mlp_steps=300")
    visitor.button("mlp.go").click()
    visitor.wait_for_text("finished", exact=True)
    run = re.search("run=([0-9a-f]{20})", visitor.page.url)
    assert run
    return run[1]


def received(server: Server, path: str, cookie: str) -> str:
    """All that the server sends to a browser with a cookie that opens a page."""
    address = f"{server.url.replace('http', 'ws')}/_stcore/stream"
    request = BackMsg(rerun_script=ClientState(page_name=path))
    frames = []
    with connect(address, max_size=None, additional_headers={"Cookie": f"{COOKIE}={cookie}"}) as socket:
        socket.send(request.SerializeToString())
        for frame in socket:
            frames.append(frame)
            if ForwardMsg.FromString(frame).WhichOneof("type") == "script_finished":
                break
    return b"".join(frames).decode(errors="replace")


def test_nobody_sees_the_run_of_another_one_without_its_address(new_visitor: NewVisitor, server: Server) -> None:
    owner, somebody = new_visitor(), new_visitor()
    run = train(owner)
    Store(server.folder / "runs").annotate(run, Annotations(note=NOTE))
    (cookie,) = [cookie["value"] for cookie in owner.page.context.cookies() if cookie["name"] == COOKIE]
    assert NOTE in received(server, "runs", cookie)
    assert [path for path in PATHS if NOTE in received(server, path, cookie[::-1])] == []

    frames: list[str | bytes] = []
    somebody.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    for path in ("runs", "sample"):
        somebody.open(f"/{path}")
        for tab in somebody.page.get_by_role("tab").all():
            tab.click()
            somebody.wait_until_idle()
    assert frames
    assert not [frame for frame in frames if NOTE in str(frame) or run in str(frame)]
    somebody.open("/runs")
    somebody.wait_for_text("There are no runs yet.")
    somebody.open(f"/mlp?run={run}")  # with the address it is another matter
    somebody.wait_for_step(300)
    expect(somebody.field("mlp_hidden")).to_have_value("37")


def test_a_browser_finds_its_runs_again_in_a_new_tab(new_visitor: NewVisitor) -> None:
    owner = new_visitor()
    train(owner)
    tab = Visitor(owner.page.context.new_page(), owner.url)
    tab.open("/runs")
    tab.page.get_by_text("Select a run in the table").wait_for()


def test_the_key_in_the_servers_log_opens_all_runs_and_leaves_the_address(
    new_visitor: NewVisitor, server: Server
) -> None:
    train(new_visitor())
    link = re.search(r"All runs: (\S+)", server.log)
    assert link
    operator = new_visitor()
    operator.open(link[1])
    operator.page.get_by_text("Select a run in the table").wait_for()
    assert "key" not in operator.page.url
    guesser = new_visitor()
    guesser.open("/runs?key=0123456789abcdef")
    guesser.wait_for_text("There are no runs yet.")


@pytest.fixture
def narrow(launch: dict[str, Any], tmp_path: Path) -> Iterator[Server]:
    """A server at which one address may have two pages."""
    server = Server(tmp_path, LMCORE_CONNECTIONS="2")
    yield server
    server.stop()


def test_one_page_too_many_gets_a_sentence_and_those_that_are_open_go_on(
    narrow: Server, new_visitor: NewVisitor
) -> None:
    first, second, third = (new_visitor(narrow.url) for _ in range(3))
    first.open("/bigram")
    second.open("/bigram")
    third.page.goto(narrow.url)
    expect(third.page.get_by_text("already has 2 pages of Glassbox open")).to_be_visible()
    first.choose_tab("Loss")
    second.page.close()
    expect(third.page.locator("body")).to_be_visible()
    for _ in range(100):
        if third.page.goto(narrow.url).status == 200:  # type: ignore[union-attr]
            break
    third.wait_until_idle()
