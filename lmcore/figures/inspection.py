"""Pictures of what goes on inside a net."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, RED, SKY, escape, figure, message
from lmcore.inspection.activations import GOOD, Histograms, Level, Saturation, Unit, Updates

COLORS = [BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY, BROWN]
FAINT = "rgba(128,128,128,0.35)"
NIGHT = "#12304a"  # of a unit that learns; white stands out on it, in light and dark


def histograms(record: Histograms, title: str, multiples: bool = False) -> go.Figure:
    """Shares of values over shared bins by name, overlaid or one below the other."""
    rows = len(record.shares) if multiples else 1
    centres = ((record.edges[:-1] + record.edges[1:]) / 2).astype(np.float32)
    traces = [
        {
            "type": "scatter",
            "name": name,
            "mode": "lines",
            "line": {"shape": "hvh", "width": 2, "color": color},
            "fill": "tozeroy" if multiples else "none",
            "x": centres,
            "y": shares.astype(np.float32),
            "yaxis": f"y{row + 1}" if multiples and row else "y",
            "hovertemplate": f"{name} %{{x:.3g}}: %{{y:.1%}}<extra></extra>",
        }
        for row, ((name, shares), color) in enumerate(zip(record.shares.items(), itertools.cycle(COLORS)))
    ]
    layout: dict[str, Any] = {}
    for row in range(rows if multiples else 0):
        top = 1 - row / rows
        axis = {"domain": [top - 0.9 / rows, top], "showticklabels": False, "showgrid": False, "zeroline": False}
        layout[f"yaxis{row + 1}" if row else "yaxis"] = axis
    x = {"title": title, "range": [float(record.edges[0]), float(record.edges[-1])], "anchor": "free", "position": 0}
    y = {"title": "share of values", "tickformat": ".0%", "rangemode": "tozero"}
    height = max(340, 60 * rows + 110) if multiples else 340
    return figure(traces, x, y, height=height, showlegend=True, **layout)


def updates(record: Updates, gradients: bool = False) -> go.Figure:
    """log10 of the update (or the gradient) beside the weights, a line for each matrix, and where it should be."""
    values = record.gradients if gradients else record.updates
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "name": name,
            "mode": "lines",
            "x": record.steps,
            "y": column.astype(np.float32),
            "line": {"color": color, "width": 2},
        }
        for name, column, color in zip(record.names, values.T, itertools.cycle(COLORS))
    ]
    shapes = [_level(GOOD)] if len(record.steps) and not gradients else []
    return figure(
        traces,
        {"title": "step", "type": "log", "hoverformat": ",.0f"},
        {"title": f"log10 ({'gradient' if gradients else 'update'} : data)", "hoverformat": ".2f"},
        height=380,
        hovermode="x unified",
        shapes=shapes,
        annotations=[] if len(record.steps) else [message("Each step will leave a mark here.")],
    )


def _level(y: float) -> dict[str, Any]:
    line = {"color": GREY, "dash": "dash", "width": 2}
    return {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y, "line": line}


def saturation_board(record: Saturation) -> go.Figure:
    """Units across, examples down: white where a unit is saturated; a column all white is a dead unit, marked above."""
    N, F = record.board.shape
    heatmap = {
        "type": "heatmap",
        "z": record.board.astype(np.int8),
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, NIGHT], [1, "#ffffff"]],
        "showscale": False,
        "hovertemplate": "unit %{x}, row %{y}<extra></extra>",
    }
    dead = {
        "type": "scatter",
        "name": "dead unit",
        "mode": "markers",
        "x": record.dead,
        "y": [-max(1.0, 0.04 * N)] * len(record.dead),
        "marker": {"symbol": "triangle-down", "size": 10, "color": RED},
        "hovertemplate": "unit %{x} is dead<extra></extra>",
    }
    y = {"title": "example", "range": [N - 0.5, -0.5 - max(1.5, 0.08 * N)], "showgrid": False}
    x = {"title": "unit", "range": [-0.5, F - 0.5], "showgrid": False}
    return figure([heatmap, dead], x, y, height=360, showlegend=False)


def unit(record: Unit) -> go.Figure:
    """A unit's pre-activations over what its activation and the slope of that make of them."""
    z = record.pre_activations
    edge = max(3.0, float(np.abs(z).max()) * 1.05)
    at = np.linspace(-edge, edge, 201)
    curve = np.tanh(at) if record.kind == "Tanh" else np.maximum(at, 0)
    slope = 1 - np.tanh(at) ** 2 if record.kind == "Tanh" else (at > 0).astype(float)
    word = record.kind.lower() if record.kind == "Tanh" else record.kind
    traces = [
        {
            "type": "histogram",
            "name": "pre-activations",
            "x": z,
            "histnorm": "probability",
            "marker": {"color": SKY},
            "opacity": 0.7,
            "xbins": {"start": -edge, "end": edge, "size": edge / 40},
        },
        _curve(word, at, curve, BLUE),
        _curve("its slope", at, slope, ORANGE),
    ]
    right = {"overlaying": "y", "side": "right", "showgrid": False, "zeroline": False, "automargin": True}
    right |= {"title": {"text": f"{word}, slope", "standoff": 8}, "range": [-1.05, 1.05], "dtick": 0.5}
    if record.kind == "ReLU":
        right |= {"range": [0, edge], "dtick": None}
    y = {"title": "share of examples", "tickformat": ".0%"}
    return figure(traces, {"title": "pre-activation", "range": [-edge, edge]}, y, height=340, yaxis2=right)


