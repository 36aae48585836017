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
    TRANSPARENT,
    character_axis,
    downward,
    escape,
    figure,
    heatmap,
)
from lmcore.inspection.embeddings import KINDS, EmbeddingMap

KIND_COLORS = dict(zip(KINDS, (ORANGE, BLUE, GRAY), strict=True))


def embedding_map(record: EmbeddingMap, height: int = 620) -> go.Figure:
    """Characters as points in two or three dimensions; several snapshots get a slider and a play button."""
    axes = [
        {"title": title, "range": list(limits), "zeroline": False}
        for title, limits in zip(record.axis_titles, _ranges(record.points), strict=True)
    ]
    layout: dict[str, Any] = {"hovermode": "closest"}
    if len(axes) == 3:
        scene = zip(("xaxis", "yaxis", "zaxis"), axes, strict=True)
        layout["scene"] = {name: axis | {"title": {"text": axis["title"]}} for name, axis in scene}
    drawn = figure(_traces(record, len(record.steps) - 1), axes[0], axes[1], height=height, **layout)
    if len(record.steps) > 1:
        _animate(drawn, record)
    return drawn


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


def _animate(drawn: go.Figure, record: EmbeddingMap) -> None:
    """Adds a frame per snapshot, a slider and a play button."""
    drawn.frames = [
        go.Frame({"name": str(step), "data": _traces(record, at)}, _validate=False)
        for at, step in enumerate(record.steps)
    ]
    # 3-D scenes must be redrawn at each frame; in 2-D the points glide
    play = {"frame": {"duration": 350, "redraw": record.points.shape[2] == 3}, "transition": {"duration": 250}}
    jump = {"mode": "immediate", "transition": {"duration": 0}, "frame": {"duration": 0, "redraw": True}}
    drawn.layout.sliders = [_slider(record.steps, jump)]
    drawn.layout.updatemenus = [_play_button(record.steps, play | {"mode": "immediate"})]
    drawn.layout.margin.b = 130


def _slider(steps: list[int], animation: dict[str, Any]) -> dict[str, Any]:
    """A slider whose ticks have no labels; the current step is shown above it."""
    return {
        "steps": [{"label": f"{step:,}", "method": "animate", "args": [[str(step)], animation]} for step in steps],
        "active": len(steps) - 1,
        "currentvalue": {"prefix": "Step ", "font": {"size": 14, "color": GRAY}},
        "pad": {"l": 90},  # to the right of the button
        "y": -0.12,
        "font": {"size": 1, "color": TRANSPARENT},
        "tickcolor": GRAY,
    }


def _play_button(steps: list[int], animation: dict[str, Any]) -> dict[str, Any]:
    button = {"label": "▶ Play", "method": "animate", "args": [[str(step) for step in steps], animation]}
    place = {"x": 0, "xanchor": "left", "y": -0.13, "yanchor": "top"}
    return {"type": "buttons", "buttons": [button], "showactive": False} | place


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
