"""Pictures of gradients through time."""

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.gradients import error_bars
from lmcore.figures.style import BLUE, GREEN, GREY, figure
from lmcore.inspection.backprop_through_time import Fading, GradientCheck


def fading(record: Fading) -> go.Figure:
    """How much the last loss depends on the states before it, against how far they lie back."""
    back = np.arange(len(record.norms))
    traces = [
        {
            "type": "scatter",
            "name": name,
            "mode": "lines+markers",
            "x": back,
            "y": np.maximum(values, 1e-300),
            "line": {"color": color, "width": 3, "dash": dash},
        }
        for name, values, color, dash in (
            ("through tanh", record.norms, BLUE, "solid"),
            ("if its slope were 1", record.linear, GREY, "dash"),
        )
    ]
    y = {"title": "norm of ∂(last loss) / ∂h", "type": "log", "exponentformat": "power"}
    return figure(traces, {"title": "characters back from the last", "dtick": 5}, y, height=380)


def time_check(record: GradientCheck, wanted: float = 1e-6) -> go.Figure:
    """The relative error of each parameter's gradient, on a logarithmic axis, with the one that is wanted."""
    errors = {
        "against autograd": record.autograd,
        f"against central differences, h = {record.h:.0e}": record.differences,
    }
    line = {"color": GREEN, "dash": "dash", "width": 2}
    level = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": wanted, "y1": wanted, "line": line}
    return error_bars(record.names, errors, "parameter", "relative error", shapes=[level])
