"""Pictures of a recipe: published numbers and what a run makes of them."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from lmcore.figures.style import BLUE, GREEN, GREY, ORANGE, PALE, RED, escape, figure, message
from lmcore.recipes.recipes import Board, Targets, Verdict
from lmcore.training.history import LossCurve

LOOK: dict[Verdict, tuple[str, str]] = {
    "reached": (GREEN, "circle"),
    "differs": (RED, "x"),
    "not yet": (GREY, "circle-open"),
}
"""Color and symbol of a verdict; the symbol tells it without the color."""

FARTHEST = 3.0
"""Tolerances from the published number; what is farther off is drawn here."""


def recipe_board(board: Board) -> go.Figure:
    """How far each measured number is from the published one, in tolerances; the band is what counts as the same."""
    if not board.names:
        return figure([], "", "", annotations=[message("Choose a recipe.")])
    rows = np.arange(len(board.names))
    traces: list[dict[str, Any]] = []
    for verdict, (color, symbol) in LOOK.items():
        at = [row for row in rows if board.verdicts[row] == verdict]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": verdict,
                "x": np.nan_to_num(np.clip(board.distances[at], -FARTHEST, FARTHEST)).astype(np.float32),
                "y": at,
                "marker": {"color": color, "symbol": symbol, "size": 16, "line": {"width": 2, "color": color}},
                "text": [escape(board.words[row]) for row in at],
                "hovertemplate": "%{text}<extra></extra>",
                "showlegend": True,
            }
        )
    band = {"type": "rect", "x0": -1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper", "line": {"width": 0}}
    ticks = [-FARTHEST, -1, 0, 1, FARTHEST]
    x = {
        "title": "tolerances away",
        "range": [-FARTHEST * 1.1, FARTHEST * 1.1],
        "tickvals": ticks,
        "ticktext": ["≤ −3", "−1", "0", "1", "≥ 3"],
    }
    y = {
        "title": "",
        "tickvals": rows.tolist(),
        "ticktext": [escape(name) for name in board.names],
        "range": [len(rows) - 0.5, -0.5],
        "showgrid": False,
    }
    shapes = [band | {"fillcolor": PALE, "layer": "below", "opacity": 0.5}]
    return figure(traces, x, y, height=max(260, 110 + 34 * len(rows)), shapes=shapes)


def recipe_curve(curve: LossCurve, targets: Targets, steps: int) -> go.Figure:
    """The loss of a run on its way to the published losses; both axes logarithmic where they span much.

    Args:
        curve: the run's losses.
        targets: the published ones.
        steps: of the whole recipe, where the axis ends.
    """
    at = curve.snapshot_steps > 0
    traces: list[dict[str, Any]] = [
        _line("minibatch", curve.steps, curve.losses, PALE, 1),
        _line("smoothed", curve.steps, curve.smoothed, BLUE, 3),
        _line("train", curve.snapshot_steps[at], curve.train[at], ORANGE, 2),
        _line("dev", curve.snapshot_steps[at], curve.dev[at], RED, 2),
        _line(f"guessing: {curve.guessing:.3f}", np.array([1.0, steps]), np.full(2, curve.guessing), GREY, 2)
        | {"line": {"color": GREY, "width": 2, "dash": "dash"}},
        _targets(targets),
    ]
    shown = np.concatenate([targets.losses, curve.losses, [curve.guessing]])
    log_y = bool(len(shown)) and float(np.nanmax(shown)) > 3 * float(np.nanmin(shown))
    return figure(
        traces,
        {
            "title": "step",
            "type": "log",
            "range": [-0.15, float(np.log10(max(2, steps))) + 0.25],
            "hoverformat": ",.0f",
        },
        {
            "title": "loss (nats per character)",
            "type": "log" if log_y else "linear",
            "tickformat": "~g",
            "hoverformat": ".4f",
        },
        height=420,
        annotations=[] if len(curve.steps) > 1 else [message("Press Start: can it reach the stars?")],
    )


def _line(name: str, x: Any, y: Any, color: str, width: int) -> dict[str, Any]:
    line = {"color": color, "width": width}
    shown = {"x": x.astype(np.float32), "y": y.astype(np.float32), "line": line}
    return {"type": "scatter", "name": name, "mode": "lines" if len(x) > 1 else "lines+markers"} | shown


def _targets(targets: Targets) -> dict[str, Any]:
    colors = [LOOK[verdict][0] for verdict in targets.verdicts]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "published",
        "x": np.maximum(targets.steps, 1).astype(np.float32),  # the loss of the first minibatch stands at step 1
        "y": targets.losses.astype(np.float32),
        "marker": {
            "symbol": ["star" if verdict == "reached" else "star-open" for verdict in targets.verdicts],
            "size": 18,
            "color": colors,
            "line": {"width": 2, "color": colors},
        },
        "text": [escape(words) for words in targets.words],
        "hovertemplate": "%{text}<extra></extra>",
    }
