"""Pictures of what models write and read, side by side."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.passages import surprise_map
from lmcore.figures.style import BLUE, GREY, ORANGE, escape, figure, message
from lmcore.generation.scoring import Reading, Written

SIGNS = {"new": "new", "seen in training": "training", "seen in dev": "dev", "seen in test": "test", "unfinished": "…"}


def written(record: Written, columns: int = 50, model: int = 0) -> go.Figure:
    """Texts as rows of characters, colored by surprise, with a word on how new each is; a click gives the place.

    Args:
        columns: characters a row; longer texts go on in the next one.
        model: the first of the three numbers that a click gives; the others are the text and the character in it.
    """
    if not record.texts:
        return figure([], "", "", height=200, annotations=[message("Nothing was drawn.")])
    width = min(columns, max(len(text.characters) for text in record.texts))
    characters: list[str] = []
    values: list[np.ndarray[Any, Any]] = []
    places: list[np.ndarray[Any, Any]] = []
    marks: list[tuple[int, str]] = []
    for i, text in enumerate(record.texts):
        L = len(text.characters)
        filler = -L % width
        if record.marks:
            marks.append((len(characters) // width, SIGNS[record.marks[i]]))
        characters += [*text.characters, *[""] * filler]
        values.append(np.append(text.values, np.full(filler, np.nan)))
        at = np.minimum(np.arange(L + filler), L - 1)
        places.append(np.stack([np.full(L + filler, model), np.full(L + filler, i), at], 1))
    return surprise_map(characters, np.concatenate(values), np.concatenate(places), width, marks)


def reading(record: Reading) -> go.Figure:
    """A heatmap: a row a model, a column a character of the text, colored by the loss, which is written in."""
    if not record.losses:
        return figure([], "", "", height=200, annotations=[message("Choose a model.")])
    z = np.array(list(record.losses.values()))
    names = [f"{escape(name)}: {mean:.3f}" for name, mean in record.means.items()]
    heatmap = {
        "type": "heatmap",
        "z": z,
        "text": np.char.mod("%.1f", z),
        "texttemplate": "%{text}",
        "textfont": {"color": "#000000"},
        "colorscale": "YlOrRd",
        "reversescale": True,
        "opacity": 0.75,
        "zmin": 0,
        "zmax": 6,
        "hovertemplate": "%{z:.3f} nats<extra></extra>",
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": "loss (nats)", "side": "right"}},
    }
    ticks = [escape(character) for character in record.characters]
    x = {"tickvals": np.arange(len(ticks)), "ticktext": ticks, "tickangle": 0, "showgrid": False, "title": "character"}
    y = {"tickvals": np.arange(len(names)), "ticktext": names, "autorange": "reversed", "showgrid": False}
    return figure([heatmap], x, y | {"title": ""}, height=120 + 42 * len(names))


def standing(means: Mapping[str, float], guessing: float) -> go.Figure:
    """The mean losses as bars, the best on top; the player's stands out, and a line marks guessing blindly."""
    names = list(means)
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": np.arange(len(names)),
        "x": list(means.values()),
        "marker": {"color": [ORANGE if name == "you" else BLUE for name in names]},
        "text": [f"{value:.2f}" for value in means.values()],
        "textposition": "auto",
        "hovertemplate": "%{x:.3f} nats per character<extra></extra>",
    }
    line = {"color": GREY, "dash": "dash", "width": 2}
    limit = {"type": "line", "y0": 0, "y1": 1, "yref": "paper", "x0": guessing, "x1": guessing, "line": line}
    y = {"tickvals": np.arange(len(names)), "ticktext": [escape(name) for name in names], "autorange": "reversed"}
    empty = [] if names else [message("Guess a character.")]
    x = {"title": "loss (nats per character); less is better", "rangemode": "tozero"}
    return figure(
        [bars], x, y | {"title": "", "showgrid": False}, height=130 + 34 * len(names), shapes=[limit], annotations=empty
    )
