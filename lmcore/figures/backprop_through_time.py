"""Gradients through time in a recurrent network."""

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, GRAY, figure, line
from lmcore.inspection.backprop_through_time import GradientThroughTime


def gradient_through_time(record: GradientThroughTime) -> go.Figure:
    """How strongly the last loss depends on earlier hidden states, over the distance back in time."""
    steps_back = np.arange(len(record.norms))
    traces = [
        line(name, steps_back, values, color, 3, dash, "circle")
        # single precision would round the smallest norms to zero
        | {"y": np.maximum(values, 1e-300)}
        for name, values, color, dash in (
            ("through tanh", record.norms, BLUE, "solid"),
            ("if the slope of tanh were 1", record.linear_norms, GRAY, "dash"),
        )
    ]
    y = {"title": "Norm of ∂(last loss) / ∂h", "type": "log", "nticks": 6, "exponentformat": "power"}
    return figure(traces, {"title": "Characters before the last", "dtick": 5}, y, height=380)
