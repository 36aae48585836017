"""Decision regions of a classifier: in a plane, and as planes in three dimensions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.data.corpora import Split
from lmcore.figures.style import CLASSES, GRAY, GRID, WHITE, escape, figure, message, mixed, rgba
from lmcore.inspection.decision_regions import BoundaryPlane, DecisionPlanes, DecisionRegions, Points

SYMBOLS = [
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "cross",
    "star",
    "pentagon",
    "hexagon",
    "hexagram",
    "star-diamond",
]
SYMBOLS_3D = ["circle", "square", "diamond", "cross", "x"]
MIN_OPACITY, MAX_OPACITY = 0.06, 0.6  # of a region, from the lowest to the highest confidence
CANVAS_RANGE = 3.0


def decision_regions(record: DecisionRegions) -> go.Figure:
    """The predicted class as a color, stronger with more confidence; boundaries, examples, and a ring per mistake."""
    K = len(record.class_names)
    strength = np.clip((record.confidence - 1 / K) / (1 - 1 / K), 0, 1)
    regions = {
        "type": "heatmap",
        "x": record.x.astype(np.float32),
        "y": record.y.astype(np.float32),
        "z": (record.prediction + 0.999 * strength).astype(np.float32),
        "customdata": record.confidence.astype(np.float32),
        "hovertemplate": "%{customdata:.1%} for the class of this color<extra></extra>",
        "zmin": 0,
        "zmax": K,
        "colorscale": _confidence_scale(K),
        "showscale": False,
    }
    boundaries = [_boundary(record, k) for k in range(1 if K == 2 else 0, K)]
    points = [trace for split, one in record.points.items() for trace in _points(one, split, record.class_names)]
    x, y = ({"title": escape(name), "zeroline": False, "showgrid": False} for name in record.axis_titles)
    x |= {"range": [float(record.x[0]), float(record.x[-1])]}
    y |= {"range": [float(record.y[0]), float(record.y[-1])]}
    traces = [regions, *boundaries, *points, _misclassified(record.points)]
    return figure(traces, x, y, height=520, hovermode="closest")


def _confidence_scale(K: int) -> list[tuple[float, str]]:
    """The color of each class from pale to strong, one after the other on a single scale."""
    scale = []
    for k in range(K):
        scale += [(k / K, rgba(CLASSES[k], MIN_OPACITY)), ((k + 0.9999) / K, rgba(CLASSES[k], MAX_OPACITY))]
    return [*scale[:-1], (1.0, scale[-1][1])]


def _boundary(record: DecisionRegions, k: int) -> dict[str, Any]:
    return {
        "type": "contour",
        "x": record.x.astype(np.float32),
        "y": record.y.astype(np.float32),
        "z": record.margins[k].astype(np.float32),
        "contours": {"start": 0, "end": 0, "size": 1, "coloring": "none"},
        "line": {"color": GRAY, "width": 2.5},
        "showscale": False,
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _points(points: Points, split: Split, names: Sequence[str]) -> list[dict[str, Any]]:
    """One trace per class: filled for the training split, outlined for dev, outlined with a dot for test."""
    suffix = {"train": "", "dev": "-open", "test": "-open-dot"}[split]
    traces = []
    for k, name in enumerate(names):
        chosen = points.classes == k
        if not chosen.any():
            continue
        outline = {"width": 2, "color": CLASSES[k]} if suffix else {"width": 1, "color": WHITE}
        marker = {"color": CLASSES[k], "symbol": SYMBOLS[k] + suffix, "size": 10 if suffix else 9, "line": outline}
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": escape(f"{name}, {split}"),
                "x": points.positions[chosen, 0].astype(np.float32),
                "y": points.positions[chosen, 1].astype(np.float32),
                "marker": marker,
                "text": [escape(names[prediction]) for prediction in points.predictions[chosen]],
                "hovertemplate": escape(name) + ", predicted %{text}<extra></extra>",
            }
        )
    return traces


def _misclassified(points: Mapping[Split, Points]) -> dict[str, Any]:
    """A ring around each misclassified example."""
    x, y = _all_misclassified(points.values(), 2)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"misclassified: {len(x)}",
        "x": x,
        "y": y,
        "marker": {"symbol": "circle-open", "size": 17, "color": GRAY, "line": {"width": 2.5}},
        "hoverinfo": "skip",
    }


def _all_misclassified(points: Iterable[Points], dimensions: int) -> NDArray[np.float32]:
    """Coordinates of the misclassified examples of all splits, shape (dimensions, N)."""
    positions = [one.misclassified[:, :dimensions] for one in points]
    return np.concatenate([np.zeros((0, dimensions)), *positions]).T.astype(np.float32)


# ---------------------------------------------------------------- three dimensions


def decision_planes(record: DecisionPlanes) -> go.Figure:
    """Examples in three dimensions, and the planes on which two classes are equally probable."""
    traces = [_surface(plane, record.class_names) for plane in record.planes]
    for split, points in record.points.items():
        traces += [_points_3d(points, split, k, name) for k, name in enumerate(record.class_names)]
    x, y, z = _all_misclassified(record.points.values(), 3)
    marker = {"symbol": "circle-open", "size": 11, "color": GRAY, "line": {"width": 3}}
    rings = {"type": "scatter3d", "mode": "markers", "x": x, "y": y, "z": z, "marker": marker, "hoverinfo": "skip"}
    axes = {
        f"{letter}axis": {
            "title": {"text": escape(title)},
            "gridcolor": GRID,
            "zeroline": False,
            "showbackground": False,
        }
        for letter, title in zip("xyz", record.axis_titles, strict=True)
    }
    scene = axes | {"aspectmode": "cube", "camera": {"eye": {"x": 1.4, "y": -1.4, "z": 0.8}}}
    return figure([*traces, rings | {"name": f"misclassified: {len(x)}"}], "", "", height=560, scene=scene)


def _surface(plane: BoundaryPlane, names: Sequence[str]) -> dict[str, Any]:
    first, second = plane.classes
    text = escape(f"{names[first]} | {names[second]}")
    color = mixed(CLASSES[first], CLASSES[second])
    return {
        "type": "surface",
        "x": plane.x.astype(np.float32),
        "y": plane.y.astype(np.float32),
        "z": plane.z.astype(np.float32),
        "colorscale": [[0, color], [1, color]],
        "showscale": False,
        "opacity": 0.45,
        "name": text,
        "hovertemplate": f"between {text}<extra></extra>",
    }


def _points_3d(points: Points, split: Split, k: int, name: str) -> dict[str, Any]:
    x, y, z = points.positions[points.classes == k].T.astype(np.float32)
    is_train = split == "train"
    marker: dict[str, Any] = {
        "color": CLASSES[k],
        "symbol": SYMBOLS_3D[k % len(SYMBOLS_3D)],
        "size": 4 if is_train else 6,
    }
    marker |= {"line": {"width": 0 if is_train else 2, "color": GRAY}}
    properties = {"name": escape(f"{name}, {split}"), "marker": marker, "hoverinfo": "name"}
    return {"type": "scatter3d", "mode": "markers", "x": x, "y": y, "z": z} | properties


# ---------------------------------------------------------------- points added by hand


def point_canvas(points: Sequence[tuple[float, float, int]], empty: str = "No points yet.") -> go.Figure:
    """An empty plane with the points given so far; a click anywhere gives its position.

    Args:
        points: x, y and class of each point.
        empty: what to say as long as there are none.
    """
    span = np.linspace(-CANVAS_RANGE, CANVAS_RANGE, 61).astype(np.float32)
    paper = {"type": "heatmap", "x": span, "y": span, "z": np.zeros((61, 61), np.float32), "showscale": False}
    paper |= {"colorscale": [[0, rgba(GRAY, MIN_OPACITY)], [1, rgba(GRAY, MIN_OPACITY)]], "hoverinfo": "none"}
    x, y, classes = np.array(points, float).reshape(-1, 3).T
    marker = {"color": [CLASSES[int(k)] for k in classes], "symbol": [SYMBOLS[int(k)] for k in classes], "size": 10}
    dots = {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker, "showlegend": False}
    notes = [] if len(x) else [message(empty)]
    return figure([paper, dots], "x1", "x2", height=520, annotations=notes, hovermode="closest")
