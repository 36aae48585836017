"""Texts that models write, and what a text costs several models."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLACK, SURPRISE, character_axis, empty_figure, escape, figure, heatmap
from lmcore.figures.surprise import MAX_SURPRISE, character_rows
from lmcore.generation.scoring import Novelty, ScoredSamples, ScoredText

NOTES: dict[Novelty, str] = {
    "new": "new",
    "seen in training": "train",
    "seen in dev": "dev",
    "seen in test": "test",
    "unfinished": "…",
}
"""How the novelty of a text is noted beside it."""


def scored_samples(record: ScoredSamples, n_columns: int = 50, model: int = 0) -> go.Figure:
    """Sampled texts as rows of characters, colored by surprise, with a note on how new each text is.

    A click on a character gives the model, the text, and the position of the character in it.

    Args:
        record: the texts.
        n_columns: characters per row; longer texts are continued in the next row.
        model: the number of the model, which a click gives.
    """
    if not record.texts:
        return empty_figure("There are no samples to show.")
    width = min(n_columns, max(len(text.characters) for text in record.texts))
    characters: list[str] = []
    values: list[NDArray[np.float64]] = []
    positions: list[NDArray[np.int64]] = []
    notes: list[tuple[int, str]] = []
    for i, text in enumerate(record.texts):
        L = len(text.characters)
        padding = -L % width
        if record.novelty:
            notes.append((len(characters) // width, NOTES[record.novelty[i]]))
        characters += [*text.characters, *[""] * padding]
        values.append(np.append(text.values, np.full(padding, np.nan)))
        at = np.minimum(np.arange(L + padding), L - 1)
        positions.append(np.stack([np.full(L + padding, model), np.full(L + padding, i), at], 1))
    return character_rows(characters, np.concatenate(values), np.concatenate(positions), width, notes)


def scored_text(record: ScoredText) -> go.Figure:
    """The loss of each character of a text, one row per model; the numbers are written into the cells."""
    if not record.losses:
        return empty_figure("Choose at least one model.")
    losses = np.array(list(record.losses.values()))
    names = [f"{name}: {mean:.3f}" for name, mean in record.mean_losses.items()]
    cells = heatmap(
        losses,
        {"title": {"text": "Loss (nats)", "side": "right"}},
        text=np.char.mod("%.1f", losses),
        texttemplate="%{text}",
        textfont={"color": BLACK},
        colorscale=SURPRISE,
        reversescale=True,
        opacity=0.75,
        zmin=0,
        zmax=MAX_SURPRISE,
        xgap=0,
        ygap=0,
        hovertemplate="%{z:.3f} nats<extra></extra>",
    )
    x = character_axis("Character", record.characters, tickfont={"size": 14})
    y = {"tickvals": np.arange(len(names)), "ticktext": [escape(name) for name in names], "autorange": "reversed"}
    return figure([cells], x, y | {"showgrid": False}, height=120 + 42 * len(names))
