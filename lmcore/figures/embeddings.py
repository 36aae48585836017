"""Character embeddings."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import (
    BLUE,
    DIVERGING,
    GRAY,
    ORANGE,
    character_axis,
    downward,
    escape,
    figure,
    heatmap,
)
from lmcore.inspection.embeddings import KINDS, EmbeddingMap

KIND_COLORS = dict(zip(KINDS, (ORANGE, BLUE, GRAY), strict=True))


def embedding_map(record: EmbeddingMap, shown: int = -1, height: int = 620) -> go.Figure:
    """Characters as points in two or three dimensions, on axes that all snapshots share.

    Args:
        record: of one snapshot or several.
        shown: index of the snapshot that is drawn.
        height: in pixels.
    """
    axes = [
        {"title": title, "range": list(limits), "zeroline": False}
        for title, limits in zip(record.axis_titles, _ranges(record.points), strict=True)
    ]
    layout: dict[str, Any] = {"hovermode": "closest"}
    if len(axes) == 3:
        scene = zip(("xaxis", "yaxis", "zaxis"), axes, strict=True)
        layout["scene"] = {name: axis | {"title": {"text": axis["title"]}} for name, axis in scene}
    return figure(_traces(record, shown), axes[0], axes[1], height=height, **layout)


def _traces(record: EmbeddingMap, snapshot: int) -> list[dict[str, Any]]:
    """One trace per kind of character; a click on a point gives the index of its character."""
    points = record.points[snapshot].astype(np.float32)
    is_flat = points.shape[1] == 2
    traces = []
    for kind, color in KIND_COLORS.items():
        chosen = [i for i, other in enumerate(record.kinds) if other == kind]
        trace = {
            "type": "scatter" if is_flat else "scatter3d",
            "name": kind,
            "mode": "markers+text",
            "text": [escape(record.labels[i]) for i in chosen],
            "customdata": chosen,
            "textfont": {"size": 15 if is_flat else 13},
            "textposition": "top center",
            "marker": {"color": color, "size": 11 if is_flat else 5, "opacity": 0.75},
            "hovertemplate": "%{text}<extra></extra>",
        }
        traces.append(trace | {axis: points[chosen, i] for i, axis in enumerate("xyz"[: points.shape[1]])})
    return traces


def _ranges(points: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The range of each axis over all snapshots, with a margin for the labels."""
    low, high = points.min((0, 1)), points.max((0, 1))
    margin = 0.08 * np.maximum(high - low, 1e-6)
    return [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]


def cosine_similarity(cosines: NDArray[np.float64], labels: list[str]) -> go.Figure:
    """The cosine similarity of every pair of characters."""
    cells = heatmap(
        cosines,
        {"title": {"text": "Cosine"}},
        colorscale=DIVERGING,
        zmin=-1,
        zmax=1,
        hovertemplate="%{y} and %{x}: cosine %{z:.3f}<extra></extra>",
    )
    y = character_axis("Character", labels, range=downward(len(labels)))
    return figure([cells], character_axis("Character", labels), y, height=560)
