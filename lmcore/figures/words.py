"""What a figure shows, in words, for those who cannot see it."""

import html
from typing import Any

import numpy as np
import plotly.graph_objects as go

MOST = 3  # sentences
_LARGE = 1e5


def finding(figure: go.Figure) -> str:
    """Where lines begin and end, and which bar or cell is the largest, of the first traces; '' if nothing is drawn."""
    sentences = [_of_trace(figure, trace) for trace in figure.data if trace.visible is not False]
    return " ".join([sentence for sentence in sentences if sentence][:MOST])


def _of_trace(figure: go.Figure, trace: Any) -> str:
    try:
        match trace.type:
            case "heatmap":
                return _largest_cell(figure, np.asarray(trace.z, dtype=float), trace)
            case "bar":
                return _largest_bar(figure, trace)
            case "scatter" if "lines" in (trace.mode or "lines"):
                return _course(trace)
    except (TypeError, ValueError):  # values that are no numbers have no largest one
        return ""
    return ""


def _course(trace: Any) -> str:
    y = np.asarray(trace.y, dtype=float)
    y = y[np.isfinite(y)]
    if len(y) < 2 or not trace.name:
        return ""
    how = "rises" if y[-1] > y[0] else "falls" if y[-1] < y[0] else "stays"
    return f"{_plain(trace.name)} {how} from {_number(y[0])} to {_number(y[-1])}."


def _largest_cell(figure: go.Figure, z: Any, trace: Any) -> str:
    if not np.isfinite(z).any():
        return ""
    row, column = np.unravel_index(np.nanargmax(z), z.shape)
    x = _place(figure.layout.xaxis, trace.x, int(column))
    y = _place(figure.layout.yaxis, trace.y, int(row))
    return f"The largest value is {_number(z[row, column])}, at {y}, {x}."


def _largest_bar(figure: go.Figure, trace: Any) -> str:
    across = trace.orientation == "h"
    values = np.asarray(trace.x if across else trace.y, dtype=float)
    if not np.isfinite(values).any():
        return ""
    at = int(np.nanargmax(values))
    axis, places = (figure.layout.yaxis, trace.y) if across else (figure.layout.xaxis, trace.x)
    return f"The largest bar is {_number(values[at])}, at {_place(axis, places, at)}."


def _place(axis: Any, places: Any, index: int) -> str:
    """The label of a tick, where there is one, else the number on the axis, with the axis's title."""
    value = places[index] if places is not None and len(places) > index else index
    ticks = list(axis.tickvals) if axis.tickvals is not None else []
    if axis.ticktext is not None and value in ticks:
        return _plain(str(axis.ticktext[ticks.index(value)]))
    title = _plain(axis.title.text or "") if axis.title else ""
    return f"{title} {_number(value) if isinstance(value, (int, float, np.number)) else _plain(str(value))}".strip()


def _plain(text: str) -> str:
    return html.unescape(text).replace("<br>", " ")


def _number(value: Any) -> str:
    return f"{value:.3g}" if abs(value) < _LARGE else f"{value:,.0f}"
