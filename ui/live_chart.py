"""A plotly chart that can be updated many times a second without losing zoom, hidden traces or camera.

``st.plotly_chart`` mounts anew whenever its data change (Streamlit 1.67); this component keeps its node
and calls ``Plotly.react``. Use it for whatever updates while a run trains.
"""

import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from ui.server import PLOTLY_PATH

_component = st.components.v2.component(
    "glassbox.live_chart",
    html='<div class="live-chart" style="width:100%;height:100%"></div>',
    js=Path(__file__).with_name("live_chart.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def live_chart(
    figure: go.Figure, *, key: str, alt: str, revision: str = "", config: dict[str, Any] | None = None
) -> None:
    """Draws or updates a chart.

    Args:
        key: names the chart; the same key keeps the same node.
        alt: what the chart shows, for those who cannot see it.
        revision: zoom and hidden traces are kept as long as this stays the same.
    """
    figure.update_layout(uirevision=revision or key)
    data = {"figure": json.loads(figure.to_json()), "config": config or {}, "alt": alt, "source": PLOTLY_PATH}
    _component(key=key, data=data, height=int(figure.layout.height))
