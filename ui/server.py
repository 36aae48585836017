"""What lives as long as the server: the engine, warm before the first visitor, and the plotly script."""

import functools
import gc
import importlib
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import plotly
import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from lmcore.runs.engine import Engine

PLOTLY_PATH = "/glassbox/plotly.min.js"
_PLOTLY_FILE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_making = threading.Lock()


@functools.cache
def _make_engine() -> "Engine":
    from lmcore.runs.engine import Engine  # loads torch, for seconds in which the server answers already

    return Engine(max_active=int(os.environ.get("LMCORE_ACTIVE_RUNS", "2")))


def engine() -> "Engine":
    """The one engine of this process."""
    with _making:
        return _make_engine()


def _warm_up() -> None:
    """Starts the workers, imports what pages need, and takes all that out of the garbage collector's sight."""
    engine().warm()
    for module in ("lmcore.figures", "lmcore.inspection.ngrams"):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.001)  # a click waits for fewer of the scripts that draw other visitors' charts


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Warms up beside the server's start, and lets the engine save its runs at the end."""
    threading.Thread(target=_warm_up, daemon=True).start()
    yield
    if _make_engine.cache_info().currsize:
        engine().close()


async def _plotly(request: Request) -> Response:
    return FileResponse(_PLOTLY_FILE, headers={"Cache-Control": "public, max-age=86400"})


routes = [Route(PLOTLY_PATH, _plotly)]
