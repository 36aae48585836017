"""What a figure shows, in sentences, for readers who cannot see it."""

import html
from typing import Any

import numpy as np
import plotly.graph_objects as go

MAX_SENTENCES = 3
MIN_GROUPED = 1e5  # numbers from here on are written with separators, as in 250,000


def alt_text(figure: go.Figure) -> str:
    """Where lines start and end, and which bar or cell is the highest, for the first traces; "" if nothing is drawn."""
    sentences = [_describe_trace(figure, trace) for trace in figure.data if trace.visible is not False]
    return " ".join([sentence for sentence in sentences if sentence][:MAX_SENTENCES])


def _describe_trace(figure: go.Figure, trace: Any) -> str:
    try:
        match trace.type:
            case "heatmap":
                return _describe_heatmap(figure, np.asarray(trace.z, dtype=float), trace)
            case "bar":
                return _describe_bars(figure, trace)
            case "scatter" if "lines" in (trace.mode or "lines"):
                return _describe_line(trace)
    except (TypeError, ValueError):  # values that are not numbers have no maximum
        return ""
    return ""


def _describe_line(trace: Any) -> str:
    y = np.asarray(trace.y, dtype=float)
    y = y[np.isfinite(y)]
    if len(y) < 2 or not trace.name:
        return ""
    name, first, last = _plain(trace.name), _number(y[0]), _number(y[-1])
    if y[0] == y[-1]:
        return f"The line “{name}” starts and ends at {first}."
    return f"The line “{name}” {'rises' if y[-1] > y[0] else 'falls'} from {first} to {last}."


def _describe_heatmap(figure: go.Figure, z: Any, trace: Any) -> str:
    if not np.isfinite(z).any():
        return ""
    row, column = np.unravel_index(np.nanargmax(z), z.shape)
    x = _position(figure.layout.xaxis, trace.x, int(column))
    y = _position(figure.layout.yaxis, trace.y, int(row))
    return f"The highest value is {_number(z[row, column])}, at {y}, {x}."


def _describe_bars(figure: go.Figure, trace: Any) -> str:
    is_horizontal = trace.orientation == "h"
    values = np.asarray(trace.x if is_horizontal else trace.y, dtype=float)
    if not np.isfinite(values).any():
        return ""
    at = int(np.nanargmax(values))
    axis, positions = (figure.layout.yaxis, trace.y) if is_horizontal else (figure.layout.xaxis, trace.x)
    return f"The largest bar is {_number(values[at])}, at {_position(axis, positions, at)}."


def _position(axis: Any, positions: Any, index: int) -> str:
    """The label of a tick if there is one, otherwise the title of the axis and the value on it."""
    value = positions[index] if positions is not None and len(positions) > index else index
    ticks = list(axis.tickvals) if axis.tickvals is not None else []
    if axis.ticktext is not None and value in ticks:
        return _plain(str(axis.ticktext[ticks.index(value)]))
    title = _plain(axis.title.text or "") if axis.title else ""
    text = _number(value) if isinstance(value, (int, float, np.number)) else _plain(str(value))
    return f"{title[:1].lower()}{title[1:]} {text}".strip()


def _plain(text: str) -> str:
    return html.unescape(text).replace("<br>", " ")


def _number(value: Any) -> str:
    return f"{value:.3g}" if abs(value) < MIN_GROUPED else f"{value:,.0f}"
