"""Pictures of runs beside each other."""

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, RED, SKY, escape, figure, message
from lmcore.runs.comparison import AXES, Curves, Entry, Leaderboard, Line

COLORS = [BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BROWN, GREY]
DASHES = ["solid", "dash", "dot", "dashdot"]  # beside color, for beamers and the color-blind
SYMBOLS = ["circle", "diamond", "square", "triangle-up", "cross", "x", "star", "triangle-down"]


def curves(record: Curves, log_x: bool = False) -> go.Figure:
    """The smoothed losses of runs, with a mark for each dev loss, from the fork on if there is one."""
    styles = zip(record.lines.items(), itertools.cycle(COLORS), itertools.cycle(DASHES), itertools.cycle(SYMBOLS))
    traces = []
    for (name, line), color, dash, symbol in styles:
        traces += _of_run(escape(name), line, color, dash, symbol, log_x)
    begun = any(len(line.x) for line in record.lines.values())
    fork = [] if record.fork is None or (log_x and not record.fork) else [_upright(record.fork)]
    return figure(
        traces,
        {
            "title": AXES[record.by].replace("character", record.of),
            "type": "log" if log_x else "linear",
            "hoverformat": ",.0f",
        },
        {"title": f"loss (nats per {record.of})", "hoverformat": ".4f"},
        height=460,
        hovermode="x unified",
        shapes=fork,
        annotations=[] if begun else [message("Select runs in the table to compare them.")],
    )


def _of_run(name: str, line: Line, color: str, dash: str, symbol: str, log_x: bool) -> list[dict[str, Any]]:
    shown, measured = (line.x > 0, line.dev_x > 0) if log_x else (line.x >= 0, line.dev_x >= 0)
    return [
        {
            "type": "scatter",
            "name": name,
            "mode": "lines",
            "legendgroup": name,
            "x": line.x[shown].astype(np.float32),
            "y": line.smoothed[shown].astype(np.float32),
            "line": {"color": color, "width": 3, "dash": dash},
        },
        {
            "type": "scatter",
            "name": f"{name}, dev",
            "mode": "markers",
            "legendgroup": name,
            "showlegend": False,
            "x": line.dev_x[measured].astype(np.float32),
            "y": line.dev[measured].astype(np.float32),
            "marker": {"color": color, "size": 9, "symbol": symbol, "line": {"width": 1, "color": "white"}},
        },
    ]


def _upright(x: float) -> dict[str, Any]:
    line = {"color": GREY, "dash": "dot", "width": 2}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def leaderboard(record: Leaderboard, by: Literal["parameters", "seconds"]) -> go.Figure:
    """Dev loss against parameters or seconds: every run, the frontier, and the lines of simple models."""
    best = record.by_parameters if by == "parameters" else record.by_seconds
    traces = [_points("runs", record.entries, by, GREY, 10), _frontier(best, by)] if record.entries else []
    title = "parameters" if by == "parameters" else "training time (seconds)"
    # Costs span powers of ten, and a time can be next to none.
    costs = [max(float(getattr(entry, by)), 1e-3) for entry in record.entries] or [1.0, 1e5]
    edges = [float(np.log10(min(costs))) - 0.4, float(np.log10(max(costs))) + 0.4]
    levels = [
        _level(name, loss, color, edges)
        for (name, loss), color in zip(record.baselines.items(), itertools.cycle(LEVELS))
    ]
    empty = "Train a model on this text: it will appear here."
    ticks = {"dtick": "D2", "tickformat": "~s" if by == "parameters" else "~g"}
    return figure(
        [*levels, *traces],
        {"title": title, "type": "log", "range": edges} | ticks,
        {"title": "dev loss (nats per character)", "hoverformat": ".4f"},
        height=420,
        annotations=[] if record.entries else [message(empty)],
    )


LEVELS = [GREY, PURPLE, BROWN]


def _level(name: str, loss: float, color: str, edges: list[float]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": f"{name}: {loss:.3f}",
        "mode": "lines",
        "x": [10 ** edges[0], 10 ** edges[1]],
        "y": [loss, loss],
        "line": {"color": color, "width": 2, "dash": DASHES[1 + LEVELS.index(color)]},
    }


def _points(name: str, entries: Sequence[Entry], by: str, color: str, size: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "mode": "markers",
        "x": [max(float(getattr(entry, by)), 1e-3) for entry in entries],
        "y": [entry.dev for entry in entries],
        "text": [escape(entry.name) for entry in entries],
        "customdata": [[entry.parameters, entry.seconds] for entry in entries],
        "marker": {"color": color, "size": size},
        "hovertemplate": "%{text}<br>dev %{y:.4f}<br>%{customdata[0]:,} parameters"
        "<br>%{customdata[1]:.1f} s<extra></extra>",
    }


def _frontier(entries: Sequence[Entry], by: str) -> dict[str, Any]:
    """The frontier as stairs: what one gets at most for a cost."""
    line = {"shape": "hv", "color": BLUE, "width": 3}
    return _points("frontier", entries, by, BLUE, 13) | {"mode": "lines+markers", "line": line}
