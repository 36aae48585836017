"""Gradient checks: relative errors of gradients."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE, GREEN, ORANGE, figure, horizontal_line, line, vertical_line
from lmcore.inspection.gradient_check import STEP_SIZES, GradientCheck, RecurrentGradientCheck

LOWEST, HIGHEST = 1e-17, 10.0  # of the axis; an error of exactly zero is drawn at the lower end
TARGET_ERROR = 1e-6
"""Relative error below which a gradient counts as correct."""


def gradient_check(record: GradientCheck) -> go.Figure:
    """The relative error of each parameter's gradient against autograd, as bars on a logarithmic axis."""
    errors = {"by hand": record.explicit, f"central differences, h = {record.h:.0e}": record.differences}
    return _error_bars(record.names, errors, f"Relative error, {record.precision}")


def recurrent_gradient_check(record: RecurrentGradientCheck, target: float = TARGET_ERROR) -> go.Figure:
    """The relative error of each parameter's gradient, as bars on a logarithmic axis, and the target."""
    errors = {
        "against autograd": record.autograd,
        f"against central differences, h = {record.h:.0e}": record.differences,
    }
    return _error_bars(record.names, errors, "Relative error", shapes=[horizontal_line(target, GREEN)])


def _error_bars(names: Sequence[str], errors: Mapping[str, NDArray[np.float64]], y: str, **layout: Any) -> go.Figure:
    traces = [
        {
            "type": "bar",
            "name": method,
            "x": list(names),
            "y": np.maximum(values, LOWEST),
            "marker": {"color": color},
            "hovertemplate": "%{x}: %{y:.1e}<extra></extra>",
        }
        for (method, values), color in zip(errors.items(), (BLUE, ORANGE), strict=True)
    ]
    x_axis = {"title": "Parameter", "tickangle": -45}
    return figure(traces, x_axis, {"title": y} | _log_axis(LOWEST, HIGHEST), height=420, **layout)


def truncation_and_rounding(records: Sequence[GradientCheck]) -> go.Figure:
    """The error of central differences over h: truncation falls with h², rounding rises with 1/h; h is marked."""
    traces = [
        line(record.precision, np.array(STEP_SIZES), np.maximum(record.curve, LOWEST), color, symbol="circle")
        for record, color in zip(records, (BLUE, ORANGE), strict=False)
    ]
    x = {"title": "Step size h"} | _log_axis(STEP_SIZES[-1], STEP_SIZES[0])
    y = {"title": "Relative error of central differences"} | _log_axis(1e-11, HIGHEST)
    return figure(traces, x, y, height=420, shapes=[vertical_line(records[0].h)])


def _log_axis(low: float, high: float) -> dict[str, Any]:
    limits = [float(np.log10(low)), float(np.log10(high))]
    return {"type": "log", "range": limits, "dtick": 2, "exponentformat": "power"}
