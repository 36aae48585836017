"""Pictures of longer texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE, ORANGE, RED, SKY, escape, figure, message
from lmcore.generation.passages import Draw, Passage

COLUMNS = 50  # characters a row
PALE_BOTH_WAYS = [[0, "#7fb8dc"], [0.5, "#ffffff"], [1, "#f2a477"]]  # black letters can be read on all of it


def passage(record: Passage, title: str, signed: bool = False) -> go.Figure:
    """A text as rows of characters, each on the color of its number; a click on one gives its place.

    Args:
        title: what the number is, with its unit.
        signed: whether the numbers lie around zero, from -1 to 1; else they begin at zero.
    """
    L = len(record.characters)
    if not L:
        return figure([], "", "", height=200, annotations=[message("Nothing was drawn.")])
    filler = -L % COLUMNS
    values = np.append(record.values, np.full(filler, np.nan))
    return surprise_map([*record.characters, *[""] * filler], values, np.arange(L + filler), COLUMNS, (), title, signed)


def surprise_map(
    characters: Sequence[str],
    values: NDArray[np.float64],
    places: NDArray[np.int64],
    columns: int,
    marks: Sequence[tuple[int, str]] = (),
    title: str = "surprise (nats)",
    signed: bool = False,
) -> go.Figure:
    """Characters in rows, as many as fill them, each on the color of its number.

    Args:
        values: shape (L,), nan where no character stands.
        places: shape (L,) or (L, n), what a click on a character gives.
        columns: of a row; L is a multiple of it.
        marks: row and word, written to the right of the row.
    """
    rows = len(characters) // columns
    stands = np.flatnonzero(np.array([bool(character) for character in characters]))
    heatmap: dict[str, Any] = {
        "type": "heatmap",
        "z": values.astype(np.float32).reshape(rows, columns),
        "customdata": places.reshape(rows, columns, *places.shape[1:]),
        "colorscale": PALE_BOTH_WAYS if signed else "YlOrRd",
        "reversescale": not signed,
        "zmin": -1 if signed else 0,
        "zmax": 1 if signed else 6,
        "opacity": 1 if signed else 0.75,
        "hovertemplate": "%{z:.2f}<extra></extra>",
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": title, "side": "right"}},
    }
    texts: dict[str, Any] = {
        "type": "scatter",
        "mode": "text",
        "x": stands % columns,
        "y": stands // columns,
        "text": ["" if characters[i] == "␣" else escape(characters[i]) for i in stands.tolist()],
        "textfont": {"size": 13, "color": "#000000"},
        "hoverinfo": "skip",
    }
    said: dict[str, Any] = {
        "type": "scatter",
        "mode": "text",
        "x": np.full(len(marks), columns - 0.2),
        "y": [row for row, _ in marks],
        "text": [escape(word) for _, word in marks],
        "textposition": "middle right",
        "textfont": {"size": 12},
        "hoverinfo": "skip",
    }
    plain = {"showticklabels": False, "showgrid": False, "ticks": "", "title": ""}
    x = plain | {"range": [-0.5, columns - 0.5 + (max(4, columns * 0.2) if marks else 0)]}
    y = plain | {"range": [rows - 0.5, -0.5]}
    traces = [heatmap, texts, said] if marks else [heatmap, texts]
    return figure(traces, x, y, height=60 + 22 * rows, showlegend=False)


def how_drawn(record: Draw, labels: Sequence[str]) -> go.Figure:
    """What the model said and what was made of it, each stacked into a bar of length one, and where the dart fell."""
    bars = [_stacked(p, record.chosen, labels, y) for y, p in enumerate((record.drawn_from, record.model))]
    arrow = {
        "x": record.dart,
        "y": 0.27,
        "ax": 0,
        "ay": -24,
        "text": f"{record.dart:.4f}",
        "arrowcolor": RED,
        "arrowwidth": 3,
    }
    y = {"tickvals": [0, 1], "ticktext": ["drawn from", "the model's"], "showgrid": False, "range": [-0.5, 1.5]}
    x = {"title": "cumulative probability", "range": [0, 1]}
    return figure(bars, x, y, height=290, barmode="overlay", annotations=[arrow], bargap=0.5, showlegend=False)


def _stacked(p: NDArray[np.float64], chosen: int, labels: Sequence[str], y: int) -> dict[str, Any]:
    shown = np.flatnonzero(p)
    colors = [ORANGE if i == chosen else (SKY if i % 2 else BLUE) for i in shown.tolist()]
    return {
        "type": "bar",
        "orientation": "h",
        "y": np.full(len(shown), y),
        "x": p[shown],
        "base": (p.cumsum() - p)[shown],
        "marker": {"color": colors},
        "text": [escape(labels[i]) if p[i] > 0.012 else "" for i in shown.tolist()],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "hovertemplate": [f"{escape(labels[i])}: {p[i]:.2%}<extra></extra>" for i in shown.tolist()],
    }


def known_words(shares: Sequence[tuple[int, float]]) -> go.Figure:
    """The share of sampled words that stand in the text, over the steps."""
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [max(step, 1) for step, _ in shares],  # the untrained network stands at 1 on the logarithmic axis
        "y": [share for _, share in shares],
        "line": {"color": BLUE, "width": 3},
    }
    y = {"title": "sampled words that the text has", "tickformat": ".0%", "range": [0, 1]}
    return figure([line], {"title": "step", "type": "log"}, y, height=300)
