"""What a class answered."""

import plotly.graph_objects as go

from lmcore.figures.style import BLUE, FAINT, GREEN, downward, empty_figure, escape, figure, line
from lmcore.lessons.answers import Bars, PredictedCurves

NO_ANSWERS = "No answers yet."
MAX_LABEL = 40  # characters of an option
ROW_HEIGHT = 44  # pixels


def answer_bars(record: Bars) -> go.Figure:
    """A horizontal bar per option or number, the right ones in green."""
    if not any(record.counts):
        return empty_figure(NO_ANSWERS)
    rows = list(range(len(record.labels)))
    labels = [escape(label if len(label) <= MAX_LABEL else f"{label[:MAX_LABEL]}…") for label in record.labels]
    texts = [f"{n} ✓" if right else str(n) for n, right in zip(record.counts, record.right, strict=True)]
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": list(record.counts),
        "y": rows,
        "text": texts,
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [GREEN if right else BLUE for right in record.right]},
        "hoverinfo": "skip",
        "name": "answers",
    }
    ticks = {"tickmode": "array", "tickvals": rows, "ticktext": labels, "range": downward(len(rows)), "showgrid": False}
    y = ticks | {"title": escape(record.unit), "ticks": ""}
    x = {"title": "Answers", "dtick": max(1, max(record.counts) // 5), "range": [0, 1.15 * max(record.counts)]}
    return figure([trace], x, y, height=110 + ROW_HEIGHT * len(rows), showlegend=False)


def predicted_curves(record: PredictedCurves) -> go.Figure:
    """The curves that were drawn, faint, and the real one."""
    if not record.guesses and not len(record.actual):
        return empty_figure(NO_ANSWERS)
    lines = [
        line("guesses", guess[:, 0], guess[:, 1], FAINT, 2, hoverinfo="skip", showlegend=i == 0)
        for i, guess in enumerate(record.guesses)
    ]
    if len(record.actual):
        lines.append(line("real", record.actual[:, 0], record.actual[:, 1], BLUE, 4))
    x = {"title": "Step", "range": list(record.steps)}
    return figure(lines, x, {"title": "Loss (nats)", "rangemode": "normal" if record.steps[0] else "tozero"})
