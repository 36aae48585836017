"""Pictures of a forward and backward pass."""

import math

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.counting import tensor
from lmcore.figures.style import escape
from lmcore.inspection.neural_bigram import Stage

ROOM = 32  # characters that fit below the columns of a picture half a page wide


def step_tensor(stage: Stage, gradient: bool = False) -> go.Figure:
    """A tensor, or its gradient, with only as many columns named as one can read; the others are on hover."""
    drawn = tensor(stage, gradient)
    names = [escape(name) for name in stage.columns]
    named = range(0, len(names), math.ceil(len(names) * max(map(len, stage.columns)) / ROOM))
    rows, columns = stage.shape
    drawn.layout.title.text = f"{'∂loss/∂' if gradient else ''}{stage.name}, drawn as {rows} × {columns}"
    drawn.layout.xaxis.update(tickvals=list(named), ticktext=[names[i] for i in named])
    every = np.broadcast_to(np.array(names, dtype=object), stage.shape)
    drawn.data[0].update(customdata=every, hovertemplate="%{y}, %{customdata}: %{z:.5f}<extra></extra>")
    if len(names) > ROOM:
        drawn.data[0].xgap = 0
    return drawn
