"""Pictures of embeddings."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE, GREY, ORANGE, characters, escape, figure
from lmcore.inspection.embeddings import KINDS, Positions

COLORS = dict(zip(KINDS, (ORANGE, BLUE, GREY), strict=True))


def embedding_map(record: Positions, height: int = 620) -> go.Figure:
    """Characters as marks in two or three dimensions; several snapshots give a slider and a play button."""
    dimensions = record.points.shape[2]
    ranges = _ranges(record.points)
    axes = [
        {"title": title, "range": list(limits), "zeroline": False}
        for title, limits in zip(record.axes, ranges, strict=True)
    ]
    layout: dict[str, Any] = {"hovermode": "closest"}
    if dimensions == 3:
        names = ("xaxis", "yaxis", "zaxis")
        layout["scene"] = {
            name: axis | {"title": {"text": axis["title"]}} for name, axis in zip(names, axes, strict=True)
        }
    drawn = figure(_traces(record, len(record.steps) - 1), axes[0], axes[1], height=height, **layout)
    if len(record.steps) > 1:
        _animate(drawn, record)
    return drawn


def _traces(record: Positions, at: int) -> list[dict[str, Any]]:
    points = record.points[at].astype(np.float32)
    traces = []
    for kind, color in COLORS.items():
        chosen = [i for i, other in enumerate(record.kinds) if other == kind]
        names = [escape(record.labels[i]) for i in chosen]
        trace = {
            "type": "scatter3d" if points.shape[1] == 3 else "scatter",
            "name": kind,
            "mode": "markers+text",
            "text": names,
            "customdata": chosen,
            "textfont": {"size": 15 if points.shape[1] == 2 else 13},
            "textposition": "top center",
            "marker": {"color": color, "size": 11 if points.shape[1] == 2 else 5, "opacity": 0.75},
            "hovertemplate": "%{text}<extra></extra>",
        }
        traces.append(trace | {axis: points[chosen, i] for i, axis in enumerate("xyz"[: points.shape[1]])})
    return traces


def _ranges(points: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The same for every snapshot, with room for the letters at the edge."""
    low, high = points.min((0, 1)), points.max((0, 1))
    room = 0.08 * np.maximum(high - low, 1e-6)
    return [(float(a), float(b)) for a, b in zip(low - room, high + room, strict=True)]


def _animate(drawn: go.Figure, record: Positions) -> None:
    drawn.frames = [
        go.Frame({"name": str(step), "data": _traces(record, at)}, _validate=False)
        for at, step in enumerate(record.steps)
    ]
    # 3-D scenes must be drawn anew at each frame; in 2-D points glide
    moves = {"frame": {"duration": 350, "redraw": record.points.shape[2] == 3}, "transition": {"duration": 250}}
    jump = moves | {"mode": "immediate", "transition": {"duration": 0}, "frame": {"duration": 0, "redraw": True}}
    steps = [{"label": f"{step:,}", "method": "animate", "args": [[str(step)], jump]} for step in record.steps]
    drawn.layout.sliders = [
        {
            "steps": steps,
            "active": len(steps) - 1,
            "currentvalue": {"prefix": "after step "},
            "pad": {"l": 90},  # beside the button
            "y": -0.12,
            "font": {"size": 1, "color": "rgba(0,0,0,0)"},
            "tickcolor": GREY,
        }
    ]
    drawn.layout.sliders[0].currentvalue.font = {"size": 14, "color": GREY}
    play = {
        "label": "▶ Play",
        "method": "animate",
        "args": [[str(s) for s in record.steps], moves | {"mode": "immediate"}],
    }
    drawn.layout.updatemenus = [
        {
            "type": "buttons",
            "buttons": [play],
            "x": 0,
            "xanchor": "left",
            "y": -0.13,
            "yanchor": "top",
            "showactive": False,
        }
    ]
    drawn.layout.margin.b = 130


def similarity(cosines: NDArray[np.float64], labels: list[str]) -> go.Figure:
    """The cosine of each two characters as a heatmap."""
    heatmap = {
        "type": "heatmap",
        "z": cosines.astype(np.float32),
        "colorscale": "RdBu",
        "zmin": -1,
        "zmax": 1,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "%{y} and %{x}: cosine %{z:.3f}<extra></extra>",
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": "cosine"}},
    }
    y = characters("character", labels, range=[len(labels) - 0.5, -0.5])
    return figure([heatmap], characters("character", labels), y, height=560)
