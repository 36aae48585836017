"""A leaderboard: dev loss over the cost of a model."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, BROWN, DASHES, GRAY, GREEN, PURPLE, escape, figure, line
from lmcore.runs.leaderboard import Entry, Leaderboard

Cost = Literal["parameters", "time"]
BASELINE_COLORS = [GRAY, PURPLE, BROWN, GREEN]
MIN_COST = 1e-3  # smaller costs are drawn here: the axis is logarithmic


def leaderboard(record: Leaderboard, cost: Cost) -> go.Figure:
    """Dev loss over size or training time: all runs, the Pareto frontier, and the baselines as lines."""
    costs = [_cost(entry, cost) for entry in record.entries] or [1.0, 1e5]
    ends = np.log10([min(costs), max(costs)]) + np.array([-0.4, 0.4])
    baselines = [
        line(f"{name}: {loss:.3f}", 10**ends, np.full(2, loss), BASELINE_COLORS[i % 4], 2, DASHES[1 + i % 3])
        for i, (name, loss) in enumerate(record.baselines.items())
    ]
    frontier = record.size_frontier if cost == "parameters" else record.time_frontier
    runs = [_runs("runs", record.entries, cost, GRAY, 10), _frontier(frontier, cost)] if record.entries else []
    # over more than one power of ten, every 2 and 5 would be too many labels on a phone
    ticks = {"dtick": "D2" if np.ptp(ends) < 1.5 else 1, "tickformat": "~s" if cost == "parameters" else "~g"}
    title = "Parameters" if cost == "parameters" else "Training time (seconds)"
    return figure(
        [*baselines, *runs],
        {"title": title, "type": "log", "range": ends.tolist()} | ticks,
        {"title": "Dev loss (nats per character)", "hoverformat": ".4f"},
        height=420,
    )


def _cost(entry: Entry, cost: Cost) -> float:
    return max(float(entry.n_parameters if cost == "parameters" else entry.wall_seconds), MIN_COST)


def _runs(name: str, entries: Sequence[Entry], cost: Cost, color: str, size: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "mode": "markers",
        "x": [_cost(entry, cost) for entry in entries],
        "y": [entry.dev_loss for entry in entries],
        "text": [escape(entry.name) for entry in entries],
        "customdata": [[entry.n_parameters, entry.wall_seconds] for entry in entries],
        "marker": {"color": color, "size": size},
        "hovertemplate": "%{text}<br>dev loss %{y:.4f}<br>%{customdata[0]:,} parameters"
        "<br>%{customdata[1]:.1f} s<extra></extra>",
    }


def _frontier(entries: Sequence[Entry], cost: Cost) -> dict[str, Any]:
    """The frontier as a staircase: the lowest loss available up to each cost."""
    style = {"mode": "lines+markers", "line": {"shape": "hv", "color": BLUE, "width": 3}}
    return _runs("Pareto frontier", entries, cost, BLUE, 13) | style
