"""Numbers, charts and texts that can be updated many times per second: one component, one message per update.

In Streamlit 1.67, ``st.plotly_chart`` is remounted whenever its data change, and loses zoom, hidden traces and camera.
This component keeps its DOM nodes and calls ``Plotly.react``. Use it for everything that changes while a run trains.
"""

import base64
import zlib
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.io.json import to_json_plotly

from lmcore import figures
from ui.component import component
from ui.server import PLOTLY_PATH

COLUMNS = 10  # of the grid that holds the parts; on a narrow screen every part is as wide as the page


@dataclass(frozen=True)
class Numbers:
    """A row of labels with values."""

    items: tuple[tuple[str, str], ...]
    kind: str = "numbers"
    columns: int = COLUMNS


@dataclass(frozen=True)
class Chart:
    """An encoded plotly figure. Encoding is the slow part, so cache charts that are drawn often."""

    figure: str  # JSON
    height: int  # pixels
    alt: str  # alternative text
    version: int  # the browser redraws only when this changes
    kind: str = "chart"
    columns: int = COLUMNS

    @classmethod
    def of(
        cls, figure: go.Figure | figures.PlainFigure, alt: str, columns: int = COLUMNS, revision: str = ""
    ) -> "Chart":
        """Encodes a figure.

        Args:
            figure: with a height.
            alt: what the chart is; sentences about its contents are appended.
            columns: width.
            revision: zoom and hidden traces are kept as long as this stays the same.
        """
        alt = f"{alt} {figures.alt_text(figure)}".strip()
        plain = figure if isinstance(figure, dict) else figure.to_plotly_json()
        # plotly would also keep the ranges of a figure without data, which nobody has chosen
        layout = plain["layout"] | {"uirevision": (revision or "keep") if plain["data"] else "no data"}
        traces = [{name: _encoded(value) for name, value in trace.items()} for trace in plain["data"]]
        text = to_json_plotly(plain | {"data": traces, "layout": layout})
        return cls(text, int(layout["height"]), alt, zlib.crc32(text.encode()), columns=columns)


def _encoded(value: Any) -> Any:
    """A property of a trace; a vector as plotly.js decodes it fastest."""
    if isinstance(value, np.ndarray) and value.dtype == np.float32 and value.ndim == 1:
        return {"dtype": "f4", "bdata": base64.b64encode(value.tobytes()).decode()}
    return value


@dataclass(frozen=True)
class Text:
    """Preformatted text under a heading, never interpreted as markup."""

    heading: str
    text: str
    height: int = 290  # pixels
    long_lines: Literal["scroll", "wrap", "fewer columns"] = "scroll"  # the columns that tabs separate
    kind: str = "text"
    columns: int = COLUMNS


_component = component(__file__, '<div class="live"></div>')


class Click(NamedTuple):
    """A click on a point of a chart."""

    x: float
    y: float
    customdata: Any = None  # of the point; None if the figure has none
    part: int = 0  # index of the part that was clicked


def live(*parts: Numbers | Chart | Text, key: str) -> Click | None:
    """Draws or updates parts; with the same key they keep their DOM nodes.

    Returns:
        The visitor's last click on a chart; None before the first one.
    """
    data = {"parts": [vars(part) for part in parts], "source": PLOTLY_PATH}
    clicked = _component(key=key, data=data, on_clicked_change=lambda: None).clicked
    return None if clicked is None else Click(*clicked)
