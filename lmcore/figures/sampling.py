"""Probabilities that a character or a class is chosen by: stacked into a bar of length one, or side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE, ORANGE, RED, SKY, escape, figure

MIN_LABELED = 0.012  # probability from which a segment has room for its label
BAR_HEIGHT = 100  # pixels


def probability_bars(
    distributions: Mapping[str, NDArray[np.float64]], labels: Sequence[str], chosen: int, uniform: float
) -> go.Figure:
    """Distributions, each stacked into a bar of length one, and the random number that chose one of the segments.

    Args:
        distributions: probabilities, shape (V,), by name; the first one is the one that was drawn from.
        labels: of the V characters.
        chosen: index of the character that was drawn.
        uniform: the random number, in [0, 1); its arrow points at the first bar.
    """
    names = list(distributions)
    traces = [_stacked_bar(p, labels, chosen, row) for row, p in enumerate(distributions.values())]
    arrow = {"x": uniform, "y": 0.3, "ax": 0, "ay": -24, "text": f"{uniform:.4f}", "arrowcolor": RED, "arrowwidth": 3}
    y = {
        "tickvals": list(range(len(names))),
        "ticktext": [escape(name) for name in names],
        "showgrid": False,
        "range": [-0.4, len(names) - 0.2],
    }
    x = {"title": "Cumulative probability", "range": [0, 1]}
    height = 90 + BAR_HEIGHT * len(names)
    return figure(traces, x, y, height=height, barmode="overlay", annotations=[arrow], bargap=0.4, showlegend=False)


def _stacked_bar(p: NDArray[np.float64], labels: Sequence[str], chosen: int, row: int) -> dict[str, Any]:
    """One bar; characters with probability zero have no segment."""
    shown = np.flatnonzero(p)
    return {
        "type": "bar",
        "orientation": "h",
        "y": np.full(len(shown), row),
        "x": p[shown],
        "base": (p.cumsum() - p)[shown],
        "marker": {"color": [ORANGE if i == chosen else (SKY if i % 2 else BLUE) for i in shown.tolist()]},
        "text": [escape(labels[i]) if p[i] > MIN_LABELED else "" for i in shown.tolist()],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "hovertemplate": [f"{escape(labels[i])}: {p[i]:.2%}<extra></extra>" for i in shown.tolist()],
    }


def class_probabilities(p: NDArray[Any], names: Sequence[str]) -> go.Figure:
    """The probability of each class as a bar; the highest one stands out."""
    predicted = int(p.argmax()) if len(p) else -1
    bars = {
        "type": "bar",
        "x": [escape(name) for name in names],
        "y": p.astype(np.float32),
        "marker": {"color": [ORANGE if k == predicted else BLUE for k in range(len(p))]},
        "text": [f"{value:.0%}" for value in p],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{x}: %{y:.2%}<extra></extra>",
    }
    x = {"title": "Class", "type": "category", "showgrid": False}
    y = {"title": "Probability", "range": [0, 1.12], "tickformat": ".0%", "dtick": 0.25}
    return figure([bars], x, y, height=260, showlegend=False)
