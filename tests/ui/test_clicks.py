"""Clicks come with their own message, and not with a timed update as well."""

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg

from ui.clicks import ClicksOnce


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    websocket = WebSocket(scope, receive, send)
    await websocket.accept()
    await websocket.send_bytes(await websocket.receive_bytes())
    await websocket.close()


def received(data: bytes) -> bytes:
    """What the server receives of a message from the browser."""
    with TestClient(ClicksOnce(echo)).websocket_connect("/") as websocket:
        websocket.send_bytes(data)
        return websocket.receive_bytes()


def rerun(*, timed: bool) -> bytes:
    """A request for an update, with a click, an event of a component, a text, and a switch that is off."""
    message = BackMsg()
    message.rerun_script.is_auto_rerun = timed
    message.rerun_script.fragment_id = "pictures"
    add = message.rerun_script.widget_states.widgets.add
    add(id="button", trigger_value=True)
    add(id="component", json_trigger_value='[{"event":"forward"}]')
    add(id="text", string_value="emma")
    add(id="switch", bool_value=False)
    return message.SerializeToString()


def test_a_timed_update_brings_the_state_of_the_widgets_and_no_click() -> None:
    update = BackMsg.FromString(received(rerun(timed=True))).rerun_script
    assert [(state.id, state.WhichOneof("value")) for state in update.widget_states.widgets] == [
        ("text", "string_value"),
        ("switch", "bool_value"),
    ]
    assert (update.fragment_id, update.is_auto_rerun) == ("pictures", True)
    assert update.widget_states.widgets[0].string_value == "emma"


@pytest.mark.parametrize(
    "data",
    [rerun(timed=False), BackMsg(clear_cache=True).SerializeToString(), b"\xff\xff", b""],
    ids=["click", "another request", "no request", "nothing"],
)
def test_everything_else_comes_as_it_is(data: bytes) -> None:
    assert received(data) == data
