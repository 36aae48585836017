"""What page tests share: opening a page, and reading what its components send to the browser."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from streamlit.proto.PageLink_pb2 import PageLink
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from lmcore.runs.engine import Engine
from lmcore.runs.run import Status
from tests.waiting import until
from ui.navigation import find

ROOT = Path(__file__).parents[2]


def visit(app: AppTest, page: str) -> AppTest:
    """Opens the page of a folder below ``pages/``."""
    # `AppTest.switch_page` would look for a page with the name of the script, which all our pages share.
    app._page_hash = calc_hash(find(page).url_path)
    app.run()
    assert not app.exception
    return app


def open_tab(app: AppTest, prefix: str, tab: str) -> AppTest:
    """Opens a tab of the page whose widget keys start with the prefix."""
    app.session_state[f"{prefix}_tab"] = tab
    app.run()
    assert not app.exception
    return app


def keys(app: AppTest) -> set[str]:
    """The keys of everything that the page shows."""
    elements = (node for block in (app.main, app.sidebar) for node in block if hasattr(node, "proto"))
    ids = {getattr(element.proto, "id", "") for element in elements}
    return {key.split("-", 2)[2] for key in ids if key.startswith("$$ID-")}


def unfold(app: AppTest) -> AppTest:
    """Opens every folded form of the sidebar."""
    for expander in app.sidebar.expander:
        if expander.proto.id:
            app.session_state[expander.proto.id.split("-", 2)[2]] = True
    app.run()
    assert not app.exception
    return app


def finish(app: AppTest, engine: Engine, prefix: str) -> AppTest:
    """Presses Start on the page whose widget keys start with the prefix, and waits for the end of the run."""
    app.button(key=f"{prefix}.go").click().run()
    assert not app.exception
    until(lambda: engine.view(app.session_state[f"{prefix}.run"]).status == Status.FINISHED)
    app.run()
    assert not app.exception
    return app


def panels(app: AppTest) -> list[list[dict[str, Any]]]:
    """The parts of every live component of the page, as the browser gets them."""
    sent = [json.loads(panel.proto.json or "{}") for panel in app.get("bidi_component")]
    return [one["parts"] for one in sent if "parts" in one]


def parts(app: AppTest, kind: str) -> list[dict[str, Any]]:
    """The parts of a kind of the first live component: "numbers", "chart" or "text"."""
    return [part for part in panels(app)[0] if part["kind"] == kind]


def charts(app: AppTest) -> list[dict[str, Any]]:
    """Every chart of the page as plotly gets it, with its ``alt``, whichever component draws it."""
    sent = [part for panel in panels(app) for part in panel if part["kind"] == "chart"]
    return [json.loads(part["figure"]) | {"alt": part["alt"]} for part in sent]


def chart(app: AppTest, alt: str) -> dict[str, Any]:
    """The only chart of the page whose alternative text begins with these words."""
    (found,) = (one for one in charts(app) if one["alt"].startswith(alt))
    return found


def alts(app: AppTest) -> list[str]:
    """The alternative text of every chart."""
    return [chart["alt"] for chart in charts(app)]


def figure(app: AppTest, at: int = 0) -> dict[str, Any]:
    """A chart of the first live component."""
    return json.loads(parts(app, "chart")[at]["figure"])


def number(app: AppTest, at: int) -> str:
    """A value of the row of numbers."""
    return parts(app, "numbers")[0]["items"][at][1]


def values(array: dict[str, str]) -> np.ndarray:
    """An array as plotly sends it."""
    return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])


def plain(text: str) -> str:
    """A message without the backslashes that keep it from being read as Markdown."""
    return text.replace("\\", "")


def trace_names(chart: dict[str, Any]) -> list[str]:
    """The names of a chart's traces."""
    return [trace["name"] for trace in chart["data"]]


def follow(app: AppTest, link: PageLink) -> AppTest:
    """Follows a link of the page, as a click on it does."""
    app._page_hash = link.page_script_hash
    app.query_params = dict(parse_qsl(link.query_string))
    app.run()
    assert not app.exception
    return app
