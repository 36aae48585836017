"""What lives as long as the server: the engine, and the route of the plotly script."""

import asyncio
import functools
import gc
import importlib
import math
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

from lmcore import cache
from lmcore.config import from_environment
from lmcore.runs.worker_pool import start_fork_server
from ui import announcement, gate
from ui.clicks import ClicksOnce
from ui.unloaded import import_unloaded

if TYPE_CHECKING:
    from lmcore.runs.engine import Engine

PLOTLY_PATH = "/glassbox/plotly.min.js"
DEFAULT_PAGE_PATH = "/home"  # where the default page, which Streamlit serves only at /, is looked for too
_PLOTLY_FILE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
SECONDS_FOR_FIRST_VISIT = 3.0  # in which a visitor who waits for the server comes before it warms up
SECONDS_FOR_FIRST_PAGE = 10.0  # in which this visitor's browser draws the home page
SECONDS_UNTIL_FINISHED = 0.002  # between two looks at whether the messages of a script that ended have been handled
CACHE_BYTES = 100_000_000  # that the results for all pages may occupy together, apart from texts and data sets
CACHE_SECONDS = 600.0  # since somebody has asked for one
_is_needed, _is_visited = threading.Event(), threading.Event()
_making = threading.Lock()


@functools.cache
def _make_engine() -> "Engine":
    from lmcore.runs.engine import Engine  # imports pandas and all models, while the server already answers

    return Engine(max_active=_max_active_runs())


def _max_active_runs() -> int:
    """Runs of one visitor that train at once: ``LMCORE_ACTIVE_RUNS``, else 2."""
    return math.ceil(from_environment("LMCORE_ACTIVE_RUNS", 2, "the number of runs that train at once, as in 2"))


def engine() -> "Engine":
    """The engine of this process; all visitors share it."""
    with _making:
        return _make_engine()


def warm_up() -> None:
    """Lets the server warm up. Call it when a page has been drawn."""
    _is_needed.set()


class FirstVisit:
    """ASGI middleware that puts off the warm-up while the first visitor waits for the home page, which needs none.

    Any other page needs it, and its visitor waits the less the sooner it begins.

    Args:
        app: what answers the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request or websocket."""
        if scope["type"] == "http" and "text/html" in HTTPConnection(scope).headers.get("accept", ""):
            _is_visited.set()
            if scope["path"] != f"{_base}/":
                warm_up()
        await self.app(scope, receive, send)


def _warm_up() -> None:
    """Starts the workers, imports what pages need, and exempts all of it from garbage collection."""
    if not _is_needed.wait(SECONDS_FOR_FIRST_VISIT) and _is_visited.is_set():
        _is_needed.wait(SECONDS_FOR_FIRST_PAGE)
    start_fork_server()  # first: it loads torch, which takes longest
    engine().warm()
    for module in ("lmcore.figures", "lmcore.inspection.ngrams"):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.001)  # a click waits less for scripts that draw the charts of other visitors


def _read_theme_once() -> None:
    """Keeps the theme, which Streamlit puts anew into the message that begins each update: a tenth of an update's time.

    It cannot change while the server runs.
    """
    populate, themes = app_session._populate_theme_msg, dict[str, CustomThemeConfig]()

    def populate_from_memory(msg: CustomThemeConfig, section: str = "theme") -> None:
        if section not in themes:
            theme = CustomThemeConfig()
            populate(theme, section)
            themes[section] = theme
        if themes[section].ByteSize():
            msg.MergeFrom(themes[section])

    app_session._populate_theme_msg = populate_from_memory


def _let_scripts_finish() -> None:
    """Lets an update of a fragment wait until the browser has been sent everything that was drawn before.

    If such a request comes just when a script ends, Streamlit 1.67 starts another script at once and drops the messages
    of the one that ended, of which there may be many: the redraw of a page whose run has finished, for example.
    """
    start = AppSession._create_scriptrunner

    def start_after_the_last(session: AppSession, request: RerunData) -> None:
        if session._state == AppSessionState.SHUTDOWN_REQUESTED:
            return
        last = session._scriptrunner
        if last is None:  # its messages have been handled
            start(session, request)
        elif not last.request_rerun(request):  # it is ending
            session._event_loop.call_later(SECONDS_UNTIL_FINISHED, start_after_the_last, session, request)

    AppSession._create_scriptrunner = start_after_the_last  # type: ignore[method-assign, assignment]


async def _tidy_up() -> None:
    """Drops from time to time what nobody looks at any more."""
    while True:
        await asyncio.sleep(CACHE_SECONDS / 10)
        await asyncio.to_thread(cache.drop_unused, CACHE_SECONDS)


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Warms up in the background, and saves all runs when the server stops.

    Raises:
        UserError: at once, if a limit of connections or runs in the environment is not valid.
    """
    _ = gate.max_connections(), _max_active_runs()
    import_unloaded("torch")  # the server computes nothing: half of its memory, and a second of its start
    _read_theme_once()
    _let_scripts_finish()
    cache.limit_together(CACHE_BYTES)
    print(announcement.announcement(), flush=True)
    threading.Thread(target=_warm_up, daemon=True).start()
    tidying = asyncio.create_task(_tidy_up())
    yield
    tidying.cancel()
    if _make_engine.cache_info().currsize:
        engine().close()


async def _plotly(request: Request) -> Response:
    return FileResponse(_PLOTLY_FILE, headers={"Cache-Control": "public, max-age=86400"})


async def _default_page(request: Request) -> Response:
    return RedirectResponse(f"{_base}/{'?' if request.url.query else ''}{request.url.query}")


_base = announcement.base_path()
routes = [Route(_base + PLOTLY_PATH, _plotly), Route(_base + DEFAULT_PAGE_PATH, _default_page)]
middleware = [Middleware(gate.Gate), Middleware(FirstVisit), Middleware(ClicksOnce)]
