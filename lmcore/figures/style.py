"""What all figures share."""

from typing import Any

import plotly.graph_objects as go

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8A8F98"
SKY = "#56B4E9"
GRID = "rgba(128,128,128,0.18)"
SEQUENTIAL = "Viridis"  # perceptually even, safe for the colour-blind, good on light and dark


def figure(x_title: str, y_title: str, height: int = 380, **layout: Any) -> go.Figure:
    """An empty figure with the house's axes, ready for traces."""
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": True, "title": {"standoff": 8}}
    result = go.Figure(
        layout={
            "template": "none",
            "height": height,
            "margin": {"l": 10, "r": 10, "t": 36, "b": 10},
            "font": {"size": 14},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hoverlabel": {"font": {"size": 14}},
            "xaxis": axis,
            "yaxis": axis,
        }
    )
    result.update_layout(**layout)
    result.update_xaxes(title_text=x_title)
    result.update_yaxes(title_text=y_title)
    return result


def say(result: go.Figure, message: str) -> go.Figure:
    """Writes a message into the middle of an empty figure: what to do to see something."""
    result.add_annotation(text=message, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 16})
    return result
