"""Numbers, charts and text that can be updated many times a second, as one component with one message an update.

``st.plotly_chart`` mounts anew whenever its data change (Streamlit 1.67) and loses zoom, hidden traces and camera;
this component keeps its nodes and calls ``Plotly.react``. Use it for whatever updates while a run trains.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from lmcore import figures
from ui.server import PLOTLY_PATH

COLUMNS = 10  # of the grid that parts are laid out in; on a narrow screen every part is as wide as the page


@dataclass(frozen=True)
class Numbers:
    """A row of labels with their values."""

    items: tuple[tuple[str, str], ...]
    kind: str = "numbers"
    columns: int = COLUMNS


@dataclass(frozen=True)
class Chart:
    """A plotly figure, encoded once; worth keeping for one that is drawn again and again."""

    figure: str  # JSON
    height: int  # pixels
    alt: str  # what it shows, for those who cannot see it
    version: int  # the browser draws again only when this changes
    kind: str = "chart"
    columns: int = COLUMNS

    @classmethod
    def of(cls, figure: go.Figure, alt: str, columns: int = COLUMNS, revision: str = "") -> "Chart":
        """Encodes a figure; zoom and hidden traces are kept as long as ``revision`` stays the same.

        What the figure shows is said in words behind ``alt``.
        """
        figure.layout.uirevision = revision or "keep"
        text = figure.to_json()
        said = f"{alt} {figures.alt_text(figure)}".strip()
        return cls(text, int(figure.layout.height), said, zlib.crc32(text.encode()), columns=columns)


@dataclass(frozen=True)
class Text:
    """Preformatted text under a heading; never read as markup."""

    heading: str
    text: str
    height: int = 290  # pixels
    kind: str = "text"
    columns: int = COLUMNS


_here = Path(__file__).parent
_component = st.components.v2.component(
    "glassbox.live",
    html='<div class="live"></div>',
    css=(_here / "live_chart.css").read_text(encoding="utf-8"),
    js=(_here / "live_chart.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


class Click(NamedTuple):
    """The point of a chart that was clicked."""

    x: float
    y: float
    customdata: Any = None  # what the figure gave that point; None if nothing
    part: int = 0  # which of the parts was clicked


def live(*parts: Numbers | Chart | Text, key: str) -> Click | None:
    """Draws or updates the parts; the same key keeps the same nodes.

    Returns:
        The point of a chart that the visitor clicked last; None before the first click.
    """
    data = {"parts": [vars(part) for part in parts], "source": PLOTLY_PATH}
    clicked = _component(key=key, data=data, on_clicked_change=lambda: None).clicked
    return None if clicked is None else Click(*clicked)
