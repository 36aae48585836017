"""Pictures of batch normalization."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, escape, figure, message
from lmcore.figures.training import values
from lmcore.inspection.batch_norm import Floats, Folding, OneBatch, Running, WrongAxis

REACH = 33.0  # of values before the normalization, so that nothing jumps while one of them is dragged
HEIGHT = 320
BEFORE, AFTER = "value before BatchNorm", "value after BatchNorm"


def batch_values(record: OneBatch, after: bool) -> go.Figure:
    """The histogram of a batch before or after its normalization, on an axis that stays."""
    shown = record.after if after else record.before
    drawn = values({"batch": shown.astype(np.float32)}, AFTER if after else BEFORE, 16)
    drawn.layout.height = 240
    drawn.layout.xaxis.range = _around(shown, 6.0 if after else REACH)
    drawn.layout.yaxis.title.text = "share of the batch"
    return drawn


def batch_map(record: OneBatch, contexts: Sequence[str]) -> go.Figure:
    """Output against input: one straight line for the whole batch, and where it was before an example was moved."""
    names = [escape(context) for context in contexts]
    traces = [
        _dots("untouched", record.own_before, record.own_after, GREY, names, 6, line="dot"),
        *_moves(record),
        _dots("batch", record.before, record.after, BLUE, names, 8, line="solid"),
        _dots("dragged example", record.before[:1], record.after[:1], ORANGE, names, 15),
    ]
    everything = np.concatenate([record.after, record.own_after])
    return figure(
        traces,
        {"title": BEFORE, "range": _around(np.concatenate([record.before, record.own_before]), REACH)},
        {"title": AFTER, "range": _around(everything, 6.0)},
        height=HEIGHT + 60,
    )


def _moves(record: OneBatch) -> list[dict[str, Any]]:
    """A line from where each other output was to where it is."""
    gaps = np.full(len(record.after) - 1, np.nan)
    x = np.stack([record.before[1:], record.before[1:], gaps], 1).ravel()
    y = np.stack([record.own_after[1:], record.after[1:], gaps], 1).ravel()
    return [_trace("moves", x, y, "lines", line={"color": SKY, "width": 2}, hoverinfo="skip", showlegend=False)]


def batch_shifts(record: OneBatch, contexts: Sequence[str]) -> go.Figure:
    """How far each other example's output moved because one was moved."""
    shifts = record.shifts[1:]
    bars = {
        "type": "bar",
        "x": np.arange(2, len(shifts) + 2),
        "y": shifts.astype(np.float32),
        "customdata": [escape(context) for context in contexts[1:]],
        "marker": {"color": SKY},
        "hovertemplate": "%{customdata}: %{y:+.3f}<extra></extra>",
    }
    still = not shifts.any()
    y = {"title": "change of its value after BatchNorm", "range": _around(shifts, 0.5)}
    return figure(
        [bars],
        "another example of the batch (number)",
        y,
        height=HEIGHT + 60,
        bargap=0.2,
        annotations=[message("Drag the first example:<br>the others move.")] if still else [],
    )


def running_statistic(record: Running, deviation: bool) -> go.Figure:
    """The mean or the standard deviation of each batch, what is kept of it, and the truth."""
    batch, kept, truth = (
        (record.batch_deviation, record.deviation, record.true_deviation)
        if deviation
        else (record.batch_mean, record.mean, record.true_mean)
    )
    steps = np.arange(1, len(batch) + 1)
    name = "deviation" if deviation else "mean"
    traces = [
        _trace("each batch", steps, batch, "markers", marker={"color": SKY, "size": 6, "opacity": 0.7}),
        _trace("running", steps, kept, "lines", line={"color": BLUE, "width": 3}),
        _trace(
            "whole split", steps[[0, -1]], np.full(2, truth), "lines", line={"color": RED, "width": 2, "dash": "dash"}
        ),
    ]
    return figure(traces, "step", f"{name} before BatchNorm", height=HEIGHT, hovermode="x unified")


def one_example(record: Running) -> go.Figure:
    """What one example becomes among the examples of many batches, and in evaluation mode, where it is alone."""
    drawn = values({f"in each of {len(record.in_batches)} batches": record.in_batches.astype(np.float32)}, AFTER, 40)
    marks = {
        "evaluation mode": (record.alone, ORANGE, "diamond"),
        "by the whole split": (record.by_truth, RED, "x"),
    }
    drawn.add_traces(
        [
            _trace(name, np.array([x]), np.zeros(1), "markers", marker={"color": color, "size": 15, "symbol": symbol})
            for name, (x, color, symbol) in marks.items()
        ]
    )
    drawn.update_layout(height=HEIGHT, showlegend=True)
    drawn.layout.yaxis.title.text = "share of the batches"
    return drawn


