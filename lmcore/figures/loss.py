"""The chart of losses, of one run or of several."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lmcore.config import format_settings
from lmcore.data.corpora import Split
from lmcore.figures.recipes import verdict_markers
from lmcore.figures.style import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PALE_BLUE,
    PURPLE,
    RED,
    PlainFigure,
    axis,
    drawn,
    escape,
    line,
    message,
    plain_empty_figure,
    plain_figure,
    rgba,
    series_styles,
    vertical_line,
)
from lmcore.inspection.learning_curve import TrainingEvents
from lmcore.recipes.recipe import PublishedLosses
from lmcore.training.loss_curve import LossCurve

Floats = NDArray[np.float64]
LossLine = Literal["minibatch", "smoothed", "train", "dev"]
Unit = Literal["character", "example"]
Trace = dict[str, Any]

SINGLE_RUN: tuple[LossLine, ...] = ("minibatch", "smoothed", "train", "dev")
NO_STEPS_YET = "No steps yet."
MAX_MARKERS = 60  # points of a line that are marked one by one; a longer line has no markers
MAX_RATE_NOTES = 12  # the last changes of the learning rate that are labeled
DIVERGED_LIMIT = 10.0  # multiple of the loss of guessing at which diverged losses are cut off
RACE_LIMIT = 1.6  # multiple of the loss of guessing at which the chart of several runs ends
UNTRAINED_END = {False: 1.0, True: 1e4}  # where the x-axis ends before the first step, by whether it is logarithmic
LOSS_PANEL, ACCURACY_PANEL = [0.34, 1.0], [0.0, 0.26]  # shares of the height, if there are two panels


def plain_loss_chart(
    curves: LossCurve | Mapping[str, LossCurve],
    *,
    lines: Sequence[LossLine] = SINGLE_RUN,
    unit: Unit | None = "character",
    log_x: bool = False,
    log_y: bool | None = False,
    guessing: bool = True,
    last_x: float | None = None,
    targets: PublishedLosses | None = None,
    accuracy: Mapping[Split, Floats] | None = None,
    events: TrainingEvents | None = None,
    fork: float | None = None,
    empty: str = NO_STEPS_YET,
    height: int = 420,
) -> PlainFigure:
    """Losses over steps, examples or time.

    One run has a color for each line, and shows test evaluations, diverged losses and changes of settings as well.
    Several runs have a color each.

    Args:
        curves: the losses of a run, or those of several runs by name.
        lines: which of the losses are drawn.
        unit: what a loss is the mean over; None if that of the runs differs.
        log_x: whether the x-axis is logarithmic; points at x = 0 are then left out.
        log_y: whether the y-axis is logarithmic; None decides by the range of the losses.
        guessing: whether the loss of guessing uniformly is drawn.
        last_x: where the x-axis ends, if the run is to go that far.
        targets: published losses to reach.
        accuracy: accuracy at each snapshot, by split; drawn in a second panel.
        events: what acted on the run.
        fork: x at which two runs diverge.
        empty: what to say if there are no losses yet.
        height: in pixels.
    """
    named = {"": curves} if isinstance(curves, LossCurve) else curves
    single = curves if isinstance(curves, LossCurve) else None
    all_curves = list(named.values())
    if not all_curves:
        return plain_empty_figure(empty)
    n_untrained = 1 if targets else 0  # the first loss of a recipe is drawn before training starts
    has_losses = any(len(curve.steps) > n_untrained or len(curve.diverged) for curve in all_curves)

    traces = list(_single_run(single, lines)) if single else list(_several_runs(named, lines))
    if accuracy and single:
        traces += _accuracy_lines(single, accuracy)
    if guessing:
        end = last_x if has_losses else last_x or UNTRAINED_END[log_x]
        traces.append(_guessing_line(all_curves, log_x, end))
    if targets:
        traces.append(_target_markers(targets))
    traces = [_positive(trace) for trace in traces] if log_x else traces
    traces = [_in_legend(trace) for trace in traces]

    x_axis = _x_axis(all_curves, unit, log_x, last_x)
    middle = _x_middle(all_curves, log_x, last_x)
    shapes, notes = _annotations(single, events or TrainingEvents(), log_x, middle, bool(accuracy))
    if fork is not None and not (log_x and fork <= 0):
        shapes.append(vertical_line(fork, dash="dot"))
    y_axis = _loss_axis(all_curves, lines, unit, bool(single), guessing and has_losses)
    y_axis |= {"type": "log" if _is_log(log_y, all_curves, targets) else "linear"}
    if not has_losses and not targets:
        x_axis, y_axis = _untrained_axes(all_curves, x_axis, y_axis)
    second_axis: dict[str, Any] = {"yaxis2": _accuracy_axis()} if accuracy else {}
    return plain_figure(
        traces,
        x_axis | ({"anchor": "y2"} if accuracy else {}),
        y_axis | ({"domain": LOSS_PANEL} if accuracy else {}),
        height=height,
        hovermode="x unified",
        shapes=shapes,
        annotations=notes if has_losses else [*notes, message(empty) | {"y": 0.75 if targets else 0.5}],
        **second_axis,
    )


loss_chart = drawn(plain_loss_chart)

# ---------------------------------------------------------------- axes


def _x_axis(curves: Sequence[LossCurve], unit: Unit | None, log_x: bool, last_x: float | None) -> dict[str, Any]:
    x_axis = curves[0].x_axis if curves else "steps"
    titles = {
        "steps": "Step",
        "examples": f"{(unit or 'example').capitalize()}s seen in training",
        "epochs": "Epoch",
        "wall seconds": "Training time (seconds)",
        "CPU seconds": "Training time (CPU seconds)",
    }
    hover = ",.0f" if x_axis in ("steps", "examples") else ",.4~g"
    properties = {"title": titles[x_axis], "type": "log" if log_x else "linear", "hoverformat": hover}
    if last_x is None:
        return properties
    end = float(np.log10(max(2.0, last_x))) + 0.25 if log_x else last_x * 1.02
    return properties | {"range": [-0.15 if log_x else 0.0, end]}


def _x_middle(curves: Sequence[LossCurve], log_x: bool, last_x: float | None) -> float:
    """The middle of the horizontal axis, in its own units."""
    ends = [0.0 if last_x is None else last_x]
    ends += [float(x[-1]) for curve in curves for x in (curve.steps, curve.snapshot_steps) if len(x)]
    return float(np.log10(max(*ends, 1.0))) / 2 if log_x else max(ends) / 2


def _loss_axis(
    curves: Sequence[LossCurve], lines: Sequence[LossLine], unit: Unit | None, is_single: bool, limited: bool
) -> dict[str, Any]:
    name = "Loss"
    if not is_single and "dev" not in lines:
        name = "Smoothed loss" if _main_line(lines) == "smoothed" else "Train loss"
    properties = {
        "title": f"{name} (nats per {unit})" if unit else f"{name} (nats)",
        "hoverformat": ".4f",
        "tickformat": "~g",
    }
    if is_single or not limited:
        return properties
    # a run that diverges must not flatten all others
    lowest = [float(curve.smoothed.min()) for curve in curves if len(curve.smoothed)]
    return properties | {"range": [None, max([RACE_LIMIT * curves[0].guessing, *lowest])]}


def _untrained_axes(
    curves: Sequence[LossCurve], x_axis: dict[str, Any], y_axis: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Axes on which the loss of the untrained model lies at step 0, at the line of guessing or above it."""
    if "range" not in x_axis:
        is_log = x_axis["type"] == "log"
        x_axis |= {"range": [-0.15, 4.0], "dtick": 1} if is_log else {"range": [-0.02, 1.0], "tickvals": [0]}
    if y_axis["type"] == "linear":
        shown = np.concatenate([np.append([curve.guessing], [curve.train, curve.dev]) for curve in curves])
        y_axis |= {"range": [0.0, 1.15 * float(np.nanmax(shown))]}
    return x_axis, y_axis


