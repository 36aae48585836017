"""Pictures of a gradient check."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, GREY, ORANGE, figure
from lmcore.inspection.gradient_check import STEPS, Check, Floats

LEAST, MOST = 1e-17, 10.0  # of the axis: no error at all is drawn as the least


def gradient_check(record: Check) -> go.Figure:
    """The relative error of each tensor's gradient against autograd, as logarithmic bars."""
    errors = {"explicit": record.explicit, f"central differences, h = {record.h:.0e}": record.differences}
    return error_bars(record.names, errors, "tensor", f"relative error, {record.precision}")


def error_bars(names: Sequence[str], errors: Mapping[str, Floats], x: str, y: str, **layout: Any) -> go.Figure:
    """Relative errors by name, a bar for each way that they were found, on a logarithmic axis."""
    traces = [
        {
            "type": "bar",
            "name": way,
            "x": list(names),
            "y": np.maximum(values, LEAST),
            "marker": {"color": color},
            "hovertemplate": "%{x}: %{y:.1e}<extra></extra>",
        }
        for (way, values), color in zip(errors.items(), (BLUE, ORANGE), strict=True)
    ]
    axes = {"title": x, "tickangle": -45}, {"title": y} | _logarithmic(LEAST, MOST)
    return figure(traces, *axes, height=420, **layout)


def rounding_and_truncation(records: Sequence[Check]) -> go.Figure:
    """The error of central differences against h: it falls with h², then rises with 1/h; h as chosen is marked."""
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "name": record.precision,
            "mode": "lines+markers",
            "x": STEPS,
            "y": np.maximum(record.curve, LEAST),
            "line": {"color": color, "width": 3},
        }
        for record, color in zip(records, (BLUE, ORANGE), strict=False)
    ]
    h = records[0].h
    line = {"color": GREY, "dash": "dash", "width": 2}
    mark = {"type": "line", "x0": h, "x1": h, "y0": 0, "y1": 1, "yref": "paper", "line": line}
    x = {"title": "h, the size of the difference"} | _logarithmic(STEPS[-1], STEPS[0])
    y = {"title": "relative error of central differences"} | _logarithmic(1e-11, MOST)
    return figure(traces, x, y, height=420, shapes=[mark])


def _logarithmic(low: float, high: float) -> dict[str, Any]:
    limits = [float(np.log10(low)), float(np.log10(high))]
    return {"type": "log", "range": limits, "dtick": 2, "exponentformat": "power"}
