"""A recipe: published numbers, and those that a run measures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import GRAY, GREEN, PALE_BLUE, RED, downward, empty_figure, escape, figure
from lmcore.recipes.recipe import Deviations, Verdict

VERDICT_STYLES: dict[Verdict, tuple[str, str]] = {
    "reproduced": (GREEN, "circle"),
    "differs": (RED, "x"),
    "pending": (GRAY, "circle-open"),
}
"""Color and symbol of each verdict; the symbol distinguishes them without the color."""

MAX_DEVIATION = 3.0
"""Largest deviation on the axis, in tolerances; larger ones are drawn at its end."""


def verdict_markers(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """A star for each verdict: filled if the published number is reproduced, open otherwise."""
    colors = [VERDICT_STYLES[verdict][0] for verdict in verdicts]
    return {
        "symbol": ["star" if verdict == "reproduced" else "star-open" for verdict in verdicts],
        "size": 18,
        "color": colors,
        "line": {"width": 2, "color": colors},
    }


def recipe_deviations(record: Deviations) -> go.Figure:
    """The deviation of each measured number from the published one; the band marks one tolerance."""
    if not record.names:
        return empty_figure("There are no published numbers to compare with.", height=380)
    rows = np.arange(len(record.names))
    traces = [_verdict_trace(record, verdict) for verdict in VERDICT_STYLES]
    band = {"type": "rect", "x0": -1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper", "line": {"width": 0}}
    x = {
        "title": "Deviation<br>(tolerances)",  # fits below a narrow chart, too
        "range": [-MAX_DEVIATION * 1.1, MAX_DEVIATION * 1.1],
        "tickvals": [-MAX_DEVIATION, -1, 0, 1, MAX_DEVIATION],
        "ticktext": ["≤ −3", "−1", "0", "1", "≥ 3"],
    }
    y = {
        "tickvals": rows.tolist(),
        "ticktext": [escape(name) for name in record.names],
        "range": downward(len(rows)),
        "showgrid": False,
    }
    shapes = [band | {"fillcolor": PALE_BLUE, "layer": "below", "opacity": 0.5}]
    return figure(traces, x, y, height=max(260, 110 + 34 * len(rows)), shapes=shapes)


def _verdict_trace(record: Deviations, verdict: Verdict) -> dict[str, Any]:
    color, symbol = VERDICT_STYLES[verdict]
    rows = [row for row, other in enumerate(record.verdicts) if other == verdict]
    deviations = np.clip(record.in_tolerances[rows], -MAX_DEVIATION, MAX_DEVIATION)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": verdict,
        "x": np.nan_to_num(deviations).astype(np.float32),
        "y": rows,
        "marker": {"color": color, "symbol": symbol, "size": 16, "line": {"width": 2, "color": color}},
        "text": [escape(record.descriptions[row]) for row in rows],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": True,
    }