def _curve(name: str, x: Any, y: Any, color: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "mode": "lines",
        "x": x.astype(np.float32),
        "y": y.astype(np.float32),
        "yaxis": "y2",
        "line": {"color": color, "width": 3},
    }


def tree(levels: Sequence[Level], context: str, chosen: tuple[int, int]) -> go.Figure:
    """The model over a context: its levels from the characters up, and all that the chosen position sees, in color.

    Args:
        levels: from the bottom to the top.
        context: the characters.
        chosen: a level and a position in it.
    """
    words = [f"{level.names[-1]}<br>{' × '.join(map(str, level.shapes[-1]))}" for level in levels]
    y_axis = {"tickvals": list(range(len(levels))), "ticktext": words, "range": [-0.6, len(levels) - 0.5]}
    return figure(
        [*_edges(levels, chosen), _nodes(levels, context, chosen)],
        {"title": "position in the context", "dtick": 1, "showgrid": False, "range": [-0.7, len(context) - 0.3]},
        y_axis | {"showgrid": False, "title": "", "tickfont": {"size": 12}},
        height=100 + 75 * len(levels),
        showlegend=False,
    )


def _is_seen(levels: Sequence[Level], chosen: tuple[int, int], y: int, span: tuple[int, int]) -> bool:
    """Whether what a position stands for is part of what the chosen one sees."""
    low, high = levels[chosen[0]].spans[chosen[1]]
    return y <= chosen[0] and low <= span[0] and span[1] <= high


def _edges(levels: Sequence[Level], chosen: tuple[int, int]) -> list[dict[str, Any]]:
    """The lines from each position to those that it fuses: first the faint ones, then those in color."""
    ends: dict[bool, tuple[list[Any], list[Any]]] = {False: ([], []), True: ([], [])}
    for y in range(1, len(levels)):
        for first, last in levels[y].spans:
            x, y_of = ends[_is_seen(levels, chosen, y, (first, last))]
            for a, b in levels[y - 1].spans:
                if first <= a and b <= last:
                    x += [(a + b - 1) / 2, (first + last - 1) / 2, None]
                    y_of += [y - 1, y, None]
    line = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    return [
        line | {"x": x, "y": y, "line": {"color": SKY if seen else FAINT, "width": 4 if seen else 2}}
        for seen, (x, y) in ends.items()
    ]


def _nodes(levels: Sequence[Level], context: str, chosen: tuple[int, int]) -> dict[str, Any]:
    """A mark for each position of each level; those at the bottom are written under with their characters."""
    places = [(y, i, span) for y, level in enumerate(levels) for i, span in enumerate(level.spans)]
    characters = [escape(context[first:last]) for _, _, (first, last) in places]
    colors = [
        ORANGE if (y, i) == chosen else SKY if _is_seen(levels, chosen, y, span) else FAINT for y, i, span in places
    ]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [(first + last - 1) / 2 for _, _, (first, last) in places],
        "y": [y for y, _, _ in places],
        "text": ["" if y else seen for (y, _, _), seen in zip(places, characters, strict=True)],
        "textposition": "bottom center",
        "textfont": {"size": 18},
        "customdata": [[y, i, seen] for (y, i, _), seen in zip(places, characters, strict=True)],
        "cliponaxis": False,
        "marker": {"color": colors, "size": 22, "line": {"width": 1, "color": GREY}},
        "hovertemplate": "sees %{customdata[2]}<extra></extra>",
    }
