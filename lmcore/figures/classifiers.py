"""Pictures of classifiers: regions, planes, confusion, weights as pictures, the surface of the loss."""

import itertools
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lmcore.figures.style import (
    BLUE,
    BROWN,
    GREEN,
    GREY,
    GRID,
    ORANGE,
    PALE,
    PURPLE,
    RED,
    SEQUENTIAL,
    SKY,
    escape,
    figure,
    message,
)
from lmcore.inspection.decision_regions import (
    Cloud,
    Confusion,
    Facet,
    Gallery,
    Learning,
    Product,
    Regions,
    Space,
    Surface,
    Units,
)
from lmcore.inspection.decision_regions import WeightPictures as Weights
from lmcore.training.history import LossCurve

CLASSES = [BLUE, ORANGE, GREEN, PURPLE, RED, BROWN, SKY, GREY, "#F0E442", "#5B3A8C"]
SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "pentagon", "hexagon", "hourglass", "bowtie"]
SYMBOLS_3D = ["circle", "square", "diamond", "cross", "x", "circle-open"]
DIVERGING = [[0, BLUE], [0.5, "#F4F4F4"], [1, RED]]
INK = [[0, "#FFFFFF"], [1, "#16181C"]]
AXES = {"step": "step", "pass": "passes over the training examples", "second": "seconds of training (processor)"}
MAX_MARKED = 60  # points of a line that each get a marker
PER_EXAMPLE = "loss (nats per example)"


def _rgba(color: str, alpha: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


# ---------------------------------------------------------------- regions and planes


def regions(record: Regions) -> go.Figure:
    """Who wins where, the surer the stronger the color; the boundary; the examples, and a ring about each mistake."""
    K = len(record.names)
    strength = (record.certainty - 1 / K) / (1 - 1 / K)
    shading = {
        "type": "heatmap",
        "x": record.x.astype(np.float32),
        "y": record.y.astype(np.float32),
        "z": (record.winner + 0.999 * np.clip(strength, 0, 1)).astype(np.float32),
        "customdata": record.certainty.astype(np.float32),
        "hovertemplate": "%{customdata:.1%} for the class of this color<extra></extra>",
        "zmin": 0,
        "zmax": K,
        "colorscale": _strengths(K),
        "showscale": False,
    }
    boundary = [_boundary(record, k) for k in range(1 if K == 2 else 0, K)]
    points = _points(record.train, "train", record.names) + _points(record.test, "test", record.names)
    rings = _rings(record)
    x, y = ({"title": escape(name), "zeroline": False, "showgrid": False} for name in record.axes)
    x |= {"range": [float(record.x[0]), float(record.x[-1])]}
    y |= {"range": [float(record.y[0]), float(record.y[-1])]}
    return figure([shading, *boundary, *points, *rings], x, y, height=520, hovermode="closest")


def _strengths(K: int) -> list[tuple[float, str]]:
    """A color a class, from hardly to fully sure, side by side on one scale."""
    scale = []
    for k in range(K):
        scale += [(k / K, _rgba(CLASSES[k], 0.06)), ((k + 0.9999) / K, _rgba(CLASSES[k], 0.6))]
    return [*scale[:-1], (1.0, scale[-1][1])]


def _boundary(record: Regions, k: int) -> dict[str, Any]:
    return {
        "type": "contour",
        "x": record.x.astype(np.float32),
        "y": record.y.astype(np.float32),
        "z": record.margins[k].astype(np.float32),
        "contours": {"start": 0, "end": 0, "size": 1, "coloring": "none"},
        "line": {"color": GREY, "width": 2.5},
        "showscale": False,
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _points(cloud: Cloud, part: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """A trace a class: train filled, test as outlines."""
    traces = []
    for k, name in enumerate(names):
        mine = cloud.classes == k
        if not mine.any():
            continue
        outline = part == "test"
        marker = {
            "color": CLASSES[k],
            "symbol": SYMBOLS[k] + ("-open" if outline else ""),
            "size": 10 if outline else 9,
            "line": {"width": 2 if outline else 1, "color": CLASSES[k] if outline else "white"},
        }
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": escape(f"{name}, {part}"),
                "x": cloud.at[mine, 0].astype(np.float32),
                "y": cloud.at[mine, 1].astype(np.float32),
                "marker": marker,
                "text": [escape(names[guess]) for guess in cloud.guesses[mine]],
                "hovertemplate": escape(name) + ", taken for %{text}<extra></extra>",
            }
        )
    return traces


def _rings(record: Regions) -> list[dict[str, Any]]:
    wrong = np.concatenate([cloud.at[cloud.classes != cloud.guesses] for cloud in (record.train, record.test)])
    marker = {"symbol": "circle-open", "size": 17, "color": GREY, "line": {"width": 2.5}}
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"mistaken: {len(wrong)}",
            "x": wrong[:, 0].astype(np.float32),
            "y": wrong[:, 1].astype(np.float32),
            "marker": marker,
            "hoverinfo": "skip",
        }
    ]


