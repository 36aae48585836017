"""The size of gradients and updates relative to the weights, over the steps of a run."""

import itertools

import plotly.graph_objects as go

from lmcore.figures.style import SERIES, escape, figure, horizontal_line, line, message
from lmcore.inspection.updates import TARGET_LOG_RATIO, Updates


def updates(record: Updates, gradients: bool = False) -> go.Figure:
    """log10 of the ratio of update (or gradient) to weights, one line per weight matrix, and where it should be."""
    values = record.gradients if gradients else record.updates
    traces = [
        line(escape(name), record.steps, column, color, 2)
        for name, column, color in zip(record.names, values.T, itertools.cycle(SERIES))
    ]
    has_target = len(record.steps) and not gradients
    return figure(
        traces,
        {"title": "Step", "type": "log", "hoverformat": ",.0f"},
        {"title": f"log10({'gradient' if gradients else 'update'} / weights)", "hoverformat": ".2f"},
        height=380,
        hovermode="x unified",
        shapes=[horizontal_line(TARGET_LOG_RATIO)] if has_target else [],
        annotations=[] if len(record.steps) else [message("No steps yet.")],
    )
