"""Pictures of a training."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE, GREY, ORANGE, RED, SEQUENTIAL, SKY, figure, say
from lmcore.history import LossCurve


def loss_curve(curve: LossCurve, log_x: bool = False, log_y: bool = False) -> go.Figure:
    """Loss against steps: each minibatch, smoothed, train and dev; the line of guessing and every change."""
    result = figure("step", "loss (nats per character)", height=420, hovermode="x unified")
    if not len(curve.steps):
        say(result, "Press Start to train.")
    _line(result, "minibatch", curve.steps, curve.losses, SKY, 1, opacity=0.45)
    _line(result, "smoothed", curve.steps, curve.smoothed, BLUE, 3)
    shown = curve.snapshot_steps > 0 if log_x else np.ones(len(curve.snapshot_steps), bool)
    for name, losses, colour, symbol in (("train", curve.train, ORANGE, "circle"), ("dev", curve.dev, RED, "diamond")):
        _line(result, name, curve.snapshot_steps[shown], losses[shown], colour, 2, mode="lines+markers", symbol=symbol)
    if len(curve.lost):
        start = curve.steps[-1] if len(curve.steps) else 0
        lost = np.minimum(curve.lost, 10 * curve.guessing)  # beyond, the rest of the curve would be flat
        _line(result, "diverged", start + 1.0 + np.arange(float(len(lost))), lost, RED, 2, dash="dot")
    last = max([*curve.steps[-1:], *curve.snapshot_steps[-1:], 1.0])
    _line(
        result,
        f"guessing: {curve.guessing:.3f}",
        np.array([1.0 if log_x else 0.0, last]),
        np.full(2, curve.guessing),
        GREY,
        2,
        dash="dash",
    )
    for change in curve.changes:
        words = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in change.settings.items())
        result.add_vline(
            x=max(change.step, 1), line={"color": GREY, "dash": "dot"}, annotation={"text": words, "font": {"size": 11}}
        )
    result.update_layout(legend={"font": {"size": 12}, "itemwidth": 30})
    result.update_xaxes(type="log" if log_x else "linear", rangemode="tozero", hoverformat=",.0f")
    result.update_yaxes(type="log" if log_y else "linear", hoverformat=".4f")
    return result


def _line(
    result: go.Figure,
    name: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    colour: str,
    width: int,
    dash: str = "solid",
    mode: str = "lines",
    symbol: str = "circle",
    opacity: float = 1.0,
) -> None:
    result.add_scatter(
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        name=name,
        mode=mode,
        opacity=opacity,
        line={"color": colour, "width": width, "dash": dash},
        marker={"symbol": symbol, "size": 7},
    )


def next_character(probabilities: NDArray[np.float32] | None, labels: Sequence[str]) -> go.Figure:
    """What the model expects after one character: rows the last, columns the next, as a heatmap.

    Args:
        probabilities: shape (M, M), rows for the last character; None draws an empty figure.
        labels: the M characters.
    """
    result = figure("next character", "last character", height=420)
    if probabilities is None:
        return say(result, "Press Start to train.")
    ticks = np.arange(len(labels))
    result.add_heatmap(
        z=probabilities.astype(np.float32),
        zmin=0,
        zmax=0.4,  # fixed, so that colours can be compared over time
        colorscale=SEQUENTIAL,
        xgap=1,
        ygap=1,
        customdata=np.array([[[a, b] for b in labels] for a in labels]),
        hovertemplate="%{customdata[1]} after %{customdata[0]}: %{z:.1%}<extra></extra>",
        colorbar={"thickness": 10, "tickformat": ".0%", "dtick": 0.1, "outlinewidth": 0},
    )
    for axis in (result.layout.xaxis, result.layout.yaxis):
        axis.update(
            tickmode="array",
            tickvals=ticks,
            ticktext=list(labels),
            tickangle=0,
            showgrid=False,
            tickfont={"size": 11},
            ticks="",
        )
    result.update_yaxes(range=[len(labels) - 0.5, -0.5])
    return result
