"""Batch normalization."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.histograms import histograms
from lmcore.figures.style import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    WHITE,
    empty_figure,
    escape,
    figure,
    line,
)
from lmcore.inspection import histograms as bins
from lmcore.inspection.batch_norm import Folding, NormalizedBatch, RunningStatistics, WrongAxis

Floats = NDArray[np.float64]
MAX_BEFORE, MAX_AFTER = 33.0, 6.0
"""Where the axes of values before and after BatchNorm end, so that they stand still while an example is moved."""

MAX_SHIFT = 0.5
HEIGHT = 320
BEFORE, AFTER = "Value before BatchNorm", "Value after BatchNorm"
MAX_POINTS = 3000


# ---------------------------------------------------------------- one batch


def batch_histogram(record: NormalizedBatch, after: bool) -> go.Figure:
    """The values of a batch before or after BatchNorm."""
    values = record.after if after else record.before
    title, limit = (AFTER, MAX_AFTER) if after else (BEFORE, MAX_BEFORE)
    drawn = histograms(bins.histograms({"batch": values}, n_bins=16), title, of="the batch", height=240)
    drawn.layout.xaxis.range = _symmetric_range(values, limit)
    return drawn


def batch_map(record: NormalizedBatch, contexts: Sequence[str]) -> go.Figure:
    """Output over input: one straight line for the whole batch, and where it was before an example was moved."""
    names = [escape(context) for context in contexts]
    traces = [
        _examples("original", record.original_before, record.original_after, GRAY, names, 6, "dot"),
        _movements(record),
        _examples("batch", record.before, record.after, BLUE, names, 8, "solid"),
        _examples("moved example", record.before[:1], record.after[:1], ORANGE, names, 15),
    ]
    inputs = np.concatenate([record.before, record.original_before])
    outputs = np.concatenate([record.after, record.original_after])
    return figure(
        traces,
        {"title": BEFORE, "range": _symmetric_range(inputs, MAX_BEFORE)},
        {"title": AFTER, "range": _symmetric_range(outputs, MAX_AFTER)},
        height=HEIGHT + 60,
    )


def _movements(record: NormalizedBatch) -> dict[str, Any]:
    """A line from where each of the other outputs was to where it is."""
    gaps = np.full(len(record.after) - 1, np.nan)
    x = np.stack([record.before[1:], record.before[1:], gaps], 1).ravel()
    y = np.stack([record.original_after[1:], record.after[1:], gaps], 1).ravel()
    return line("movement", x, y, SKY, 2) | {"hoverinfo": "skip", "showlegend": False}


def _examples(
    name: str, x: Floats, y: Floats, color: str, names: Sequence[str], size: int, dash: str = ""
) -> dict[str, Any]:
    """Examples in the order of their values, connected by a line if there is a dash."""
    order = np.argsort(x)
    return line(name, x[order], y[order], color, 1.5, dash or "solid", "circle") | {
        "mode": "lines+markers" if dash else "markers",
        "marker": {"color": color, "size": size, "line": {"width": 1, "color": WHITE}},
        "customdata": [names[i] for i in order],
        "hovertemplate": "%{customdata}: %{x:.3f} → %{y:.3f}<extra></extra>",
    }


def batch_shifts(record: NormalizedBatch, contexts: Sequence[str]) -> go.Figure:
    """How far the output of each other example moved because the first one was moved."""
    shifts = record.shifts[1:]
    if not shifts.any():
        return empty_figure("Move the first example:<br>all others move as well.", HEIGHT + 60)
    bars = {
        "type": "bar",
        "x": np.arange(2, len(shifts) + 2),
        "y": shifts.astype(np.float32),
        "customdata": [escape(context) for context in contexts[1:]],
        "marker": {"color": SKY},
        "hovertemplate": "%{customdata}: %{y:+.3f}<extra></extra>",
    }
    y = {"title": "Change of the value after BatchNorm", "range": _symmetric_range(shifts, MAX_SHIFT)}
    return figure([bars], "Example of the batch", y, height=HEIGHT + 60, bargap=0.2)


def _symmetric_range(values: NDArray[Any], limit: float) -> list[float]:
    """A range around zero: up to the limit, or farther if the values need it."""
    widest = max(limit, 1.08 * float(np.abs(values).max()))
    return [-widest, widest]


# ---------------------------------------------------------------- running statistics


def running_statistic(record: RunningStatistics, std: bool) -> go.Figure:
    """The mean (or standard deviation) of each batch, its running average, and the true value."""
    batch, running, true = (
        (record.batch_stds, record.stds, record.true_std)
        if std
        else (record.batch_means, record.means, record.true_mean)
    )
    steps = np.arange(1, len(batch) + 1)
    batches = line("each batch", steps, batch, SKY, symbol="circle")
    traces = [
        batches | {"mode": "markers", "marker": {"color": SKY, "size": 6, "opacity": 0.7}},
        line("running", steps, running, BLUE),
        line("whole split", steps[[0, -1]], np.full(2, true), RED, 2, "dash"),
    ]
    name = "Standard deviation" if std else "Mean"
    return figure(traces, "Step", f"{name} before BatchNorm", height=HEIGHT, hovermode="x unified")


def one_example(record: RunningStatistics) -> go.Figure:
    """The output of one example in many batches, and in evaluation mode, where it does not depend on a batch."""
    name = f"in each of {len(record.in_batches)} batches"
    record_bins = bins.histograms({name: record.in_batches}, n_bins=40)
    drawn = histograms(record_bins, AFTER, of="the batches", height=HEIGHT)
    marks = {
        "in evaluation mode": (record.alone, ORANGE, "diamond"),
        "with the statistics of the whole split": (record.with_true_statistics, RED, "x"),
    }
    drawn.add_traces(
        [
            line(label, np.array([x]), np.zeros(1), color, symbol=symbol)
            | {"mode": "markers", "marker": {"color": color, "size": 15, "symbol": symbol}, "cliponaxis": False}
            for label, (x, color, symbol) in marks.items()
        ]
    )
    shown = np.array([*record_bins.edges[[0, -1]], record.alone, record.with_true_statistics])
    margin = 0.05 * float(np.ptp(shown)) + 1e-6
    drawn.layout.xaxis.range = [float(shown.min()) - margin, float(shown.max()) + margin]
    return drawn.update_layout(showlegend=True)


# ---------------------------------------------------------------- the wrong axis


def axis_means(record: WrongAxis, position: int) -> go.Figure:
    """The mean of each unit at each position, and over all positions."""
    order = np.argsort(record.right_mean[0, 0])
    units = np.arange(1, len(order) + 1)
    traces = [
        style | {"x": units, "y": record.wrong_mean[0, t, order].astype(np.float32), "mode": "markers"}
        for t, style in _position_styles(record, position)
    ]
    traces.append(_right_line(units, record.right_mean[0, 0, order]))
    return figure(traces, "Unit, sorted by the correct mean", "Mean before BatchNorm", height=400)


def axis_map(record: WrongAxis, unit: int, position: int) -> go.Figure:
    """Output over input of one unit: a single line with the right axis, one line per position with the wrong one."""
    traces = []
    for t, style in _position_styles(record, position):
        order = np.argsort(record.before[:, t, unit])
        x, y = (values[order, t, unit].astype(np.float32) for values in (record.before, record.wrong))
        traces.append(style | {"x": x, "y": y, "mode": "lines+markers"})
    x, y = (values[:, :, unit].ravel() for values in (record.before, record.right))
    ends = np.argsort(x)[[0, -1]]
    return figure([*traces, _right_line(x[ends], y[ends])], BEFORE, AFTER, height=400)


def _right_line(x: NDArray[Any], y: NDArray[Any]) -> dict[str, Any]:
    return line("correct: all positions", x, y, BLUE) | {"legendrank": 0}


def _position_styles(record: WrongAxis, chosen: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every position with a trace without data; the chosen one comes last, on top of all others."""
    for t in sorted(range(record.wrong_mean.shape[1]), key=lambda t: t == chosen):
        is_chosen = t == chosen
        color = ORANGE if is_chosen else (GREEN, PURPLE, SKY, GRAY)[t % 4]
        empty = np.zeros(0)
        yield (
            t,
            line(f"wrong: position {t + 1}", empty, empty, color, 1.5, symbol="circle")
            | {
                "marker": {"color": color, "size": 8 if is_chosen else 5},
                "opacity": 1.0 if is_chosen else 0.5,
                "legendrank": t + 1,
            },
        )


# ---------------------------------------------------------------- folding


def folded_logits(record: Folding) -> go.Figure:
    """Logits of the folded model over those of the original one: all lie on the diagonal."""
    x, y = (logits.ravel() for logits in (record.logits, record.folded_logits))
    shown = np.linspace(0, len(x) - 1, min(len(x), MAX_POINTS)).astype(int)
    ends = np.array([x[shown].min(), x[shown].max()])
    points = {"mode": "markers", "marker": {"color": BLUE, "size": 4, "opacity": 0.5}}
    traces = [line("equal", ends, ends, GRAY, 1), line("logits", x[shown], y[shown], BLUE) | points]
    return figure(traces, "Logit of the model", "Logit of the folded model", height=HEIGHT + 40)


def folding_differences(record: Folding) -> go.Figure:
    """The differences of the logits of both models, which are rounding errors."""
    record_bins = bins.histograms({"difference": record.differences}, n_bins=60)
    drawn = histograms(record_bins, "Folded logit − logit", of="the logits", height=HEIGHT + 40)
    drawn.layout.xaxis.exponentformat = "e"
    return drawn
