"""What the server says when it starts."""

import pytest
import streamlit as st

from ui import announcement, gate


def announced(monkeypatch: pytest.MonkeyPatch, host: str, base: str = "") -> str:
    options = {"server.address": host, "server.port": 8501, "server.baseUrlPath": base}
    monkeypatch.setattr(st, "get_option", options.__getitem__)
    return announcement.announcement()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.5"])
def test_on_loopback_it_says_how_to_open_the_app(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    text = announced(monkeypatch, host)
    assert "make run HOST=0.0.0.0" in text
    assert "own runs" not in text


def test_open_to_others_it_says_where_and_what_visitors_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcement, "_outgoing_address", lambda: "192.168.1.5")
    for host in ("0.0.0.0", "::"):
        text = announced(monkeypatch, host, "glass")
        assert "http://192.168.1.5:8501/glass/\n" in text
        assert "Visitors see and steer their own runs" in text
        assert "127.0.0.1" not in text
    assert "http://[fe80::1]:8501/\n" in announced(monkeypatch, "fe80::1")


def test_a_machine_without_a_network_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "nowhere.invalid")
    monkeypatch.setattr(announcement, "_outgoing_address", lambda: "")
    assert "http://nowhere.invalid:8501/\n" in announced(monkeypatch, "0.0.0.0")


def test_the_link_to_all_runs_has_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert announced(monkeypatch, "127.0.0.1").endswith(f"http://127.0.0.1:8501/runs?key={gate.key}")
