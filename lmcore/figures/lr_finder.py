"""The learning-rate range test."""

import itertools
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, PALE_BLUE, SERIES, empty_figure, figure, line, message
from lmcore.inspection.lr_finder import Finding

X_TITLE, Y_TITLE = "Learning rate", "Smoothed loss (nats per character)"
HEIGHT = 460


def lr_finder(finding: Finding, limits: tuple[float, float]) -> go.Figure:
    """The smoothed loss over the learning rate: mean and range of the sweeps, and the suggestion of each rule.

    Args:
        finding: what the sweeps gave.
        limits: the lowest and the highest learning rate of the axis.
    """
    if not len(finding.rates):
        return empty_figure(finding.remark or "No steps yet.")
    edge: dict[str, Any] = {"hoverinfo": "skip"}
    traces = [
        line("", finding.rates, finding.low, BLUE, 0) | edge | {"showlegend": False},
        line("range of all seeds", finding.rates, finding.high, BLUE, 0)
        | edge
        | {"fill": "tonexty", "fillcolor": PALE_BLUE},
        line("mean", finding.rates, finding.mean, BLUE, 3),
        *_suggestions(finding),
    ]
    y = {"title": Y_TITLE, "range": [0.97 * float(finding.low.min()), 1.25 * float(finding.mean[0])]}
    x = {"title": X_TITLE, "type": "log", "tickformat": "~g", "range": [float(limit) for limit in np.log10(limits)]}
    notes = [message(finding.remark)] if finding.remark and not finding.suggestions else []
    return figure(traces, x, y, height=HEIGHT, annotations=notes)


def _suggestions(finding: Finding) -> list[dict[str, Any]]:
    """A dot on the curve for each rule."""
    return [
        {
            "type": "scatter",
            "name": f"{name}: {rate:.2g}",
            "mode": "markers",
            "x": [rate],
            "y": [np.interp(np.log(rate), np.log(finding.rates), finding.mean)],
            "marker": {"color": color, "size": 14, "line": {"width": 2, "color": "white"}},
        }
        for (name, rate), color in zip(finding.suggestions.items(), itertools.cycle(SERIES[1:]))
    ]
