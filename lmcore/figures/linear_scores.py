"""The matrix product of a linear classifier, number by number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import BLUE_TO_RED, SEQUENTIAL, escape, figure, heatmap
from lmcore.inspection.linear_scores import LinearScores

LABEL_WIDTH, GAP_WIDTH = 1.2, 0.2  # room to the left of a matrix, with and without row labels, in columns
MIN_COLUMNS = 2  # width of a matrix with a single column, so that its title fits


def linear_scores(record: LinearScores) -> go.Figure:
    """X augmented, theta augmented, scores and probabilities side by side, with their shapes."""
    matrices = _matrices(record)
    domains = _domains(matrices)
    layout: dict[str, Any] = {"annotations": []}
    traces = []
    for i, (title, values, rows, columns) in enumerate(matrices):
        suffix = "" if i == 0 else str(i + 1)
        traces.append(_cells(values, rows, columns, is_probability=i == 3, suffix=suffix))
        layout[f"xaxis{suffix}"] = {
            "type": "category",  # a class may be called "3"
            "domain": domains[i],
            "showgrid": False,
            "anchor": f"y{suffix}",
        }
        layout[f"yaxis{suffix}"] = {
            "type": "category",
            "autorange": "reversed",
            "showgrid": False,
            "anchor": f"x{suffix}",
            "showticklabels": _has_row_labels(i),
            "ticks": "",
            "automargin": False,
        }
        place = {"x": sum(domains[i]) / 2, "y": 1.09, "xref": "paper", "yref": "paper", "xanchor": "center"}
        layout["annotations"].append({"text": title, "showarrow": False, "font": {"size": 12}} | place)
    return figure(traces, layout.pop("xaxis"), layout.pop("yaxis"), height=360, min_width=680, **layout)


def _matrices(record: LinearScores) -> list[tuple[str, NDArray[Any], Sequence[str], Sequence[str]]]:
    """Title, values, row names and column names of each matrix."""
    n, K = record.n_examples, record.theta.shape[1]
    examples = [f"example {row + 1}" for row in range(len(record.X))]
    features, classes = record.feature_names, record.class_names
    return [
        (f"X augmented ({n} × {record.X.shape[1]})", record.X, examples, features),
        (f"theta augmented ({len(record.theta)} × {K})", record.theta, features, classes),
        (f"scores ({n} × {K})", record.scores, examples, classes),
        (f"probabilities ({n} × {K})", record.probabilities, examples, classes),
    ]


def _has_row_labels(i: int) -> bool:
    """The scores and the probabilities have the same rows as X."""
    return i < 2


def _domains(matrices: Sequence[tuple[str, NDArray[Any], Any, Any]]) -> list[list[float]]:
    """The horizontal extent of each matrix, as shares of the width."""
    rooms = [LABEL_WIDTH if _has_row_labels(i) else GAP_WIDTH for i in range(len(matrices))]
    widths = [max(values.shape[1], MIN_COLUMNS) + room for (_, values, _, _), room in zip(matrices, rooms, strict=True)]
    ends = np.cumsum(widths) / sum(widths)
    starts = [0.0, *ends[:-1]]
    return [
        [float(start + room / sum(widths)), float(end)] for start, room, end in zip(starts, rooms, ends, strict=True)
    ]


def _cells(
    values: NDArray[Any], rows: Sequence[str], columns: Sequence[str], is_probability: bool, suffix: str
) -> dict[str, Any]:
    scale = {"zmin": 0, "zmax": 1} if is_probability else {"colorscale": BLUE_TO_RED, "zmid": 0}
    return heatmap(
        values,
        x=[escape(name) for name in columns],
        y=[escape(name) for name in rows],
        text=np.array([[f"{value:.2f}" for value in row] for row in values]),
        texttemplate="%{text}",
        xaxis=f"x{suffix}",
        yaxis=f"y{suffix}",
        xgap=2,
        ygap=2,
        showscale=False,
        hovertemplate="%{y}, %{x}: %{z:.4f}<extra></extra>",
        **{"colorscale": SEQUENTIAL} | scale,
    )
