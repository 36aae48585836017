"""Pictures of a training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE, GREY, ORANGE, PALE, RED, SEQUENTIAL, characters, figure, message
from lmcore.history import Change, Floats, LossCurve

NOTHING_YET = "Press Start to train."


def loss_curve(curve: LossCurve, log_x: bool = False, log_y: bool = False) -> go.Figure:
    """Loss against steps: each minibatch, smoothed, train and dev; the line of guessing and every change."""
    shown = curve.snapshot_steps > 0 if log_x else np.ones(len(curve.snapshot_steps), bool)
    at = curve.snapshot_steps[shown]
    last = max([*curve.steps[-1:], *curve.snapshot_steps[-1:], 1.0])
    traces = [
        _line("minibatch", curve.steps, curve.losses, PALE, 1),
        _line("smoothed", curve.steps, curve.smoothed, BLUE, 3),
        _line("train", at, curve.train[shown], ORANGE, 2, symbol="circle"),
        _line("dev", at, curve.dev[shown], RED, 2, symbol="diamond"),
        *_lost(curve),
        _line(
            f"guessing: {curve.guessing:.3f}",
            np.array([1.0 if log_x else 0.0, last]),
            np.full(2, curve.guessing),
            GREY,
            2,
            dash="dash",
        ),
    ]
    return figure(
        traces,
        {"title": "step", "type": "log" if log_x else "linear", "hoverformat": ",.0f"},
        {"title": "loss (nats per character)", "type": "log" if log_y else "linear", "hoverformat": ".4f"},
        height=420,
        hovermode="x unified",
        annotations=[_note(change, log_x) for change in curve.changes] if len(curve.steps) else [message(NOTHING_YET)],
        shapes=[_mark(change) for change in curve.changes],
    )


def _line(
    name: str, x: Floats, y: Floats, colour: str, width: int, dash: str = "solid", symbol: str = ""
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "x": x.astype(np.float32),
        "y": y.astype(np.float32),
        "mode": "lines+markers" if symbol else "lines",
        "line": {"color": colour, "width": width, "dash": dash},
        "marker": {"symbol": symbol or "circle", "size": 7},
    }


def _lost(curve: LossCurve) -> list[dict[str, Any]]:
    """What a slice that diverged went through."""
    if not len(curve.lost):
        return []
    start = curve.steps[-1] if len(curve.steps) else 0.0
    losses = np.minimum(curve.lost, 10 * curve.guessing)  # beyond, the rest of the curve would look flat
    return [_line("diverged", start + 1.0 + np.arange(float(len(losses))), losses, RED, 2, dash="dot")]


def _mark(change: Change) -> dict[str, Any]:
    x = max(change.step, 1)
    line = {"color": GREY, "dash": "dot", "width": 1}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _note(change: Change, log_x: bool) -> dict[str, Any]:
    words = "<br>".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in change.settings.items())
    x = max(change.step, 1)
    place = {"x": np.log10(x) if log_x else x, "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "top"}
    return {"text": words, "showarrow": False, "font": {"size": 11}} | place


def _value(value: float | bool) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else f"{value:g}"


def next_character(probabilities: NDArray[np.float32] | None, labels: Sequence[str]) -> go.Figure:
    """What the model expects after one character: rows the last, columns the next, as a heatmap.

    Args:
        probabilities: shape (M, M), rows for the last character; None draws an empty figure.
        labels: the M characters.
    """
    names = list(labels)
    if probabilities is None:
        return figure([], "next character", "last character", height=420, annotations=[message(NOTHING_YET)])
    heatmap = {
        "type": "heatmap",
        "z": probabilities.astype(np.float32),
        "zmin": 0,
        "zmax": 0.4,  # fixed, so that colours can be compared over time
        "colorscale": SEQUENTIAL,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "after %{y}: %{x} with %{z:.1%}<extra></extra>",
        "colorbar": {"thickness": 10, "tickformat": ".0%", "dtick": 0.1, "outlinewidth": 0},
    }
    y = characters("last character", names, range=[len(names) - 0.5, -0.5])
    return figure([heatmap], characters("next character", names), y, height=420)