def _is_log(log_y: bool | None, curves: Sequence[LossCurve], targets: PublishedLosses | None) -> bool:
    """Whether the y-axis is logarithmic: as asked for, or because the losses differ by more than a factor of three."""
    if log_y is not None:
        return log_y
    losses = [one for curve in curves for one in (curve.losses, np.array([curve.guessing]))]
    shown = np.concatenate([*losses, targets.losses if targets else np.zeros(0)])
    return bool(len(shown)) and float(np.nanmax(shown)) > 3 * float(np.nanmin(shown))


def _accuracy_axis() -> dict[str, Any]:
    return axis({"title": "Accuracy", "domain": ACCURACY_PANEL, "tickformat": ".0%"})


# ---------------------------------------------------------------- lines


def _main_line(lines: Sequence[LossLine]) -> LossLine:
    """The line that stands for a run in the legend."""
    return "smoothed" if "smoothed" in lines else "train"


def _single_run(curve: LossCurve, lines: Sequence[LossLine]) -> Iterator[Trace]:
    at = curve.snapshot_steps
    available = {
        "minibatch": line("minibatch", curve.steps, curve.losses, PALE_BLUE, 1),
        "smoothed": line("smoothed", curve.steps, curve.smoothed, BLUE, 3),
        "train": line("train", at, curve.train, ORANGE, 2, symbol=_marker(at, "circle")),
        "dev": line("dev", at, curve.dev, RED, 2, symbol=_marker(at, "diamond")),
    }
    for name in lines:
        if name != "dev" or not len(at) or np.isfinite(curve.dev).any():
            yield available[name]
    if curve.test_evaluations:
        x, losses = np.array(curve.test_evaluations, dtype=float).T
        yield line("test", x, losses, PURPLE, 2, "dot", "star")
    if len(curve.diverged):
        yield _diverged_line(curve)


