"""The gate: cookies, and the limit of open pages per address."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from lmcore.errors import UserError
from ui import gate

PAGE = {"accept": "text/html"}


async def stream(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.cookies.get(gate.COOKIE, "none"))
    with pytest.raises(WebSocketDisconnect):
        await websocket.receive_text()


APP = gate.Gate(
    Starlette(
        routes=[
            Route("/", lambda request: HTMLResponse("page")),
            Route("/script.js", lambda request: PlainTextResponse("script")),
            WebSocketRoute("/stream", stream),
        ]
    )
)


def client(address: str = "10.0.0.1") -> TestClient:
    return TestClient(APP, client=(address, 1))


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """Three open pages of one address, which is the limit."""
    monkeypatch.setenv("LMCORE_CONNECTIONS", "3")
    with ExitStack() as opened:
        for _ in range(3):
            opened.enter_context(client().websocket_connect("/stream")).receive_text()
        yield opened


def test_a_browser_gets_its_cookie_once_and_keeps_it() -> None:
    browser = client()
    given = browser.get("/").headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax"} <= set(given.split("; "))
    assert "set-cookie" not in browser.get("/").headers
    with browser.websocket_connect("/stream") as opened:
        assert len(opened.receive_text()) == 32


def test_two_browsers_get_different_cookies_which_no_proxy_may_keep() -> None:
    one, other = client().get("/"), client().get("/")
    assert one.cookies[gate.COOKIE] != other.cookies[gate.COOKIE]
    assert one.headers["cache-control"] == "no-store"
    assert "set-cookie" not in client().get("/script.js").headers


def test_a_cookie_that_somebody_made_up_is_replaced() -> None:
    browser = client()
    browser.cookies[gate.COOKIE] = "admin"
    assert gate.COOKIE in browser.get("/").headers["set-cookie"]


def test_the_owner_of_a_run_does_not_reveal_the_cookie() -> None:
    token = client().get("/").cookies[gate.COOKIE]
    assert len(gate.owner(token)) == 16
    assert gate.owner(token) not in token
    assert gate.owner(token) != gate.owner(token[::-1])


def test_an_address_with_too_many_pages_gets_a_sentence_and_the_others_go_on(three: ExitStack) -> None:
    refused = client().get("/", headers=PAGE)
    assert refused.status_code == 503
    assert "already has 3 pages of Glassbox open" in refused.text
    with pytest.raises(WebSocketDisconnect) as closed, client().websocket_connect("/stream"):
        pass
    assert "already has 3 pages" in closed.value.reason
    assert client().get("/script.js").status_code == 200  # of the pages that are open
    assert client("10.0.0.2").get("/", headers=PAGE).status_code == 200
    with client("10.0.0.2").websocket_connect("/stream") as opened:
        assert opened.receive_text() == "none"


def test_pages_that_are_closed_make_room(three: ExitStack) -> None:
    three.close()
    assert client().get("/", headers=PAGE).status_code == 200
    with client().websocket_connect("/stream") as opened:
        assert opened.receive_text() == "none"


@pytest.mark.parametrize("given", ["many", "0", "-3", "nan"])
def test_a_limit_that_is_no_number_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("LMCORE_CONNECTIONS", given)
    with pytest.raises(UserError, match=f"LMCORE_CONNECTIONS = '{given}' is not valid"):
        gate.max_connections()


def test_by_default_an_address_may_have_two_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMCORE_CONNECTIONS", raising=False)
    assert gate.max_connections() == 200
