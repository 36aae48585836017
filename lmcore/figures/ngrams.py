"""Pairs of characters: counts, probabilities, and what single characters of a text cost."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import (
    BLUE,
    DIVERGING,
    GRAY,
    ORANGE,
    RED,
    character_axis,
    downward,
    escape,
    figure,
    heatmap,
    line,
    small_title,
)
from lmcore.inspection.ngrams import Broadcasting, PairMatrix

Values = NDArray[np.float64]
MAX_WRITTEN = 30
"""Characters of a matrix whose numbers are written into its cells."""

BLANK = "#A6ABB3"
"""Color of pairs that never occur: none of the scale, on a light page and on a dark one."""

MIN_SURPRISE_RANGE = 5.0  # nats
BROADCASTING_LIMIT = 0.4  # probability at which the color scale of both matrices ends


def pair_matrix(matrix: PairMatrix, probabilities: bool = False, log: bool = False, height: int = 820) -> go.Figure:
    """Counts or probabilities of pairs: rows the first character, columns the second. Zeros are gray."""
    values = matrix.probabilities if probabilities else matrix.counts.astype(float)
    shown = np.where(values > 0, values, np.nan)
    if log:
        shown = np.log10(shown)
    cells = heatmap(
        shown,
        _colorbar(shown, log, probabilities),
        customdata=np.stack([matrix.counts, matrix.probabilities], axis=-1),
        hovertemplate="%{x} after %{y}: %{customdata[0]:,} times, %{customdata[1]:.2%}<extra></extra>",
    )
    if len(matrix.labels) <= MAX_WRITTEN:
        written = [f"{value:.0%}" if probabilities else f"{value:,.0f}" for value in values.flat]
        pairs = [escape(a + b) for a in matrix.labels for b in matrix.labels]
        texts = [f"{pair}<br>{value}" for pair, value in zip(pairs, written, strict=True)]
        cells |= {"text": np.array(texts).reshape(values.shape), "texttemplate": "%{text}", "textfont": {"size": 9}}
    return _matrix_figure(cells, matrix.labels, height).update_layout(plot_bgcolor=BLANK)


def pair_probabilities(matrix: PairMatrix, title: str = "", max_color: float | None = None) -> go.Figure:
    """Probabilities of pairs, without numbers; ``max_color`` is the probability with the brightest color."""
    limit = float(matrix.probabilities.max()) if max_color is None else max_color
    cells = heatmap(
        matrix.probabilities,
        {"tickformat": ".0%"},
        zmin=0,
        zmax=limit,
        hovertemplate="%{x} after %{y}: %{z:.2%}<extra></extra>",
    )
    return _matrix_figure(cells, matrix.labels, title=title)


def pair_difference(matrix: PairMatrix, title: str = "") -> go.Figure:
    """Probabilities minus the unsmoothed ones: red where higher, blue where lower."""
    difference = matrix.probabilities - matrix.unsmoothed
    largest = max(float(np.abs(difference).max()), 1e-9)
    cells = heatmap(
        difference,
        {"tickformat": ".1%"},
        colorscale=DIVERGING,
        zmin=-largest,
        zmax=largest,
        hovertemplate="%{x} after %{y}: %{z:+.2%}<extra></extra>",
    )
    return _matrix_figure(cells, matrix.labels, title=title)


def broadcasting(record: Broadcasting, keepdim: bool) -> go.Figure:
    """The matrix divided with and without ``keepdim=True``."""
    values = record.keepdim if keepdim else record.no_keepdim
    cells = heatmap(
        values,
        {"tickformat": ".0%"},
        zmin=0,
        zmax=BROADCASTING_LIMIT,
        hovertemplate="row %{y}, column %{x}: %{z:.2%}<extra></extra>",
    )
    return _matrix_figure(cells, record.labels, rows="Row", columns="Column")


def _colorbar(shown: Values, log: bool, probabilities: bool) -> dict[str, Any]:
    if not log or not np.isfinite(shown).any():
        return {"tickformat": ".0%" if probabilities else ","}
    exponents = np.arange(np.floor(np.nanmin(shown)), np.ceil(np.nanmax(shown)) + 1)
    texts = [f"{100 * 10.0**exponent:g}%" if probabilities else f"{10.0**exponent:,.0f}" for exponent in exponents]
    return {"tickvals": exponents, "ticktext": texts}


def _matrix_figure(
    cells: dict[str, Any],
    labels: list[str],
    height: int = 480,
    title: str = "",
    rows: str = "First character",
    columns: str = "Second character",
) -> go.Figure:
    y = character_axis(rows, labels, range=downward(len(labels)))
    return figure([cells], character_axis(columns, labels), y, height=height, title=small_title(title))


def next_characters(matrix: PairMatrix, row: int) -> go.Figure:
    """One row of the matrix as bars: what follows one character."""
    bars = {
        "type": "bar",
        "x": np.arange(len(matrix.labels)),
        "y": matrix.probabilities[row],
        "customdata": matrix.counts[row],
        "marker": {"color": BLUE},
        "hovertemplate": "%{x}: %{customdata:,} times, %{y:.2%}<extra></extra>",
    }
    y = {"title": f"Probability after {escape(matrix.labels[row])}", "tickformat": ".0%"}
    return figure([bars], character_axis("Next character", matrix.labels), y, height=300, bargap=0.15)


def character_losses(table: pd.DataFrame) -> go.Figure:
    """The loss of each character of a text (`inspection.ngrams.score_table`); infinite losses are red."""
    losses = -table["log probability"].to_numpy()
    top = max(MIN_SURPRISE_RANGE, float(losses[np.isfinite(losses)].max(initial=0)) * 1.2)
    bars = {
        "type": "bar",
        "x": np.arange(len(table)),
        "y": np.minimum(losses, top),
        "marker": {"color": [RED if np.isinf(loss) else BLUE for loss in losses]},
        "customdata": table["probability"],
        "hovertemplate": "%{x}: probability %{customdata:.4f}<extra></extra>",
    }
    pairs = [f"{context}→{character}" for context, character in zip(table["context"], table["next"], strict=True)]
    return figure([bars], character_axis("Context → next character", pairs), "Loss (nats)", height=280)


def order_comparison(table: pd.DataFrame) -> go.Figure:
    """Train and dev loss over the order (`inspection.ngrams.compare_orders`), and the share of n-grams that occur."""
    orders = table["order"].to_numpy()
    traces = [
        line(split, orders, table[split].replace(np.inf, np.nan).to_numpy(float), color, symbol=symbol)
        for split, color, symbol in (("train", ORANGE, "circle"), ("dev", RED, "diamond"))
    ]
    traces.append(
        line("share seen", orders, table["share seen"].to_numpy(), GRAY, 2, "dot", "square")
        | {"yaxis": "y2", "hovertemplate": "%{y:.2%}"}
    )
    right = {
        "overlaying": "y",
        "side": "right",
        "tickformat": ".0%",
        "range": [0, 1.02],
        "showgrid": False,
        "tickmode": "auto",
    }
    right |= {"title": {"text": "Share of all n-grams that occur", "standoff": 12}, "automargin": True}
    return figure(traces, {"title": "Order n", "dtick": 1}, "Loss (nats per character)", yaxis2=right)
