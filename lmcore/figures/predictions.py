"""What a model predicts as the next character after some contexts."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import DIVERGING, character_axis, downward, empty_figure, figure, heatmap

MAX_PROBABILITY = 0.4
"""Probability at which the colors end: the same at every step, so that pictures of a run can be compared."""

MIN_RATIO = 1e-3  # of a probability to that of guessing; smaller ones have the same color


def next_character(probabilities: NDArray[np.float32] | None, labels: Sequence[str]) -> go.Figure:
    """The probabilities of the next character (columns) after one character (rows).

    Args:
        probabilities: shape (M, M); None draws an empty figure.
        labels: of the M characters.
    """
    if probabilities is None:
        return empty_figure("No snapshots yet.", height=420)
    cells = heatmap(
        probabilities,
        {"tickformat": ".0%", "dtick": 0.1},
        zmin=0,
        zmax=MAX_PROBABILITY,
        hovertemplate="%{x} after %{y}: %{z:.1%}<extra></extra>",
    )
    y = character_axis("Last character", labels, range=downward(len(labels)))
    return figure([cells], character_axis("Next character", labels), y, height=420)


def initial_predictions(
    probabilities: NDArray[np.float32], contexts: Sequence[str], labels: Sequence[str]
) -> go.Figure:
    """Predictions of an untrained model relative to guessing: white is 1/V, red is more, blue is less.

    Args:
        probabilities: shape (B, M).
        contexts: of the B examples.
        labels: of the M characters.
    """
    log_ratios = np.log10(np.maximum(probabilities * len(labels), MIN_RATIO))
    colorbar = {"tickvals": [-1, 0, 1], "ticktext": ["1/V ÷ 10", "1/V", "1/V × 10"]}
    cells = heatmap(
        log_ratios,
        colorbar,
        customdata=probabilities,
        colorscale=DIVERGING,
        zmin=-1.5,
        zmax=1.5,
        hovertemplate="%{x} after %{y}: %{customdata:.2%}<extra></extra>",
    )
    y = character_axis("Context", contexts, range=downward(len(contexts)))
    return figure([cells], character_axis("Next character", labels), y, height=360)
