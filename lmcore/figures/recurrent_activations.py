"""Gates and gradients of a recurrent network."""

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import GRAY, empty_figure, escape, figure, line, series_styles
from lmcore.inspection.recurrent_activations import OPEN, SHUT, RecurrentActivations

HEIGHT = 380


def gate_saturation(record: RecurrentActivations) -> go.Figure:
    """How often each unit of each gate is open, against how often it is shut; the units of a gate share a color."""
    if not record.gates:
        return empty_figure("A vanilla RNN has no gates.", height=HEIGHT)
    shut, is_open = record.shut, record.open
    traces = [
        line(escape(name), is_open[name], shut[name], color, symbol=symbol)
        | {
            "mode": "markers",
            "marker": {"symbol": symbol, "size": 7, "color": color, "opacity": 0.7},
            "customdata": np.arange(len(shut[name])),
            "hovertemplate": f"{escape(name)}, unit %{{customdata}}: open %{{x:.0%}}, shut %{{y:.0%}}<extra></extra>",
        }
        for name, color, _, symbol in series_styles(record.gates)
    ]
    border = line("always open or shut", np.array([0, 1]), np.array([1, 0]), GRAY, 1, "dash", showlegend=False)
    x, y = (
        {"title": title, "tickformat": ".0%", "range": [-0.04, 1.04], "dtick": 0.2}
        for title in (f"Share of time open (> {OPEN:g})", f"Share of time shut (< {SHUT:g})")
    )
    return figure([border | {"hoverinfo": "skip"}, *traces], x, y, height=HEIGHT)


def state_gradients(record: RecurrentActivations) -> go.Figure:
    """The gradient of the last loss with respect to earlier states, over the distance back in time."""
    traces = [
        line(f"∂(last loss) / ∂{escape(name)}", np.arange(len(norms)), norms, color, 3, dash)
        | {"y": np.maximum(norms, 1e-300)}  # single precision would round the smallest norms to zero
        for name, color, dash, _ in series_styles(record.gradients)
        for norms in (record.gradients[name],)
    ]
    y = {"title": "Norm of the gradient", "type": "log", "nticks": 6, "exponentformat": "power"}
    return figure(traces, {"title": "Characters before the last"}, y, height=HEIGHT)