def space(record: Space) -> go.Figure:
    """Examples in three dimensions, to be turned by hand, with the planes on which two classes are equally probable."""
    traces = [_surface(facet, record.names) for facet in record.facets]
    for cloud, part in ((record.train, "train"), (record.test, "test")):
        traces += [_points_3d(cloud, part, k, name) for k, name in enumerate(record.names)]
    wrong = np.concatenate([cloud.at[cloud.classes != cloud.guesses] for cloud in (record.train, record.test)])
    x, y, z = wrong.T.astype(np.float32) if len(wrong) else np.zeros((3, 0), np.float32)
    marker = {"symbol": "circle-open", "size": 11, "color": GREY, "line": {"width": 3}}
    name = f"mistaken: {len(wrong)}"
    rings = {"type": "scatter3d", "mode": "markers", "name": name, "x": x, "y": y, "z": z, "marker": marker}
    axes = {
        f"{letter}axis": {
            "title": {"text": escape(axis)},
            "gridcolor": GRID,
            "zeroline": False,
            "showbackground": False,
        }
        for letter, axis in zip("xyz", record.axes, strict=True)
    }
    scene = axes | {"aspectmode": "cube", "camera": {"eye": {"x": 1.4, "y": -1.4, "z": 0.8}}}
    return figure([*traces, rings | {"hoverinfo": "skip"}], "", "", height=560, scene=scene)


def _surface(facet: Facet, names: tuple[str, ...]) -> dict[str, Any]:
    first, second = facet.classes
    words = escape(f"{names[first]} | {names[second]}")
    shade = _mixed(CLASSES[first], CLASSES[second])
    return {
        "type": "surface",
        "x": facet.x.astype(np.float32),
        "y": facet.y.astype(np.float32),
        "z": facet.z.astype(np.float32),
        "colorscale": [[0, shade], [1, shade]],
        "showscale": False,
        "opacity": 0.45,
        "name": words,
        "hovertemplate": f"between {words}<extra></extra>",
    }