def _marker(x: Floats, symbol: str) -> str:
    return symbol if len(x) <= MAX_MARKERS else ""


def _diverged_line(curve: LossCurve) -> Trace:
    """The losses of a slice that diverged."""
    losses = np.minimum(curve.diverged, DIVERGED_LIMIT * curve.guessing)  # larger ones would flatten the curve
    return line("diverged", _diverged_at(curve), losses, RED, 2, "dot")


def _diverged_at(curve: LossCurve) -> Floats:
    """Where the losses of a slice that diverged are, which is known only over steps."""
    last = curve.steps[-1] if len(curve.steps) else 0.0
    spacing = 1.0 if curve.x_axis == "steps" else 0.0
    at: Floats = last + spacing * np.arange(1.0, len(curve.diverged) + 1)
    return at


def _several_runs(curves: Mapping[str, LossCurve], lines: Sequence[LossLine]) -> Iterator[Trace]:
    main = _main_line(lines)
    for (name, color, dash, symbol), curve in zip(series_styles(curves), curves.values(), strict=True):
        label, at = escape(name), curve.snapshot_steps
        outlined = {"color": color, "size": 9, "symbol": symbol, "line": {"width": 1, "color": "white"}}
        available = {
            "minibatch": line(f"{label}, minibatch", curve.steps, curve.losses, rgba(color, 0.25), 1),
            "smoothed": line(label, curve.steps, curve.smoothed, color, 3, dash),
            "train": line(label, at, curve.train, color, 3, dash, _marker(at, symbol)),
            "dev": line(f"{label}, dev", at, curve.dev, color) | {"mode": "markers", "marker": outlined},
        }
        for kind in lines:
            yield available[kind] | {"legendgroup": label, "showlegend": kind == main}


