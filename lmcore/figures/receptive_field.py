"""A hierarchical model as a tree over its context."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from lmcore.figures.style import FAINT, GRAY, ORANGE, SKY, escape, figure
from lmcore.inspection.receptive_field import Level

Node = tuple[int, int]
"""A level, counted from the bottom, and a position in it."""


def receptive_field(levels: Sequence[Level], context: str, chosen: Node) -> go.Figure:
    """The tree, with everything that the chosen node sees in color. A click on a node gives its level and position.

    Args:
        levels: from the bottom to the top.
        context: the characters.
        chosen: a node.
    """
    names = [f"{level.names[-1]}<br>{' × '.join(map(str, level.shapes[-1]))}" for level in levels]
    y_axis = {"tickvals": list(range(len(levels))), "ticktext": names, "range": [-0.6, len(levels) - 0.5]}
    return figure(
        [*_edges(levels, chosen), _nodes(levels, context, chosen)],
        {"title": "Position in the context", "dtick": 1, "showgrid": False, "range": [-0.7, len(context) - 0.3]},
        y_axis | {"showgrid": False, "tickfont": {"size": 12}},
        height=100 + 75 * len(levels),
        showlegend=False,
    )


def _is_seen(levels: Sequence[Level], chosen: Node, level: int, span: tuple[int, int]) -> bool:
    """Whether a node with this span is part of what the chosen node sees."""
    low, high = levels[chosen[0]].spans[chosen[1]]
    return level <= chosen[0] and low <= span[0] and span[1] <= high


def _edges(levels: Sequence[Level], chosen: Node) -> list[dict[str, Any]]:
    """The lines from each node to its inputs: first the faint ones, then those in color."""
    points: dict[bool, tuple[list[Any], list[Any]]] = {False: ([], []), True: ([], [])}
    for level in range(1, len(levels)):
        for first, last in levels[level].spans:
            x, y = points[_is_seen(levels, chosen, level, (first, last))]
            for a, b in levels[level - 1].spans:
                if first <= a and b <= last:
                    x += [(a + b - 1) / 2, (first + last - 1) / 2, None]
                    y += [level - 1, level, None]
    style = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    return [
        style | {"x": x, "y": y, "line": {"color": SKY if seen else FAINT, "width": 4 if seen else 2}}
        for seen, (x, y) in points.items()
    ]


def _nodes(levels: Sequence[Level], context: str, chosen: Node) -> dict[str, Any]:
    """A marker for each node; those at the bottom are labeled with their characters."""
    nodes = [(y, i, span) for y, level in enumerate(levels) for i, span in enumerate(level.spans)]
    texts = [escape(context[first:last]) for _, _, (first, last) in nodes]
    colors = [
        ORANGE if (y, i) == chosen else SKY if _is_seen(levels, chosen, y, span) else FAINT for y, i, span in nodes
    ]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [(first + last - 1) / 2 for _, _, (first, last) in nodes],
        "y": [y for y, _, _ in nodes],
        "text": ["" if y else text for (y, _, _), text in zip(nodes, texts, strict=True)],
        "textposition": "bottom center",
        "textfont": {"size": 18},
        "customdata": [[y, i, text] for (y, i, _), text in zip(nodes, texts, strict=True)],
        "cliponaxis": False,
        "marker": {"color": colors, "size": 22, "line": {"width": 1, "color": GRAY}},
        "hovertemplate": "sees “%{customdata[2]}”<extra></extra>",
    }
