"""What all figures share."""

import html
from typing import Any

import plotly.graph_objects as go

BLUE, ORANGE, GREEN, RED, GREY = "#1B86C9", "#E69F00", "#009E73", "#D55E00", "#8A8F98"
SKY, PURPLE, BROWN = "#56B4E9", "#CC79A7", "#8C6D31"
PALE = "rgba(86,180,233,0.4)"
GRID = "rgba(128,128,128,0.18)"
SEQUENTIAL = "Viridis"  # perceptually even, safe for the color-blind, good on light and dark


def figure(
    traces: list[dict[str, Any]],
    x: dict[str, Any] | str,
    y: dict[str, Any] | str,
    height: int = 380,
    **layout: Any,
) -> go.Figure:
    """A figure with the house's axes, built in one go (adding traces one by one takes several times as long).

    Args:
        traces: plotly traces as plain data.
        x, y: an axis title with its unit, or an axis as plain data.
    """
    return go.Figure(
        {
            "data": traces,
            "layout": {
                "template": "none",
                "height": height,
                "margin": {"l": 10, "r": 10, "t": 36, "b": 10},
                "font": {"size": 14},
                "paper_bgcolor": "rgba(0,0,0,0)",
                "plot_bgcolor": "rgba(0,0,0,0)",
                "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
                "hoverlabel": {"font": {"size": 14}},
                "xaxis": _axis(x),
                "yaxis": _axis(y),
            }
            | layout,
        },
        _validate=False,  # it takes four fifths of the time of a live chart; the tests validate every figure instead
    )


def _axis(given: dict[str, Any] | str) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": given} if isinstance(given, str) else dict(given)
    axis["title"] = {"text": axis.get("title", ""), "standoff": 8}
    return {"gridcolor": GRID, "zeroline": False, "automargin": True} | axis


def escape(text: str) -> str:
    """Text that plotly shows as it is; it would read some as markup. Quotation marks stay: it does not decode them."""
    return html.escape(text, quote=False)


def characters(title: str, labels: list[str], **axis: Any) -> dict[str, Any]:
    """An axis of characters. Its ticks are numbers, so that none is read as a number, a date or markup."""
    names = [escape(label) for label in labels]
    ticks = {"tickmode": "array", "tickvals": list(range(len(labels))), "ticktext": names, "tickangle": 0}
    return {"title": title, "tickfont": {"size": 11}, "ticks": "", "showgrid": False} | ticks | axis


def message(text: str) -> dict[str, Any]:
    """An annotation in the middle of an empty figure: what to do to see something."""
    place = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
    return {"text": text, "font": {"size": 16}} | place
