"""Texts with a number for each character, such as its surprise, as colored rows of characters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLACK, BLUE_WHITE_ORANGE, SURPRISE, downward, empty_figure, escape, figure
from lmcore.generation.surprise import AnnotatedText

N_COLUMNS = 50  # characters per row
MAX_SURPRISE = 6.0  # nats at which the colors end
SURPRISE_TITLE = "Surprise (nats)"
SPACE = "␣"  # how corpora show a space; here it stays blank


def annotated_text(record: AnnotatedText, title: str = SURPRISE_TITLE, signed: bool = False) -> go.Figure:
    """A text as rows of characters, each in the color of its number. A click on a character gives its position.

    Args:
        record: the text.
        title: what the numbers are, with their unit.
        signed: whether the numbers range from -1 to 1, instead of from 0 up.
    """
    L = len(record.characters)
    if not L:
        return empty_figure("There is no text to show.")
    padding = -L % N_COLUMNS
    values = np.append(record.values, np.full(padding, np.nan))
    characters = [*record.characters, *[""] * padding]
    return character_rows(characters, values, np.arange(L + padding), N_COLUMNS, (), title, signed)


def character_rows(
    characters: Sequence[str],
    values: NDArray[np.float64],
    positions: NDArray[np.int64],
    n_columns: int,
    notes: Sequence[tuple[int, str]] = (),
    title: str = SURPRISE_TITLE,
    signed: bool = False,
) -> go.Figure:
    """Rows of characters, each in the color of its number.

    Args:
        characters: L of them; "" where a cell is empty.
        values: shape (L,), nan where a cell is empty.
        positions: shape (L,) or (L, n), what a click on a character gives.
        n_columns: characters per row; L is a multiple of it.
        notes: row and text, written to the right of the row.
        title: of the color bar.
        signed: whether the numbers range from -1 to 1, instead of from 0 up.
    """
    n_rows = len(characters) // n_columns
    filled = np.flatnonzero(np.array([bool(character) for character in characters]))
    cells: dict[str, Any] = {
        "type": "heatmap",
        "z": values.astype(np.float32).reshape(n_rows, n_columns),
        "customdata": positions.reshape(n_rows, n_columns, *positions.shape[1:]),
        "hovertemplate": "%{z:.2f}<extra></extra>",
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": title, "side": "right"}},
    } | _color_scale(signed)
    letters = ["" if characters[i] == SPACE else escape(characters[i]) for i in filled.tolist()]
    letter_style = {"textfont": {"size": 13, "color": BLACK}}
    traces = [cells, _texts(filled % n_columns, filled // n_columns, letters) | letter_style]
    if notes:
        note_style = {"textposition": "middle right", "textfont": {"size": 12}}
        rows, texts = zip(*notes, strict=True)
        x = np.full(len(notes), n_columns - 0.2)
        traces.append(_texts(x, np.array(rows), [escape(text) for text in texts]) | note_style)
    plain = {"showticklabels": False, "showgrid": False, "ticks": ""}
    right = n_columns - 0.5 + (max(4, n_columns * 0.2) if notes else 0)
    x_axis, y_axis = plain | {"range": [-0.5, right]}, plain | {"range": downward(n_rows)}
    return figure(traces, x_axis, y_axis, height=60 + 22 * n_rows, min_width=60 + 12 * n_columns, showlegend=False)


def _color_scale(signed: bool) -> dict[str, Any]:
    """Colors pale enough for black letters."""
    if signed:
        return {"colorscale": BLUE_WHITE_ORANGE, "zmin": -1, "zmax": 1}
    return {"colorscale": SURPRISE, "reversescale": True, "zmin": 0, "zmax": MAX_SURPRISE, "opacity": 0.75}


def _texts(x: NDArray[Any], y: NDArray[Any], texts: Sequence[str]) -> dict[str, Any]:
    return {"type": "scatter", "mode": "text", "x": x, "y": y, "text": list(texts), "hoverinfo": "skip"}
