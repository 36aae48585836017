"""A tensor, or its gradient, as a heatmap."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import (
    DIVERGING,
    SEQUENTIAL,
    character_axis,
    downward,
    escape,
    figure,
    heatmap,
    small_title,
)
from lmcore.inspection.tensor_view import TensorView

MAX_WRITTEN_COLUMNS = 4  # of a tensor whose numbers are written into its cells
COMPACT_WIDTH = 32  # characters that fit below a heatmap half a page wide


def tensor_view(view: TensorView, gradient: bool = False, compact: bool = False) -> go.Figure:
    """The values of a tensor, or of its gradient, under its name and shape; small tensors show their numbers.

    Args:
        view: the tensor.
        gradient: draw the gradient instead of the values.
        compact: label only as many columns as half a page has room for; all others are named on hover.
    """
    values = view.gradient if gradient else view.value
    n_rows, n_columns = view.shape
    cells = _cells(values, signed=gradient or float(values.min()) < 0)
    x = character_axis("", view.columns)
    if compact:
        x |= _compact_ticks(view.columns)
        names = np.broadcast_to(np.array([escape(name) for name in view.columns], dtype=object), view.shape)
        cells |= {"customdata": names, "hovertemplate": "%{y}, %{customdata}: %{z:.5f}<extra></extra>"}
        cells |= {"xgap": 0} if n_columns > COMPACT_WIDTH else {}
    name = f"∂loss/∂{view.name}" if gradient else view.name if compact else f"{view.name} = {view.code}"
    height = 66 + max(n_rows, 2) * (22 if n_rows <= 12 else 13)
    title = small_title(f"{name}   ({n_rows} × {n_columns})")
    return figure([cells], x, character_axis("", view.rows, range=downward(n_rows)), height=height, title=title)


def _cells(values: Any, signed: bool) -> dict[str, Any]:
    largest = max(float(np.abs(values).max()), 1e-12)
    cells = heatmap(
        values,
        colorbar={"nticks": 3} if len(values) < 4 else None,
        colorscale=DIVERGING if signed else SEQUENTIAL,
        zmin=-largest if signed else 0,
        zmax=largest,
        hovertemplate="%{y}, %{x}: %{z:.5f}<extra></extra>",
    )
    if values.shape[1] <= MAX_WRITTEN_COLUMNS:
        cells |= {"texttemplate": "%{z:.4f}", "textfont": {"size": 11}}
    return cells


def _compact_ticks(columns: list[str]) -> dict[str, Any]:
    """Ticks at evenly spaced columns, as many as there is room for."""
    every = math.ceil(len(columns) * max(map(len, columns)) / COMPACT_WIDTH)
    labeled = list(range(0, len(columns), every))
    return {"tickvals": labeled, "ticktext": [escape(columns[i]) for i in labeled]}
