"""The gate of the server: who a visitor is, and how many connections one address may have.

A browser gets a random token as a cookie, by which it finds its own runs again. All other runs are closed to it, except
those whose addresses it was given: they cannot be guessed. Who reads the server's log finds a key there that opens all.
"""

import hashlib
import math
import re
import secrets
from collections import Counter

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lmcore.config import from_environment

COOKIE = "glassbox_visitor"
COOKIE_DAYS = 365
KEY = "key"  # parameter of the address
SEES_ALL = "gate.sees_all"  # key in the session state
TRY_AGAIN_LATER = 1013  # code of a websocket that is closed


key = secrets.token_hex(16)
"""Opens all runs; it is new with every start of the server."""


def max_connections() -> int:
    """Open pages that one address may have: ``LMCORE_CONNECTIONS``, else 200; a whole school may come from one.

    Raises:
        UserError: if it is not a number above 0.
    """
    return math.ceil(from_environment("LMCORE_CONNECTIONS", 200, "the number of pages per address, as in 200"))


def visitor() -> str:
    """The owner of the runs that this visitor starts; the cookie cannot be found from it."""
    token = cookie()
    if not _is_token(token):  # the browser refuses cookies
        token = st.session_state.setdefault("visitor", secrets.token_hex(16))
    return owner(token)


def cookie() -> str:
    """The token of the visitor's browser; empty if it sent none."""
    return str(st.context.cookies.get(COOKIE, ""))


def owner(token: str) -> str:
    """The owner that runs of the browser with a token have."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def sees_all_runs() -> bool:
    """Whether the visitor has used the key."""
    sees_all: bool = st.session_state.get(SEES_ALL, False)
    return sees_all


def use_key() -> None:
    """Takes the key from the address, so that whoever copies the address does not pass it on. Call it on every page."""
    if secrets.compare_digest(st.query_params.pop(KEY, "").encode(), key.encode()):
        st.session_state[SEES_ALL] = True


def _is_token(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{32}", text) is not None


class Gate:
    """ASGI middleware that counts the open pages of each address, and gives browsers their cookie.

    Args:
        app: what answers the requests that may come in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._open: Counter[str] = Counter()  # websockets by address: one per open page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request or websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        address = connection.client.host if connection.client else ""
        is_page = scope["type"] == "websocket" or "text/html" in connection.headers.get("accept", "")
        if is_page and self._open[address] >= max_connections():
            await _refuse(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._count(address, scope, receive, send)
        else:
            await self.app(scope, receive, _with_cookie(connection, send))

    async def _count(self, address: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._open[address] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open[address] -= 1
            self._open += Counter()  # forgets addresses that have left


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    sentence = (
        f"Your address already has {max_connections()} pages of Glassbox open, which is the limit. "
        "Close some of them and load this page again, or ask for a higher LMCORE_CONNECTIONS."
    )
    if scope["type"] == "http":
        await PlainTextResponse(sentence, 503, {"Retry-After": "10"})(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": sentence[:120]})


def _with_cookie(connection: HTTPConnection, send: Send) -> Send:
    """Adds a cookie to a page for a browser that has none yet."""
    if _is_token(_token(connection)):
        return send

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/html"):
                secure = "; Secure" if connection.url.scheme == "https" else ""
                headers.append(
                    "set-cookie",
                    f"{COOKIE}={secrets.token_hex(16)}; Path=/; Max-Age={COOKIE_DAYS * 86_400}; HttpOnly; SameSite=Lax"
                    + secure,
                )
                headers["cache-control"] = "no-store"  # or two browsers behind one proxy would be the same visitor
        await send(message)

    return send_with_cookie


def _token(connection: HTTPConnection) -> str:
    return connection.cookies.get(COOKIE, "")