def _guessing_line(curves: Sequence[LossCurve], log_x: bool, last_x: float | None) -> Trace:
    ends = [float(x[-1]) for curve in curves for x in (curve.steps, curve.snapshot_steps) if len(x)]
    positive = [float(x) for curve in curves for x in curve.steps[:1] if x > 0]
    first, last = min(positive, default=1.0) if log_x else 0.0, max([*ends, last_x or 0.0]) if ends or last_x else 1.0
    loss = curves[0].guessing
    return line(f"guessing: {loss:.3f}", np.array([first, max(last, first)]), np.full(2, loss), GRAY, 2, "dash")


def _accuracy_lines(curve: LossCurve, accuracy: Mapping[Split, Floats]) -> list[Trace]:
    styles = {"train": (ORANGE, "circle"), "dev": (RED, "diamond"), "test": (PURPLE, "star")}
    at = curve.snapshot_steps
    return [
        line(f"{split} accuracy", at, values, styles[split][0], 2, symbol=_marker(at, styles[split][1]))
        | {"yaxis": "y2", "showlegend": False, "hovertemplate": "%{y:.1%}"}
        for split, values in accuracy.items()
        if np.isfinite(values).any()
    ]


def _target_markers(targets: PublishedLosses) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "published",
        "x": np.maximum(targets.steps, 1).astype(np.float32),  # the first minibatch, step 0, is drawn at step 1
        "y": targets.losses.astype(np.float32),
        "marker": verdict_markers(targets.verdicts),
        "text": [escape(text) for text in targets.descriptions],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _positive(trace: Trace) -> Trace:
    """A trace without the points at x = 0, which a logarithmic axis cannot show."""
    shown = np.asarray(trace["x"]) > 0
    if shown.all():
        return trace
    return trace | {"x": trace["x"][shown], "y": trace["y"][shown]}


def _in_legend(trace: Trace) -> Trace:
    """A trace that the legend lists even without points: it keeps its height when training starts."""
    nowhere = np.full(1, np.nan, np.float32)
    return trace if len(trace["x"]) else trace | {"x": nowhere, "y": nowhere}


# ---------------------------------------------------------------- marks and notes


def _annotations(
    curve: LossCurve | None, events: TrainingEvents, log_x: bool, middle: float, two_panels: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines where settings changed or something acted on the run, with a note beside each."""
    marks = [(x, f"learning rate {rate:.2g}", GREEN) for x, rate in events.learning_rates[-MAX_RATE_NOTES:]]
    marks += [(x, "early stopping", RED) for x in events.stopped]
    if curve is not None:
        first = 1 if curve.x_axis == "steps" else 0  # a change at step 0 is visible on a logarithmic axis, too
        for change in curve.changes:
            text = ", ".join(format_settings(change.settings))
            marks.append((max(change.step, first), escape(text), GRAY))
    bottom = LOSS_PANEL[0] if two_panels else 0.0
    shapes = [vertical_line(x, color, "dot", 1.5, y0=bottom) for x, _, color in marks]
    notes = [_note(x, text, color, row, log_x, middle) for row, (x, text, color) in enumerate(marks)]
    shapes += [_clipping_band(first, last) for first, last in events.clipped]
    if events.clipped:
        notes.append(_note(events.clipped[0][0], "clipped", PURPLE, len(marks), log_x, middle))
    return shapes, notes


def _note(x: float, text: str, color: str, row: int, log_x: bool, middle: float) -> dict[str, Any]:
    """A short text on that side of a mark which has more room; plotly extends the axis for what is beyond its end.

    Consecutive notes are below one another, so that they do not overlap.
    """
    x = float(np.log10(max(x, 1e-9))) if log_x else x
    place = {"x": x, "xanchor": "right" if x > middle else "left", "y": 0.98 - 0.06 * (row % 5), "yref": "paper"}
    return {"text": text, "showarrow": False, "font": {"size": 11, "color": color}} | place


def _clipping_band(first: float, last: float) -> dict[str, Any]:
    """A band along the upper edge, over the steps in which gradients were clipped."""
    style = {"fillcolor": PURPLE, "line": {"width": 2, "color": PURPLE}}
    return {"type": "rect", "x0": first, "x1": last, "y0": 0.985, "y1": 1, "yref": "paper"} | style
