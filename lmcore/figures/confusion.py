"""The confusion matrix of a classifier."""

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import character_axis, downward, figure, heatmap
from lmcore.inspection.confusion import Confusion


def confusion(record: Confusion) -> go.Figure:
    """True classes as rows, predicted classes as columns: counts as numbers, shares of the row as colors."""
    counts = record.counts
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    cells = heatmap(
        shares,
        {"tickformat": ".0%", "title": {"text": "Share of row"}},
        zmin=0,
        zmax=1,
        text=counts.astype(str),
        texttemplate="%{text}",
        xgap=2,
        ygap=2,
        hovertemplate="%{y} predicted as %{x}: %{text} (%{z:.0%})<extra></extra>",
    )
    title = f"Predicted class<br>({record.split} accuracy {record.accuracy:.1%})"
    names = record.class_names
    ticks = {"tickfont": {"size": 14}, "tickangle": None}  # long names may be turned
    x = character_axis(title, names, **ticks)
    return figure([cells], x, character_axis("True class", names, range=downward(len(names)), **ticks), height=460)
