"""The neural bigram beside the counts."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, GRAY, RED, SEQUENTIAL, escape, figure, line
from lmcore.inspection.neural_bigram import CountTraining, LogCounts


def log_counts(record: LogCounts) -> go.Figure:
    """W over log N, one point per pair that occurs: on the diagonal where the model has learned the counts."""
    ends = np.array([record.log_counts.min(initial=0), record.log_counts.max(initial=0)])
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": record.log_counts.astype(np.float32),
        "y": record.weights.astype(np.float32),
        "text": [f"{escape(pair)}: {count:,} times" for pair, count in zip(record.pairs, record.counts, strict=True)],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": np.log10(record.counts),
            "colorscale": SEQUENTIAL,
            "size": 7,
            "colorbar": {"title": {"text": "Count"}, "thickness": 10, "outlinewidth": 0} | _count_ticks(record),
        },
    }
    x, y = "log N minus its row mean (nats)", "W minus its row mean (nats)"
    return figure([line("equal", ends, ends, GRAY, 2), points], x, y, height=480, showlegend=False)


def _count_ticks(record: LogCounts) -> dict[str, Any]:
    exponents = np.arange(0, np.ceil(np.log10(record.counts.max(initial=1))) + 1)
    return {"tickvals": exponents, "ticktext": [f"{10.0**exponent:,.0f}" for exponent in exponents]}


def objective_comparison(mean_of_logs: CountTraining, log_of_mean: CountTraining) -> go.Figure:
    """The loss at each step of a model that minimizes it, and of one that minimizes the log of the mean instead."""
    traces = [
        line(name, np.arange(len(record.mean_of_logs)), record.mean_of_logs, color)
        for name, record, color in (
            ("trained on −mean(log p)", mean_of_logs, BLUE),
            ("trained on −log(mean p)", log_of_mean, RED),
        )
    ]
    return figure(traces, "Step", "Loss −mean(log p) (nats per character)", height=480)
