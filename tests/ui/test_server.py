"""What the server does once for all updates."""

import pytest
from streamlit import config
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

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
