"""Clicks reach a page once: timed updates do not bring them."""

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

TRIGGERS = {"trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value"}
"""Values of widgets that stand for an event, not for a state."""


class ClicksOnce:
    """ASGI middleware that takes clicks out of the browser's requests for a timed update.

    Streamlit 1.67 keeps a click among the values of the widgets until it has sent it, so that an update that is asked
    for between a click and its message brings the click, too. If the buttons are drawn in between, the click on Pause
    that comes second would press Resume.

    Args:
        app: what answers the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request or websocket."""

        async def receive_clicks_once() -> Message:
            message = await receive()
            if message.get("bytes"):
                message["bytes"] = without_clicks(message["bytes"])
            return message

        await self.app(scope, receive_clicks_once if scope["type"] == "websocket" else receive, send)


def without_clicks(request: bytes) -> bytes:
    """A browser's request without the clicks in it if it asks for a timed update; anything else as it is."""
    try:
        message = BackMsg.FromString(request)
    except DecodeError:  # Streamlit refuses it
        return request
    rerun = message.rerun_script
    if not rerun.is_auto_rerun:
        return request
    states = [state for state in rerun.widget_states.widgets if state.WhichOneof("value") not in TRIGGERS]
    del rerun.widget_states.widgets[:]
    rerun.widget_states.widgets.extend(states)
    kept: bytes = message.SerializeToString()
    return kept