def axis_means(record: WrongAxis, position: int) -> go.Figure:
    """The means that units are normalized by at each position, the right one as a line."""
    order = np.argsort(record.right_mean[0, 0])
    units = np.arange(1, len(order) + 1)
    traces = [
        _trace(name, units, record.wrong_mean[0, t, order], "markers", **look)
        for t, name, look in _positions(record, position)
    ]
    traces.append(_right(units, record.right_mean[0, 0, order]))
    return figure(traces, "unit, in the order of the right mean", "mean before BatchNorm", height=400)


def axis_map(record: WrongAxis, unit: int, position: int) -> go.Figure:
    """Output against input of one unit: the right axis makes one line of it, the wrong one a line for each position."""
    traces = []
    for t, name, look in _positions(record, position):
        order = np.argsort(record.before[:, t, unit])
        x, y = (array[order, t, unit] for array in (record.before, record.wrong))
        traces.append(_trace(name, x, y, "lines+markers", **look))
    x, y = (array[:, :, unit].ravel() for array in (record.before, record.right))
    ends = np.argsort(x)[[0, -1]]
    return figure([*traces, _right(x[ends], y[ends])], BEFORE, AFTER, height=400)


def _right(x: NDArray[Any], y: NDArray[Any]) -> dict[str, Any]:
    return _trace("right: all positions", x, y, "lines", line={"color": BLUE, "width": 3}, legendrank=0)


def _positions(record: WrongAxis, chosen: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Every position with its name and its look; the chosen one last, on top of the others."""
    for t in sorted(range(record.wrong_mean.shape[1]), key=lambda t: t == chosen):
        color = ORANGE if t == chosen else (GREEN, PURPLE, SKY, GREY)[t % 4]
        marker = {"color": color, "size": 8 if t == chosen else 5}
        look = {"marker": marker, "line": {"color": color, "width": 1.5}, "opacity": 1.0 if t == chosen else 0.5}
        yield t, f"wrong: position {t + 1}", look | {"legendrank": t + 1}


MAX_DOTS = 3000


def folded_logits(record: Folding) -> go.Figure:
    """Logits of the folded net against those of the net, evenly spaced ones: all lie on the diagonal."""
    x, y = (logits.ravel() for logits in (record.logits, record.folded_logits))
    some = np.linspace(0, len(x) - 1, min(len(x), MAX_DOTS)).astype(int)
    ends = np.array([x[some].min(), x[some].max()])
    traces = [
        _trace("equal", ends, ends, "lines", line={"color": GREY, "width": 1}),
        _trace("logits", x[some], y[some], "markers", marker={"color": BLUE, "size": 4, "opacity": 0.5}),
    ]
    return figure(traces, "logit of the net in evaluation mode", "logit of the folded net", height=HEIGHT + 40)


def folding_differences(record: Folding) -> go.Figure:
    """Histogram of what rounding leaves between the logits of both nets."""
    drawn = values({"difference": record.differences}, "folded logit − logit")
    drawn.layout.height = HEIGHT + 40
    drawn.layout.xaxis.exponentformat = "e"
    drawn.layout.yaxis.title.text = "share of the logits"
    return drawn


def _trace(name: str, x: NDArray[Any], y: NDArray[Any], mode: str, **more: Any) -> dict[str, Any]:
    points = {"x": x.astype(np.float32), "y": y.astype(np.float32)}
    return {"type": "scatter", "name": name, "mode": mode} | points | more


def _dots(name: str, x: Floats, y: Floats, color: str, names: list[str], size: int, line: str = "") -> dict[str, Any]:
    """Examples, by name, in the order of their values, on a line if they are told how it is dashed."""
    order = np.argsort(x)
    return _trace(
        name,
        x[order],
        y[order],
        "lines+markers" if line else "markers",
        line={"color": color, "width": 1.5, "dash": line or "solid"},
        marker={"color": color, "size": size, "line": {"width": 1, "color": "white"}},
        customdata=[names[i] for i in order],
        hovertemplate="%{customdata}: %{x:.3f} becomes %{y:.3f}<extra></extra>",
    )


def _around(shown: NDArray[Any], reach: float) -> list[float]:
    """A range of an axis, alike to both sides of zero: as far as said, farther if what is shown needs it."""
    widest = max(reach, 1.08 * float(np.abs(shown).max()))
    return [-widest, widest]
