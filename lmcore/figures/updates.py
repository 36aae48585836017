"""The size of gradients and updates relative to the weights, over the steps of a run."""

import itertools

import plotly.graph_objects as go

from lmcore.figures.style import SERIES, empty_figure, escape, figure, horizontal_line, line
from lmcore.inspection.updates import TARGET_LOG_RATIO, Updates

HEIGHT = 380


def updates(record: Updates, gradients: bool = False) -> go.Figure:
    """log10 of the ratio of update (or gradient) to weights, one line per weight matrix, and where it should be."""
    if not len(record.steps):
        return empty_figure("No steps yet.", HEIGHT)
    values = record.gradients if gradients else record.updates
    traces = [
        line(escape(name), record.steps, column, color, 2)
        for name, column, color in zip(record.names, values.T, itertools.cycle(SERIES))
    ]
    return figure(
        traces,
        {"title": "Step", "type": "log", "hoverformat": ",.0f"},
        {"title": f"log10({'gradient' if gradients else 'update'} / weights)", "hoverformat": ".2f"},
        height=HEIGHT,
        hovermode="x unified",
        shapes=[] if gradients else [horizontal_line(TARGET_LOG_RATIO)],
    )
