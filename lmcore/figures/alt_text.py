"""What a figure shows, in sentences, for readers who cannot see it."""

import html
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import PlainFigure

Properties = dict[str, Any]
"""Of a trace, an axis or a layout, as plain data."""

MAX_SENTENCES = 3
MIN_GROUPED = 1e5  # numbers from here on are written with separators, as in 250,000


def alt_text(figure: go.Figure | PlainFigure) -> str:
    """Where lines start and end, and which bar or cell is the highest, for the first traces; "" if nothing is drawn."""
    if isinstance(figure, dict):
        traces, layout = figure["data"], figure["layout"]
    else:
        traces, layout = [trace.to_plotly_json() for trace in figure.data], figure.layout.to_plotly_json()
    sentences = [_describe_trace(trace, layout) for trace in traces if trace.get("visible") is not False]
    return " ".join([sentence for sentence in sentences if sentence][:MAX_SENTENCES])


def _describe_trace(trace: Properties, layout: Properties) -> str:
    try:
        match trace["type"]:
            case "heatmap":
                return _describe_heatmap(trace, layout)
            case "bar":
                return _describe_bars(trace, layout)
            case "scatter" if "lines" in trace.get("mode", "lines"):
                return _describe_line(trace)
    except (TypeError, ValueError):  # values that are not numbers have no maximum
        return ""
    return ""


def _describe_line(trace: Properties) -> str:
    y = np.asarray(trace["y"], dtype=float)
    y = y[np.isfinite(y)]
    if len(y) < 2 or not trace.get("name"):
        return ""
    name, first, last = _plain(trace["name"]), _number(y[0]), _number(y[-1])
    if y[0] == y[-1]:
        return f"The line “{name}” starts and ends at {first}."
    return f"The line “{name}” {'rises' if y[-1] > y[0] else 'falls'} from {first} to {last}."


def _describe_heatmap(trace: Properties, layout: Properties) -> str:
    z = np.asarray(trace["z"], dtype=float)
    if not np.isfinite(z).any():
        return ""
    row, column = np.unravel_index(np.nanargmax(z), z.shape)
    x = _position(layout["xaxis"], trace.get("x"), int(column))
    y = _position(layout["yaxis"], trace.get("y"), int(row))
    return f"The highest value is {_number(z[row, column])}, at {y}, {x}."


def _describe_bars(trace: Properties, layout: Properties) -> str:
    along, across = ("x", "y") if trace.get("orientation") == "h" else ("y", "x")
    values = np.asarray(trace[along], dtype=float)
    if not np.isfinite(values).any():
        return ""
    at = int(np.nanargmax(values))
    return f"The largest bar is {_number(values[at])}, at {_position(layout[f'{across}axis'], trace.get(across), at)}."


def _position(axis: Properties, positions: Any, index: int) -> str:
    """The label of a tick if there is one, otherwise the title of the axis and the value on it."""
    value = positions[index] if positions is not None and len(positions) > index else index
    ticks, labels = list(axis.get("tickvals", ())), axis.get("ticktext", ())
    if value in ticks and len(labels):
        return _plain(str(labels[ticks.index(value)]))
    title = _plain(axis.get("title", {}).get("text", ""))
    text = _number(value) if isinstance(value, (int, float, np.number)) else _plain(str(value))
    return f"{title[:1].lower()}{title[1:]} {text}".strip()


def _plain(text: str) -> str:
    return html.unescape(text).replace("<br>", " ")


def _number(value: Any) -> str:
    return f"{value:.3g}" if abs(value) < MIN_GROUPED else f"{value:,.0f}"
