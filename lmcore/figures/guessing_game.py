"""The guessing game: mean losses of the player and of models."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, ORANGE, empty_figure, escape, figure, vertical_line
from lmcore.generation.guessing_game import PLAYER


def ranking(mean_losses: Mapping[str, float], guessing: float) -> go.Figure:
    """The mean losses as bars, best first; the player stands out, and a line marks guessing uniformly.

    Args:
        mean_losses: nats per character, by name, best first.
        guessing: loss of guessing uniformly.
    """
    if not mean_losses:
        return empty_figure("No guesses yet.")
    names = list(mean_losses)
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": np.arange(len(names)),
        "x": list(mean_losses.values()),
        "marker": {"color": [ORANGE if name == PLAYER else BLUE for name in names]},
        "text": [f"{loss:.2f}" for loss in mean_losses.values()],
        "textposition": "auto",
        "hovertemplate": "%{x:.3f} nats per character<extra></extra>",
    }
    y = {
        "tickvals": np.arange(len(names)),
        "ticktext": [escape(name) for name in names],
        "autorange": "reversed",
        "showgrid": False,
    }
    return figure(
        [bars],
        {"title": "Mean loss (nats per character); lower is better", "rangemode": "tozero"},
        y,
        height=130 + 34 * len(names),
        shapes=[vertical_line(guessing)],
    )
