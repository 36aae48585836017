"""Pictures of a training."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    RED,
    SEQUENTIAL,
    SKY,
    characters,
    figure,
    message,
)
from lmcore.training.history import Change, Floats, LossCurve
from lmcore.training.lr_finder import Finding

NOTHING_YET = "Press Start to train."


def loss_curve(curve: LossCurve, log_x: bool = False, log_y: bool = False) -> go.Figure:
    """Loss against steps: minibatches, smoothed, train, dev, looks at test; the line of guessing, every change."""
    shown = curve.snapshot_steps > 0 if log_x else np.ones(len(curve.snapshot_steps), bool)
    at = curve.snapshot_steps[shown]
    last = max([*curve.steps[-1:], *curve.snapshot_steps[-1:], 1.0])
    traces = [
        _line("minibatch", curve.steps, curve.losses, PALE, 1),
        _line("smoothed", curve.steps, curve.smoothed, BLUE, 3),
        _line("train", at, curve.train[shown], ORANGE, 2, symbol="circle"),
        _line("dev", at, curve.dev[shown], RED, 2, symbol="diamond"),
        *_looks(curve),
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
        annotations=_notes(curve, log_x),
        shapes=[_mark(change) for change in curve.changes],
    )


def _line(
    name: str, x: Floats, y: Floats, color: str, width: int, dash: str = "solid", symbol: str = ""
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "x": x.astype(np.float32),
        "y": y.astype(np.float32),
        "mode": "lines+markers" if symbol else "lines",
        "line": {"color": color, "width": width, "dash": dash},
        "marker": {"symbol": symbol or "circle", "size": 7},
    }


def _notes(curve: LossCurve, log_x: bool) -> list[dict[str, Any]]:
    if len(curve.steps):
        return [_note(change, log_x) for change in curve.changes]
    return [] if len(curve.lost) else [message(NOTHING_YET)]


def _looks(curve: LossCurve) -> list[dict[str, Any]]:
    """The test loss, where it was asked for."""
    if not curve.looks:
        return []
    steps, losses = np.array(curve.looks, dtype=float).T
    return [_line("test", steps, losses, PURPLE, 2, dash="dot", symbol="star")]


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


def _value(value: float | bool | str) -> str:
    if isinstance(value, str):
        return value
    return ("on" if value else "off") if isinstance(value, bool) else f"{value:g}"


RATE, LOSS = "learning rate", "smoothed loss (nats per character)"
RACE = [BLUE, ORANGE, GREEN, RED, PURPLE, SKY]


def race(curves: dict[str, LossCurve], log_x: bool = False) -> go.Figure:
    """The smoothed losses of several runs on one chart, by name, with the line of guessing."""
    traces = [
        _line(name, curve.steps, curve.smoothed, color, 3)
        for (name, curve), color in zip(curves.items(), itertools.cycle(RACE))
    ]
    guessing = next((curve.guessing for curve in curves.values()), 0.0)
    last = max([1.0, *(curve.steps[-1] for curve in curves.values() if len(curve.steps))])
    if curves:
        ends = np.array([1.0 if log_x else 0.0, last])
        traces.append(_line(f"guessing: {guessing:.3f}", ends, np.full(2, guessing), GREY, 2, dash="dash"))
    begun = any(len(curve.steps) for curve in curves.values())
    unit = next((curve.unit for curve in curves.values()), "step")
    highest = max([guessing * 1.6, *(float(c.smoothed.min(initial=np.inf)) for c in curves.values() if len(c.steps))])
    return figure(
        traces,
        {"title": unit, "type": "log" if log_x else "linear", "hoverformat": ",.0f"},
        {"title": LOSS, "hoverformat": ".4f"} | ({"range": [None, highest]} if begun else {}),
        height=460,
        hovermode="x unified",
        annotations=[] if begun else [message("Press Start the race.")],
    )


def rate_finder(finding: Finding, limits: tuple[float, float]) -> go.Figure:
    """Smoothed loss against the learning rate: the mean of the sweeps, their range, and each rule's suggestion.

    Args:
        limits: the lowest and the highest rate of the axis.
    """
    if not len(finding.rates):
        return figure([], RATE, LOSS, height=460, annotations=[message(finding.remark or "Nothing was swept.")])
    x = finding.rates.astype(np.float32)
    band: dict[str, Any] = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "x": x}
    dots: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "name": f"{name}: {rate:.2g}",
            "mode": "markers",
            "x": [rate],
            "y": [np.interp(np.log(rate), np.log(finding.rates), finding.mean)],
            "marker": {"color": color, "size": 14, "line": {"width": 2, "color": "white"}},
        }
        for (name, rate), color in zip(finding.suggestions.items(), itertools.cycle(RACE[1:]))
    ]
    traces = [
        band | {"y": finding.low.astype(np.float32), "showlegend": False},
        band | {"y": finding.high.astype(np.float32), "fill": "tonexty", "fillcolor": PALE, "name": "all seeds"},
        _line("mean", finding.rates, finding.mean, BLUE, 3),
        *dots,
    ]
    y = {"title": LOSS, "range": [0.97 * float(finding.low.min()), 1.25 * float(finding.mean[0])]}
    notes = [message(finding.remark)] if finding.remark and not finding.suggestions else []
    x_axis = {"title": RATE, "type": "log", "tickformat": "~g", "range": [float(limit) for limit in np.log10(limits)]}
    return figure(traces, x_axis, y, height=460, annotations=notes)


def values(groups: dict[str, NDArray[np.float32]], title: str, bins: int = 60) -> go.Figure:
    """Histograms of numbers by name, with shared bins, as shares of their group."""
    everything = np.concatenate([group.ravel() for group in groups.values()]) if groups else np.zeros(1)
    edges = np.linspace(everything.min() - 1e-6, everything.max() + 1e-6, bins + 1)
    traces = [
        {
            "type": "scatter",
            "name": name,
            "mode": "lines",
            "line": {"shape": "hvh", "width": 2, "color": color},
            "fill": "tozeroy",
            "x": ((edges[:-1] + edges[1:]) / 2).astype(np.float32),
            "y": (np.histogram(group, edges)[0] / group.size).astype(np.float32),
            "hovertemplate": "%{x:.2f}: %{y:.1%}<extra></extra>",
        }
        for (name, group), color in zip(groups.items(), itertools.cycle(RACE))
    ]
    return figure(traces, title, {"title": "share", "tickformat": ".0%"}, height=300, showlegend=len(groups) > 1)


def first_guesses(probabilities: NDArray[np.float32], contexts: Sequence[str], labels: Sequence[str]) -> go.Figure:
    """What the model expects after some contexts, as times what guessing gives: white is 1/V, red more, blue less."""
    times = np.log10(np.maximum(probabilities * len(labels), 1e-3))
    heatmap = {
        "type": "heatmap",
        "z": times.astype(np.float32),
        "customdata": probabilities,
        "colorscale": "RdBu",
        "zmin": -1.5,
        "zmax": 1.5,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "after %{y}: %{x} with %{customdata:.2%}<extra></extra>",
        "colorbar": {
            "thickness": 10,
            "outlinewidth": 0,
            "tickvals": [-1, 0, 1],
            "ticktext": ["1/V ÷ 10", "1/V", "1/V × 10"],
        },
    }
    y = characters("context", list(contexts), range=[len(contexts) - 0.5, -0.5])
    return figure([heatmap], characters("next character", list(labels)), y, height=360)


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
        "zmax": 0.4,  # fixed, so that colors can be compared over time
        "colorscale": SEQUENTIAL,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "after %{y}: %{x} with %{z:.1%}<extra></extra>",
        "colorbar": {"thickness": 10, "tickformat": ".0%", "dtick": 0.1, "outlinewidth": 0},
    }
    y = characters("last character", names, range=[len(names) - 0.5, -0.5])
    return figure([heatmap], characters("next character", names), y, height=420)
