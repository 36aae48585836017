"""Histograms of several arrays."""

import itertools
from typing import Any

import plotly.graph_objects as go

from lmcore.figures.style import SERIES, escape, figure, line
from lmcore.inspection.histograms import Histograms

ROW_HEIGHT = 60  # pixels of a histogram, if they are stacked


def histograms(
    record: Histograms, title: str, *, of: str = "values", stacked: bool = False, height: int = 340
) -> go.Figure:
    """Histograms over shared bins, overlaid, or stacked in one column.

    Args:
        record: the histograms.
        title: of the x-axis, with its unit.
        of: what is counted, a plural noun.
        stacked: one below the other.
        height: in pixels, if they are overlaid.
    """
    n_rows = len(record.shares) if stacked else 1
    centers = (record.edges[:-1] + record.edges[1:]) / 2
    traces = [
        line(escape(name), centers, shares, color, 2)
        | {
            "line": {"shape": "hvh", "width": 2, "color": color},
            "fill": "tozeroy" if stacked or len(record.shares) == 1 else "none",
            "yaxis": f"y{row + 1}" if stacked and row else "y",
            "hovertemplate": f"{escape(name)}, %{{x:.3g}}: %{{y:.1%}}<extra></extra>",
        }
        for row, ((name, shares), color) in enumerate(zip(record.shares.items(), itertools.cycle(SERIES)))
    ]
    x = {"title": title, "range": [float(record.edges[0]), float(record.edges[-1])], "anchor": "free", "position": 0}
    y = {"title": f"Share of {of}", "tickformat": ".0%", "rangemode": "tozero"}
    height = max(height, ROW_HEIGHT * n_rows + 110) if stacked else height
    return figure(
        traces, x, y, height=height, showlegend=stacked or len(record.shares) > 1, **_rows(n_rows if stacked else 0)
    )


def _rows(n_rows: int) -> dict[str, Any]:
    """The y-axis of each of the stacked histograms."""
    axes: dict[str, Any] = {}
    for row in range(n_rows):
        top = 1 - row / n_rows
        axis = {"domain": [top - 0.9 / n_rows, top], "showticklabels": False, "showgrid": False, "zeroline": False}
        axes[f"yaxis{row + 1}" if row else "yaxis"] = axis
    return axes
