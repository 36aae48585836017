"""The loss surface over two weights."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BACKDROP, BLACK, ORANGE, RED, SEQUENTIAL, WHITE, escape, figure
from lmcore.inspection.loss_surface import LossSurface

PATH_STYLES = {"stochastic": (RED, 1.2), "minibatch": (ORANGE, 2.5), "batch": (WHITE, 4)}
"""Color and line width of each kind of descent, the noisiest first, so that the others lie on top of it."""


def loss_surface(record: LossSurface) -> go.Figure:
    """Contours of the loss, and the path of each kind of descent from the common start to a star."""
    contours = {
        "type": "contour",
        "x": record.x.astype(np.float32),
        "y": record.y.astype(np.float32),
        "z": record.losses.astype(np.float32),
        "colorscale": SEQUENTIAL,
        "reversescale": True,
        "ncontours": 24,
        "opacity": 0.75,
        "line": {"width": 0.5},
        "hovertemplate": "%{z:.4f} nats per example<extra></extra>",
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": "Loss (nats per example)", "side": "right"}},
    }
    paths = [_path(name, record.paths[name]) for name in PATH_STYLES if name in record.paths]
    x, y = ({"title": f"Weight {escape(name)}", "showgrid": False} for name in record.names)
    x |= {"range": [float(record.x[0]), float(record.x[-1])]}
    y |= {"range": [float(record.y[0]), float(record.y[-1])]}
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "bgcolor": BACKDROP}
    return figure([contours, *paths], x, y, height=520, legend=legend, hovermode="closest")


def _path(name: str, points: NDArray[Any]) -> dict[str, Any]:
    color, width = PATH_STYLES[name]
    sizes = [0] * (len(points) - 1) + [12]  # a marker at the end only
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": points[:, 0].astype(np.float32),
        "y": points[:, 1].astype(np.float32),
        "line": {"color": color, "width": width},
        "marker": {"size": sizes, "symbol": "star", "color": color, "line": {"color": BLACK, "width": 1}},
        "hovertemplate": f"{name}: (%{{x:.3f}}, %{{y:.3f}})<extra></extra>",
    }
