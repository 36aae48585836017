"""Saturated and dead units."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import (
    BLUE,
    CLASSES,
    NAVY,
    ORANGE,
    RED,
    SKY,
    WHITE,
    downward,
    figure,
    line,
)
from lmcore.inspection.saturation import Saturation, UnitActivity, UnitResponse


def saturation(record: Saturation) -> go.Figure:
    """Units along x, examples along y: white where a unit is saturated. A white column is a dead unit, marked above."""
    N, F = record.mask.shape
    cells = {
        "type": "heatmap",
        "z": record.mask.astype(np.int8),
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, NAVY], [1, WHITE]],
        "showscale": False,
        "hovertemplate": "unit %{x}, row %{y}<extra></extra>",
    }
    dead = {
        "type": "scatter",
        "name": "dead unit",
        "mode": "markers",
        "x": record.dead,
        "y": [-max(1.0, 0.04 * N)] * len(record.dead),
        "marker": {"symbol": "triangle-down", "size": 10, "color": RED},
        "hovertemplate": "unit %{x} is dead<extra></extra>",
    }
    top, bottom = downward(N)[1] - max(1.5, 0.08 * N), downward(N)[0]
    rows = "Example" if record.positions == 1 else "Example × position"
    y = {"title": rows, "range": [bottom, top], "showgrid": False}
    x = {"title": "Unit", "range": [-0.5, F - 0.5], "showgrid": False}
    return figure([cells, dead], x, y, height=360, showlegend=False)


def unit_response(record: UnitResponse) -> go.Figure:
    """The histogram of a unit's pre-activations, under its activation function and the slope of it."""
    limit = max(3.0, float(np.abs(record.pre_activations).max()) * 1.05)
    at = np.linspace(-limit, limit, 201)
    output, slope = _activation(record.kind, at)
    name = "tanh" if record.kind == "Tanh" else record.kind
    traces = [
        {
            "type": "histogram",
            "name": "pre-activations",
            "x": record.pre_activations,
            "histnorm": "probability",
            "marker": {"color": SKY},
            "opacity": 0.7,
            "xbins": {"start": -limit, "end": limit, "size": limit / 40},
            "hovertemplate": "%{x}: %{y:.1%} of the examples<extra></extra>",
        },
        line(name, at, output, BLUE, yaxis="y2"),
        line(f"slope of {name}", at, slope, ORANGE, yaxis="y2"),
    ]
    right = {"overlaying": "y", "side": "right", "showgrid": False, "zeroline": False, "automargin": True}
    right |= {"title": {"text": f"{name} and its slope", "standoff": 8}}
    right |= {"range": [0, limit]} if record.kind == "ReLU" else {"range": [-1.05, 1.05], "dtick": 0.5}
    y = {"title": "Share of examples", "tickformat": ".0%"}
    return figure(traces, {"title": "Pre-activation", "range": [-limit, limit]}, y, height=340, yaxis2=right)


def _activation(kind: str, z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The activation function and its derivative."""
    if kind == "Tanh":
        return np.tanh(z), 1 - np.tanh(z) ** 2
    return np.maximum(z, 0), (z > 0).astype(float)


def unit_activity(record: UnitActivity) -> go.Figure:
    """How often each unit of each hidden layer is active or saturated, sorted; a ReLU unit at zero is dead."""
    is_relu = record.kind == "relu"
    traces = [
        line(
            f"hidden layer {i + 1}: {n_dead} of {len(shares)} {'dead' if is_relu else 'always saturated'}",
            np.arange(1, len(shares) + 1),
            np.sort(shares)[::-1],
            color,
            line={"shape": "hvh", "width": 3, "color": color},
            fill="tozeroy",
            hovertemplate="%{y:.1%} of the examples<extra></extra>",
        )
        for i, (shares, n_dead, color) in enumerate(zip(record.shares, record.n_dead, CLASSES, strict=False))
    ]
    what = "active" if is_relu else "saturated (beyond ±0.97)"
    y = {"title": f"Share of examples: {what}", "tickformat": ".0%", "range": [0, 1.03]}
    return figure(traces, "Units, sorted", y, height=320, showlegend=True)
