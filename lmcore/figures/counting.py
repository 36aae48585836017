"""Pictures of what was counted."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE, GREY, ORANGE, RED, SEQUENTIAL, SKY, characters, escape, figure
from lmcore.generation.sampling import Throw
from lmcore.inspection.neural_bigram import Descent, LogCounts, Stage
from lmcore.inspection.ngrams import Broadcasting, PairMatrix

Values = NDArray[np.float64]
LEGIBLE = 30  # characters up to which every cell is written into


def pair_matrix(matrix: PairMatrix, probabilities: bool = False, log: bool = False, height: int = 820) -> go.Figure:
    """Counts or probabilities of pairs as a heatmap: rows the first character, columns the second; zeros are blank."""
    values = matrix.probabilities if probabilities else matrix.counts.astype(float)
    shown = np.where(values > 0, values, np.nan)
    if log:
        shown = np.log10(shown)
    written = [
        f"{value:.0%}" if probabilities else f"{value:,}" for value in (values if probabilities else matrix.counts).flat
    ]
    heatmap = _heatmap(shown, _colorbar(shown, log, probabilities)) | {
        "customdata": np.stack([matrix.counts, matrix.probabilities], axis=-1),
        "hovertemplate": "%{x} follows %{y} %{customdata[0]:,} times,<br>"
        "%{customdata[1]:.2%} of what follows %{y}<extra></extra>",
    }
    if len(matrix.labels) <= LEGIBLE:
        pairs = [escape(a + b) for a in matrix.labels for b in matrix.labels]
        cells = [f"{pair}<br>{value}" for pair, value in zip(pairs, written, strict=True)]
        heatmap |= {"text": np.array(cells).reshape(values.shape), "texttemplate": "%{text}", "textfont": {"size": 9}}
    return _square(heatmap, matrix.labels, "first character", "second character", height)


def difference(matrix: PairMatrix, title: str = "") -> go.Figure:
    """How much smoothing moved each probability: red up, blue down."""
    moved = matrix.probabilities - matrix.unsmoothed
    largest = max(float(np.abs(moved).max()), 1e-9)
    heatmap = _heatmap(moved, {"tickformat": ".1%"}) | {
        "colorscale": "RdBu",
        "zmin": -largest,
        "zmax": largest,
        "hovertemplate": "%{x} after %{y}: %{z:+.2%}<extra></extra>",
    }
    return _square(heatmap, matrix.labels, "first character", "second character", 480, title)


def broadcasting(record: Broadcasting, wrong: bool) -> go.Figure:
    """The matrix divided the right or the wrong way."""
    values = record.wrong if wrong else record.right
    heatmap = _heatmap(values, {"tickformat": ".0%"}) | {"zmin": 0, "zmax": 0.4}
    return _square(heatmap, record.labels, "row", "column", 480)


def _heatmap(z: Values, colorbar: dict[str, Any]) -> dict[str, Any]:
    bar = {"thickness": 10, "outlinewidth": 0} | colorbar
    return {
        "type": "heatmap",
        "z": z.astype(np.float32),
        "colorscale": SEQUENTIAL,
        "xgap": 1,
        "ygap": 1,
        "colorbar": bar,
    }


def _colorbar(shown: Values, log: bool, probabilities: bool) -> dict[str, Any]:
    if not log or not np.isfinite(shown).any():
        return {"tickformat": ".0%" if probabilities else ","}
    ticks = np.arange(np.floor(np.nanmin(shown)), np.ceil(np.nanmax(shown)) + 1)
    return {
        "tickvals": ticks,
        "ticktext": [f"{10.0**tick:,.0%}" if probabilities else f"{10.0**tick:,.0f}" for tick in ticks],
    }


def _square(
    heatmap: dict[str, Any], labels: list[str], rows: str, columns: str, height: int, title: str = ""
) -> go.Figure:
    y = characters(rows, labels, range=[len(labels) - 0.5, -0.5])
    return figure([heatmap], characters(columns, labels), y, height=height, title=_title(title))


def _title(text: str) -> dict[str, Any]:
    """Small, above the left edge of the picture."""
    place = {"x": 0, "xref": "paper", "y": 0.995, "yanchor": "top"}
    return {"text": escape(text), "font": {"size": 13}} | place


def what_follows(matrix: PairMatrix, row: int) -> go.Figure:
    """One row of the matrix as bars."""
    bars = {
        "type": "bar",
        "x": np.arange(len(matrix.labels)),
        "y": matrix.probabilities[row],
        "customdata": matrix.counts[row],
        "marker": {"color": BLUE},
        "hovertemplate": "%{x}: %{customdata:,} times, %{y:.2%}<extra></extra>",
    }
    y = {"title": f"share of what follows {escape(matrix.labels[row])}", "tickformat": ".0%"}
    return figure([bars], characters("next character", matrix.labels), y, height=300, bargap=0.15)


def dart(throw: Throw, labels: tuple[str, ...]) -> go.Figure:
    """One step of sampling: the probabilities stacked into a bar of length one, and where the dart fell."""
    edges = np.concatenate(([0.0], np.cumsum(throw.probabilities)))
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [0],
            "x": [p],
            "base": [edges[i]],
            "marker": {"color": ORANGE if i == throw.chosen else (SKY if i % 2 else BLUE)},
            "text": [escape(labels[i]) if p > 0.012 else ""],
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "hovertemplate": f"{escape(labels[i])}: {p:.2%}<extra></extra>",
            "showlegend": False,
        }
        for i, p in enumerate(throw.probabilities)
        if p > 0
    ]
    arrow = {
        "x": throw.dart,
        "y": 0.45,
        "ax": 0,
        "ay": -30,
        "text": f"{throw.dart:.4f}",
        "arrowcolor": RED,
        "arrowwidth": 3,
    }
    y = {"showticklabels": False, "showgrid": False, "range": [-0.5, 0.9]}
    x = {"title": "cumulative probability", "range": [0, 1]}
    return figure(traces, x, y, height=190, barmode="overlay", annotations=[arrow])


def surprise(table: pd.DataFrame) -> go.Figure:
    """How much each character of a text costs; impossible ones reach the top."""
    costs = -table["log probability"].to_numpy()
    top = max(5.0, float(costs[np.isfinite(costs)].max(initial=0)) * 1.2)
    bars = {
        "type": "bar",
        "x": np.arange(len(table)),
        "y": np.minimum(costs, top),
        "marker": {"color": [RED if np.isinf(cost) else BLUE for cost in costs]},
        "customdata": table["probability"],
        "hovertemplate": "%{x}: probability %{customdata:.4f}<extra></extra>",
    }
    pairs = [escape(f"{a}→{b}") for a, b in zip(table["context"], table["next"], strict=True)]
    return figure([bars], characters("character after its context", pairs), "cost (nats)", height=280)


def growth(table: pd.DataFrame) -> go.Figure:
    """Train and dev loss by order: the table explodes, and dev loss turns up again."""
    traces = [
        {
            "type": "scatter",
            "name": split,
            "mode": "lines+markers",
            "x": table["order"],
            "y": table[split].replace(np.inf, np.nan),
            "line": {"color": color, "width": 3},
        }
        for split, color in (("train", ORANGE), ("dev", RED))
    ]
    seen = {
        "type": "scatter",
        "name": "share ever seen",
        "mode": "lines+markers",
        "x": table["order"],
        "y": table["share seen"],
        "yaxis": "y2",
        "line": {"color": GREY, "dash": "dot"},
    }
    second = {"overlaying": "y", "side": "right", "tickformat": ".0%", "range": [0, 1.02], "showgrid": False}
    second |= {"title": {"text": "share of n-grams ever seen", "standoff": 12}, "automargin": True}
    return figure([*traces, seen], {"title": "order n", "dtick": 1}, "loss (nats per character)", yaxis2=second)


def tensor(stage: Stage, gradient: bool = False) -> go.Figure:
    """A tensor of a step, or its gradient, as a heatmap under its name, origin and shape; small ones are written."""
    values = stage.gradient if gradient else stage.value
    rows, columns = values.shape
    largest = max(float(np.abs(values).max()), 1e-12)
    signed = gradient or float(values.min()) < 0
    heatmap = _heatmap(values, {}) | {
        "colorscale": "RdBu" if signed else SEQUENTIAL,
        "zmin": -largest if signed else 0,
        "zmax": largest,
        "hovertemplate": "%{y}, %{x}: %{z:.5f}<extra></extra>",
    }
    if columns <= 4:
        heatmap |= {"texttemplate": "%{z:.4f}", "textfont": {"size": 11}}
    name = f"∂loss/∂({stage.name})" if gradient else f"{stage.name} = {stage.code}"
    y = characters("", stage.rows, range=[rows - 0.5, -0.5])
    height = 66 + max(rows, 2) * (22 if rows <= 12 else 13)
    return figure(
        [heatmap], characters("", stage.columns), y, height=height, title=_title(f"{name}   ({rows} × {columns})")
    )


def log_counts(record: LogCounts) -> go.Figure:
    """log N against W, a point for each pair that was seen: on the diagonal where the net has found the counts."""
    low, high = (float(f(record.log_counts, initial=0)) for f in (np.min, np.max))
    diagonal = {"type": "scatter", "mode": "lines", "x": [low, high], "y": [low, high], "line": {"color": GREY}}
    bar = {"title": {"text": "count"}, "thickness": 10, "outlinewidth": 0} | _powers(record)
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": record.log_counts.astype(np.float32),
        "y": record.weights.astype(np.float32),
        "text": [f"{escape(pair)}: {count:,} times" for pair, count in zip(record.pairs, record.counts, strict=True)],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": np.log10(record.counts), "colorscale": SEQUENTIAL, "size": 7, "colorbar": bar},
    }
    x, y = "log N, less its row's mean (nats)", "W, less its row's mean (nats)"
    return figure([diagonal, points], x, y, height=480, showlegend=False)


def _powers(record: LogCounts) -> dict[str, Any]:
    ticks = np.arange(0, np.ceil(np.log10(record.counts.max(initial=1))) + 1)
    return {"tickvals": ticks, "ticktext": [f"{10.0**tick:,.0f}" for tick in ticks]}


def two_objectives(right: Descent, wrong: Descent) -> go.Figure:
    """The negative log-likelihood, step by step, of a net that descends it and of one that descends the mistake."""
    traces = [
        {
            "type": "scatter",
            "name": name,
            "x": np.arange(len(descent.mean_of_logarithms)),
            "y": descent.mean_of_logarithms.astype(np.float32),
            "line": {"color": color, "width": 3},
        }
        for name, descent, color in (
            ("trained on −mean(log p)", right, BLUE),
            ("trained on −log(mean p)", wrong, RED),
        )
    ]
    return figure(traces, "step", "−mean(log p) (nats per character)", height=480)


def probabilities(matrix: PairMatrix, title: str = "", top: float | None = None) -> go.Figure:
    """A model's probabilities as a heatmap, with nothing written into it; the brightest color stands for ``top``."""
    heatmap = _heatmap(matrix.probabilities, {"tickformat": ".0%"}) | {
        "zmin": 0,
        "zmax": float(matrix.probabilities.max()) if top is None else top,
        "hovertemplate": "%{x} after %{y}: %{z:.2%}<extra></extra>",
    }
    return _square(heatmap, matrix.labels, "first character", "second character", 480, title)
