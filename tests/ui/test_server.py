"""What the server does once for all updates."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from starlette.testclient import TestClient, WebSocketTestSession
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunner, ScriptRunnerEvent

from ui import server


def test_the_theme_is_read_once_and_every_message_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read = app_session._populate_theme_msg
    expected = CustomThemeConfig()
    read(expected, "theme.dark")
    monkeypatch.setattr(app_session, "_populate_theme_msg", read)  # restored afterwards
    server._read_theme_once()
    for attempt in range(2):
        theme = CustomThemeConfig()
        app_session._populate_theme_msg(theme, "theme.dark")
        assert theme == expected, attempt
        monkeypatch.setattr(config, "get_options_for_section", None)  # from now on nothing can be read


SCRIPT = """
import streamlit as st

@st.fragment(key="part")
def part():
    st.text("part")

part()
st.session_state.drawn = st.session_state.get("drawn", 0) + 1
st.text(f"page {st.session_state.drawn}")
"""


class Browser:
    """A page's websocket that keeps what it has been sent until a run of the script ends."""

    def __init__(self, socket: WebSocketTestSession) -> None:
        self.socket, self.page_script_hash, self.fragment = socket, "", ""

    def rerun(self) -> None:
        message = BackMsg(rerun_script=ClientState(page_script_hash=self.page_script_hash))
        self.socket.send_bytes(message.SerializeToString())

    def texts_until_finished(self) -> list[str]:
        texts: list[str] = []
        while True:
            message = ForwardMsg.FromString(self.socket.receive_bytes())
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.page_script_hash = message.new_session.page_script_hash
            elif kind == "delta":
                self.fragment = message.delta.fragment_id or self.fragment
                if message.delta.new_element.HasField("text"):
                    texts.append(message.delta.new_element.text.body)
            elif kind == "script_finished":
                return texts


def test_a_request_that_comes_while_a_script_ends_loses_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handle = AppSession._on_scriptrunner_event
    monkeypatch.setattr(AppSession, "_create_scriptrunner", AppSession._create_scriptrunner)  # restored afterwards
    server._let_scripts_finish()
    (tmp_path / "page.py").write_text(SCRIPT)
    update = ClientState(is_auto_rerun=True)

    def ask_for_update(session: AppSession, sender: ScriptRunner) -> None:
        """Before the server handles what the script has drawn, but when the script has ended."""
        assert sender._script_thread is not None
        sender._script_thread.join(60)
        session.request_rerun(update)

    def on_event(session: AppSession, sender: ScriptRunner, event: ScriptRunnerEvent, **details: Any) -> None:
        if event == ScriptRunnerEvent.SCRIPT_STARTED and update.fragment_id and not details["fragment_ids_this_run"]:
            session._event_loop.call_soon_threadsafe(ask_for_update, session, sender)
        handle(session, sender, event, **details)

    monkeypatch.setattr(AppSession, "_on_scriptrunner_event", on_event)
    with TestClient(st.App(tmp_path / "page.py")) as client, client.websocket_connect("/_stcore/stream") as socket:
        browser = Browser(socket)
        browser.rerun()
        assert browser.texts_until_finished() == ["part", "page 1"]
        update.fragment_id, update.page_script_hash = browser.fragment, browser.page_script_hash
        browser.rerun()
        assert browser.texts_until_finished()[-1] == "page 2"
        assert browser.texts_until_finished() == ["part"]