def _mixed(one: str, other: str) -> str:
    channels = [(int(one[i : i + 2], 16) + int(other[i : i + 2], 16)) // 2 for i in (1, 3, 5)]
    return f"rgb({channels[0]},{channels[1]},{channels[2]})"


def _points_3d(cloud: Cloud, part: str, k: int, name: str) -> dict[str, Any]:
    x, y, z = cloud.at[cloud.classes == k].T.astype(np.float32)
    outline = part == "test"
    marker: dict[str, Any] = {"color": CLASSES[k], "symbol": SYMBOLS_3D[k % 5], "size": 6 if outline else 4}
    marker["line"] = {"width": 2 if outline else 0, "color": GREY}
    label = escape(f"{name}, {part}")
    place = {"x": x, "y": y, "z": z}
    return {"type": "scatter3d", "mode": "markers", "name": label, "marker": marker, "hoverinfo": "name"} | place


# ---------------------------------------------------------------- learning


def learning(record: Learning, log_x: bool = False) -> go.Figure:
    """Loss above, accuracy below; where the rate fell, where gradients were clipped, where the run stopped itself."""
    curve, at = record.curve, record.curve.snapshot_steps
    shown = at > 0 if log_x else np.ones(len(at), bool)
    traces = [
        _line("a step", curve.steps, curve.losses, PALE, 1),
        _line("smoothed", curve.steps, curve.smoothed, BLUE, 3),
        _line("train", at[shown], curve.train[shown], ORANGE, 2, symbol="circle"),
        _line("test", at[shown], curve.dev[shown], RED, 2, symbol="diamond"),
        _line("train, right", at[shown], record.right_train[shown], ORANGE, 2, symbol="circle", axis="y2"),
        _line("test, right", at[shown], record.right_test[shown], RED, 2, symbol="diamond", axis="y2"),
        *_lost(curve),
        _guessing(curve, log_x),
    ]
    x = {"title": AXES[record.axis], "type": "log" if log_x else "linear", "hoverformat": ",.4~g", "anchor": "y2"}
    second = {
        "title": {"text": "right", "standoff": 8},
        "domain": [0, 0.26],
        "tickformat": ".0%",
        "gridcolor": GRID,
        "zeroline": False,
        "automargin": True,
    }
    y = {"title": PER_EXAMPLE, "domain": [0.34, 1], "hoverformat": ".4f"}
    shapes, notes = _events(record, log_x)
    empty = [] if len(curve.steps) or len(curve.lost) else [message("Press Start to train.")]
    layout: dict[str, Any] = {"yaxis2": second, "shapes": shapes, "annotations": notes + empty}
    return figure(traces, x, y, height=470, hovermode="x unified", **layout)


def _line(
    name: str, x: Any, y: Any, color: str, width: int, dash: str = "solid", symbol: str = "", axis: str = "y"
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "x": np.asarray(x, np.float32),
        "y": np.asarray(y, np.float32),
        "mode": "lines+markers" if symbol and len(x) <= MAX_MARKED else "lines",
        "line": {"color": color, "width": width, "dash": dash},
        "marker": {"symbol": symbol or "circle", "size": 6},
        "yaxis": axis,
        "showlegend": axis == "y",
    }


def _guessing(curve: LossCurve, log_x: bool) -> dict[str, Any]:
    last = max([*curve.steps[-1:], *curve.snapshot_steps[-1:]], default=0.0) or 1.0
    first = curve.steps[0] if log_x and len(curve.steps) else 0.0
    return _line(f"guessing: {curve.guessing:.3f}", [first, last], [curve.guessing] * 2, GREY, 2, dash="dash")


def _lost(curve: LossCurve) -> list[dict[str, Any]]:
    """What a slice that diverged went through."""
    if not len(curve.lost):
        return []
    start = curve.steps[-1] if len(curve.steps) else 0.0
    losses = np.minimum(curve.lost, 10 * curve.guessing)  # beyond, the rest of the curve would look flat
    return [_line("diverged", start + 1.0 + np.arange(float(len(losses))), losses, RED, 2, dash="dot")]


MAX_NOTED = 12


def _events(record: Learning, log_x: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines and bands where something acted, and words beside them."""
    bands = [
        {"type": "rect", "x0": first, "x1": last, "y0": 0.985, "y1": 1, "yref": "paper", "fillcolor": PURPLE}
        | {"line": {"width": 2, "color": PURPLE}}
        for first, last in record.clipped
    ]
    marks = [(x, f"rate {rate:.2g}", GREEN) for x, rate in record.rates[-MAX_NOTED:]]
    marks += [(x, "stopped early", RED) for x in record.stopped]
    for change in record.curve.changes:
        words = "<br>".join(f"{name.replace('_', ' ')} {value}" for name, value in change.settings.items())
        marks.append((change.step, escape(words).replace("&lt;br&gt;", "<br>"), GREY))
    lines = [
        {"type": "line", "x0": x, "x1": x, "y0": 0.34, "y1": 1, "yref": "paper"}
        | {"line": {"color": color, "dash": "dot", "width": 1.5}}
        for x, _, color in marks
    ]
    notes = [_note(x, words, color, i, log_x) for i, (x, words, color) in enumerate(marks)]
    if record.clipped:
        notes.append(_note(record.clipped[0][0], "clipped", PURPLE, 4, log_x))
    return [*bands, *lines], notes


def _note(x: float, words: str, color: str, i: int, log_x: bool) -> dict[str, Any]:
    x = max(x, 1e-9)
    place = {"x": np.log10(x) if log_x else x, "y": 0.97 - 0.06 * (i % 5), "yref": "paper", "xanchor": "left"}
    return {"text": words, "showarrow": False, "font": {"size": 11, "color": color}} | place


# ---------------------------------------------------------------- right and wrong


def confusion(record: Confusion) -> go.Figure:
    """What each class is taken for: shares of its row as colors, counts as numbers."""
    counts = record.counts
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [escape(name) for name in record.names]
    ticks = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names, "showgrid": False}
    heatmap = {
        "type": "heatmap",
        "z": shares.astype(np.float32),
        "zmin": 0,
        "zmax": 1,
        "text": counts.astype(str),
        "texttemplate": "%{text}",
        "colorscale": SEQUENTIAL,
        "xgap": 2,
        "ygap": 2,
        "hovertemplate": "%{y} taken for %{x}: %{text} (%{z:.0%})<extra></extra>",
        "colorbar": {"thickness": 10, "tickformat": ".0%", "outlinewidth": 0, "title": {"text": "of its row"}},
    }
    x = {"title": f"taken for ({record.part}, {record.accuracy:.1%} right)"} | ticks
    y = {"title": "what it is", "range": [len(names) - 0.5, -0.5]} | ticks
    return figure([heatmap], x, y, height=460)


def gallery(record: Gallery, columns: int = 10, width: int = 1000) -> go.Figure:
    """Pictures side by side; under each what it is, and what it was taken for."""
    words = [_caption(record, i) for i in range(len(record.classes))]
    return _sheet(record.pictures, words, columns, width, "No mistakes: there is nothing to show.")


def _caption(record: Gallery, i: int) -> str:
    if not record.guesses:
        return escape(record.classes[i])
    return escape(f"{record.classes[i]}: {record.guesses[i]} {record.certainty[i]:.0%}")


def weights(record: Weights, columns: int = 10, width: int = 1000) -> go.Figure:
    """Weights as pictures: red pulls towards, blue away (of colors: each channel on its own, gray is zero)."""
    words = [escape(name) for name in record.names]
    return _sheet(record.pictures, words, columns, width, "No weights to show.", signed=True)


def _sheet(
    pictures: NDArray[Any], words: list[str], columns: int, wide: int, nothing: str, signed: bool = False
) -> go.Figure:
    """One picture that holds them all, with a caption under each."""
    hidden = {"visible": False, "showgrid": False}
    if not len(pictures):
        return figure([], hidden, hidden, height=200, annotations=[message(nothing)])
    count, height, width, channels = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    gap, foot = max(1, width // 8), max(2, height // 3)
    sheet = np.full((rows * (height + foot), columns * (width + gap), channels), np.nan)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + foot), (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    x = hidden | {"range": [-0.5 - gap / 2, sheet.shape[1] - 0.5 - gap / 2], "constrain": "domain"}
    y = hidden | {"range": [sheet.shape[0] - 0.5, -1.5], "scaleanchor": "x"}
    notes = [
        {
            "x": (i % columns) * (width + gap) + width / 2 - 0.5,
            "y": (i // columns) * (height + foot) + height - 0.5 + foot * 0.45,
            "text": word,
            "showarrow": False,
            "font": {"size": 11 if len(word) < 12 else 9},
        }
        for i, word in enumerate(words)
    ]
    high = 50 + int(rows * wide / columns * (height + foot) / (width + gap))
    return figure([_image(sheet, signed)], x, y, height=min(high, 900), annotations=notes)


def _image(sheet: NDArray[Any], signed: bool) -> dict[str, Any]:
    """A heatmap for one channel, an image for three."""
    if sheet.shape[2] == 1:
        scale = {"colorscale": DIVERGING, "zmid": 0} if signed else {"colorscale": INK, "zmin": 0, "zmax": 1}
        z = sheet[..., 0].astype(np.float32)
        return {"type": "heatmap", "z": z, "showscale": False, "hovertemplate": "%{z:.2f}<extra></extra>"} | scale
    value = (sheet + 1) / 2 if signed else sheet
    empty = np.isnan(value[..., :1])
    pixels = np.concatenate([np.nan_to_num(value), np.where(empty, 0.0, 1.0)], -1)
    colors = np.round(pixels * [255, 255, 255, 1]).astype(int)
    return {"type": "image", "z": colors, "colormodel": "rgba", "hoverinfo": "skip"}


def picture(pixels: NDArray[Any]) -> go.Figure:
    """One picture, shape (height, width, channels), values from 0 to 1."""
    hidden = {"visible": False}
    y = hidden | {"range": [len(pixels) - 0.5, -0.5], "scaleanchor": "x"}
    return figure([_image(pixels, False)], hidden | {"constrain": "domain"}, y, height=260)


def certainties(p: NDArray[Any], names: tuple[str, ...]) -> go.Figure:
    """The probability of each class, as bars; the highest stands out."""
    best = int(p.argmax()) if len(p) else -1
    bars = {
        "type": "bar",
        "x": [escape(name) for name in names],
        "y": p.astype(np.float32),
        "marker": {"color": [RED if k == best else SKY for k in range(len(p))]},
        "text": [f"{value:.0%}" for value in p],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{x}: %{y:.2%}<extra></extra>",
    }
    x = {"title": "class", "type": "category", "showgrid": False}
    y = {"title": "probability", "range": [0, 1.12], "tickformat": ".0%", "dtick": 0.25}
    return figure([bars], x, y, height=260, showlegend=False)


# ---------------------------------------------------------------- weights and their loss


def units(record: Units) -> go.Figure:
    """How often each unit of each hidden layer is on, sorted; at zero a ReLU is dead."""
    what = "is above zero" if record.kind == "relu" else "is saturated (beyond ±0.97)"
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"hidden layer {i + 1}: {dead} of {len(shares)} {'dead' if record.kind == 'relu' else 'stuck'}",
            "line": {"shape": "hvh", "width": 3, "color": color},
            "fill": "tozeroy",
            "x": (np.arange(len(shares)) + 1).astype(np.float32),
            "y": np.sort(shares)[::-1].astype(np.float32),
            "hovertemplate": "%{y:.1%} of the examples<extra></extra>",
        }
        for i, (shares, dead, color) in enumerate(zip(record.shares, record.dead, CLASSES, strict=False))
    ]
    y = {"title": f"share of train for which it {what}", "tickformat": ".0%", "range": [0, 1.03]}
    return figure(traces, "units, the busiest first", y, height=320, showlegend=True)


def surface(record: Surface) -> go.Figure:
    """Contours of the loss over two weights, and the path of each kind of descent from the common start."""
    contour = {
        "type": "contour",
        "x": record.x.astype(np.float32),
        "y": record.y.astype(np.float32),
        "z": record.losses.astype(np.float32),
        "colorscale": SEQUENTIAL,
        "reversescale": True,
        "ncontours": 24,
        "opacity": 0.75,
        "line": {"width": 0.5},
        "hovertemplate": "%{z:.4f} nats<extra></extra>",
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": "nats"}},
    }
    paths = []
    widths = {"batch": 4, "minibatch": 2.5, "stochastic": 1.2}
    for (name, path), color in zip(sorted(record.paths.items(), reverse=True), [RED, ORANGE, "#FFFFFF"], strict=False):
        ends = [0] * (len(path) - 1) + [12]
        paths.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": path[:, 0].astype(np.float32),
                "y": path[:, 1].astype(np.float32),
                "line": {"color": color, "width": widths.get(name, 2)},
                "marker": {"size": ends, "symbol": "star", "color": color, "line": {"color": "black", "width": 1}},
                "hovertemplate": f"{name}: (%{{x:.3f}}, %{{y:.3f}})<extra></extra>",
            }
        )
    x, y = ({"title": f"weight {escape(name)}", "showgrid": False} for name in record.names)
    limits = [{"range": [float(axis[0]), float(axis[-1])]} for axis in (record.x, record.y)]
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "bgcolor": "rgba(128,128,128,0.45)"}
    return figure([contour, *paths], x | limits[0], y | limits[1], height=520, legend=legend, hovermode="closest")


def product(record: Product) -> go.Figure:
    """X augmented, theta augmented, their product and the probabilities, number by number, with their shapes."""
    n, K = record.examples, record.theta.shape[1]
    parts = [
        (f"X augmented ({n} × {record.X.shape[1]})", record.X, list(record.rows)),
        (f"theta augmented ({len(record.theta)} × {K})", record.theta, list(record.columns)),
        (f"scores ({n} × {K})", record.scores, list(record.columns)),
        (f"probabilities ({n} × {K})", record.probabilities, list(record.columns)),
    ]
    widths = np.array([max(part[1].shape[1], 2) + (1.2 if i < 2 else 0.2) for i, part in enumerate(parts)])
    ends = np.cumsum(widths / widths.sum())
    starts = np.concatenate([[0], ends[:-1]])
    layout: dict[str, Any] = {"annotations": []}
    traces = []
    for i, ((title, values, names), left, right) in enumerate(zip(parts, starts, ends, strict=True)):
        suffix = "" if i == 0 else str(i + 1)
        traces.append(_cells(values, names, record, i, suffix))
        label = 1.2 / widths.sum() if i < 2 else 0.2 / widths.sum()  # room for the names of rows
        domain = [float(left) + label, float(right)]
        layout[f"xaxis{suffix}"] = {"domain": domain, "side": "bottom", "showgrid": False, "anchor": f"y{suffix}"}
        rows = {
            "autorange": "reversed",
            "showgrid": False,
            "anchor": f"x{suffix}",
            "showticklabels": i < 2,
            "ticks": "",
        }
        layout[f"yaxis{suffix}"] = rows | {"automargin": False}
        layout["annotations"].append(
            {"x": sum(domain) / 2, "y": 1.09, "xref": "paper", "yref": "paper", "text": title, "showarrow": False}
            | {"xanchor": "center", "font": {"size": 12}}
        )
    return figure(traces, layout.pop("xaxis"), layout.pop("yaxis"), height=360, **layout)


def _cells(values: NDArray[Any], names: list[str], record: Product, i: int, suffix: str) -> dict[str, Any]:
    rows = list(record.rows) if i == 1 else [f"example {row + 1}" for row in range(len(values))]
    scale = {"colorscale": SEQUENTIAL, "zmin": 0, "zmax": 1} if i == 3 else {"colorscale": DIVERGING, "zmid": 0}
    return {
        "type": "heatmap",
        "x": [escape(name) for name in names],
        "y": [escape(name) for name in rows],
        "z": values.astype(np.float32),
        "text": np.array([[f"{value:.2f}" for value in row] for row in values]),
        "texttemplate": "%{text}",
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
        "hovertemplate": "%{y}, %{x}: %{z:.4f}<extra></extra>",
    } | scale


def descents(curves: dict[str, LossCurve], axis: str = "pass", log_x: bool = False) -> go.Figure:
    """The smoothed losses of several descents against passes or seconds, with their losses on all of train."""
    traces = []
    for (name, curve), color in zip(curves.items(), itertools.cycle(CLASSES)):
        traces.append(_line(name, curve.steps, curve.losses, _rgba(color, 0.25), 1) | {"showlegend": False})
        traces.append(_line(name, curve.snapshot_steps, curve.train, color, 3, symbol="circle"))
    guessing = next((curve.guessing for curve in curves.values()), 0.0)
    begun = any(len(curve.steps) for curve in curves.values())
    y = {"title": "train " + PER_EXAMPLE, "hoverformat": ".4f"} | ({"range": [0, guessing * 1.3]} if begun else {})
    notes = [] if begun else [message("Press Start the race.")]
    x = {"title": AXES[axis], "type": "log" if log_x else "linear"}
    return figure(traces, x, y, height=420, annotations=notes)


def sheet(points: tuple[tuple[float, float, int], ...]) -> go.Figure:
    """An empty sheet to click on, with the points that were given."""
    span = np.linspace(-3, 3, 61).astype(np.float32)
    paper = {"type": "heatmap", "x": span, "y": span, "z": np.zeros((61, 61), np.float32), "showscale": False}
    paper |= {"colorscale": [[0, _rgba(GREY, 0.06)], [1, _rgba(GREY, 0.06)]], "hoverinfo": "none"}
    x, y, k = np.array(points, float).reshape(-1, 3).T
    marker = {"color": [CLASSES[int(i)] for i in k], "symbol": [SYMBOLS[int(i)] for i in k], "size": 10}
    dots = {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker, "showlegend": False}
    notes = [] if len(x) else [message("Choose a class above, then click here to add points.")]
    return figure([paper, dots], "x1", "x2", height=520, annotations=notes, hovermode="closest")
