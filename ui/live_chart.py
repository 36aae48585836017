"""A plotly chart that can be updated many times a second without losing zoom, hidden traces or camera.

``st.plotly_chart`` mounts anew whenever its data change (Streamlit 1.67); this component keeps its node
and calls ``Plotly.react``. Use it for whatever updates while a run trains.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from ui.server import PLOTLY_PATH

_component = st.components.v2.component(
    "glassbox.live_chart",
    html='<div class="live-chart" style="width:100%;height:100%"></div>',
    js=Path(__file__).with_name("live_chart.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@dataclass(frozen=True)
class Drawing:
    """A figure as `live_chart` sends it; worth keeping for one that is drawn again and again."""

    text: str
    height: int

    @classmethod
    def of(cls, figure: go.Figure, revision: str = "") -> "Drawing":
        """Encodes a figure; zoom and hidden traces are kept as long as ``revision`` stays the same."""
        figure.layout.uirevision = revision or "keep"
        return cls(figure.to_json(), int(figure.layout.height))


def live_chart(drawing: Drawing, *, key: str, alt: str) -> None:
    """Draws or updates a chart.

    Args:
        key: names the chart; the same key keeps the same node.
        alt: what the chart shows, for those who cannot see it.
    """
    version = zlib.crc32(drawing.text.encode())  # the browser draws again only when this changes
    data = {"figure": drawing.text, "version": version, "alt": alt, "source": PLOTLY_PATH}
    _component(key=key, data=data, height=drawing.height)
